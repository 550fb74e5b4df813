//! What a decision of the scheduler costs, by how many streams compete.

use std::hint::black_box;
use std::time::Instant;

use delivery::{Kind, Outline, Plan, Priority, Scheduler, Urgency};

use super::Options;
use super::ground::median;
use crate::shell::Outcome;

/// How many streams compete.
const STREAMS: [u64; 5] = [1, 10, 100, 1_000, 10_000];

/// Decisions in one run.
const DECISIONS: u32 = 200_000;

/// What is granted at once, in bytes.
const GRAIN: usize = 4096;

/// A body that does not end within a run.
const LENGTH: u64 = 1 << 40;

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    if !options.json {
        println!("| streams | ns for each grant | × ten times fewer | × one stream |");
        println!("|---|---|---|---|");
    }
    let mut runs = vec![Vec::new(); STREAMS.len()];
    // In turns, so that a machine that slows down slows all of them.
    for _ in 0..options.runs.max(1) {
        for (streams, runs) in STREAMS.iter().zip(&mut runs) {
            runs.push(nanoseconds(*streams));
        }
    }
    let medians: Vec<f64> = runs.iter().map(|runs| median(runs)).collect();
    for (place, (streams, nanos)) in STREAMS.iter().zip(&medians).enumerate() {
        let before = medians[place.saturating_sub(1)];
        let (growth, total) = (nanos / before, nanos / medians[0]);
        if options.json {
            let line = serde_json::json!({
                "bench": "scheduler", "streams": streams, "ns": nanos,
                "growth": growth, "total": total,
            });
            println!("{line}");
        } else {
            println!("| {streams} | {nanos:.0} | {growth:.2} | {total:.2} |");
        }
    }
    Ok(())
}

/// The mean cost of one grant and its consequences: what is next, what was sent, and from time to
/// time a stream that is blocked and comes back, or gets another plan.
fn nanoseconds(streams: u64) -> f64 {
    let mut scheduler = Scheduler::default();
    for stream in 0..streams {
        scheduler.insert(stream, plan(stream));
        scheduler.available(stream, LENGTH);
    }
    let began = Instant::now();
    for turn in 0..DECISIONS {
        let Some(grant) = scheduler.next(GRAIN) else {
            break;
        };
        scheduler.sent(black_box(grant.stream), grant.bytes);
        match turn % 8 {
            3 => {
                scheduler.block(grant.stream);
                scheduler.unblock(grant.stream);
            }
            7 => scheduler.replan(grant.stream, plan(grant.stream + u64::from(turn))),
            _ => {}
        }
    }
    began.elapsed().as_nanos() as f64 / f64::from(DECISIONS)
}

/// A page's worth of plans: pictures in phases, pages, stylesheets, data.
fn plan(number: u64) -> Plan {
    let priority = Priority {
        urgency: Urgency::new((number % 6) as u8),
        incremental: number.is_multiple_of(2),
        ..Priority::default()
    };
    match number % 4 {
        0 => Plan::new(Kind::Other, None, priority),
        1 => Plan::new(Kind::Html, None, priority),
        _ => {
            let outline = Outline {
                length: LENGTH,
                header: 400,
                preview: 12_000,
                good: 60_000,
                scans: Vec::new(),
            };
            Plan::new(Kind::Image, Some(&outline), priority)
        }
    }
}
