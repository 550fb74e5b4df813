//! From a sequential scan straight to the tokens of progressive ones: no coefficient is stored
//! but the DC ones.
//!
//! The symbols of a band are those of the whole block, but for the first one of the band, whose
//! run begins there, and for how blocks end. So a look-up gives the token itself, and tokens are
//! written as they are read.

use super::codes::{Codes, FAST, VALUED};
use super::reader::{Bad, Reader};
use super::scans::stepped_over;
use crate::script::LOW_END;
use crate::stream::{Counts, Stream, WINDOW};

/// Bits looked up at once: few enough for two tables to stay close to the processor.
const LOOK: u32 = 11;
/// Symbols looked up after one refill, which makes 56 bits ready.
const LOOKS: usize = 4;
/// Marks what a look-up does not settle.
const SPECIAL: u64 = 1 << 16;
/// Marks the end of the block.
const END: u64 = 1 << 17;

/// Codes of AC coefficients as tokens.
///
/// An entry is a token in its upper half, and in its lower one how many bits are used up (6 bits),
/// from bit 8 on by how many coefficients that advances, and the marks.
pub(crate) struct TokenCodes<'a> {
    codes: &'a Codes,
    table: usize,
    fast: Box<[u64; 1 << LOOK]>,
}

impl<'a> TokenCodes<'a> {
    /// Tokens of `table` for these codes.
    pub(crate) fn new(codes: &'a Codes, table: usize) -> Self {
        let mut fast = Box::new([0; 1 << LOOK]);
        for (index, place) in fast.iter_mut().enumerate() {
            *place = direct(codes.fast[index << (FAST - LOOK)], table);
        }
        Self { codes, table, fast }
    }
}

/// The entry for one of [`Codes::fast`] that leaves the last bit open.
fn direct(entry: u32, table: usize) -> u64 {
    let (used, run, size) = (entry & 31, entry >> 5 & 15, entry >> 9 & 15);
    if entry == 0 || used > LOOK {
        return SPECIAL;
    }
    if size == 0 && run == 0 {
        return SPECIAL | END | u64::from(used);
    }
    if entry & VALUED == 0 || size > 10 {
        return SPECIAL;
    }
    let token = token(table, run, size, entry as i32 >> 16);
    u64::from(token) << 32 | u64::from(run + 1) << 8 | u64::from(used)
}

#[inline(always)]
fn token(table: usize, run: u32, size: u32, value: i32) -> u32 {
    let bits = (value + (value >> 31)) as u32 & ((1 << size) - 1);
    (table as u32) << 29 | run << 25 | size << 21 | size << 16 | bits
}

/// The tokens of a block in a window.
struct Tokens {
    /// All of them.
    all: usize,
    /// Those of the lower band, which come first.
    low: usize,
    /// Behind the last coefficient of that band; 1 if there is none.
    low_end: usize,
    /// Behind the last coefficient of all.
    end: usize,
}

impl Tokens {
    const NONE: Self = Self {
        all: 0,
        low: 0,
        low_end: 1,
        end: 1,
    };

    /// Adds the token of the coefficient before `end`. It goes into both bands and counts in one.
    #[inline(always)]
    fn add(&mut self, token: u32, windows: &mut Windows<'_>, counts: &mut Counts) {
        let above = self.end > LOW_END + 1;
        windows[0][self.low & (WINDOW - 1)] = token;
        windows[1][(self.all - self.low) & (WINDOW - 1)] = token;
        counts[place(token, above)] += 1;
        self.all += 1;
        self.low += usize::from(!above);
        self.low_end = if above { self.low_end } else { self.end };
    }

    /// Lets the run before the first coefficient of the upper band begin there.
    #[inline(always)]
    fn split(&mut self, window: &mut [u32; WINDOW], counts: &mut Counts) {
        let there = u32::from(self.all > self.low);
        let first = &mut window[0];
        counts[place(*first, true)] -= there;
        let k = self.low_end + (*first >> 25 & 15) as usize;
        let run = k.wrapping_sub(LOW_END + 1) as u32 & 15;
        *first = *first & !(15 << 25) | run << 25;
        counts[place(*first, true)] += there;
    }

    /// Takes back what is counted.
    fn uncount(&self, windows: &Windows<'_>, counts: &mut Counts) {
        let low = windows[0].iter().take(self.low);
        let high = windows[1].iter().take(self.all - self.low);
        low.for_each(|token| counts[place(*token, false)] -= 1);
        high.for_each(|token| counts[place(*token, true)] -= 1);
    }
}

/// Where the tokens of the lower and the upper band go.
type Windows<'a> = [&'a mut [u32; WINDOW]; 2];

/// Where a token is counted.
#[inline(always)]
fn place(token: u32, above: bool) -> usize {
    (token >> 21) as usize & 255 | usize::from(above) << 8
}

/// Reads the AC coefficients of a block.
#[inline(always)]
fn block(
    reader: &mut Reader<'_>,
    codes: &TokenCodes<'_>,
    mut windows: Windows<'_>,
    counts: &mut Counts,
) -> Result<Tokens, Bad> {
    let mut local = *reader;
    let mut tokens = Tokens::NONE;
    'block: loop {
        local.refill();
        for _ in 0..LOOKS {
            let entry = codes.fast[(local.ready() >> (64 - LOOK)) as usize];
            if entry & SPECIAL != 0 {
                if entry & END != 0 {
                    local.take(entry as u32 & 63);
                    break 'block;
                }
                local.refill();
                let (run, size, value) = local.symbol(codes.codes)?;
                if size == 0 {
                    if run != 15 {
                        break 'block;
                    }
                    tokens.uncount(&windows, counts);
                    return long_runs(reader, codes, windows, counts);
                }
                tokens.end += run as usize + 1;
                if tokens.end > 64 || size > 10 {
                    return Err(Bad);
                }
                tokens.add(token(codes.table, run, size, value), &mut windows, counts);
                if tokens.end == 64 {
                    break 'block;
                }
                continue 'block;
            }
            local.take(entry as u32 & 63);
            tokens.end += (entry >> 8) as usize & 31;
            tokens.add((entry >> 32) as u32, &mut windows, counts);
            if tokens.end >= 64 {
                break 'block;
            }
        }
    }
    *reader = local;
    tokens.split(windows[1], counts);
    if tokens.end > 64 {
        Err(Bad)
    } else {
        Ok(tokens)
    }
}

/// The same for a block with runs of more than 15 zeros, which are several symbols and not the
/// same ones in a band.
#[cold]
fn long_runs(
    reader: &mut Reader<'_>,
    codes: &TokenCodes<'_>,
    mut windows: Windows<'_>,
    counts: &mut Counts,
) -> Result<Tokens, Bad> {
    let mut tokens = Tokens::NONE;
    let (mut k, mut next) = (1, 1);
    while k < 64 {
        reader.refill();
        let (run, size, value) = reader.symbol(codes.codes)?;
        if size == 0 {
            if run != 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run as usize;
        if k > 63 || size > 10 {
            return Err(Bad);
        }
        if k > LOW_END {
            next = next.max(LOW_END + 1);
        }
        let zeros = k - next;
        tokens.end = k + 1;
        for _ in 0..zeros / 16 {
            tokens.add(token(codes.table, 15, 0, 0), &mut windows, counts);
        }
        let token = token(codes.table, zeros as u32 & 15, size, value);
        tokens.add(token, &mut windows, counts);
        k += 1;
        next = k;
    }
    if k > 64 { Err(Bad) } else { Ok(tokens) }
}

/// Brightness: its scans of two bands, each row of blocks of an MCU on its own.
pub(crate) struct Luma {
    /// The bands of the first row of blocks of an MCU, and of all rows that are done.
    pub bands: [Stream; 2],
    /// Those of each further row of the MCUs at hand.
    further: Vec<[Stream; 2]>,
    pub counts: Box<Counts>,
}

impl Luma {
    /// With so many rows of blocks in an MCU, and room for so many tokens.
    pub(crate) fn new(rows: usize, table: usize, room: usize) -> Self {
        let bands = |room| [Stream::new(table, room), Stream::new(table, room)];
        Self {
            bands: bands(room),
            further: (1..rows).map(|_| bands(0)).collect(),
            counts: Box::new([0; 512]),
        }
    }

    #[inline(always)]
    fn block(
        &mut self,
        line: usize,
        reader: &mut Reader<'_>,
        codes: &TokenCodes<'_>,
    ) -> Result<(), Bad> {
        let [low, high] = match line {
            0 => &mut self.bands,
            _ => self.further.get_mut(line - 1).ok_or(Bad)?,
        };
        let windows = [low.window().ok_or(Bad)?, high.window().ok_or(Bad)?];
        let tokens = block(reader, codes, windows, &mut self.counts)?;
        low.end_block(tokens.low, tokens.low_end != LOW_END + 1);
        high.end_block(tokens.all - tokens.low, tokens.end != 64);
        Ok(())
    }

    /// Brings the rows of blocks of an MCU row together.
    fn end_row(&mut self) {
        for next in &mut self.further {
            for (stream, next) in self.bands.iter_mut().zip(next) {
                stream.append(next);
            }
        }
    }
}

/// Colour: one scan of everything.
pub(crate) struct Chroma {
    pub stream: Stream,
    pub counts: Box<[u32; 256]>,
}

impl Chroma {
    pub(crate) fn new(table: usize, room: usize) -> Self {
        Self {
            stream: Stream::new(table, room),
            counts: Box::new([0; 256]),
        }
    }

    #[inline(always)]
    fn block(&mut self, reader: &mut Reader<'_>, codes: &TokenCodes<'_>) -> Result<(), Bad> {
        let window = self.stream.window().ok_or(Bad)?;
        let (mut written, mut end, mut next) = (0, 1, 1);
        let mut local = *reader;
        let mut add = |token: u32| {
            window[written & (WINDOW - 1)] = token;
            self.counts[(token >> 21) as usize & 255] += 1;
            written += 1;
        };
        'block: loop {
            local.refill();
            for _ in 0..LOOKS {
                let entry = codes.fast[(local.ready() >> (64 - LOOK)) as usize];
                if entry & SPECIAL != 0 {
                    if entry & END != 0 {
                        local.take(entry as u32 & 63);
                        break 'block;
                    }
                    local.refill();
                    let (run, size, value) = local.symbol(codes.codes)?;
                    if size == 0 {
                        if run != 15 {
                            break 'block;
                        }
                        // Whether it counts is known once a coefficient follows.
                        end += 16;
                    } else {
                        end += run as usize + 1;
                        if end > 64 || size > 10 {
                            return Err(Bad);
                        }
                        let zeros = end - next - 1;
                        (0..zeros / 16).for_each(|_| add(token(codes.table, 15, 0, 0)));
                        add(token(codes.table, zeros as u32 & 15, size, value));
                        next = end;
                    }
                    if end >= 64 {
                        break 'block;
                    }
                    continue 'block;
                }
                local.take(entry as u32 & 63);
                // Zeros that a code of sixteen of them has left.
                let pending = end - next;
                end += (entry >> 8) as usize & 31;
                if pending > 0 {
                    (0..pending / 16).for_each(|_| add(token(codes.table, 15, 0, 0)));
                }
                add((entry >> 32) as u32);
                next = end;
                if end >= 64 {
                    break 'block;
                }
            }
        }
        *reader = local;
        if end > 64 {
            return Err(Bad);
        }
        self.stream.end_block(written, next != 64);
        Ok(())
    }
}

/// A block's place in an MCU.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub component: usize,
    /// Its row among those of its component.
    pub line: usize,
    /// Its column among those of its component.
    pub column: usize,
}

/// The codes of a component.
pub(crate) struct Pair<'a> {
    pub dc: &'a Codes,
    pub ac: TokenCodes<'a>,
}

/// A sequential scan on its way into progressive ones.
pub(crate) struct Relay {
    /// The blocks of an MCU in their order.
    pub units: Vec<Unit>,
    /// How many blocks across and down an MCU has of brightness.
    pub factors: (usize, usize),
    /// Blocks of brightness across and down that carry samples.
    pub blocks: (usize, usize),
    /// The first component.
    pub luma: Luma,
    /// The others.
    pub chroma: Vec<Chroma>,
    /// The DC coefficients in the order of the scan.
    pub dc: Vec<i16>,
    /// How many of them are read.
    pub read: usize,
    /// The last DC coefficient of each component.
    pub previous: [i32; 4],
}

impl Relay {
    /// Ends a row of MCUs.
    pub(crate) fn end_row(&mut self) {
        self.luma.end_row();
    }

    /// Ends all scans.
    pub(crate) fn finish(&mut self) {
        self.luma.bands.iter_mut().for_each(Stream::close);
        for chroma in &mut self.chroma {
            chroma.stream.close();
        }
    }
}

/// Reads `count` MCUs of a row from the `x`-th on.
#[inline(always)]
pub(crate) fn relay_row(
    relay: &mut Relay,
    reader: &mut Reader<'_>,
    codes: &[Pair<'_>],
    (x, row, count): (usize, usize, usize),
) -> Result<(), Bad> {
    let (across, down) = relay.factors;
    let mut local = *reader;
    for mcu in x..x + count {
        for unit in &relay.units {
            let pair = codes.get(unit.component).ok_or(Bad)?;
            local.refill();
            let difference = local.difference(pair.dc)?;
            let previous = relay.previous.get_mut(unit.component).ok_or(Bad)?;
            *previous = previous.wrapping_add(difference);
            // Beyond it there may be no code for a difference.
            if !(-1024..=1023).contains(previous) {
                return Err(Bad);
            }
            *relay.dc.get_mut(relay.read).ok_or(Bad)? = *previous as i16;
            relay.read += 1;
            if unit.component > 0 {
                let chroma = relay.chroma.get_mut(unit.component - 1).ok_or(Bad)?;
                chroma.block(&mut local, &pair.ac)?;
                continue;
            }
            let place = (mcu * across + unit.column, row * down + unit.line);
            if place.0 < relay.blocks.0 && place.1 < relay.blocks.1 {
                relay.luma.block(unit.line, &mut local, &pair.ac)?;
            } else {
                // It only fills up the MCU.
                stepped_over(&mut local, pair.ac.codes, 1)?;
            }
        }
        if local.overrun() {
            return Err(Bad);
        }
    }
    *reader = local;
    Ok(())
}
