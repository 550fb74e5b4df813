//! Running other programs, and saying loudly what is not run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a task ended: done, or one sentence about what is wrong.
pub type Outcome = Result<(), String>;

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs this task.
pub fn cargo(arguments: &[&str]) -> Command {
    command(
        &env::var("CARGO").unwrap_or_else(|_| "cargo".into()),
        arguments,
    )
}

/// A command that runs at the root of the repository.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command to its end; its output goes where ours goes.
///
/// # Errors
/// It could not be started, or did not exit with 0.
pub fn run(mut command: Command) -> Outcome {
    let line = show(&command);
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

/// Runs a command to its end and returns what it wrote to stdout.
///
/// # Errors
/// It could not be started, did not exit with 0, or wrote something that is not text.
pub fn output(mut command: Command) -> Result<String, String> {
    let line = show(&command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{line}` could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` wrote no text"))
}

/// Whether a program of this name is on the path.
pub fn exists(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(usual)
        .any(|folder| folder.join(program).is_file())
}

/// Says that something is not done, so that nobody takes it for done.
pub fn skip(what: &str, why: &str) {
    println!("SKIPPED: {what}: {why}");
}

/// The command as one would type it.
pub fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
