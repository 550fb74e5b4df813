//! What comes and what goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::disk::writer::{Job, charge};
use super::keep::{Change, Keep};
use super::shelf::{Shelf, Tier, overhead};
use super::{Inner, Lookup, Mark};

impl<V: Keep> Inner<V> {
    /// Keeps something: unless purged since `mark`, and in the place of `old` if that is given and
    /// still there.
    pub(super) fn insert(
        &self,
        mark: Option<Mark>,
        key: &Lookup<'_>,
        value: Arc<V>,
        old: Option<&Arc<V>>,
    ) -> bool {
        let weight = value.weight();
        if weight > self.max_entry {
            return false;
        }
        let tags: Box<[u64]> = value.tags().into();
        let takes = overhead(key, &tags) + weight;
        if !self.make_room(takes) {
            return false;
        }
        let (hash, shelf) = self.shelf(key.primary);
        let mut shelf = shelf.write();
        let stands = match old {
            None => mark.is_none_or(|mark| !shelf.purges.touched(mark, hash)),
            Some(old) => shelf
                .find(hash, key)
                .and_then(|slot| shelf.get(slot)?.value.as_ref())
                .is_some_and(|now| Arc::ptr_eq(now, old)),
        };
        if !stands {
            self.used.fetch_sub(takes, Ordering::Relaxed);
            return false;
        }
        let version = shelf.next_version();
        let number = shelf.find_or_add(hash, key);
        let Some(slot) = shelf.get_mut(number) else {
            self.used.fetch_sub(takes, Ordering::Relaxed);
            return false;
        };
        let change = value.beside(slot.value.as_deref());
        // A new slot has given nothing yet: it was counted by what `takes` says.
        if slot.version != 0 {
            self.used.fetch_sub(slot.takes(), Ordering::Relaxed);
        }
        slot.version = version;
        slot.weight = weight;
        slot.tags = tags;
        slot.cost = u32::try_from(value.cost().as_micros()).unwrap_or(u32::MAX);
        slot.uses.count();
        slot.in_memory.lift(&self.level);
        slot.stale_since = 0;
        slot.value = Some(value.clone());
        shelf.enter(number, Tier::Memory);
        self.send_to_disk(&mut shelf, number, value, change);
        self.limit_variants(&mut shelf, hash, key);
        true
    }

    /// What was on disk before goes if it is wrong now; and the new is offered to the disk.
    fn send_to_disk(&self, shelf: &mut Shelf<V>, number: u32, value: Arc<V>, change: Change) {
        let Some(tier) = &self.disk else {
            return;
        };
        if change == Change::Other
            && let Some(place) = shelf.get_mut(number).and_then(|slot| slot.place.take())
        {
            shelf.leave(number, Tier::Disk);
            self.let_go(place);
        }
        let Some(slot) = shelf.get_mut(number) else {
            return;
        };
        // What is already on its way there is an older one.
        let on_disk = slot.place.is_some() && !slot.writing;
        if change == Change::None && on_disk {
            return;
        }
        let charge = charge(slot.weight);
        slot.writing = tier.queue.offer(
            charge,
            Job::Keep {
                name: slot.name.clone(),
                version: slot.version,
                value,
                charge,
            },
        );
        if !slot.writing {
            tier.disk.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn limit_variants(&self, shelf: &mut Shelf<V>, hash: u64, key: &Lookup<'_>) {
        let slots = shelf.of_url(hash, key.primary);
        let surplus = slots.len().saturating_sub(self.max_variants);
        for slot in slots.iter().take(surplus) {
            self.drop_slot(shelf, hash, *slot);
        }
    }

    /// Drops what is kept under one key.
    pub(super) fn remove(&self, key: &Lookup<'_>) -> bool {
        let (hash, shelf) = self.shelf(key.primary);
        let mut shelf = shelf.write();
        let Some(slot) = shelf.find(hash, key) else {
            return false;
        };
        self.drop_slot(&mut shelf, hash, slot);
        drop(shelf);
        self.wake();
        true
    }
}
