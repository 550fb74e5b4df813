//! Huffman codes for reading: most symbols and their values come out of one look-up.

use crate::JpegError;
use crate::segments::malformed;

/// Bits looked up at once. Longer codes are rare and take a slower way.
pub(super) const FAST: u32 = 12;
/// Bits looked up at once when coefficients are only skipped.
pub(super) const SKIP: u32 = 13;

/// The entry holds a value: code and further bits fit into the look-up.
pub(super) const VALUED: u32 = 1 << 13;

/// One table of codes.
///
/// A fast entry is 0 for codes that are longer, or else 5 bits of how many bits are used up, 4 of
/// run, 4 of size, and with [`VALUED`] the value in the upper 16; without it only the code is used
/// up and the further bits follow.
pub(crate) struct Codes {
    pub(super) fast: Box<[u32; 1 << FAST]>,
    /// The largest code of each length, −1 where there is none.
    largest: [i32; 17],
    /// What to add to a code of each length to find its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Codes {
    /// Reads one table of a DHT segment, which starts at `at` of the file; gives how many bytes
    /// it takes.
    ///
    /// # Errors
    /// [`JpegError::Malformed`] when there are more codes than there can be.
    pub(super) fn parse(content: &[u8], at: usize) -> Result<(Self, usize), JpegError> {
        let Some(counts) = content.get(..16) else {
            return malformed(at, "a Huffman table that is too short");
        };
        let total = counts
            .iter()
            .map(|count| usize::from(*count))
            .sum::<usize>();
        let Some(symbols) = content.get(16..16 + total).filter(|_| total <= 256) else {
            return malformed(at, "a Huffman table that is too short");
        };
        let mut codes = Self {
            fast: Box::new([0; 1 << FAST]),
            largest: [-1; 17],
            offset: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut index) = (0u32, 0usize);
        for (length, count) in (1u32..).zip(counts) {
            codes.offset[length as usize] = index as i32 - code as i32;
            for _ in 0..*count {
                if code >= 1 << length {
                    return malformed(at, "a Huffman table with more codes than bits");
                }
                codes.fill(code, length, symbols[index]);
                codes.largest[length as usize] = code as i32;
                code += 1;
                index += 1;
            }
            code <<= 1;
        }
        Ok((codes, 16 + total))
    }

    /// Fills all the look-ups that begin with a code.
    fn fill(&mut self, code: u32, length: u32, symbol: u8) {
        if length > FAST {
            return;
        }
        let free = FAST - length;
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        for rest in 0..1u32 << free {
            let mut entry = length | run << 5 | size << 9;
            if size > 0 && size <= free {
                let bits = (rest >> (free - size)) & ((1 << size) - 1);
                entry += size;
                entry |= VALUED | (signed(bits, size) as u32) << 16;
            }
            self.fast[(code << free | rest) as usize] = entry;
        }
    }

    /// The symbol and length of a code beyond the look-up, given the next 16 bits.
    #[cold]
    pub(super) fn long(&self, bits: u32) -> Option<(u8, u32)> {
        for length in FAST + 1..=16 {
            let code = (bits >> (16 - length)) as i32;
            if code <= self.largest[length as usize] {
                let index = usize::try_from(code + self.offset[length as usize]).ok()?;
                return Some((*self.symbols.get(index)?, length));
            }
        }
        None
    }

    /// The table for skipping AC coefficients: for each next 13 bits, how many bits are used up
    /// (8 bits), by how many coefficients that advances (8 bits), and whether the block ends (bit
    /// 16). 0 where not even one symbol fits.
    pub(super) fn skips(&self) -> Box<[u32; 1 << SKIP]> {
        let mut skips = Box::new([0; 1 << SKIP]);
        for (bits, skip) in (0u32..).zip(skips.iter_mut()) {
            *skip = self.skip(bits);
        }
        skips
    }

    fn skip(&self, bits: u32) -> u32 {
        let (mut used, mut advance) = (0, 0);
        loop {
            // What is left of the bits, moved to the top of a look-up; zeros that follow may make
            // it a wrong code, which then is too long for what was left.
            let rest = (bits << used) & ((1 << SKIP) - 1);
            let entry = self.fast[(rest >> (SKIP - FAST)) as usize];
            let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
            let further = if entry & VALUED == 0 { size } else { 0 };
            let length = (entry & 31) + further;
            if entry == 0 || used + length > SKIP {
                break;
            }
            if size == 0 && run != 15 {
                // Only the end of the block is known in sequential files.
                if run == 0 {
                    return (used + length) | advance << 8 | 1 << 16;
                }
                break;
            }
            used += length;
            advance += run + 1;
        }
        used | advance << 8
    }
}

/// The value of a coefficient's further bits (T.81 §F.2.2.1, EXTEND).
#[inline(always)]
pub(super) fn signed(bits: u32, size: u32) -> i32 {
    if bits < 1 << (size - 1) {
        bits as i32 - (1 << size) + 1
    } else {
        bits as i32
    }
}
