//! The beginnings of blocks whose bounds are known: DC coefficients and the lowest frequencies.
//!
//! Here too a branch that goes the other way than expected would cost more than all the rest. So
//! symbols are read whether they are wanted or not, and what is not wanted is written to nowhere.

use super::codes::{Codes, FAST, VALUED};
use super::look_ups::Pair;
use super::part::Part;
use super::reader::{Bad, Reader};
use super::run::Run;
use super::scans::{Carried, Chosen, Kept, head};

/// Bits looked up at once for AC coefficients.
const LOOK: u32 = 11;
/// Look-ups of one state: how many coefficients are passed so far, or that all is known.
const WIDTH: usize = 1 << LOOK;
/// The state behind all the coefficients that are wanted.
const DONE: usize = 4;
/// In an entry: the state to go on in.
const NEXT: u64 = (7 << LOOK) as u64;
/// In an entry: a code that is longer than a look-up, or wrong.
const SPECIAL: u64 = 1 << 15;
/// Uses up all bits.
const ALL_BITS: u64 = 63;
/// Look-ups of a block.
const LOOKS: usize = 3;
/// The place of each coefficient of the 2 × 2 lowest frequencies among the four, by zigzag.
pub(super) const PLACES: [Option<usize>; 5] = [Some(0), Some(2), Some(1), None, Some(3)];

/// Look-ups for the beginnings of the blocks of a component.
pub(crate) struct Quick {
    /// For DC coefficients: 4 bits of the length of the code, above 4 bits those that follow it.
    dc: Box<[u16; 1 << FAST]>,
    /// For the lowest AC coefficients, several at once: 6 bits of how many bits are used up,
    /// [`NEXT`], [`SPECIAL`], and the values in their places.
    ac: Box<[u64; 8 * WIDTH]>,
}

impl Quick {
    pub(super) fn new(pair: Pair<'_>) -> Self {
        let mut dc = Box::new([SPECIAL as u16; 1 << FAST]);
        for (place, fast) in dc.iter_mut().zip(pair.dc.fast.iter()) {
            let (run, size) = (fast >> 5 & 15, fast >> 9 & 15);
            let inner = if fast & VALUED == 0 { 0 } else { size };
            if *fast != 0 && run == 0 && size < 12 {
                *place = ((fast & 31).wrapping_sub(inner) | size << 4) as u16;
            }
        }
        let mut ac = Box::new([SPECIAL; 8 * WIDTH]);
        for (index, entry) in ac.iter_mut().enumerate() {
            let state = index >> LOOK;
            *entry = if state < DONE {
                several(pair.ac, (index % WIDTH) as u32, state + 1)
            } else {
                ALL_BITS | (DONE << LOOK) as u64
            };
        }
        Self { dc, ac }
    }
}

/// What codes make of the bits of a look-up, from the `k`-th coefficient on.
fn several(codes: &Codes, bits: u32, first: usize) -> u64 {
    let bits = bits << (FAST - LOOK);
    let (mut used, mut k, mut values) = (0, first, 0);
    while k <= DONE {
        // Zeros that follow may make it a wrong code, which then is longer than what is left.
        let entry = codes.fast[((bits << used) & ((1 << FAST) - 1)) as usize];
        let (run, size) = ((entry >> 5 & 15) as usize, entry >> 9 & 15);
        let valued = entry & VALUED != 0 || size == 0;
        if entry == 0 || !valued || used + (entry & 31) > LOOK {
            break;
        }
        used += entry & 31;
        if size == 0 && run != 15 {
            k = DONE + 1;
            break;
        }
        k += run;
        if let Some(place) = PLACES.get(k).copied().flatten() {
            values |= u64::from((entry >> 16) as u16) << (16 * place);
        }
        k += 1;
    }
    if k > DONE {
        values | ALL_BITS | (DONE << LOOK) as u64
    } else if k == first {
        SPECIAL
    } else {
        values | u64::from(used) | ((k - 1) << LOOK) as u64
    }
}

/// Blocks whose bounds are known.
#[derive(Clone, Copy)]
pub(crate) struct Skimmed<'a> {
    /// The data, with zeros behind it.
    pub data: &'a [u8],
    /// Where each block begins, in bits, and where the last one ends.
    pub bounds: &'a [u32],
}

impl Skimmed<'_> {
    /// Where the last block ends, in bits.
    pub(super) fn end(&self) -> usize {
        self.bounds.last().map_or(0, |end| *end as usize)
    }

    /// At least 56 bits from a bit on.
    #[inline(always)]
    fn word(&self, at: u32) -> Result<u64, Bad> {
        let bytes = self.data.get((at >> 3) as usize..).ok_or(Bad)?;
        // Without the lowest bit: then 63 bits are all.
        Ok((u64::from_be_bytes(*bytes.first_chunk().ok_or(Bad)?) & !1) << (at & 7))
    }
}

/// A symbol and the value behind it, with the bits behind both.
#[inline(always)]
fn symbol(word: u64, entry: u16) -> (i32, u64) {
    let size = u32::from(entry >> 4 & 15);
    let rest = word << (entry & 15);
    let bits = (rest >> 1 >> (63 - size)) as i32;
    // Values that begin with a 0 are negative (T.81 §F.2.2.1, EXTEND).
    let below = !((rest as i64 >> 63) as i32) & ((1 << size) - 1);
    (bits - below, rest << size)
}

impl Quick {
    /// The difference of the DC coefficient; none if it has to be read in another way.
    #[inline(always)]
    fn difference(&self, word: u64) -> Option<i32> {
        let entry = self.dc[(word >> (64 - FAST)) as usize];
        (u64::from(entry) != SPECIAL).then(|| symbol(word, entry).0)
    }

    /// The difference of the DC coefficient and the three lowest others of a 2 × 2 block, each in
    /// its place; none if they have to be read in another way.
    #[inline(always)]
    fn four(&self, word: u64) -> Option<(i32, u64)> {
        let entry = self.dc[(word >> (64 - FAST)) as usize];
        // 23 bits at most, and then three times ten: what is ready suffices.
        let (difference, mut word) = symbol(word, entry);
        let (mut last, mut all) = (0, u64::from(entry));
        for _ in 0..LOOKS {
            let index = last & NEXT | word >> (64 - LOOK);
            last = self.ac[index as usize & (8 * WIDTH - 1)];
            all |= last;
            word <<= last & 63;
        }
        let sound = all & SPECIAL == 0 && last & (DONE << LOOK) as u64 != 0;
        sound.then_some((difference, all & !0xFFFF))
    }
}

/// Decodes the beginnings of `count` MCUs of a row from the `x`-th on.
#[inline(always)]
pub(crate) fn skimmed_row(
    run: &mut Run<'_>,
    skimmed: Skimmed<'_>,
    carried: &mut Carried,
    (x, row, count): (usize, usize, usize),
) -> Result<(), Bad> {
    let alone = run.members.len() == 1;
    let kept_row = if run.window { 0 } else { row };
    let bounds = skimmed.bounds;
    let units = bounds.len().saturating_sub(1) / count.max(1);
    let mut first = 0;
    for (place, index) in run.members.iter().copied().enumerate() {
        let part = &mut run.parts[index];
        let heads = Heads {
            skimmed,
            codes: run.chosen[index],
            quick: run
                .ways
                .skims
                .as_ref()
                .and_then(|skims| skims.quick(place))
                .ok_or(Bad)?,
        };
        let previous = &mut carried.dc[index];
        let place = Place {
            alone,
            row: kept_row,
            x,
            first,
            units,
        };
        match part.span {
            1 => heads.each::<1>(place, part, previous)?,
            4 => heads.each::<4>(place, part, previous)?,
            _ => heads.each::<0>(place, part, previous)?,
        }
        let (across, down) = part.across_and_down(alone);
        first += across * down;
    }
    Ok(())
}

/// Where the blocks of a component are.
#[derive(Clone, Copy)]
struct Place {
    /// Whether the scan holds no other component.
    alone: bool,
    /// The row of MCUs, and the first of them.
    row: usize,
    x: usize,
    /// The first of the component's blocks in an MCU, and how many blocks it has of all.
    first: usize,
    units: usize,
}

impl Place {
    /// The first block of each line of the MCUs.
    fn lines(
        self,
        part: &Part,
        across: usize,
        down: usize,
    ) -> impl Iterator<Item = usize> + Clone + use<> {
        let first = self.row * down * part.grid.stride + self.x * across;
        let stride = part.grid.stride;
        (0..down).map(move |line| first + line * stride)
    }
}

/// What is wanted of a block, see [`Kept`].
#[derive(Clone, Copy)]
struct Wanted<'a> {
    places: &'a [u8; 64],
    reach: usize,
}

/// How the blocks of a component begin.
#[derive(Clone, Copy)]
struct Heads<'a> {
    skimmed: Skimmed<'a>,
    codes: Chosen<'a>,
    quick: &'a Quick,
}

impl Heads<'_> {
    /// Reads each block of a component: first the differences of the DC coefficients, so that no
    /// block waits for another, and then their sums.
    #[inline(always)]
    fn each<const SPAN: usize>(
        &self,
        place: Place,
        part: &mut Part,
        previous: &mut i32,
    ) -> Result<(), Bad> {
        let (across, down) = part.across_and_down(place.alone);
        let (_, bounds) = self.skimmed.bounds.split_last().ok_or(Bad)?;
        let mcus = bounds.chunks_exact(place.units.max(1));
        let count = mcus.len() * across;
        let lines = place.lines(part, across, down);
        for (line, from) in lines.clone().enumerate() {
            let first = place.first + line * across;
            let froms = mcus.clone();
            let froms = froms.map(|mcu| mcu.get(first..first + across).unwrap_or_default());
            let span = if SPAN == 0 { part.span } else { SPAN };
            let blocks = part.blocks.get_mut(from * span..(from + count) * span);
            let blocks = blocks.ok_or(Bad)?.chunks_exact_mut(across * span);
            let wanted = Wanted {
                places: &part.places,
                reach: part.reach,
            };
            for (froms, mut blocks) in froms.zip(blocks) {
                for from in froms {
                    let (block, others) = blocks.split_at_mut_checked(span).ok_or(Bad)?;
                    match SPAN {
                        1 => self.one(*from, wanted, block)?,
                        4 => self.four(*from, wanted, block)?,
                        _ => self.many(*from, wanted, block)?,
                    }
                    blocks = others;
                }
            }
        }
        let mut last = *previous;
        for mcu in 0..mcus.len() {
            for from in lines.clone() {
                let from = from + mcu * across;
                for at in from..from + across {
                    let value = part.blocks.get_mut(at * part.span).ok_or(Bad)?;
                    last = last.wrapping_add((*value).into());
                    *value = last as i16;
                }
            }
        }
        *previous = last;
        Ok(())
    }

    #[inline(always)]
    fn one(&self, from: u32, wanted: Wanted<'_>, block: &mut [i16]) -> Result<(), Bad> {
        let Some(difference) = self.quick.difference(self.skimmed.word(from)?) else {
            return self.slowly(from, wanted, block);
        };
        *block.first_mut().ok_or(Bad)? = difference as i16;
        Ok(())
    }

    #[inline(always)]
    fn four(&self, from: u32, wanted: Wanted<'_>, block: &mut [i16]) -> Result<(), Bad> {
        let Some((difference, others)) = self.quick.four(self.skimmed.word(from)?) else {
            return self.slowly(from, wanted, block);
        };
        *block.first_chunk_mut().ok_or(Bad)? = [
            difference as i16,
            (others >> 16) as i16,
            (others >> 32) as i16,
            (others >> 48) as i16,
        ];
        Ok(())
    }

    #[inline(always)]
    fn many(&self, from: u32, wanted: Wanted<'_>, block: &mut [i16]) -> Result<(), Bad> {
        let mut reader = Reader::from_bit(self.skimmed.data, from as usize);
        let mut kept = Kept {
            block,
            present: &mut 0,
            places: wanted.places,
            wanted: wanted.reach,
        };
        head(&mut reader, self.codes, &mut 0, &mut kept)?;
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn slowly(&self, from: u32, wanted: Wanted<'_>, block: &mut [i16]) -> Result<(), Bad> {
        self.many(from, wanted, block)
    }
}
