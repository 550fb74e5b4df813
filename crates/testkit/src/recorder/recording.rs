//! What a recorder saw, and what it means.

use std::time::{Duration, Instant};

/// One DATA frame. All times count from the moment the first request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFrame {
    /// When its last byte had been received and decrypted.
    pub at: Duration,
    /// Which request it answers, by its place in the list of requests.
    pub request: usize,
    /// Bytes of body in it.
    pub bytes: usize,
    /// Bytes of this body received with it and before.
    pub offset: u64,
}

/// The answer to one request.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status; 0 if no header came.
    pub status: u16,
    /// Header fields in order, without the status.
    pub headers: Vec<(String, String)>,
    /// The body received.
    pub body: Vec<u8>,
    /// When the request was sent.
    pub asked_at: Duration,
    /// When the header had come.
    pub header_at: Option<Duration>,
    /// When the last byte had come; `None` if it never did.
    pub complete_at: Option<Duration>,
    /// The error code of a reset (RFC 9113 §7), if the server sent one.
    pub reset: Option<u32>,
}

impl Answer {
    /// The first value of a field, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|field| field.0 == name)?;
        Some(&found.1)
    }
}

/// How urgent a body is from an offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The offset.
    pub from: u64,
    /// Higher is more urgent.
    pub level: u8,
}

/// A whole session.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The moment from which all times count; absent where nothing was recorded.
    pub zero: Option<Instant>,
    /// From the start of connecting to the first request: TCP and TLS.
    pub connected: Duration,
    /// Answers in the order of the requests.
    pub answers: Vec<Answer>,
    /// Every DATA frame in the order of arrival.
    pub frames: Vec<DataFrame>,
    /// The error code of a GOAWAY, if one came.
    pub goaway: Option<u32>,
    /// Whether the time was up before all answers were complete.
    pub timed_out: bool,
}

impl Recording {
    /// When a request's body had come up to `offset`; offset 0 is its header.
    pub fn reached(&self, request: usize, offset: u64) -> Option<Duration> {
        let header = self.answers.get(request)?.header_at?;
        if offset == 0 {
            return Some(header);
        }
        self.frames
            .iter()
            .find(|frame| frame.request == request && frame.offset >= offset)
            .map(|frame| frame.at)
    }

    /// When every one of (request, offset) had come: with the offsets of the headers, previews
    /// or good passes of all images, the time of the last. `None` if one never came.
    pub fn all_reached(&self, points: impl IntoIterator<Item = (usize, u64)>) -> Option<Duration> {
        points
            .into_iter()
            .map(|(request, offset)| self.reached(request, offset))
            .try_fold(Duration::ZERO, |latest, time| Some(latest.max(time?)))
    }

    /// When the last answer was complete; `None` if one never was.
    pub fn total(&self) -> Option<Duration> {
        self.answers
            .iter()
            .try_fold(Duration::ZERO, |latest, answer| {
                Some(latest.max(answer.complete_at?))
            })
    }

    /// How long a request took from being sent to being complete.
    pub fn took(&self, request: usize) -> Option<Duration> {
        let answer = self.answers.get(request)?;
        Some(answer.complete_at?.saturating_sub(answer.asked_at))
    }

    /// Which requests the frames answered, in order, repeats left out: the order of bytes at a
    /// glance.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = self.frames.iter().map(|frame| frame.request).collect();
        order.dedup();
        order
    }

    /// Bytes that came while something more urgent had still to come that the server had known of:
    /// whose request was older than `known_after`, which is a round trip at least. What is on its
    /// way or in a queue of the link by then counts. `plans` has the phases of each request, by
    /// their offsets.
    pub fn inversion_bytes(&self, plans: &[Vec<Phase>], known_after: Duration) -> u64 {
        let level = |request: usize, offset: u64| {
            let phases = plans.get(request).map_or(&[][..], Vec::as_slice);
            let phase = phases.iter().rev().find(|phase| phase.from <= offset);
            phase.map_or(0, |phase| phase.level)
        };
        let mut come = vec![0; self.answers.len()];
        let mut inverted = 0;
        for frame in &self.frames {
            let own = level(frame.request, frame.offset - frame.bytes as u64);
            let waits = |(request, answer): (usize, &Answer)| {
                request != frame.request
                    && answer.asked_at + known_after <= frame.at
                    && come[request] < answer.body.len() as u64
                    && level(request, come[request]) > own
            };
            if self.answers.iter().enumerate().any(waits) {
                inverted += frame.bytes as u64;
            }
            if let Some(come) = come.get_mut(frame.request) {
                *come = frame.offset;
            }
        }
        inverted
    }

    /// The same session with other times for its frames: with those at which they left the server,
    /// [`Recording::inversion_bytes`] counts what the server chose, and not what waited on the way.
    #[must_use]
    pub fn retimed(&self, time: impl Fn(Duration) -> Duration) -> Self {
        let mut recording = self.clone();
        for frame in &mut recording.frames {
            frame.at = time(frame.at);
        }
        recording
    }

    /// Bytes of body received in all.
    pub fn bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.bytes as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Recording {
        let at = Duration::from_millis;
        let answer = |complete| Answer {
            header_at: Some(at(10)),
            asked_at: at(5),
            complete_at: complete,
            ..Answer::default()
        };
        let frame = |time, request, bytes, offset| DataFrame {
            at: at(time),
            request,
            bytes,
            offset,
        };
        Recording {
            answers: vec![answer(Some(at(40))), answer(Some(at(30)))],
            frames: vec![
                frame(20, 0, 100, 100),
                frame(25, 1, 50, 50),
                frame(30, 1, 50, 100),
                frame(40, 0, 100, 200),
            ],
            ..Recording::default()
        }
    }

    #[test]
    fn times_are_those_of_the_frame_that_brings_the_offset() {
        let at = Duration::from_millis;
        let recording = recording();
        assert_eq!(recording.reached(0, 0), Some(at(10)));
        assert_eq!(recording.reached(0, 100), Some(at(20)));
        assert_eq!(recording.reached(0, 101), Some(at(40)));
        assert_eq!(recording.reached(0, 201), None);
        assert_eq!(recording.all_reached([(0, 100), (1, 60)]), Some(at(30)));
        assert_eq!(recording.all_reached([(0, 100), (2, 1)]), None);
        assert_eq!(
            (recording.total(), recording.took(1)),
            (Some(at(40)), Some(at(25)))
        );
        assert_eq!((recording.order(), recording.bytes()), (vec![0, 1, 0], 300));
    }

    #[test]
    fn bytes_before_more_urgent_ones_that_were_known_are_counted() {
        let mut recording = recording();
        recording.answers[0].body = vec![0; 200];
        recording.answers[1].body = vec![0; 100];
        let phase = |from, level| Phase { from, level };
        let late = vec![phase(0, 2), phase(100, 0)];
        let count = |plans: &[Vec<Phase>], millis| {
            recording.inversion_bytes(plans, Duration::from_millis(millis))
        };
        // The order in which they came: 0–100 of the first, the second, the rest of the first.
        assert_eq!(count(&[late, vec![phase(0, 1)]], 0), 0);
        assert_eq!(count(&[vec![phase(0, 1)], vec![phase(0, 2)]], 10), 100);
        assert_eq!(count(&[vec![phase(0, 2)], vec![phase(0, 1)]], 0), 100);
        // Nobody had heard of the second when the first came.
        let second_first = [vec![phase(0, 1)], vec![phase(0, 2)]];
        assert_eq!(count(&second_first, 16), 0);
        // The first had left before.
        let left = recording.retimed(|at| at.saturating_sub(Duration::from_millis(10)));
        assert_eq!(
            left.inversion_bytes(&second_first, Duration::from_millis(10)),
            0
        );
    }

    #[test]
    fn what_never_ended_has_no_total() {
        let mut recording = recording();
        recording.answers[1].complete_at = None;
        assert_eq!((recording.total(), recording.took(1)), (None, None));
    }
}
