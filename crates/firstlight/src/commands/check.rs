//! `firstlight check`: everything wrong with a configuration file.

use std::path::PathBuf;

use base::settings::{Problem, Report};
use serde_json::json;
use server::{Config, ConfigError, Rooms, ServerError};

use crate::output::{self, Exit, Outcome};

/// What `check` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print the problems as JSON
    #[arg(long)]
    json: bool,
}

/// Reads the file as `serve` would, with every check, and builds all of it but the sockets.
pub fn run(arguments: &Arguments) -> Outcome {
    match Config::read(&arguments.config) {
        Ok(config) => match Rooms::new(&config.clone().for_rehearsal()) {
            Ok(_) => Ok(fine(arguments, &config)),
            Err(error) => Ok(unbuildable(arguments, &error)),
        },
        Err(ConfigError::Wrong(report)) => Ok(wrong(arguments, &report)),
        Err(error) => Err(error.into()),
    }
}

fn fine(arguments: &Arguments, config: &Config) -> Exit {
    if arguments.json {
        output::json(&json!({ "ok": true, "problems": [] }));
    } else {
        let (file, sites) = (arguments.config.display(), sites(config.site.len()));
        output::talk(format_args!("{file}: fine, {sites}"));
        for encoder in config.avif_encoders() {
            output::talk(format_args!("AVIF: {encoder}"));
        }
    }
    Exit::Done
}

fn wrong(arguments: &Arguments, report: &Report) -> Exit {
    if arguments.json {
        let problems: Vec<_> = report.problems().iter().map(describe_json).collect();
        output::json(&json!({ "ok": false, "problems": problems }));
    } else {
        output::talk(report.to_string().trim_end());
    }
    Exit::Problems
}

/// What shows only when everything is built has no line.
fn unbuildable(arguments: &Arguments, error: &ServerError) -> Exit {
    let expected = base::failure::chain(error);
    if arguments.json {
        let problem = json!({ "line": 0, "key": "", "given": "", "expected": expected });
        output::json(&json!({ "ok": false, "problems": [problem] }));
    } else {
        output::talk(format_args!("{}: {expected}", arguments.config.display()));
    }
    Exit::Problems
}

fn sites(count: usize) -> String {
    match count {
        1 => "one site".into(),
        count => format!("{count} sites"),
    }
}

fn describe_json(problem: &Problem) -> serde_json::Value {
    json!({
        "line": problem.line,
        "key": problem.key,
        "given": problem.given,
        "expected": problem.expected,
        "hint": problem.hint,
    })
}
