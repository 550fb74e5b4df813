//! The lowest frequencies of a progressive file's bands: all that a picture of a quarter of the
//! size has of them.
//!
//! A look-up takes as many symbols as there are in its bits, to the end of a block or of a few of
//! them, and no branch goes another way than the processor expects: what is not wanted is added
//! as zeros.

use super::codes::{Codes, FAST, VALUED};
use super::heads::PLACES;
use super::reader::{Bad, Reader};
use super::scans::{Band, blocks_ended};

/// Bits looked up at once.
const LOOK: u32 = 10;
/// Look-ups of one state.
const WIDTH: usize = 1 << LOOK;
/// Look-ups after one refill, which makes 56 bits ready.
const LOOKS: u32 = 56 / LOOK;
/// The states: the next coefficient is the first to the fourth, or one behind them.
const STATES: usize = 5;
/// Room for eight states, so that no index is beyond.
const INDICES: usize = 8 * WIDTH;
/// In a step: how many blocks end behind it.
const BLOCKS: u32 = 1 << 6;
/// The most blocks that end behind a step.
const MOST_BLOCKS: u32 = 15;
/// The bits of a step that say from which index on to go on.
const NEXT: u32 = 7 << LOOK;
/// In a step: one of the coefficients passed.
const REACH: u32 = 1 << 13;
/// A step that settles nothing.
const SPECIAL: u32 = 127 * REACH;

/// The look-ups of the first scan of a band.
pub(crate) struct Lowest<'a> {
    band: Band,
    codes: &'a Codes,
    /// From the low bits up: 6 of how many bits are used up; 4 of [`BLOCKS`]; 3 of the state to
    /// go on in; 7 of [`REACH`].
    steps: Box<[u32; INDICES]>,
    /// The coefficients of a block of 2 × 2 that are in a look-up, each in its place.
    values: Box<[[i16; 4]; INDICES]>,
}

/// The state before the `k`-th coefficient.
fn state(k: usize) -> usize {
    k.clamp(1, STATES) - 1
}

/// The first index of the look-ups of the state before the `k`-th coefficient.
#[inline(always)]
fn indices(k: usize) -> u32 {
    (state(k) << LOOK) as u32
}

impl<'a> Lowest<'a> {
    /// For the first scan of a band.
    pub(super) fn new(band: Band, codes: &'a Codes) -> Self {
        let mut made = Self {
            band,
            codes,
            steps: Box::new([SPECIAL; INDICES]),
            values: Box::new([[0; 4]; INDICES]),
        };
        for k in band.start.min(STATES)..=STATES {
            let first = indices(k) as usize;
            for bits in 0..WIDTH {
                let (step, values) = made.walked(k, bits as u32);
                made.steps[first + bits] = step;
                made.values[first + bits] = values;
            }
        }
        made
    }

    /// What the codes make of the bits of a look-up before the `k`-th coefficient, or any behind
    /// it where it is the fifth.
    fn walked(&self, first: usize, bits: u32) -> (u32, [i16; 4]) {
        let exact = first < STATES || self.band.end <= STATES;
        let bits = bits << (FAST - LOOK);
        let (mut used, mut k, mut values) = (0, first, [0; 4]);
        let mut blocks = 0;
        while blocks == 0 {
            // Zeros that follow may make it a wrong code, which then is longer than what is left.
            let look = bits << used & ((1 << FAST) - 1);
            let entry = self.codes.fast[look as usize];
            let (run, size) = ((entry >> 5 & 15) as usize, entry >> 9 & 15);
            let valued = entry & VALUED != 0 || size == 0;
            let taken = entry & 31;
            if entry == 0 || !valued || used + taken > LOOK {
                break;
            }
            if size == 0 && run < 15 {
                let run = run as u32;
                if run > 3 || used + taken + run > LOOK {
                    break;
                }
                let further = look << taken & ((1 << FAST) - 1);
                blocks = (1 << run) + (further >> (FAST - run));
                used += taken + run;
                break;
            }
            let place = k + run;
            if place > if exact { self.band.end } else { 63 } {
                break;
            }
            if size > 0
                && let Some(slot) = PLACES.get(place).copied().flatten()
            {
                values[slot] = self.band.value(entry as i32 >> 16);
            }
            used += taken;
            k = place + 1;
            if exact && k > self.band.end {
                blocks = 1;
            }
        }
        if blocks > MOST_BLOCKS || used == 0 {
            return (SPECIAL, [0; 4]);
        }
        let next = if blocks == 0 { k } else { self.band.start };
        // Where a block ends is not looked up if the end of the band is known to be there.
        let reach = if exact && blocks > 0 { 0 } else { k - first };
        let step = (reach as u32 * REACH) | (blocks * BLOCKS) | indices(next) | used;
        (step, values)
    }

    /// Decodes some blocks of 2 × 2, which hold no coefficients of the band yet; `ended` is how
    /// many of the next ones have ended already.
    #[inline(always)]
    pub(super) fn row(
        &self,
        reader: &mut Reader<'_>,
        ended: &mut u32,
        blocks: &mut [[i16; 4]],
    ) -> Result<(), Bad> {
        let start = self.band.start as u32 * REACH;
        let behind = (self.band.end as u32 + 1) * REACH;
        let mut at = *ended as usize;
        let (mut from, mut sum) = (indices(self.band.start), start);
        let mut local = *reader;
        'refill: while at < blocks.len() {
            // Behind the end there are zeros, which may look like a picture for ever.
            if local.overrun() {
                break;
            }
            local.refill();
            for _ in 0..LOOKS {
                let Some(block) = blocks.get_mut(at) else {
                    break;
                };
                let index = (from | (local.ready() >> (64 - LOOK)) as u32) as usize;
                let step = self.steps[index & (INDICES - 1)];
                let over = (step / BLOCKS) & MOST_BLOCKS;
                let reached = sum + (step & SPECIAL);
                if reached >= behind {
                    local.settle();
                    let rare = self.rare(local, (sum / REACH) as usize, block)?;
                    local = rare.reader;
                    at += rare.blocks as usize;
                    sum = rare.k as u32 * REACH;
                    from = indices(rare.k);
                    continue 'refill;
                }
                let values = &self.values[index & (INDICES - 1)];
                for (kept, value) in block.iter_mut().zip(values) {
                    *kept |= value;
                }
                local.skip(step);
                at += over as usize;
                // In numbers, lest a branch is made of it.
                let goes_on = u32::from(over == 0).wrapping_neg();
                sum = start ^ (start ^ reached) & goes_on;
                from = step & NEXT;
            }
            local.settle();
        }
        *reader = local;
        *ended = at.saturating_sub(blocks.len()) as u32;
        Ok(())
    }

    /// One symbol before the `k`-th coefficient, where look-ups settle nothing.
    #[cold]
    #[inline(never)]
    fn rare<'b>(
        &self,
        mut reader: Reader<'b>,
        mut k: usize,
        block: &mut [i16; 4],
    ) -> Result<Rare<'b>, Bad> {
        reader.refill();
        let (run, size, value) = reader.symbol(self.codes)?;
        let mut blocks = 0;
        if size == 0 && run < 15 {
            blocks = blocks_ended(&mut reader, run);
        } else {
            k += run as usize;
            if size > 0 {
                if k > 63 {
                    return Err(Bad);
                }
                if let Some(slot) = PLACES.get(k).copied().flatten() {
                    block[slot] = self.band.value(value);
                }
            }
            k += 1;
            blocks += u32::from(k > self.band.end);
        }
        if blocks > 0 {
            k = self.band.start;
        }
        Ok(Rare { reader, k, blocks })
    }
}

/// What a symbol does.
struct Rare<'a> {
    reader: Reader<'a>,
    /// The next coefficient.
    k: usize,
    /// How many blocks end.
    blocks: u32,
}
