//! The engines of a store behind: how long it takes to bring something there, to get it, to find
//! that there is nothing, and to add to a record that others add to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::ByteSize;
use kv::{Embedded, Engine, EngineChoice, Got, KvError, KvSettings, Memory, Redis, S3};
use testkit::{Bucket, Peer};

use super::Options;
use super::ground::Ground;
use crate::shell::{self, Outcome};

/// The size of what is kept: a picture, as many are.
const SIZE: usize = 64 << 10;
/// Most that is asked for.
const MOST: u64 = 1 << 20;
/// Things each run is about.
const THINGS: usize = 200;

/// Runs it with every engine that is here.
pub fn run(options: &Options) -> Outcome {
    crate::packages::want(&[("redis-server", "redis-server")]);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let ground = Ground::new("kv")?;
    runtime.block_on(measure_all(options, &ground))
}

async fn measure_all(options: &Options, ground: &Ground) -> Outcome {
    let said = |error: KvError| error.to_string();
    if !options.json {
        println!("| engine | put | get | nothing there | same as known | compare and set |");
        println!("|---|---|---|---|---|---|");
    }
    measure(options, "memory", Arc::new(Memory::new())).await?;
    let file = ground.path("kv.redb");
    let embedded = Embedded::open(&file, ByteSize::mib(1024)).map_err(said)?;
    measure(options, "embedded (redb)", Arc::new(embedded)).await?;
    match Peer::redis().map_err(|error| error.to_string())? {
        None => shell::skip(
            "redis",
            "neither `valkey-server` nor `redis-server` is installed",
        ),
        Some(peer) => {
            let url = format!("redis://{}/0", peer.address());
            let redis = Redis::new(&settings(EngineChoice::Redis, url)).map_err(said)?;
            measure(options, "redis", Arc::new(redis)).await?;
        }
    }
    let bucket = Bucket::start().await.map_err(|error| error.to_string())?;
    let s3 = S3::new(&settings(EngineChoice::S3, bucket.url())).map_err(said)?;
    measure(options, "s3 (a bucket in this process)", Arc::new(s3)).await
}

fn settings(engine: EngineChoice, url: String) -> KvSettings {
    KvSettings {
        engine,
        url: Some(url),
        ..KvSettings::default()
    }
}

/// The median of each kind of question over all runs.
async fn measure(options: &Options, name: &str, engine: Arc<dyn Engine>) -> Outcome {
    let mut times: [Vec<Duration>; 5] = Default::default();
    for run in 0..options.runs {
        one_run(&*engine, run, &mut times)
            .await
            .map_err(|error| format!("{name}: {error}"))?;
    }
    let [put, get, nothing, same, set] = times.map(|mut times| {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied();
        median.unwrap_or_default().as_micros() as u64
    });
    if options.json {
        let line = serde_json::json!({
            "bench": "kv", "engine": name, "bytes": SIZE, "put_us": put, "get_us": get,
            "nothing_us": nothing, "same_us": same, "set_us": set,
        });
        println!("{line}");
    } else {
        println!("| {name} | {put} µs | {get} µs | {nothing} µs | {same} µs | {set} µs |");
    }
    Ok(())
}

async fn one_run(
    engine: &dyn Engine,
    run: usize,
    times: &mut [Vec<Duration>; 5],
) -> Result<(), KvError> {
    let [put, get, nothing, same, set] = times;
    let mut known = None;
    for number in 0..THINGS {
        let key = format!("made/{run}-{number}");
        let mut bytes = vec![0; SIZE];
        fastrand::fill(&mut bytes);
        let since = Instant::now();
        let version = engine.put(&key, bytes.into(), None).await?;
        put.push(since.elapsed());
        let since = Instant::now();
        if !matches!(engine.get(&key, None, MOST).await?, Got::Value(_)) {
            return Err(KvError::Nonsense("what was put is not there"));
        }
        get.push(since.elapsed());
        let since = Instant::now();
        engine.get(&key, Some(&version), MOST).await?;
        same.push(since.elapsed());
        let since = Instant::now();
        engine.get(&format!("none/{number}"), None, MOST).await?;
        nothing.push(since.elapsed());
        let record = vec![0; 4096].into();
        let since = Instant::now();
        let name = format!("purges/{run}");
        known = engine
            .compare_and_set(&name, known.as_ref(), record, None)
            .await?;
        set.push(since.elapsed());
    }
    Ok(())
}
