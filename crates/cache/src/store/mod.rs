//! The place where things are kept: memory, bounded by bytes, and a disk behind it.
//!
//! One index knows what is in memory, what is on disk and what is in both; it is in parts, each
//! with a lock of its own. What makes room first is decided by what it is worth, see [`rank`].

pub mod disk;
#[cfg(test)]
pub(crate) mod folder;
mod keep;
mod key;
mod large;
mod loads;
mod moves;
mod purge;
mod purges;
mod rank;
mod room;
mod settings;
mod shelf;
#[cfg(test)]
mod tests;
pub mod wire;
mod writes;

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, UNIX_EPOCH};

use base::{Allowance, ByteSize, Share};
use parking_lot::RwLock;

pub use disk::DiskError;
pub use disk::file::FileBody;
pub use disk::format::FORM;
pub use keep::{Change, Held, Keep, Packed, tag};
pub use key::{Key, Lookup};
pub use large::Large;
pub use purge::Named;
pub use settings::{DiskSettings, StoreSettings};

use disk::Disk;
use disk::writer::{Job, Queue, work};
use rank::Level;
use shelf::{Shelf, Tier};

/// Counters of a store since it was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Things kept, in memory or on disk.
    pub entries: u64,
    /// Bytes in memory, with what is known of things on disk.
    pub bytes: u64,
    /// Look-ups that found something, in memory or on disk.
    pub hits: u64,
    /// Look-ups that found nothing.
    pub misses: u64,
    /// Things that made room for others in memory.
    pub evictions: u64,
    /// The disk; all zero where there is none.
    pub disk: DiskStats,
}

/// The same for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Things kept there.
    pub entries: u64,
    /// Bytes they take, in whole blocks.
    pub bytes: u64,
    /// Look-ups that found something there and not in memory.
    pub hits: u64,
    /// Things written.
    pub written: u64,
    /// Things not written, because there was no room for them or the disk is too slow.
    pub dropped: u64,
    /// Things that were not what was written, and were dropped.
    pub corrupt: u64,
    /// Failures to read or write.
    pub errors: u64,
    /// Things that made room for others.
    pub evictions: u64,
}

/// A moment before something was fetched; what was purged since is not kept. The default is before
/// everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(u64);

/// What a look-up came to.
#[derive(Debug)]
pub enum Sought<V> {
    /// This.
    Kept(Arc<V>),
    /// It is on disk: [`Store::load`] brings it.
    OnDisk,
    /// Nothing.
    Nothing,
}

/// Keeps what is worth most, within numbers of bytes. Dropping it writes what waits to be written.
pub struct Store<V: Keep> {
    inner: Arc<Inner<V>>,
}

pub(super) struct Inner<V> {
    shelves: Box<[RwLock<Shelf<V>>]>,
    hasher: RandomState,
    max_entry: u64,
    memory: u64,
    used: AtomicU64,
    level: Level,
    incoming: Arc<Allowance>,
    max_variants: usize,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    disk: Option<DiskTier<V>>,
}

/// The disk, and the way to the thread that writes on it.
struct DiskTier<V> {
    disk: Arc<Disk>,
    queue: Queue<V>,
}

const SHELVES: usize = 64;
/// The longest wait for what is still to be written when a store ends.
const LAST_WRITES: Duration = Duration::from_secs(3);

impl<V: Keep> Store<V> {
    /// An empty store in memory alone. An entry may take at most a quarter of the memory, whatever
    /// the settings say.
    pub fn new(settings: &StoreSettings) -> Self {
        Self {
            inner: Arc::new(Inner::new(settings, None)),
        }
    }

    /// A store with the disk at `path` behind its memory, and all that is kept there. One whose
    /// journal is of another form is emptied.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn open(settings: &StoreSettings, path: &Path) -> Result<Self, DiskError> {
        let (disk, there) = Disk::open(path, &settings.disk)?;
        // What waits to be written stays in memory, and must leave some of it to all else.
        let waiting = settings.disk.queue.bytes().min(settings.memory.bytes() / 4);
        let (queue, jobs) = Queue::new(waiting);
        let disk = Arc::new(disk);
        let tier = DiskTier {
            disk: disk.clone(),
            queue,
        };
        let inner = Arc::new(Inner::new(settings, Some(tier)));
        inner.restore(&disk, there);
        let weak = Arc::downgrade(&inner);
        std::thread::Builder::new()
            .name("cache-disk".into())
            .spawn(move || work(&weak, &jobs))
            .map_err(|cause| DiskError::Unusable {
                path: path.to_owned(),
                cause,
            })?;
        Ok(Self { inner })
    }

    /// Looks a key up. Hashes once, allocates nothing, locks one part of the index for reading.
    pub fn seek(&self, key: &Lookup<'_>) -> Sought<V> {
        let inner = &*self.inner;
        let (hash, shelf) = inner.shelf(key.primary);
        let shelf = shelf.read();
        let slot = shelf.find(hash, key).and_then(|slot| shelf.get(slot));
        let found = slot.and_then(|slot| Some((slot, slot.value.clone()?)));
        match found {
            Some((slot, value)) => {
                slot.uses.count();
                slot.in_memory.lift(&inner.level);
                if let Some(tier) = inner.disk.as_ref().filter(|_| slot.place.is_some()) {
                    slot.on_disk.lift(&tier.disk.level);
                }
                inner.hits.fetch_add(1, Ordering::Relaxed);
                Sought::Kept(value)
            }
            None if slot.is_some_and(|slot| slot.place.is_some()) => Sought::OnDisk,
            None => {
                inner.misses.fetch_add(1, Ordering::Relaxed);
                Sought::Nothing
            }
        }
    }

    /// Finds what is kept in memory under a key.
    pub fn find(&self, key: &Lookup<'_>) -> Option<Arc<V>> {
        match self.seek(key) {
            Sought::Kept(value) => Some(value),
            Sought::OnDisk | Sought::Nothing => None,
        }
    }

    /// Finds what is kept in memory without being counted and without making it more likely to
    /// stay.
    pub fn peek(&self, key: &Lookup<'_>) -> Option<Arc<V>> {
        let (hash, shelf) = self.inner.shelf(key.primary);
        let shelf = shelf.read();
        shelf.get(shelf.find(hash, key)?)?.value.clone()
    }

    /// Brings what [`Sought::OnDisk`] is, and keeps it in memory too if it is not too large. `None`
    /// if it is gone by now, is not what was written, or takes too long.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn load(&self, key: &Lookup<'_>) -> Option<Arc<V>> {
        let (place, version, name) = match self.inner.begin_load(key) {
            Ok(place) => place,
            Err(found) => {
                let missed = u64::from(found.is_none());
                self.inner.misses.fetch_add(missed, Ordering::Relaxed);
                return found;
            }
        };
        let disk = self.inner.disk.as_ref()?.disk.clone();
        let read = disk.read(place, name.clone(), self.inner.max_entry).await;
        self.inner.end_load(&name, version, place, read)
    }

    /// The same for a thread that may wait, uncounted.
    pub fn load_now(&self, key: &Lookup<'_>) -> Option<Arc<V>> {
        let (place, version, name) = match self.inner.begin_load(key) {
            Ok(place) => place,
            Err(found) => return found,
        };
        let disk = &self.inner.disk.as_ref()?.disk;
        let read = disk.read_now(place, &name, self.inner.max_entry);
        self.inner.end_load(&name, version, place, read)
    }

    /// The largest weight that is kept in memory, in bytes.
    pub fn max_entry(&self) -> u64 {
        self.inner.max_entry
    }

    /// The largest body that is kept at all, in bytes.
    pub fn max_large(&self) -> u64 {
        let disk = self.inner.disk.as_ref();
        let on_disk = disk.map_or(0, |tier| tier.disk.settings.max_entry.bytes());
        on_disk.max(self.inner.max_entry)
    }

    /// A share of the memory for what is still on its way here, of which nothing is taken yet:
    /// in all a quarter of that for what is kept.
    pub fn incoming(&self) -> Share {
        self.inner.incoming.share()
    }

    /// The moment, for [`Store::insert_unless_purged`]. Take it before asking the origin.
    pub fn mark(&self, primary: &str) -> Mark {
        self.inner.shelf(primary).1.read().purges.mark()
    }

    /// Keeps something, in place of what was there. Returns whether it was small enough.
    pub fn insert(&self, key: Key, value: Arc<V>) -> bool {
        let mark = self.mark(&key.primary);
        self.insert_unless_purged(mark, key, value)
    }

    /// Keeps something unless its URL was purged since `mark`: what was fetched before a purge
    /// must not come back after it. Returns whether it was kept. (So many purges of other URLs that
    /// they cannot be told apart have the same effect.)
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a key is made for the one place it is kept at"
    )]
    pub fn insert_unless_purged(&self, mark: Mark, key: Key, value: Arc<V>) -> bool {
        self.inner.insert(Some(mark), &key.as_lookup(), value, None)
    }

    /// Puts something in the place of what is kept there, if that is still `old`. Returns whether
    /// it was, and there is room.
    pub fn replace(&self, key: &Key, old: &Arc<V>, value: Arc<V>) -> bool {
        self.inner.insert(None, &key.as_lookup(), value, Some(old))
    }

    /// A place on disk for something too large for memory, of which the first bytes are here;
    /// `None` where there is no disk, or it cannot be written now.
    pub fn begin_large(&self, mark: Mark) -> Option<Large<V>> {
        Large::begin(&self.inner, mark)
    }

    /// Drops what is kept under one key. Returns whether there was something.
    pub fn remove(&self, key: &Lookup<'_>) -> bool {
        self.inner.remove(key)
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        let inner = &*self.inner;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (mut entries, mut on_disk) = (0, 0);
        for shelf in &inner.shelves {
            let shelf = shelf.read();
            entries += shelf.len() as u64;
            on_disk += shelf.residents(Tier::Disk).len() as u64;
        }
        let disk = inner.disk.as_ref().map(|tier| {
            let counters = &tier.disk.counters;
            DiskStats {
                entries: on_disk,
                bytes: tier.disk.used(),
                hits: read(&counters.hits),
                written: read(&counters.written),
                dropped: read(&counters.dropped),
                corrupt: read(&counters.corrupt),
                errors: read(&counters.errors),
                evictions: read(&counters.evictions),
            }
        });
        Stats {
            entries,
            bytes: read(&inner.used),
            hits: read(&inner.hits),
            misses: read(&inner.misses),
            evictions: read(&inner.evictions),
            disk: disk.unwrap_or_default(),
        }
    }

    /// Waits until what waited to be written is, three seconds at most. Returns whether it is.
    pub fn settle(&self) -> bool {
        let Some(tier) = &self.inner.disk else {
            return true;
        };
        let (settled, wait) = channel();
        tier.queue.send(Job::Settle(settled)) && wait.recv_timeout(LAST_WRITES).is_ok()
    }
}

impl<V: Keep> Drop for Store<V> {
    fn drop(&mut self) {
        self.settle();
        if let Some(tier) = &self.inner.disk {
            tier.disk.unlock();
        }
    }
}

impl<V> Inner<V> {
    fn new(settings: &StoreSettings, disk: Option<DiskTier<V>>) -> Self {
        let memory = settings.memory.bytes().max(1 << 16);
        Self {
            shelves: (0..SHELVES).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            max_entry: settings.max_entry.bytes().min(memory / 4).max(1),
            memory,
            used: AtomicU64::new(0),
            level: Level::default(),
            incoming: Allowance::new(ByteSize(memory / 4)),
            max_variants: settings.max_variants.max(1) as usize,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            disk,
        }
    }

    /// The hash of a URL, and the part of the index it belongs to.
    fn shelf(&self, primary: &str) -> (u64, &RwLock<Shelf<V>>) {
        let hash = self.hasher.hash_one(primary);
        // The tables inside use the other bits.
        (hash, &self.shelves[(hash >> 40) as usize % SHELVES])
    }
}

impl<V: Keep> std::fmt::Debug for Store<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("max_entry", &self.inner.max_entry)
            .finish_non_exhaustive()
    }
}

/// A time in seconds since 1970.
fn time(seconds: u64) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(u64::from(u32::MAX)))
}
