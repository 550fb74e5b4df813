//! The one timer of a connection.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long a client may take to close after it was asked to.
const CLOSING: Duration = Duration::from_secs(5);

/// What the timer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// No request was open for too long.
    Idle,
    /// Something waited to be sent, and nothing left for too long.
    Stalled,
    /// No request is open, and the client did not close although it was asked to.
    Closed,
}

/// Tells when a connection has been quiet for too long. Busy connections do not touch the timer:
/// they note what happens, and the timer looks at the notes when it fires.
pub struct Clock {
    sleep: Pin<Box<Sleep>>,
    idle: Duration,
    write: Duration,
    closing: bool,
    /// When the last stream ended; `None` while there are streams.
    quiet_since: Option<Instant>,
    /// Whether a request came since the task last rested.
    busy: bool,
    /// How many body bytes have left since the timer last fired.
    progressed: u64,
    /// The least that must leave in the time of `write` while something waits.
    least: u64,
    /// Whether something waited to be sent when the timer last fired.
    had_data: bool,
}

impl Clock {
    /// A clock for a connection with no stream yet. While something waits to be sent, so many
    /// bytes a second must leave on average over `write`, and never nothing.
    pub fn new(idle: Duration, write: Duration, rate: u64) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(idle.min(write))),
            idle,
            write,
            closing: false,
            quiet_since: Some(Instant::now()),
            busy: false,
            progressed: 0,
            least: rate.saturating_mul(write.as_secs().max(1)).max(1),
            had_data: false,
        }
    }

    /// Body bytes have left.
    pub fn progress(&mut self, bytes: u64) {
        self.progressed += bytes;
    }

    /// A request came.
    pub fn busy(&mut self) {
        self.busy = true;
    }

    /// The task is about to rest, with or without streams.
    pub fn rest(&mut self, without_streams: bool) {
        let busy = std::mem::take(&mut self.busy);
        // What waited has been taken.
        self.had_data &= !without_streams;
        if !without_streams {
            self.quiet_since = None;
        } else if busy || self.quiet_since.is_none() {
            self.quiet_since = Some(Instant::now());
            if self.closing {
                self.close();
            }
        }
    }

    /// The client was asked to close.
    pub fn close(&mut self) {
        self.closing = true;
        self.sleep.as_mut().reset(Instant::now() + CLOSING);
    }

    /// What the timer says, if it says anything.
    pub fn poll(
        &mut self,
        context: &mut Context<'_>,
        without_streams: bool,
        has_data: impl FnOnce() -> bool,
    ) -> Option<Tick> {
        if self.sleep.as_mut().poll(context).is_pending() {
            return None;
        }
        let said = self.fire(without_streams, has_data());
        // A timer that was set again is armed by asking it; one that is already over, by coming
        // back at once.
        if self.sleep.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        said
    }

    fn fire(&mut self, without_streams: bool, has_data: bool) -> Option<Tick> {
        let now = Instant::now();
        let progressed = std::mem::take(&mut self.progressed);
        let had_data = std::mem::replace(&mut self.had_data, has_data);
        let mut next = now + self.write.max(Duration::from_millis(1));
        let mut said = None;
        if has_data && had_data && progressed < self.least {
            said = Some(Tick::Stalled);
        } else if without_streams && self.closing {
            said = Some(Tick::Closed);
        } else if without_streams {
            let quiet_since = *self.quiet_since.get_or_insert(now);
            let deadline = quiet_since + self.idle;
            if deadline <= now {
                said = Some(Tick::Idle);
            } else {
                next = deadline;
            }
        }
        self.sleep.as_mut().reset(next);
        said
    }
}
