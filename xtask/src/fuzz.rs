//! The smoke run: every fuzz target over its corpus and seeded mutations of it, on stable Rust.
//! It finds what is shallow; `cargo fuzz` (see CONTRIBUTING.md) digs.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use clap::Args;
use fuzz_targets::{TARGETS, Target, mutate};

use crate::shell::{Outcome, root};

/// What to run, and how much of it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only this target
    #[arg(long)]
    pub target: Option<String>,
    /// Mutations of each target's corpus
    #[arg(long, default_value_t = 3000)]
    pub mutations: u64,
    /// The first mutation's seed; the same seeds make the same inputs
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Most seconds a target may take in all, after which fewer mutations have to do
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// Writes the corpora anew, from our own encoders
    #[arg(long)]
    pub write_corpus: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: None,
            mutations: 3000,
            seed: 1,
            seconds: 15,
            write_corpus: false,
        }
    }
}

/// Longest an input may take, debug build and busy machine included.
const SLOW: Duration = Duration::from_secs(1);

/// Runs the targets.
///
/// # Errors
/// An input panicked or was slow; it is kept in `fuzz/artifacts`. Or a target has no corpus.
pub fn run(options: &Options) -> Outcome {
    let wanted = |target: &&Target| {
        options
            .target
            .as_deref()
            .is_none_or(|name| name == target.name)
    };
    let mut failures = 0;
    let mut ran = 0;
    for target in TARGETS.iter().filter(wanted) {
        if options.write_corpus {
            write_corpus(target)?;
        }
        ran += 1;
        failures += smoke(target, options)?;
    }
    match (ran, failures) {
        (0, _) => Err("no such fuzz target".into()),
        (_, 0) => Ok(()),
        (_, 1) => Err("one input failed; see fuzz/artifacts".into()),
        _ => Err(format!("{failures} inputs failed; see fuzz/artifacts")),
    }
}

fn smoke(target: &Target, options: &Options) -> Result<usize, String> {
    let corpus = read_corpus(target)?;
    let seeds = options.seed..options.seed.saturating_add(options.mutations);
    let mutated = seeds.map(|seed| mutate(&corpus, seed));
    let since = Instant::now();
    let budget = Duration::from_secs(options.seconds);
    let (mut inputs, mut failures) = (0, 0);
    for input in corpus.iter().cloned().chain(mutated) {
        if since.elapsed() > budget || failures >= 10 {
            break;
        }
        inputs += 1;
        if let Some(what) = failure(target, &input) {
            failures += 1;
            println!("{}: {what}: {}", target.name, keep(target, &input)?);
        }
    }
    let took = since.elapsed().as_secs_f64();
    println!(
        "{:<20}{inputs:>6} inputs{took:>8.1} s{failures:>4} failed",
        target.name
    );
    Ok(failures)
}

fn failure(target: &Target, input: &[u8]) -> Option<&'static str> {
    let since = Instant::now();
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        return Some("panicked");
    }
    // A second try tells a slow input from a machine that was busy elsewhere.
    let slow = since.elapsed() > SLOW && {
        let since = Instant::now();
        (target.run)(input);
        since.elapsed() > SLOW
    };
    slow.then_some("took over a second")
}

/// Keeps an input that failed; returns its path.
fn keep(target: &Target, input: &[u8]) -> Result<String, String> {
    let name = format!(
        "fuzz/artifacts/{}/{:016x}",
        target.name,
        fuzz_targets::fingerprint(input)
    );
    let path = root().join(&name);
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .map_err(|error| error.to_string())?;
    fs::write(&path, input).map_err(|error| format!("{name}: {error}"))?;
    Ok(name)
}

fn read_corpus(target: &Target) -> Result<Vec<Vec<u8>>, String> {
    let folder = root().join("fuzz/corpus").join(target.name);
    let wrong = |error: std::io::Error| format!("fuzz/corpus/{}: {error}", target.name);
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).map_err(wrong)? {
        paths.push(entry.map_err(wrong)?.path());
    }
    // The order of a directory is nobody's promise; the same seed must make the same input.
    paths.sort();
    let corpus: Result<Vec<_>, _> = paths.iter().map(fs::read).collect();
    let corpus = corpus.map_err(wrong)?;
    if corpus.is_empty() {
        return Err(format!("fuzz/corpus/{} is empty", target.name));
    }
    Ok(corpus)
}

fn write_corpus(target: &Target) -> Outcome {
    let folder = root().join("fuzz/corpus").join(target.name);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for (name, bytes) in (target.seeds)() {
        fs::write(folder.join(name), bytes).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picky(input: &[u8]) {
        assert!(!input.contains(&0xff), "an input it does not like");
    }

    #[test]
    fn a_panic_is_seen_and_nothing_else_is() {
        let target = Target {
            name: "picky",
            run: picky,
            seeds: Vec::new,
        };
        assert_eq!(failure(&target, b"\xff"), Some("panicked"));
        assert_eq!(failure(&target, b"fine"), None);
    }

    #[test]
    fn every_target_has_a_corpus_and_a_cargo_fuzz_file() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        for target in TARGETS {
            assert!(!read_corpus(target).unwrap().is_empty(), "{}", target.name);
            assert!(
                manifest.contains(&format!("name = \"{}\"", target.name)),
                "{}",
                target.name
            );
            assert!(
                root()
                    .join(format!("fuzz/fuzz_targets/{}.rs", target.name))
                    .is_file()
            );
        }
    }
}
