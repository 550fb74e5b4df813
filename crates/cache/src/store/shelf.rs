//! One part of the index: what is kept for some of the URLs, in memory, on disk or both.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::disk::Place;
use super::key::Name;
use super::purges::Purges;
use super::rank::{Standing, Uses};
use crate::Lookup;

/// What an entry costs beside what it says and its key: its slot, its place in the tables.
pub(super) const OVERHEAD: u64 = 256;

/// One thing that is kept.
pub(super) struct Slot<V> {
    pub(super) name: Name,
    /// It itself, where it is in memory.
    pub(super) value: Option<Arc<V>>,
    /// Its weight in memory.
    pub(super) weight: u64,
    /// Its file, where it is on disk.
    pub(super) place: Option<Place>,
    /// Tells apart what was kept here one after another.
    pub(super) version: u64,
    /// It waits to be written, and stays in memory until then.
    pub(super) writing: bool,
    /// What it costs to make again, in microseconds.
    pub(super) cost: u32,
    pub(super) uses: Uses,
    pub(super) in_memory: Standing,
    pub(super) on_disk: Standing,
    pub(super) tags: Box<[u64]>,
    /// When it was marked stale, in seconds since 1970; 0 if it was not, or its value knows.
    pub(super) stale_since: u64,
    /// Where it is in the lists of what is in memory and on disk.
    at: [u32; 2],
}

/// The two places where a thing can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    Memory,
    Disk,
}

pub(super) struct Shelf<V> {
    /// By the hash of the URL; the oldest first.
    urls: HashMap<u64, SmallVec<[u32; 2]>, BuildHasherDefault<Identity>>,
    slots: Vec<Option<Slot<V>>>,
    free: Vec<u32>,
    /// Which slots are in memory, and which on disk, in no order: to draw some.
    residents: [Vec<u32>; 2],
    /// Purges that this part has seen.
    pub(super) purges: Purges,
    versions: u64,
}

/// For keys that are hashes already.
#[derive(Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// What a place in the index takes, in bytes.
pub(super) fn overhead(key: &Lookup<'_>, tags: &[u64]) -> u64 {
    OVERHEAD + (key.primary.len() + key.variant.len() + 8 * tags.len()) as u64
}

impl<V> Default for Shelf<V> {
    fn default() -> Self {
        Self {
            urls: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            residents: [Vec::new(), Vec::new()],
            purges: Purges::default(),
            versions: 0,
        }
    }
}

impl<V> Slot<V> {
    fn new(key: &Lookup<'_>) -> Self {
        Self {
            name: Name::new(key),
            value: None,
            weight: 0,
            place: None,
            version: 0,
            writing: false,
            cost: 0,
            uses: Uses::default(),
            in_memory: Standing::default(),
            on_disk: Standing::default(),
            tags: Box::default(),
            stale_since: 0,
            at: [u32::MAX; 2],
        }
    }

    /// What its place in the index takes, in bytes.
    pub(super) fn overhead(&self) -> u64 {
        overhead(&self.name.as_lookup(), &self.tags)
    }

    /// What it takes in memory, all included.
    pub(super) fn takes(&self) -> u64 {
        self.overhead() + self.value.as_ref().map_or(0, |_| self.weight)
    }

    /// How high it stands in a tier; `None` if it is not there or must stay.
    pub(super) fn height(&self, tier: Tier) -> Option<f64> {
        let cost = Duration::from_micros(self.cost.into());
        match tier {
            Tier::Memory if self.writing => None,
            Tier::Memory => self.value.as_ref().map(|_| {
                self.in_memory
                    .height(&self.uses, cost, self.weight + OVERHEAD)
            }),
            Tier::Disk => {
                let place = self.place?;
                Some(self.on_disk.height(&self.uses, cost, place.room()))
            }
        }
    }
}

impl<V> Shelf<V> {
    /// The slot of a key.
    pub(super) fn find(&self, hash: u64, key: &Lookup<'_>) -> Option<u32> {
        let slots = self.urls.get(&hash)?;
        slots.iter().copied().find(|slot| {
            let slot = self.get(*slot);
            slot.is_some_and(|slot| slot.name.as_lookup() == *key)
        })
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Slot<V>> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Slot<V>> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// Every slot of a URL, the oldest first.
    pub(super) fn of_url(&self, hash: u64, primary: &str) -> SmallVec<[u32; 8]> {
        let slots = self.urls.get(&hash).into_iter().flatten().copied();
        slots
            .filter(|slot| {
                let slot = self.get(*slot);
                slot.is_some_and(|slot| slot.name.as_lookup().primary == primary)
            })
            .collect()
    }

    /// The slot of a key, made if there is none.
    pub(super) fn find_or_add(&mut self, hash: u64, key: &Lookup<'_>) -> u32 {
        if let Some(slot) = self.find(hash, key) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Slot::new(key));
        }
        self.urls.entry(hash).or_default().push(slot);
        slot
    }

    /// The next version, for something new in a slot.
    pub(super) fn next_version(&mut self) -> u64 {
        self.versions += 1;
        self.versions
    }

    /// Takes a slot out.
    pub(super) fn take(&mut self, hash: u64, slot: u32) -> Option<Slot<V>> {
        self.leave(slot, Tier::Memory);
        self.leave(slot, Tier::Disk);
        let taken = self.slots.get_mut(slot as usize)?.take()?;
        if let Some(slots) = self.urls.get_mut(&hash) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.urls.remove(&hash);
            }
        }
        self.free.push(slot);
        Some(taken)
    }

    /// Notes that a slot is in a tier now.
    pub(super) fn enter(&mut self, slot: u32, tier: Tier) {
        let list = &mut self.residents[tier as usize];
        let at = list.len() as u32;
        if let Some(Some(found)) = self.slots.get_mut(slot as usize)
            && found.at[tier as usize] == u32::MAX
        {
            found.at[tier as usize] = at;
            list.push(slot);
        }
    }

    /// Notes that it is not any more.
    pub(super) fn leave(&mut self, slot: u32, tier: Tier) {
        let Some(found) = self.get_mut(slot) else {
            return;
        };
        let at = std::mem::replace(&mut found.at[tier as usize], u32::MAX);
        let list = &mut self.residents[tier as usize];
        if at == u32::MAX || at as usize >= list.len() {
            return;
        }
        list.swap_remove(at as usize);
        if let Some(moved) = list.get(at as usize).copied()
            && let Some(moved) = self.get_mut(moved)
        {
            moved.at[tier as usize] = at;
        }
    }

    /// Those in a tier, in no order.
    pub(super) fn residents(&self, tier: Tier) -> &[u32] {
        &self.residents[tier as usize]
    }

    /// Every slot.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Slot<V>)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(number, slot)| Some((number as u32, slot.as_ref()?)))
    }

    /// Things kept.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
