//! Field sections (RFC 9204) without a dynamic table: none was offered, so none may be used.

use super::huffman;
use super::table::TABLE;

/// Why a field section cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// It is malformed, or refers to what does not exist; ends the connection.
    Malformed,
    /// Its fields take more than they may.
    TooLarge,
}

/// What a field takes beside its name and value (RFC 9114 §4.2.2).
const OVERHEAD: usize = 32;

/// An integer that may come byte by byte (RFC 7541 §5.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Prefixed {
    value: u64,
    shift: Option<u32>,
}

impl Prefixed {
    /// Takes the next byte; the first one holds `prefix` bits of the number. The number once it is
    /// whole, an error if it is larger than any that has a use.
    pub fn push(&mut self, byte: u8, prefix: u32) -> Result<Option<u64>, ()> {
        let Some(shift) = self.shift else {
            let full = (1u64 << prefix) - 1;
            self.value = u64::from(byte) & full;
            self.shift = Some(0);
            return Ok((self.value < full).then_some(self.value));
        };
        if shift > 28 {
            return Err(());
        }
        self.value += u64::from(byte & 0x7f) << shift;
        self.shift = Some(shift + 7);
        Ok((byte & 0x80 == 0).then_some(self.value))
    }

    fn take(bytes: &mut &[u8], prefix: u32) -> Result<usize, FieldError> {
        let mut number = Self::default();
        loop {
            let (byte, rest) = bytes.split_first().ok_or(FieldError::Malformed)?;
            *bytes = rest;
            let value = number.push(*byte, prefix);
            if let Some(value) = value.map_err(|()| FieldError::Malformed)? {
                return usize::try_from(value).map_err(|_| FieldError::Malformed);
            }
        }
    }
}

/// Reads a whole field section and hands over each field, in order. The fields take at most
/// `limit` bytes: names, values and 32 bytes each (RFC 9114 §4.2.2).
///
/// # Errors
/// [`FieldError`]; fields handed over before it are void.
pub fn decode(
    section: &[u8],
    limit: usize,
    mut field: impl FnMut(&[u8], &[u8]),
) -> Result<(), FieldError> {
    let mut rest = section;
    let inserted = Prefixed::take(&mut rest, 8)?;
    let negative = rest.first().is_some_and(|byte| byte & 0x80 != 0);
    Prefixed::take(&mut rest, 7)?;
    if inserted != 0 || negative {
        return Err(FieldError::Malformed);
    }
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let mut taken = 0usize;
    while let Some(first) = rest.first().copied() {
        let left = limit.saturating_sub(taken);
        let (name, value): (&[u8], &[u8]) = if first & 0x80 != 0 {
            let (name, value) = entry(&mut rest, first & 0x40 != 0, 6)?;
            (name.as_bytes(), value.as_bytes())
        } else if first & 0x40 != 0 {
            let (name, _) = entry(&mut rest, first & 0x10 != 0, 4)?;
            string(&mut rest, 7, left, &mut values)?;
            (name.as_bytes(), &values)
        } else if first & 0x20 != 0 {
            string(&mut rest, 3, left, &mut names)?;
            string(&mut rest, 7, left, &mut values)?;
            (&names, &values)
        } else {
            // Post-base: of the dynamic table.
            return Err(FieldError::Malformed);
        };
        taken += name.len() + value.len() + OVERHEAD;
        if taken > limit {
            return Err(FieldError::TooLarge);
        }
        field(name, value);
    }
    Ok(())
}

fn entry(
    rest: &mut &[u8],
    is_static: bool,
    prefix: u32,
) -> Result<(&'static str, &'static str), FieldError> {
    let index = Prefixed::take(rest, prefix)?;
    match TABLE.get(index) {
        Some(entry) if is_static => Ok(*entry),
        _ => Err(FieldError::Malformed),
    }
}

/// Reads a string of at most `limit` bytes; the bit above the length says whether it is coded.
fn string(
    rest: &mut &[u8],
    prefix: u32,
    limit: usize,
    text: &mut Vec<u8>,
) -> Result<(), FieldError> {
    let first = rest.first().ok_or(FieldError::Malformed)?;
    let coded = first & (1 << prefix) != 0;
    let length = Prefixed::take(rest, prefix)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(FieldError::Malformed)?;
    *rest = after;
    text.clear();
    if coded {
        huffman::decode(bytes, limit, text)
    } else if length > limit {
        Err(FieldError::TooLarge)
    } else {
        text.extend_from_slice(bytes);
        Ok(())
    }
}

/// Begins a field section: no insertions, base 0.
pub fn encode_start(section: &mut Vec<u8>) {
    section.extend([0, 0]);
}

/// Where the static table has the name `content-type`.
const CONTENT_TYPE: usize = 44;

/// Begins a field section that cannot be read before the table has so many entries, by the last of
/// which it names its content type (RFC 9204 §4.5.1); `status` comes first.
pub fn encode_content_type_of(entry: u64, status: &str, section: &mut Vec<u8>) {
    // What is sent is one more than the entry, as long as the table was never turned over.
    integer(entry as usize + 1, 8, 0, section);
    // The base is that entry, so that it is the first before it.
    section.push(0);
    encode_field(":status", status.as_bytes(), section);
    integer(0, 6, 0x80, section);
}

/// Asks for a table of so many bytes (RFC 9204 §4.3.1).
pub fn set_capacity(bytes: u64, instructions: &mut Vec<u8>) {
    integer(bytes as usize, 5, 0x20, instructions);
}

/// Adds an entry for a content type to the table (RFC 9204 §4.3.2).
pub fn insert_content_type(value: &[u8], instructions: &mut Vec<u8>) {
    integer(CONTENT_TYPE, 6, 0xc0, instructions);
    text(value, 7, 0, instructions);
}

/// Adds a field, as a reference to the static table as far as that has it.
pub fn encode_field(name: &str, value: &[u8], section: &mut Vec<u8>) {
    let mut known = None;
    for (index, (its_name, its_value)) in TABLE.iter().enumerate() {
        if *its_name != name {
            continue;
        }
        if its_value.as_bytes() == value {
            return integer(index, 6, 0xc0, section);
        }
        known.get_or_insert(index);
    }
    match known {
        Some(index) => integer(index, 4, 0x50, section),
        None => text(name.as_bytes(), 3, 0x20, section),
    }
    text(value, 7, 0, section);
}

fn text(bytes: &[u8], prefix: u32, mark: u8, section: &mut Vec<u8>) {
    let coded = huffman::coded_length(bytes);
    if coded < bytes.len() {
        integer(coded, prefix, mark | 1 << prefix, section);
        huffman::encode(bytes, section);
    } else {
        integer(bytes.len(), prefix, mark, section);
        section.extend_from_slice(bytes);
    }
}

fn integer(value: usize, prefix: u32, mark: u8, section: &mut Vec<u8>) {
    let full = (1usize << prefix) - 1;
    if value < full {
        section.push(mark | value as u8);
        return;
    }
    section.push(mark | full as u8);
    let mut rest = value - full;
    while rest >= 0x80 {
        section.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    section.push(rest as u8);
}
