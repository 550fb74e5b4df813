//! The disk behind the memory: a file for each thing kept, and a journal of what is there.
//!
//! A file counts only once the journal has it, and the journal has it only when it is whole; so the
//! end of the process at any moment leaves nothing that could be mistaken for something kept.
//! What a power cut may do to both is found out by their sums.

pub(super) mod file;
pub(super) mod format;
pub mod journal;
mod quick;
pub(super) mod writer;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::key::Name;
use super::rank::Level;
use super::settings::DiskSettings;
use file::FileBody;
use format::{End, Lengths, TRAILER};
use journal::{Journal, Put};

/// What a file really takes: whole blocks.
const BLOCK: u64 = 4096;
/// Folders that the files are spread over.
const FOLDERS: u64 = 256;
/// How long nothing is written after something could not be.
const PAUSE: Duration = Duration::from_secs(10);
/// Reads at once; more would only wait for one another.
const READS: usize = 64;
/// The longest wait for a read; after that the origin is asked.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// What is read of the end of a large file at first.
const END: usize = 64 << 10;
/// The number of a start is above, that of a file within it below.
const WITHIN: u32 = 40;

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Another process uses it.
    #[error("another process has the cache in `{0}`")]
    Locked(PathBuf),
    /// It cannot be made, read or written.
    #[error("`{path}` cannot be used")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Where something is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) size: u64,
}

impl Place {
    /// The room it takes.
    pub(super) fn room(&self) -> u64 {
        self.size.next_multiple_of(BLOCK)
    }
}

/// Counters of a disk.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) corrupt: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) evictions: AtomicU64,
}

/// What was read of a file.
pub(super) enum Content {
    /// All of it: the file's bytes, where the body ends, and the head.
    Whole(Bytes, usize, Vec<u8>),
    /// The head, and the body to be read from the file.
    Large(FileBody, Vec<u8>),
}

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It is not what was written.
    Corrupt,
    /// The file is gone, or the system cannot read it.
    Gone(io::Error),
    /// It would take too long.
    Slow,
}

/// One directory.
pub(super) struct Disk {
    directory: PathBuf,
    pub(super) settings: DiskSettings,
    used: AtomicU64,
    next: AtomicU64,
    first: u64,
    pub(super) journal: Journal,
    pub(super) level: Level,
    pub(super) counters: Counters,
    /// Files that are no longer in the index.
    dead: Mutex<Vec<u64>>,
    paused: Mutex<Option<Instant>>,
    reads: Arc<Semaphore>,
    lock: Mutex<Option<File>>,
}

impl Disk {
    /// Opens a directory, for this process alone, and says what is in it.
    ///
    /// # Errors
    /// See [`DiskError`].
    pub(super) fn open(
        path: &Path,
        settings: &DiskSettings,
    ) -> Result<(Self, Vec<Put>), DiskError> {
        let unusable = |cause| DiskError::Unusable {
            path: path.to_owned(),
            cause,
        };
        fs::create_dir_all(path).map_err(unusable)?;
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DiskError::Locked(path.to_owned()),
            TryLockError::Error(cause) => unusable(cause),
        })?;
        let read = journal::read(path).map_err(unusable)?;
        let journal = Journal::new(path, read.generation);
        journal.begin().map_err(unusable)?;
        for folder in 0..FOLDERS {
            let folder = path.join(format!("{folder:02x}"));
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(unusable(error));
                }
                _ => {}
            }
        }
        // Numbers are never used twice: what an earlier process left half written has another.
        let first = (read.generation + 1) << WITHIN;
        let disk = Self {
            directory: path.to_owned(),
            settings: settings.clone(),
            used: AtomicU64::new(0),
            next: AtomicU64::new(first),
            first,
            journal,
            level: Level::default(),
            counters: Counters::default(),
            dead: Mutex::default(),
            paused: Mutex::default(),
            reads: Arc::new(Semaphore::new(READS)),
            lock: Mutex::new(Some(lock)),
        };
        Ok((disk, read.there))
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes room, whatever the limit: for what is there already.
    pub(super) fn take_room(&self, room: u64) {
        self.used.fetch_add(room, Ordering::Relaxed);
    }

    /// Takes room if there is some.
    pub(super) fn try_take_room(&self, room: u64) -> bool {
        let limit = self.settings.size.bytes();
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(room).filter(|used| *used <= limit)
            });
        taken.is_ok()
    }

    pub(super) fn give_room(&self, room: u64) {
        self.used.fetch_sub(room, Ordering::Relaxed);
    }

    /// A number no file has had.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn path(&self, number: u64) -> PathBuf {
        let folder = format!("{:02x}", number % FOLDERS);
        self.directory.join(folder).join(format!("{number:x}"))
    }

    /// Writes a file whole. What is left of it after a failure is deleted.
    pub(super) fn write(&self, number: u64, pieces: &[&[u8]]) -> io::Result<()> {
        let path = self.path(number);
        let written = File::create(&path)
            .and_then(|mut file| pieces.iter().try_for_each(|piece| file.write_all(piece)));
        written.inspect_err(|_| drop(fs::remove_file(&path)))
    }

    /// Something could not be written: nothing is for a while. Said once each time.
    pub(super) fn failed(&self, error: &io::Error) {
        self.counters.errors.fetch_add(1, Ordering::Relaxed);
        let mut paused = self.paused.lock();
        if paused.is_none() {
            let path = self.directory.display();
            tracing::warn!(%path, "the cache cannot write to its disk, and does without for a while: {error}");
        }
        *paused = Some(Instant::now() + PAUSE);
    }

    /// Whether writing makes sense now.
    pub(super) fn is_writable(&self) -> bool {
        let mut paused = self.paused.lock();
        if paused.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        *paused = None;
        true
    }

    /// The file of this number is not wanted any more; it is deleted by [`Disk::bury`].
    pub(super) fn let_go(&self, place: Place) {
        self.give_room(place.room());
        self.dead.lock().push(place.number);
    }

    /// Deletes what was let go.
    pub(super) fn bury(&self) {
        let dead = std::mem::take(&mut *self.dead.lock());
        for number in dead {
            // Gone is gone; what cannot be deleted now is at the next start.
            let _ = fs::remove_file(self.path(number));
        }
    }

    /// Deletes what earlier processes left and `is_there` does not know.
    pub(super) fn sweep(&self, is_there: impl Fn(u64) -> bool) {
        for folder in 0..FOLDERS {
            let Ok(files) = fs::read_dir(self.directory.join(format!("{folder:02x}"))) else {
                continue;
            };
            for file in files.flatten() {
                let number = file.file_name();
                let number = number.to_str().map(|name| u64::from_str_radix(name, 16));
                if let Some(Ok(number)) = number
                    && number < self.first
                    && !is_there(number)
                {
                    let _ = fs::remove_file(file.path());
                }
            }
        }
    }

    /// Reads something without holding up the thread. `whole` is the largest file that is read into
    /// memory.
    pub(super) async fn read(
        self: Arc<Self>,
        place: Place,
        name: Name,
        whole: u64,
    ) -> Result<Content, ReadError> {
        let small = place.size <= whole.min(quick::LARGEST);
        let at_hand = small.then(|| quick::read(&self.path(place.number), place.size));
        if let Some(file) = at_hand.flatten() {
            return in_memory(place, file.into(), &name);
        }
        let Ok(permit) = self.reads.clone().try_acquire_owned() else {
            return Err(ReadError::Slow);
        };
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            self.read_now(place, &name, whole)
        });
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) | Err(_) => Err(ReadError::Slow),
        }
    }

    /// The same, on a thread that may wait.
    pub(super) fn read_now(
        &self,
        place: Place,
        name: &Name,
        whole: u64,
    ) -> Result<Content, ReadError> {
        let path = self.path(place.number);
        if place.size <= whole {
            let file = fs::read(path).map_err(ReadError::Gone)?;
            return in_memory(place, file.into(), name);
        }
        let file = File::open(path).map_err(ReadError::Gone)?;
        let size = file.metadata().map_err(ReadError::Gone)?.len();
        let mut end = file::read_at_end(&file, size, END).map_err(ReadError::Gone)?;
        let trailer = end.len().checked_sub(TRAILER).and_then(|at| end.get(at..));
        let lengths = trailer.and_then(|trailer| Lengths::read(place.number, size, trailer));
        let lengths = lengths.ok_or(ReadError::Corrupt)?;
        if lengths.end() > end.len() {
            end = file::read_at_end(&file, size, lengths.end()).map_err(ReadError::Gone)?;
        }
        let from = end.len().checked_sub(lengths.end());
        let end = from.and_then(|from| end.get(from..)).unwrap_or_default();
        let end = End::read(&lengths, end, name).ok_or(ReadError::Corrupt)?;
        let head = end.head.to_vec();
        Ok(Content::Large(
            FileBody::new(file, lengths.body, end.sums),
            head,
        ))
    }

    /// Lets another process have the directory.
    pub(super) fn unlock(&self) {
        drop(self.lock.lock().take());
    }
}

/// What is in a file, found right.
fn in_memory(place: Place, file: Bytes, name: &Name) -> Result<Content, ReadError> {
    let (body, head) = {
        let (body, end) =
            format::read_whole(place.number, &file, name).ok_or(ReadError::Corrupt)?;
        (body, end.head.to_vec())
    };
    Ok(Content::Whole(file, body, head))
}
