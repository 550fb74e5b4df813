//! How old a kept response is and how long it may be used (RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

/// The times of one kept response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When it was received.
    pub received: SystemTime,
    /// How old it was then (RFC 9111 §4.2.3, `corrected_initial_age`).
    pub initial_age: Duration,
    /// How old it may become; zero means that the origin is asked each time.
    pub lifetime: Duration,
    /// How much older while a new one is being fetched (RFC 5861 §3).
    pub stale_while_revalidate: Duration,
    /// How much older when the origin fails (RFC 5861 §4).
    pub stale_if_error: Duration,
}

impl Freshness {
    /// Its age, for the `Age` header. A clock set back gives the age it had when it came.
    pub fn age(&self, now: SystemTime) -> Duration {
        self.initial_age + now.duration_since(self.received).unwrap_or_default()
    }

    /// Whether it may be used without asking.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        self.age(now) < self.lifetime
    }

    /// Whether it may be used while a new one is being fetched.
    pub fn may_cover_refresh(&self, now: SystemTime) -> bool {
        self.within(now, self.stale_while_revalidate)
    }

    /// Whether it may be used because the origin fails.
    pub fn may_cover_error(&self, now: SystemTime) -> bool {
        self.within(now, self.stale_if_error)
    }

    /// Seconds until it is stale; negative if it is (`ttl` of RFC 9211 §2.4).
    pub fn ttl(&self, now: SystemTime) -> i64 {
        self.lifetime.as_secs() as i64 - self.age(now).as_secs() as i64
    }

    /// The same, fresh for at least `minimum` since it was received.
    pub fn at_least(mut self, minimum: Duration) -> Self {
        self.lifetime = self.lifetime.max(self.initial_age + minimum);
        self
    }

    fn within(&self, now: SystemTime, slack: Duration) -> bool {
        !slack.is_zero() && self.age(now) < self.lifetime.saturating_add(slack)
    }
}
