//! What comes, what makes room for it, and what moves between memory and disk.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::disk::journal::{Put, Record};
use super::disk::writer::{Job, LargeEnd, charge};
use super::disk::{Content, Disk, Place, ReadError};
use super::keep::{Change, Held, Keep};
use super::key::Name;
use super::shelf::{Shelf, Slot, Tier, overhead};
use super::{Inner, Lookup, Mark, SHELVES, time};

/// Of how many things the one worth least makes room.
const SAMPLE: usize = 32;
/// Most of them from one part of the index.
const FROM_ONE: usize = 8;
/// What is to be read: where it is, which it is, and its name.
pub(super) type Reading = (Place, u64, Name);

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

    fn limit_variants(&self, shelf: &mut Shelf<V>, hash: u64, key: &Lookup<'_>) {
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

    /// Takes so many bytes of the memory; what is worth least makes room.
    fn make_room(&self, bytes: u64) -> bool {
        if bytes > self.memory {
            return false;
        }
        loop {
            let taken = self
                .used
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                    (used + bytes <= self.memory).then_some(used + bytes)
                });
            if taken.is_ok() {
                return true;
            }
            // What is only known of, on disk, takes memory too; but what waits to be written stays.
            let made = self.evict(Tier::Memory) || self.is_all_on_disk() && self.evict(Tier::Disk);
            if !made {
                return false;
            }
        }
    }

    fn is_all_on_disk(&self) -> bool {
        let mut shelves = self.shelves.iter();
        shelves.all(|shelf| shelf.read().residents(Tier::Memory).is_empty())
    }

    /// The same for the disk.
    pub(super) fn make_room_on_disk(&self, disk: &Disk, bytes: u64) -> bool {
        if bytes > disk.settings.size.bytes() {
            return false;
        }
        while !disk.try_take_room(bytes) {
            if !self.evict(Tier::Disk) {
                return false;
            }
        }
        true
    }

    /// The disk is full before it was said to be: a sixteenth of what is there makes room.
    pub(super) fn shrink_disk(&self, disk: &Disk) {
        let target = disk.used() - disk.used() / 16;
        while disk.used() > target && self.evict(Tier::Disk) {}
        // Deleted now: it is their room that is needed.
        let _ = disk.journal.flush();
        disk.bury();
    }

    /// What is worth least, of some that are drawn, makes room in a tier. Returns whether there was
    /// something.
    fn evict(&self, tier: Tier) -> bool {
        // Between drawing and taking, things may change; then again.
        for _ in 0..64 {
            let Some((place, slot, version, height)) = self.draw(tier) else {
                return false;
            };
            if self.take_out(tier, place, slot, version, height) {
                return true;
            }
        }
        false
    }

    /// Draws some things of a tier and returns the one that stands lowest.
    fn draw(&self, tier: Tier) -> Option<(usize, u32, u64, f64)> {
        let first = fastrand::usize(..SHELVES);
        let mut lowest: Option<(usize, u32, u64, f64)> = None;
        let mut drawn = 0;
        for place in (first..SHELVES).chain(0..first) {
            let shelf = self.shelves[place].read();
            let residents = shelf.residents(tier);
            let start = match residents.len() {
                0 => continue,
                length => fastrand::usize(..length),
            };
            for step in 0..residents.len().min(FROM_ONE) {
                let number = residents[(start + step) % residents.len()];
                let Some(slot) = shelf.get(number) else {
                    continue;
                };
                if let Some(height) = slot.height(tier) {
                    drawn += 1;
                    if lowest.is_none_or(|(.., least)| height < least) {
                        lowest = Some((place, number, slot.version, height));
                    }
                }
            }
            if drawn >= SAMPLE {
                break;
            }
        }
        lowest
    }

    fn take_out(&self, tier: Tier, place: usize, number: u32, version: u64, height: f64) -> bool {
        let mut shelf = self.shelves[place].write();
        let Some(slot) = shelf.get_mut(number) else {
            return false;
        };
        if slot.version != version || slot.height(tier).is_none() {
            return false;
        }
        match tier {
            Tier::Memory => {
                slot.value = None;
                self.used.fetch_sub(slot.weight, Ordering::Relaxed);
                self.level.rise(height);
                self.evictions.fetch_add(1, Ordering::Relaxed);
            }
            Tier::Disk => {
                if let (Some(place), Some(tier)) = (slot.place.take(), &self.disk) {
                    tier.disk.level.rise(height);
                    tier.disk.counters.evictions.fetch_add(1, Ordering::Relaxed);
                    self.let_go(place);
                }
            }
        }
        let gone = slot.value.is_none() && slot.place.is_none();
        let (hash, _) = self.shelf(slot.name.as_lookup().primary);
        shelf.leave(number, tier);
        if gone && let Some(taken) = shelf.take(hash, number) {
            self.used.fetch_sub(taken.overhead(), Ordering::Relaxed);
        }
        true
    }

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
