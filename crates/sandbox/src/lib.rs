//! A decoder that is not memory-safe, in a process that can do nothing else.
//!
//! AV1 is decoded by `rav1d`, which is fast and has `unsafe` code. So it never runs where requests
//! are served: [`Decoder`] starts this binary again for each picture, hands over the coded bytes by
//! a pipe, and gets planes back by another. The worker first gives up what it will not need
//! (new privileges, files, the network, most system calls, memory beyond a bound, and processor
//! time beyond a bound), and only then reads. Who waits ends it by a deadline. A worker decodes one
//! picture, so that a hostile one has nothing of others to look at.
//!
//! Where the kernel cannot be asked for all of this, nothing is decoded.

mod av1;
mod client;
mod protocol;
#[cfg(target_os = "linux")]
mod walls;
mod worker;

pub use client::{DecodeError, Decoder};
pub use worker::work;
