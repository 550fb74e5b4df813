//! Bits and numbers of a JPEG XL codestream (ISO/IEC 18181-1 §9.2).

/// Reads bits, the lowest of each byte first.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One of the four forms of a number: what is added to so many bits.
pub(super) type Form = (u32, u32);

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A number of up to 32 bits.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u64;
        for place in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value |= u64::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        u32::try_from(value).ok()
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// A number in one of four forms (§9.2.3, `U32`).
    pub(super) fn number(&mut self, forms: [Form; 4]) -> Option<u32> {
        let (base, count) = forms[self.bits(2)? as usize & 3];
        self.bits(count)?.checked_add(base)
    }

    /// A number of up to 64 bits (§9.2.4, `U64`).
    pub(super) fn long(&mut self) -> Option<u64> {
        match self.bits(2)? {
            0 => Some(0),
            1 => Some(u64::from(self.bits(4)?) + 1),
            2 => Some(u64::from(self.bits(8)?) + 17),
            _ => {
                let mut value = u64::from(self.bits(12)?);
                let mut shift = 12;
                while self.flag()? {
                    if shift == 60 {
                        return Some(value | u64::from(self.bits(4)?) << 60);
                    }
                    value |= u64::from(self.bits(8)?) << shift;
                    shift += 8;
                }
                Some(value)
            }
        }
    }

    /// A value of an enumeration (§9.2.5).
    pub(super) fn kind(&mut self) -> Option<u32> {
        self.number([(0, 0), (1, 0), (2, 4), (18, 6)])
    }

    /// Steps over bits.
    pub(super) fn skip(&mut self, count: u64) -> Option<()> {
        let count = usize::try_from(count).ok()?;
        let at = self.at.checked_add(count)?;
        self.at = Some(at).filter(|at| *at <= self.bytes.len() * 8)?;
        Some(())
    }

    /// Steps over so many numbers of 16 bits.
    pub(super) fn skip_halves(&mut self, count: u64) -> Option<()> {
        self.skip(16 * count)
    }

    /// Steps to the next whole byte, and gives which one that is.
    pub(super) fn align(&mut self) -> usize {
        self.at = self.at.next_multiple_of(8);
        self.at / 8
    }

    /// Steps over extensions (§9.2.6).
    pub(super) fn extensions(&mut self) -> Option<()> {
        let which = self.long()?;
        let mut total = 0u64;
        for _ in 0..which.count_ones() {
            total = total.checked_add(self.long()?)?;
        }
        self.skip(total)
    }
}
