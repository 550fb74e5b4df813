//! Entropy decoding of scans into coefficients.

use super::codes::Codes;
use super::reader::{Bad, Reader};

/// The codes that a component uses in the scan at hand.
#[derive(Clone, Copy, Default)]
pub(super) struct Chosen<'a> {
    pub dc: Option<&'a Codes>,
    pub ac: Option<&'a Codes>,
}

/// A block as it is kept.
pub(super) struct Kept<'a> {
    /// The coefficients, each in its place.
    pub block: &'a mut [i16],
    /// Which AC coefficients are not zero, by zigzag; kept up in progressive files alone.
    pub present: &'a mut u64,
    /// The place of each coefficient by zigzag, or beyond the block for those that are not kept.
    pub places: &'a [u8; 64],
    /// Behind the last coefficient that has a place, by zigzag.
    pub wanted: usize,
}

impl Kept<'_> {
    #[inline(always)]
    fn set(&mut self, k: usize, value: i32) {
        let place = self.places.get(k).copied().unwrap_or(u8::MAX);
        if let Some(kept) = self.block.get_mut(usize::from(place)) {
            *kept = value as i16;
        }
    }
}

/// What a scan carries from one block to the next; reset at each restart.
#[derive(Clone, Copy, Default)]
pub(crate) struct Carried {
    /// The last DC coefficient of each component.
    pub dc: [i32; 4],
    /// Blocks still to come that have ended already.
    pub ended: u32,
}

/// How a scan codes its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Whole blocks.
    Sequential,
    /// The upper bits of DC coefficients.
    DcFirst,
    /// One more bit of them.
    DcRefine,
    /// The upper bits of a band of AC coefficients.
    AcFirst,
    /// One more bit of them.
    AcRefine,
}

/// The band and bits of a scan.
#[derive(Clone, Copy)]
pub(super) struct Band {
    pub coding: Coding,
    pub start: usize,
    pub end: usize,
    pub low: u32,
    /// What is added to coefficients in the place of bits that are not read.
    pub rest: i32,
}

impl Band {
    /// What a coefficient of a first scan is taken for, given its upper bits.
    #[inline(always)]
    pub(super) fn value(self, upper: i32) -> i16 {
        ((upper << self.low) + upper.signum() * self.rest) as i16
    }

    /// A block of the first scan of a band (T.81 §G.2); none that has ended already.
    #[inline(always)]
    pub(super) fn first(
        self,
        reader: &mut Reader<'_>,
        codes: &Codes,
        ended: &mut u32,
        kept: &mut Kept<'_>,
    ) -> Result<(), Bad> {
        let mut k = self.start;
        while k <= self.end {
            reader.refill();
            let (run, size, value) = reader.symbol(codes)?;
            if size == 0 {
                if run < 15 {
                    *ended = blocks_ended(reader, run) - 1;
                    return Ok(());
                }
                k += 16;
                continue;
            }
            k += run as usize;
            if k > 63 {
                return Err(Bad);
            }
            kept.set(k, self.value(value).into());
            *kept.present |= 1 << k;
            k += 1;
        }
        Ok(())
    }

    /// A scan that adds one bit to each coefficient of a band (T.81 §G.2, Figure G.7).
    #[inline(always)]
    pub(super) fn refine(
        self,
        reader: &mut Reader<'_>,
        codes: &Codes,
        ended: &mut u32,
        kept: &mut Kept<'_>,
    ) -> Result<(), Bad> {
        let bit = 1i16 << self.low;
        let mut k = self.start;
        if *ended == 0 {
            while k <= self.end {
                reader.refill();
                let (run, size, value) = reader.symbol(codes)?;
                let newcomer = match (run, size) {
                    (15, 0) => 0,
                    (_, 0) => {
                        *ended = blocks_ended(reader, run);
                        break;
                    }
                    (_, 1) => {
                        if value > 0 {
                            bit
                        } else {
                            -bit
                        }
                    }
                    _ => return Err(Bad),
                };
                k = self.correct(reader, kept, k, run as usize, bit);
                if newcomer != 0 {
                    if k > 63 {
                        return Err(Bad);
                    }
                    kept.set(k, newcomer.into());
                    *kept.present |= 1 << k;
                }
                k += 1;
            }
        }
        if *ended > 0 {
            self.correct(reader, kept, k, 64, bit);
            *ended -= 1;
        }
        Ok(())
    }

    /// Corrects the coefficients that are known from `k` on, over `zeros` others, and gives the
    /// place of the next other one, or behind the band.
    #[inline(always)]
    fn correct(
        self,
        reader: &mut Reader<'_>,
        kept: &mut Kept<'_>,
        mut k: usize,
        mut zeros: usize,
        bit: i16,
    ) -> usize {
        let behind = self.end + 1;
        let band = u64::MAX >> (63 - self.end);
        let mut known = if k > 63 {
            0
        } else {
            *kept.present & band & (u64::MAX << k)
        };
        while known != 0 {
            let next = known.trailing_zeros() as usize;
            if next - k > zeros {
                return k + zeros;
            }
            zeros -= next - k;
            k = next + 1;
            known &= known - 1;
            if reader.bit() == 1 {
                let place = usize::from(kept.places[next]);
                if let Some(value) = kept.block.get_mut(place).filter(|value| **value & bit == 0) {
                    *value = value.wrapping_add(if *value > 0 { bit } else { -bit });
                }
            }
        }
        (k + zeros).min(behind)
    }
}

/// How many blocks end with this one, 1–32,767 (T.81 §G.1.2.2).
#[inline(always)]
pub(super) fn blocks_ended(reader: &mut Reader<'_>, size: u32) -> u32 {
    if size == 0 {
        1
    } else {
        (1 << size) + reader.bits(size)
    }
}

/// A block of a sequential scan (T.81 §F.2.2).
#[inline(always)]
pub(super) fn sequential(
    reader: &mut Reader<'_>,
    codes: Chosen<'_>,
    previous: &mut i32,
    mut kept: Kept<'_>,
) -> Result<(), Bad> {
    match head(reader, codes, previous, &mut kept)? {
        ENDED => Ok(()),
        k => stepped_over(reader, codes.ac.ok_or(Bad)?, k),
    }
}

/// The beginning of a block of a sequential scan, as far as coefficients are wanted: how many are
/// known behind it.
#[inline(always)]
pub(super) fn head(
    reader: &mut Reader<'_>,
    codes: Chosen<'_>,
    previous: &mut i32,
    kept: &mut Kept<'_>,
) -> Result<usize, Bad> {
    let (Some(dc), Some(ac)) = (codes.dc, codes.ac) else {
        return Err(Bad);
    };
    reader.refill();
    *previous = previous.wrapping_add(reader.difference(dc)?);
    kept.block[0] = *previous as i16;
    let mut k = 1;
    while k < kept.wanted {
        reader.refill();
        let (run, size, value) = reader.symbol(ac)?;
        if size == 0 {
            if run != 15 {
                return Ok(ENDED);
            }
            k += 16;
            continue;
        }
        k += run as usize;
        kept.set(k, value);
        k += 1;
    }
    Ok(k)
}

/// Behind a block that has ended.
const ENDED: usize = usize::MAX;

/// Steps over the rest of a block, one symbol after another.
#[inline(always)]
fn stepped_over(reader: &mut Reader<'_>, codes: &Codes, mut k: usize) -> Result<(), Bad> {
    while k < 64 {
        reader.refill();
        let (run, size, _) = reader.symbol(codes)?;
        if size == 0 && run != 15 {
            return Ok(());
        }
        k += run as usize + 1;
    }
    if k > 64 { Err(Bad) } else { Ok(()) }
}
