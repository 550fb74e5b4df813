//! Bits out of entropy-coded data.

use super::codes::{Codes, FAST, VALUED, signed};
use crate::markers::{RST0, RST7};
use crate::segments::find_ff;

/// The data makes no sense as a picture.
#[derive(Debug)]
pub(crate) struct Bad;

/// Copies one restart interval of entropy-coded data without its stuffing to `out`, and gives
/// what lies behind the restart marker that ends it.
pub(crate) fn unstuffed<'a>(mut data: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    out.clear();
    out.reserve(data.len());
    while let Some(at) = find_ff(data) {
        out.extend_from_slice(&data[..at]);
        match data.get(at + 1) {
            Some(0) => {
                out.push(0xFF);
                data = &data[at + 2..];
            }
            Some(RST0..=RST7) => return &data[at + 2..],
            // A fill byte.
            Some(_) => data = &data[at + 1..],
            None => return &[],
        }
    }
    out.extend_from_slice(data);
    &[]
}

/// Reads bits, the highest first. Behind the end there are zeros without end.
///
/// A loop that reads much works on a copy, which the compiler keeps in registers.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    /// How many bytes have gone into the buffer.
    at: usize,
    /// The next bits at the top.
    buffer: u64,
    /// How many of them are valid.
    count: u32,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            buffer: 0,
            count: 0,
        }
    }

    /// From the `bit`-th bit on.
    #[inline(always)]
    pub(super) fn from_bit(data: &'a [u8], bit: usize) -> Self {
        let mut reader = Self::new(data);
        reader.at = bit >> 3;
        reader.refill();
        reader.take((bit & 7) as u32);
        reader
    }

    /// How many bits have been taken.
    #[inline(always)]
    pub(super) fn position(&self) -> usize {
        self.at * 8 - self.count as usize
    }

    /// Whether more bits were read than there are.
    #[inline(always)]
    pub(super) fn overrun(&self) -> bool {
        self.position() > self.data.len() * 8
    }

    /// Makes at least 56 bits ready.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if let Some(bytes) = self.data.get(self.at..).and_then(<[u8]>::first_chunk) {
            self.buffer |= u64::from_be_bytes(*bytes) >> self.count;
            let taken = (63 - self.count) >> 3;
            self.at += taken as usize;
            self.count += taken * 8;
        } else {
            *self = self.refilled_at_end();
        }
    }

    #[cold]
    fn refilled_at_end(mut self) -> Self {
        // Never 64 of them, which six bits do not hold.
        while self.count < 56 {
            let byte = self.data.get(self.at).copied().unwrap_or(0);
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.at += 1;
        }
        self
    }

    /// The next 1–32 bits, without taking them.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> u32 {
        (self.buffer >> (64 - count)) as u32
    }

    /// Takes bits that are ready.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
    }

    /// Takes as many bits as the lower six bits of `entry` say. [`settle`](Self::settle) has to
    /// come before anything but `ready` and `skip`.
    #[inline(always)]
    pub(super) fn skip(&mut self, entry: u32) {
        self.buffer <<= entry & 63;
        self.count = self.count.wrapping_sub(entry);
    }

    /// See [`skip`](Self::skip).
    #[inline(always)]
    pub(super) fn settle(&mut self) {
        self.count &= 63;
    }

    /// The next bits at the top of a word, at least 56 of them after a [`refill`](Self::refill).
    #[inline(always)]
    pub(super) fn ready(&self) -> u64 {
        self.buffer
    }

    /// Takes 1–16 ready bits as a number.
    #[inline(always)]
    pub(super) fn bits(&mut self, count: u32) -> u32 {
        let bits = self.peek(count);
        self.take(count);
        bits
    }

    /// Takes one bit, making bits ready first where there are none.
    #[inline(always)]
    pub(super) fn bit(&mut self) -> u32 {
        if self.count == 0 {
            self.refill();
        }
        self.bits(1)
    }

    /// Takes a code and the value behind it: run, size, value. Needs 32 ready bits.
    #[inline(always)]
    pub(super) fn symbol(&mut self, codes: &Codes) -> Result<(u32, u32, i32), Bad> {
        let entry = codes.fast[self.peek(FAST) as usize];
        let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
        if entry & VALUED != 0 {
            self.take(entry & 31);
            return Ok((run, size, entry as i32 >> 16));
        }
        if entry != 0 {
            self.take(entry & 31);
            return Ok((run, size, self.value(size)));
        }
        let (symbol, length) = codes.long(self.peek(16)).ok_or(Bad)?;
        self.take(length);
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        Ok((run, size, self.value(size)))
    }

    #[inline(always)]
    fn value(&mut self, size: u32) -> i32 {
        if size == 0 {
            0
        } else {
            signed(self.bits(size), size)
        }
    }

    /// Takes a difference of DC coefficients. Needs 32 ready bits.
    #[inline(always)]
    pub(super) fn difference(&mut self, codes: &Codes) -> Result<i32, Bad> {
        // DC symbols are sizes alone: a run would be a size beyond 15.
        let (run, _, value) = self.symbol(codes)?;
        if run == 0 { Ok(value) } else { Err(Bad) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ready_at_the_end_can_be_settled() {
        for length in 0..12usize {
            for taken in 0..17 {
                let data: Vec<_> = (1..=length as u8).collect();
                let mut reader = Reader::new(&data);
                reader.refill();
                reader.take(taken);
                reader.refill();
                let (next, count) = (reader.peek(32), reader.count);
                reader.settle();
                assert_eq!((reader.peek(32), reader.count), (next, count));
                assert!((56..64).contains(&count));
            }
        }
    }
}
