//! Measurements beside the peers, in the same run and on the same machine.
//!
//! A new bench is a file here plus a line in [`BENCHES`].

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
pub const BENCHES: &[Bench] = &[];

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
