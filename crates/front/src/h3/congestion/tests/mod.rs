//! The controller on links that are computed: no clock, no socket, the same each time.

mod world;

use std::time::{Duration, Instant};

use super::model::Model;
use world::{Control, Link, MTU, World};

/// 1.6 Mbit/s, 150 ms, a queue of 64 KiB that drops what finds no room.
const SLOW: Link = Link {
    rate: 200_000,
    round_trip: Duration::from_millis(150),
    queue: 65_536,
    lost: 0,
};

fn model(now: Instant) -> Control {
    Control::Model(Box::new(Model::new(now, MTU)))
}

fn textbook(_: Instant) -> Control {
    Control::Textbook {
        window: 10.0 * MTU as f64,
        until: 0,
        slow: true,
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_start_fills_the_path_and_drops_nothing() {
    let mut world = World::new(SLOW, [model as fn(Instant) -> Control]);
    world.run(seconds(2));
    let came = world.flows[0].delivered;
    assert_eq!(world.dropped, 0);
    // Slow start from ten packets costs a tenth of a second of this link.
    assert!(came >= 200_000 * 165 / 100, "{came}");
}

#[test]
fn a_full_path_has_a_short_queue() {
    for (rate, millis, least) in [
        (200_000, 150, 0.98),
        (1_250_000, 40, 0.98),
        (12_500_000, 5, 0.98),
        // The queue holds a quarter of what the path does.
        (1_250_000, 200, 0.95),
    ] {
        let link = Link {
            rate,
            round_trip: Duration::from_millis(millis),
            ..SLOW
        };
        let mut world = World::new(link, [model as fn(Instant) -> Control]);
        world.run(seconds(3));
        let waiting = world.waiting(seconds(5));
        let used = world.used(0, seconds(10));
        let held = rate * millis / 1000;
        assert!(used >= least, "{rate} {millis}: {used}");
        assert!(waiting <= held / 5 + 10 * MTU, "{rate} {millis}: {waiting}");
    }
}

#[test]
fn accidents_do_not_slow_it_down() {
    let link = Link { lost: 10, ..SLOW };
    let mut world = World::new(link, [model as fn(Instant) -> Control]);
    world.run(seconds(3));
    let used = world.used(0, seconds(20));
    assert!(used >= 0.95, "{used}");
    let mut world = World::new(link, [textbook as fn(Instant) -> Control]);
    world.run(seconds(3));
    let textbook = world.used(0, seconds(20));
    assert!(textbook < 0.8, "the test would not tell: {textbook}");
}

#[test]
fn it_follows_a_path_that_changes() {
    let mut world = World::new(SLOW, [model as fn(Instant) -> Control]);
    world.run(seconds(5));
    world.link.rate = 50_000;
    world.run(seconds(5));
    world.run(seconds(10));
    let waiting = world.waiting(seconds(5));
    assert!(waiting <= 15_000, "{waiting}");
    world.link.rate = 1_000_000;
    world.run(seconds(20));
    let used = world.used(0, seconds(10));
    assert!(used >= 0.95, "{used}");
}

#[test]
fn a_queue_that_holds_little_is_not_flooded() {
    let link = Link {
        queue: 4 * MTU,
        ..SLOW
    };
    let mut world = World::new(link, [model as fn(Instant) -> Control]);
    world.run(seconds(3));
    world.dropped = 0;
    let used = world.used(0, seconds(20));
    let dropped = world.dropped as f64 * MTU as f64 / (used * 200_000.0 * 20.0);
    assert!(used >= 0.85, "{used}");
    assert!(dropped <= 0.05, "{dropped}");
}

#[test]
fn among_others_it_takes_its_share_and_leaves_them_theirs() {
    let both = [model as fn(Instant) -> Control, textbook];
    for link in [
        SLOW,
        Link {
            rate: 1_250_000,
            round_trip: Duration::from_millis(40),
            ..SLOW
        },
    ] {
        let mut world = World::new(link, both);
        world.run(seconds(20));
        let before = world.flows[1].delivered;
        let ours = world.used(0, seconds(60));
        let theirs = (world.flows[1].delivered - before) as f64 / 60.0 / link.rate as f64;
        assert!(ours >= 0.2 && theirs >= 0.2, "{ours} {theirs}");
    }
}
