//! The public workload of image servers: photographs of about two thousand pixels into a box of
//! 512, in the format they have, over HTTP, two requests at a time, nothing kept. Requests a
//! second, bytes, and memory, beside thumbor and IPX, in turns.
//!
//! Sizes, qualities and the number of clients are those of `imgproxy/image-servers-benchmark`.

mod sides;

use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::{Origin, Reply};

use super::Options;
use super::ground::{self, Ground, Peer, median};
use super::load::{Load, Tally, Until, watched};
use super::pictures;
use super::rescue::photographs;
use crate::shell::{self, Outcome};

/// Requests at a time.
const CLIENTS: usize = 2;
/// The longest run, where the options allow more.
const LONGEST: u64 = 5;

/// Photographs of a kind of file, and what becomes of them.
pub struct Kind {
    /// What the tables call it.
    about: &'static str,
    /// What the sources' names end with.
    source: &'static str,
    /// What URLs call it.
    word: &'static str,
    /// Its content type.
    content_type: &'static str,
    /// The quality that is asked for, where there is one.
    quality: Option<u8>,
}

const KINDS: [Kind; 4] = [
    Kind {
        about: "JPEG",
        source: "jpg",
        word: "jpeg",
        content_type: "image/jpeg",
        quality: Some(80),
    },
    Kind {
        about: "PNG",
        source: "png",
        word: "png",
        content_type: "image/png",
        quality: None,
    },
    Kind {
        about: "WebP",
        source: "webp",
        word: "webp",
        content_type: "image/webp",
        quality: Some(75),
    },
    // The public one has sources of AVIF, which are not read here.
    Kind {
        about: "JPEG to AVIF",
        source: "jpg",
        word: "avif",
        content_type: "image/avif",
        quality: Some(65),
    },
];

/// What a server made of a kind, run by run.
#[derive(Default)]
struct Found {
    rates: Vec<f64>,
    bytes: f64,
    memory: f64,
}

/// Runs it.
///
/// # Errors
/// There are no photographs, Firstlight does not start, or somebody answers wrongly.
pub fn run(options: &Options) -> Outcome {
    let python = match sides::python() {
        Ok(python) => python,
        Err(why) => {
            shell::skip("the bench `workload`", &why);
            return Ok(());
        }
    };
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("workload")?;
    let names = options.chosen("server", &options.server, &sides::NAMES)?;
    let abouts = KINDS.map(|kind| kind.about);
    let kinds = options.chosen("page", &options.page, &abouts)?;
    let count = prepare(&ground, &python, options.pictures.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let origin = runtime.block_on(serve(&ground, count))?;
    if !options.json {
        println!("{}", ground::conditions());
    }
    for kind in KINDS.iter().filter(|kind| kinds.contains(&kind.about)) {
        let mut peers = Vec::new();
        for name in &names {
            match sides::start(name, &ground, &binary, origin.url("").trim_end_matches('/')) {
                Ok(mut peer) => {
                    peer.key = name;
                    peers.push(peer);
                }
                Err(why) if *name != "firstlight" => shell::skip(name, &why),
                Err(why) => return Err(why),
            }
        }
        let found = measure(kind, &mut peers, &origin, count, options)?;
        report(kind, &peers, &found, count, options.json);
    }
    Ok(())
}

/// Writes the photographs in every format; how many there are.
fn prepare(ground: &Ground, python: &Path, folder: Option<&Path>) -> Result<usize, String> {
    let paths: Vec<PathBuf> = match folder {
        Some(folder) => pictures::find(folder)?,
        None => photographs(ground)?,
    };
    let script = ground.write("photographs.py", include_str!("workload/photographs.py"))?;
    let mut command = shell::command(&python.display().to_string(), &[]);
    command.arg(script).arg(ground.path("www")).args(&paths);
    shell::run(command)?;
    Ok(paths.len())
}

/// Starts an origin that has them.
async fn serve(ground: &Ground, count: usize) -> Result<Origin, String> {
    let origin = Origin::start().await.map_err(|error| error.to_string())?;
    for kind in &KINDS[..3] {
        for place in 0..count {
            let name = format!("{place}.{}", kind.source);
            let path = ground.path("www").join(&name);
            let bytes = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
            origin.reply(&format!("/{name}"), Reply::ok(kind.content_type, bytes));
        }
    }
    Ok(origin)
}

/// Loads every server in turns; one that answers wrongly is out, unless it is ours.
fn measure(
    kind: &Kind,
    peers: &mut Vec<Peer>,
    origin: &Origin,
    count: usize,
    options: &Options,
) -> Result<Vec<Found>, String> {
    let time = Duration::from_secs(options.seconds.clamp(1, LONGEST));
    let origin = origin.url("");
    let load = |peer: &Peer, until| {
        let request = |number: usize| {
            let photograph = format!("{}.{}", number % count, kind.source);
            let origin = origin.trim_end_matches('/');
            let target = sides::target(peer.key, kind, origin, &photograph);
            (target, "*/*")
        };
        Load {
            port: peer.port,
            clients: CLIENTS,
            until,
            request: &request,
            types: &[kind.content_type],
        }
        .run()
    };
    let mut out = Vec::new();
    for (place, peer) in peers.iter().enumerate() {
        // Everything once, so that nobody is measured as it wakes up.
        match load(peer, Until::Asked(count)) {
            Ok(_) => {}
            Err(why) if peer.key != "firstlight" => {
                shell::skip(&format!("{} for {}", peer.name, kind.about), &why);
                out.push(place);
            }
            Err(why) => return Err(why),
        }
    }
    for place in out.into_iter().rev() {
        peers.remove(place);
    }
    let mut found: Vec<Found> = peers.iter().map(|_| Found::default()).collect();
    for _ in 0..options.runs {
        for (peer, found) in peers.iter().zip(&mut found) {
            let (tally, memory) = watched(peer, || load(peer, Until::Elapsed(time)));
            let Tally {
                requests,
                bytes,
                seconds,
            } = tally?;
            found.rates.push(requests as f64 / seconds);
            found.bytes = bytes as f64 / requests as f64;
            found.memory = found.memory.max(memory);
        }
    }
    Ok(found)
}

fn report(kind: &Kind, peers: &[Peer], found: &[Found], count: usize, json: bool) {
    let Some(ours) = found.first() else { return };
    if !json {
        let quality = kind
            .quality
            .map_or_else(String::new, |quality| format!(", quality {quality}"));
        println!("\n{}, {count} photographs{quality}:\n", kind.about);
        println!("| server | requests/s | ours / it | kB | MB at most | version |");
        println!("|---|---|---|---|---|---|");
    }
    for (peer, it) in peers.iter().zip(found) {
        let ratios = ours.rates.iter().zip(&it.rates);
        let ratio = median(&ratios.map(|(ours, its)| ours / its).collect::<Vec<_>>());
        let (rate, kilobytes, memory) = (median(&it.rates), it.bytes / 1000.0, it.memory);
        if json {
            let line = serde_json::json!({
                "bench": "workload", "kind": kind.about, "server": peer.name,
                "version": peer.version, "requests_per_second": rate, "ratio": ratio,
                "kb": kilobytes, "memory_mb": memory,
            });
            println!("{line}");
        } else {
            println!(
                "| {} | {rate:.1} | {ratio:.2} | {kilobytes:.1} | {memory:.0} | {} |",
                peer.name, peer.version
            );
        }
    }
}
