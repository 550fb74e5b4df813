//! The AC coefficients of one block, from a sequential scan to the tokens of progressive ones.
//!
//! What costs most here is a branch that goes the other way than the processor expected: a block
//! has one of these, where it ends. Readers are passed by value, so that the compiler keeps them
//! in registers.

use super::codes::Codes;
use super::combined::{
    CHROMA, ChromaCounts, Combined, END, LOOK, LUMA, LumaCounts, Part, SPECIAL, place,
};
use super::reader::{Bad, Reader};
use crate::script::LOW_END;
use crate::stream::WINDOW;

/// Look-ups after one refill, which makes 56 bits ready; each takes up to ten bits more than are
/// looked up.
const LOOKS: u32 = 56 / (LOOK + 10);
/// The place of look-ups from the upper band on.
const HIGH: usize = LOW_END << LOOK;
/// Coefficients in a block.
pub(super) const ALL: u32 = 64;

/// The tokens of a block in a window.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// How many there are.
    pub(super) all: usize,
    /// Behind the coefficients that tokens reach to: a bit for each such place before the end.
    reached: u64,
    /// Behind the last coefficient of all.
    pub(super) end: u32,
}

/// The places behind the coefficients of the lower band.
const LOW_PLACES: u64 = (1 << (LOW_END + 2)) - 4;

impl Block {
    const NONE: Self = Self {
        all: 0,
        reached: 0,
        end: 1,
    };

    /// Adds a token that reaches to `end`.
    #[inline(always)]
    fn add(&mut self, token: u32, end: u32, window: &mut Window) {
        window[self.all & (WINDOW - 1)] = token;
        self.all += 1;
        self.end = end;
        self.reached |= 1 << (end & 63);
    }

    /// How many tokens are of the lower band; they come first.
    #[inline(always)]
    pub(super) fn low(&self) -> usize {
        (self.reached & LOW_PLACES).count_ones() as usize
    }

    /// Whether the lower band ends before its last coefficient.
    #[inline(always)]
    pub(super) fn low_tail(&self) -> bool {
        self.reached >> (LOW_END + 1) & 1 == 0
    }
}

pub(super) type Window = [u32; WINDOW];

/// Tokens moved at a time; the lower band never has more.
pub(super) const FEW: usize = 16;

/// Reads the AC coefficients of a block of brightness.
#[inline(always)]
pub(super) fn luma<'a>(
    reader: Reader<'a>,
    codes: &Combined<'_>,
    entries: &[u32; LUMA],
    counts: &mut LumaCounts,
    window: &mut Window,
) -> Result<(Reader<'a>, Block), Bad> {
    let mut local = reader;
    let mut block = Block::NONE;
    let mut from = 0;
    loop {
        let entry = 'look: loop {
            local.refill();
            for _ in 0..LOOKS {
                let index = from + (local.ready() >> (64 - LOOK)) as usize;
                let entry = entries[index];
                let token = (index as u32) << 16 | local.further(entry);
                local.take(entry & 63);
                counts[index] += 1;
                from = place(entry);
                block.add(token, block.end + (entry >> 10 & 63), window);
                if block.end + (entry >> 10 & (END | SPECIAL)) >= ALL {
                    break 'look entry;
                }
            }
        };
        if entry & SPECIAL << 10 != 0 {
            block.all -= 1;
            let (behind, symbol) = local.lone(codes.codes)?;
            local = behind;
            let Some((symbol, bits)) = symbol else {
                break;
            };
            let run = symbol >> 4;
            let end = block.end + run + 1;
            if symbol & 15 == 0 || end > ALL {
                return slow_luma(reader, codes.codes, counts, block.all, window);
            }
            let first = block.end <= LOW_END as u32 && end > LOW_END as u32 + 1;
            let over = if first {
                LOW_END as u32 + 1 - block.end
            } else {
                0
            };
            let part = if end <= LOW_END as u32 + 1 {
                Part::Low
            } else {
                Part::High
            };
            let symbol = symbol - (over << 4);
            counts[part.single() + symbol as usize] += 1;
            block.add(part.token(symbol, bits), end, window);
            from = ((end as usize - 1) << LOOK).min(HIGH);
            if end == ALL {
                break;
            }
            continue;
        }
        let ends = entry & END << 10 != 0;
        // The end of a block behind its last coefficient is not its own.
        if ends == (block.end >= ALL) || block.end > ALL {
            return slow_luma(reader, codes.codes, counts, block.all, window);
        }
        block.all -= usize::from(entry >> 10 & 63 == 0);
        break;
    }
    // A place that only the beginning marks.
    block.reached &= !2;
    Ok((local, block))
}

/// The same for a block with runs of more than 15 zeros, which are several symbols and not the
/// same ones in a band. What is counted of it so far is taken back.
#[cold]
#[inline(never)]
fn slow_luma<'a>(
    mut reader: Reader<'a>,
    codes: &Codes,
    counts: &mut LumaCounts,
    so_far: usize,
    window: &mut Window,
) -> Result<(Reader<'a>, Block), Bad> {
    for token in window.iter().take(so_far) {
        counts[(token >> 16) as usize] -= 1;
    }
    let mut block = Block::NONE;
    let mut next = 1;
    while let Some((k, symbol, bits)) = reader.coefficient(codes, block.end)? {
        if k as usize > LOW_END {
            next = next.max(LOW_END as u32 + 1);
        }
        let part = if k as usize <= LOW_END {
            Part::Low
        } else {
            Part::High
        };
        let zeros = k - next;
        let long = (0..zeros / 16).map(|_| (0xF0, 0));
        for (symbol, bits) in long.chain([((zeros & 15) << 4 | symbol, bits)]) {
            let token = part.token(symbol, bits);
            counts[(token >> 16) as usize] += 1;
            block.add(token, k + 1, window);
        }
        next = k + 1;
        if next == ALL {
            break;
        }
    }
    Ok((reader, block))
}

/// Reads the AC coefficients of a block of colour.
#[inline(always)]
pub(super) fn chroma<'a>(
    reader: Reader<'a>,
    codes: &Combined<'_>,
    entries: &[u32; CHROMA],
    counts: &mut ChromaCounts,
    window: &mut Window,
) -> Result<(Reader<'a>, Block), Bad> {
    let mut local = reader;
    let (mut all, mut end) = (0usize, 1);
    loop {
        let entry = 'look: loop {
            local.refill();
            for _ in 0..LOOKS {
                let index = (local.ready() >> (64 - LOOK)) as usize;
                let entry = entries[index];
                window[all & (WINDOW - 1)] = (index as u32) << 16 | local.further(entry);
                local.take(entry & 63);
                counts[index] += 1;
                all += 1;
                let reach = entry >> 10 & 511;
                end += reach & 63;
                if end + (reach & (END | SPECIAL)) >= ALL {
                    break 'look entry;
                }
            }
        };
        if entry & SPECIAL << 10 != 0 {
            all -= 1;
            let (behind, symbol) = local.lone(codes.codes)?;
            local = behind;
            let Some((symbol, bits)) = symbol else {
                break;
            };
            end += (symbol >> 4) + 1;
            if symbol & 15 == 0 || end > ALL {
                return slow_chroma(reader, codes.codes, counts, (all, window));
            }
            counts[Part::Colour.single() + symbol as usize] += 1;
            window[all & (WINDOW - 1)] = Part::Colour.token(symbol, bits);
            all += 1;
            if end == ALL {
                break;
            }
            continue;
        }
        let ends = entry & END << 10 != 0;
        if ends == (end >= ALL) || end > ALL {
            return slow_chroma(reader, codes.codes, counts, (all, window));
        }
        all -= usize::from(entry >> 10 & 63 == 0);
        break;
    }
    let block = Block {
        all,
        reached: 0,
        end,
    };
    Ok((local, block))
}

/// As [`slow_luma`].
#[cold]
#[inline(never)]
fn slow_chroma<'a>(
    mut reader: Reader<'a>,
    codes: &Codes,
    counts: &mut ChromaCounts,
    (so_far, window): (usize, &mut Window),
) -> Result<(Reader<'a>, Block), Bad> {
    for token in window.iter().take(so_far) {
        counts[(token >> 16) as usize] -= 1;
    }
    let mut block = Block::NONE;
    while let Some((k, symbol, bits)) = reader.coefficient(codes, block.end)? {
        let zeros = k - block.end;
        let long = (0..zeros / 16).map(|_| (0xF0, 0));
        for (symbol, bits) in long.chain([((zeros & 15) << 4 | symbol, bits)]) {
            let token = Part::Colour.token(symbol, bits);
            counts[(token >> 16) as usize] += 1;
            window[block.all & (WINDOW - 1)] = token;
            block.all += 1;
        }
        block.end = k + 1;
        if block.end == ALL {
            break;
        }
    }
    Ok((reader, block))
}

impl Reader<'_> {
    /// The bits of the last value of a look-up that are not in its index.
    #[inline(always)]
    fn further(&self, entry: u32) -> u32 {
        let used = entry & 63;
        let open = entry >> 6 & 15;
        // Nothing used up leaves nothing open.
        (self.ready() >> ((64 - used) & 63)) as u32 & ((1 << open) - 1)
    }

    /// The next symbol and its further bits, none for the end of a block; and the reader behind it.
    /// By value, so that nobody's reader has to have an address.
    #[cold]
    #[inline(never)]
    fn lone(mut self, codes: &Codes) -> Result<(Self, Option<(u32, u32)>), Bad> {
        self.refill();
        let (run, size, value) = self.symbol(codes)?;
        let symbol = match (run, size) {
            (15, 0) => Some((0xF0, 0)),
            (_, 0) => None,
            (_, 11..) => return Err(Bad),
            _ => Some((run << 4 | size, value_bits(size, value))),
        };
        Ok((self, symbol))
    }

    /// The next coefficient from `k` on: its place, its size, its further bits; none if there is
    /// no other.
    fn coefficient(&mut self, codes: &Codes, mut k: u32) -> Result<Option<(u32, u32, u32)>, Bad> {
        loop {
            let (behind, symbol) = self.lone(codes)?;
            *self = behind;
            let Some((symbol, bits)) = symbol else {
                return Ok(None);
            };
            k += symbol >> 4;
            if symbol & 15 > 0 {
                return if k < ALL {
                    Ok(Some((k, symbol & 15, bits)))
                } else {
                    Err(Bad)
                };
            }
            k += 1;
            if k >= ALL {
                return if k == ALL { Ok(None) } else { Err(Bad) };
            }
        }
    }
}

fn value_bits(size: u32, value: i32) -> u32 {
    (value + (value >> 31)) as u32 & ((1 << size) - 1)
}
