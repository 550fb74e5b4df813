//! The store behind: what the nodes of a fleet share, through an engine that may fail.
//!
//! An [`Engine`] keeps bytes under keys: in a file of this machine, in Redis or Valkey, or in a
//! bucket that speaks S3. [`Behind`] is what the server holds: it asks an engine with a short
//! deadline, brings what was made here there in the background, tells the fleet what was purged,
//! and goes on without the engine when that fails.

mod behind;
mod engine;
mod engines;
mod error;
mod frame;
pub mod fuzz;
mod purges;
mod settings;
mod text;
mod watch;

pub use base::settings::Secret;
pub use behind::{Behind, Health, Moment, Parts, Snapshot, Told};
pub use engine::{Engine, Got, Page, Pending, Signal, Value, Version};
pub use engines::embedded::Embedded;
pub use engines::memory::Memory;
pub use engines::redis::Redis;
pub use engines::s3::S3;
pub use error::KvError;
pub use frame::{Frame, Framed};
pub use purges::{Log, Purged, What};
pub use settings::{EngineChoice, KvSettings};
pub use text::digest_of;
pub use watch::{Change, Watch, watch};
