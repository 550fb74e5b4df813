//! The store behind as the server holds it: never in a request's way for longer than a short
//! deadline, and never the reason for an error.

mod breaker;
mod carry;
mod follow;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use base::{Allowance, Share};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use breaker::Health;

use crate::engine::{Engine, Got};
use crate::frame::{Frame, Framed};
use crate::purges::{Log, What};
use crate::settings::EngineChoice;
use crate::text::{digest, hex};
use crate::{Embedded, KvError, KvSettings, Redis, S3};
use breaker::Breaker;
use carry::Load;
use follow::Follower;

/// Most requests that ask at once; another one does without.
const MOST_AT_ONCE: usize = 64;
/// What a frame may take beside what it carries.
const FRAME: u64 = 64 << 10;

/// A moment in the order of purges: what was fetched at it is older than every purge that comes
/// after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Of which order.
    pub epoch: u64,
    /// The number of the last purge before it.
    pub count: u64,
}

/// Something to bring there.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// What it says of itself.
    pub head: Vec<u8>,
    /// Its bytes, one after another.
    pub parts: Vec<Bytes>,
}

/// What is done with word of a purge: drop, or (`true`) make stale.
pub type Told = Box<dyn Fn(&What, bool) + Send + Sync>;

/// The state of the store behind, and counters since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether it works.
    pub health: Health,
    /// How often that has changed.
    pub changes: u64,
    /// Look-ups that found something of use.
    pub hits: u64,
    /// Look-ups that found nothing.
    pub misses: u64,
    /// Look-ups that found something damaged, foreign, too large or too old.
    pub unusable: u64,
    /// Look-ups that found something that was purged since.
    pub purged: u64,
    /// Look-ups that failed or took too long.
    pub failed: u64,
    /// Look-ups that were not made, because it fails or too many are on their way.
    pub skipped: u64,
    /// Things brought there.
    pub carried: u64,
    /// Things not brought there: it fails, or too much waits.
    pub dropped: u64,
    /// Bytes that wait to be brought there.
    pub waiting: u64,
    /// Purges told to the fleet.
    pub told: u64,
    /// Purges that wait to be told.
    pub untold: u64,
    /// Purges that others told of.
    pub heard: u64,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    unusable: AtomicU64,
    purged: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
    carried: AtomicU64,
    dropped: AtomicU64,
    told: AtomicU64,
    heard: AtomicU64,
}

/// The store behind. Dropping it ends its work in the background.
#[derive(Debug)]
pub struct Behind {
    inner: Arc<Inner>,
    carrier: JoinHandle<()>,
    follower: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Inner {
    engine: Arc<dyn Engine>,
    settings: KvSettings,
    runtime: Handle,
    /// This process among the nodes.
    node: u64,
    breaker: Breaker,
    asking: Semaphore,
    known: RwLock<Known>,
    /// Purges of ours that the fleet does not know yet.
    untold: Mutex<Vec<Untold>>,
    tell: Notify,
    heard: watch::Sender<Moment>,
    load: mpsc::UnboundedSender<Load>,
    waiting: Arc<Allowance>,
    /// Told whenever less waits than before.
    lighter: watch::Sender<()>,
    counters: Counters,
}

/// A purge of ours that waits to be told.
#[derive(Clone, Debug)]
struct Untold {
    /// Counts them.
    number: u64,
    what: What,
    soft: bool,
}

/// What is known of purges.
#[derive(Debug, Default)]
struct Known {
    log: Option<Log>,
    /// When that was true.
    at: Option<Instant>,
}

impl Behind {
    /// The store behind that these settings ask for; `None` if they ask for none. `state` is the
    /// directory for the embedded engine's file. Connects to nothing yet.
    ///
    /// # Errors
    /// [`KvError::Setup`], [`KvError::File`].
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn open(settings: &KvSettings, state: Option<&Path>) -> Result<Option<Self>, KvError> {
        let engine: Arc<dyn Engine> = match settings.engine {
            EngineChoice::None => return Ok(None),
            EngineChoice::Redis => Arc::new(Redis::new(settings)?),
            EngineChoice::S3 => Arc::new(S3::new(settings)?),
            EngineChoice::Embedded => {
                let named = settings.path.clone();
                let path = named.or_else(|| Some(state?.join("kv.redb")));
                let path = path.ok_or_else(|| KvError::Setup("it has no `path`".into()))?;
                Arc::new(Embedded::open(&path, settings.size)?)
            }
        };
        Ok(Some(Self::new(engine, settings)))
    }

    /// The same around an engine.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn new(engine: Arc<dyn Engine>, settings: &KvSettings) -> Self {
        let (load, loads) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            engine,
            settings: settings.clone(),
            runtime: Handle::current(),
            node: fastrand::u64(..),
            breaker: Breaker::new(),
            asking: Semaphore::new(MOST_AT_ONCE),
            known: RwLock::default(),
            untold: Mutex::default(),
            tell: Notify::new(),
            heard: watch::Sender::new(Moment::default()),
            load,
            waiting: Allowance::new(settings.queue),
            lighter: watch::Sender::new(()),
            counters: Counters::default(),
        });
        let carrier = tokio::spawn(carry::work(inner.clone(), loads));
        Self {
            inner,
            carrier,
            follower: Mutex::default(),
        }
    }

    /// Begins to listen to what others purge; before that, nothing that can be purged is found or
    /// brought there. `place` is a file in which is noted what was heard, so that what was told
    /// while this process was not there is made up for; `None` if nothing here outlives it.
    pub fn follow(&self, place: Option<PathBuf>, told: Told) {
        let follower = Follower::new(self.inner.clone(), place, told);
        let task = self.inner.runtime.spawn(follower.run());
        if let Some(old) = self.follower.lock().replace(task) {
            old.abort();
        }
    }

    /// The moment, for what is fetched from now on; `None` while it is not known.
    pub fn moment(&self) -> Option<Moment> {
        self.inner.known.read().log.as_ref().map(Log::moment)
    }

    /// The settings.
    pub fn settings(&self) -> &KvSettings {
        &self.inner.settings
    }

    /// Looks for something that can be purged. `hit` says whether a purge is one of it; it is asked
    /// about those that came after it was fetched.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn find(&self, name: &str, hit: impl Fn(&What) -> bool) -> Option<Framed> {
        let inner = &*self.inner;
        if !inner.is_up_to_date() {
            inner.counters.skipped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let key = key_of("made", name);
        let found = inner.ask(&key, name, inner.settings.timeout).await?;
        if inner.forbids(found.moment, hit) {
            inner.counters.purged.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        inner.counters.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Whether something from this moment must not be used, because of a purge that it is `hit` by
    /// or that nothing is known of any more.
    pub fn forbids(&self, moment: Moment, hit: impl Fn(&What) -> bool) -> bool {
        self.inner.forbids(moment, hit)
    }

    /// Looks for what is the same for ever under this name, because the name says all that it is
    /// made of. For a thread that may wait.
    ///
    /// # Panics
    /// On a thread of the runtime.
    pub fn find_derived_now(&self, name: &str) -> Option<Framed> {
        let inner = &*self.inner;
        let key = key_of("derived", name);
        let asking = inner.ask(&key, name, inner.settings.patience);
        let found = inner.runtime.block_on(asking)?;
        inner.counters.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Brings something there in the background that can be purged and was fetched at `moment`.
    pub fn keep(&self, name: &str, moment: Moment, parts: &Parts) {
        self.bring("made", name, moment, parts);
    }

    /// The same for what [`Behind::find_derived_now`] finds.
    pub fn keep_derived(&self, name: &str, parts: &Parts) {
        self.bring("derived", name, Moment::default(), parts);
    }

    /// Tells the fleet of a purge, in the background; until it is told, it holds here.
    pub fn tell(&self, what: What, soft: bool) {
        self.inner.tell(what, soft);
    }

    /// Waits until nothing waits to be told to the fleet.
    pub async fn has_told(&self) {
        let mut heard = self.inner.heard.subscribe();
        while !self.inner.untold.lock().is_empty() {
            // The sender lives as long as this does.
            let _ = heard.changed().await;
        }
    }

    /// Waits until what was purged before `moment` is gone here too.
    pub async fn has_heard(&self, moment: Moment) {
        let mut heard = self.inner.heard.subscribe();
        let there = |own: &Moment| own.epoch == moment.epoch && own.count >= moment.count;
        let _ = heard.wait_for(there).await;
    }

    /// Waits until nothing waits to be brought there.
    pub async fn has_carried(&self) {
        let mut lighter = self.inner.lighter.subscribe();
        while self.inner.waiting.taken() > 0 {
            let _ = lighter.changed().await;
        }
    }

    /// Waits until all of it is told and there; not longer than this.
    pub async fn settle(&self, most: Duration) {
        let settling = async {
            self.has_carried().await;
            self.has_told().await;
        };
        if self.inner.breaker.asks() && timeout(most, settling).await.is_err() {
            tracing::debug!("not all that is to be shared reached the store behind");
        }
    }

    /// How it goes.
    pub fn snapshot(&self) -> Snapshot {
        let inner = &*self.inner;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &inner.counters;
        let (health, changes) = inner.breaker.health();
        Snapshot {
            health,
            changes,
            hits: read(&counters.hits),
            misses: read(&counters.misses),
            unusable: read(&counters.unusable),
            purged: read(&counters.purged),
            failed: read(&counters.failed),
            skipped: read(&counters.skipped),
            carried: read(&counters.carried),
            dropped: read(&counters.dropped),
            waiting: inner.waiting.taken(),
            told: read(&counters.told),
            untold: inner.untold.lock().len() as u64,
            heard: read(&counters.heard),
        }
    }

    fn bring(&self, room: &str, name: &str, moment: Moment, parts: &Parts) {
        let inner = &*self.inner;
        let frame = Frame {
            name,
            moment,
            made: SystemTime::now(),
            head: &parts.head,
            parts: &parts.parts,
        };
        let length = frame.len() as u64;
        let share: Share = inner.waiting.share();
        let room_for_it = inner.breaker.asks() && length <= inner.most() && share.grow(length);
        let Some(bytes) = room_for_it.then(|| frame.write()).flatten() else {
            inner.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let key = key_of(room, name);
        // It is received as long as this lives.
        let _ = inner.load.send(Load { key, bytes, share });
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.carrier.abort();
        if let Some(follower) = &*self.follower.lock() {
            follower.abort();
        }
    }
}

impl Inner {
    /// The largest frame.
    fn most(&self) -> u64 {
        self.settings.max_entry.bytes().saturating_add(FRAME)
    }

    /// Asks the engine, if that is worth it and not too many do. What comes is what was written
    /// under this name.
    async fn ask(&self, key: &str, name: &str, patience: Duration) -> Option<Framed> {
        let counters = &self.counters;
        let permit = self.breaker.asks().then(|| self.asking.try_acquire());
        let Some(Ok(_permit)) = permit else {
            counters.skipped.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let asked = timeout(patience, self.engine.get(key, None, self.most())).await;
        let got = match asked.unwrap_or(Err(KvError::Timeout)) {
            Ok(got) => got,
            Err(error) => {
                let counter = match error.is_failure() {
                    true => &counters.failed,
                    false => &counters.unusable,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                self.breaker.failed(&error);
                return None;
            }
        };
        self.breaker.answered();
        let Got::Value(value) = got else {
            counters.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let keep = self.settings.keep;
        let framed = Framed::read(&value.bytes, name, keep, SystemTime::now());
        if framed.is_none() {
            counters.unusable.fetch_add(1, Ordering::Relaxed);
        }
        framed
    }

    /// Whether what is known of purges is so new that what is found can be judged by it.
    fn is_up_to_date(&self) -> bool {
        let most = self.settings.purges_every * 2 + self.settings.patience;
        let at = self.known.read().at;
        at.is_some_and(|at| at.elapsed() <= most)
    }

    fn forbids(&self, moment: Moment, hit: impl Fn(&What) -> bool) -> bool {
        // First those that wait: they move from there to what is known, never back.
        self.untold.lock().iter().any(|own| hit(&own.what))
            || self
                .known
                .read()
                .log
                .as_ref()
                .is_none_or(|log| log.forbids(moment, hit))
    }
}

/// The key for a name, in a room of keys.
fn key_of(room: &str, name: &str) -> String {
    format!("{room}/{}", hex(&digest(&[name.as_bytes()])))
}
