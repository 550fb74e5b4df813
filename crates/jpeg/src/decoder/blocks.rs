//! From a sequential scan to tokens, one look-up after another.
//!
//! What costs most in such work is a branch that goes the other way than the processor expected.
//! Here is none: where a block ends, the next look-up is one of the next block, and nothing asks.

use super::codes::Codes;
use super::look_ups::{
    BEYOND, CLOSES, COLOUR, DIFFERENCE, END, HIGH, INDICES, JOINED, LOOK, LOW, LookUps, MOST_USED,
    NEXT, OPEN, Part, REACH, SOME, SUM,
};
use super::reader::{Bad, Reader};
use crate::script::LOW_END;

/// Look-ups after one refill, which makes 56 bits ready.
const LOOKS: u32 = 56 / MOST_USED;
/// Coefficients in a block.
const ALL: u32 = 64;
/// The most tokens of a block.
pub(super) const MOST_TOKENS: usize = 64;

/// The end of a block: how many tokens there are up to there, and the sum over its look-ups.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mark {
    pub(super) tokens: u32,
    sum: u32,
}

impl Mark {
    /// The first token of AC coefficients of the block that ends here; `before` is the end of the
    /// one before.
    #[inline(always)]
    pub(super) fn first(self, before: Self) -> usize {
        before.tokens as usize + usize::from(self.sum & JOINED == 0)
    }

    /// How many tokens there are from `first` to the end of the block.
    #[inline(always)]
    pub(super) fn until(self, first: usize) -> usize {
        (self.tokens as usize).saturating_sub(first)
    }

    /// How many tokens are of the lower band; they come first.
    #[inline(always)]
    pub(super) fn low(self) -> usize {
        ((self.sum / LOW) & 15) as usize
    }

    /// Whether the lower band ends before its last coefficient.
    #[inline(always)]
    pub(super) fn low_tail(self) -> bool {
        self.sum & CLOSES == 0
    }

    /// Whether the block ends before its last coefficient.
    #[inline(always)]
    pub(super) fn tail(self) -> bool {
        self.sum & BEYOND == 0
    }
}

/// Where blocks are read to.
pub(super) struct Room<'a> {
    /// Room for [`MOST_TOKENS`] for each block.
    pub(super) tokens: &'a mut [u32],
    /// How many there are.
    pub(super) count: usize,
    /// One for each block.
    pub(super) marks: &'a mut [Mark],
    /// Where the look-ups of each block begin, and of one behind them.
    pub(super) states: &'a [u32],
}

/// The first index of the look-ups of a component's DC coefficients.
pub(super) const fn state_of(component: usize) -> u32 {
    ((DIFFERENCE + component) << LOOK) as u32
}

/// Reads as many blocks as there are marks.
#[inline(always)]
pub(super) fn read<'a>(
    reader: Reader<'a>,
    look_ups: &LookUps<'_>,
    room: &mut Room<'_>,
) -> Result<Reader<'a>, Bad> {
    let mut local = reader;
    let entries = &look_ups.entries;
    let tokens = &mut *room.tokens;
    let total = room.marks.len().min(room.states.len().saturating_sub(1));
    let marks = room.marks.get_mut(..total).ok_or(Bad)?;
    let states = room.states.get(..total + 1).ok_or(Bad)?;
    let mut count = room.count;
    let mut from = states.first().copied().ok_or(Bad)? & NEXT;
    let mut sum = REACH;
    let mut block = 0;
    'refill: while block < total {
        local.refill();
        for _ in 0..LOOKS {
            let index = from | (local.ready() >> (64 - LOOK)) as u32;
            let entry = entries[index as usize & (INDICES - 1)];
            let reached = sum + (entry & SUM);
            let Some(follower) = states.get(block + 1).copied() else {
                break;
            };
            if reached & BEYOND != 0 {
                local.settle();
                let rare = Rare { from, sum };
                let (behind, step) =
                    rare.step(local, look_ups, tokens.get_mut(count..).ok_or(Bad)?)?;
                local = behind;
                count += step.tokens;
                from = step.from;
                sum = step.sum;
                if step.ends {
                    marks[block] = Mark {
                        tokens: count as u32,
                        sum,
                    };
                    block += 1;
                    sum = REACH;
                    from = follower & NEXT;
                }
                continue 'refill;
            }
            let Some(place) = tokens.get_mut(count) else {
                return Err(Bad);
            };
            *place = index << 16 | local.further(entry);
            local.skip(entry);
            count += usize::from(entry & SOME != 0);
            marks[block] = Mark {
                tokens: count as u32,
                sum: reached,
            };
            let ends = entry & END != 0;
            block += usize::from(ends);
            sum = if ends { REACH } else { reached };
            from = (if ends { follower } else { entry }) & NEXT;
        }
        local.settle();
    }
    room.count = count;
    Ok(local)
}

/// A look-up that does not settle all.
struct Rare {
    from: u32,
    sum: u32,
}

/// What a symbol does.
struct Step {
    tokens: usize,
    from: u32,
    sum: u32,
    ends: bool,
}

impl Rare {
    /// Takes one coefficient.
    #[cold]
    #[inline(never)]
    fn step<'b>(
        &self,
        mut reader: Reader<'b>,
        look_ups: &LookUps<'_>,
        tokens: &mut [u32],
    ) -> Result<(Reader<'b>, Step), Bad> {
        let state = (self.from >> LOOK) as usize;
        let mut step = Step {
            tokens: 0,
            from: self.from,
            sum: self.sum,
            ends: false,
        };
        let mut push = |token: u32| {
            if let Some(place) = tokens.get_mut(step.tokens) {
                *place = token;
                step.tokens += 1;
            }
        };
        if let Some(component) = state.checked_sub(DIFFERENCE) {
            let codes = look_ups.pairs.get(component).ok_or(Bad)?.dc;
            let (run, size, value) = reader.symbol(codes)?;
            if run > 0 || size > 11 {
                return Err(Bad);
            }
            push(Part::Difference.token(size, value_bits(size, value)));
            let next = component.checked_sub(1).map_or(0, |other| COLOUR + other);
            step.from = (next << LOOK) as u32;
            return Ok((reader, step));
        }
        let component = (state + 1).saturating_sub(COLOUR);
        let codes = look_ups.pairs.get(component).ok_or(Bad)?.ac;
        let k = (self.sum / REACH) & 127;
        let Some((place, size, bits)) = reader.coefficient(codes, k)? else {
            step.ends = true;
            return Ok((reader, step));
        };
        let low_end = LOW_END as u32;
        let part = match (component, place <= low_end) {
            (0, true) => Part::Low,
            (0, false) => Part::High,
            _ => Part::Colour(component - 1),
        };
        let zeros = place
            - if part == Part::High {
                k.max(low_end + 1)
            } else {
                k
            };
        for _ in 0..zeros / 16 {
            push(part.token(0xF0, 0));
        }
        push(part.token((zeros & 15) << 4 | size, bits));
        let closes = part == Part::Low && place == low_end;
        step.sum += (place + 1 - k) * REACH
            + u32::from(part == Part::Low) * LOW
            + u32::from(closes) * CLOSES;
        if component == 0 {
            step.from = ((place as usize).min(HIGH) << LOOK) as u32;
        }
        step.ends = place + 1 == ALL;
        Ok((reader, step))
    }
}

impl Reader<'_> {
    /// The bits of the last value of a look-up that are not in its index.
    #[inline(always)]
    fn further(&self, entry: u32) -> u32 {
        // Nothing used up leaves nothing open.
        (self.ready() >> (entry.wrapping_neg() & 63)) as u32 & ((1 << (entry >> OPEN)) - 1)
    }

    /// The next coefficient from `k` on: its place, its size, its further bits; none if there is
    /// no other.
    fn coefficient(&mut self, codes: &Codes, mut k: u32) -> Result<Option<(u32, u32, u32)>, Bad> {
        loop {
            self.refill();
            let (run, size, value) = self.symbol(codes)?;
            match (run, size) {
                (15, 0) => {
                    k += 16;
                    if k >= ALL {
                        return if k == ALL { Ok(None) } else { Err(Bad) };
                    }
                }
                (_, 0) => return Ok(None),
                (_, 11..) => return Err(Bad),
                _ if k + run < ALL => return Ok(Some((k + run, size, value_bits(size, value)))),
                _ => return Err(Bad),
            }
        }
    }
}

fn value_bits(size: u32, value: i32) -> u32 {
    (value + (value >> 31)) as u32 & ((1 << size) - 1)
}
