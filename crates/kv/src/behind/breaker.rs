//! Whether the engine is asked: not for a while after it has failed, and ever longer if it goes on
//! to fail. Nothing but the background finds out whether it works again.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::KvError;

/// So many failures in a row, and it is not asked any more.
const ENOUGH: u32 = 3;
/// The first rest.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Who fails again within this time has not recovered.
const RELAPSE: Duration = Duration::from_secs(60);

/// The state of the engine, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has not answered yet.
    Unknown,
    /// It works.
    Works,
    /// It fails, and is not asked but by the background.
    Fails,
}

/// Decides it.
#[derive(Debug)]
pub(super) struct Breaker {
    asks: AtomicBool,
    failures: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    health: Health,
    rest: Duration,
    until: Instant,
    recovered: Option<Instant>,
    changes: u64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            asks: AtomicBool::new(true),
            failures: AtomicU32::new(0),
            state: Mutex::new(State {
                health: Health::Unknown,
                rest: FIRST_REST,
                until: Instant::now(),
                recovered: None,
                changes: 0,
            }),
        }
    }

    /// Whether it is worth asking.
    pub(super) fn asks(&self) -> bool {
        self.asks.load(Ordering::Relaxed)
    }

    pub(super) fn health(&self) -> (Health, u64) {
        let state = self.state.lock();
        (state.health, state.changes)
    }

    /// It answered someone.
    pub(super) fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// It failed someone.
    pub(super) fn failed(&self, error: &KvError) {
        if error.is_failure() && self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= ENOUGH {
            self.open(error);
        }
    }

    /// It failed the background, which is patient.
    pub(super) fn open(&self, error: &KvError) {
        let mut state = self.state.lock();
        let now = Instant::now();
        let was = state.health;
        if was == Health::Fails && state.until > now {
            // Somebody was on the way when it was found out.
            return;
        }
        let again = was == Health::Fails
            || state
                .recovered
                .is_some_and(|at| now.duration_since(at) < RELAPSE);
        state.rest = match again {
            true => (state.rest * 2).min(LONGEST_REST),
            false => FIRST_REST,
        };
        // Nodes that lost it together do not come back together.
        let part = fastrand::f64() * 0.5 + 0.75;
        state.until = now + state.rest.mul_f64(part);
        state.health = Health::Fails;
        self.asks.store(false, Ordering::Relaxed);
        if was != Health::Fails {
            state.changes += 1;
            tracing::warn!("{error}; going on without it");
        }
    }

    /// It answered the background.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        let was = state.health;
        if was == Health::Works {
            return;
        }
        state.health = Health::Works;
        state.changes += 1;
        state.recovered = (was == Health::Fails).then(Instant::now);
        self.failures.store(0, Ordering::Relaxed);
        self.asks.store(true, Ordering::Relaxed);
        let again = if was == Health::Fails { " again" } else { "" };
        tracing::info!("the store behind answers{again}");
    }

    /// How long the background leaves it alone.
    pub(super) fn rest(&self) -> Option<Duration> {
        let state = self.state.lock();
        let left = state.until.saturating_duration_since(Instant::now());
        (state.health == Health::Fails && !left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_several_failures_in_a_row() {
        let breaker = Breaker::new();
        breaker.close();
        for _ in 0..5 {
            breaker.failed(&KvError::Timeout);
            breaker.failed(&KvError::Timeout);
            breaker.answered();
        }
        for _ in 0..5 {
            breaker.failed(&KvError::TooLarge { most: 1 });
        }
        assert!(breaker.asks() && breaker.rest().is_none());
        for _ in 0..ENOUGH {
            breaker.failed(&KvError::Timeout);
        }
        assert!(!breaker.asks() && breaker.rest().is_some());
        assert_eq!(breaker.health(), (Health::Fails, 2));
        breaker.close();
        assert!(breaker.asks() && breaker.rest().is_none());
        assert_eq!(breaker.health(), (Health::Works, 3));
    }

    #[test]
    fn who_fails_again_soon_rests_longer() {
        let breaker = Breaker::new();
        let mut rests = Vec::new();
        for _ in 0..8 {
            breaker.open(&KvError::Timeout);
            breaker.open(&KvError::Timeout);
            rests.push(breaker.state.lock().rest);
            breaker.close();
        }
        assert_eq!(rests[..3], [1, 2, 4].map(Duration::from_secs));
        assert_eq!(rests[7], LONGEST_REST);
    }
}
