//! Something too large for memory, on its way to the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::disk::writer::{Job, LargeEnd, charge};
use super::key::Name;
use super::{Inner, Keep, Lookup, Mark};

/// Something too large for memory, on its way to the disk. Dropping it before [`Large::end`]
/// leaves nothing.
pub struct Large<V: Keep> {
    inner: Arc<Inner<V>>,
    number: u64,
    mark: Mark,
    length: u64,
    ended: bool,
}

impl<V: Keep> Large<V> {
    pub(super) fn begin(inner: &Arc<Inner<V>>, mark: Mark) -> Option<Self> {
        let tier = inner.disk.as_ref()?;
        tier.disk.is_writable().then(|| Self {
            inner: inner.clone(),
            number: tier.disk.number(),
            mark,
            length: 0,
            ended: false,
        })
    }

    /// The next bytes. Returns whether it is still worth going on: the disk keeps up, and it is
    /// not too large.
    pub fn push(&mut self, bytes: Bytes) -> bool {
        let Some(tier) = &self.inner.disk else {
            return false;
        };
        self.length += bytes.len() as u64;
        let number = self.number;
        let fits = self.length <= tier.disk.settings.max_entry.bytes();
        let charge = charge(bytes.len() as u64);
        let taken = fits && tier.queue.offer(charge, Job::Piece { number, bytes });
        if !taken {
            tier.disk.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// It is whole: keeps it under this key, unless its URL was purged meanwhile. `value` says
    /// everything of it but its bytes.
    pub fn end(mut self, key: &Lookup<'_>, value: &V) {
        let (Some(tier), Some(packed)) = (&self.inner.disk, value.pack()) else {
            return;
        };
        self.ended = true;
        let end = LargeEnd {
            name: Name::new(key),
            mark: self.mark,
            head: packed.head,
            cost: u32::try_from(value.cost().as_micros()).unwrap_or(u32::MAX),
            tags: value.tags(),
        };
        let number = self.number;
        tier.queue.send(Job::End { number, end });
    }
}

impl<V: Keep> Drop for Large<V> {
    fn drop(&mut self) {
        if let Some(tier) = self.inner.disk.as_ref().filter(|_| !self.ended) {
            let number = self.number;
            tier.queue.send(Job::Drop { number });
        }
    }
}
