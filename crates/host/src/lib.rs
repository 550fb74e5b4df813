//! Programs of the host that work for us, each in a process of its own with limits: an AVIF encoder
//! that is several times as fast as the one that is built in.
//!
//! A program gets pixels that are ours, never bytes from outside. It runs without an environment,
//! without new privileges, in a process group of its own, with limits on its time, its memory, its
//! files and what it writes, until it is done or called off; what it writes is checked before
//! anybody sees it. It reads its own code and libraries and nothing else, writes to no file, and
//! reaches no network. Only as many run as there are threads that wait for them.

mod aom;
mod choice;
#[cfg(target_os = "linux")]
mod process;
#[cfg(not(target_os = "linux"))]
#[path = "absent.rs"]
mod process;
mod task;
#[cfg(target_os = "linux")]
mod walls;

pub use choice::AvifEncoder;

#[cfg(test)]
mod tests;
