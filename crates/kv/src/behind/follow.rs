//! What others purge is purged here, and what was purged here is told to the others. The same look
//! at the engine finds out whether it works.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use tokio::time::{sleep, timeout};

use super::{Inner, Moment, Told, Untold};
use crate::KvError;
use crate::engine::{Got, Version};
use crate::purges::{Log, MOST_BYTES, Purged, What};
use crate::watch::wait;

/// Where the record is.
const KEY: &str = "purges/log";
/// Most purges that wait to be told; beyond that, everything is purged.
const MOST_UNTOLD: usize = 1024;
/// How often it is tried to add to the record while others do.
const ATTEMPTS: usize = 32;

/// Listens and tells.
pub(super) struct Follower {
    inner: Arc<Inner>,
    place: Option<PathBuf>,
    told: Arc<Told>,
    /// What was heard last; the default is: nothing ever.
    heard: Moment,
    version: Option<Version>,
}

impl Inner {
    pub(super) fn tell(&self, what: What, soft: bool) {
        let mut untold = self.untold.lock();
        let number = untold.last().map_or(0, |last| last.number) + 1;
        let (what, soft) = if untold.len() < MOST_UNTOLD {
            (what, soft)
        } else {
            untold.clear();
            (What::Everything, false)
        };
        untold.push(Untold { number, what, soft });
        drop(untold);
        self.tell.notify_one();
    }
}

impl Follower {
    pub(super) fn new(inner: Arc<Inner>, place: Option<PathBuf>, told: Told) -> Self {
        Self {
            heard: place.as_ref().and_then(read_place).unwrap_or_default(),
            inner,
            place,
            told: Arc::new(told),
            version: None,
        }
    }

    pub(super) async fn run(mut self) {
        let inner = self.inner.clone();
        let mut signal = inner.engine.signal(KEY);
        loop {
            if let Some(rest) = inner.breaker.rest() {
                sleep(rest).await;
            }
            let round = timeout(inner.settings.patience, self.round()).await;
            match round.unwrap_or(Err(KvError::Timeout)) {
                Ok(log) => {
                    self.hear(log).await;
                    inner.breaker.close();
                    tokio::select! {
                        () = wait(&mut signal, inner.settings.purges_every) => {}
                        () = inner.tell.notified() => {}
                    }
                }
                Err(error) => {
                    self.version = None;
                    inner.breaker.open(&error);
                }
            }
        }
    }

    /// Reads the record, and adds what waits to be told. Returns it if it is not the known one,
    /// with the purges that were told.
    async fn round(&mut self) -> Result<Option<(Log, Vec<Untold>)>, KvError> {
        let inner = self.inner.clone();
        for _ in 0..ATTEMPTS {
            let most = 2 * MOST_BYTES as u64;
            let (base, version) = match inner.engine.get(KEY, self.version.as_ref(), most).await? {
                Got::Same => (inner.known.read().log.clone(), self.version.clone()),
                Got::Nothing => (None, None),
                Got::Value(value) => (Log::read(&value.bytes), Some(value.version)),
            };
            let waiting = inner.untold.lock().clone();
            if base.is_some() && waiting.is_empty() {
                let new = self.version != version;
                self.version = version;
                return Ok(base.filter(|_| new).map(|log| (log, Vec::new())));
            }
            let mut log = base.unwrap_or_else(|| Log::new(fastrand::u64(1..)));
            for own in &waiting {
                log.add(inner.node, own.soft, own.what.clone(), SystemTime::now());
            }
            let set = inner
                .engine
                .compare_and_set(KEY, version.as_ref(), log.write(), None);
            if let Some(version) = set.await? {
                self.version = Some(version);
                return Ok(Some((log, waiting)));
            }
            self.version = None;
        }
        Err(KvError::Refused("others write all the time".into()))
    }

    /// Does here what others purged, and only then lets what comes after count as newer.
    async fn hear(&mut self, news: Option<(Log, Vec<Untold>)>) {
        let inner = self.inner.clone();
        let Some((log, told)) = news else {
            inner.known.write().at = Some(Instant::now());
            return;
        };
        let at = Instant::now();
        let purges = self.purges(&log);
        inner
            .counters
            .heard
            .fetch_add(purges.len() as u64, Ordering::Relaxed);
        let apply = self.told.clone();
        // It may wait for the disk.
        let applied = tokio::task::spawn_blocking(move || {
            for (what, soft) in &purges {
                apply(what, *soft);
            }
        });
        if applied.await.is_err() {
            tracing::error!("a purge that another node told of panicked");
            self.version = None;
            return;
        }
        let moment = log.moment();
        {
            let mut known = inner.known.write();
            known.log = Some(log);
            known.at = Some(at);
        }
        if let Some(last) = told.last() {
            inner.untold.lock().retain(|own| own.number > last.number);
        }
        let count = told.len() as u64;
        inner.counters.told.fetch_add(count, Ordering::Relaxed);
        self.heard = moment;
        if let Some(place) = self.place.clone() {
            let noted = tokio::task::spawn_blocking(move || note_place(&place, moment));
            if let Ok(Err(error)) = noted.await {
                tracing::debug!(%error, "what was heard of purges cannot be noted");
            }
        }
        inner.heard.send_replace(moment);
    }

    /// What is new in a record, less what this node told itself.
    fn purges(&self, log: &Log) -> Vec<(What, bool)> {
        let others = |own: &&Purged| own.node != self.inner.node;
        let as_told = |own: &Purged| (own.what.clone(), own.soft);
        let first_time = self.heard == Moment::default();
        let same = self.heard.epoch == log.epoch;
        if (first_time || same) && self.heard.count < log.floor {
            // Something is forgotten that was never heard.
            return vec![(What::Everything, false)];
        }
        let after = if same { self.heard.count } else { 0 };
        let new = log.since(after).iter().filter(others).map(as_told);
        // The record was lost, and with it what nobody can know: everything is asked about again.
        let lost = (!first_time && !same).then_some((What::Everything, true));
        lost.into_iter().chain(new).collect()
    }
}

fn read_place(place: &PathBuf) -> Option<Moment> {
    let text = std::fs::read_to_string(place).ok()?;
    let (epoch, count) = text.trim().split_once(' ')?;
    Some(Moment {
        epoch: epoch.parse().ok()?,
        count: count.parse().ok()?,
    })
}

/// Notes what was heard; the old note stays until the new one is whole.
fn note_place(place: &PathBuf, moment: Moment) -> std::io::Result<()> {
    let new = place.with_extension("new");
    std::fs::write(&new, format!("{} {}\n", moment.epoch, moment.count))?;
    std::fs::rename(&new, place)
}
