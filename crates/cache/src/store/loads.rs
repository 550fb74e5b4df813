//! What moves from disk to memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::disk::{Content, Place, ReadError};
use super::keep::{Held, Keep};
use super::key::Name;
use super::shelf::{Shelf, Tier};
use super::{Inner, Lookup, time};

/// What is to be read: where it is, which it is, and its name.
pub(super) type Reading = (Place, u64, Name);

impl<V: Keep> Inner<V> {
    /// Where to read something; or what is in memory by now.
    pub(super) fn begin_load(&self, key: &Lookup<'_>) -> Result<Reading, Option<Arc<V>>> {
        let (hash, shelf) = self.shelf(key.primary);
        let shelf = shelf.read();
        let slot = shelf.find(hash, key).and_then(|slot| shelf.get(slot));
        let slot = slot.ok_or(None)?;
        if let Some(value) = &slot.value {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Err(Some(value.clone()));
        }
        let place = slot.place.ok_or(None)?;
        Ok((place, slot.version, slot.name.clone()))
    }

    /// Makes of what was read what was kept, and keeps it in memory.
    pub(super) fn end_load(
        self: &Arc<Self>,
        name: &Name,
        version: u64,
        place: Place,
        read: Result<Content, ReadError>,
    ) -> Option<Arc<V>> {
        let value = match read {
            Ok(Content::Whole(file, body, head)) => {
                let bytes = Bytes::slice(&file, ..body);
                V::unpack(&head, Held::Memory(bytes))
            }
            Ok(Content::Large(file, head)) => {
                let (inner, own) = (Arc::downgrade(self), name.clone());
                let file = file.with_alarm(move || {
                    if let Some(inner) = inner.upgrade() {
                        inner.disown(&own, place, true);
                    }
                });
                V::unpack(&head, Held::File(Arc::new(file)))
            }
            Err(ReadError::Slow) => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            Err(ReadError::Gone(error)) => {
                tracing::debug!(%error, "a file of the cache cannot be read");
                self.disown(name, place, false);
                None
            }
            Err(ReadError::Corrupt) => None,
        };
        let Some(value) = value else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            self.disown(name, place, true);
            return None;
        };
        let value = self.promote(name, version, place, Arc::new(value))?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        if let Some(tier) = &self.disk {
            tier.disk.counters.hits.fetch_add(1, Ordering::Relaxed);
        }
        Some(value)
    }

    /// Puts what was read into memory, if it is still what is kept and may stand there.
    fn promote(&self, name: &Name, version: u64, place: Place, value: Arc<V>) -> Option<Arc<V>> {
        let key = name.as_lookup();
        let (hash, shelf) = self.shelf(key.primary);
        let stale_since = |shelf: &Shelf<V>| {
            let slot = shelf.get(shelf.find(hash, &key)?)?;
            // Purged, or another by now: what was read is not what is kept.
            (slot.version == version && slot.place == Some(place)).then_some(slot.stale_since)
        };
        let mut value = value;
        let since = stale_since(&shelf.read())?;
        if since > 0 {
            value = Arc::new(value.stale(time(since)));
        }
        let weight = value.weight();
        if place.size > self.max_entry || weight > self.max_entry || !self.make_room(weight) {
            return Some(value);
        }
        let mut shelf = shelf.write();
        let number = shelf.find(hash, &key);
        if stale_since(&shelf) == Some(since)
            && let Some(number) = number
            && let Some(slot) = shelf.get_mut(number)
            && slot.value.is_none()
        {
            slot.value = Some(value.clone());
            slot.weight = weight;
            slot.uses.count();
            slot.in_memory.lift(&self.level);
            if let Some(tier) = &self.disk {
                slot.on_disk.lift(&tier.disk.level);
            }
            shelf.enter(number, Tier::Memory);
        } else {
            self.used.fetch_sub(weight, Ordering::Relaxed);
        }
        Some(value)
    }

    /// What is at this place on disk is not to be relied on.
    fn disown(&self, name: &Name, place: Place, corrupt: bool) {
        let Some(tier) = &self.disk else {
            return;
        };
        let key = name.as_lookup();
        let (hash, shelf) = self.shelf(key.primary);
        let mut shelf = shelf.write();
        let Some(number) = shelf.find(hash, &key) else {
            return;
        };
        let Some(slot) = shelf
            .get_mut(number)
            .filter(|slot| slot.place == Some(place))
        else {
            return;
        };
        let counter = match corrupt {
            true => &tier.disk.counters.corrupt,
            false => &tier.disk.counters.errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        slot.place = None;
        let gone = slot.value.is_none();
        shelf.leave(number, Tier::Disk);
        self.let_go(place);
        if gone && let Some(taken) = shelf.take(hash, number) {
            self.used.fetch_sub(taken.overhead(), Ordering::Relaxed);
        }
        tracing::debug!(
            url = key.primary,
            "a file of the cache is not what was written"
        );
    }
}
