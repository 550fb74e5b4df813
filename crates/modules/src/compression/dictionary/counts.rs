//! How many deltas were sent, and what they saved.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts deltas.
#[derive(Debug, Default)]
pub struct DeltaCounts {
    sent: AtomicU64,
    saved: AtomicU64,
}

/// Deltas since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deltas {
    /// How many were sent.
    pub sent: u64,
    /// Bytes that these are less than the best forms of the same bodies.
    pub saved: u64,
}

impl DeltaCounts {
    /// A delta of so many bytes was sent in place of so many.
    pub fn count(&self, bytes: usize, in_place_of: usize) {
        let saved = in_place_of.saturating_sub(bytes) as u64;
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.saved.fetch_add(saved, Ordering::Relaxed);
    }

    /// What was counted.
    pub fn read(&self) -> Deltas {
        Deltas {
            sent: self.sent.load(Ordering::Relaxed),
            saved: self.saved.load(Ordering::Relaxed),
        }
    }
}
