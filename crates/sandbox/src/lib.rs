//! What is not safe where requests are served, in a process that can do nothing else.
//!
//! AV1 is decoded by `rav1d`, which is fast and has `unsafe` code. SVG is drawn by `resvg`, which is
//! memory-safe, but cannot be stopped, and a page of text can ask it for a day's work. So neither
//! runs where requests are served: [`Decoder`] starts this binary again for each picture, hands over
//! the bytes by a pipe, and gets planes or pixels back by another. The worker first gives up what it will not need
//! (new privileges, files, the network, most system calls, memory beyond a bound, and processor
//! time beyond a bound), and only then reads. Who waits ends it by a deadline. A worker decodes one
//! picture, so that a hostile one has nothing of others to look at.
//!
//! Where the kernel cannot be asked for all of this, nothing is decoded.

mod av1;
mod client;
mod protocol;
mod svg;
#[cfg(target_os = "linux")]
mod walls;
mod worker;

pub use client::{DecodeError, Decoder};
pub use worker::work;
