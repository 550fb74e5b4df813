//! Who of a connection asked to be looked at: one task, many wakers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Collects which streams of a connection are worth a look, so that a wake-up costs only those.
///
/// While the task runs, wake-ups are only noted: the library wakes its own task at every frame
/// that is handed to it, and none of that needs the runtime.
#[derive(Debug, Default)]
pub struct Wakes(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    connection: bool,
    streams: Vec<u32>,
    running: bool,
    task: Option<Waker>,
}

impl Wakes {
    /// A connection that wants to be looked at first of all.
    pub fn new() -> Self {
        let wakes = Self::default();
        wakes.noted().connection = true;
        wakes
    }

    /// The task begins to run.
    pub fn enter(&self, task: &Waker) {
        let mut noted = self.noted();
        noted.running = true;
        match &mut noted.task {
            Some(known) => known.clone_from(task),
            unknown => *unknown = Some(task.clone()),
        }
    }

    /// Moves the streams that asked to the end of `streams`; whether the connection itself asked.
    pub fn take(&self, streams: &mut Vec<u32>) -> bool {
        let mut noted = self.noted();
        streams.append(&mut noted.streams);
        std::mem::take(&mut noted.connection)
    }

    /// Whether nobody asked since the last look.
    pub fn is_quiet(&self) -> bool {
        let noted = self.noted();
        !noted.connection && noted.streams.is_empty()
    }

    /// Ends the run, unless somebody asked meanwhile: then false, and the task goes on.
    pub fn leave(&self) -> bool {
        let mut noted = self.noted();
        noted.running = noted.connection || !noted.streams.is_empty();
        !noted.running
    }

    /// Ends the run although there is more to do, and comes back after others had their turn.
    pub fn pause(&self) {
        let task = {
            let mut noted = self.noted();
            noted.running = false;
            noted.connection = true;
            noted.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// The waker of the connection itself.
    pub fn connection_waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::new(ConnectionWake(Arc::clone(self))))
    }

    fn ask(&self, stream: Option<u32>) {
        let task = {
            let mut noted = self.noted();
            let asleep = !noted.running && !noted.connection && noted.streams.is_empty();
            match stream {
                Some(stream) => noted.streams.push(stream),
                None => noted.connection = true,
            }
            asleep.then(|| noted.task.clone()).flatten()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ConnectionWake(Arc<Wakes>);

impl Wake for ConnectionWake {
    fn wake(self: Arc<Self>) {
        self.0.ask(None);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.ask(None);
    }
}

/// The wake-ups of one stream.
pub struct StreamWake {
    wakes: Arc<Wakes>,
    stream: u32,
    /// Asked and not yet looked at, so that a busy source is noted once.
    asked: AtomicBool,
}

impl StreamWake {
    /// The wake-ups of a stream.
    pub fn new(wakes: &Arc<Wakes>, stream: u32) -> Arc<Self> {
        Arc::new(Self {
            wakes: Arc::clone(wakes),
            stream,
            asked: AtomicBool::new(false),
        })
    }

    /// The stream is about to be looked at; whoever asks from now on is noted again.
    pub fn look(&self) {
        self.asked.store(false, Ordering::Release);
    }
}

impl Wake for StreamWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            self.wakes.ask(Some(self.stream));
        }
    }
}
