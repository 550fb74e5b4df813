//! What QUIC knows of the path, as it learns it: a congestion controller that tells what it sees.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use quinn::congestion::{
    BbrConfig, Controller, ControllerFactory, ControllerMetrics, CubicConfig, NewRenoConfig,
};
use quinn_proto::RttEstimator;

use super::settings::QuicCongestion;

/// For how many round trips the best rate seen is believed.
const RATE_ROUNDS: u32 = 10;

/// Shared between a connection's congestion controller and whoever chooses its bytes. All counts
/// are bytes of packets.
#[derive(Debug, Default)]
pub struct Pulse {
    window: AtomicU64,
    /// Bytes a second; 0 while nothing is known.
    rate: AtomicU64,
    /// Whether there was too little to send when the rate was measured.
    limited: AtomicBool,
    /// Whether a loss is being made good, so that what came after it is still held.
    recovering: AtomicBool,
    /// Whether somebody waits for room.
    wanted: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Pulse {
    /// How much the path takes at once.
    pub fn window(&self) -> u64 {
        self.window.load(Ordering::Relaxed)
    }

    /// The delivery rate in bytes a second; `None` before a round trip was measured.
    pub fn rate(&self) -> Option<u64> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }

    /// Whether there was too little to send while the rate was measured.
    pub fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    /// Whether a loss is being made good.
    pub fn is_recovering(&self) -> bool {
        self.recovering.load(Ordering::Relaxed)
    }

    /// Who is woken, if asked for, when something has arrived or was lost.
    pub fn watch(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    /// Asks to be woken by the next thing that happens.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    fn beat(&self) {
        if !self.wanted.swap(false, Ordering::Relaxed) {
            return;
        }
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = &*waker {
            waker.wake_by_ref();
        }
    }
}

/// Makes controllers of one kind that tell what they see.
pub struct Pulsing(Arc<dyn ControllerFactory + Send + Sync>);

impl Pulsing {
    /// Controllers of this kind.
    pub fn new(kind: QuicCongestion) -> Self {
        Self(match kind {
            QuicCongestion::Cubic => Arc::new(CubicConfig::default()),
            QuicCongestion::NewReno => Arc::new(NewRenoConfig::default()),
            QuicCongestion::Bbr => Arc::new(BbrConfig::default()),
        })
    }
}

impl ControllerFactory for Pulsing {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let inner = Arc::clone(&self.0).build(now, current_mtu);
        let pulse = Arc::new(Pulse::default());
        pulse.window.store(inner.window(), Ordering::Relaxed);
        Box::new(Told {
            inner,
            pulse,
            rate: Rate::new(now),
            recovers_at: None,
        })
    }
}

/// A congestion controller with its ear to the ground.
pub struct Told {
    inner: Box<dyn Controller>,
    pulse: Arc<Pulse>,
    rate: Rate,
    /// When the loss last seen is surely made good.
    recovers_at: Option<Instant>,
}

impl Told {
    /// The pulse of a connection whose controllers are [`Pulsing`]'s.
    pub fn pulse_of(connection: &quinn::Connection) -> Option<Arc<Pulse>> {
        let state = connection.congestion_state().into_any();
        state.downcast::<Self>().ok().map(|told| told.pulse)
    }

    fn tell(&self) {
        self.pulse
            .window
            .store(self.inner.window(), Ordering::Relaxed);
    }
}

impl Controller for Told {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
        if let Some(rate) = self.rate.acknowledged(now, bytes, app_limited, rtt.get()) {
            self.pulse.rate.store(rate, Ordering::Relaxed);
            self.pulse.limited.store(app_limited, Ordering::Relaxed);
        }
        if self.recovers_at.is_some_and(|at| at <= now) {
            self.recovers_at = None;
            self.pulse.recovering.store(false, Ordering::Relaxed);
        }
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.inner
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
        self.tell();
        self.pulse.beat();
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.inner
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        if lost_bytes > 0 {
            // Sent again now, acknowledged a round trip later; twice that leaves room for a queue.
            self.recovers_at = Some(now + now.saturating_duration_since(sent) * 2);
            self.pulse.recovering.store(true, Ordering::Relaxed);
        }
        self.tell();
        self.pulse.beat();
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
        self.tell();
    }

    fn window(&self) -> u64 {
        self.inner.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            pulse: Arc::clone(&self.pulse),
            rate: self.rate,
            recovers_at: self.recovers_at,
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Measures the delivery rate a round trip at a time, and believes the best of the last few: what
/// was measured while there was little to send says nothing of the path.
#[derive(Clone, Copy, Debug)]
struct Rate {
    since: Instant,
    bytes: u64,
    limited: bool,
    best: u64,
    rounds: u32,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
            limited: true,
            best: 0,
            rounds: 0,
        }
    }

    /// The rate to be believed from now on, where a round trip is over that says something.
    fn acknowledged(
        &mut self,
        now: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: Duration,
    ) -> Option<u64> {
        self.bytes += bytes;
        self.limited |= app_limited;
        let took = now.saturating_duration_since(self.since);
        if took < rtt.max(Duration::from_millis(1)) {
            return None;
        }
        let rate = (self.bytes as f64 / took.as_secs_f64()) as u64;
        let counts = !self.limited || rate > self.best;
        (self.since, self.bytes, self.limited) = (now, 0, app_limited);
        if !counts {
            return None;
        }
        self.rounds += 1;
        if rate >= self.best || self.rounds > RATE_ROUNDS {
            (self.best, self.rounds) = (rate, 0);
        }
        Some(self.best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_best_of_full_round_trips() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let rtt = Duration::from_millis(100);
        let mut rate = Rate::new(start);
        assert_eq!(rate.acknowledged(at(50), 10_000, false, rtt), None);
        assert_eq!(
            rate.acknowledged(at(100), 10_000, false, rtt),
            Some(200_000)
        );
        assert_eq!(
            rate.acknowledged(at(200), 1_000, true, rtt),
            None,
            "little was sent"
        );
        for round in 3..40 {
            rate.acknowledged(at(round * 100), 10_000, false, rtt);
        }
        assert_eq!(rate.best, 100_000, "the path became slower");
    }
}
