//! How much memory things on disk take, and how long a start with them.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use cache::journal::{Put, Record};
use cache::{Held, Keep, Packed, Store, StoreSettings};

use super::Options;
use crate::bench::ground::{Ground, median};
use crate::shell::Outcome;

/// Something of which only the index is of interest here.
struct Nothing;

impl Keep for Nothing {
    fn weight(&self) -> u64 {
        0
    }

    fn pack(&self) -> Option<Packed> {
        None
    }

    fn unpack(_: &[u8], _: Held) -> Option<Self> {
        None
    }

    fn stale(&self, _: SystemTime) -> Self {
        Self
    }
}

pub(super) fn run(options: &Options) -> Outcome {
    if !options.json {
        println!("\n| things on disk | start | memory for each |\n|---|---|---|");
    }
    for count in [100_000u64, 1_000_000] {
        let mut starts = Vec::new();
        let mut memory = 0.0f64;
        for _ in 0..options.runs.clamp(1, 3) {
            let (start, bytes) = open(count)?;
            starts.push(start.as_secs_f64() * 1000.0);
            // What an earlier store has given back may be taken again unseen.
            memory = memory.max(bytes as f64 / count as f64);
        }
        let start = median(&starts);
        if options.json {
            let line = serde_json::json!({
                "bench": "cache", "part": "start", "things": count,
                "start_ms": start, "bytes_each": memory,
            });
            println!("{line}");
        } else {
            println!("| {count} | {start:.0} ms | {memory:.0} bytes |");
        }
    }
    Ok(())
}

/// Opens a store whose journal has so many things; returns how long that took, and what memory it
/// takes then.
fn open(count: u64) -> Result<(Duration, u64), String> {
    let ground = Ground::new("cache-start")?;
    let mut journal = b"FLINDEX2".to_vec();
    for number in 0..count {
        let put = Put {
            number,
            size: 4096,
            cost: 0,
            stale_since: 0,
            primary: format!("https://www.example.com/pictures/2026/a-usual-name-{number}.jpg"),
            variant: if number % 2 == 0 {
                String::new()
            } else {
                "image:w=640,f=webp".into()
            },
            tags: Vec::new(),
        };
        Record::Put(put).write(&mut journal);
    }
    Record::Complete.write(&mut journal);
    ground.write("index.1", &journal)?;
    drop(journal);
    let settings = StoreSettings {
        memory: base::ByteSize::mib(2048),
        disk: cache::DiskSettings {
            size: base::ByteSize::mib(65536),
            ..cache::DiskSettings::default()
        },
        ..StoreSettings::default()
    };
    let before = resident();
    let since = Instant::now();
    let store = Store::<Nothing>::open(&settings, &ground.path("")).map_err(|e| e.to_string())?;
    let took = since.elapsed();
    let entries = store.stats().disk.entries;
    if entries != count {
        return Err(format!("{entries} of {count} things came back"));
    }
    // What reading took is given back when the thread has written its own journal.
    store.settle();
    Ok((took, resident().saturating_sub(before)))
}

/// What this process has in memory, in bytes; 0 where the system does not say.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
