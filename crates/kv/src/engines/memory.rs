//! Memory: for tests, and the measure of what the others do.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::KvError;
use crate::engine::{Engine, Got, Page, Pending, Signal, Value, Version};

/// An engine in memory, without bounds. Forgotten with the process.
#[derive(Debug)]
pub struct Memory {
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    values: BTreeMap<String, (Value, Option<Instant>)>,
    count: u64,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            kept: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    fn set(&self, kept: &mut Kept, key: &str, bytes: Bytes, expires: Option<Duration>) -> Version {
        kept.count += 1;
        let version = Version::new(&kept.count.to_le_bytes());
        let value = Value {
            version: version.clone(),
            bytes,
        };
        let until = expires.and_then(|time| Instant::now().checked_add(time));
        kept.values.insert(key.to_owned(), (value, until));
        self.changed.send_replace(());
        version
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Kept {
    fn get(&self, key: &str) -> Option<&Value> {
        let (value, until) = self.values.get(key)?;
        until
            .is_none_or(|until| until > Instant::now())
            .then_some(value)
    }
}

/// What is known at once.
fn ready<'a, T: Send + 'a>(answer: Result<T, KvError>) -> Pending<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl Engine for Memory {
    fn get<'a>(&'a self, key: &'a str, known: Option<&'a Version>, most: u64) -> Pending<'a, Got> {
        ready(Ok(match self.kept.lock().get(key) {
            None => Got::Nothing,
            Some(value) if Some(&value.version) == known => Got::Same,
            Some(value) if value.bytes.len() as u64 > most => {
                return ready(Err(KvError::TooLarge { most }));
            }
            Some(value) => Got::Value(value.clone()),
        }))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Version> {
        ready(Ok(self.set(&mut self.kept.lock(), key, bytes, expires)))
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Version>,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Option<Version>> {
        let mut kept = self.kept.lock();
        let same = kept.get(key).map(|value| &value.version) == expected;
        ready(Ok(same.then(|| self.set(&mut kept, key, bytes, expires))))
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        self.kept.lock().values.remove(key);
        self.changed.send_replace(());
        ready(Ok(()))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> Pending<'a, Page> {
        let kept = self.kept.lock();
        let start = from.map_or(Bound::Included(prefix), Bound::Excluded);
        let range = kept.values.range::<str, _>((start, Bound::Unbounded));
        let keys: Vec<_> = range
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(most.max(1))
            .map(|(key, (value, _))| (key.clone(), value.version.clone()))
            .collect();
        let full = keys.len() == most.max(1);
        let next = keys.last().filter(|_| full).map(|(key, _)| key.clone());
        ready(Ok(Page { keys, next }))
    }

    fn signal(&self, _prefix: &str) -> Option<Signal> {
        Some(self.changed.subscribe())
    }
}
