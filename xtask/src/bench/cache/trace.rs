//! What is kept: hits by bytes and by processor time saved, on requests whose popularity is Zipf's
//! and changes, for things of many sizes, some of which are dear to make. Beside LRU with the same
//! room.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use cache::{Held, Keep, Key, Lookup, Packed, Store, StoreSettings};

use super::Options;
use crate::shell::Outcome;

/// Different things that are asked for.
const THINGS: usize = 40_000;
/// Requests.
const REQUESTS: usize = 1_500_000;
/// After so many requests a hundredth of the things change places in popularity.
const CHANGE: usize = 15_000;
/// Zipf's exponent.
const EXPONENT: f64 = 0.9;

/// Something that is asked for.
#[derive(Clone, Copy)]
struct Thing {
    size: u64,
    /// Processor time to make it, in microseconds.
    cost: u64,
}

/// A thing that is kept: nothing of it but what it weighs.
struct Kept(Thing);

impl Keep for Kept {
    fn weight(&self) -> u64 {
        self.0.size
    }

    fn cost(&self) -> Duration {
        Duration::from_micros(self.0.cost)
    }

    fn pack(&self) -> Option<Packed> {
        None
    }

    fn unpack(_: &[u8], _: Held) -> Option<Self> {
        None
    }

    fn stale(&self, _: std::time::SystemTime) -> Self {
        Self(self.0)
    }
}

/// What was served without asking or making.
#[derive(Clone, Copy, Default)]
struct Saved {
    requests: u64,
    bytes: u64,
    cost: u64,
}

impl Saved {
    fn add(&mut self, thing: Thing) {
        self.requests += 1;
        self.bytes += thing.size;
        self.cost += thing.cost;
    }
}

pub(super) fn run(options: &Options) -> Outcome {
    let things = things();
    let requests = requests();
    let whole: u64 = things.iter().map(|thing| thing.size).sum();
    let mut all = Saved::default();
    requests
        .iter()
        .for_each(|place| all.add(things[*place as usize]));
    if !options.json {
        println!(
            "\n{REQUESTS} requests for {THINGS} things of {} MB in all, a third of them pictures that \
             take 5 to 500 ms to make\n",
            whole / 1_000_000
        );
        println!("| room | policy | requests | bytes | processor time |\n|---|---|---|---|---|");
    }
    for percent in [2, 10, 30] {
        let room = whole * percent / 100;
        for (name, saved) in [
            ("Firstlight", ours(&things, &requests, room)),
            ("LRU", lru(&things, &requests, room)),
        ] {
            let share = |part: u64, of: u64| part as f64 * 100.0 / of as f64;
            let shares = [
                share(saved.requests, all.requests),
                share(saved.bytes, all.bytes),
                share(saved.cost, all.cost),
            ];
            let [requests, bytes, cost] = shares;
            if options.json {
                let line = serde_json::json!({
                    "bench": "cache", "part": "trace", "room_percent": percent, "policy": name,
                    "requests_percent": requests, "bytes_percent": bytes, "cost_percent": cost,
                });
                println!("{line}");
            } else {
                println!("| {percent} % | {name} | {requests:.1} % | {bytes:.1} % | {cost:.1} % |");
            }
        }
    }
    Ok(())
}

fn ours(things: &[Thing], requests: &[u32], room: u64) -> Saved {
    let store = Store::<Kept>::new(&StoreSettings {
        memory: base::ByteSize(room),
        ..StoreSettings::default()
    });
    let mut saved = Saved::default();
    for place in requests {
        let thing = things[*place as usize];
        let primary = place.to_string();
        let key = Lookup {
            primary: &primary,
            variant: "",
        };
        if store.find(&key).is_some() {
            saved.add(thing);
        } else {
            let key: Key = key.to_key();
            store.insert(key, Arc::new(Kept(thing)));
        }
    }
    saved
}

/// Least recently used goes first; a thing takes what it takes in our store.
fn lru(things: &[Thing], requests: &[u32], room: u64) -> Saved {
    let mut last: HashMap<u32, u64> = HashMap::new();
    let mut by_time: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut used, mut saved) = (0, Saved::default());
    let takes = |place: u32| things[place as usize].size + 256 + place.to_string().len() as u64;
    for (now, place) in requests.iter().enumerate() {
        let now = now as u64;
        match last.insert(*place, now) {
            Some(before) => {
                by_time.remove(&before);
                saved.add(things[*place as usize]);
            }
            None => used += takes(*place),
        }
        by_time.insert(now, *place);
        while used > room {
            let Some((_, oldest)) = by_time.pop_first() else {
                break;
            };
            last.remove(&oldest);
            used -= takes(oldest);
        }
    }
    saved
}

/// Sizes around 20 KB, some a hundred times that; a third is dear.
fn things() -> Vec<Thing> {
    let mut chance = fastrand::Rng::with_seed(7);
    let mut thing = || {
        // The sum of some even numbers is near to normal; its power of two to log-normal.
        let normal: f64 = (0..6).map(|_| chance.f64() - 0.5).sum::<f64>() * 1.4;
        let size = (20_000.0 * (normal * 1.6).exp2()) as u64 + 200;
        let cost = match chance.u32(..3) {
            0 => (5_000.0 * 100f64.powf(chance.f64())) as u64,
            _ => 0,
        };
        Thing { size, cost }
    };
    (0..THINGS).map(|_| thing()).collect()
}

fn requests() -> Vec<u32> {
    let mut chance = fastrand::Rng::with_seed(11);
    let mut sums = Vec::with_capacity(THINGS);
    let mut sum = 0.0;
    for rank in 1..=THINGS {
        sum += 1.0 / (rank as f64).powf(EXPONENT);
        sums.push(sum);
    }
    let mut by_rank: Vec<u32> = (0..THINGS as u32).collect();
    chance.shuffle(&mut by_rank);
    (0..REQUESTS)
        .map(|number| {
            if number % CHANGE == 0 {
                for _ in 0..THINGS / 100 {
                    by_rank.swap(chance.usize(..THINGS), chance.usize(..THINGS));
                }
            }
            let drawn = chance.f64() * sum;
            let rank = sums.partition_point(|sum| *sum < drawn);
            by_rank[rank.min(THINGS - 1)]
        })
        .collect()
}
