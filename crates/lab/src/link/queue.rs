//! Packets that wait for a wire, and who of them goes: a plain queue, or one that CoDel keeps
//! short ([RFC 8289](https://www.rfc-editor.org/rfc/rfc8289)).

use std::collections::VecDeque;
use std::time::Duration;

/// A packet that waits.
pub struct Waiting {
    /// Since when.
    pub since: Duration,
    /// Its bytes.
    pub packet: Vec<u8>,
}

/// The packets that wait, oldest first.
#[derive(Default)]
pub struct Queue {
    packets: VecDeque<Waiting>,
    bytes: usize,
    controller: Option<CoDel>,
    dropped: u64,
}

impl Queue {
    /// A queue that CoDel controls, or none does.
    pub fn new(controller: Option<CoDel>) -> Self {
        Self {
            controller,
            ..Self::default()
        }
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Packets that were dropped while they waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The oldest packet.
    pub fn front(&self) -> Option<&Waiting> {
        self.packets.front()
    }

    /// Takes a packet in, behind all others.
    pub fn push(&mut self, since: Duration, packet: Vec<u8>) {
        self.bytes += packet.len();
        self.packets.push_back(Waiting { since, packet });
    }

    /// The packet that leaves at `now`, when the wire is free.
    pub fn pop(&mut self, now: Duration) -> Option<Waiting> {
        let Some(mut controller) = self.controller.take() else {
            return self.take();
        };
        let popped = controller.dequeue(now, self);
        self.controller = Some(controller);
        popped
    }

    fn take(&mut self) -> Option<Waiting> {
        let waiting = self.packets.pop_front()?;
        self.bytes -= waiting.packet.len();
        Some(waiting)
    }
}

/// The longest a packet may wait for long, unless the wire needs more for one alone (RFC 8289 §4.4).
const TARGET: Duration = Duration::from_millis(5);
/// How long it must have waited longer for a packet to be dropped: the largest usual round trip
/// (RFC 8289 §4.3).
const INTERVAL: Duration = Duration::from_millis(100);
/// The largest packet.
const LARGEST: usize = 1500;

/// The controller of RFC 8289 §5: drops at the head of the queue, ever faster, while packets have
/// waited too long for an interval.
#[derive(Debug)]
pub struct CoDel {
    target: Duration,
    /// When the packets will have waited too long for long enough; `None` while they do not.
    patience_ends: Option<Duration>,
    dropping: bool,
    drop_next: Duration,
    /// Drops since dropping began, and as many as there were when it last began.
    count: u32,
    last_count: u32,
}

impl CoDel {
    /// A controller for a wire that takes so long for a byte.
    pub fn new(nanos_per_byte: f64) -> Self {
        let one = Duration::from_nanos((LARGEST as f64 * nanos_per_byte) as u64);
        Self {
            target: TARGET.max(one),
            patience_ends: None,
            dropping: false,
            drop_next: Duration::ZERO,
            count: 0,
            last_count: 0,
        }
    }

    fn dequeue(&mut self, now: Duration, queue: &mut Queue) -> Option<Waiting> {
        let (mut head, mut late) = self.look(now, queue);
        if self.dropping {
            if !late {
                self.dropping = false;
            }
            while self.dropping && now >= self.drop_next {
                queue.dropped += 1;
                self.count += 1;
                (head, late) = self.look(now, queue);
                if late {
                    self.drop_next = next(self.drop_next, self.count);
                } else {
                    self.dropping = false;
                }
            }
        } else if late {
            queue.dropped += 1;
            (head, _) = self.look(now, queue);
            self.begin(now);
        }
        head
    }

    /// Begins to drop: at the rate of the last time, if that was not long ago.
    fn begin(&mut self, now: Duration) {
        self.dropping = true;
        let more = self.count.saturating_sub(self.last_count);
        let recently = now.saturating_sub(self.drop_next) < INTERVAL * 16;
        self.count = if more > 1 && recently { more } else { 1 };
        self.last_count = self.count;
        self.drop_next = next(now, self.count);
    }

    /// Takes the head of the queue, and says whether packets have waited too long for an interval.
    fn look(&mut self, now: Duration, queue: &mut Queue) -> (Option<Waiting>, bool) {
        let Some(head) = queue.take() else {
            self.patience_ends = None;
            return (None, false);
        };
        // A queue of less than a packet cannot be made shorter.
        if now.saturating_sub(head.since) < self.target || queue.bytes <= LARGEST {
            self.patience_ends = None;
            return (Some(head), false);
        }
        let ends = *self.patience_ends.get_or_insert(now + INTERVAL);
        (Some(head), now >= ends)
    }
}

/// The control law: the time between drops shrinks with the root of their number.
fn next(from: Duration, count: u32) -> Duration {
    from + INTERVAL.div_f64(f64::from(count.max(1)).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A wire that takes a millisecond for a packet of 1000 bytes.
    const NANOS_PER_BYTE: f64 = 1000.0;
    const MS: Duration = Duration::from_millis(1);

    /// Feeds packets of 1000 bytes at these times (milliseconds) and empties the queue at one a
    /// millisecond. Returns for each that left: its number, when it left, how long it had waited.
    fn through(queue: &mut Queue, times: &[u32]) -> Vec<(usize, Duration, Duration)> {
        let mut left = Vec::new();
        let mut coming = times.iter().enumerate().peekable();
        for tick in 0..200_000 {
            let now = MS * tick;
            while let Some((number, _)) = coming.next_if(|(_, time)| **time <= tick) {
                let mut packet = number.to_be_bytes().to_vec();
                packet.resize(1000, 0);
                queue.push(now, packet);
            }
            if let Some(waiting) = queue.pop(now) {
                let number = waiting.packet.first_chunk().copied().unwrap();
                left.push((usize::from_be_bytes(number), now, now - waiting.since));
            } else if coming.peek().is_none() {
                break;
            }
        }
        left
    }

    fn controlled() -> Queue {
        Queue::new(Some(CoDel::new(NANOS_PER_BYTE)))
    }

    #[test]
    fn a_burst_shorter_than_the_interval_passes_whole() {
        let mut queue = controlled();
        assert_eq!(through(&mut queue, &[0; 90]).len(), 90);
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn a_queue_that_stands_loses_ever_more_until_it_is_short() {
        // Five packets every four milliseconds, for ten seconds: a quarter too many.
        let times: Vec<u32> = (0..12_500).map(|number| number * 4 / 5).collect();
        let mut queue = controlled();
        let left = through(&mut queue, &times);
        let longest = |from: u32, to: u32| {
            let within =
                |entry: &&(usize, Duration, Duration)| (MS * from..MS * to).contains(&entry.1);
            left.iter().filter(within).map(|entry| entry.2).max()
        };
        let mut plain = Queue::new(None);
        let worst = through(&mut plain, &times)
            .iter()
            .map(|entry| entry.2)
            .max();
        // Without control the last packet waits for 2.5 s.
        assert!(worst > Some(MS * 2400) && plain.dropped() == 0, "{worst:?}");
        assert!(longest(8000, 10_000) < Some(MS * 600), "{left:?}");
        // What is dropped is what is too much, less what still waits.
        assert!(
            (1900..2600).contains(&queue.dropped()),
            "{}",
            queue.dropped()
        );
    }

    #[test]
    fn time_between_drops_shrinks_with_the_root_of_their_number() {
        assert_eq!(next(Duration::ZERO, 1), INTERVAL);
        assert_eq!(next(MS, 4), MS + INTERVAL / 2);
        assert_eq!(next(MS, 100), MS + INTERVAL / 10);
    }

    #[test]
    fn a_slow_wire_may_keep_a_packet_waiting_for_one_other() {
        // 400 kbit/s: 30 ms for a packet of 1500 bytes.
        assert_eq!(CoDel::new(20_000.0).target, MS * 30);
        assert_eq!(CoDel::new(80.0).target, TARGET);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order_or_is_counted(
            gaps in proptest::collection::vec(0_u32..4, 1..1500),
        ) {
            let mut time = 0;
            let times: Vec<u32> = gaps.iter().map(|gap| { time += gap; time }).collect();
            let mut queue = controlled();
            let left = through(&mut queue, &times);
            prop_assert_eq!(left.len() as u64 + queue.dropped(), times.len() as u64);
            prop_assert_eq!(queue.bytes(), 0);
            prop_assert!(left.is_sorted_by(|one, two| one.0 < two.0));
            // Whoever never waited too long lost nothing.
            let longest = left.iter().map(|entry| entry.2).max();
            prop_assert!(longest >= Some(TARGET) || queue.dropped() == 0);
        }

        #[test]
        fn a_plain_queue_drops_nothing(gaps in proptest::collection::vec(0_u32..4, 1..300)) {
            let mut queue = Queue::new(None);
            prop_assert_eq!(through(&mut queue, &gaps).len(), gaps.len());
        }
    }
}
