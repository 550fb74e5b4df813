//! Every task of the project, one command each: `cargo xtask help`.

mod bench;
mod ci;
mod docs;
mod fuzz;
mod packages;
mod picture;
mod shell;
mod tests;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Every task of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything a change must pass: format, lints, docs, tidy, tests, licences, fuzz smoke
    Ci,
    /// All tests of the workspace, with the total on the last line
    Test {
        /// Passed on to `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Checks of the tree that no compiler makes
    Tidy,
    /// Writes the pages that are made from the code
    Docs {
        /// Writes nothing; says which page is out of date
        #[arg(long)]
        check: bool,
    },
    /// Feeds every parser of outside bytes its corpus and mutations of it
    FuzzSmoke(fuzz::Options),
    /// Measures Firstlight beside its peers; without a name, lists the benches
    Bench {
        /// Which one
        name: Option<String>,
        #[command(flatten)]
        options: Box<bench::Options>,
    },
    /// Makes the picture of the README: the sample page half loaded, without and with Firstlight
    Picture(picture::Options),
    /// A server that is HTTP/2 over TLS and nothing else, for the benches to run beside
    #[command(hide = true)]
    ServeBare {
        /// Where it listens
        port: u16,
        /// Holds `cert.pem`, `key.pem` and the files in `www`
        folder: std::path::PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Ci => ci::run(),
        Task::Test { arguments } => tests::run(&arguments),
        Task::Tidy => tidy::run(),
        Task::Docs { check } => docs::run(check),
        Task::FuzzSmoke(options) => fuzz::run(&options),
        Task::Bench { name, options } => bench::run(name.as_deref(), &options),
        Task::Picture(options) => picture::run(&options),
        Task::ServeBare { port, folder } => bench::serve_bare(port, &folder),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
