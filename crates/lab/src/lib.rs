//! The lab: a filmstrip that proves what a visitor sees, and when.
//!
//! [`capture`] films a page in a real [`browser`] over an emulated [`link`] (or a [`relay`], where
//! there is no root); [`metrics`] and [`report`] make numbers and a page of what [`run`] holds.
//! Nothing here knows the server that is filmed: a page is an address.
//!
//! What needs root or a browser returns a typed error where that is missing.

pub mod browser;
pub mod budget;
pub mod capture;
pub mod link;
pub mod metrics;
mod profile;
pub mod relay;
pub mod report;
pub mod run;

pub use browser::{Browser, BrowserError, Page};
pub use link::{Link, LinkError};
pub use profile::{Discipline, Profile, UnknownProfile};
pub use relay::Relay;

/// Tests that make or watch network interfaces take turns: Chromium gives up what it loads when
/// one comes or goes (`ERR_NETWORK_CHANGED`).
#[cfg(test)]
static NETWORK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
