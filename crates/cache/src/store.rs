//! The place where things are kept: memory, bounded by bytes, found by one hash.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Allowance, ByteSize, Share};
use parking_lot::Mutex;
use quick_cache::{Equivalent, Lifecycle, OptionsBuilder, Weighter, sync::Cache};

#[cfg(test)]
mod tests;

base::settings! {
    /// What is kept of responses and pictures.
    pub struct StoreSettings {
        /// Memory for everything that is kept, bodies and headers together. What is still on its
        /// way takes a quarter as much at most; beyond that, bodies pass through.
        memory: ByteSize = ByteSize::mib(256),
        /// The largest single thing that is kept; larger ones pass through.
        max_entry: ByteSize = ByteSize::mib(16),
        /// How many variants of one URL are kept; the oldest makes room for the next.
        max_variants: u32 = 64,
    }
}

/// What something is kept under: the URL, and which of its variants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The URL: scheme, host, path and query. A purge names this.
    pub primary: Arc<str>,
    /// Which of the things kept for it; empty for the plain response.
    pub variant: Arc<str>,
}

impl Key {
    /// The key as a look-up takes it.
    pub fn as_lookup(&self) -> Lookup<'_> {
        Lookup {
            primary: &self.primary,
            variant: &self.variant,
        }
    }
}

/// A [`Key`] by reference, so that a look-up allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lookup<'a> {
    /// The URL.
    pub primary: &'a str,
    /// Which of the things kept for it.
    pub variant: &'a str,
}

impl Lookup<'_> {
    /// The owned key.
    pub fn to_key(&self) -> Key {
        Key {
            primary: self.primary.into(),
            variant: self.variant.into(),
        }
    }
}

impl Equivalent<Key> for Lookup<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.variant == *key.variant && *self.primary == *key.primary
    }
}

/// Something that knows how much memory it takes.
pub trait Weigh {
    /// Bytes in memory, all included; must not change while it is kept.
    fn weight(&self) -> u64;
}

/// Counters of a store since it was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Things kept.
    pub entries: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// Look-ups that found something.
    pub hits: u64,
    /// Look-ups that found nothing.
    pub misses: u64,
    /// Things that made room for others.
    pub evictions: u64,
}

/// A moment before something was fetched; what was purged since is not kept. The default is before
/// everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(u64);

/// Keeps what is asked for often, within a number of bytes.
pub struct Store<V> {
    cache: Cache<Key, Arc<V>, ByWeight, quick_cache::DefaultHashBuilder, NoteEvicted>,
    index: Box<[Mutex<Shelf>]>,
    hasher: RandomState,
    max_entry: u64,
    incoming: Arc<Allowance>,
    max_variants: usize,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

/// One part of the index: which variants of each URL are kept. Its lock orders everything that
/// happens to these URLs, except being found and being evicted.
#[derive(Default)]
struct Shelf {
    variants: HashMap<Arc<str>, Vec<Arc<str>>>,
    purges: Purges,
}

/// What was purged of late, by the hashes of the URLs.
#[derive(Default)]
struct Purges {
    count: u64,
    recent: VecDeque<u64>,
}

/// How many purges a shelf remembers by URL. What is fetched while there are more is not kept.
const REMEMBERED: usize = 256;

impl Purges {
    fn mark(&self) -> Mark {
        Mark(self.count)
    }

    fn one(&mut self, hash: u64) {
        self.count += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(hash);
    }

    fn all(&mut self) {
        self.count += 1;
        self.recent.clear();
    }

    /// Whether a URL was purged since the mark, or may have been, as that is forgotten.
    fn touched(&self, mark: Mark, hash: u64) -> bool {
        let since = usize::try_from(self.count.saturating_sub(mark.0)).unwrap_or(usize::MAX);
        since > self.recent.len() || self.recent.iter().rev().take(since).any(|own| *own == hash)
    }
}

const SHELVES: usize = 64;
/// What an entry costs beside what it says: key, slots in the tables, index.
const OVERHEAD: u64 = 256;
/// The size of a usual entry, to estimate how many there will be.
const USUAL_ENTRY: u64 = 16 << 10;

impl<V: Weigh + Send + Sync + 'static> Store<V> {
    /// An empty store. An entry may take at most a quarter of a shard of the memory, whatever the
    /// settings say.
    pub fn new(settings: &StoreSettings) -> Self {
        let memory = settings.memory.bytes().max(1 << 16);
        let max_entry = settings.max_entry.bytes().min(memory / 4).max(1);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
        let shards = (memory / (4 * max_entry)).clamp(1, threads * 4);
        // quick_cache rounds up to a power of two, which would make shards too small.
        let shards = 1usize << shards.ilog2();
        let mut options = OptionsBuilder::new();
        options
            .shards(shards)
            .weight_capacity(memory)
            .estimated_items_capacity((memory / USUAL_ENTRY) as usize);
        #[expect(
            clippy::expect_used,
            reason = "build fails only if a capacity is not set, and both are set above"
        )]
        let options = options.build().expect("both capacities are set");
        let hash = quick_cache::DefaultHashBuilder::default();
        Self {
            cache: Cache::with_options(options, ByWeight, hash, NoteEvicted),
            index: (0..SHELVES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            max_entry,
            incoming: Allowance::new(ByteSize(memory / 4)),
            max_variants: settings.max_variants.max(1) as usize,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// Finds what is kept under a key. Hashes once, allocates nothing, locks one shard for
    /// reading.
    pub fn find(&self, key: &Lookup<'_>) -> Option<Arc<V>> {
        let found = self.cache.get(key);
        let counter = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Finds without being counted and without making the entry more likely to stay.
    pub fn peek(&self, key: &Lookup<'_>) -> Option<Arc<V>> {
        self.cache.peek(key)
    }

    /// The largest weight that is kept, in bytes.
    pub fn max_entry(&self) -> u64 {
        self.max_entry
    }

    /// A share of the memory for what is still on its way here, of which nothing is taken yet:
    /// in all a quarter of that for what is kept.
    pub fn incoming(&self) -> Share {
        self.incoming.share()
    }

    /// The moment, for [`Store::insert_unless_purged`]. Take it before asking the origin.
    pub fn mark(&self, primary: &str) -> Mark {
        let (_, shelf) = self.shelf(primary);
        shelf.lock().purges.mark()
    }

    /// Keeps something, in place of what was there. Returns whether it was small enough.
    pub fn insert(&self, key: Key, value: Arc<V>) -> bool {
        let mark = self.mark(&key.primary);
        self.insert_unless_purged(mark, key, value)
    }

    /// Keeps something unless its URL was purged since `mark`: what was fetched before a purge
    /// must not come back after it. Returns whether it was kept. (So many purges of other URLs that
    /// they cannot be told apart have the same effect.)
    pub fn insert_unless_purged(&self, mark: Mark, key: Key, value: Arc<V>) -> bool {
        if value.weight() > self.max_entry {
            return false;
        }
        let mut evicted = Vec::new();
        {
            let (hash, shelf) = self.shelf(&key.primary);
            let mut shelf = shelf.lock();
            if shelf.purges.touched(mark, hash) {
                return false;
            }
            if let Some(oldest) = shelf.add(&key, self.max_variants) {
                self.cache.remove(&oldest);
            }
            self.cache.insert_with_lifecycle(key, value, &mut evicted);
        }
        self.count_evicted(evicted);
        true
    }

    /// Puts something in the place of what is kept there, if that is still `old`. Returns whether
    /// it was, and there is room.
    pub fn replace(&self, key: &Key, old: &Arc<V>, value: Arc<V>) -> bool {
        if value.weight() > self.max_entry {
            return false;
        }
        let mut evicted = Vec::new();
        {
            // The lock keeps out everyone else who would change it.
            let (_, shelf) = self.shelf(&key.primary);
            let _shelf = shelf.lock();
            let now = self.cache.peek(key);
            if !now.is_some_and(|now| Arc::ptr_eq(&now, old)) {
                return false;
            }
            self.cache
                .insert_with_lifecycle(key.clone(), value, &mut evicted);
        }
        self.count_evicted(evicted);
        true
    }

    /// Drops what is kept under one key.
    pub fn remove(&self, key: &Lookup<'_>) -> Option<Arc<V>> {
        let (_, shelf) = self.shelf(key.primary);
        let mut shelf = shelf.lock();
        let (key, value) = self.cache.remove(key)?;
        shelf.take(&key);
        Some(value)
    }

    /// Drops everything kept for a URL and returns how many things that were. What is being
    /// fetched for it at this moment will not be kept.
    pub fn purge(&self, primary: &str) -> usize {
        let (hash, shelf) = self.shelf(primary);
        let mut shelf = shelf.lock();
        shelf.purges.one(hash);
        let Some((primary, variants)) = shelf.variants.remove_entry(primary) else {
            return 0;
        };
        variants
            .into_iter()
            .filter(|variant| {
                let key = Lookup {
                    primary: &primary,
                    variant,
                };
                self.cache.remove(&key).is_some()
            })
            .count()
    }

    /// Drops every URL of which something is chosen, with all that is kept for it, and returns how
    /// many things that were. What is being fetched at this moment, for any URL, will not be kept.
    /// Cost: a look at everything; each part of the index is locked for its share of it.
    pub fn purge_where(&self, mut chosen: impl FnMut(&str, &V) -> bool) -> usize {
        let mut dropped = 0;
        for shelf in &self.index {
            let mut shelf = shelf.lock();
            shelf.purges.all();
            let mut any_chosen = |primary: &Arc<str>, variants: &[Arc<str>]| {
                variants.iter().any(|variant| {
                    self.cache
                        .peek(&Lookup { primary, variant })
                        .is_some_and(|value| chosen(primary, &value))
                })
            };
            let gone = shelf
                .variants
                .extract_if(|primary, variants| any_chosen(primary, variants));
            for (primary, variant) in gone.flat_map(|(primary, variants)| {
                variants
                    .into_iter()
                    .map(move |variant| (primary.clone(), variant))
            }) {
                dropped += usize::from(self.cache.remove(&Key { primary, variant }).is_some());
            }
        }
        dropped
    }

    /// Drops everything.
    pub fn clear(&self) {
        for shelf in &self.index {
            let mut shelf = shelf.lock();
            shelf.purges.all();
            for (primary, variants) in shelf.variants.drain() {
                for variant in variants {
                    self.cache.remove(&Key {
                        primary: primary.clone(),
                        variant,
                    });
                }
            }
        }
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        Stats {
            entries: self.cache.len() as u64,
            bytes: self.cache.weight(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }

    fn count_evicted(&self, evicted: Vec<(Key, Arc<V>)>) {
        self.evictions
            .fetch_add(evicted.len() as u64, Ordering::Relaxed);
        for (key, _value) in evicted {
            self.forget(&key);
        }
    }

    /// Takes an evicted key out of the index, unless it was kept again meanwhile.
    fn forget(&self, key: &Key) {
        let (_, shelf) = self.shelf(&key.primary);
        let mut shelf = shelf.lock();
        if !self.cache.contains_key(key) {
            shelf.take(key);
        }
    }

    /// A URL's hash and its part of the index.
    fn shelf(&self, primary: &str) -> (u64, &Mutex<Shelf>) {
        let hash = self.hasher.hash_one(primary);
        (hash, &self.index[hash as usize % SHELVES])
    }
}

impl Shelf {
    /// Notes a key; returns the one that must go to make room for it.
    fn add(&mut self, key: &Key, max_variants: usize) -> Option<Key> {
        let variants = self.variants.entry(key.primary.clone()).or_default();
        if variants.contains(&key.variant) {
            return None;
        }
        variants.push(key.variant.clone());
        (variants.len() > max_variants).then(|| Key {
            primary: key.primary.clone(),
            variant: variants.remove(0),
        })
    }

    fn take(&mut self, key: &Key) {
        if let Some(variants) = self.variants.get_mut(&key.primary) {
            variants.retain(|variant| *variant != key.variant);
            if variants.is_empty() {
                self.variants.remove(&key.primary);
            }
        }
    }
}

impl<V> std::fmt::Debug for Store<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("max_entry", &self.max_entry)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct ByWeight;

impl<V: Weigh> Weighter<Key, Arc<V>> for ByWeight {
    fn weight(&self, key: &Key, value: &Arc<V>) -> u64 {
        value.weight() + OVERHEAD + (key.primary.len() + key.variant.len()) as u64
    }
}

/// Collects what is evicted, so that the index is cleaned and values are dropped outside the lock of
/// the shard.
#[derive(Clone)]
struct NoteEvicted;

impl<V> Lifecycle<Key, Arc<V>> for NoteEvicted {
    type RequestState = Vec<(Key, Arc<V>)>;

    fn on_evict(&self, evicted: &mut Self::RequestState, key: Key, value: Arc<V>) {
        evicted.push((key, value));
    }
}
