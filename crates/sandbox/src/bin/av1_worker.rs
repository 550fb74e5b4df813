//! The worker alone, for tests: `firstlight` has it as a hidden command.

use std::process::ExitCode;

fn main() -> ExitCode {
    firstlight_sandbox::work()
}
