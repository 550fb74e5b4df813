//! What the guard below hyper and the service above it tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::Violation;

/// What the guard below hyper and the service above it tell each other about one connection.
///
/// Both count requests. The service refuses a request that the guard did not hand on, so that a
/// disagreement about boundaries, should there ever be one, ends the connection.
#[derive(Debug, Default)]
pub struct Watch {
    /// Heads the guard has handed on.
    released: AtomicU64,
    /// Requests the service has begun.
    begun: AtomicU64,
    /// Requests whose response is not complete.
    open: AtomicU64,
    /// The request that asked for another protocol; 0 for none.
    upgrade: AtomicU64,
    /// Whether that request was answered with 101.
    accepted: AtomicBool,
    refusal: OnceLock<(u64, Violation)>,
}

impl Watch {
    /// The guard handed on the head of request `count`, counted from 1.
    pub fn release(&self, count: u64, upgrade: bool) {
        self.released.store(count, Ordering::Relaxed);
        if upgrade {
            self.upgrade.store(count, Ordering::Relaxed);
        }
    }

    /// The guard refuses request `count`. The first refusal stands.
    pub fn refuse(&self, count: u64, violation: Violation) {
        let _ = self.refusal.set((count, violation));
    }

    /// The service begins the next request.
    pub fn begin(self: &Arc<Self>) -> Turn {
        self.open.fetch_add(1, Ordering::Relaxed);
        Turn {
            count: self.begun.fetch_add(1, Ordering::Relaxed) + 1,
            watch: Arc::clone(self),
        }
    }

    /// Whether every request handed on is answered.
    pub fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
            && self.begun.load(Ordering::Relaxed) >= self.released.load(Ordering::Relaxed)
    }

    /// Whether the connection has left HTTP.
    pub fn is_accepted(&self) -> bool {
        self.accepted.load(Ordering::Acquire)
    }
}

/// A request that the service has begun; dropped when its response is complete.
#[derive(Debug)]
pub struct Turn {
    count: u64,
    watch: Arc<Watch>,
}

impl Turn {
    /// Why this request is refused, if it is: the guard refused it, or never handed it on.
    pub fn violation(&self) -> Option<Violation> {
        match self.watch.refusal.get() {
            Some((count, violation)) if *count <= self.count => Some(*violation),
            _ if self.count > self.watch.released.load(Ordering::Relaxed) => {
                Some(Violation::RequestLine)
            }
            _ => None,
        }
    }

    /// Whether this request asks for another protocol.
    pub fn asks_upgrade(&self) -> bool {
        self.watch.upgrade.load(Ordering::Relaxed) == self.count
    }

    /// Answers it with 101: from now on the guard hands on everything.
    pub fn accept_upgrade(&self) {
        self.watch.accepted.store(true, Ordering::Release);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.watch.open.fetch_sub(1, Ordering::Relaxed);
    }
}
