//! Differences of DC coefficients, several at once: in the first scan of a progressive file they
//! are all there is, and short.

use super::codes::{Codes, FAST, VALUED};
use super::reader::{Bad, Reader};

/// Bits looked up at once.
const LOOK: u32 = 10;
/// Look-ups of one state, which is the block of an MCU.
const WIDTH: usize = 1 << LOOK;
/// The most blocks of an MCU.
const STATES: usize = 8;
/// The most differences in a look-up.
const MOST: usize = 3;
/// Look-ups after one refill, which makes 56 bits ready.
const LOOKS: u32 = 56 / LOOK;
/// In an entry: one difference.
const ONE: u64 = 1 << 6;
/// In an entry: nothing is settled.
const SPECIAL: u64 = 1 << 8;
/// The bits of an entry that say from which index on to go on.
const NEXT: u64 = ((STATES - 1) << LOOK) as u64;
/// Where in an entry the differences begin, 16 bits each.
const VALUES: u32 = 16;

/// The look-ups of a scan of DC coefficients.
pub(crate) struct Differences<'a> {
    /// The codes of each block of an MCU.
    units: Vec<&'a Codes>,
    /// From the low bits up: 6 of how many bits are used up; 2 of [`ONE`]; [`SPECIAL`];
    /// [`NEXT`]; the differences.
    entries: Box<[u64; STATES * WIDTH]>,
}

impl<'a> Differences<'a> {
    /// For MCUs of blocks with these codes; none if there are too many.
    pub(super) fn new(units: Vec<&'a Codes>) -> Option<Self> {
        if !(1..=STATES).contains(&units.len()) {
            return None;
        }
        let mut entries = Box::new([SPECIAL; STATES * WIDTH]);
        for (unit, table) in entries.chunks_mut(WIDTH).take(units.len()).enumerate() {
            for (bits, entry) in (0..).zip(table) {
                *entry = several(&units, unit, bits);
            }
        }
        Some(Self { units, entries })
    }

    /// Reads differences into all of `values`, which whole MCUs fill; gives how many there are
    /// up to the end of the data, and whether they make sense.
    #[inline(always)]
    pub(super) fn read(
        &self,
        reader: &mut Reader<'_>,
        values: &mut [i16],
    ) -> (usize, Result<(), Bad>) {
        let mut local = *reader;
        let (mut at, mut from) = (0, 0);
        'refill: while at < values.len() {
            // Behind the end there are zeros, which may look like a picture for ever.
            if local.overrun() {
                break;
            }
            local.refill();
            for _ in 0..LOOKS {
                let index = from & NEXT | local.ready() >> (64 - LOOK);
                let entry = self.entries[index as usize & (STATES * WIDTH - 1)];
                let place = values
                    .get_mut(at..)
                    .and_then(<[i16]>::first_chunk_mut::<MOST>);
                let (Some(place), true) = (place, entry & SPECIAL == 0) else {
                    local.settle();
                    let Some(place) = values.get_mut(at) else {
                        continue 'refill;
                    };
                    let Some((behind, value)) = self.rare(local, at) else {
                        *reader = local;
                        return (at, Err(Bad));
                    };
                    local = behind;
                    *place = value;
                    at += 1;
                    from = ((at % self.units.len()) << LOOK) as u64;
                    continue 'refill;
                };
                *place = [
                    (entry >> VALUES) as i16,
                    (entry >> (VALUES + 16)) as i16,
                    (entry >> (VALUES + 32)) as i16,
                ];
                local.skip(entry as u32);
                at += ((entry / ONE) & 3) as usize;
                from = entry;
            }
            local.settle();
        }
        *reader = local;
        (at, Ok(()))
    }

    /// The `at`-th difference by itself.
    #[cold]
    #[inline(never)]
    fn rare<'b>(&self, mut reader: Reader<'b>, at: usize) -> Option<(Reader<'b>, i16)> {
        reader.refill();
        let codes = self.units.get(at % self.units.len())?;
        let value = reader.difference(codes).ok()?;
        Some((reader, value as i16))
    }
}

/// What codes make of the bits of a look-up, from such a block of an MCU on.
fn several(units: &[&Codes], first: usize, bits: u32) -> u64 {
    let bits = bits << (FAST - LOOK);
    let (mut used, mut values, mut count) = (0, 0, 0);
    while count < MOST {
        // Zeros that follow may make it a wrong code, which then is longer than what is left.
        let codes = units[(first + count) % units.len()];
        let entry = codes.fast[(bits << used & ((1 << FAST) - 1)) as usize];
        let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
        let whole = entry & VALUED != 0 || size == 0;
        if entry == 0 || !whole || run > 0 || used + (entry & 31) > LOOK {
            break;
        }
        used += entry & 31;
        values |= u64::from((entry >> 16) as u16) << (VALUES + 16 * count as u32);
        count += 1;
    }
    if count == 0 {
        return SPECIAL;
    }
    let next = (first + count) % units.len();
    values | u64::from(used) | (count as u64 * ONE) | (next << LOOK) as u64
}
