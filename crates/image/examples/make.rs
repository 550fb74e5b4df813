//! Makes pictures as it is told on stdin, and says what they cost: what the bench `images` measures.
//!
//! `cargo run --release -p firstlight-image --example make`, and then a line for each job, its
//! words set apart by tabs: how often, the source, the result, the format, the quality and the
//! width. The answer: milliseconds of processor time for one, and bytes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a tool for the bench, not for requests"
)]

use std::fs;
use std::io::{BufRead, Write};

use firstlight_image::{Limits, Outcome, PolicySettings, Signals, Transform, choose, render};
use host::AvifEncoder;

fn main() {
    let mut stdout = std::io::stdout().lock();
    let encoder = match std::env::args().nth(1).as_deref() {
        Some("builtin") => AvifEncoder::Builtin,
        _ => AvifEncoder::Auto,
    };
    let limits = Limits {
        avif_program: encoder.program().unwrap(),
        max_avif_pixels_at_once: Limits::default().max_avif_pixels,
        ..Limits::default()
    };
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let [times, source, out, format, quality, width] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("TIMES, SOURCE, OUT, FORMAT, QUALITY, WIDTH: {line}");
        };
        let options = format!("width={width},quality={quality},format={format}");
        let transform = Transform::parse(&options).unwrap();
        let signals = Signals::read(|name| (name == "accept").then_some("image/*"));
        let variant = choose(&transform, &signals, &PolicySettings::default()).variant;
        let times: u32 = times.parse().unwrap();
        let start = processor_milliseconds();
        let mut made = None;
        for _ in 0..times {
            let bytes = fs::read(source).unwrap();
            made = Some(render(&bytes, &variant, &limits, &|| false).unwrap());
        }
        let spent = processor_milliseconds() - start;
        let Some(Outcome::Rendered(made)) = made else {
            panic!("{source} was kept: {options}");
        };
        fs::write(out, &made.bytes).unwrap();
        writeln!(stdout, "{}\t{}", spent / f64::from(times), made.bytes.len()).unwrap();
        stdout.flush().unwrap();
    }
}

/// What this process and the programs it ran have used so far.
fn processor_milliseconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap();
    let nanoseconds: f64 = text.split_whitespace().next().unwrap().parse().unwrap();
    nanoseconds / 1e6 + of_programs()
}

/// What programs that have ended used, in milliseconds: fields 16 and 17 of proc(5)'s `stat`, counted
/// from behind the name in parentheses, in hundredths of a second.
fn of_programs() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = text.rsplit(')').next().unwrap().split_whitespace();
    let ticks = fields.skip(13).take(2).map(|it| it.parse::<f64>().unwrap());
    ticks.sum::<f64>() * 10.0
}
