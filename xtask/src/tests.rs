//! Runs the tests, shows their output as it comes, and counts.

use std::io::{BufRead, BufReader, IsTerminal};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::shell::{self, Outcome, cargo};

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

static LAST: Mutex<Option<Counts>> = Mutex::new(None);

/// Runs every test of the workspace; `arguments` go to the runner as they are.
///
/// # Errors
/// A test failed, none ran, or the runner could not be started.
pub fn run(arguments: &[String]) -> Outcome {
    let mut command = if shell::exists("cargo-nextest") {
        cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ])
    } else {
        cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])
    };
    command.args(arguments);
    let (success, counts) = follow(command)?;
    if let Ok(mut last) = LAST.lock() {
        *last = Some(counts);
    }
    println!("{}", show(counts));
    match (success, counts) {
        (false, _) => Err("a test failed, or the tests were not built".into()),
        (true, Counts { passed: 0, .. }) => Err("no test ran".into()),
        (true, _) => Ok(()),
    }
}

/// The totals of the last run in this process, as a line.
pub fn closing_line() -> Option<String> {
    LAST.lock().ok()?.map(show)
}

fn show(counts: Counts) -> String {
    let Counts {
        passed,
        failed,
        skipped,
    } = counts;
    format!("tests: {passed} passed, {failed} failed, {skipped} skipped")
}

/// Passes the runner's output on line by line, adding up what it says of each binary.
fn follow(mut command: Command) -> Result<(bool, Counts), String> {
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let line = shell::show(&command);
    let fail = |error| format!("`{line}`: {error}");
    // One runner tells its results on stdout, the other on stderr.
    let (output, said) = std::io::pipe().map_err(fail)?;
    command.stderr(said.try_clone().map_err(fail)?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(said)
        .spawn()
        .map_err(fail)?;
    // Its ends of the pipe go with it, so that reading ends when the runner does.
    drop(command);
    let mut counts = Counts::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(fail)?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    let status = child.wait().map_err(fail)?;
    Ok((status.success(), counts))
}

impl Counts {
    /// Adds a closing line of `cargo test` (`test result: ok. 3 passed; 0 failed; 1 ignored; …`)
    /// or of nextest (`Summary [ 1.2s] 3 tests run: 3 passed, 1 skipped`); other lines say nothing.
    fn add(&mut self, line: &str) {
        if !line.starts_with("test result: ") && !line.trim_start().starts_with("Summary [") {
            return;
        }
        let words: Vec<&str> = line
            .split([' ', ';', ','])
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            let [number, what] = pair else { continue };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match *what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" | "skipped" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod counting {
    use super::Counts;

    #[test]
    fn both_runners_are_understood() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "     Summary [   1.234s] 9 tests run: 8 passed, 1 failed, 4 skipped",
            "test tests::a_test_that_says_5 passed ... ok",
        ] {
            counts.add(line);
        }
        assert_eq!(
            counts,
            Counts {
                passed: 23,
                failed: 3,
                skipped: 5
            }
        );
    }
}
