//! Links that are computed, with senders that share them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::model::Model;

pub const MTU: u64 = 1400;

#[derive(Clone, Copy)]
pub struct Link {
    /// Bytes a second.
    pub rate: u64,
    pub round_trip: Duration,
    /// Bytes that may wait.
    pub queue: u64,
    /// How many of a thousand packets are lost by accident.
    pub lost: u64,
}

/// What a sender is limited by.
pub enum Control {
    Model(Box<Model>),
    /// The textbook: a packet more each round trip, half of it after a loss (RFC 9002 §7).
    Textbook {
        window: f64,
        until: u64,
        slow: bool,
    },
}

pub struct Flow {
    control: Control,
    sent: VecDeque<(u64, Instant)>,
    next: u64,
    in_flight: u64,
    smoothed: Option<Duration>,
    tokens: f64,
    tokens_at: Instant,
    pub delivered: u64,
    /// Packets that came and are not acknowledged.
    owed: Vec<u64>,
}

enum Event {
    /// A packet arrives at the receiver.
    Arrives(usize, u64),
    /// An acknowledgement arrives at the sender.
    Acknowledged(usize, Vec<u64>),
    /// The receiver acknowledges what it owes, if the first of that is still this packet.
    Owes(usize, u64),
    /// The sender may try again.
    Tries(usize),
}

pub struct World {
    pub link: Link,
    now: Instant,
    pub flows: Vec<Flow>,
    events: BinaryHeap<Reverse<(Instant, u64)>>,
    what: HashMap<u64, Event>,
    count: u64,
    free_at: Instant,
    pub dropped: u64,
    /// Waiting bytes at each packet's coming: their sum and the most there were.
    waited: (u64, u64, u64),
    dice: u64,
}

impl World {
    pub fn new(link: Link, controls: impl IntoIterator<Item = fn(Instant) -> Control>) -> Self {
        let now = Instant::now();
        let flow = |control: fn(Instant) -> Control| Flow {
            control: control(now),
            sent: VecDeque::new(),
            next: 0,
            in_flight: 0,
            smoothed: None,
            tokens: 0.0,
            tokens_at: now,
            delivered: 0,
            owed: Vec::new(),
        };
        let flows: Vec<Flow> = controls.into_iter().map(flow).collect();
        let mut world = Self {
            link,
            now,
            flows,
            events: BinaryHeap::new(),
            what: HashMap::new(),
            count: 0,
            free_at: now,
            dropped: 0,
            waited: (0, 0, 0),
            dice: 1,
        };
        for flow in 0..world.flows.len() {
            world.at(now, Event::Tries(flow));
        }
        world
    }

    fn at(&mut self, time: Instant, event: Event) {
        self.count += 1;
        self.events.push(Reverse((time, self.count)));
        self.what.insert(self.count, event);
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(Reverse((at, number))) = self.events.peek().copied() {
            if at > end {
                break;
            }
            self.events.pop();
            self.now = at;
            match self.what.remove(&number).unwrap() {
                Event::Arrives(flow, packet) => self.arrives(flow, packet),
                Event::Owes(flow, packet) => {
                    if self.flows[flow].owed.first() == Some(&packet) {
                        self.acknowledge(flow);
                    }
                }
                Event::Acknowledged(flow, packets) => {
                    self.flows[flow].acknowledged(self.now, &packets);
                    self.send(flow);
                }
                Event::Tries(flow) => self.send(flow),
            }
        }
        self.now = end;
    }

    fn arrives(&mut self, flow: usize, packet: u64) {
        let it = &mut self.flows[flow];
        it.delivered += MTU;
        it.owed.push(packet);
        if it.owed.len() == 2 {
            self.acknowledge(flow);
        } else {
            self.at(
                self.now + Duration::from_millis(25),
                Event::Owes(flow, packet),
            );
        }
    }

    fn acknowledge(&mut self, flow: usize) {
        let packets = std::mem::take(&mut self.flows[flow].owed);
        let at = self.now + self.link.round_trip / 2;
        self.at(at, Event::Acknowledged(flow, packets));
    }

    fn send(&mut self, flow: usize) {
        loop {
            let it = &mut self.flows[flow];
            if it.in_flight + MTU >= it.window() {
                return;
            }
            if let Some(later) = it.paced(self.now) {
                return self.at(later, Event::Tries(flow));
            }
            let packet = it.leave(self.now);
            self.carry(flow, packet);
        }
    }

    fn carry(&mut self, flow: usize, packet: u64) {
        let begins = self.free_at.max(self.now);
        let waits = begins.duration_since(self.now).as_secs_f64() * self.link.rate as f64;
        self.waited.0 += waits as u64;
        self.waited.1 += 1;
        self.waited.2 = self.waited.2.max(waits as u64);
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if waits as u64 + MTU > self.link.queue {
            self.dropped += 1;
        } else if (self.dice >> 33) % 1000 >= self.link.lost {
            self.free_at = begins + Duration::from_secs_f64(MTU as f64 / self.link.rate as f64);
            self.at(
                self.free_at + self.link.round_trip / 2,
                Event::Arrives(flow, packet),
            );
        }
    }

    /// The share of the link's rate that came through in this time.
    pub fn used(&mut self, flow: usize, time: Duration) -> f64 {
        let before = self.flows[flow].delivered;
        self.run(time);
        let came = self.flows[flow].delivered - before;
        came as f64 / time.as_secs_f64() / self.link.rate as f64
    }

    /// How much waits on average while this time passes.
    pub fn waiting(&mut self, time: Duration) -> u64 {
        self.waited = (0, 0, 0);
        self.run(time);
        self.waited.0 / self.waited.1
    }
}

impl Flow {
    fn window(&self) -> u64 {
        match &self.control {
            Control::Model(model) => model.window_bytes(),
            Control::Textbook { window, .. } => *window as u64,
        }
    }

    /// As QUIC paces: ten packets at once, then a quarter faster than the window demands.
    fn paced(&mut self, now: Instant) -> Option<Instant> {
        let smoothed = self.smoothed?;
        let rate = self.window() as f64 * 1.25 / smoothed.as_secs_f64();
        let passed = now.duration_since(self.tokens_at).as_secs_f64();
        self.tokens = (self.tokens + rate * passed).min(10.0 * MTU as f64);
        self.tokens_at = now;
        if self.tokens >= MTU as f64 {
            self.tokens -= MTU as f64;
            return None;
        }
        let lacks = (MTU as f64 - self.tokens) / rate;
        Some(now + Duration::from_secs_f64(lacks + 1e-6))
    }

    fn leave(&mut self, now: Instant) -> u64 {
        if let Control::Model(model) = &mut self.control {
            model.sent(now);
        }
        self.in_flight += MTU;
        self.sent.push_back((self.next, now));
        self.next += 1;
        self.next - 1
    }

    fn acknowledged(&mut self, now: Instant, packets: &[u64]) {
        let Some(largest) = packets.last() else {
            return;
        };
        for packet in packets {
            let Some(place) = self.sent.iter().position(|(number, _)| number == packet) else {
                continue;
            };
            let (_, sent) = self.sent.remove(place).unwrap();
            self.in_flight -= MTU;
            let took = now.duration_since(sent);
            self.smoothed = Some(self.smoothed.map_or(took, |it| (it * 7 + took) / 8));
            match &mut self.control {
                Control::Model(model) => model.acknowledged(now, sent, MTU, false),
                Control::Textbook { window, slow, .. } => {
                    *window += if *slow {
                        MTU as f64
                    } else {
                        MTU as f64 * MTU as f64 / *window
                    };
                }
            }
        }
        if let Control::Model(model) = &mut self.control {
            model.learn(now, self.in_flight, false);
        }
        let before = self.sent.len();
        let newest_lost = self
            .sent
            .iter()
            .rev()
            .find(|(number, _)| number + 3 <= *largest);
        let newest_lost = newest_lost.map(|(number, _)| *number);
        self.sent.retain(|(number, _)| number + 3 > *largest);
        let lost = (before - self.sent.len()) as u64 * MTU;
        self.in_flight -= lost;
        let (Some(newest_lost), next) = (newest_lost, self.next) else {
            return;
        };
        match &mut self.control {
            Control::Model(model) => model.lose(lost, false),
            Control::Textbook {
                window,
                until,
                slow,
            } if newest_lost >= *until => {
                *window = (*window / 2.0).max(2.0 * MTU as f64);
                (*until, *slow) = (next, false);
            }
            Control::Textbook { .. } => {}
        }
    }
}
