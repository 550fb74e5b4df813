//! One direction of a link: a queue, a clock that sends bit by bit, a delay.

use std::collections::VecDeque;
use std::time::Duration;

use super::queue::{CoDel, Queue};
use crate::Discipline;

/// Packets on their way in one direction. Times are measured from any common zero.
pub struct Wire {
    nanos_per_byte: f64,
    delay: Duration,
    jitter: Duration,
    room: usize,
    loss: f64,
    random: fastrand::Rng,
    queue: Queue,
    /// When the packet sent last has left in full, and its size.
    free: Duration,
    leaving: usize,
    flying: VecDeque<Flying>,
    dropped: u64,
}

/// A packet on its way.
struct Flying {
    arrival: Duration,
    /// When it came to be sent.
    since: Duration,
    packet: Vec<u8>,
}

impl Wire {
    /// A wire of `kbit` kilobits per second that loses this share of its packets.
    pub fn new(kbit: u32, loss: f64, profile: &crate::Profile, seed: u64) -> Self {
        let nanos_per_byte = 8.0e6 / f64::from(kbit.max(1));
        let controller = match profile.discipline {
            Discipline::DropTail => None,
            Discipline::CoDel => Some(CoDel::new(nanos_per_byte)),
        };
        Self {
            nanos_per_byte,
            delay: profile.rtt / 2,
            jitter: profile.jitter,
            room: profile.queue_bytes,
            loss,
            random: fastrand::Rng::with_seed(seed),
            queue: Queue::new(controller),
            free: Duration::ZERO,
            leaving: 0,
            flying: VecDeque::new(),
            dropped: 0,
        }
    }

    /// A packet comes to be sent at `now`.
    pub fn offer(&mut self, now: Duration, packet: Vec<u8>) {
        self.send_until(now);
        // What is being sent has not left the queue's memory yet.
        let leaving = if self.free > now { self.leaving } else { 0 };
        if self.queue.bytes() + leaving + packet.len() > self.room {
            self.dropped += 1;
            return;
        }
        self.queue.push(now, packet);
        self.send_until(now);
    }

    /// Sends what the wire was free for until `now`.
    fn send_until(&mut self, now: Duration) {
        while let Some(oldest) = self.queue.front() {
            let start = self.free.max(oldest.since);
            if start > now {
                return;
            }
            let Some(waiting) = self.queue.pop(start) else {
                return;
            };
            self.send(start, waiting.since, waiting.packet);
        }
    }

    fn send(&mut self, start: Duration, since: Duration, packet: Vec<u8>) {
        self.free = start + self.sending(packet.len());
        self.leaving = packet.len();
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
            .map_or(arrival, |last| arrival.max(last.arrival));
        self.flying.push_back(Flying {
            arrival,
            since,
            packet,
        });
    }

    fn sending(&self, size: usize) -> Duration {
        Duration::from_nanos((size as f64 * self.nanos_per_byte) as u64)
    }

    /// When the next packet arrives at the earliest; `None` while the wire is empty.
    pub fn next_arrival(&self) -> Option<Duration> {
        if let Some(first) = self.flying.front() {
            return Some(first.arrival);
        }
        let oldest = self.queue.front()?;
        let left = self.free.max(oldest.since) + self.sending(oldest.packet.len());
        Some(left + self.delay)
    }

    /// The next packet that has arrived by `now`, and when it came to be sent.
    pub fn arrived(&mut self, now: Duration) -> Option<(Duration, Vec<u8>)> {
        self.send_until(now);
        if self.flying.front()?.arrival > now {
            return None;
        }
        let first = self.flying.pop_front()?;
        Some((first.since, first.packet))
    }

    /// Packets that never arrive: no room, dropped by the queue's control, or lost.
    pub fn dropped(&self) -> u64 {
        self.dropped + self.queue.dropped()
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
            ..Profile::new(800, 800, 100)
        };
        Wire::new(800, loss, &profile, 1)
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
        while wire.arrived(MS * 1_000_000).is_some() {}
        assert!((900..1100).contains(&wire.dropped()), "{}", wire.dropped());
    }

    #[test]
    fn the_same_seed_loses_the_same_packets() {
        let arrivals = |seed| {
            let mut wire = Wire::new(800, 0.3, &Profile::new(800, 800, 0), seed);
            for number in 0..200 {
                wire.offer(Duration::ZERO, vec![number; 10]);
            }
            std::iter::from_fn(|| wire.arrived(MS * 1000)).collect::<Vec<_>>()
        };
        assert_eq!(arrivals(7), arrivals(7));
        assert_ne!(arrivals(7), arrivals(8));
    }

    #[test]
    fn a_controlled_queue_keeps_the_wire_busy_and_the_wait_short() {
        let profile = Profile {
            discipline: Discipline::CoDel,
            queue_bytes: 1_000_000,
            ..Profile::new(800, 800, 0)
        };
        let mut wire = Wire::new(800, 0.0, &profile, 1);
        // Half of the wire's rate with a queue of a second before it: the queue stays unless
        // something is dropped, and the wire is never idle for it.
        for _ in 0..100 {
            wire.offer(Duration::ZERO, vec![0; 1000]);
        }
        let (mut bytes, mut last) = (0, Duration::ZERO);
        for tick in 0..2000 {
            let now = MS * tick;
            if tick % 20 == 0 {
                wire.offer(now, vec![0; 1000]);
            }
            while let Some((since, packet)) = wire.arrived(now) {
                assert!(since <= now);
                bytes += packet.len();
                last = now;
            }
        }
        // 100 bytes a millisecond as long as there are any.
        assert!(wire.dropped() > 0);
        assert_eq!(bytes as u64 + 1000 * wire.dropped(), 200_000);
        assert!(last >= MS * 1980);
    }

    #[test]
    fn late_packets_do_not_overtake() {
        let profile = Profile {
            jitter: 30 * MS,
            ..Profile::new(80_000, 80_000, 20)
        };
        let mut wire = Wire::new(80_000, 0.0, &profile, 3);
        for number in 0..200 {
            wire.offer(MS * number, vec![number as u8]);
        }
        let mut last = Duration::ZERO;
        for number in 0..200 {
            let arrival = wire.next_arrival().unwrap();
            assert!(arrival >= last && arrival <= MS * number + 41 * MS);
            last = arrival;
            let sent = (MS * number, vec![number as u8]);
            assert_eq!(wire.arrived(arrival), Some(sent));
        }
    }
}
