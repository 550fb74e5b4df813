//! What moves from memory to disk, and how the disk is kept in order.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::disk::journal::{Put, Record};
use super::disk::writer::{Job, LargeEnd};
use super::disk::{Disk, Place};
use super::keep::Keep;
use super::key::Name;
use super::shelf::{Shelf, Slot, Tier, overhead};
use super::{Inner, Lookup};

impl<V: Keep> Inner<V> {
    /// A thing was written, or could not be.
    pub(super) fn written(&self, name: &Name, version: u64, place: Option<Place>) {
        let key = name.as_lookup();
        let (hash, shelf) = self.shelf(key.primary);
        let mut shelf = shelf.write();
        let number = shelf.find(hash, &key);
        let slot = number.and_then(|number| Some((number, shelf.get_mut(number)?)));
        let Some((number, slot)) = slot.filter(|(_, slot)| slot.version == version) else {
            drop(shelf);
            if let Some(place) = place {
                self.let_go_unsaid(place);
            }
            return;
        };
        slot.writing = false;
        if let Some(place) = place {
            self.settle_at(&mut shelf, number, place);
        }
    }

    /// Something large was written.
    pub(super) fn written_large(&self, end: LargeEnd, place: Place) {
        let key = end.name.as_lookup();
        let (hash, shelf) = self.shelf(key.primary);
        let overhead = overhead(&key, &end.tags);
        if !self.make_room(overhead) {
            return self.let_go_unsaid(place);
        }
        let mut shelf = shelf.write();
        if shelf.purges.touched(end.mark, hash) {
            self.used.fetch_sub(overhead, Ordering::Relaxed);
            drop(shelf);
            return self.let_go_unsaid(place);
        }
        let before = shelf.find(hash, &key);
        if let Some(before) = before {
            self.drop_slot(&mut shelf, hash, before);
        }
        let version = shelf.next_version();
        let number = shelf.find_or_add(hash, &key);
        if let Some(slot) = shelf.get_mut(number) {
            slot.version = version;
            slot.cost = end.cost;
            slot.tags = end.tags.into();
            slot.uses.count();
            self.settle_at(&mut shelf, number, place);
        }
        self.limit_variants(&mut shelf, hash, &key);
    }

    /// Notes where a thing is on disk now.
    fn settle_at(&self, shelf: &mut Shelf<V>, number: u32, place: Place) {
        let Some(tier) = &self.disk else {
            return;
        };
        let Some(slot) = shelf.get_mut(number) else {
            return;
        };
        let before = slot.place.replace(place);
        slot.on_disk.lift(&tier.disk.level);
        tier.disk.journal.add(&Record::Put(slot.put(place)));
        tier.disk.counters.written.fetch_add(1, Ordering::Relaxed);
        shelf.enter(number, Tier::Disk);
        if let Some(before) = before {
            self.let_go(before);
        }
    }

    /// A file is not wanted any more, and the journal has to know.
    pub(super) fn let_go(&self, place: Place) {
        if let Some(tier) = &self.disk {
            // Behind the lock of the index: the journal's order is that of what happened.
            if tier.disk.journal.add(&Record::Gone(place.number)) {
                self.wake();
            }
            tier.disk.let_go(place);
        }
    }

    /// The same for one that the journal never knew.
    fn let_go_unsaid(&self, place: Place) {
        if let Some(tier) = &self.disk {
            tier.disk.let_go(place);
        }
    }

    /// Has the thread look after the journal.
    pub(super) fn wake(&self) {
        if let Some(tier) = &self.disk {
            tier.queue.send(Job::Wake);
        }
    }

    /// What the journal says is there, at a start.
    pub(super) fn restore(&self, disk: &Disk, mut there: Vec<Put>) {
        // Of two for one key the later is right: the process ended between them.
        there.sort_unstable_by_key(|put| put.number);
        for put in there {
            let place = Place {
                number: put.number,
                size: put.size,
            };
            let key = Lookup {
                primary: &put.primary,
                variant: &put.variant,
            };
            let (hash, shelf) = self.shelf(key.primary);
            let mut shelf = shelf.write();
            if let Some(before) = shelf.find(hash, &key) {
                self.drop_slot(&mut shelf, hash, before);
            }
            let version = shelf.next_version();
            let number = shelf.find_or_add(hash, &key);
            let Some(slot) = shelf.get_mut(number) else {
                continue;
            };
            slot.version = version;
            slot.cost = put.cost;
            slot.stale_since = put.stale_since;
            slot.tags = put.tags.into();
            slot.place = Some(place);
            slot.uses.count();
            let overhead = slot.overhead();
            shelf.enter(number, Tier::Disk);
            drop(shelf);
            disk.take_room(place.room());
            self.used.fetch_add(overhead, Ordering::Relaxed);
        }
        // The settings may say less than they did.
        while disk.used() > disk.settings.size.bytes() && self.evict(Tier::Disk) {}
        while self.used.load(Ordering::Relaxed) > self.memory && self.evict(Tier::Disk) {}
    }

    /// Writes a whole generation of the journal; it was begun.
    pub(super) fn begin_generation(&self) {
        let Some(tier) = &self.disk else {
            return;
        };
        for shelf in &self.shelves {
            let shelf = shelf.read();
            for number in shelf.residents(Tier::Disk) {
                if let Some(slot) = shelf.get(*number)
                    && let Some(place) = slot.place
                {
                    tier.disk.journal.add(&Record::Put(slot.put(place)));
                }
            }
            drop(shelf);
            // A part at a time, so that not all of it is in memory at once.
            let _ = tier.disk.journal.flush();
        }
        if let Err(error) = tier.disk.journal.complete() {
            tier.disk.failed(&error);
        }
    }

    /// Deletes files that nobody knows.
    pub(super) fn sweep(&self) {
        let Some(tier) = &self.disk else {
            return;
        };
        let mut known = HashSet::new();
        for shelf in &self.shelves {
            let shelf = shelf.read();
            let slots = shelf.residents(Tier::Disk).iter();
            known.extend(slots.filter_map(|slot| Some(shelf.get(*slot)?.place?.number)));
        }
        let disk = tier.disk.clone();
        // On its own: there may be many, and what comes meanwhile must not wait.
        let sweep = move || disk.sweep(|number| known.contains(&number));
        let name = "cache-sweep".to_owned();
        if let Err(error) = std::thread::Builder::new().name(name).spawn(sweep) {
            tracing::warn!(%error, "what an earlier process left on disk stays there");
        }
    }

    /// Hands the journal to the system, deletes what was let go, and writes the journal anew where
    /// that is due.
    pub(super) fn look_after_journal(&self) {
        let Some(tier) = &self.disk else {
            return;
        };
        let disk = &tier.disk;
        if let Err(error) = disk.journal.flush()
            && disk.is_writable()
        {
            disk.failed(&error);
        }
        disk.bury();
        if !disk.may_want_tidying() {
            return;
        }
        let things: usize = self
            .shelves
            .iter()
            .map(|shelf| shelf.read().residents(Tier::Disk).len())
            .sum();
        if disk.wants_tidying(things as u64) {
            match disk.journal.begin() {
                Ok(()) => self.begin_generation(),
                Err(error) => disk.failed(&error),
            }
        }
    }
}

impl<V> Slot<V> {
    /// What the journal says of it.
    fn put(&self, place: Place) -> Put {
        let Lookup { primary, variant } = self.name.as_lookup();
        Put {
            number: place.number,
            size: place.size,
            cost: self.cost,
            stale_since: self.stale_since,
            primary: primary.to_owned(),
            variant: variant.to_owned(),
            tags: self.tags.to_vec(),
        }
    }
}
