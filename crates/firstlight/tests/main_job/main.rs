//! The main job, end to end: the binary in front of a site, as clients, a browser and a browser at
//! the far end of a slow link see it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod browser;
mod client;
mod hints;
mod nginx;
mod screen;
mod site;
#[expect(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/support.rs"]
mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tests that need the machine for themselves take turns.
fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
