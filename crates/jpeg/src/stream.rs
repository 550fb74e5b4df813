//! The tokens of one progressive scan, gathered block by block while a sequential scan is read.
//!
//! Everything here runs once for each block, so nothing branches on what the picture holds: what
//! may not be there is written all the same, and not counted in.

use crate::decoder::{LookUpCounts, Mark, TokenPart};
use crate::spare;

/// Tokens moved at a time; the lower band never has more.
pub(crate) const SOME: usize = 8;
/// The longest run of ended blocks that has a code.
const LONGEST_RUN: u32 = 0x7FFF;

/// A row of MCUs as it was read.
#[derive(Clone, Copy)]
pub(crate) struct Blocks<'a> {
    /// The tokens of all blocks, and some words behind them.
    pub tokens: &'a [u32],
    /// The ends of the blocks, and before them the beginning.
    pub marks: &'a [Mark],
    /// Tokens and blocks, and some more.
    pub room: usize,
    /// Blocks of an MCU.
    pub in_mcu: usize,
}

/// Some blocks of each MCU of a row.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    /// The first one's place in its MCU.
    pub first: usize,
    /// How many of an MCU.
    pub across: usize,
    /// How many of the row; the others only fill up the last MCU.
    pub all: usize,
}

/// The tokens of a scan.
pub(crate) struct Stream {
    part: TokenPart,
    /// The first is none.
    list: Vec<u32>,
    /// How many of `list` hold.
    at: usize,
    /// The place of the token of the last run of ended blocks.
    slot: usize,
    /// Blocks in it.
    run: u32,
    /// 1 if more may come to it, or else 0.
    open: u32,
    /// How many tokens are counted.
    counted: usize,
}

impl Stream {
    /// An empty one; it has room for so many tokens and may get more.
    pub(crate) fn new(part: TokenPart, room: usize) -> Self {
        Self {
            part,
            list: spare::words(room),
            at: 1,
            slot: 0,
            run: 0,
            open: 0,
            counted: 1,
        }
    }

    /// Adds the chosen blocks. `block` says of each, given the mark before it and its own, which
    /// token is its first, how many there are, and whether it ends before the band does.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        row: Blocks<'_>,
        chosen: Chosen,
        block: impl Fn(Mark, Mark) -> (usize, usize, bool),
    ) {
        let least = self.at + row.room;
        if self.list.len() < least {
            self.list.resize(least + least / 8, 0);
        }
        let list = &mut self.list[..];
        let base = (self.part.single() as u32) << 16;
        let (mut at, mut slot, mut run, mut open) = (self.at, self.slot, self.run, self.open);
        let mut left = chosen.all;
        let mut mcu = row.marks.get(chosen.first..).unwrap_or_default();
        while left > 0 && mcu.len() > chosen.across {
            let here = chosen.across.min(left);
            for pair in mcu.windows(2).take(here) {
                let (from, count, tail) = block(pair[0], pair[1]);
                // Once at least, so that it is the same for nearly all blocks.
                let mut done = 0;
                loop {
                    let some = row
                        .tokens
                        .get(from + done..)
                        .and_then(<[u32]>::first_chunk::<SOME>);
                    let place = list.get_mut(at + done..).and_then(<[u32]>::first_chunk_mut);
                    if let (Some(some), Some(place)) = (some, place) {
                        *place = *some;
                    }
                    done += SOME;
                    if done >= count {
                        break;
                    }
                }
                at += count;
                // One run token stands for all blocks that end one behind the other, and is
                // written anew with each of them.
                let goes_on = open & u32::from(count == 0) & u32::from(run < LONGEST_RUN);
                let tail = u32::from(tail);
                let fresh = tail & !goes_on;
                run = (run & fresh.wrapping_sub(1)) + tail;
                slot ^= (slot ^ at) & (fresh as usize).wrapping_neg();
                let size = (run | 1).ilog2();
                if let Some(place) = list.get_mut(slot) {
                    *place = base + (size << 20) + (run & !(1 << size));
                }
                at += fresh as usize;
                open = tail;
            }
            left -= here;
            mcu = mcu.get(row.in_mcu..).unwrap_or_default();
        }
        (self.at, self.slot, self.run, self.open) = (at, slot, run, open);
    }

    /// Counts the tokens so far, but for the last run.
    #[inline(always)]
    pub(crate) fn count(&mut self, counts: &mut LookUpCounts) {
        for token in self.list.get(self.counted..self.slot).unwrap_or_default() {
            if let Some(count) = counts.get_mut((token >> 16) as usize) {
                *count += 1;
            }
        }
        self.counted = self.slot.max(self.counted);
    }

    /// Counts what is left.
    pub(crate) fn finish(&mut self, counts: &mut LookUpCounts) {
        self.slot = self.at;
        self.count(counts);
    }

    /// Takes the buffer away.
    pub(crate) fn take(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.list)
    }

    /// The tokens.
    pub(crate) fn tokens(&self) -> &[u32] {
        self.list.get(1..self.at).unwrap_or_default()
    }

    /// Which of the scans it is.
    pub(crate) fn part(&self) -> TokenPart {
        self.part
    }
}
