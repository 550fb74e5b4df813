use proptest::prelude::*;

use super::*;

fn line(threads: usize, budget: u64, queue: usize) -> Line<&'static str> {
    Line::new(Capacity {
        threads,
        budget,
        queue,
    })
}

fn starts(line: &mut Line<&'static str>) -> Vec<&'static str> {
    std::iter::from_fn(|| line.start())
        .map(|(_, job)| job)
        .collect()
}

#[test]
fn jobs_start_while_they_fit() {
    let mut line = line(3, 10, 9);
    for (job, cost) in [("a", 4), ("b", 5), ("c", 4), ("d", 1)] {
        line.join(cost, job).unwrap();
    }
    assert_eq!(starts(&mut line), ["d", "a", "c"]);
    line.end(1);
    assert_eq!(starts(&mut line), [""; 0], "no room for b beside a and c");
    line.end(4);
    assert_eq!(starts(&mut line), ["b"]);
}

#[test]
fn a_job_beyond_the_budget_runs_alone() {
    let mut line = line(4, 10, 9);
    line.join(1, "small").unwrap();
    assert_eq!(starts(&mut line), ["small"]);
    line.join(1000, "huge").unwrap();
    assert_eq!(starts(&mut line), [""; 0]);
    line.end(1);
    assert_eq!(starts(&mut line), ["huge"]);
    line.join(1, "next").unwrap();
    assert_eq!(starts(&mut line), [""; 0]);
    line.end(1000);
    assert_eq!(starts(&mut line), ["next"]);
}

#[test]
fn small_ones_pass_a_large_one_only_up_to_its_own_cost() {
    let mut line = line(1, 100, 99);
    line.join(3, "large").unwrap();
    let mut order = Vec::new();
    for _ in 0..8 {
        line.join(1, "small").unwrap();
        let (cost, job) = line.start().unwrap();
        order.push(job);
        line.end(cost);
    }
    assert_eq!(order[..5], ["small", "small", "small", "large", "small"]);
}

#[test]
fn a_full_line_takes_only_what_starts_at_once() {
    let mut line = line(1, 10, 0);
    let ticket = line.join(1, "first").unwrap();
    assert_eq!(line.join(1, "second"), Err("second"));
    assert_eq!(starts(&mut line), ["first"]);
    assert_eq!(line.leave(ticket), None, "it has started");
    assert_eq!(line.join(1, "third"), Err("third"));
    line.end(1);
    line.join(1, "fourth").unwrap();
}

#[test]
fn who_leaves_does_not_start() {
    let mut line = line(1, 10, 9);
    let ticket = line.join(1, "a").unwrap();
    line.join(2, "b").unwrap();
    assert_eq!(line.leave(ticket), Some("a"));
    assert_eq!(line.leave(ticket), None);
    assert_eq!(starts(&mut line), ["b"]);
}

#[derive(Clone, Debug)]
enum Event {
    Join(u64),
    Leave(usize),
    End(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let cost = prop_oneof![4 => 1..20u64, 1 => 50..300u64];
    let event = prop_oneof![
        3 => cost.prop_map(Event::Join),
        1 => (0..50usize).prop_map(Event::Leave),
        3 => (0..50usize).prop_map(Event::End),
    ];
    prop::collection::vec(event, 1..200)
}

/// What the model knows of a job that waits: when it came, its cost, the work before it then, and
/// the work that came later and started earlier.
struct Known {
    ticket: Ticket,
    cost: u64,
    before: u64,
    overtaken: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_budget_holds_and_nobody_is_overtaken_beyond_measure(events in events()) {
        let (threads, budget) = (3, 100);
        let mut line: Line<Ticket> = Line::new(Capacity { threads, budget, queue: 1000 });
        let (mut waiting, mut running) = (Vec::<Known>::new(), Vec::<u64>::new());
        for event in events {
            match event {
                Event::Join(cost) => {
                    let before = waiting.iter().map(|known| known.cost).sum();
                    let name = line.next;
                    let ticket = line.join(cost, name).unwrap();
                    prop_assert_eq!(ticket, name);
                    waiting.push(Known { ticket, cost, before, overtaken: 0 });
                }
                Event::Leave(place) if !waiting.is_empty() => {
                    let gone = waiting.remove(place % waiting.len());
                    prop_assert_eq!(line.leave(gone.ticket), Some(gone.ticket));
                }
                Event::End(place) if !running.is_empty() => {
                    let cost = running.swap_remove(place % running.len());
                    line.end(cost);
                }
                Event::Leave(_) | Event::End(_) => {}
            }
            while let Some((cost, ticket)) = line.start() {
                let place = waiting.iter().position(|known| known.ticket == ticket).unwrap();
                waiting.remove(place);
                running.push(cost);
                for passed in &mut waiting[..place] {
                    passed.overtaken += cost;
                    prop_assert!(passed.overtaken <= passed.before + passed.cost);
                }
            }
            let in_flight: u64 = running.iter().sum();
            prop_assert!(running.len() <= threads);
            prop_assert!(in_flight <= budget || running.len() == 1);
            prop_assert!(!running.is_empty() || waiting.is_empty(), "idle with work at hand");
            prop_assert_eq!((line.in_flight(), line.running()), (in_flight, running.len()));
        }
    }

    #[test]
    fn everyone_gets_a_turn(costs in prop::collection::vec(1..500u64, 1..60)) {
        let mut line = Line::new(Capacity { threads: 2, budget: 100, queue: 1000 });
        for cost in &costs {
            line.join(*cost, ()).unwrap();
        }
        let mut started = 0;
        let mut running = Vec::new();
        while started < costs.len() {
            while let Some((cost, ())) = line.start() {
                started += 1;
                running.push(cost);
            }
            line.end(running.pop().expect("work at hand, but nothing runs"));
        }
    }
}
