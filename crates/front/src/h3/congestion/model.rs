//! What is known of a path, and how much may be under way on it.

use std::time::{Duration, Instant};

use super::rate::{Largest, Sample, Sampler};

/// Packets of the first flight (RFC 9002 §7.2), and its size where packets are large, in bytes.
const FIRST_PACKETS: u64 = 10;
const FIRST_BYTES: u64 = 14_720;

/// Fewer packets than this under way say too little of the path.
const LEAST_PACKETS: u64 = 4;

/// While starting: at most so many quarters of what the path holds.
const START_QUARTERS: u64 = 5;
/// The start is over after so many rounds in which the rate grew by less than a quarter.
const FLAT_ROUNDS: u32 = 3;
/// After so many packets of a round its shortest round-trip time is believed (RFC 9406 §4.3).
const TELLING_PACKETS: u32 = 8;
/// How much longer than before a round trip of the start must take, at least and at most.
const WAITING: [Duration; 2] = [Duration::from_millis(4), Duration::from_millis(16)];

/// What is under way in the rounds of a cycle, in twentieths of what the path holds: more, to see
/// whether it holds more; then less, so that the queue runs empty; then just enough.
const CYCLE: [u64; 8] = [25, 20, 21, 21, 21, 21, 21, 21];
const MORE: usize = 0;
const LESS: usize = 1;
const ENOUGH: usize = 2;

/// For how long the shortest round-trip time is believed.
const SHORTEST_FOR: Duration = Duration::from_secs(10);

/// A round that loses less than this is an accident: packets, and their share of the round in
/// percent.
const ACCIDENT: [u64; 2] = [3, 3];

/// After so many rounds without an empty queue it is others who fill it.
const CROWDED_ROUNDS: u32 = 8;

/// A congestion controller. All counts are bytes of packets.
#[derive(Clone, Debug)]
pub struct Model {
    mtu: u64,
    window: u64,
    sampler: Sampler,
    /// Bytes a second.
    rate: Largest,
    /// By how much acknowledgements ran ahead of the rate.
    bunches: Largest,
    bunch: Bunch,
    shortest: Option<(Duration, Instant)>,
    phase: Phase,
    round: Round,
    in_flight: u64,
    /// What was under way when much was lost, and more than may be under way since.
    ceiling: u64,
    /// Rounds in a row in which the queue never ran empty.
    crowded: u32,
    /// What is under way beyond the model because others fill the queue.
    share: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Doubling.
    Start {
        /// The rate that the last growth led to, and rounds without growth since.
        reached: u64,
        flat: u32,
    },
    /// In this round of the cycle.
    Steady(usize),
    /// Sending next to nothing, to see how short a round trip is when nothing waits.
    Empty,
}

/// From the sending of a packet to its acknowledgement.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// It is over when a packet arrives that left after so much was delivered.
    ends: u64,
    packets: u32,
    acknowledged: u64,
    lost: u64,
    /// Whether a loss of this round was answered.
    answered: bool,
    shortest: Option<Duration>,
    shortest_before: Option<Duration>,
    /// The rate before this round.
    rate_before: u64,
    /// When its first acknowledgement came, and what came after it.
    since: Option<Instant>,
    after: u64,
}

/// Acknowledgements that come faster than the path delivers.
#[derive(Clone, Copy, Debug)]
struct Bunch {
    since: Instant,
    bytes: u64,
}

impl Model {
    /// A controller of a path of which nothing is known.
    pub fn new(now: Instant, mtu: u64) -> Self {
        Self {
            mtu,
            window: first_window(mtu),
            sampler: Sampler::new(now),
            rate: Largest::default(),
            bunches: Largest::default(),
            bunch: Bunch {
                since: now,
                bytes: 0,
            },
            shortest: None,
            phase: Phase::Start {
                reached: 0,
                flat: 0,
            },
            round: Round::default(),
            in_flight: 0,
            ceiling: u64::MAX,
            crowded: 0,
            share: 0,
        }
    }

    /// How much may be under way, in bytes.
    pub fn window_bytes(&self) -> u64 {
        self.window
    }

    /// How much may be under way on a path of which nothing is known.
    pub fn first_window(&self) -> u64 {
        first_window(self.mtu)
    }

    /// Packets may be so large now.
    pub fn set_mtu(&mut self, mtu: u64) {
        self.mtu = mtu;
        self.window = self.window.max(2 * mtu);
    }

    /// Packets leave.
    pub fn sent(&mut self, now: Instant) {
        self.sampler.sent(now);
    }

    /// A packet has arrived.
    pub fn acknowledged(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool) {
        self.sampler.acknowledged(now, sent, bytes);
        let took = now.saturating_duration_since(sent);
        let round = &mut self.round;
        round.packets += 1;
        round.acknowledged += bytes;
        round.shortest = Some(round.shortest.map_or(took, |shortest| shortest.min(took)));
        match round.since {
            None => round.since = Some(now),
            Some(since) if since < now => round.after += bytes,
            Some(_) => {}
        }
        self.shortest = match self.shortest {
            Some((shortest, at)) if shortest < took => {
                let near = took <= shortest + shortest / 16;
                Some((shortest, if near { now } else { at }))
            }
            _ => Some((took, now)),
        };
        self.bunch.bytes += bytes;
        if matches!(self.phase, Phase::Start { .. }) && !app_limited {
            self.window = (self.window + bytes).min(self.most_to_start_with(now));
        }
    }

    /// What the acknowledgements that came at once come to.
    pub fn learn(&mut self, now: Instant, in_flight: u64, app_limited: bool) {
        self.in_flight = in_flight;
        let least = self
            .shortest
            .map_or(Duration::ZERO, |(shortest, _)| shortest);
        let sample = self.sampler.sample(now, in_flight, app_limited, least);
        if let Some(sample) = sample {
            self.believe(now, sample);
        }
        self.adjust();
    }

    fn believe(&mut self, now: Instant, sample: Sample) {
        if let Some(rate) = sample.rate
            && (!sample.limited || rate > self.rate.value())
        {
            self.rate.add(rate);
        }
        self.note_bunch(now);
        if self.is_waiting() {
            self.settle();
        }
        if sample.before >= self.round.ends {
            self.end_round(now, sample.limited);
        }
    }

    /// Measures how far acknowledgements run ahead of the rate: a path that gathers them must not
    /// run dry meanwhile.
    fn note_bunch(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.bunch.since);
        let expected = (self.rate.value() as f64 * since.as_secs_f64()) as u64;
        if self.bunch.bytes <= expected {
            self.bunch = Bunch {
                since: now,
                bytes: 0,
            };
        } else if matches!(self.phase, Phase::Steady(_)) {
            let ahead = self.bunch.bytes - expected;
            self.bunches.add(ahead.min(self.held()));
        }
    }

    fn end_round(&mut self, now: Instant, limited: bool) {
        let rate = self.rate.value();
        self.watch_others(limited);
        match self.phase {
            Phase::Start { reached, flat } => {
                let grown = rate > reached + reached / 4;
                self.phase = match (grown, limited) {
                    (true, _) => Phase::Start {
                        reached: rate,
                        flat: 0,
                    },
                    (false, true) => self.phase,
                    (false, false) => Phase::Start {
                        reached,
                        flat: flat + 1,
                    },
                };
                if flat + 1 >= FLAT_ROUNDS && !grown && !limited {
                    self.settle();
                }
            }
            // A path that gave more when asked for more may give more still.
            Phase::Steady(MORE) if rate > self.round.rate_before * 11 / 10 => {}
            Phase::Steady(place) => self.phase = Phase::Steady((place + 1) % CYCLE.len()),
            Phase::Empty => {
                self.shortest = self.round.shortest.map(|shortest| (shortest, now));
                self.phase = Phase::Steady(ENOUGH);
            }
        }
        if self.round.lost == 0 {
            let step = self.mtu.max(self.ceiling / 16);
            self.ceiling = self.ceiling.saturating_add(step);
        }
        if let Some((_, at)) = self.shortest
            && now.saturating_duration_since(at) > SHORTEST_FOR
        {
            // The path has become another one, or something always waits.
            self.phase = Phase::Empty;
            self.shortest = self.shortest.map(|(shortest, _)| (shortest, now));
        }
        // What was limited by us says little, and must not make us forget what we knew.
        if !limited {
            self.rate.turn();
        }
        self.bunches.turn();
        self.round = Round {
            ends: self.sampler.delivered(),
            shortest_before: self.round.shortest,
            rate_before: rate,
            ..Round::default()
        };
    }

    /// Whether packets of the start begin to wait.
    fn is_waiting(&self) -> bool {
        let Phase::Start { .. } = self.phase else {
            return false;
        };
        let (Some(now), Some(before)) = (self.round.shortest, self.round.shortest_before) else {
            return false;
        };
        let [least, most] = WAITING;
        self.round.packets >= TELLING_PACKETS && now >= before + (before / 8).clamp(least, most)
    }

    fn settle(&mut self) {
        self.phase = Phase::Steady(ENOUGH);
    }

    /// Takes a share of a queue that others keep full, and gives it back when it is empty.
    fn watch_others(&mut self, limited: bool) {
        let (Some(took), Some((shortest, _))) = (self.round.shortest, self.shortest) else {
            return;
        };
        let rate = self.rate.value().max(1);
        let ours = self.window.saturating_sub(self.held()) as f64 / rate as f64;
        let ours = Duration::from_secs_f64((ours * 1.5).min(10.0));
        let [least, _] = WAITING;
        if took <= shortest + ours + (shortest / 8).max(least) {
            self.crowded = 0;
            self.share -= self.share / 4;
        } else if !limited && matches!(self.phase, Phase::Steady(_)) {
            self.crowded += 1;
            if self.crowded >= CROWDED_ROUNDS {
                self.share += self.mtu;
            }
        }
    }

    /// Packets were lost, or marked by a router that has too much to carry (0 bytes).
    pub fn lose(&mut self, bytes: u64, is_persistent: bool) {
        if is_persistent {
            // Nothing that was known holds any more.
            self.rate = Largest::default();
            self.phase = Phase::Start {
                reached: 0,
                flat: 0,
            };
            self.window = 2 * self.mtu;
            self.share = 0;
            return;
        }
        self.round.lost += bytes;
        let [packets, percent] = ACCIDENT;
        let lost = self.round.lost;
        let all = self.round.acknowledged + lost;
        // Zero bytes are a mark of congestion (RFC 9002 §7.1).
        let much = bytes == 0 || (lost >= packets * self.mtu && lost * 100 > all * percent);
        if self.round.answered || !(much || self.share > 0) {
            return;
        }
        self.round.answered = true;
        self.share -= self.share / 2;
        if much {
            let was = self.window.min(self.in_flight + lost);
            self.ceiling = (was * 17 / 20).max(self.least());
            if matches!(self.phase, Phase::Start { .. }) {
                self.settle();
            }
        }
        self.adjust();
    }

    fn adjust(&mut self) {
        match self.phase {
            Phase::Start { .. } => {}
            Phase::Steady(place) => self.window = self.steady_window(place),
            Phase::Empty => self.window = self.least(),
        }
    }

    fn least(&self) -> u64 {
        LEAST_PACKETS * self.mtu
    }

    /// What the path holds when nothing waits.
    fn held(&self) -> u64 {
        let shortest = self
            .shortest
            .map_or(Duration::ZERO, |(shortest, _)| shortest);
        (self.rate.value() as f64 * shortest.as_secs_f64()) as u64
    }

    /// A path shows how fast it is by how far it pulls the packets of a flight apart, long before
    /// it was ever full.
    fn most_to_start_with(&self, now: Instant) -> u64 {
        let round = &self.round;
        let apart = match round.since {
            Some(since) if round.packets >= TELLING_PACKETS && round.after > 0 => {
                let took = now.saturating_duration_since(since).as_secs_f64();
                round.after as f64 / took.max(1e-6)
            }
            _ => f64::INFINITY,
        };
        let shortest = self
            .shortest
            .map_or(Duration::ZERO, |(shortest, _)| shortest);
        let held = (apart * shortest.as_secs_f64()).max(self.held() as f64);
        let most = held * START_QUARTERS as f64 / 4.0;
        (most as u64)
            .max(self.window)
            .max(2 * first_window(self.mtu))
    }

    fn steady_window(&self, place: usize) -> u64 {
        let twentieths = CYCLE.get(place).copied().unwrap_or(20);
        let held = self.held();
        let mut window = held / 20 * twentieths + self.share;
        if place != LESS {
            window += self.bunches.value().max(2 * self.mtu) + 2 * self.mtu;
        }
        window.min(self.ceiling).max(self.least())
    }
}

fn first_window(mtu: u64) -> u64 {
    FIRST_BYTES.clamp(2 * mtu, FIRST_PACKETS * mtu)
}
