//! The scheduler of one connection.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::plan::RECORD_BODY;
use crate::{Concurrency, Level, Phase, Plan};

/// One byte in so many is kept for the lowest level while higher ones have data.
const SHARE: i64 = 64;

/// How much the lowest level is owed before it gets a turn, and gets at most in one, in bytes.
const SHARE_UNIT: i64 = 4096;

/// Leave to send. Answered by [`Scheduler::sent`] or [`Scheduler::block`] before the next one is
/// asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which stream.
    pub stream: u64,
    /// How many bytes at most; at least 1.
    pub bytes: usize,
    /// At which level they leave.
    pub level: Level,
    /// How the stream shares that level.
    pub concurrency: Concurrency,
    /// Why it is this stream's turn.
    pub reason: Reason,
    /// Whether they are of use only together and should leave in one piece.
    pub whole: bool,
}

/// Why a stream is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No other has data and window.
    Only,
    /// Its level is the highest, and it is the first of it.
    Highest,
    /// Its level is the highest, and it is its turn in the round robin.
    Turn,
    /// The share that is kept for the lowest level is due.
    Share,
}

/// Decides which stream sends next.
///
/// Only streams with data that are not blocked compete. The highest level goes first. Inside a
/// level exclusive streams go by arrival; after them the sequential streams, lowest id first, take
/// turns as a group with the round robin, whose least recently served stream goes first. While a
/// higher level sends, one byte in sixty-four is kept for the lowest, in pieces of
/// at most 4 KiB, so that nothing starves.
///
/// Streams that are not known are passed over in silence: a stream may be reset between a decision
/// and its consequence. Every operation costs about the logarithm of the number of streams.
#[derive(Debug, Default)]
pub struct Scheduler {
    streams: BTreeMap<u64, Stream>,
    /// The streams that compete, in the order in which they would go.
    ready: BTreeSet<Place>,
    arrivals: u64,
    turns: u64,
    /// One bit a level: the sequential group had the last turn.
    sequential_had_turn: u64,
    /// What the lowest level is owed, in sixty-fourths of a byte; negative after a turn that was
    /// larger.
    owed: i64,
}

/// A place in the order of streams that compete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    level: Reverse<Level>,
    group: Group,
    /// Arrival, stream id, or last turn, as the group goes by.
    order: u64,
    stream: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Exclusive,
    Sequential,
    RoundRobin,
}

#[derive(Debug)]
struct Stream {
    phases: Vec<Phase>,
    /// Index of the phase that `sent` lies in.
    phase: usize,
    sent: u64,
    available: u64,
    ended: bool,
    blocked: bool,
    arrival: u64,
    /// When it last sent, in turns.
    turn: u64,
    /// Where it stands in `ready`.
    place: Option<Place>,
}

impl Scheduler {
    /// A response begins; no byte of it is there yet. Takes the place of a stream of the same id.
    pub fn insert(&mut self, stream: u64, plan: Plan) {
        self.remove(stream);
        self.arrivals += 1;
        let entry = Stream {
            phases: plan.into_phases(),
            phase: 0,
            sent: 0,
            available: 0,
            ended: false,
            blocked: false,
            arrival: self.arrivals,
            turn: 0,
            place: None,
        };
        self.streams.insert(stream, entry);
    }

    /// Another plan takes over from the next byte on.
    pub fn replan(&mut self, stream: u64, plan: Plan) {
        self.change(stream, |entry| {
            entry.phases = plan.into_phases();
            entry.phase = 0;
            entry.advance(0);
        });
    }

    /// So many bytes of the body are at hand, counted from its start. Never shrinks.
    pub fn available(&mut self, stream: u64, bytes: u64) {
        self.change(stream, |entry| {
            entry.available = entry.available.max(bytes);
        });
    }

    /// No more bytes will come than are at hand.
    pub fn end(&mut self, stream: u64) {
        self.change(stream, |entry| entry.ended = true);
    }

    /// The client's window for the stream is used up.
    pub fn block(&mut self, stream: u64) {
        self.change(stream, |entry| entry.blocked = true);
    }

    /// The client's window for the stream has room again.
    pub fn unblock(&mut self, stream: u64) {
        self.change(stream, |entry| entry.blocked = false);
    }

    /// So many bytes were handed to the connection; never more than are at hand.
    pub fn sent(&mut self, stream: u64, bytes: usize) {
        let Some(entry) = self.streams.get(&stream) else {
            return;
        };
        let bytes = (bytes as u64).min(entry.available - entry.sent);
        if bytes == 0 {
            return;
        }
        let phase = entry.current();
        self.keep_share(phase.level, bytes);
        let bit = 1u64 << phase.level.value();
        match Group::of(phase.concurrency) {
            Group::Sequential => self.sequential_had_turn |= bit,
            Group::RoundRobin => self.sequential_had_turn &= !bit,
            Group::Exclusive => {}
        }
        self.turns += 1;
        let turn = self.turns;
        self.change(stream, |entry| {
            entry.turn = turn;
            entry.advance(bytes);
        });
    }

    /// The response is over, or given up.
    pub fn remove(&mut self, stream: u64) {
        if let Some(place) = self.streams.remove(&stream).and_then(|entry| entry.place) {
            self.ready.remove(&place);
        }
    }

    /// Which stream sends next, and how much: at most `grain` bytes, never across the start of
    /// another phase, and a unit always to its end. `None` if no stream has data and window.
    pub fn next(&self, grain: usize) -> Option<Grant> {
        let highest = self.ready.first()?.level;
        let lowest = self.ready.last()?.level;
        let share_is_due = self.owed >= SHARE_UNIT * SHARE;
        let level = if share_is_due { lowest } else { highest };
        let place = self.first_of(level)?;
        let reason = match place.group {
            _ if self.ready.len() == 1 => Reason::Only,
            _ if level != highest => Reason::Share,
            Group::RoundRobin => Reason::Turn,
            Group::Exclusive | Group::Sequential => Reason::Highest,
        };
        let entry = self.streams.get(&place.stream)?;
        let grain = match reason {
            // Everything else waits for it, however coarse the grain is.
            Reason::Share => grain.min(SHARE_UNIT as usize),
            _ => grain,
        };
        let (bytes, whole) = entry.grant(grain.max(1) as u64);
        Some(Grant {
            stream: place.stream,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            level: place.level.0,
            concurrency: entry.current().concurrency,
            reason,
            whole,
        })
    }

    /// How many bytes of the stream's body were sent; 0 for a stream that is not known.
    pub fn offset(&self, stream: u64) -> u64 {
        self.streams.get(&stream).map_or(0, |entry| entry.sent)
    }

    /// How many streams there are, with data or without.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether there is no stream.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Who goes first among the streams of a level.
    fn first_of(&self, level: Reverse<Level>) -> Option<Place> {
        let first = self.first_from(level, Group::Exclusive)?;
        let had_turn = self.sequential_had_turn & (1 << level.0.value()) != 0;
        if first.group == Group::Sequential && had_turn {
            return self.first_from(level, Group::RoundRobin).or(Some(first));
        }
        Some(first)
    }

    fn first_from(&self, level: Reverse<Level>, group: Group) -> Option<Place> {
        let from = Place {
            level,
            group,
            order: 0,
            stream: 0,
        };
        let first = self.ready.range(from..).next()?;
        (first.level == level).then_some(*first)
    }

    /// Counts what the lowest level is owed after `bytes` were sent at `level`.
    fn keep_share(&mut self, level: Level, bytes: u64) {
        let Some(lowest) = self.ready.last().map(|place| place.level.0) else {
            return;
        };
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.owed = if level > lowest {
            // Twice, so that what goes beyond one turn is not lost.
            self.owed.saturating_add(bytes).min(2 * SHARE_UNIT * SHARE)
        } else {
            let given = bytes.saturating_mul(SHARE);
            self.owed
                .saturating_sub(given)
                .max(-(RECORD_BODY as i64) * SHARE)
        };
    }

    fn change(&mut self, stream: u64, change: impl FnOnce(&mut Stream)) {
        let Some(entry) = self.streams.get_mut(&stream) else {
            return;
        };
        change(entry);
        let place = entry.wanted_place(stream);
        if place == entry.place {
            return;
        }
        if let Some(old) = std::mem::replace(&mut entry.place, place) {
            self.ready.remove(&old);
        }
        self.ready.extend(place);
    }
}

impl Group {
    fn of(concurrency: Concurrency) -> Self {
        match concurrency {
            Concurrency::Exclusive => Self::Exclusive,
            Concurrency::Sequential => Self::Sequential,
            Concurrency::RoundRobin => Self::RoundRobin,
        }
    }
}

impl Stream {
    fn current(&self) -> Phase {
        self.phases.get(self.phase).copied().unwrap_or(Phase {
            offset: 0,
            level: Level::new(0),
            concurrency: Concurrency::RoundRobin,
            whole: false,
        })
    }

    /// Where the current phase ends.
    fn end_of_phase(&self) -> u64 {
        self.phases
            .get(self.phase + 1)
            .map_or(u64::MAX, |next| next.offset)
    }

    fn advance(&mut self, bytes: u64) {
        self.sent += bytes;
        while self.end_of_phase() <= self.sent {
            self.phase += 1;
        }
    }

    /// Whether what is left of the phase leaves in one piece.
    fn is_whole(&self) -> bool {
        let phase = self.current();
        phase.whole && self.end_of_phase() - phase.offset <= RECORD_BODY as u64
    }

    fn has_turn(&self) -> bool {
        let complete = self.ended || self.end_of_phase() <= self.available;
        !self.blocked && self.sent < self.available && (complete || !self.is_whole())
    }

    fn grant(&self, grain: u64) -> (u64, bool) {
        let left = self.available.min(self.end_of_phase()) - self.sent;
        let whole = self.is_whole();
        (if whole { left } else { left.min(grain) }, whole)
    }

    fn wanted_place(&self, stream: u64) -> Option<Place> {
        let phase = self.current();
        let group = Group::of(phase.concurrency);
        let order = match group {
            Group::Exclusive => self.arrival,
            Group::Sequential => 0,
            Group::RoundRobin => self.turn,
        };
        self.has_turn().then_some(Place {
            level: Reverse(phase.level),
            group,
            order,
            stream,
        })
    }
}

#[cfg(test)]
mod tests;
