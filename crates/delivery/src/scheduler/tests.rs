use proptest::prelude::*;

use super::*;

fn plan(text: &str) -> Plan {
    let (first, changes) = text.split_once(' ').unwrap_or((text, ""));
    Plan::parse_cf(first, Some(changes)).unwrap()
}

/// A scheduler with streams 1, 3, 5… that have so many bytes each.
fn with(streams: &[(&str, u64)]) -> Scheduler {
    let mut scheduler = Scheduler::default();
    for (stream, (text, bytes)) in (1..).step_by(2).zip(streams) {
        scheduler.insert(stream, plan(text));
        scheduler.available(stream, *bytes);
    }
    scheduler
}

/// Sends up to `count` grants; stream and bytes of each.
fn send(scheduler: &mut Scheduler, grain: usize, count: usize) -> Vec<(u64, usize)> {
    let mut sent = Vec::new();
    while sent.len() < count {
        let Some(grant) = scheduler.next(grain) else {
            break;
        };
        scheduler.sent(grant.stream, grant.bytes);
        sent.push((grant.stream, grant.bytes));
    }
    sent
}

#[test]
fn the_highest_level_goes_first_and_frames_end_at_offsets() {
    let mut scheduler = with(&[("30/n 5000:20/n", 9000), ("40/0", 6000)]);
    assert_eq!(
        send(&mut scheduler, 4096, 9),
        [(3, 4096), (3, 1904), (1, 4096), (1, 904), (1, 4000)]
    );
}

#[test]
fn exclusive_streams_go_by_arrival_before_all_others() {
    let mut scheduler = with(&[("30/n", 200), ("30/1", 200), ("30/0", 200)]);
    scheduler.insert(2, plan("30/0"));
    scheduler.available(2, 200);
    assert_eq!(
        send(&mut scheduler, 100, 4),
        [(5, 100), (5, 100), (2, 100), (2, 100)]
    );
}

#[test]
fn the_sequential_group_takes_turns_with_the_round_robin() {
    let streams = [("30/n", 300), ("30/1", 200), ("30/1", 200), ("30/n", 300)];
    let mut scheduler = with(&streams);
    let order: Vec<u64> = send(&mut scheduler, 100, 20)
        .iter()
        .map(|(stream, _)| *stream)
        .collect();
    assert_eq!(order, [3, 1, 3, 7, 5, 1, 5, 7, 1, 7]);
}

#[test]
fn a_unit_is_never_cut_and_waits_until_it_is_complete() {
    let outline = crate::Outline {
        length: 50_000,
        header: 300,
        preview: 12_000,
        good: 30_000,
        scans: Vec::new(),
    };
    let picture = Plan::new(
        crate::Kind::Image,
        Some(&outline),
        crate::Priority::default(),
    );
    let mut scheduler = with(&[("4/n", 100)]);
    scheduler.insert(3, picture);
    scheduler.available(3, 11_999);
    assert_eq!(scheduler.next(4096).unwrap().stream, 1);
    scheduler.available(3, 50_000);
    let grant = scheduler.next(4096).unwrap();
    assert_eq!((grant.stream, grant.bytes, grant.whole), (3, 12_000, true));
    // The client's window was too small for all of it: the rest is still one piece.
    scheduler.sent(3, 5000);
    assert_eq!(scheduler.next(4096).unwrap().bytes, 7000);
    scheduler.sent(3, 7000);
    let grant = scheduler.next(4096).unwrap();
    assert_eq!((grant.bytes, grant.whole), (4096, false));
}

#[test]
fn a_unit_whose_body_ends_early_is_sent() {
    let mut scheduler = Scheduler::default();
    let outline = crate::Outline {
        length: 3000,
        ..crate::Outline::default()
    };
    let plan = Plan::new(
        crate::Kind::Image,
        Some(&outline),
        crate::Priority::default(),
    );
    scheduler.insert(1, plan);
    scheduler.available(1, 2000);
    assert_eq!(scheduler.next(100), None);
    scheduler.end(1);
    assert_eq!(scheduler.next(100).unwrap().bytes, 2000);
}

#[test]
fn a_blocked_stream_lets_others_pass_and_comes_back() {
    let mut scheduler = with(&[("60/0", 1000), ("4/n", 1000)]);
    scheduler.block(1);
    assert_eq!(send(&mut scheduler, 100, 1), [(3, 100)]);
    scheduler.unblock(1);
    assert_eq!(send(&mut scheduler, 100, 1), [(1, 100)]);
    scheduler.remove(1);
    assert_eq!(send(&mut scheduler, 1000, 2), [(3, 900)]);
}

#[test]
fn another_plan_takes_over_in_mid_body() {
    let mut scheduler = with(&[("30/n 500:2/n", 1000), ("20/n", 1000)]);
    assert_eq!(send(&mut scheduler, 600, 1), [(1, 500)]);
    assert_eq!(scheduler.next(600).unwrap().stream, 3);
    scheduler.replan(1, plan("50/n 700:10/n"));
    assert_eq!(
        send(&mut scheduler, 600, 9),
        [(1, 200), (3, 600), (3, 400), (1, 300)]
    );
}

#[test]
fn streams_that_are_not_known_are_passed_over() {
    let mut scheduler = Scheduler::default();
    scheduler.sent(7, 100);
    scheduler.block(7);
    scheduler.available(7, 100);
    scheduler.remove(7);
    assert!(scheduler.next(100).is_none() && scheduler.is_empty());
}

#[test]
fn the_lowest_level_gets_a_small_share() {
    for grain in [1, 7, 1000, 16_375] {
        let mut scheduler = with(&[("60/0", u64::MAX), ("4/n", u64::MAX)]);
        let mut bytes = [0u64; 2];
        while bytes[0] < 3_000_000 {
            let grant = scheduler.next(grain).unwrap();
            scheduler.sent(grant.stream, grant.bytes);
            bytes[usize::from(grant.stream == 3)] += grant.bytes as u64;
        }
        let share = bytes[0] / bytes[1].max(1);
        assert!((56..=72).contains(&share), "grain {grain}: {bytes:?}");
    }
}

#[test]
fn a_late_urgent_stream_goes_next() {
    let mut scheduler = with(&[("10/n", 1_000_000), ("10/n", 1_000_000)]);
    send(&mut scheduler, 4096, 20);
    scheduler.insert(5, plan("60/0"));
    scheduler.available(5, 4096);
    assert_eq!(send(&mut scheduler, 4096, 1), [(5, 4096)]);
}

/// The same rules with no index: every question looks at every stream.
#[derive(Default)]
struct Slow {
    streams: Vec<SlowStream>,
    turn: u64,
    arrivals: u64,
    sequential_had_turn: BTreeSet<Level>,
    owed: f64,
}

struct SlowStream {
    id: u64,
    plan: Plan,
    sent: u64,
    available: u64,
    ended: bool,
    blocked: bool,
    arrival: u64,
    turn: u64,
}

impl SlowStream {
    fn phase(&self) -> (Phase, u64) {
        let phases = self.plan.phases();
        let at = phases
            .iter()
            .rposition(|phase| phase.offset <= self.sent)
            .unwrap();
        let end = phases.get(at + 1).map_or(u64::MAX, |next| next.offset);
        (phases[at], end)
    }

    fn sendable(&self) -> u64 {
        let (phase, end) = self.phase();
        let left = self.available.min(end) - self.sent;
        let complete = self.available >= end || self.ended;
        if self.blocked || (phase.whole && !complete) {
            0
        } else {
            left
        }
    }
}

impl Slow {
    fn find(&mut self, id: u64) -> Option<&mut SlowStream> {
        self.streams.iter_mut().find(|stream| stream.id == id)
    }

    fn levels(&self) -> Vec<Level> {
        let ready = self.streams.iter().filter(|stream| stream.sendable() > 0);
        let mut levels: Vec<Level> = ready.map(|stream| stream.phase().0.level).collect();
        levels.sort();
        levels
    }

    fn next(&self, grain: usize) -> Option<Grant> {
        let levels = self.levels();
        let level = match self.owed >= 4096.0 {
            true => *levels.first()?,
            false => *levels.last()?,
        };
        let of = |concurrency| {
            self.streams.iter().filter(move |stream| {
                let phase = stream.phase().0;
                stream.sendable() > 0 && phase.level == level && phase.concurrency == concurrency
            })
        };
        let exclusive = of(Concurrency::Exclusive).min_by_key(|stream| stream.arrival);
        let sequential = of(Concurrency::Sequential).min_by_key(|stream| stream.id);
        let robin = of(Concurrency::RoundRobin).min_by_key(|stream| (stream.turn, stream.id));
        let shared = match self.sequential_had_turn.contains(&level) {
            true => robin.or(sequential),
            false => sequential.or(robin),
        };
        let stream = exclusive.or(shared)?;
        let Phase {
            whole, concurrency, ..
        } = stream.phase().0;
        let reason = match concurrency {
            _ if levels.len() == 1 => Reason::Only,
            _ if levels.last() != Some(&level) => Reason::Share,
            Concurrency::RoundRobin => Reason::Turn,
            _ => Reason::Highest,
        };
        let limit = match reason {
            _ if whole => u64::MAX,
            Reason::Share => grain.min(4096) as u64,
            _ => grain as u64,
        };
        Some(Grant {
            stream: stream.id,
            bytes: stream.sendable().min(limit) as usize,
            level,
            concurrency,
            reason,
            whole,
        })
    }

    fn sent(&mut self, id: u64, bytes: usize) {
        let lowest = self.levels().first().copied();
        self.turn += 1;
        let turn = self.turn;
        let Some(stream) = self.find(id) else {
            return;
        };
        let bytes = (bytes as u64).min(stream.available - stream.sent);
        if bytes == 0 {
            self.turn -= 1;
            return;
        }
        let phase = stream.phase().0;
        stream.sent += bytes;
        stream.turn = turn;
        match phase.concurrency {
            Concurrency::Exclusive => {}
            Concurrency::Sequential => _ = self.sequential_had_turn.insert(phase.level),
            Concurrency::RoundRobin => _ = self.sequential_had_turn.remove(&phase.level),
        }
        match lowest {
            None => {}
            Some(lowest) if phase.level > lowest => {
                self.owed = (self.owed + bytes as f64 / 64.0).min(8192.0);
            }
            Some(_) => self.owed = (self.owed - bytes as f64).max(-(RECORD_BODY as f64)),
        }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(u64, Plan),
    Replan(u64, Plan),
    Available(u64, u64),
    End(u64),
    Block(u64),
    Unblock(u64),
    Remove(u64),
    /// Asks, and sends this part of what was granted, in percent.
    Send(usize, u8),
    /// Sends although nobody asked.
    Push(u64, usize),
}

fn plans() -> impl Strategy<Value = Plan> {
    let step = || (0u8..6, prop_oneof![Just("0"), Just("1"), Just("n")]);
    let written = (
        step(),
        proptest::collection::vec((1u64..40_000, step()), 0..4),
    )
        .prop_map(|((level, concurrency), mut changes)| {
            changes.sort_by_key(|change| change.0);
            let changes: Vec<String> = changes
                .iter()
                .map(|(offset, (level, concurrency))| format!("{offset}:{level}/{concurrency}"))
                .collect();
            Plan::parse_cf(&format!("{level}/{concurrency}"), Some(&changes.join(","))).unwrap()
        });
    let picture = (1u64..60_000, 1u64..20_000, 0u64..60_000, 0u8..8).prop_map(
        |(length, preview, good, urgency)| {
            let outline = crate::Outline {
                length,
                header: 0,
                preview,
                good,
                scans: Vec::new(),
            };
            let priority = crate::Priority {
                urgency: crate::Urgency::new(urgency),
                ..crate::Priority::default()
            };
            Plan::new(crate::Kind::Image, Some(&outline), priority)
        },
    );
    prop_oneof![written, picture]
}

fn operations() -> impl Strategy<Value = Operation> {
    let id = || 0u64..8;
    prop_oneof![
        2 => (id(), plans()).prop_map(|(id, plan)| Operation::Insert(id, plan)),
        1 => (id(), plans()).prop_map(|(id, plan)| Operation::Replan(id, plan)),
        4 => (id(), 0u64..80_000).prop_map(|(id, bytes)| Operation::Available(id, bytes)),
        1 => id().prop_map(Operation::End),
        1 => id().prop_map(Operation::Block),
        1 => id().prop_map(Operation::Unblock),
        1 => id().prop_map(Operation::Remove),
        8 => (1usize..20_000, 0u8..=100).prop_map(|(grain, part)| Operation::Send(grain, part)),
        1 => (id(), 0usize..20_000).prop_map(|(id, bytes)| Operation::Push(id, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_decides_as_the_slow_one_does(
        operations in proptest::collection::vec(operations(), 1..120)
    ) {
        let (mut fast, mut slow) = (Scheduler::default(), Slow::default());
        for operation in operations {
            apply(&mut fast, &mut slow, operation)?;
            for grain in [1, 4096, 16_375] {
                prop_assert_eq!(fast.next(grain), slow.next(grain));
            }
            prop_assert_eq!(fast.len(), slow.streams.len());
        }
    }

    #[test]
    fn every_stream_is_finished_in_the_end(
        bodies in proptest::collection::vec((plans(), 0u64..60_000), 1..20),
        grain in 1usize..20_000,
    ) {
        let mut scheduler = Scheduler::default();
        for (id, (plan, length)) in (0..).zip(&bodies) {
            scheduler.insert(id, plan.clone());
            scheduler.available(id, *length);
            scheduler.end(id);
        }
        while let Some(grant) = scheduler.next(grain) {
            prop_assert!(grant.bytes > 0);
            scheduler.sent(grant.stream, grant.bytes);
        }
        for (id, (_, length)) in (0..).zip(&bodies) {
            prop_assert_eq!(scheduler.offset(id), *length);
        }
    }
}

fn apply(fast: &mut Scheduler, slow: &mut Slow, operation: Operation) -> Result<(), TestCaseError> {
    match operation {
        Operation::Insert(id, plan) => {
            fast.insert(id, plan.clone());
            slow.streams.retain(|stream| stream.id != id);
            slow.arrivals += 1;
            slow.streams.push(SlowStream {
                id,
                plan,
                sent: 0,
                available: 0,
                ended: false,
                blocked: false,
                arrival: slow.arrivals,
                turn: 0,
            });
        }
        Operation::Replan(id, plan) => {
            fast.replan(id, plan.clone());
            if let Some(stream) = slow.find(id) {
                stream.plan = plan;
            }
        }
        Operation::Available(id, bytes) => {
            fast.available(id, bytes);
            if let Some(stream) = slow.find(id) {
                stream.available = stream.available.max(bytes);
            }
        }
        Operation::End(id) => {
            fast.end(id);
            if let Some(stream) = slow.find(id) {
                stream.ended = true;
            }
        }
        Operation::Block(id) | Operation::Unblock(id) => {
            let blocked = matches!(operation, Operation::Block(_));
            if blocked {
                fast.block(id);
            } else {
                fast.unblock(id);
            }
            if let Some(stream) = slow.find(id) {
                stream.blocked = blocked;
            }
        }
        Operation::Remove(id) => {
            fast.remove(id);
            slow.streams.retain(|stream| stream.id != id);
        }
        Operation::Send(grain, part) => {
            let granted = fast.next(grain);
            prop_assert_eq!(granted, slow.next(grain));
            if let Some(grant) = granted {
                let bytes = grant.bytes * usize::from(part) / 100;
                fast.sent(grant.stream, bytes);
                slow.sent(grant.stream, bytes);
            }
        }
        Operation::Push(id, bytes) => {
            fast.sent(id, bytes);
            slow.sent(id, bytes);
        }
    }
    Ok(())
}

#[test]
fn a_thousand_streams_are_served_in_turn() {
    let mut scheduler = Scheduler::default();
    for id in 0..1000 {
        scheduler.insert(id, plan("30/n"));
        scheduler.available(id, 10_000);
    }
    for round in 0..10 {
        for id in 0..1000 {
            let grant = scheduler.next(1000).unwrap();
            assert_eq!((grant.stream, grant.bytes), (id, 1000), "round {round}");
            scheduler.sent(grant.stream, grant.bytes);
        }
    }
    assert_eq!(scheduler.next(1000), None);
}
