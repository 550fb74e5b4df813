//! The threads, and how a job gets onto one and off again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::{Allowance, Share};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::later::{Improving, Later, Offered};
use crate::line::{Capacity, Line, Ticket};
use crate::{WorkshopError, WorkshopSettings};

/// Tells a job that nobody wants its result any more.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whether to stop. Costs one relaxed load: ask often.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What goes on in a workshop, and what went on since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Jobs in work.
    pub running: usize,
    /// Jobs that wait.
    pub queued: usize,
    /// Pixels of the jobs in work.
    pub pixels_in_flight: u64,
    /// Jobs that ran to their end, wanted or not.
    pub finished: u64,
    /// Jobs turned away: the line was full, or their turn did not come in time.
    pub refused: u64,
    /// Jobs that missed their deadline while in work.
    pub late: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// What is made better in the background.
    pub improving: Improving,
}

/// Runs jobs on its own threads within a budget. Cloning is free; clones share everything. When
/// the last clone is dropped nothing new starts, and the threads end with the jobs they are at.
#[derive(Clone)]
pub struct Workshop {
    owner: Arc<Owner>,
    later: Arc<Later>,
    sources: Arc<Allowance>,
    encoders: Arc<Allowance>,
    queue_wait: Duration,
    deadline: Duration,
}

/// Closes the workshop when the last handle is gone; the threads hold only what is inside.
struct Owner(Arc<Shared>);

type Task = Box<dyn FnOnce() + Send>;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    finished: AtomicU64,
    refused: AtomicU64,
    late: AtomicU64,
    panicked: AtomicU64,
}

struct State {
    line: Line<Task>,
    closed: bool,
}

impl Workshop {
    /// Opens a workshop and starts its threads.
    ///
    /// # Errors
    /// [`WorkshopError::Threads`] if the system gives no thread.
    pub fn new(settings: &WorkshopSettings) -> Result<Self, WorkshopError> {
        Self::with_ledger(settings, None)
    }

    /// The same; what waits to be improved is noted in the file `ledger`, for
    /// [`Workshop::left_over`] after the next start.
    ///
    /// # Errors
    /// [`WorkshopError::Threads`] if the system gives no thread.
    pub fn with_ledger(
        settings: &WorkshopSettings,
        ledger: Option<PathBuf>,
    ) -> Result<Self, WorkshopError> {
        let threads = settings.thread_count();
        let line = Line::new(Capacity {
            threads,
            budget: settings.budget,
            queue: settings.queue,
        });
        let owner = Owner(Arc::new(Shared {
            state: Mutex::new(State {
                line,
                closed: false,
            }),
            changed: Condvar::new(),
            finished: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            late: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
        }));
        for number in 0..threads {
            let shared = Arc::clone(&owner.0);
            std::thread::Builder::new()
                .name(format!("workshop-{number}"))
                .spawn(move || shared.work())
                .map_err(WorkshopError::Threads)?;
        }
        Ok(Self {
            owner: Arc::new(owner),
            later: Arc::new(Later::new(settings, ledger)?),
            sources: Allowance::new(settings.sources),
            encoders: Allowance::new(settings.encoders),
            queue_wait: settings.queue_wait,
            deadline: settings.deadline,
        })
    }

    /// The deadline that settings give a job.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// A share of the memory for sources, of which nothing is taken yet.
    pub fn share(&self) -> Share {
        self.sources.share()
    }

    /// A share of the memory for encoders of texts, of which nothing is taken yet.
    pub fn encoder_share(&self) -> Share {
        self.encoders.share()
    }

    /// Offers work that nobody waits for: it is done when the machine has time, what was offered
    /// most often first, and perhaps never. `key` names what becomes better; the same again only
    /// counts. The job should take up nothing large before it runs, and ask often whether it is
    /// cancelled.
    pub fn improve(&self, key: &Arc<str>, job: impl FnOnce(&Cancel) + Send + 'static) -> Offered {
        self.later.offer(key, 1, job)
    }

    /// What waited to be improved when an earlier process ended: how often it was asked for, and
    /// its key. Ask once, at the start, and offer it with [`Workshop::improve_again`].
    pub fn left_over(&self) -> Vec<(u64, Arc<str>)> {
        self.later.left_over()
    }

    /// As [`Workshop::improve`], for what was asked for so many times already.
    pub fn improve_again(
        &self,
        asked: u64,
        key: &Arc<str>,
        job: impl FnOnce(&Cancel) + Send + 'static,
    ) -> Offered {
        self.later.offer(key, asked.max(1), job)
    }

    /// Waits until no improvement waits or is in work.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn settled(&self) {
        self.later.settled().await;
    }

    /// Begins no improvement any more and stops the one in work, so that an ending server has the
    /// time for its last requests.
    pub fn stop_improving(&self) {
        self.later.close();
    }

    /// Runs `job` when its turn comes. `cost_pixels` is what it holds in memory, roughly: the
    /// pixels of source and result together. `deadline` counts from now, waiting included.
    ///
    /// # Errors
    /// [`WorkshopError::Busy`] if the line is full or the turn does not come in time;
    /// [`WorkshopError::Deadline`] at the very deadline, while the job is told to stop and keeps
    /// its place in the budget until it really does; [`WorkshopError::Panicked`].
    ///
    /// # Cancel safety
    /// Dropping the future takes the job out of the line, or tells it to stop if it runs.
    pub async fn run<T, J>(
        &self,
        cost_pixels: u64,
        deadline: Duration,
        job: J,
    ) -> Result<T, WorkshopError>
    where
        T: Send + 'static,
        J: FnOnce(&Cancel) -> T + Send + 'static,
    {
        let now = Instant::now();
        let cancel = Cancel::default();
        let (task, started, mut result) = pack(job, cancel.clone());
        let place = self.owner.0.join(cost_pixels, task, cancel)?;
        let turn = now + self.queue_wait.min(deadline);
        if timeout_at(turn, started).await.is_err() && place.leave() {
            self.owner.0.refused.fetch_add(1, Ordering::Relaxed);
            return Err(WorkshopError::Busy);
        }
        match timeout_at(now + deadline, &mut result).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(panic))) => Err(WorkshopError::Panicked(panic)),
            // The workshop was closed with the job still in its line.
            Ok(Err(_)) => Err(WorkshopError::Busy),
            Err(_) => {
                self.owner.0.late.fetch_add(1, Ordering::Relaxed);
                Err(WorkshopError::Deadline)
            }
        }
    }

    /// What goes on now.
    pub fn snapshot(&self) -> Snapshot {
        let shared = &self.owner.0;
        let state = shared.state.lock();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            running: state.line.running(),
            queued: state.line.waiting(),
            pixels_in_flight: state.line.in_flight(),
            finished: read(&shared.finished),
            refused: read(&shared.refused),
            late: read(&shared.late),
            panicked: read(&shared.panicked),
            improving: self.later.counts(),
        }
    }
}

/// Wraps a job so that it says when it starts, and what it gave or why it panicked.
fn pack<T: Send + 'static>(
    job: impl FnOnce(&Cancel) -> T + Send + 'static,
    cancel: Cancel,
) -> (
    Task,
    oneshot::Receiver<()>,
    oneshot::Receiver<Result<T, String>>,
) {
    let (say_started, started) = oneshot::channel();
    let (say_result, result) = oneshot::channel();
    let task = move || {
        // Nobody listens if the future is gone; then the flag is up already.
        let _ = say_started.send(());
        let outcome = catch_unwind(AssertUnwindSafe(|| job(&cancel)));
        match outcome {
            Ok(value) => drop(say_result.send(Ok(value))),
            Err(panic) => {
                let _ = say_result.send(Err(words(&*panic)));
                // The thread counts it.
                std::panic::resume_unwind(panic);
            }
        }
    };
    (Box::new(task), started, result)
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

impl Shared {
    fn join(
        self: &Arc<Self>,
        cost: u64,
        task: Task,
        cancel: Cancel,
    ) -> Result<Place, WorkshopError> {
        let joined = self.state.lock().line.join(cost, task);
        let Ok(ticket) = joined else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(WorkshopError::Busy);
        };
        self.changed.notify_one();
        Ok(Place {
            shared: Arc::clone(self),
            ticket,
            cancel,
        })
    }

    /// Works until the workshop closes.
    fn work(&self) {
        let mut state = self.state.lock();
        while !state.closed {
            let Some((cost, task)) = state.line.start() else {
                self.changed.wait(&mut state);
                continue;
            };
            drop(state);
            let outcome = catch_unwind(AssertUnwindSafe(task));
            let counter = match outcome {
                Ok(()) => &self.finished,
                Err(_) => &self.panicked,
            };
            state = self.state.lock();
            counter.fetch_add(1, Ordering::Relaxed);
            state.line.end(cost);
            // What ended may have made room for several.
            self.changed.notify_all();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.closed = true;
        let unstarted = state.line.clear();
        drop(state);
        drop(unstarted);
        self.0.changed.notify_all();
    }
}

/// A job's place in the line or in work; leaving it cancels the job.
struct Place {
    shared: Arc<Shared>,
    ticket: Ticket,
    cancel: Cancel,
}

impl Place {
    /// Leaves the line; whether the job was still in it.
    fn leave(&self) -> bool {
        let left = self.shared.state.lock().line.leave(self.ticket);
        if left.is_some() {
            // Its going may let another through.
            self.shared.changed.notify_one();
        }
        left.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.cancel.raise();
        self.leave();
    }
}

#[cfg(test)]
mod tests;
