//! Everything a change must pass. All steps run, whatever failed before: one run tells all.

use std::time::{Duration, Instant};

use crate::shell::{self, Outcome, cargo};
use crate::{docs, fuzz, packages, tests, tidy};

type Step = (&'static str, fn() -> Outcome);

/// The steps in order; cheap ones first.
const STEPS: [Step; 9] = [
    ("packages", packages::install),
    ("format", format),
    ("lints", lints),
    ("docs", documentation),
    ("reference", || docs::run(true)),
    ("tidy", tidy::run),
    ("licences", licences),
    ("fuzz smoke", || fuzz::run(&fuzz::Options::default())),
    ("tests", || tests::run(&[])),
];

/// Runs every step and prints how each ended and how long it took.
///
/// # Errors
/// The names of the steps that failed.
pub fn run() -> Outcome {
    let mut results = Vec::with_capacity(STEPS.len());
    for (name, step) in STEPS {
        println!("\n== {name}");
        let since = Instant::now();
        let outcome = step();
        if let Err(message) = &outcome {
            println!("{name}: {message}");
        }
        results.push((name, outcome, since.elapsed()));
    }
    summarise(&results)
}

fn summarise(results: &[(&str, Outcome, Duration)]) -> Outcome {
    println!("\n== summary");
    for (name, outcome, took) in results {
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("{verdict:<7}{name:<12}{:>8.1} s", took.as_secs_f64());
    }
    if let Some(line) = tests::closing_line() {
        println!("{line}");
    }
    let failed: Vec<_> = results
        .iter()
        .filter(|(_, outcome, _)| outcome.is_err())
        .map(|(name, ..)| *name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", failed.join(", ")))
    }
}

fn format() -> Outcome {
    shell::run(cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> Outcome {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    shell::run(cargo(&arguments))
}

fn documentation() -> Outcome {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    shell::run(command)
}

fn licences() -> Outcome {
    if !shell::exists("cargo-deny") {
        shell::skip(
            "cargo deny",
            "not installed; `tidy` checked the licences alone",
        );
        return Ok(());
    }
    shell::run(cargo(&["deny", "check", "licenses", "bans", "sources"]))
}

#[cfg(test)]
mod tests_of_the_summary {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_run_and_is_named() {
        let took = Duration::from_secs(1);
        let results = [
            ("format", Ok(()), took),
            ("lints", Err("no".into()), took),
            ("tests", Ok(()), took),
        ];
        assert_eq!(summarise(&results), Err("failed: lints".into()));
        assert_eq!(summarise(&results[..1]), Ok(()));
    }
}
