//! The whole stack in one process: a server on ports the system chooses, an origin that answers
//! as scripted, and clients that see every byte.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

// As the rooms call one another.
extern crate firstlight_server as server;

mod client;
mod failures;
mod fleet;
mod passage;
mod pictures;
mod priorities;
mod purges;
mod refusals;
mod sites;
mod stack;
