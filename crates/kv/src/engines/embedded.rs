//! A file of this machine: redb, a tree that is written as a whole or not at all.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::ByteSize;
use bytes::Bytes;
use redb::{
    Database, ReadableDatabase, ReadableTable, Table, TableDefinition, TableError, WriteTransaction,
};
use tokio::sync::watch;

use crate::KvError;
use crate::engine::{Engine, Got, Page, Pending, Signal, Value, Version};

/// Key to number (which is the version), expiry in milliseconds since 1970 (0: never), bytes.
const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");
/// Number to key: the oldest first.
const ORDER: TableDefinition<'static, u64, &str> = TableDefinition::new("order");
/// `next` number, `bytes` in all.
const COUNTS: TableDefinition<'static, &str, u64> = TableDefinition::new("counts");

/// Before the bytes of a value: its number and its expiry.
const HEAD: usize = 16;
/// Memory for pages of the file.
const PAGES: usize = 16 << 20;

/// The engine in a file. One process only: a second one is refused.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    size: u64,
    changed: watch::Sender<()>,
}

impl Embedded {
    /// Opens the file at `path`, or makes it. Values take at most `size`.
    ///
    /// # Errors
    /// [`KvError::File`] if another process has it, or it cannot be used.
    pub fn open(path: &Path, size: ByteSize) -> Result<Self, KvError> {
        let database = Database::builder()
            .set_cache_size(PAGES)
            .create(path)
            .map_err(|error| failed(&error))?;
        let shared = Shared {
            database,
            size: size.bytes(),
            changed: watch::Sender::new(()),
        };
        // So that a reader finds every table.
        shared.write(|_| Ok(()))?;
        let shared = Arc::new(shared);
        Ok(Self { shared })
    }

    /// Does something that waits for the disk where that disturbs nobody.
    fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, KvError> + Send + 'static,
    ) -> Pending<'static, T> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&shared)).await;
            done.map_err(|error| KvError::File(error.to_string()))?
        })
    }
}

impl Engine for Embedded {
    fn get<'a>(&'a self, key: &'a str, known: Option<&'a Version>, most: u64) -> Pending<'a, Got> {
        let (key, known) = (key.to_owned(), known.cloned());
        self.aside(move |shared| shared.get(&key, known.as_ref(), most))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Version> {
        let key = key.to_owned();
        self.aside(move |shared| {
            let set = shared.write(|tables| tables.set(&key, &bytes, expires, shared.size))?;
            shared.changed.send_replace(());
            Ok(set)
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Version>,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Option<Version>> {
        let (key, expected) = (key.to_owned(), expected.cloned());
        self.aside(move |shared| {
            let set = shared.write(|tables| {
                if tables.version(&key)? != expected {
                    return Ok(None);
                }
                tables.set(&key, &bytes, expires, shared.size).map(Some)
            })?;
            shared.changed.send_replace(());
            Ok(set)
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        let key = key.to_owned();
        self.aside(move |shared| {
            shared.write(|tables| tables.remove(&key))?;
            shared.changed.send_replace(());
            Ok(())
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> Pending<'a, Page> {
        let (prefix, from) = (prefix.to_owned(), from.map(str::to_owned));
        self.aside(move |shared| shared.list(&prefix, from.as_deref(), most.max(1)))
    }

    fn signal(&self, _prefix: &str) -> Option<Signal> {
        Some(self.shared.changed.subscribe())
    }
}

impl Shared {
    fn get(&self, key: &str, known: Option<&Version>, most: u64) -> Result<Got, KvError> {
        let reading = self.database.begin_read().map_err(|error| failed(&error))?;
        let values = reading.open_table(VALUES).map_err(|error| failed(&error))?;
        let Some(record) = values.get(key).map_err(|error| failed(&error))? else {
            return Ok(Got::Nothing);
        };
        let Some((version, bytes)) = read(record.value()) else {
            return Ok(Got::Nothing);
        };
        if Some(&version) == known {
            return Ok(Got::Same);
        }
        if bytes.len() as u64 > most {
            return Err(KvError::TooLarge { most });
        }
        let bytes = Bytes::copy_from_slice(bytes);
        Ok(Got::Value(Value { version, bytes }))
    }

    fn list(&self, prefix: &str, from: Option<&str>, most: usize) -> Result<Page, KvError> {
        let reading = self.database.begin_read().map_err(|error| failed(&error))?;
        let values = reading.open_table(VALUES).map_err(|error| failed(&error))?;
        let start = from.map_or(Bound::Included(prefix), Bound::Excluded);
        let range = values
            .range::<&str>((start, Bound::Unbounded))
            .map_err(|error| failed(&error))?;
        let mut page = Page::default();
        for record in range {
            let (key, record) = record.map_err(|error| failed(&error))?;
            if !key.value().starts_with(prefix) {
                return Ok(page);
            }
            if let Some(number) = record.value().get(..8) {
                let key = key.value().to_owned();
                page.keys.push((key, Version::new(number)));
            }
            if page.keys.len() == most {
                page.next = page.keys.last().map(|(key, _)| key.clone());
                return Ok(page);
            }
        }
        Ok(page)
    }

    /// Changes the tables as a whole; nothing is changed if that fails.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        let writing = self
            .database
            .begin_write()
            .map_err(|error| failed(&error))?;
        let changed = {
            let mut tables = Tables::open(&writing).map_err(|error| failed(&error))?;
            change(&mut tables)?
        };
        writing.commit().map_err(|error| failed(&error))?;
        Ok(changed)
    }
}

/// The tables while they are written.
struct Tables<'a> {
    values: Table<'a, &'static str, &'static [u8]>,
    order: Table<'a, u64, &'static str>,
    counts: Table<'a, &'static str, u64>,
}

impl<'a> Tables<'a> {
    fn open(writing: &'a WriteTransaction) -> Result<Self, TableError> {
        Ok(Self {
            values: writing.open_table(VALUES)?,
            order: writing.open_table(ORDER)?,
            counts: writing.open_table(COUNTS)?,
        })
    }

    fn count(&self, name: &str) -> Result<u64, KvError> {
        let count = self.counts.get(name).map_err(|error| failed(&error))?;
        Ok(count.map_or(0, |count| count.value()))
    }

    fn set_count(&mut self, name: &str, count: u64) -> Result<(), KvError> {
        let set = self.counts.insert(name, count);
        set.map(drop).map_err(|error| failed(&error))
    }

    fn version(&self, key: &str) -> Result<Option<Version>, KvError> {
        let record = self.values.get(key).map_err(|error| failed(&error))?;
        Ok(record.and_then(|record| read(record.value()).map(|(version, _)| version)))
    }

    fn set(
        &mut self,
        key: &str,
        bytes: &[u8],
        expires: Option<Duration>,
        size: u64,
    ) -> Result<Version, KvError> {
        self.remove(key)?;
        let number = self.count("next")? + 1;
        let until = expires.map_or(0, |time| now() + time.as_millis().max(1) as u64);
        let mut record = Vec::with_capacity(HEAD + bytes.len());
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&until.to_le_bytes());
        record.extend_from_slice(bytes);
        let record = &*record;
        self.values
            .insert(key, record)
            .map_err(|error| failed(&error))?;
        self.order
            .insert(number, key)
            .map_err(|error| failed(&error))?;
        let taken = self.count("bytes")? + (key.len() + record.len()) as u64;
        self.set_count("next", number)?;
        self.set_count("bytes", taken)?;
        self.make_room(size, number)?;
        Ok(Version::new(&number.to_le_bytes()))
    }

    /// Drops what is oldest until the rest is small enough; but not what came just now.
    fn make_room(&mut self, size: u64, newest: u64) -> Result<(), KvError> {
        while self.count("bytes")? > size {
            let oldest = self.order.first().map_err(|error| failed(&error))?;
            let Some((number, key)) = oldest.map(|(n, key)| (n.value(), key.value().to_owned()))
            else {
                return Ok(());
            };
            if number == newest {
                return Ok(());
            }
            self.remove(&key)?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<(), KvError> {
        let removed = self.values.remove(key).map_err(|error| failed(&error))?;
        let removed = removed.map(|record| {
            let record = record.value();
            let number = record.get(..8).and_then(|bytes| bytes.try_into().ok());
            (number.map_or(0, u64::from_le_bytes), record.len())
        });
        let Some((number, length)) = removed else {
            return Ok(());
        };
        self.order.remove(number).map_err(|error| failed(&error))?;
        let taken = self.count("bytes")?;
        self.set_count("bytes", taken.saturating_sub((key.len() + length) as u64))
    }
}

/// The version and the bytes of what is kept, unless it has expired.
fn read(record: &[u8]) -> Option<(Version, &[u8])> {
    let (head, bytes) = record.split_at_checked(HEAD)?;
    let (number, until) = head.split_at_checked(8)?;
    let until = u64::from_le_bytes(until.try_into().ok()?);
    (until == 0 || until > now()).then(|| (Version::new(number), bytes))
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

fn failed(error: &dyn std::error::Error) -> KvError {
    KvError::File(error.to_string())
}
