//! The features, a directory each. [`list`] is their order; a feature is a directory plus a line
//! there.
//!
//! Modules use the services (store, client, workshop) and do not know one another: what one leaves
//! for the next lies in the exchange's slots ([`facts`]).

pub mod access_log;
pub mod behind;
pub mod cache;
pub mod compression;
pub mod facts;
mod failure;
pub mod headers;
pub mod hints;
pub mod https;
pub mod images;
pub mod kept;
pub mod list;
pub mod network;
pub mod origin;
mod packed;
pub mod purge;
mod settings;
pub mod site;

#[cfg(test)]
mod harness;
#[cfg(test)]
mod tests;

pub use list::{Purge, Services, build};
pub use settings::SiteSettings;
