//! Composition root: configuration to every room, wired.
//!
//! A [`Config`] is read and checked as a whole. [`Rooms`] are what it becomes: the services
//! (origin, workshop, cache) and a pipeline for each site, found by host. A [`Server`] puts a
//! front before them; [`Handle::reload`] lets newer rooms take over as a transaction.

mod asker;
mod checks;
mod config;
mod decoders;
mod error;
mod feature;
mod reference;
mod rehearsal;
mod rooms;
mod server;
mod sites;

pub use asker::{AskError, Asked, Asker};
pub use config::Config;
pub use decoders::{WORKER, decoders, start_workers};
pub use error::{ConfigError, ServerError};
pub use feature::Feature;
pub use front::byte_log;
pub use modules::Purge;
pub use modules::compression::Deltas;
pub use modules::images::ImagesSettings;
pub use origin::{OriginSettings, Upstream};
pub use reference::reference;
pub use rehearsal::{Rehearsal, RehearsalError};
pub use rooms::Rooms;
pub use sandbox::work;
pub use server::{Handle, Server, Serving};
pub use sites::Sites;
