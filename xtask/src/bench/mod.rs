//! Measurements beside the peers, in the same run and on the same machine.
//!
//! A new bench is a file here plus a line in [`BENCHES`].

mod ground;
mod hits;
mod order;

use clap::Args;

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
    /// Prints JSON, one object a line, in place of tables
    #[arg(long)]
    pub json: bool,
    /// The Firstlight binary to measure; by default the release build, made first
    #[arg(long)]
    pub binary: Option<std::path::PathBuf>,
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
        name: "hits",
        about: "cached pictures of about 20 KB over TLS and HTTP/2: requests per processor second",
        run: hits::run,
    },
    Bench {
        name: "order",
        about: "previews, a late critical request and the total over an emulated link",
        run: order::run,
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
