//! What QUIC knows of the path, as it learns it: a congestion controller that tells what it sees.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use quinn::congestion::{
    Controller, ControllerFactory, ControllerMetrics, CubicConfig, NewRenoConfig,
};
use quinn_proto::RttEstimator;

use pipeline::Burst;

use super::congestion::ModelConfig;
use super::settings::QuicCongestion;
use crate::burst::{AT_ONCE, LASTS, PATIENCE, Train};

/// For how many round trips the best rate seen is believed.
const RATE_ROUNDS: u32 = 10;

/// What of a packet is of streams, in percent: a little less than it ever is, so that what is
/// thought to wait is never less than what waits, and the error shows when nothing does.
const PAYLOAD_PERCENT: u64 = 96;

/// Less than this under way is at best acknowledgements, which are not acknowledged, in bytes.
const LEAST_IN_FLIGHT: u64 = 1200;

/// Shared between a connection's congestion controller and whoever chooses its bytes. All counts
/// are bytes of packets, except where they say that they are of streams.
#[derive(Debug, Default)]
pub struct Pulse {
    window: AtomicU64,
    in_flight: AtomicU64,
    /// Bytes a second; 0 while nothing is known.
    rate: AtomicU64,
    /// Whether there was too little to send when the rate was measured.
    limited: AtomicBool,
    /// Bytes of streams that QUIC was handed.
    handed: AtomicU64,
    /// Of these, those it had been handed when a packet left last.
    handed_then: AtomicU64,
    /// Bytes of streams that have left, without those that were lost.
    left: AtomicU64,
    /// With how many bytes of streams waiting somebody wants to be woken; none: nobody does.
    mark: AtomicU64,
    /// Whether somebody does.
    wanted: AtomicBool,
    waker: Mutex<Option<Waker>>,
    /// Whether the handshake is over: what it sends is acknowledged in other ways.
    established: AtomicBool,
    /// What packets that left together told, and when those that are on their way left.
    burst: Mutex<(Option<Burst>, Option<Instant>)>,
}

impl Pulse {
    /// How much the path takes at once.
    pub fn window(&self) -> u64 {
        self.window.load(Ordering::Relaxed)
    }

    /// How much is under way.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The delivery rate in bytes a second; `None` before a round trip was measured.
    pub fn rate(&self) -> Option<u64> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }

    /// Whether there was too little to send while the rate was measured.
    pub fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    /// QUIC is about to be handed bytes of streams.
    pub fn hand(&self, bytes: u64) {
        self.handed.fetch_add(bytes, Ordering::AcqRel);
    }

    /// What packets that left together told of the path, and whether some are on their way.
    pub fn burst(&self) -> (Option<Burst>, bool) {
        let (burst, left) = *self.burst.lock().unwrap_or_else(PoisonError::into_inner);
        (burst, left.is_some_and(|left| left.elapsed() < PATIENCE))
    }

    /// Notes that the handshake is over.
    pub fn establish(&self) {
        self.established.store(true, Ordering::Relaxed);
    }

    fn tell_burst(&self, burst: Option<Burst>, left: Option<Instant>) {
        let mut told = self.burst.lock().unwrap_or_else(PoisonError::into_inner);
        *told = (burst.or(told.0), left);
    }

    /// It did not take so many of them.
    pub fn take_back(&self, bytes: u64) {
        self.handed.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Bytes of streams that QUIC holds and has not sent, or must send again; about.
    pub fn waiting(&self) -> u64 {
        let handed = self.handed.load(Ordering::Acquire);
        let left = self.left.load(Ordering::Acquire);
        // What was handed over last may have left before it was counted.
        u64::try_from(handed.wrapping_sub(left).cast_signed()).unwrap_or(0)
    }

    /// Who is woken, if asked for, when something has left, has arrived or was lost.
    pub fn watch(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    /// Asks to be woken when no more than `mark` bytes of streams wait.
    pub fn want(&self, mark: u64) {
        self.mark.store(mark, Ordering::Relaxed);
        self.wanted.store(true, Ordering::Release);
        // They may have left meanwhile.
        self.beat();
    }

    /// Believes that nothing waits, where nothing is under way that could ever say so.
    pub fn forget(&self) {
        if self.in_flight() < LEAST_IN_FLIGHT {
            let handed = self.handed.load(Ordering::Acquire);
            self.left.store(handed, Ordering::Release);
        }
    }

    fn sent(&self, bytes: u64) {
        let of_streams = bytes * PAYLOAD_PERCENT / 100;
        self.left.fetch_add(of_streams, Ordering::AcqRel);
        let handed = self.handed.load(Ordering::Acquire);
        self.handed_then.store(handed, Ordering::Release);
        self.in_flight.fetch_add(bytes, Ordering::Relaxed);
        self.beat();
    }

    fn lost(&self, bytes: u64) {
        let of_streams = bytes * PAYLOAD_PERCENT / 100;
        self.left.fetch_sub(of_streams, Ordering::AcqRel);
    }

    /// QUIC had nothing more to send: whatever it had been handed by then has left.
    fn rest(&self) {
        let handed = self.handed_then.load(Ordering::Acquire);
        self.left.store(handed, Ordering::Release);
    }

    fn beat(&self) {
        if self.waiting() > self.mark.load(Ordering::Relaxed)
            || !self.wanted.swap(false, Ordering::AcqRel)
        {
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
            QuicCongestion::Bbr => Arc::new(ModelConfig),
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
            watch: Watch::new(current_mtu),
        })
    }
}

/// A congestion controller with its ear to the ground.
pub struct Told {
    inner: Box<dyn Controller>,
    pulse: Arc<Pulse>,
    rate: Rate,
    watch: Watch,
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
        self.pulse.sent(bytes);
        let handshake = !self.pulse.established.load(Ordering::Relaxed);
        if let Some(left) = self.watch.sent(now, bytes, handshake) {
            self.pulse.tell_burst(None, Some(left));
        }
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
        self.watch.acknowledged(sent, bytes);
        let begins = self
            .inner
            .metrics()
            .ssthresh
            .is_none_or(|threshold| threshold == u64::MAX);
        if let Some(rate) = self.rate.acknowledged(now, bytes, app_limited, rtt.get()) {
            self.pulse.rate.store(rate, Ordering::Relaxed);
            self.pulse
                .limited
                .store(app_limited || begins, Ordering::Relaxed);
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
        self.pulse.in_flight.store(in_flight, Ordering::Relaxed);
        if app_limited {
            self.pulse.rest();
        }
        if let Some((burst, left)) = self.watch.look(now) {
            self.pulse.tell_burst(burst, left);
        }
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
        self.pulse.lost(lost_bytes);
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
            watch: self.watch,
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

/// Watches packets that leave together until they have arrived: see [`crate::burst`].
#[derive(Clone, Copy, Debug)]
struct Watch {
    packet: u64,
    sent: u64,
    /// Of the train, how much has arrived.
    arrived: u64,
    base: u64,
    train: Option<Train>,
    last: Option<Instant>,
    /// Not again before.
    due: Option<Instant>,
}

impl Watch {
    fn new(packet: u16) -> Self {
        Self {
            packet: packet.into(),
            sent: 0,
            arrived: 0,
            base: 0,
            train: None,
            last: None,
            due: None,
        }
    }

    /// Counts a packet that was sent; when it makes a train long enough, says when that left.
    /// Packets of the `handshake` make none.
    fn sent(&mut self, now: Instant, bytes: u64, handshake: bool) -> Option<Instant> {
        let before = self.sent;
        self.sent += bytes;
        if handshake || self.due.is_some_and(|due| now < due) {
            return None;
        }
        let together = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) <= AT_ONCE);
        match &mut self.train {
            Some(train) if together => {
                self.last = Some(now);
                train.extend(self.sent);
                train.is_long().then_some(train.start())
            }
            Some(train) if train.is_long() && now < train.start() + PATIENCE => None,
            _ => {
                let mut train = Train::new(now, before, self.packet);
                train.extend(self.sent);
                (self.base, self.arrived) = (before, 0);
                (self.train, self.last) = (Some(train), Some(now));
                None
            }
        }
    }

    fn acknowledged(&mut self, sent: Instant, bytes: u64) {
        let (Some(train), Some(last)) = (&self.train, self.last) else {
            return;
        };
        if sent >= train.start() && sent <= last {
            self.arrived += bytes;
        }
    }

    /// What is known after an acknowledgement, and when the train left if more is to come; `None`
    /// if there is none.
    fn look(&mut self, now: Instant) -> Option<(Option<Burst>, Option<Instant>)> {
        let train = self.train.as_mut().filter(|train| train.is_long())?;
        train.arrived(now, self.base + self.arrived);
        let burst = train.burst();
        tracing::trace!(?train, ?burst, "looked at a train");
        let over = train.is_over() || now.saturating_duration_since(train.start()) > PATIENCE;
        let left = train.start();
        if over {
            self.train = None;
            self.due = burst.map(|_| now + LASTS);
        }
        Some((burst, (!over).then_some(left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_train_of_packets_says_how_fast_the_path_is() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut watch = Watch::new(1200);
        for _ in 0..5 {
            assert_eq!(watch.sent(start, 1200, true), None, "the handshake");
        }
        for _ in 0..3 {
            assert_eq!(watch.sent(at(50), 1200, false), None, "too few");
        }
        let left = at(100);
        let told: Vec<_> = (0..8).map(|_| watch.sent(left, 1200, false)).collect();
        assert_eq!(
            told[2..],
            [
                None,
                Some(left),
                Some(left),
                Some(left),
                Some(left),
                Some(left)
            ]
        );
        // What is sent later is no part of it.
        assert_eq!(watch.sent(at(120), 1200, false), None);
        // Two packets each 10 ms; what else is acknowledged does not count.
        watch.acknowledged(start, 3600);
        for round in 0..4 {
            watch.acknowledged(left, 2400);
            let (burst, left) = watch.look(at(140 + round * 10)).unwrap();
            assert_eq!(left.is_none(), round == 3);
            let exact = Burst {
                rate: 240_000,
                at_least: false,
            };
            assert_eq!(burst, (round > 0).then_some(exact));
        }
        assert!(watch.look(at(200)).is_none());
        assert_eq!(
            watch.sent(at(200), 1200, false),
            None,
            "it is known for a while"
        );
    }

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
