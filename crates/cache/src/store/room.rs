//! What makes room: of a few things, the one worth least.

use std::sync::atomic::Ordering;

use super::disk::Disk;
use super::keep::Keep;
use super::shelf::Tier;
use super::{Inner, SHELVES};

/// Of how many things the one worth least makes room.
const SAMPLE: usize = 32;
/// Most of them from one part of the index.
const FROM_ONE: usize = 8;
impl<V: Keep> Inner<V> {
    /// Takes so many bytes of the memory; what is worth least makes room.
    pub(super) fn make_room(&self, bytes: u64) -> bool {
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

    pub(super) fn is_all_on_disk(&self) -> bool {
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
    pub(super) fn evict(&self, tier: Tier) -> bool {
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
}
