//! A file for each thing kept: its bytes first, as they come; then their sums, its head, and a
//! trailer that says how long each is. Nothing is believed that its sum does not confirm.

use crc32fast::Hasher;

use super::super::key::Name;
use super::super::wire::{Reader, Writer};
use crate::Lookup;

/// The form of these files, and of what is written of things wherever else. Another form is another
/// name.
pub const FORM: &str = "FLKEPT02";
/// What the trailer begins with.
const MAGIC: u64 = match FORM.as_bytes().first_chunk() {
    Some(name) => u64::from_le_bytes(*name),
    None => 0,
};
/// Bytes of the trailer.
pub(in super::super) const TRAILER: usize = 40;
/// Bytes under one sum.
pub(in super::super) const CHUNK: usize = 64 << 10;

/// Sums bytes up, a chunk at a time.
#[derive(Default)]
pub(in super::super) struct Sums {
    whole: Vec<u32>,
    current: Hasher,
    filled: usize,
}

impl Sums {
    pub(in super::super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(CHUNK - self.filled));
            self.current.update(now);
            self.filled += now.len();
            if self.filled == CHUNK {
                self.end_chunk();
            }
            bytes = rest;
        }
    }

    fn end_chunk(&mut self) {
        self.whole
            .push(std::mem::take(&mut self.current).finalize());
        self.filled = 0;
    }

    /// What follows the body in the file.
    pub(in super::super) fn finish(
        mut self,
        number: u64,
        length: u64,
        key: &Lookup<'_>,
        head: &[u8],
    ) -> Vec<u8> {
        if self.filled > 0 {
            self.end_chunk();
        }
        let mut end = Writer::default();
        self.whole.iter().for_each(|sum| end.u32(*sum));
        let table = end.0.len();
        end.bytes(key.primary.as_bytes());
        end.bytes(key.variant.as_bytes());
        end.0.extend_from_slice(head);
        let head = end.0.len() - table;
        for value in [MAGIC, number, length, head as u64] {
            end.u64(value);
        }
        let sum = crc32fast::hash(&end.0);
        end.u64(u64::from(sum));
        end.0
    }
}

/// What a trailer says of the file it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Lengths {
    /// Bytes of the body.
    pub(in super::super) body: u64,
    /// Bytes of the table of sums.
    table: usize,
    /// Bytes of the head.
    head: usize,
}

impl Lengths {
    /// Reads a trailer, the last bytes of a file of this number and size. `None` if it is none.
    pub(in super::super) fn read(number: u64, size: u64, trailer: &[u8]) -> Option<Self> {
        let mut reader = Reader(trailer);
        let magic = reader.u64()?;
        let (own, body, head) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let table = body.div_ceil(CHUNK as u64).checked_mul(4)?;
        let whole = body
            .checked_add(table)?
            .checked_add(head)?
            .checked_add(TRAILER as u64)?;
        (magic == MAGIC && own == number && whole == size).then_some(Self {
            body,
            table: usize::try_from(table).ok()?,
            head: usize::try_from(head).ok()?,
        })
    }

    /// Bytes of all that follows the body.
    pub(in super::super) fn end(&self) -> usize {
        self.table + self.head + TRAILER
    }
}

/// What follows the body, read and found right.
pub(in super::super) struct End<'a> {
    /// The sums of the body's chunks.
    pub(in super::super) sums: Vec<u32>,
    /// What the thing says of itself.
    pub(in super::super) head: &'a [u8],
}

impl<'a> End<'a> {
    /// Reads all that follows the body. `None` if a bit of it is wrong, or it is another's.
    pub(in super::super) fn read(lengths: &Lengths, bytes: &'a [u8], name: &Name) -> Option<Self> {
        let mut reader = Reader(bytes.get(..lengths.end())?);
        let summed = reader.0.get(..lengths.end() - 8)?;
        let (table, mut head) = (
            reader.take(lengths.table)?,
            Reader(reader.take(lengths.head)?),
        );
        reader.take(TRAILER - 8)?;
        if reader.u64()? != u64::from(crc32fast::hash(summed)) {
            return None;
        }
        let own = Lookup {
            primary: head.text()?,
            variant: head.text()?,
        };
        let sums = table.chunks_exact(4);
        (own == name.as_lookup()).then(|| Self {
            sums: sums
                .map(|sum| u32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]))
                .collect(),
            head: head.0,
        })
    }
}

/// Whether bytes that begin with a chunk have these sums.
pub(in super::super) fn are_right(bytes: &[u8], sums: &[u32]) -> bool {
    bytes.len().div_ceil(CHUNK) == sums.len()
        && bytes
            .chunks(CHUNK)
            .zip(sums)
            .all(|(chunk, sum)| crc32fast::hash(chunk) == *sum)
}

/// Reads a whole file: body length, end of it, found right or `None`.
pub(in super::super) fn read_whole<'a>(
    number: u64,
    file: &'a [u8],
    name: &Name,
) -> Option<(usize, End<'a>)> {
    let trailer = file.get(file.len().checked_sub(TRAILER)?..)?;
    let lengths = Lengths::read(number, file.len() as u64, trailer)?;
    let (body, end) = file.split_at_checked(usize::try_from(lengths.body).ok()?)?;
    let end = End::read(&lengths, end, name)?;
    are_right(body, &end.sums).then_some((body.len(), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Lookup<'_> = Lookup {
        primary: "https://a/x",
        variant: "w=9",
    };

    fn file(body: &[u8]) -> Vec<u8> {
        let mut sums = Sums::default();
        for piece in body.chunks(1000) {
            sums.update(piece);
        }
        [body, &sums.finish(7, body.len() as u64, &KEY, b"head")].concat()
    }

    #[test]
    fn a_file_is_read_back() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let body = vec![length as u8; length];
            let file = file(&body);
            let (found, end) = read_whole(7, &file, &Name::new(&KEY)).unwrap();
            assert_eq!((found, end.head), (length, &b"head"[..]), "{length}");
        }
    }

    #[test]
    fn no_bit_may_be_wrong() {
        let file = file(&[9; 300]);
        let name = Name::new(&KEY);
        for place in 0..file.len() * 8 {
            let mut wrong = file.clone();
            wrong[place / 8] ^= 1 << (place % 8);
            assert!(read_whole(7, &wrong, &name).is_none(), "bit {place}");
        }
        for end in 0..file.len() {
            assert!(read_whole(7, &file[..end], &name).is_none(), "cut at {end}");
        }
    }

    #[test]
    fn a_file_of_another_thing_is_not_taken() {
        let file = file(b"x");
        let other = Lookup {
            primary: "https://a/",
            variant: "xw=9",
        };
        assert!(read_whole(7, &file, &Name::new(&other)).is_none());
        assert!(read_whole(8, &file, &Name::new(&KEY)).is_none());
    }
}
