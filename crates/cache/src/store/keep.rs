//! What the store asks of those it keeps.

use std::hash::Hasher;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::disk::file::FileBody;

/// Something that can be kept.
pub trait Keep: Sized + Send + Sync + 'static {
    /// Bytes in memory, all included; must not change while it is kept.
    fn weight(&self) -> u64;

    /// The processor time it took to make, beside fetching it.
    fn cost(&self) -> Duration {
        Duration::ZERO
    }

    /// What it is tagged with, see [`tag`].
    fn tags(&self) -> Vec<u64> {
        Vec::new()
    }

    /// What is written of it; `None` if it is for memory alone.
    fn pack(&self) -> Option<Packed>;

    /// What was written, come back; `None` if it makes no sense.
    fn unpack(head: &[u8], body: Held) -> Option<Self>;

    /// The same, but no longer fresh since then.
    fn stale(&self, since: SystemTime) -> Self;

    /// What it is beside what was there before; `None` if that is not in memory.
    fn beside(&self, _before: Option<&Self>) -> Change {
        Change::Other
    }
}

/// What is written of something.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// What it says of itself, without its bytes.
    pub head: Vec<u8>,
    /// Its bytes, one after another.
    pub parts: Vec<Bytes>,
}

/// The bytes of something that comes from disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// At hand.
    Memory(Bytes),
    /// Too many for memory.
    File(Arc<FileBody>),
}

impl Held {
    /// How many.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What something new is beside what was kept in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So little that what is on disk may stay as it is.
    None,
    /// What is on disk is right, until the new is there.
    Grown,
    /// What is on disk is wrong now.
    Other,
}

/// The number that stands for a tag. Equal for equal tags, in every process.
pub fn tag(text: &[u8]) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(text);
    hasher.finish()
}

/// FNV-1a of 64 bits, finished by a mix.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
