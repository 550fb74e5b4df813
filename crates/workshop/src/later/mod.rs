//! Work that nobody waits for: what is kept becomes better while the machine has time.
//!
//! One thread of the least weight works on it, and rests between two jobs so that it takes at most
//! a share of one core. What was asked for most often comes first.

mod ledger;
mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::watch;

pub use queue::Offered;

use crate::idle::stand_back;
use crate::workshop::Cancel;
use crate::{WorkshopError, WorkshopSettings};
use ledger::Ledger;
use queue::Queue;

/// An improvement: looks at the flag often, and stops when it is raised.
type Job = Box<dyn FnOnce(&Cancel) + Send>;

/// The longest rest between two jobs.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// What goes on with improvements, and what went on since the workshop opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Improving {
    /// Improvements that wait.
    pub waiting: usize,
    /// Whether one is in work.
    pub working: bool,
    /// Improvements that ran to their end.
    pub finished: u64,
    /// Improvements that panicked.
    pub panicked: u64,
    /// Offers there was no room for, and improvements that made room for others.
    pub refused: u64,
    /// Time spent on them.
    pub busy: Duration,
}

/// Works on improvements until it is dropped.
pub(crate) struct Later(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Told whenever one has ended.
    ended: watch::Sender<()>,
    /// Percent of one core.
    share: u32,
}

struct State {
    queue: Queue<Job>,
    /// What is in work.
    current: Option<(Arc<str>, Cancel)>,
    closed: bool,
    counts: Improving,
    ledger: Option<Ledger>,
}

impl Later {
    /// Opens the queue, and starts its thread unless the share is nothing.
    /// What waits is noted in `ledger`, if there is one.
    pub(crate) fn new(
        settings: &WorkshopSettings,
        ledger: Option<PathBuf>,
    ) -> Result<Self, WorkshopError> {
        let share = settings.improve_share.min(100);
        let room = if share == 0 {
            0
        } else {
            settings.improve_queue
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::new(room),
                current: None,
                closed: false,
                counts: Improving::default(),
                ledger: ledger.map(Ledger::new),
            }),
            changed: Condvar::new(),
            ended: watch::Sender::new(()),
            share,
        });
        if room > 0 {
            let worker = shared.clone();
            std::thread::Builder::new()
                .name("workshop-later".into())
                .spawn(move || worker.work())
                .map_err(WorkshopError::Threads)?;
        }
        Ok(Self(shared))
    }

    /// What the ledger says waited when an earlier process ended.
    pub(crate) fn left_over(&self) -> Vec<(u64, Arc<str>)> {
        let state = self.0.state.lock();
        let most = state.queue.room();
        let ledger = state.ledger.as_ref();
        ledger.map(|ledger| ledger.read(most)).unwrap_or_default()
    }

    /// Offers an improvement of what `key` names, which was asked for so many times.
    pub(crate) fn offer(
        &self,
        key: &Arc<str>,
        asked: u64,
        job: impl FnOnce(&Cancel) + Send + 'static,
    ) -> Offered {
        let mut state = self.0.state.lock();
        if state.closed {
            return Offered::Refused;
        }
        if state.current.as_ref().is_some_and(|(now, _)| now == key) {
            return Offered::Counted;
        }
        let (offered, displaced) = state.queue.offer(key, asked, || Box::new(job));
        let lost = displaced.is_some() || offered == Offered::Refused;
        state.counts.refused += u64::from(lost);
        if let Some(ledger) = &mut state.ledger {
            ledger.dirty = true;
        }
        drop(state);
        drop(displaced);
        if offered == Offered::Waits {
            self.0.changed.notify_one();
        }
        offered
    }

    pub(crate) fn counts(&self) -> Improving {
        let state = self.0.state.lock();
        Improving {
            waiting: state.queue.len(),
            working: state.current.is_some(),
            ..state.counts
        }
    }

    /// Waits until nothing waits or is in work.
    pub(crate) async fn settled(&self) {
        let mut ended = self.0.ended.subscribe();
        let mut counts = self.counts();
        while counts.waiting > 0 || counts.working {
            // The sender lives as long as this does.
            let _ = ended.changed().await;
            counts = self.counts();
        }
    }

    /// Takes nothing on any more, drops what waits and tells what is in work to stop.
    pub(crate) fn close(&self) {
        let mut state = self.0.state.lock();
        if !state.closed
            && state.ledger.as_ref().is_some_and(Ledger::is_ours)
            && let Some(page) = state.page()
        {
            // What waits now is for the next start.
            ledger::write(page);
        }
        state.closed = true;
        if let Some((_, cancel)) = &state.current {
            cancel.raise();
        }
        let unstarted = state.queue.clear();
        drop(state);
        drop(unstarted);
        self.0.ended.send_replace(());
        self.0.changed.notify_all();
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn work(&self) {
        if !stand_back() {
            tracing::debug!("improvements are as important as all else: the system says so");
        }
        while let Some((job, cancel)) = self.next() {
            let since = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| job(&cancel)));
            self.rest(outcome.is_ok(), since.elapsed());
        }
    }

    /// Waits for a job; `None` when the queue is closed.
    fn next(&self) -> Option<(Job, Cancel)> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some((key, job)) = state.queue.take() {
                let cancel = Cancel::default();
                state.current = Some((key, cancel.clone()));
                note(&mut state);
                return Some((job, cancel));
            }
            note(&mut state);
            self.changed.wait(&mut state);
        }
    }

    /// Rests after a job for as long as the share asks. Time on the clock counts, not time on the
    /// processor: a busy machine makes jobs long and rests with them.
    fn rest(&self, ended_well: bool, took: Duration) {
        let mut state = self.state.lock();
        state.current = None;
        state.counts.busy += took;
        if ended_well {
            state.counts.finished += 1;
        } else {
            state.counts.panicked += 1;
            tracing::error!("an improvement panicked");
        }
        self.ended.send_replace(());
        let until = Instant::now() + rest_after(took, self.share);
        if let Some(ledger) = &mut state.ledger {
            ledger.dirty = true;
        }
        while !state.closed && Instant::now() < until {
            note(&mut state);
            self.changed.wait_until(&mut state, until);
        }
    }
}

impl State {
    /// What the ledger should say: what waits, and what is in work. `None` without one.
    fn page(&mut self) -> Option<(PathBuf, String)> {
        let current = self.current.iter().map(|(key, _)| (1, key));
        let waiting = current.chain(self.queue.keys());
        self.ledger.as_mut().map(|ledger| ledger.page(waiting))
    }
}

/// Notes what waits, where that is due; nobody has to wait for it.
fn note(state: &mut MutexGuard<'_, State>) {
    if !state.closed
        && state.ledger.as_ref().is_some_and(Ledger::is_due)
        && let Some(page) = state.page()
    {
        MutexGuard::unlocked(state, || ledger::write(page));
    }
}

/// How long to rest after work of this length, so that the work is so many percent of both.
fn rest_after(took: Duration, share: u32) -> Duration {
    let share = share.clamp(1, 100);
    (took * (100 - share) / share).min(LONGEST_REST)
}

#[cfg(test)]
mod tests;
