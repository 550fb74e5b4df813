//! From tokens to entropy-coded bytes.

/// Appends the bits of `tokens` under `codes` to `out`, stuffed and padded with ones to a whole
/// byte (T.81 §F.1.2.3).
///
/// A code is 5 bits of length below the code's own bits, at the token's index; length 0 for
/// tokens that are bits alone.
#[inline(always)]
pub(crate) fn emit(tokens: &[u32], codes: &[u32; 2048], out: &mut Vec<u8>) {
    let mut buffer = 0u64;
    // How many bits at the top of the buffer are taken.
    let mut taken = 0u32;
    for token in tokens {
        let code = codes[(token >> 21) as usize];
        let further = (token >> 16) & 31;
        let length = (code & 31) + further;
        let bits = u64::from(code >> 5) << further | u64::from(token & 0xFFFF);
        // At most 31 bits are left over and a token has at most 32, so nothing is lost.
        if length > 0 {
            buffer |= bits << (64 - taken - length);
            taken += length;
        }
        if taken >= 32 {
            word(out, (buffer >> 32) as u32);
            buffer <<= 32;
            taken -= 32;
        }
    }
    buffer |= u64::MAX.checked_shr(taken).unwrap_or(0);
    for byte in buffer
        .to_be_bytes()
        .into_iter()
        .take(taken.div_ceil(8) as usize)
    {
        out.push(byte);
        if byte == 0xFF {
            out.push(0);
        }
    }
}

/// Appends four bytes, with a zero behind each 0xFF.
#[inline(always)]
fn word(out: &mut Vec<u8>, word: u32) {
    // A byte is 0xFF exactly if its top bit is set and adding one carries out of the others.
    if word & 0x8080_8080 & (word & 0x7F7F_7F7F).wrapping_add(0x0101_0101) != 0 {
        stuffed(out, word);
    } else {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

#[cold]
fn stuffed(out: &mut Vec<u8>, word: u32) {
    for byte in word.to_be_bytes() {
        out.push(byte);
        if byte == 0xFF {
            out.push(0);
        }
    }
}
