//! Measurements beside the peers, in the same run and on the same machine.
//!
//! A new bench is a file here plus a line in [`BENCHES`].

mod bombs;
mod browsers;
mod cache;
mod cache_tests;
mod compress;
mod conformance;
mod crash;
mod deltas;
mod devices;
mod ground;
mod hits;
mod images;
mod itself;
mod jpeg;
mod kv;
mod link;
mod load;
mod memory;
mod order;
mod peers;
mod pictures;
mod priority;
mod quality;
mod rescue;
mod scheduler;
mod signatures;
mod soak;
mod sooner;
mod tiers;
mod variants;
mod workload;

use clap::Args;
use lab::{Profile, UnknownProfile};

use crate::shell::Outcome;

/// What every bench understands.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Runs of each measurement; the median is reported
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Seconds each run lasts, where it is bounded by time
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Comparisons, where a bench makes the same one again and again
    #[arg(long, default_value_t = 10)]
    pub times: usize,
    /// Prints JSON, one object a line, in place of tables
    #[arg(long)]
    pub json: bool,
    /// Only these servers, by the names of the error message for a wrong one
    #[arg(long, value_delimiter = ',')]
    pub server: Vec<String>,
    /// Only these links, by the names of the error message for a wrong one
    #[arg(long, value_delimiter = ',')]
    pub link: Vec<String>,
    /// Only these losses, in percent of packets
    #[arg(long, value_delimiter = ',')]
    pub loss: Vec<f64>,
    /// What waits at the narrow end of the link, in KiB, where a bench of the order of bytes runs
    #[arg(long, default_value_t = 64)]
    pub queue: usize,
    /// Only these pages, by the names of the error message for a wrong one
    #[arg(long, value_delimiter = ',')]
    pub page: Vec<String>,
    /// The browser: `chromium`, `firefox` or `webkit`
    #[arg(long, default_value = "chromium")]
    pub browser: String,
    /// Lines for the section `[front.http2]` of Firstlight's configuration, to try them out
    #[arg(long)]
    pub http2: Vec<String>,
    /// A folder for what was seen in detail: pictures of pages, frames of HTTP/2 and their times
    #[arg(long)]
    pub frames: Option<std::path::PathBuf>,
    /// A folder of JPEG and PNG files, where a bench takes any; by default it makes some
    #[arg(long)]
    pub pictures: Option<std::path::PathBuf>,
    /// The Firstlight binary to measure; by default the release build, made first
    #[arg(long)]
    pub binary: Option<std::path::PathBuf>,
}

impl Options {
    /// Those of `all` that are wanted, in the order of `all`; everything if nothing is named.
    ///
    /// # Errors
    /// Something is wanted that is not there; says what there is.
    pub fn chosen<'a>(
        &self,
        what: &str,
        wanted: &[String],
        all: &[&'a str],
    ) -> Result<Vec<&'a str>, String> {
        match wanted.iter().find(|name| !all.contains(&name.as_str())) {
            Some(name) => Err(format!("no {what} `{name}`; there are: {}", all.join(", "))),
            None => Ok(all
                .iter()
                .copied()
                .filter(|name| wanted.is_empty() || wanted.iter().any(|other| other == name))
                .collect()),
        }
    }
}

impl Options {
    /// The links wanted, each with its name: those of `usual` if none is.
    ///
    /// # Errors
    /// A name that no profile has; says which there are.
    pub fn links(&self, usual: &[&str]) -> Result<Vec<(String, Profile)>, String> {
        let names: Vec<String> = match self.link.as_slice() {
            [] => usual.iter().map(|name| (*name).to_owned()).collect(),
            names => names.to_vec(),
        };
        let named = |name: String| match name.parse() {
            Ok(profile) => Ok((name, profile)),
            Err(error) => Err(UnknownProfile::to_string(&error)),
        };
        names.into_iter().map(named).collect()
    }
}

/// One measurement.
pub struct Bench {
    /// What it is called on the command line and in `docs/benchmarks.md`.
    pub name: &'static str,
    /// What it measures, in one line.
    pub about: &'static str,
    /// Runs it and prints what it found.
    pub run: fn(&Options) -> Outcome,
}

/// Every bench.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "bombs",
        about: "small files that claim to be huge: time and memory until each is refused",
        run: bombs::run,
    },
    Bench {
        name: "browsers",
        about: "pages of photographs as a browser shows them over an emulated link: Speed Index",
        run: browsers::run,
    },
    Bench {
        name: "cache",
        about: "what the cache keeps beside LRU, its memory and its start, and hits beside nginx and Varnish",
        run: cache::run,
    },
    Bench {
        name: "cache-tests",
        about: "the public HTTP cache test suite, beside nginx and Varnish",
        run: cache_tests::run,
    },
    Bench {
        name: "compress",
        about: "texts of npm packages: bytes and times for the first visitor and the next, beside nginx",
        run: compress::run,
    },
    Bench {
        name: "conformance",
        about: "other decoders' test pictures: the same pixels as Pillow and djxl, or refused",
        run: conformance::run,
    },
    Bench {
        name: "crash",
        about: "`kill -9` at random moments while what is kept is written: no wrong byte afterwards",
        run: crash::run,
    },
    Bench {
        name: "deltas",
        about: "updates of npm packages as deltas: bytes beside Brotli 11, decoded by Chromium and others",
        run: deltas::run,
    },
    Bench {
        name: "devices",
        about: "the same page for each browser and link, with hints and without: which variants, why",
        run: devices::run,
    },
    Bench {
        name: "hits",
        about: "cached pictures of about 20 KB over TLS and HTTP/2: requests per processor second",
        run: hits::run,
    },
    Bench {
        name: "images",
        about: "pictures made small beside sharp, libvips and Pillow: time, bytes, looks, memory",
        run: images::run,
    },
    Bench {
        name: "kv",
        about: "the engines of a store behind: put, get, compare and set",
        run: kv::run,
    },
    Bench {
        name: "jpeg",
        about: "progressive JPEG of photographs: bytes at equal SSIMULACRA2 and time, beside cjpeg",
        run: jpeg::run,
    },
    Bench {
        name: "link",
        about: "the emulated link against what its profiles say: round trip and goodput",
        run: link::run,
    },
    Bench {
        name: "memory",
        about: "memory after a thousand and after a hundred thousand requests for pictures of all sizes",
        run: memory::run,
    },
    Bench {
        name: "order",
        about: "previews, a late critical request and the total over an emulated link",
        run: order::run,
    },
    Bench {
        name: "priority",
        about: "the public priority test: two high requests among thirty low ones",
        run: priority::run,
    },
    Bench {
        name: "quality",
        about: "the search for a quality: how near to its target, in how many encodes, at what size",
        run: quality::run,
    },
    Bench {
        name: "quality-usual",
        about: "what photographs look like at each quality: where the search begins",
        run: quality::usual,
    },
    Bench {
        name: "rescue",
        about: "baseline JPEG files made progressive without loss: MB of input per processor second",
        run: rescue::run,
    },
    Bench {
        name: "scheduler",
        about: "what a decision about the next bytes costs, from one stream to ten thousand",
        run: scheduler::run,
    },
    Bench {
        name: "self",
        about: "the sample page against itself, many times: no difference may be reported",
        run: itself::run,
    },
    Bench {
        name: "signatures",
        about: "does the time that a wrong signature takes tell how wrong it is?",
        run: signatures::run,
    },
    Bench {
        name: "soak",
        about: "hostile HTTP/2 clients for a while: a visitor is served all along, memory stays",
        run: soak::run,
    },
    Bench {
        name: "sooner",
        about: "whole sites as a visitor sees them over four links, beside nginx, h2o and Caddy",
        run: sooner::run,
    },
    Bench {
        name: "tiers",
        about: "links at half and twice each threshold: is the visitor's connection judged right?",
        run: tiers::run,
    },
    Bench {
        name: "variants",
        about: "how many variants of a picture browsers of all kinds ask for between them",
        run: variants::run,
    },
    Bench {
        name: "workload",
        about: "the public workload of image servers: requests per second and memory, beside thumbor and IPX",
        run: workload::run,
    },
];

/// Runs the bench called `name`, or lists them all.
///
/// # Errors
/// There is no such bench, or it failed.
pub fn run(name: Option<&str>, options: &Options) -> Outcome {
    let Some(name) = name else {
        for bench in BENCHES {
            println!("{:<12}{}", bench.name, bench.about);
        }
        return Ok(());
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        let names: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        return Err(format!(
            "no bench `{name}`; there are: {}",
            names.join(", ")
        ));
    };
    (bench.run)(options)
}

/// Serves `folder` until the process ends, see [`testkit::bare`].
///
/// # Errors
/// A file cannot be read, or the port is taken.
pub fn serve_bare(port: u16, folder: &std::path::Path) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(testkit::bare::serve(port, folder)))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::BENCHES;

    #[test]
    fn names_are_words_and_used_once() {
        for (place, bench) in BENCHES.iter().enumerate() {
            let word = bench
                .name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            assert!(word && !bench.name.is_empty(), "{}", bench.name);
            let again = BENCHES
                .iter()
                .skip(place + 1)
                .any(|other| other.name == bench.name);
            assert!(!again, "{} is there twice", bench.name);
        }
    }
}
