//! Look-ups that settle several AC symbols at once, and say what becomes of them elsewhere.
//!
//! A look-up is named by its index. Whoever writes the symbols down again, with other codes, finds
//! all the bits of a look-up under the same index: several symbols are read, counted and written
//! as one.

use super::codes::{Codes, FAST, VALUED};
use crate::script::LOW_END;

/// Bits looked up at once: few enough for all tables to stay close to the processor.
pub(crate) const LOOK: u32 = 10;
/// Look-ups from one place of a block.
const WIDTH: usize = 1 << LOOK;
/// The places of a block where look-ups differ: each coefficient of the lower band, for symbols
/// must not reach from there into the upper one; and all the rest.
const PLACES: usize = LOW_END + 1;
/// The most symbols in a look-up: their codes and values fit into 57 bits.
const MOST: usize = 3;

/// The end of the block, in the field of an entry that says how far it reaches.
pub(super) const END: u32 = 128;
/// Nothing is settled, in the same field.
pub(super) const SPECIAL: u32 = 256;

/// Indices of the look-ups of brightness.
pub(super) const LUMA: usize = PLACES * WIDTH;
/// Indices of the look-ups of colour.
pub(super) const CHROMA: usize = WIDTH;
/// Behind the look-ups of brightness: single symbols of the lower band.
const LUMA_LOW: usize = LUMA;
/// Single symbols of the upper band.
const LUMA_HIGH: usize = LUMA + 256;
/// An index for nothing at all; one more than all others.
const LUMA_NOTHING: usize = LUMA + 512;
const CHROMA_NOTHING: usize = CHROMA + 256;

/// How often each index of brightness occurs.
pub(crate) type LumaCounts = [u32; LUMA_NOTHING + 1];
/// How often each index of colour occurs.
pub(crate) type ChromaCounts = [u32; CHROMA_NOTHING + 1];

/// Which of the scans a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The lower band of brightness.
    Low,
    /// The upper band of brightness.
    High,
    /// All of a component of colour.
    Colour,
}

impl Part {
    /// The index of the first single symbol.
    pub(crate) const fn single(self) -> usize {
        match self {
            Self::Low => LUMA_LOW,
            Self::High => LUMA_HIGH,
            Self::Colour => CHROMA,
        }
    }

    /// The index that stands for no bits at all.
    pub(crate) const fn nothing(self) -> usize {
        match self {
            Self::Low | Self::High => LUMA_NOTHING,
            Self::Colour => CHROMA_NOTHING,
        }
    }

    /// A token of a single symbol.
    #[inline(always)]
    pub(crate) const fn token(self, symbol: u32, bits: u32) -> u32 {
        (self.single() as u32 + symbol) << 16 | bits
    }

    /// A token without any bits.
    pub(crate) const fn no_token(self) -> u32 {
        (self.nothing() as u32) << 16
    }
}

/// Codes of AC coefficients, for look-ups.
///
/// An entry is, from the low bits up: 6 bits of how many bits are used up; 4 of how many of those
/// are the last symbol's value, which then is not in the index; 9 of how many coefficients that
/// reaches over, with [`END`] and [`SPECIAL`]; 13 of the place to go on from.
pub(crate) struct Combined<'a> {
    pub(super) codes: &'a Codes,
    pub(super) entries: Vec<u32>,
}

impl<'a> Combined<'a> {
    /// For the first component, whose symbols are divided into two bands.
    pub(crate) fn of_luma(codes: &'a Codes) -> Self {
        Self::new(codes, LUMA)
    }

    /// For the others.
    pub(crate) fn of_chroma(codes: &'a Codes) -> Self {
        Self::new(codes, CHROMA)
    }

    fn new(codes: &'a Codes, indices: usize) -> Self {
        let entry = |index| Walk::new(codes, index, indices).entry();
        Self {
            codes,
            entries: (0..indices).map(entry).collect(),
        }
    }

    /// Adds how often each symbol of `part` occurs to `symbols`, given the counts of indices.
    pub(crate) fn count(&self, part: Part, indices: &[u32], symbols: &mut [u32]) {
        let single = indices.get(part.single()..).unwrap_or_default();
        for (sum, count) in symbols.iter_mut().zip(single).take(256) {
            *sum += count;
        }
        for (index, count) in indices.iter().enumerate().take(self.entries.len()) {
            if *count == 0 {
                continue;
            }
            let walk = Walk::new(self.codes, index, self.entries.len());
            if part == Part::Colour || walk.high == (part == Part::High) {
                for symbol in walk.symbols() {
                    symbols[symbol.name() & 255] += count;
                }
            }
        }
    }

    /// The bits of every index that occurs in `part`, given the codes of its symbols, as
    /// [`emit`](crate::bits::emit) takes them.
    pub(crate) fn bits(&self, part: Part, indices: &[u32], codes: &[u32]) -> Vec<u64> {
        let mut bits = vec![0; part.nothing() + 1];
        for (symbol, code) in codes.iter().enumerate() {
            bits[part.single() + symbol] = crate::bits::coded(*code, further(symbol));
        }
        for (index, count) in indices.iter().enumerate().take(self.entries.len()) {
            if *count > 0 {
                let walk = Walk::new(self.codes, index, self.entries.len());
                if part == Part::Colour || walk.high == (part == Part::High) {
                    bits[index] = walk.recoded(codes);
                }
            }
        }
        bits
    }
}

/// How many bits follow the code of a progressive scan's AC symbol.
pub(crate) fn further(symbol: usize) -> u32 {
    match (symbol as u32 >> 4, symbol as u32 & 15) {
        (run @ ..15, 0) => run,
        (_, size) => size,
    }
}

/// A symbol of a look-up.
#[derive(Clone, Copy, Default)]
struct Symbol {
    /// Zeros before it, from the beginning of its band on.
    run: u32,
    size: u32,
    /// Its further bits, if they are part of the index.
    bits: u32,
}

impl Symbol {
    fn name(self) -> usize {
        (self.run << 4 | self.size) as usize
    }
}

/// What a look-up holds.
struct Walk {
    found: [Symbol; MOST],
    count: usize,
    /// Bits used up.
    used: u32,
    /// Bits of the last symbol's value that are taken from behind the code; 0 if they all are in
    /// the index.
    open: u32,
    /// Coefficients reached over.
    reach: u32,
    /// Whether the block ends behind it.
    end: bool,
    /// Whether the symbols are of the upper band.
    high: bool,
    /// The place to go on from.
    next: usize,
}

impl Walk {
    /// Looks up the index of a table of so many.
    fn new(codes: &Codes, index: usize, indices: usize) -> Self {
        let place = index >> LOOK;
        let mut low = indices == LUMA && place < LOW_END;
        let first = 1 + place as u32;
        let mut k = first;
        let bits = (index as u32 & (WIDTH as u32 - 1)) << (FAST - LOOK);
        let mut walk = Self {
            found: [Symbol::default(); MOST],
            count: 0,
            used: 0,
            open: 0,
            reach: 0,
            end: false,
            high: !low,
            next: place,
        };
        while walk.count < MOST {
            let left = LOOK - walk.used;
            // Zeros that follow may make it a wrong code, which then is longer than what is left.
            let entry = codes.fast[((bits << walk.used) & ((1 << FAST) - 1)) as usize];
            let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
            let inner = if entry & VALUED == 0 { 0 } else { size };
            let code = (entry & 31).wrapping_sub(inner);
            if entry == 0 || code > left || size > 10 {
                break;
            }
            if size == 0 {
                walk.end = run == 0;
                walk.used += if walk.end { code } else { 0 };
                break;
            }
            let mut symbol = Symbol { run, size, bits: 0 };
            if low && (k + run) as usize > LOW_END {
                if walk.count > 0 {
                    break;
                }
                symbol.run = k + run - (LOW_END as u32 + 1);
                (low, walk.high) = (false, true);
            }
            let whole = code + size <= left;
            if whole {
                let behind = FAST - walk.used - code - size;
                symbol.bits = bits >> behind & ((1 << size) - 1);
            } else if walk.count + 1 == MOST {
                break;
            } else {
                walk.open = size;
            }
            walk.found[walk.count] = symbol;
            walk.count += 1;
            walk.used += code + size;
            k += run + 1;
            if !whole {
                break;
            }
        }
        walk.reach = k - first;
        if indices == LUMA {
            walk.next = (place + walk.reach as usize).min(LOW_END);
        }
        walk
    }

    fn symbols(&self) -> impl Iterator<Item = Symbol> {
        self.found.into_iter().take(self.count)
    }

    fn entry(&self) -> u32 {
        if self.count == 0 && !self.end {
            return SPECIAL << 10;
        }
        let reach = self.reach | if self.end { END } else { 0 };
        self.used | self.open << 6 | reach << 10 | (self.next as u32) << (19 + LOOK)
    }

    fn recoded(&self, codes: &[u32]) -> u64 {
        let (mut bits, mut length) = (0u64, 0);
        for symbol in self.symbols() {
            let code = codes[symbol.name() & 255];
            let taken = (code & 31) + symbol.size;
            bits = bits << taken | u64::from(code >> 5) << symbol.size | u64::from(symbol.bits);
            length += taken;
        }
        bits << 6 | u64::from(length)
    }
}

/// Where an entry says to go on from, as the index of the first look-up of that place.
#[inline(always)]
pub(super) fn place(entry: u32) -> usize {
    (entry >> 19) as usize
}
