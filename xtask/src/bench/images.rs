//! Pictures made small beside sharp, libvips and Pillow: processor time, bytes, SSIMULACRA2 and
//! memory, in turns.

mod engines;

use std::path::{Path, PathBuf};

use super::Options;
use super::ground::{self, Ground, median};
use super::pictures::{self, piped};
use super::rescue::photographs;
use crate::shell::{self, Outcome};
use engines::{Engine, FOR_AVIF, Job, NAMES, Peer};

/// Width of what is made, pixels.
const WIDTH: u32 = 640;
/// Width of the sources of about a megapixel.
const MODEST: u32 = 1200;
/// A picture of fewer pixels does not count as one from a camera.
const CAMERA: u64 = 8_000_000;
/// Everybody's quality.
const QUALITY: u8 = 80;
/// A measurement takes so many milliseconds of processor time at least, if one picture does not.
const ENOUGH: f64 = 120.0;

/// What is made of what.
struct Task {
    about: &'static str,
    sources: fn(&Sources) -> &Vec<PathBuf>,
    format: &'static str,
    /// Whether everybody's picture is to look like ours at [`QUALITY`], whatever their scales mean.
    alike: bool,
}

const TASKS: [Task; 5] = [
    Task {
        about: "cameras' baseline JPEG to progressive JPEG",
        sources: |sources| &sources.baseline,
        format: "jpeg",
        alike: false,
    },
    Task {
        about: "cameras' progressive JPEG to progressive JPEG",
        sources: |sources| &sources.progressive,
        format: "jpeg",
        alike: false,
    },
    Task {
        about: "JPEG of about a megapixel to progressive JPEG",
        sources: |sources| &sources.modest,
        format: "jpeg",
        alike: false,
    },
    Task {
        about: "cameras' baseline JPEG to WebP",
        sources: |sources| &sources.baseline,
        format: "webp",
        alike: false,
    },
    Task {
        about: "cameras' baseline JPEG to AVIF, as good as ours",
        sources: |sources| &sources.baseline,
        format: "avif",
        alike: true,
    },
];

/// The pictures, of three kinds.
#[derive(Default)]
struct Sources {
    baseline: Vec<PathBuf>,
    progressive: Vec<PathBuf>,
    modest: Vec<PathBuf>,
}

/// What an engine made of one source.
#[derive(Clone, Copy)]
struct Made {
    time: f64,
    bytes: f64,
    score: f64,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    for program in ["djpeg", "cjpeg", "jpegtran", "node", "npm", "python3"] {
        if !shell::exists(program) {
            shell::skip("the bench `images`", &format!("`{program}` is missing"));
            return Ok(());
        }
    }
    let ground = Ground::new("images")?;
    let mut peers = Vec::new();
    let all = [&NAMES[..], &FOR_AVIF].concat();
    let abouts = TASKS.map(|task| task.format);
    let formats = options.chosen("format", &options.page, &abouts)?;
    for name in options.chosen("engine", &options.server, &all)? {
        match Peer::new(name, &ground) {
            Ok(peer) => peers.push(peer),
            Err(why) if name != "firstlight" => shell::skip(name, &why),
            Err(why) => return Err(why),
        }
    }
    let sources = sources(&ground, options.pictures.as_deref())?;
    let mut reader = engines::reader(&ground)?;
    println!("{}", ground::conditions());
    for peer in &peers {
        println!("{} {}", peer.name, peer.version);
    }
    for task in TASKS.iter().filter(|task| formats.contains(&task.format)) {
        let apart = |peer: &&Peer| task.alike || !FOR_AVIF.contains(&peer.name);
        let peers: Vec<&Peer> = peers.iter().filter(apart).collect();
        measure(task, &sources, &peers, &mut reader, &ground, options)?;
    }
    Ok(())
}

/// The pictures: what cameras wrote, losslessly as baseline and as progressive files, and smaller
/// ones.
fn sources(ground: &Ground, folder: Option<&Path>) -> Result<Sources, String> {
    let paths = match folder {
        Some(folder) => pictures::find(folder)?,
        None => photographs(ground)?,
    };
    let mut sources = Sources::default();
    for (place, path) in paths
        .iter()
        .filter(|path| pictures::is(path, "jpg"))
        .enumerate()
    {
        let file = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let keep = |name: &str, bytes: Vec<u8>| ground.write(&format!("{place}-{name}.jpg"), bytes);
        let ppm = piped("djpeg", &["-rgb", "-pnm"], &file)?;
        let (width, height, _) = pictures::pixels(&ppm).ok_or("djpeg wrote no PPM")?;
        if folder.is_some() && u64::from(width) * u64::from(height) < CAMERA {
            continue;
        }
        let baseline = piped("jpegtran", &["-copy", "none", "-optimize"], &file)?;
        let progressive = piped("jpegtran", &["-copy", "none", "-progressive"], &file)?;
        let eighths = (MODEST * 8).div_ceil(width).clamp(1, 8).to_string();
        let less = piped(
            "djpeg",
            &["-rgb", "-pnm", "-scale", &format!("{eighths}/8")],
            &file,
        )?;
        let modest = piped("cjpeg", &["-quality", "85"], &less)?;
        sources.baseline.push(keep("baseline", baseline)?);
        sources.progressive.push(keep("progressive", progressive)?);
        sources.modest.push(keep("modest", modest)?);
    }
    match sources.baseline.is_empty() {
        true => Err("no JPEG of 8 megapixels or more".to_owned()),
        false => Ok(sources),
    }
}

/// Has every engine do a task, in turns, and prints what came of it.
fn measure(
    task: &Task,
    sources: &Sources,
    peers: &[&Peer],
    reader: &mut Engine,
    ground: &Ground,
    options: &Options,
) -> Outcome {
    let mut engines = peers
        .iter()
        .map(|peer| peer.start())
        .collect::<Result<Vec<_>, _>>()?;
    let mut made: Vec<Vec<Made>> = vec![Vec::new(); peers.len()];
    for source in (task.sources)(sources) {
        let reference = ground.path("reference.ppm");
        reader.ask(&format!(
            "{}\t{}\t{WIDTH}",
            source.display(),
            reference.display()
        ))?;
        let mut times = vec![Vec::new(); peers.len()];
        let mut sizes = vec![0.0; peers.len()];
        let mut qualities = vec![QUALITY; peers.len()];
        if task.alike {
            let mut scores = |engine: &mut Engine, quality| {
                let out = ground.path("tried.out");
                let job = Job {
                    source,
                    out: &out,
                    format: task.format,
                    quality,
                    width: WIDTH,
                };
                engine.make(1, &job)?;
                score(reader, &reference, &out, ground)
            };
            let wanted = scores(&mut engines[0], QUALITY)?;
            for (engine, quality) in engines.iter_mut().zip(&mut qualities).skip(1) {
                *quality = nearest(wanted, |quality| scores(engine, quality))?;
            }
        }
        for round in 0..=options.runs {
            for (place, engine) in engines.iter_mut().enumerate() {
                let out = ground.path(&format!("{place}.out"));
                let job = Job {
                    source,
                    out: &out,
                    format: task.format,
                    quality: qualities[place],
                    width: WIDTH,
                };
                // The first one tells how often it has to be done to be measured.
                let again = match times[place].first() {
                    Some(once) => (ENOUGH / once).ceil().clamp(1.0, 1000.0) as u32,
                    None => 1,
                };
                let (time, bytes) = engine.make(again, &job)?;
                if round == 1 {
                    times[place].clear();
                }
                times[place].push(time);
                sizes[place] = bytes;
            }
        }
        for (place, made) in made.iter_mut().enumerate() {
            let out = ground.path(&format!("{place}.out"));
            made.push(Made {
                time: median(&times[place]),
                bytes: sizes[place],
                score: score(reader, &reference, &out, ground)?,
            });
        }
    }
    let memory: Vec<f64> = engines.iter().map(Engine::peak_memory).collect();
    report(task, peers, &made, &memory, options.json);
    Ok(())
}

/// The quality whose score comes nearest to what is wanted; scores grow with it, as good as.
fn nearest(wanted: f64, mut score: impl FnMut(u8) -> Result<f64, String>) -> Result<u8, String> {
    let (mut low, mut high) = (1, 100);
    let mut best = (f64::INFINITY, QUALITY);
    while low <= high {
        let middle = low + (high - low) / 2;
        let off = score(middle)? - wanted;
        if off.abs() < best.0 {
            best = (off.abs(), middle);
        }
        match off < 0.0 {
            true => low = middle + 1,
            false => high = middle - 1,
        }
    }
    Ok(best.1)
}

/// The SSIMULACRA2 of a result beside its reference.
fn score(
    reader: &mut Engine,
    reference: &Path,
    out: &Path,
    ground: &Ground,
) -> Result<f64, String> {
    let seen = ground.path("seen.ppm");
    reader.ask(&format!("{}\t{}\t0", out.display(), seen.display()))?;
    let read = |path: &Path| std::fs::read(path).map_err(|error| error.to_string());
    pictures::score(&read(reference)?, &read(&seen)?)
}

fn report(task: &Task, peers: &[&Peer], made: &[Vec<Made>], memory: &[f64], json: bool) {
    let Some(ours) = made.first() else { return };
    let of = |made: &[Made], figure: fn(&Made) -> f64| {
        median(&made.iter().map(figure).collect::<Vec<_>>())
    };
    let beside = |made: &[Made], figure: fn(&Made, &Made) -> f64| {
        let figures = made
            .iter()
            .zip(ours)
            .map(|(theirs, ours)| figure(theirs, ours));
        median(&figures.collect::<Vec<_>>())
    };
    if !json {
        println!(
            "\n{}, {WIDTH} pixels, quality {QUALITY}, {} pictures",
            task.about,
            ours.len()
        );
        println!(
            "| engine | ms | its time / ours | bytes | its bytes / ours | SSIMULACRA2 | its − ours | MB at most |"
        );
        println!("|---|---|---|---|---|---|---|---|");
    }
    for ((peer, made), memory) in peers.iter().zip(made).zip(memory) {
        let [time, bytes, score] = [
            |it: &Made| it.time,
            |it: &Made| it.bytes,
            |it: &Made| it.score,
        ]
        .map(|figure| of(made, figure));
        let times = beside(made, |theirs, ours| theirs.time / ours.time);
        let sizes = beside(made, |theirs, ours| theirs.bytes / ours.bytes);
        let points = beside(made, |theirs, ours| theirs.score - ours.score);
        if json {
            println!(
                "{}",
                serde_json::json!({
                    "bench": "images", "task": task.about, "engine": peer.name, "ms": time,
                    "bytes": bytes, "score": score, "time_ratio": times, "bytes_ratio": sizes,
                    "score_difference": points, "memory_mb": memory,
                })
            );
        } else {
            println!(
                "| {} | {time:.1} | {times:.2} | {bytes:.0} | {sizes:.3} | {score:.1} | {points:+.1} | {memory:.0} |",
                peer.name
            );
        }
    }
}
