//! What is kept behind, as it is written there and read back: with the name it was kept under, so
//! that nothing is taken for another, and a checksum over all of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes, BytesMut};

use crate::behind::Moment;
use crate::text::digest;

/// What a frame begins with. Another number is another form.
const MAGIC: &[u8; 8] = b"FLBEHND1";
/// The magic, the checksum, and five numbers.
const HEAD: usize = 8 + 32 + 8 + 8 + 8 + 4 + 4;
/// How far the clocks of two nodes may be apart.
const SKEW: Duration = Duration::from_secs(300);

/// Something to keep behind.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// What it is kept under, in full.
    pub name: &'a str,
    /// The moment it is from.
    pub moment: Moment,
    /// When it was made.
    pub made: SystemTime,
    /// What it says of itself.
    pub head: &'a [u8],
    /// Its bytes, one after another.
    pub parts: &'a [Bytes],
}

impl Frame<'_> {
    /// How many bytes it takes.
    pub fn len(&self) -> usize {
        let parts: usize = self.parts.iter().map(Bytes::len).sum();
        HEAD + self.name.len() + self.head.len() + parts
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The bytes to keep; `None` if a length is beyond what can be said.
    pub fn write(&self) -> Option<Bytes> {
        let mut bytes = BytesMut::with_capacity(self.len());
        bytes.put_slice(MAGIC);
        bytes.put_bytes(0, 32);
        let made = self.made.duration_since(UNIX_EPOCH).unwrap_or_default();
        bytes.put_u64_le(made.as_secs());
        bytes.put_u64_le(self.moment.epoch);
        bytes.put_u64_le(self.moment.count);
        bytes.put_u32_le(u32::try_from(self.name.len()).ok()?);
        bytes.put_u32_le(u32::try_from(self.head.len()).ok()?);
        bytes.put_slice(self.name.as_bytes());
        bytes.put_slice(self.head);
        for part in self.parts {
            bytes.put_slice(part);
        }
        let sum = digest(&[bytes.get(40..)?]);
        bytes.get_mut(8..40)?.copy_from_slice(&sum);
        Some(bytes.freeze())
    }
}

/// Something that was kept behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    /// The moment it is from.
    pub moment: Moment,
    /// What it says of itself.
    pub head: Bytes,
    /// Its bytes.
    pub body: Bytes,
}

impl Framed {
    /// Reads a frame; `None` if it is not what was written under this name, or is older than
    /// `keep`. Allocates nothing.
    pub fn read(bytes: &Bytes, name: &str, keep: Duration, now: SystemTime) -> Option<Self> {
        if bytes.get(..8)? != MAGIC || bytes.get(8..40)? != digest(&[bytes.get(40..)?]) {
            return None;
        }
        let number = |from: usize| {
            let bytes = bytes.get(from..from + 8)?.try_into().ok()?;
            Some(u64::from_le_bytes(bytes))
        };
        let length = |from: usize| {
            let bytes = bytes.get(from..from + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        let made = UNIX_EPOCH.checked_add(Duration::from_secs(number(40)?))?;
        let moment = Moment {
            epoch: number(48)?,
            count: number(56)?,
        };
        let name_end = HEAD.checked_add(length(64)?)?;
        let head_end = name_end.checked_add(length(68)?)?;
        let timely = match now.duration_since(made) {
            Ok(age) => age <= keep,
            Err(ahead) => ahead.duration() <= SKEW,
        };
        if bytes.get(HEAD..name_end)? != name.as_bytes() || head_end > bytes.len() || !timely {
            return None;
        }
        Some(Self {
            moment,
            head: bytes.slice(name_end..head_end),
            body: bytes.slice(head_end..),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn frame(made: SystemTime) -> Bytes {
        let parts = [Bytes::from_static(b"two "), Bytes::from_static(b"parts")];
        let frame = Frame {
            name: "http://example.com/a",
            moment: Moment { epoch: 7, count: 3 },
            made,
            head: b"head",
            parts: &parts,
        };
        let bytes = frame.write().unwrap();
        assert_eq!(bytes.len(), frame.len());
        bytes
    }

    #[test]
    fn what_was_written_comes_back() {
        let now = SystemTime::now();
        let read = Framed::read(&frame(now), "http://example.com/a", WEEK, now).unwrap();
        assert_eq!(read.moment, Moment { epoch: 7, count: 3 });
        assert_eq!(
            (&*read.head, &*read.body),
            (&b"head"[..], &b"two parts"[..])
        );
    }

    #[test]
    fn nothing_else_comes_back() {
        let now = SystemTime::now();
        let whole = frame(now);
        let name = "http://example.com/a";
        for place in 0..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[place] ^= 1;
            assert_eq!(Framed::read(&damaged.into(), name, WEEK, now), None);
            assert_eq!(Framed::read(&whole.slice(..place), name, WEEK, now), None);
        }
        assert_eq!(
            Framed::read(&whole, "http://example.com/b", WEEK, now),
            None
        );
    }

    #[test]
    fn what_is_too_old_or_from_the_future_does_not_come_back() {
        let now = SystemTime::now();
        let read = |made| Framed::read(&frame(made), "http://example.com/a", WEEK, now);
        assert!(read(now - WEEK / 2).is_some() && read(now + SKEW / 2).is_some());
        assert_eq!(read(now - WEEK * 2), None);
        assert_eq!(read(now + SKEW * 2), None);
    }
}
