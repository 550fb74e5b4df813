//! Look-ups that step over the symbols of a sequential scan, see `skim`.

use super::codes::{Codes, FAST, VALUED};
use super::heads::Quick;
use super::look_ups::Pair;

/// Bits looked up at once.
pub(super) const LOOK: u32 = 12;
/// Look-ups of one state.
pub(super) const WIDTH: usize = 1 << LOOK;
/// The states: before a DC coefficient, and behind it, for each of four pairs of codes.
pub(super) const STATES: usize = 8;
/// The most bits a look-up uses up.
pub(super) const MOST_USED: u32 = 19;
/// Blocks that a lane reads at most.
pub(super) const MOST: usize = 2048;
/// In an entry, above 6 bits of how many bits are used up: the block ends behind it.
pub(super) const END: u32 = 1 << 6;
/// In an entry: one of the coefficients stepped over.
pub(super) const REACH: u32 = 1 << 7;
/// In an entry: nothing is settled.
const SPECIAL: u32 = 127 * REACH;

/// The look-ups of a scan.
pub(crate) struct Skims<'a> {
    pub(super) entries: Box<[u16; STATES * WIDTH]>,
    /// Those for the beginnings of blocks, and which of them each component takes.
    quicks: Vec<Quick>,
    chosen: Vec<usize>,
    /// The codes of each component.
    pub(super) pairs: Vec<Pair<'a>>,
    /// The component of each block of an MCU.
    pub(super) units: Vec<usize>,
    /// For each block of a stretch, the states: behind its DC coefficient; above 16 bits, before
    /// that of the next block.
    pub(super) states: Box<[u32; MOST]>,
}

impl<'a> Skims<'a> {
    /// For MCUs of such units, each a component of these codes; none if there are more codes than
    /// states.
    pub(super) fn new(pairs: Vec<Pair<'a>>, units: Vec<usize>) -> Option<Self> {
        let mut entries = Box::new([SPECIAL as u16; STATES * WIDTH]);
        let mut made: Vec<Pair<'a>> = Vec::new();
        let mut chosen = Vec::new();
        for pair in &pairs {
            let same = |other: &Pair<'_>| {
                std::ptr::eq(other.ac, pair.ac) && std::ptr::eq(other.dc, pair.dc)
            };
            let place = made.iter().position(same).unwrap_or(made.len());
            chosen.push(place);
            if place < made.len() {
                continue;
            }
            made.push(*pair);
            let tables = entries.chunks_mut(WIDTH).skip(2 * place);
            for (table, dc) in tables.zip([Some(pair.dc), None]) {
                for (bits, entry) in (0..).zip(table) {
                    *entry = entry_of(dc, pair.ac, bits) as u16;
                }
            }
        }
        if 2 * made.len() > STATES {
            return None;
        }
        let state = |block: usize| Some(2 * chosen.get(*units.get(block % units.len())?)?);
        let mut states = Box::new([0; MOST]);
        for (block, place) in states.iter_mut().enumerate() {
            let (this, next) = (state(block)?, state(block + 1)?);
            *place = (((this + 1) << LOOK) | (next << LOOK) << 16) as u32;
        }
        Some(Self {
            entries,
            quicks: made.into_iter().map(Quick::new).collect(),
            chosen,
            pairs,
            units,
            states,
        })
    }

    /// The look-ups for the beginnings of a component's blocks.
    pub(super) fn quick(&self, component: usize) -> Option<&Quick> {
        self.quicks.get(*self.chosen.get(component)?)
    }

    /// Blocks of an MCU.
    pub(super) fn blocks(&self) -> usize {
        self.units.len()
    }
}

/// What codes make of the bits of a look-up, behind a DC coefficient or not.
fn entry_of(dc: Option<&Codes>, ac: &Codes, bits: u32) -> u32 {
    let bits = bits << (FAST - LOOK);
    let (mut used, mut reach) = (0, 0);
    let mut codes = dc.unwrap_or(ac);
    loop {
        // Zeros that follow may make it a wrong code, which then is longer than what is left.
        let entry = codes.fast[((bits << used) & ((1 << FAST) - 1)) as usize];
        let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
        let inner = if entry & VALUED == 0 { 0 } else { size };
        let code = (entry & 31).wrapping_sub(inner);
        let difference = dc.is_some() && reach == 0;
        let wrong = difference && run > 0;
        if entry == 0 || wrong || code > LOOK - used.min(LOOK) || used + code + size > MOST_USED {
            break;
        }
        if size == 0 && run != 15 && !difference {
            // Only the end of the block is known in sequential files.
            if run == 0 {
                return (used + code) | END | (reach * REACH);
            }
            break;
        }
        used += code + size;
        reach += run + 1;
        codes = ac;
        if used >= LOOK {
            break;
        }
    }
    if reach == 0 {
        SPECIAL
    } else {
        used | (reach.min(127) * REACH)
    }
}
