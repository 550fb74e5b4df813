//! Skimming a sequential scan: where each of its blocks ends, and nothing of what they hold.
//!
//! A smaller picture needs the first coefficients of each block. To step over the others, no value
//! has to be known, only how long the codes are; and once it is known where blocks begin, they
//! no longer wait for one another.
//!
//! Each look-up waits for the one before, and the processor waits with it. So two lanes read at
//! once, the second one from further on. It begins anywhere, takes that for the beginning of a
//! block, and reads nonsense; but Huffman codes fall into step after a while by themselves
//! (Ferguson and Rabinowitz, Self-Synchronizing Huffman Codes, 1984). Where the first lane, which
//! is always right, ends a block at the very bit where the second one ended the same block of an
//! MCU, all that the second one read from there on is right as well.

use super::reader::{Bad, Reader};
use super::skims::{END, LOOK, MOST, MOST_USED, REACH, STATES, Skims, WIDTH};
use crate::vectors;

/// Look-ups after one refill, which makes 57 bits ready.
const LOOKS: u32 = 57 / MOST_USED;
/// Of those, how many a lane may have read before it reads on.
const ROOM: usize = MOST - 16;
/// How many it is hoped to read.
const HOPED: usize = MOST / 2;
/// Zeros to be had behind the data.
pub(super) const PADDING: usize = 16;
/// How often the second lane may not come into step before it is left away.
const MOST_MISSES: u32 = 4;

/// Coefficients in a block.
const ALL: u32 = 64 * REACH;

/// One of the two that read.
#[derive(Clone, Copy)]
struct Lane {
    /// The next bit.
    at: u32,
    /// The block at hand.
    block: usize,
    /// The state, as the first of its look-ups.
    from: u32,
    /// Coefficients of the block that are stepped over.
    reach: u32,
}

impl Lane {
    /// At the beginning of a block.
    fn new(skims: &Skims<'_>, at: u32, block: usize) -> Self {
        let states = skims.states.get(block).copied().unwrap_or(0);
        Self {
            at,
            block,
            from: (states & 0xFFFF).saturating_sub(WIDTH as u32),
            reach: 0,
        }
    }

    /// The next 57 bits or more.
    #[inline(always)]
    fn word(&self, data: &[u8]) -> Result<u64, Bad> {
        let bytes = data.get((self.at >> 3) as usize..).ok_or(Bad)?;
        let word = u64::from_be_bytes(*bytes.first_chunk().ok_or(Bad)?);
        Ok(word << (self.at & 7))
    }

    /// One look-up; false if it settles nothing, and then nothing is changed.
    #[inline(always)]
    fn step(&mut self, word: &mut u64, skims: &Skims<'_>, ends: &mut [u32; MOST]) -> bool {
        let index = self.from | (*word >> (64 - LOOK)) as u32;
        let entry = u32::from(skims.entries[index as usize & (STATES * WIDTH - 1)]);
        let reach = self.reach + (entry & (0x7F * REACH));
        if reach >= ALL {
            return false;
        }
        let block = self.block & (MOST - 1);
        let states = skims.states[block];
        *word <<= entry & 63;
        self.at += entry & 63;
        ends[block] = self.at;
        // In numbers, lest a branch is made of it.
        let end = (entry / END) & 1;
        self.block += end as usize;
        self.reach = reach & end.wrapping_sub(1);
        self.from = states >> (16 * end) & 0xFFFF;
        true
    }

    /// One symbol, where look-ups settle nothing.
    #[cold]
    #[inline(never)]
    fn symbol(
        mut self,
        data: &[u8],
        skims: &Skims<'_>,
        ends: &mut [u32; MOST],
    ) -> Result<Self, Bad> {
        let block = self.block & (MOST - 1);
        let unit = skims.units.get(block % skims.units.len()).ok_or(Bad)?;
        let pair = skims.pairs.get(*unit).ok_or(Bad)?;
        let mut reader = Reader::from_bit(data, self.at as usize);
        reader.refill();
        let before = self.reach / REACH;
        let (after, ended) = if before == 0 {
            reader.difference(pair.dc)?;
            (1, false)
        } else {
            let (run, size, _) = reader.symbol(pair.ac)?;
            (before + run + 1, size == 0 && run != 15)
        };
        if after > 64 && !ended {
            return Err(Bad);
        }
        self.at = reader.position() as u32;
        let states = skims.states[block];
        if ended || after == 64 {
            ends[block] = self.at;
            self.block += 1;
            self.reach = 0;
            self.from = states >> 16;
        } else {
            self.reach = after * REACH;
            self.from = states & 0xFFFF;
        }
        Ok(self)
    }

    /// Reads until a bit or a block is reached.
    #[inline(always)]
    fn run(
        mut self,
        data: &[u8],
        skims: &Skims<'_>,
        (until, blocks): (u32, usize),
        ends: &mut [u32; MOST],
    ) -> Result<Self, Bad> {
        while self.at < until && self.block < blocks {
            let mut word = self.word(data)?;
            for _ in 0..LOOKS {
                if !self.step(&mut word, skims, ends) {
                    self = self.symbol(data, skims, ends)?;
                    break;
                }
            }
        }
        Ok(self)
    }
}

/// A scan, or an interval of it, being skimmed.
pub(crate) struct Skimmer {
    lane: Lane,
    /// Where the ends of the blocks of a lane go.
    own: Box<[u32; MOST]>,
    other: Box<[u32; MOST]>,
    /// Where the blocks begin, in bits, and where the last one ends.
    bounds: Vec<u32>,
    /// How many of these blocks are done with.
    taken: usize,
    sound: bool,
    misses: u32,
    /// Bits that a lane is to read.
    stretch: u32,
}

impl Skimmer {
    pub(super) fn new(skims: &Skims<'_>) -> Self {
        Self {
            lane: Lane::new(skims, 0, 0),
            own: Box::new([0; MOST]),
            other: Box::new([0; MOST]),
            bounds: Vec::new(),
            taken: 0,
            sound: true,
            misses: 0,
            stretch: 0,
        }
    }

    /// Begins anew with an interval of so many bytes and blocks.
    pub(super) fn begin(&mut self, skims: &Skims<'_>, bytes: usize, blocks: usize) {
        self.stretch = stretch(bytes as u64 * 8, blocks);
        self.lane = Lane::new(skims, 0, 0);
        self.bounds.clear();
        self.bounds.push(0);
        self.taken = 0;
        // Bits are counted in 32 bits.
        self.sound = bytes < 1 << 28;
    }

    /// Where the blocks of the next `count` MCUs begin, in bits, and where the last of them ends;
    /// none if that is not to be found, and never again.
    pub(super) fn row(&mut self, skims: &Skims<'_>, data: &[u8], count: usize) -> Option<&[u32]> {
        while self.sound && self.bounds.len() <= self.taken + count * skims.blocks() {
            self.sound = vectors::skim(self, skims, data).is_ok();
        }
        let last = self.taken + count * skims.blocks();
        let bounds = self.bounds.get(self.taken..last + 1);
        self.sound = bounds.is_some();
        self.taken = last;
        bounds
    }
}

/// How many bits a lane is to read, where so many blocks have taken so many bits: few enough for
/// what is counted in 32 bits.
fn stretch(bits: u64, blocks: usize) -> u32 {
    (bits * HOPED as u64 / blocks.max(1) as u64).clamp(1024, 1 << 26) as u32
}

/// Finds more bounds, in data that [`PADDING`] follows; at least one.
#[inline(always)]
pub(crate) fn skim(skimmer: &mut Skimmer, skims: &Skims<'_>, data: &[u8]) -> Result<(), Bad> {
    // What is done with makes room.
    skimmer.bounds.drain(..skimmer.taken);
    skimmer.taken = 0;
    let known = skimmer.bounds.len();
    let mut lane = skimmer.lane;
    lane.block %= skims.blocks();
    let begun = lane;
    let behind = (data.len().saturating_sub(PADDING) * 8) as u32;
    let until = lane.at.saturating_add(2 * skimmer.stretch);
    let mut other = None;
    if until < behind && skimmer.misses < MOST_MISSES {
        (lane, other) = skimmer.both(lane, skims, data)?;
    } else {
        lane = lane.run(data, skims, (behind, MOST / 2), &mut skimmer.own)?;
    }
    let mut met = None;
    if let Some(other) = other {
        (lane, met) = skimmer.meet((lane, begun.block), other, skims, data)?;
        skimmer.misses = if met.is_some() { 0 } else { skimmer.misses + 1 };
    }
    let own = begun.block..met.map_or(lane.block, |(mine, _)| mine + 1);
    skimmer
        .bounds
        .extend_from_slice(skimmer.own.get(own).ok_or(Bad)?);
    if let (Some((_, theirs)), Some(other)) = (met, other) {
        let found = skimmer.other.get(theirs + 1..other.block).ok_or(Bad)?;
        skimmer.bounds.extend_from_slice(found);
        lane = other;
    }
    skimmer.lane = lane;
    let blocks = skimmer.bounds.len() - known;
    skimmer.stretch = stretch(u64::from(lane.at - begun.at), blocks);
    if blocks == 0 { Err(Bad) } else { Ok(()) }
}

impl Skimmer {
    /// Both lanes read, the second one from where the first one stops; none if that fails.
    #[inline(always)]
    fn both(
        &mut self,
        mut lane: Lane,
        skims: &Skims<'_>,
        data: &[u8],
    ) -> Result<(Lane, Option<Lane>), Bad> {
        let from = lane.at + self.stretch;
        let until = from + self.stretch;
        let mut other = Lane::new(skims, from & !7, 0);
        while lane.at < from && lane.block < ROOM && other.at < until && other.block < ROOM {
            let (mut word, mut word_other) = (lane.word(data)?, other.word(data)?);
            for _ in 0..LOOKS {
                let settled = lane.step(&mut word, skims, &mut self.own);
                let settled_other = other.step(&mut word_other, skims, &mut self.other);
                if settled & settled_other {
                    continue;
                }
                if !settled {
                    lane = lane.symbol(data, skims, &mut self.own)?;
                }
                if !settled_other {
                    // Where it comes upon nonsense it begins again.
                    let stepped = other.symbol(data, skims, &mut self.other);
                    other = stepped.unwrap_or(Lane::new(skims, (other.at & !7) + 8, 0));
                }
                break;
            }
        }
        Ok((lane, Some(other).filter(|other| other.block > 0)))
    }

    /// Takes the first lane, which began with such a block, on to where the second one is in
    /// step: the last block up to there, by the one and the other. None if that is nowhere.
    #[inline(always)]
    fn meet(
        &mut self,
        (mut lane, begun): (Lane, usize),
        other: Lane,
        skims: &Skims<'_>,
        data: &[u8],
    ) -> Result<(Lane, Option<(usize, usize)>), Bad> {
        let blocks = skims.blocks();
        let behind = (data.len().saturating_sub(PADDING) * 8) as u32;
        let theirs = self.other.get(..other.block).ok_or(Bad)?;
        let (mut mine, mut at) = (begun, 0);
        loop {
            while let Some(end) = self.own.get(mine).filter(|_| mine < lane.block) {
                at += theirs
                    .iter()
                    .skip(at)
                    .take_while(|their| *their < end)
                    .count();
                match theirs.get(at) {
                    None => return Ok((lane, None)),
                    Some(their) if their == end && at % blocks == mine % blocks => {
                        return Ok((lane, Some((mine, at))));
                    }
                    Some(_) => mine += 1,
                }
            }
            let (before, some) = (lane.block, (lane.block + 8).min(ROOM));
            lane = lane.run(data, skims, (behind, some), &mut self.own)?;
            if lane.block == before {
                return Ok((lane, None));
            }
        }
    }
}
