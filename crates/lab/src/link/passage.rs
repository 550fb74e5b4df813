//! When what arrives had left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A packet's way to the client: through the queue, over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// When the server's kernel let it go.
    pub left: Instant,
    /// When it was there.
    pub arrived: Instant,
}

/// The passages of a link's packets to the client since [`crate::Link::passages`]; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Passages(Arc<Mutex<Option<Vec<Passage>>>>);

impl Passages {
    pub(super) fn begin(&self) {
        *self.lock() = Some(Vec::new());
    }

    pub(super) fn note(&self, left: Instant) {
        if let Some(passages) = &mut *self.lock() {
            let arrived = Instant::now();
            passages.push(Passage { left, arrived });
        }
    }

    /// Every passage so far, in the order of arrival.
    pub fn taken(&self) -> Vec<Passage> {
        self.lock().clone().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Passage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_before_somebody_wants_it() {
        let passages = Passages::default();
        let left = Instant::now();
        passages.note(left);
        assert!(passages.taken().is_empty());
        passages.begin();
        passages.note(left);
        let [passage] = passages.taken()[..] else {
            panic!("one packet has one passage");
        };
        assert!(passage.left == left && passage.arrived >= left);
    }
}
