//! Makes small and in-place versions of every picture of a directory and prints what they cost:
//! `cargo run --release -p firstlight-image --example thumbnails -- DIRECTORY [WIDTH]`.

use std::path::PathBuf;
use std::time::Instant;

use firstlight_image::{Limits, Outcome, PolicySettings, Signals, Transform, choose, render};

/// Runs of each job; the quickest counts.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory: PathBuf = arguments
        .next()
        .ok_or("usage: thumbnails DIRECTORY")?
        .into();
    let width = arguments
        .next()
        .and_then(|text| text.into_string().ok())
        .unwrap_or_else(|| "640".into());
    let jobs = [
        format!("width={width},format=jpeg"),
        format!("width={width},format=webp"),
        String::new(),
    ];
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    println!(
        "{:32} {:>9}  {:>17}  {:>17}  {:>17}",
        "file", "bytes", "jpeg ms/bytes", "webp ms/bytes", "in place ms/bytes"
    );
    let mut totals = [(0.0, 0); 3];
    for file in files {
        let source = std::fs::read(&file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        print!("{name:32.32} {:>9}", source.len());
        for (job, total) in jobs.iter().zip(&mut totals) {
            let (millis, bytes) = measure(&source, job)?;
            print!("  {millis:>8.1} {bytes:>8}");
            total.0 += millis;
            total.1 += bytes;
        }
        println!();
    }
    print!("{:32} {:>9}", "in all", "");
    for (millis, bytes) in totals {
        print!("  {millis:>8.1} {bytes:>8}");
    }
    println!();
    Ok(())
}

/// Time in milliseconds and size of the result; the source's size where it is kept.
fn measure(source: &[u8], options: &str) -> Result<(f64, usize), Box<dyn std::error::Error>> {
    let transform = if options.is_empty() {
        Transform::default()
    } else {
        Transform::parse(options)?
    };
    let accept = |name| (name == "accept").then_some("image/avif,image/webp,image/*,*/*;q=0.8");
    let choice = choose(
        &transform,
        &Signals::read(accept),
        &PolicySettings::default(),
    );
    let mut best = f64::MAX;
    let mut bytes = 0;
    for _ in 0..RUNS {
        let start = Clock::start();
        let outcome = render(source, &choice.variant, &Limits::default(), &|| false)?;
        best = best.min(start.millis());
        bytes = match outcome {
            Outcome::Rendered(rendered) => rendered.bytes.len(),
            _ => source.len(),
        };
    }
    Ok((best, bytes))
}

/// Time on the processor where the system tells it (Linux), else on the clock.
enum Clock {
    Processor(f64),
    Wall(Instant),
}

impl Clock {
    fn start() -> Self {
        processor_millis().map_or_else(|| Self::Wall(Instant::now()), Self::Processor)
    }

    fn millis(&self) -> f64 {
        match self {
            Self::Processor(start) => processor_millis().unwrap_or_default() - start,
            Self::Wall(start) => start.elapsed().as_secs_f64() * 1000.0,
        }
    }
}

/// What this thread has used so far.
fn processor_millis() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanos / 1e6)
}
