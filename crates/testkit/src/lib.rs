//! The test rig: an origin that answers as scripted, a client that records every frame of HTTP/2
//! or HTTP/3, and
//! the lab's link and browser. For tests and benchmarks only; nothing here runs in a server.
//!
//! What needs root or a browser returns a typed error where that is missing. Callers skip
//! loudly:
//!
//! ```ignore
//! let link = match Link::new(Profile::LAB) {
//!     Ok(link) => link,
//!     Err(error) if error.is_missing() => return eprintln!("skipped: {error}"),
//!     Err(error) => panic!("{error}"),
//! };
//! ```

pub mod bare;
pub mod bucket;
pub mod crash;
pub mod film;
pub mod origin;
pub mod peer;
pub mod photo;
pub mod quic;
pub mod recorder;
pub mod tls;

pub use bucket::{Bucket, Mood};
pub use film::Film;
pub use lab::{Browser, BrowserError, Link, LinkError, Page, Profile, Relay, browser, link, relay};
pub use origin::{Origin, Received, Reply};
pub use peer::Peer;
pub use recorder::{Recorder, RecorderError, Recording};
