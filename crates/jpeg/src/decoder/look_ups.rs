//! Look-ups that settle several symbols of a sequential scan at once, and say what becomes of them
//! elsewhere.
//!
//! A look-up is named by its index. Whoever writes the symbols down again, with other codes, finds
//! all the bits of a look-up under the same index: several symbols are read, counted and written
//! as one.

use super::codes::Codes;
use super::walks::{MOST, Symbol, Walk};
use crate::script::LOW_END;

/// Bits looked up at once: few enough for all tables to stay close to the processor.
pub(super) const LOOK: u32 = 10;
/// Look-ups of one state.
const WIDTH: usize = 1 << LOOK;
/// The states of reading: each coefficient of the lower band of brightness, for symbols must not
/// reach from there into the upper one; and all the rest of brightness.
pub(super) const HIGH: usize = LOW_END;
/// The state of the first component of colour; the others follow.
pub(super) const COLOUR: usize = HIGH + 1;
/// The state before a DC coefficient of the first component; the others follow.
pub(super) const DIFFERENCE: usize = COLOUR + 3;
/// The first index of single symbols, behind the look-ups of all states.
const SINGLES: usize = (DIFFERENCE + 4) * WIDTH;
/// All indices.
pub(crate) const INDICES: usize = 16 * WIDTH;
/// How often each index occurs.
pub(crate) type Counts = [u32; INDICES];

/// The most bits a look-up uses up; where it would be more, nothing is settled.
pub(super) const MOST_USED: u32 = 18;

/// In an entry: whether there is a symbol.
pub(super) const SOME: u32 = 1 << 6;
/// In an entry: whether the block ends behind it.
pub(super) const END: u32 = 1 << 7;
/// The bits of an entry that say from which index on to go on.
pub(super) const NEXT: u32 = 15 << LOOK;
/// The bits of an entry that are summed up over a block.
pub(super) const SUM: u32 = 0x3FFF << 14;
/// One of the coefficients reached over, in the sum.
pub(super) const REACH: u32 = 1 << 14;
/// Coefficients beyond all blocks, in the sum.
pub(super) const BEYOND: u32 = 3 * SPECIAL;
/// In an entry: nothing is settled.
pub(super) const SPECIAL: u32 = 64 * REACH;
/// One look-up of the lower band, in the sum.
pub(super) const LOW: u32 = 256 * REACH;
/// That the lower band ends with its last coefficient, in the sum.
pub(super) const CLOSES: u32 = 16 * LOW;
/// That DC and AC coefficients share a look-up, in the sum.
pub(super) const JOINED: u32 = 2 * CLOSES;
/// Where in an entry the length of the last symbol's value begins.
pub(super) const OPEN: u32 = 28;

/// Which of the scans a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The lower band of brightness.
    Low,
    /// The upper band of brightness.
    High,
    /// All of a component of colour, counted from 0.
    Colour(usize),
    /// DC coefficients, as they are read.
    Difference,
}

impl Part {
    /// The index of the first single symbol.
    pub(crate) const fn single(self) -> usize {
        let place = match self {
            Self::Low => 0,
            Self::High => 1,
            Self::Difference => 2,
            Self::Colour(component) => 3 + component % 3,
        };
        SINGLES + place * 256
    }

    /// A token of a single symbol.
    #[inline(always)]
    pub(crate) const fn token(self, symbol: u32, bits: u32) -> u32 {
        (self.single() as u32 + symbol) << 16 | bits
    }
}

/// How many bits follow the code of a progressive scan's AC symbol.
pub(crate) fn further(symbol: usize) -> u32 {
    match (symbol as u32 >> 4, symbol as u32 & 15) {
        (run @ ..15, 0) => run,
        (_, size) => size,
    }
}

/// The codes of one component.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub dc: &'a Codes,
    pub ac: &'a Codes,
}

/// The look-ups of a scan.
///
/// An entry is, from the low bits up: 6 bits of how many bits are used up; [`SOME`] and [`END`]; two
/// bits of nothing; 4 of the state to go on in; 14 of what is summed up, see [`REACH`], [`LOW`] and
/// [`CLOSES`]; 4 of how many of the used bits are the last symbol's value, which then is not in the
/// index.
pub(crate) struct LookUps<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) entries: Box<[u32; INDICES]>,
    /// Of look-ups that begin with a DC coefficient: above 8 bits of how many bits of its
    /// difference are not in the index, the difference itself if there are none.
    pub(super) differences: Box<[i32; INDICES]>,
    tables: Vec<Table>,
    /// What codes make of bits.
    walks: Vec<Vec<Walk>>,
}

/// The look-ups of a state.
struct Table {
    component: usize,
    state: usize,
    /// The state of AC coefficients that decides how far they go.
    cut: usize,
    /// Which of the walks are taken.
    walks: usize,
}

impl<'a> LookUps<'a> {
    /// For up to four components.
    pub(crate) fn new(pairs: Vec<Pair<'a>>) -> Self {
        let mut made = Self {
            entries: Box::new([SPECIAL; INDICES]),
            differences: Box::new([0; INDICES]),
            tables: Vec::new(),
            walks: Vec::new(),
            pairs: Vec::new(),
        };
        for (component, pair) in pairs.iter().enumerate().take(4) {
            let before = pairs.iter().take(component);
            let same_ac = |other: &Pair<'_>| std::ptr::eq(other.ac, pair.ac);
            let same = |other: &Pair<'_>| same_ac(other) && std::ptr::eq(other.dc, pair.dc);
            let walks = match before.clone().position(same_ac) {
                Some(other) => made.walks_of(other, false),
                None => made.add(None, pair.ac),
            };
            let joined = match before.clone().position(same) {
                Some(other) => made.walks_of(other, true),
                None => made.add(Some(pair.dc), pair.ac),
            };
            let states = match component {
                0 => 0..COLOUR,
                _ => COLOUR + component - 1..COLOUR + component,
            };
            let cut = states.start;
            made.tables.extend(states.map(|state| Table {
                component,
                state,
                cut: state,
                walks,
            }));
            made.tables.push(Table {
                component,
                state: DIFFERENCE + component,
                cut,
                walks: joined,
            });
        }
        for table in &made.tables {
            let Some(walks) = made.walks.get(table.walks) else {
                continue;
            };
            let range = table.state * WIDTH..(table.state + 1) * WIDTH;
            for (entry, walk) in made.entries[range.clone()].iter_mut().zip(walks) {
                *entry = walk.cut(table.cut).entry();
            }
            for (difference, walk) in made.differences[range].iter_mut().zip(walks) {
                *difference = walk.difference;
            }
        }
        for size in 0..12 {
            made.differences[Part::Difference.single() + size] = size as i32;
        }
        made.pairs = pairs;
        made
    }

    /// Walks all look-ups of codes; gives their place.
    fn add(&mut self, dc: Option<&Codes>, ac: &Codes) -> usize {
        let walks = (0..WIDTH as u32).map(|bits| Walk::new(dc, ac, bits));
        self.walks.push(walks.collect());
        self.walks.len() - 1
    }

    /// The place of a component's walks, those behind a DC coefficient or the others.
    fn walks_of(&self, component: usize, joined: bool) -> usize {
        let found = self
            .tables
            .iter()
            .find(|table| table.component == component && (table.state >= DIFFERENCE) == joined);
        found.map_or(0, |table| table.walks)
    }

    /// The look-ups of `part` that occur, given the counts of indices.
    pub(crate) fn found(&self, part: Part, indices: &Counts) -> Found {
        let mut found = Found {
            part,
            list: Vec::new(),
        };
        let component = match part {
            Part::Low | Part::High => 0,
            Part::Colour(index) => index + 1,
            Part::Difference => return found,
        };
        let tables = self.tables.iter();
        for table in tables.filter(|table| table.component == component) {
            let first = table.state * WIDTH;
            let behind = if table.state < DIFFERENCE {
                SOME
            } else {
                JOINED
            };
            let walks = self.walks.get(table.walks).into_iter().flatten();
            let counts = indices.iter().zip(self.entries.iter()).skip(first);
            for (place, ((times, entry), walk)) in counts.zip(walks).enumerate() {
                let other = component == 0 && (entry & LOW != 0) != (part == Part::Low);
                if *times == 0 || entry & behind == 0 || other {
                    continue;
                }
                let cut = walk.cut(table.cut);
                let mut symbols = walk.found;
                symbols[0].run -= cut.over;
                found.list.push(Taken {
                    index: first + place,
                    times: *times,
                    symbols,
                    count: cut.count,
                });
            }
        }
        found
    }
}

/// Look-ups that occur in a part.
pub(crate) struct Found {
    part: Part,
    list: Vec<Taken>,
}

impl Found {
    /// Adds how often each symbol occurs to `symbols`, given the counts of indices.
    pub(crate) fn count(&self, indices: &Counts, symbols: &mut [u32]) {
        let single = indices.get(self.part.single()..).unwrap_or_default();
        for (sum, count) in symbols.iter_mut().zip(single).take(256) {
            *sum += count;
        }
        for taken in &self.list {
            for symbol in taken.symbols() {
                symbols[symbol.name() & 255] += taken.times;
            }
        }
    }

    /// How many bits all of it takes, given the counts of indices and the bits of each.
    pub(crate) fn length(&self, indices: &Counts, bits: &[u64; INDICES]) -> u64 {
        let counted = indices.iter().zip(bits).skip(self.part.single()).take(256);
        let single: u64 = counted
            .map(|(times, bits)| u64::from(*times) * (bits & 63))
            .sum();
        let taken = self.list.iter();
        let several =
            taken.map(|taken| u64::from(taken.times) * (bits[taken.index & (INDICES - 1)] & 63));
        single + several.sum::<u64>()
    }

    /// The bits of every index that occurs, given the codes of the symbols, as
    /// [`emit`](crate::bits::emit) takes them.
    pub(crate) fn bits(&self, codes: &[u32], bits: &mut [u64; INDICES]) {
        let single = bits.iter_mut().skip(self.part.single());
        for (symbol, (code, place)) in codes.iter().zip(single).take(256).enumerate() {
            *place = crate::bits::coded(*code, further(symbol));
        }
        for taken in &self.list {
            bits[taken.index & (INDICES - 1)] = taken.recoded(codes);
        }
    }
}

/// A look-up that occurs.
struct Taken {
    index: usize,
    times: u32,
    symbols: [Symbol; MOST],
    /// How many symbols there are.
    count: usize,
}

impl Taken {
    fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().take(self.count)
    }

    fn recoded(&self, codes: &[u32]) -> u64 {
        let (mut bits, mut length) = (0u64, 0);
        for symbol in self.symbols() {
            let code = codes[symbol.name() & 255];
            let taken = (code & 31) + u32::from(symbol.size);
            bits = bits << taken | u64::from(code >> 5) << symbol.size | u64::from(symbol.bits);
            length += taken;
        }
        bits << 6 | u64::from(length)
    }
}
