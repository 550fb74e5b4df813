//! Differences of DC coefficients, code and value in one look-up.

use super::codes::{Codes, FAST, VALUED};
use super::reader::{Bad, Reader};

/// Bits of a DC code looked up at once.
const DC_LOOK: u32 = 9;

/// Codes of differences of DC coefficients. An entry is 6 bits of how many bits code and
/// difference take, below the size of the difference; 0 for what is not settled.
pub(crate) struct Differences<'a> {
    codes: &'a Codes,
    entries: Box<[u16; 1 << DC_LOOK]>,
}

impl<'a> Differences<'a> {
    pub(crate) fn new(codes: &'a Codes) -> Self {
        let mut entries = Box::new([0; 1 << DC_LOOK]);
        for (index, place) in entries.iter_mut().enumerate() {
            let entry = codes.fast[index << (FAST - DC_LOOK)];
            let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
            let inner = if entry & VALUED == 0 { 0 } else { size };
            let code = (entry & 31).saturating_sub(inner);
            if (1..=DC_LOOK).contains(&code) && run == 0 && size <= 11 {
                *place = ((code + size) | size << 6) as u16;
            }
        }
        Self { codes, entries }
    }

    /// Takes a difference. Needs 32 ready bits.
    #[inline(always)]
    pub(super) fn take(&self, reader: &mut Reader<'_>) -> Result<i32, Bad> {
        let ready = reader.ready();
        let entry = u32::from(self.entries[(ready >> (64 - DC_LOOK)) as usize]);
        if entry == 0 {
            let (behind, difference) = self.take_slowly(*reader)?;
            *reader = behind;
            return Ok(difference);
        }
        let (used, size) = (entry & 63, entry >> 6);
        reader.take(used);
        let bits = (ready >> (64 - used)) as i32 & ((1 << size) - 1);
        let negative = bits < (1 << size) >> 1;
        Ok(bits - if negative { (1 << size) - 1 } else { 0 })
    }

    #[cold]
    #[inline(never)]
    fn take_slowly<'b>(&self, mut reader: Reader<'b>) -> Result<(Reader<'b>, i32), Bad> {
        let difference = reader.difference(self.codes)?;
        Ok((reader, difference))
    }
}
