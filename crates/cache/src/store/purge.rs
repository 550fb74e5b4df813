//! What is kept no longer, or no longer as fresh: by URL, or by whatever a caller looks at.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::RwLock;

use super::disk::journal::Record;
use super::shelf::Shelf;
use super::{Inner, Keep, Lookup, Store, time};

/// What is known of something without having it at hand.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its URL.
    pub primary: &'a str,
    /// Which of the things kept for the URL.
    pub variant: &'a str,
    /// Its tags, see [`tag`](super::tag).
    pub tags: &'a [u64],
}

impl<V: Keep> Store<V> {
    /// Drops everything kept for a URL and returns how many things that were. What is being
    /// fetched for it at this moment will not be kept.
    pub fn purge(&self, primary: &str) -> usize {
        let (hash, shelf) = self.inner.shelf(primary);
        let mut shelf = shelf.write();
        shelf.purges.one(hash);
        let slots = shelf.of_url(hash, primary);
        for slot in &slots {
            self.inner.drop_slot(&mut shelf, hash, *slot);
        }
        drop(shelf);
        self.inner.make_lasting(slots.len())
    }

    /// Drops every URL of which something is chosen, with all that is kept for it, and returns how
    /// many things that were. What is being fetched at this moment, for any URL, will not be kept.
    /// Cost: a look at everything; each part of the index is locked for its share of it.
    pub fn purge_where(&self, chosen: impl FnMut(&Named<'_>) -> bool) -> usize {
        let dropped = self.inner.for_chosen(chosen, |shelf, hash, slot| {
            self.inner.drop_slot(shelf, hash, slot);
        });
        self.inner.make_lasting(dropped)
    }

    /// Makes everything kept for a URL stale, and returns how many things that were. What is being
    /// fetched for it at this moment will not be kept.
    pub fn soften(&self, primary: &str) -> usize {
        let now = SystemTime::now();
        let (hash, shelf) = self.inner.shelf(primary);
        let mut shelf = shelf.write();
        shelf.purges.one(hash);
        let slots = shelf.of_url(hash, primary);
        for slot in &slots {
            self.inner.make_stale(&mut shelf, *slot, now);
        }
        drop(shelf);
        self.inner.make_lasting(slots.len())
    }

    /// The same for every URL of which something is chosen, as [`Store::purge_where`].
    pub fn soften_where(&self, chosen: impl FnMut(&Named<'_>) -> bool) -> usize {
        let now = SystemTime::now();
        let softened = self.inner.for_chosen(chosen, |shelf, _, slot| {
            self.inner.make_stale(shelf, slot, now);
        });
        self.inner.make_lasting(softened)
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.purge_where(|_| true);
    }
}

impl<V: Keep> Inner<V> {
    fn for_chosen(
        &self,
        mut chosen: impl FnMut(&Named<'_>) -> bool,
        mut each: impl FnMut(&mut Shelf<V>, u64, u32),
    ) -> usize {
        let mut count = 0;
        for shelf in &self.shelves {
            count += self.for_chosen_in(shelf, &mut chosen, &mut each);
        }
        count
    }

    fn for_chosen_in(
        &self,
        shelf: &RwLock<Shelf<V>>,
        chosen: &mut impl FnMut(&Named<'_>) -> bool,
        each: &mut impl FnMut(&mut Shelf<V>, u64, u32),
    ) -> usize {
        let mut shelf = shelf.write();
        shelf.purges.all();
        let hits = shelf.all().filter(|(_, slot)| {
            let Lookup { primary, variant } = slot.name.as_lookup();
            let tags = &slot.tags;
            chosen(&Named {
                primary,
                variant,
                tags,
            })
        });
        let mut urls: Vec<Arc<str>> = hits
            .map(|(_, slot)| slot.name.as_lookup().primary.into())
            .collect();
        urls.sort_unstable();
        urls.dedup();
        let mut count = 0;
        for primary in urls {
            let (hash, _) = self.shelf(&primary);
            for slot in shelf.of_url(hash, &primary) {
                each(&mut shelf, hash, slot);
                count += 1;
            }
        }
        count
    }

    /// Makes one thing stale, wherever it is.
    fn make_stale(&self, shelf: &mut Shelf<V>, number: u32, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let Some(slot) = shelf.get_mut(number) else {
            return;
        };
        if let (Some(place), Some(tier)) = (slot.place, &self.disk) {
            tier.disk.journal.add(&Record::Stale(place.number, since));
        }
        // For what is on disk and for what is on its way there, which is not stale in itself.
        slot.stale_since = since;
        if let Some(value) = &slot.value {
            let stale = Arc::new(value.stale(time(since)));
            let weight = stale.weight();
            self.used.fetch_add(weight, Ordering::Relaxed);
            self.used.fetch_sub(slot.weight, Ordering::Relaxed);
            slot.value = Some(stale);
            slot.weight = weight;
        }
    }

    /// Takes a slot out, with its file.
    pub(super) fn drop_slot(&self, shelf: &mut Shelf<V>, hash: u64, slot: u32) {
        let Some(taken) = shelf.take(hash, slot) else {
            return;
        };
        self.used.fetch_sub(taken.takes(), Ordering::Relaxed);
        if let Some(place) = taken.place {
            self.let_go(place);
        }
    }

    /// What was purged stays so, whatever happens to this process now.
    fn make_lasting(&self, count: usize) -> usize {
        if count > 0
            && let Some(tier) = &self.disk
        {
            if let Err(error) = tier.disk.journal.flush() {
                tier.disk.failed(&error);
                // Then the files themselves must go before anyone relies on it.
                tier.disk.bury();
            }
            self.wake();
        }
        count
    }
}
