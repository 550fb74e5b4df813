//! The cache: what it keeps beside LRU, how much memory a million things take and how long a start
//! with them, and how fast hits are beside nginx and Varnish.

mod serving;
mod start;
mod trace;

use super::Options;
use super::ground;
use crate::shell::Outcome;

/// Runs all three.
pub fn run(options: &Options) -> Outcome {
    if !options.json {
        println!("{}", ground::conditions());
    }
    if options.server.is_empty() {
        trace::run(options)?;
        start::run(options)?;
    }
    serving::run(options)
}
