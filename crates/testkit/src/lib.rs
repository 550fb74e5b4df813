//! The test rig: an origin that answers as scripted, an emulated link, a client that records
//! every HTTP/2 frame, a browser. For tests and benchmarks only; nothing here runs in a server.
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
pub mod browser;
pub mod film;
pub mod link;
pub mod origin;
pub mod photo;
mod profile;
pub mod recorder;
pub mod relay;

pub use browser::{Browser, BrowserError, Page};
pub use film::Film;
pub use link::{Link, LinkError};
pub use origin::{Origin, Reply};
pub use profile::Profile;
pub use recorder::{Recorder, RecorderError, Recording};
pub use relay::Relay;

/// Tests that make or watch network interfaces take turns: Chromium gives up what it loads when
/// one comes or goes (`ERR_NETWORK_CHANGED`).
#[cfg(test)]
static NETWORK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
