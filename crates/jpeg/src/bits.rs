//! From tokens to entropy-coded bytes.

use crate::segments::find_ff;

/// Tokens turned into bits at a time.
const BATCH: usize = 1024;
/// Room for the bits of so many tokens, each of at most 57, and for what was left before.
const ROOM: usize = BATCH * 8 + 16;

/// What becomes of a token under `code` (5 bits of length below its bits) with so many further
/// bits; nothing for a symbol without a code.
pub(crate) fn coded(code: u32, further: u32) -> u64 {
    match code {
        0 => 0,
        _ => u64::from(code >> 5) << (further + 6) | u64::from((code & 31) + further),
    }
}

/// Appends the bits of tokens to `out`, stuffed and padded with ones to a whole byte (T.81
/// §F.1.2.3).
///
/// A token is an index over 16 further bits. `codes` has, for each index below a power of two, 6 bits of how many bits
/// the token takes in all, 57 at most, below these bits; the further ones are added to them.
#[inline(always)]
pub(crate) fn emit<const N: usize>(parts: &[&[u32]], codes: &[u64; N], out: &mut Vec<u8>) {
    let mut plain = [0u8; ROOM];
    let mut bits = Bits {
        buffer: 0,
        taken: 0,
        at: 0,
    };
    for batch in parts.iter().flat_map(|tokens| tokens.chunks(BATCH)) {
        let (fours, rest) = batch.as_chunks::<4>();
        for [first, second, third, fourth] in fours {
            let first = Coded::new(*first, codes);
            let second = Coded::new(*second, codes);
            let third = Coded::new(*third, codes);
            let fourth = Coded::new(*fourth, codes);
            let (here, there) = (first.length + second.length, third.length + fourth.length);
            // Nearly always they all fit beside the up to 7 bits that are left over.
            if here + there <= 57 {
                bits.put(&mut plain, first.and(second).and(third.and(fourth)));
            } else {
                for coded in [first, second, third, fourth] {
                    bits.put(&mut plain, coded);
                }
            }
        }
        for token in rest {
            bits.put(&mut plain, Coded::new(*token, codes));
        }
        stuff(plain.get(..bits.at).unwrap_or_default(), out);
        bits.at = 0;
    }
    if bits.taken > 0 {
        let last = bits.buffer | u64::MAX >> bits.taken;
        stuff(&last.to_be_bytes()[..1], out);
    }
}

/// Bits to be written, the last one lowest.
#[derive(Clone, Copy)]
struct Coded {
    bits: u64,
    /// 0–57.
    length: u32,
}

impl Coded {
    #[inline(always)]
    fn new<const N: usize>(token: u32, codes: &[u64; N]) -> Self {
        let code = codes[(token >> 16) as usize & (N - 1)];
        Self {
            bits: code >> 6 | u64::from(token & 0xFFFF),
            length: code as u32 & 63,
        }
    }

    #[inline(always)]
    fn and(self, next: Self) -> Self {
        Self {
            bits: self.bits << (next.length & 63) | next.bits,
            length: self.length + next.length,
        }
    }
}

/// Bits on their way into bytes. Whole bytes leave at once, so that nothing has to be asked.
struct Bits {
    /// The bits that are left over, at the top.
    buffer: u64,
    /// How many those are, 0–7.
    taken: u32,
    /// Bytes written.
    at: usize,
}

impl Bits {
    #[inline(always)]
    fn put(&mut self, plain: &mut [u8; ROOM], coded: Coded) {
        // A token without any bit would shift by 64 at most, and nothing.
        self.buffer |= coded.bits << ((64 - self.taken - coded.length) & 63);
        self.taken += coded.length;
        if let Some(place) = plain.get_mut(self.at..self.at + 8) {
            place.copy_from_slice(&self.buffer.to_be_bytes());
        }
        let whole = self.taken & !7;
        self.at += (whole >> 3) as usize;
        // 64 bits are never whole: 7 and 57 of them leave the buffer full at most.
        self.buffer = self.buffer.checked_shl(whole).unwrap_or(0);
        self.taken &= 7;
    }
}

/// Appends bytes with a zero behind each 0xFF.
#[inline(always)]
fn stuff(mut plain: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = find_ff(plain) {
        out.extend_from_slice(&plain[..=at]);
        out.push(0);
        plain = &plain[at + 1..];
    }
    out.extend_from_slice(plain);
}
