//! HTTP/3 for tests: a client that speaks in frames, so that a test decides what is said, and a
//! slow path for its datagrams.
//!
//! It shares nothing with the server's own HTTP/3 but QUIC itself.

mod client;
mod path;
mod qpack;
mod record;

pub use client::{Answer, Client, Frame, Frames, Options, RequestStream, frame, kind};
pub use path::{Running, SlowPath};
pub(crate) use record::record;
