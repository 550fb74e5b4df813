//! The binary as people run it: arguments in, exit code and text out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod crash;
mod film;
mod migrate;
mod pictures;
mod running;
mod support;
mod usage;
