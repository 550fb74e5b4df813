//! Huffman codes for reading: most symbols and their values come out of one look-up.

use crate::JpegError;
use crate::segments::malformed;

/// Bits looked up at once. Longer codes are rare and take a slower way.
pub(super) const FAST: u32 = 12;

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
