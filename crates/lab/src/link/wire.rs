//! One direction of a link: a queue, a clock that sends bit by bit, a delay.

use std::collections::VecDeque;
use std::time::Duration;

/// Packets on their way in one direction. Times are measured from any common zero.
pub struct Wire {
    nanos_per_byte: f64,
    delay: Duration,
    jitter: Duration,
    room: usize,
    loss: f64,
    random: fastrand::Rng,
    /// When the packet sent last has left in full.
    free: Duration,
    /// Packets that have not left in full: when they will have, and their size.
    leaving: VecDeque<(Duration, usize)>,
    queued: usize,
    /// Packets on their way: when they arrive.
    flying: VecDeque<(Duration, Vec<u8>)>,
    dropped: u64,
}

impl Wire {
    /// A wire of `kbit` kilobits per second.
    pub fn new(kbit: u32, profile: &crate::Profile, seed: u64) -> Self {
        Self {
            nanos_per_byte: 8.0e6 / f64::from(kbit.max(1)),
            delay: profile.rtt / 2,
            jitter: profile.jitter,
            room: profile.queue_bytes,
            loss: profile.loss,
            random: fastrand::Rng::with_seed(seed),
            free: Duration::ZERO,
            leaving: VecDeque::new(),
            queued: 0,
            flying: VecDeque::new(),
            dropped: 0,
        }
    }

    /// A packet comes to be sent at `now`.
    pub fn offer(&mut self, now: Duration, packet: Vec<u8>) {
        while let Some((left, size)) = self.leaving.front().copied() {
            if left > now {
                break;
            }
            self.queued -= size;
            self.leaving.pop_front();
        }
        if self.queued + packet.len() > self.room {
            self.dropped += 1;
            return;
        }
        let sending = Duration::from_nanos((packet.len() as f64 * self.nanos_per_byte) as u64);
        self.free = self.free.max(now) + sending;
        self.leaving.push_back((self.free, packet.len()));
        self.queued += packet.len();
        // A packet lost on the way has used its time on the wire all the same.
        if self.loss > 0.0 && self.random.f64() < self.loss {
            self.dropped += 1;
            return;
        }
        let late = self.jitter.mul_f64(self.random.f64());
        let arrival = self.free + self.delay + late;
        let arrival = self
            .flying
            .back()
            .map_or(arrival, |last| arrival.max(last.0));
        self.flying.push_back((arrival, packet));
    }

    /// When the next packet arrives; `None` while the wire is empty.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.flying.front().map(|packet| packet.0)
    }

    /// The next packet that has arrived by `now`.
    pub fn arrived(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        self.flying.pop_front().map(|packet| packet.1)
    }

    /// Packets that never arrive: no room, or lost.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    const MS: Duration = Duration::from_millis(1);

    fn wire(queue_bytes: usize, loss: f64) -> Wire {
        let profile = Profile {
            queue_bytes,
            loss,
            ..Profile::new(800, 800, 100)
        };
        Wire::new(800, &profile, 1)
    }

    #[test]
    fn packets_leave_at_the_rate_and_arrive_after_the_delay() {
        let mut wire = wire(10_000, 0.0);
        // 800 kbit/s are 100 bytes per millisecond.
        for _ in 0..3 {
            wire.offer(5 * MS, vec![0; 1000]);
        }
        assert_eq!(wire.next_arrival(), Some(65 * MS));
        assert_eq!(wire.arrived(64 * MS), None);
        assert!(wire.arrived(65 * MS).is_some() && wire.arrived(74 * MS).is_none());
        assert!(wire.arrived(75 * MS).is_some() && wire.arrived(85 * MS).is_some());
        wire.offer(200 * MS, vec![0; 500]);
        assert_eq!(wire.next_arrival(), Some(255 * MS));
    }

    #[test]
    fn a_full_queue_drops_the_newest_until_there_is_room() {
        let mut wire = wire(2500, 0.0);
        for _ in 0..4 {
            wire.offer(Duration::ZERO, vec![0; 1000]);
        }
        assert_eq!(wire.dropped(), 2);
        wire.offer(10 * MS, vec![0; 1000]);
        assert_eq!(wire.dropped(), 2);
        wire.offer(11 * MS, vec![0; 1000]);
        assert_eq!(wire.dropped(), 3);
    }

    #[test]
    fn the_share_asked_for_is_lost() {
        let mut wire = wire(usize::MAX / 2, 0.1);
        for _ in 0..10_000 {
            wire.offer(Duration::ZERO, vec![0; 10]);
        }
        assert!((900..1100).contains(&wire.dropped()), "{}", wire.dropped());
    }

    #[test]
    fn late_packets_do_not_overtake() {
        let profile = Profile {
            jitter: 30 * MS,
            ..Profile::new(80_000, 80_000, 20)
        };
        let mut wire = Wire::new(80_000, &profile, 3);
        for number in 0..200 {
            wire.offer(MS * number, vec![number as u8]);
        }
        let mut last = Duration::ZERO;
        for number in 0..200 {
            let arrival = wire.next_arrival().unwrap();
            assert!(arrival >= last && arrival <= MS * number + 41 * MS);
            last = arrival;
            assert_eq!(wire.arrived(arrival), Some(vec![number as u8]));
        }
    }
}
