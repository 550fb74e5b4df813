mod crash;
mod disk;
mod memory;

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::wire::{Reader, Writer};
use super::*;

/// Some bytes, with whatever else matters to a store.
#[derive(Debug, PartialEq)]
struct Blob {
    bytes: Bytes,
    cost: Duration,
    tags: Vec<u64>,
    stale: bool,
    /// Where its bytes are, if not here.
    file: Option<u64>,
    /// It weighs so much whatever it holds.
    weight: u64,
}

impl Blob {
    fn new(weight: u64) -> Self {
        Self {
            bytes: Bytes::new(),
            cost: Duration::ZERO,
            tags: Vec::new(),
            stale: false,
            file: None,
            weight,
        }
    }

    fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            weight: bytes.len() as u64,
            bytes,
            ..Self::new(0)
        }
    }

    fn tagged(self, tags: &[u64]) -> Self {
        Self {
            tags: tags.to_vec(),
            ..self
        }
    }
}

impl Keep for Blob {
    fn weight(&self) -> u64 {
        self.weight
    }

    fn cost(&self) -> Duration {
        self.cost
    }

    fn tags(&self) -> Vec<u64> {
        self.tags.clone()
    }

    fn pack(&self) -> Option<Packed> {
        let mut head = Writer::default();
        head.u64(self.weight);
        Some(Packed {
            head: head.0,
            parts: vec![self.bytes.clone()],
        })
    }

    fn unpack(head: &[u8], body: Held) -> Option<Self> {
        let weight = Reader(head).u64()?;
        Some(match body {
            Held::Memory(bytes) => Self {
                bytes,
                ..Self::new(weight)
            },
            Held::File(file) => Self {
                file: Some(file.len()),
                ..Self::new(weight)
            },
        })
    }

    fn stale(&self, _since: SystemTime) -> Self {
        Self {
            bytes: self.bytes.clone(),
            tags: self.tags.clone(),
            stale: true,
            ..*self
        }
    }

    fn beside(&self, before: Option<&Self>) -> Change {
        match before.is_some_and(|before| self.bytes == before.bytes && self.stale == before.stale)
        {
            true => Change::None,
            false => Change::Other,
        }
    }
}

fn key(primary: &str, variant: &str) -> Key {
    Lookup { primary, variant }.to_key()
}

fn holds(store: &Store<Blob>, key: &Key) -> bool {
    store.peek(&key.as_lookup()).is_some()
}
