//! How fast a path delivers, packet by packet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More batches than this are never remembered: what left before them says nothing.
const BATCHES: usize = 8192;

/// Measures the delivery rate: what was acknowledged between the sending of a packet and its
/// acknowledgement, over that time, but never faster than it was sent. So neither acknowledgements
/// that come in bunches nor packets that leave in bunches look like a fast path.
#[derive(Clone, Debug)]
pub struct Sampler {
    batches: VecDeque<Batch>,
    /// Bytes acknowledged so far.
    delivered: u64,
    delivered_at: Instant,
    /// When the packet left that the last sample is of.
    first_sent: Instant,
    /// What is delivered before this was sent while there was too little to send.
    limited_until: u64,
    newest: Option<Batch>,
}

/// Packets that left at once, and what was known then.
#[derive(Clone, Copy, Debug)]
struct Batch {
    at: Instant,
    delivered: u64,
    delivered_at: Instant,
    first_sent: Instant,
}

/// What an acknowledgement says of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Bytes a second; `None` where too little time has passed to tell.
    pub rate: Option<u64>,
    /// Whether there was too little to send, so that the path may be faster.
    pub limited: bool,
    /// Bytes delivered before the packet left.
    pub before: u64,
}

impl Sampler {
    /// Nothing was sent yet.
    pub fn new(now: Instant) -> Self {
        Self {
            batches: VecDeque::new(),
            delivered: 0,
            delivered_at: now,
            first_sent: now,
            limited_until: 0,
            newest: None,
        }
    }

    /// Bytes acknowledged so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Packets leave.
    pub fn sent(&mut self, now: Instant) {
        if self.batches.back().is_some_and(|last| last.at >= now) {
            return;
        }
        if self.batches.is_empty() {
            (self.first_sent, self.delivered_at) = (now, now);
        }
        if self.batches.len() == BATCHES {
            self.batches.pop_front();
        }
        self.batches.push_back(Batch {
            at: now,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent: self.first_sent,
        });
    }

    /// A packet has arrived that left then.
    pub fn acknowledged(&mut self, now: Instant, sent: Instant, bytes: u64) {
        self.delivered += bytes;
        self.delivered_at = now;
        let place = self.batches.partition_point(|batch| batch.at < sent);
        let batch = self.batches.get(place).filter(|batch| batch.at == sent);
        if let Some(batch) = batch.copied()
            && self.newest.is_none_or(|newest| newest.at < batch.at)
        {
            self.newest = Some(batch);
        }
    }

    /// What the packets say that arrived just now; `None` if nothing is known of them. Times
    /// shorter than `least` tell nothing of the rate.
    pub fn sample(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        least: Duration,
    ) -> Option<Sample> {
        let newest = self.newest.take();
        if app_limited {
            self.limited_until = self.delivered + in_flight;
        }
        if let Some(newest) = newest {
            self.first_sent = newest.at;
            let old = self.batches.partition_point(|batch| batch.at < newest.at);
            self.batches.drain(..old);
        }
        if in_flight == 0 {
            self.batches.clear();
        }
        let newest = newest?;
        let sending = newest.at.saturating_duration_since(newest.first_sent);
        let arriving = now.saturating_duration_since(newest.delivered_at);
        let took = sending.max(arriving);
        let bytes = self.delivered - newest.delivered;
        let telling = took >= least && !took.is_zero();
        Some(Sample {
            rate: telling.then(|| (bytes as f64 / took.as_secs_f64()) as u64),
            limited: newest.delivered < self.limited_until,
            before: newest.delivered,
        })
    }
}

/// The largest value of the last rounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Largest {
    rounds: [u64; Self::ROUNDS],
    now: usize,
}

impl Largest {
    /// For how many rounds a value counts.
    const ROUNDS: usize = 10;

    /// A value of this round.
    pub fn add(&mut self, value: u64) {
        if let Some(round) = self.rounds.get_mut(self.now) {
            *round = value.max(*round);
        }
    }

    /// The next round begins.
    pub fn turn(&mut self) {
        self.now = (self.now + 1) % Self::ROUNDS;
        if let Some(round) = self.rounds.get_mut(self.now) {
            *round = 0;
        }
    }

    /// The largest value that counts; 0 while there is none.
    pub fn value(&self) -> u64 {
        self.rounds.iter().copied().max().unwrap_or_default()
    }
}
