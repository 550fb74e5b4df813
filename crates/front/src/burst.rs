//! How fast a path is, told by a few packets: they leave together, the narrowest place of the path
//! spreads them, and so their acknowledgements come back spread.
//!
//! The kernel's delivery rate cannot say that of a page's first bytes: they fit the first window,
//! so it measures the window and the round trip, not the path.

use std::time::{Duration, Instant};

use pipeline::Burst;

/// What is sent without a longer pause than this leaves together.
pub const AT_ONCE: Duration = Duration::from_millis(2);
/// Fewer packets say nothing.
pub const LEAST_PACKETS: u64 = 4;
/// Looks that are remembered.
const LOOKS: usize = 12;
/// More bytes than these say no more.
const ENOUGH: u64 = 12 * 1024;
/// What was measured is not measured again for so long.
pub const LASTS: Duration = Duration::from_secs(10);
/// Acknowledgements that are not there by then do not come.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Packets that left together. Bytes are counted from the beginning of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Train {
    start: Instant,
    base: u64,
    end: u64,
    packet: u64,
    /// When it was last seen that none had arrived.
    silent: Instant,
    /// When so much was first seen to have arrived: up to which byte.
    seen: [Option<(Instant, u64)>; LOOKS],
}

impl Train {
    /// A train of packets of so many bytes, of which the first leaves now, after `base` bytes.
    pub fn new(start: Instant, base: u64, packet: u64) -> Self {
        Self {
            start,
            base,
            end: base,
            packet: packet.max(1),
            silent: start,
            seen: [None; LOOKS],
        }
    }

    /// When it left.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// It reaches up to this byte.
    pub fn extend(&mut self, end: u64) {
        self.end = end;
    }

    /// Whether it is long enough to say something.
    pub fn is_long(&self) -> bool {
        self.end.saturating_sub(self.base) >= LEAST_PACKETS * self.packet
    }

    /// When its first packets were seen to have arrived.
    pub fn first_arrival(&self) -> Option<Instant> {
        self.first().map(|(at, _)| at)
    }

    fn first(&self) -> Option<(Instant, u64)> {
        self.seen.first().copied().flatten()
    }

    fn last(&self) -> Option<(Instant, u64)> {
        self.seen.iter().rev().find_map(|seen| *seen)
    }

    /// Tells it what has arrived by now: everything up to this byte.
    pub fn arrived(&mut self, at: Instant, upto: u64) {
        let upto = upto.min(self.end);
        if upto <= self.base {
            self.silent = self.silent.max(at);
            return;
        }
        if self.last().is_some_and(|(_, before)| before >= upto) {
            return;
        }
        // What was seen at the same time arrived at the same time.
        let place = self
            .seen
            .iter()
            .position(|seen| seen.is_none_or(|(before, _)| before == at));
        let place = place.unwrap_or(LOOKS - 1);
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = Some((at, upto));
        }
    }

    /// Whether nothing more is to be learned. The last packets are not waited for: their
    /// acknowledgement may be held back until another comes (RFC 9293 §3.8.6.3).
    pub fn is_over(&self) -> bool {
        let (Some((_, first)), Some((_, last))) = (self.first(), self.last()) else {
            return false;
        };
        last + self.packet * 3 / 2 >= self.end || last - first >= ENOUGH
    }

    /// What it says, as far as is known by now.
    pub fn burst(&self) -> Option<Burst> {
        if let Some(rate) = self.spread() {
            let at_least = false;
            return Some(Burst { rate, at_least });
        }
        // Too close together to be told apart: the path is as fast as that, or faster.
        let (last_at, last) = self.last()?;
        let bytes = last - self.base;
        (bytes >= LEAST_PACKETS * self.packet && self.is_over()).then(|| Burst {
            rate: rate(bytes, last_at.saturating_duration_since(self.silent)),
            at_least: true,
        })
    }

    /// The rate that the times say.
    ///
    /// Nothing is ever seen too early, but many a thing too late: an acknowledgement was held back,
    /// or nobody looked. So what counts is the line under all points, in bytes and time, that bends
    /// only upwards (their lower hull): it touches what was seen in time and passes under the rest.
    /// Of that line the middle half of the bytes counts: the first point may be late without any
    /// before it to show that, and what left last may have been held back by the sender's own pace.
    fn spread(&self) -> Option<u64> {
        let ((first_at, first), (_, last)) = (self.first()?, self.last()?);
        let whole = last - first;
        if whole < self.packet * 3 / 2 {
            return None;
        }
        let mut hull = Hull::default();
        for (at, upto) in self.seen.iter().flatten() {
            let time = at.saturating_duration_since(first_at).as_secs_f64();
            hull.add(((upto - first) as f64, time));
        }
        let [earlier, later] = [1.0, 3.0].map(|part| hull.at(whole as f64 * part / 4.0));
        let time = Duration::try_from_secs_f64(later? - earlier?).ok()?;
        Some(rate(whole / 2, time))
    }
}

/// The lower hull of points that come from left to right: bytes and seconds.
#[derive(Default)]
struct Hull {
    points: [(f64, f64); LOOKS],
    count: usize,
}

impl Hull {
    fn add(&mut self, point: (f64, f64)) {
        while let [.., before, last] = self.points.get(..self.count).unwrap_or_default() {
            if slope(*before, *last) < slope(*last, point) {
                break;
            }
            self.count -= 1;
        }
        if let Some(place) = self.points.get_mut(self.count) {
            *place = point;
            self.count += 1;
        }
    }

    /// The time at so many bytes.
    fn at(&self, bytes: f64) -> Option<f64> {
        let points = self.points.get(..self.count)?;
        points.windows(2).find_map(|pair| match pair {
            [left, right] if (left.0..=right.0).contains(&bytes) => {
                Some(left.1 + (bytes - left.0) * slope(*left, *right))
            }
            _ => None,
        })
    }
}

fn slope(left: (f64, f64), right: (f64, f64)) -> f64 {
    (right.1 - left.1) / (right.0 - left.0)
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let time = time.max(Duration::from_micros(500));
    (bytes as f64 / time.as_secs_f64()) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACKET: u64 = 1448;

    /// What is said of `packets` after a path of so many bytes a second, looked at each `tick`;
    /// two packets are acknowledged together.
    fn over(rate: f64, packets: u64, tick: Duration) -> Option<Burst> {
        let start = Instant::now();
        let mut train = Train::new(start, 700, PACKET);
        train.extend(700 + packets * PACKET);
        let trip = Duration::from_millis(40);
        let mut at = start + trip.mul_f64(0.8);
        while !train.is_over() {
            at += tick;
            let flown = at.saturating_duration_since(start + trip).as_secs_f64();
            let arrived = (flown * rate / 1500.0) as u64;
            let told = (arrived / 2 * 2).min(packets / 2 * 2);
            train.arrived(at, 700 + told * PACKET);
            assert!(at < start + Duration::from_secs(9));
        }
        train.burst()
    }

    #[test]
    fn few_packets_say_nothing() {
        let start = Instant::now();
        let mut train = Train::new(start, 0, PACKET);
        train.extend(3 * PACKET);
        assert!(!train.is_long() && train.burst().is_none());
        train.arrived(start + Duration::from_millis(40), 3 * PACKET);
        assert!(train.is_over() && train.burst().is_none());
    }

    #[test]
    fn what_comes_back_together_is_at_least_that_fast() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut train = Train::new(start, 0, 1000);
        train.extend(10_000);
        train.arrived(at(40), 0);
        assert!(!train.is_over());
        train.arrived(at(42), 10_000);
        let expected = Burst {
            rate: 5_000_000,
            at_least: true,
        };
        assert_eq!((train.is_over(), train.burst()), (true, Some(expected)));
    }

    #[test]
    fn what_was_lost_is_waited_for_by_others() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut train = Train::new(start, 0, 1000);
        train.extend(10_000);
        train.arrived(at(40), 2000);
        train.arrived(at(50), 5000);
        // Nothing new, however often it is looked at.
        train.arrived(at(300), 5000);
        let burst = train.burst().unwrap();
        assert_eq!((burst.rate, burst.at_least), (300_000, false));
        assert!(!train.is_over());
    }

    proptest! {
        /// Half and twice a rate are told apart, and what is only a bound is true.
        #[test]
        fn the_spread_says_the_rate(
            megabits in 0.3f64..40.0,
            packets in 6u64..40,
            tick in 200u64..1500,
        ) {
            let rate = megabits * 125_000.0;
            let burst = over(rate, packets, Duration::from_micros(tick)).unwrap();
            // A path faster than the tick can tell is only known to be fast.
            let told = burst.rate as f64 * 1500.0 / 1448.0;
            prop_assert!(told < rate * 2.0 || burst.rate > 2_000_000, "{told} {rate}");
            if !burst.at_least {
                prop_assert!(told > (rate / 2.0).min(1_500_000.0), "{told} {rate}");
            }
        }
    }
}
