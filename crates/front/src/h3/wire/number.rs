//! Numbers of one, two, four or eight bytes (RFC 9000 §16).

/// The largest number there is.
pub const LARGEST: u64 = (1 << 62) - 1;

/// Reads a number that may come byte by byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct Number {
    value: u64,
    /// Bytes still missing; before the first byte, 0.
    left: u8,
    begun: bool,
}

impl Number {
    /// Takes the next byte; the number once it is whole.
    pub fn push(&mut self, byte: u8) -> Option<u64> {
        if self.begun {
            self.value = self.value << 8 | u64::from(byte);
            self.left -= 1;
        } else {
            self.begun = true;
            self.value = u64::from(byte & 0x3f);
            self.left = (1 << (byte >> 6)) - 1;
        }
        if self.left > 0 {
            return None;
        }
        let value = self.value;
        *self = Self::default();
        Some(value)
    }

    /// Whether some but not all bytes of a number have come.
    pub fn is_partial(&self) -> bool {
        self.begun
    }

    /// Takes a whole number off the front of `bytes`.
    pub fn take(bytes: &mut &[u8]) -> Option<u64> {
        let mut number = Self::default();
        let mut rest = *bytes;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            if let Some(value) = number.push(*byte) {
                *bytes = rest;
                return Some(value);
            }
        }
        None
    }
}

/// Writes a number in as few bytes as it takes; those over `LARGEST` become the largest.
pub fn write_number(value: u64, bytes: &mut Vec<u8>) {
    let value = value.min(LARGEST);
    let (length, mark) = match value {
        0..0x40 => (1, 0),
        0x40..0x4000 => (2, 0x40),
        0x4000..0x4000_0000 => (4, 0x80),
        _ => (8, 0xc0),
    };
    let start = bytes.len();
    bytes.extend(value.to_be_bytes().iter().skip(8 - length));
    if let Some(first) = bytes.get_mut(start) {
        *first |= mark;
    }
}
