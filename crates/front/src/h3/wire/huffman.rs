//! The Huffman code of header fields (RFC 7541 Appendix B).

use std::sync::LazyLock;

use super::qpack::FieldError;

/// Lengths of the codes, by symbol; the last one ends a string and never occurs. The code is
/// canonical: codes of one length follow one another in the order of their symbols.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// Longest code, in bits.
const LONGEST: usize = 30;

struct Codes {
    /// For each length: its first code, and where its symbols begin in `sorted`.
    starts: [(u32, usize); LONGEST + 2],
    sorted: Vec<u16>,
    /// Code by symbol.
    codes: Vec<u32>,
}

static CODES: LazyLock<Codes> = LazyLock::new(|| {
    let mut sorted: Vec<u16> = (0..LENGTHS.len() as u16).collect();
    sorted.sort_by_key(|symbol| LENGTHS[usize::from(*symbol)]);
    let mut starts = [(0, 0); LONGEST + 2];
    let mut codes = vec![0; LENGTHS.len()];
    let (mut code, mut place) = (0u32, 0);
    for (length, start) in starts.iter_mut().enumerate() {
        *start = (code, place);
        let symbols = sorted[place..]
            .iter()
            .take_while(|symbol| usize::from(LENGTHS[usize::from(**symbol)]) == length);
        for symbol in symbols {
            codes[usize::from(*symbol)] = code;
            code += 1;
            place += 1;
        }
        code <<= 1;
    }
    Codes {
        starts,
        sorted,
        codes,
    }
});

/// Reads a coded string to the end of `text`.
///
/// # Errors
/// [`FieldError::TooLarge`] beyond `limit` bytes, [`FieldError::Malformed`] where there is no such
/// code or no such padding (RFC 7541 §5.2).
pub fn decode(coded: &[u8], limit: usize, text: &mut Vec<u8>) -> Result<(), FieldError> {
    let codes = &*CODES;
    let (mut code, mut length) = (0u32, 0usize);
    for byte in coded {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(byte >> bit & 1);
            length += 1;
            let (first, place) = codes.starts[length];
            let next = codes.starts[length + 1].1;
            let found = code
                .checked_sub(first)
                .map(|index| place + index as usize)
                .filter(|index| *index < next)
                .and_then(|index| codes.sorted.get(index));
            match found {
                None if length >= LONGEST => return Err(FieldError::Malformed),
                None => {}
                Some(symbol) => {
                    let symbol = u8::try_from(*symbol).map_err(|_| FieldError::Malformed)?;
                    if text.len() >= limit {
                        return Err(FieldError::TooLarge);
                    }
                    text.push(symbol);
                    (code, length) = (0, 0);
                }
            }
        }
    }
    // Padding is the start of the end-of-string code: at most seven ones.
    match length < 8 && code == (1 << length) - 1 {
        true => Ok(()),
        false => Err(FieldError::Malformed),
    }
}

/// How many bytes a string takes when coded.
pub fn coded_length(text: &[u8]) -> usize {
    let bits: usize = text
        .iter()
        .map(|byte| usize::from(LENGTHS[usize::from(*byte)]))
        .sum();
    bits.div_ceil(8)
}

/// Codes a string.
pub fn encode(text: &[u8], coded: &mut Vec<u8>) {
    let codes = &*CODES;
    let (mut bits, mut count) = (0u64, 0u32);
    for byte in text {
        let length = u32::from(LENGTHS[usize::from(*byte)]);
        bits = bits << length | u64::from(codes.codes[usize::from(*byte)]);
        count += length;
        while count >= 8 {
            count -= 8;
            coded.push((bits >> count) as u8);
        }
    }
    if count > 0 {
        let padding = 8 - count;
        coded.push((bits << padding | ((1 << padding) - 1)) as u8);
    }
}
