//! The binary: reads arguments and the environment, prints, nothing else.

mod commands;
mod output;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::commands::{check, demo, explain, film, image, inspect, manual, migrate, serve};
use crate::output::{CommandError, Exit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An edge server that sends the optimal bytes in the optimal order.
///
/// Put it in front of a site: pictures become smaller and progressive, and a page shows previews
/// of all its pictures before the details of any.
#[derive(Parser)]
#[command(name = "firstlight", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 found problems, 64 wrong usage.
Environment: FIRSTLIGHT_LOG sets what is logged (`debug`, `front=debug,info`, …); NO_COLOR.";

#[derive(Subcommand)]
enum Command {
    /// Serves a sample site of photographs, to see what Firstlight does
    Demo(demo::Arguments),
    /// Serves in front of a site
    Serve(serve::Arguments),
    /// Checks a configuration file and reports everything wrong with it
    Check(check::Arguments),
    /// Runs one request and says what every module decided, and why
    Explain(explain::Arguments),
    /// Films a page as it loads, with and without, and reports what a visitor sees when
    Film(film::Arguments),
    /// Makes pictures from pictures with the server's engine
    Image(image::Arguments),
    /// Shows what a picture file shows at which byte, or draws a byte log
    Inspect(inspect::Arguments),
    /// Compares the pictures of an access log from two image servers: the one that is, and the next
    Migrate(migrate::Arguments),
    /// Prints what makes a shell complete these commands and their options
    Completions(manual::Completions),
    /// Prints the manual page, or writes one for each command
    Manual(manual::Manual),
}

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == server::WORKER)
    {
        return server::work();
    }
    // This very program, even if a newer one has taken its place on the disk.
    server::start_workers("/proc/self/exe".into());
    let arguments = match parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    start_logging(match arguments.command {
        // It prints what would be logged.
        Command::Explain(_) | Command::Migrate(_) => Level::ERROR,
        _ => Level::INFO,
    });
    let outcome = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Film(arguments) => film::run(&arguments),
        Command::Image(arguments) => image::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Completions(arguments) => manual::complete(&arguments, Arguments::command()),
        Command::Manual(arguments) => manual::write(&arguments, Arguments::command()),
    };
    outcome.unwrap_or_else(CommandError::report).into()
}

/// Reads the arguments. Help and version go to stdout and end well; all else is wrong usage, with
/// clap's own message and suggestion.
fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, Exit> {
    Arguments::try_parse_from(arguments).map_err(|error| {
        // Nothing is left to do if the terminal is gone.
        let _ = error.print();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
            _ => Exit::Usage,
        }
    })
}

fn start_logging(default: Level) {
    let filter = EnvFilter::builder()
        .with_env_var("FIRSTLIGHT_LOG")
        .with_default_directive(default.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::stderr_has_colour())
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_do_not_contradict_one_another() {
        super::Arguments::command().debug_assert();
    }
}
