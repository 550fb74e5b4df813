//! The upstream client: the only room that opens outward connections.
//!
//! [`Client::fetch`] asks a site's own origin, which is trusted wherever it is.
//! [`Client::fetch_source`] asks sources that a visitor can name: those must be on an
//! [`AllowList`] and at a public address ([`AddressKind`]), checked at connect time and again at
//! every redirect. HTTP/1.1 and HTTP/2, connections are kept, bodies stream both ways.

pub mod address;
pub mod allow;
mod body;
mod client;
mod connect;
mod error;
mod failure;
mod headers;
mod plan;
mod pool;
pub mod reference;
pub mod settings;
mod source;
pub mod target;
mod tls;

#[cfg(test)]
mod tests;

pub use address::AddressKind;
pub use allow::{AllowList, Pattern, PatternError, UriProblem};
pub use base::Network;
pub use client::{Client, Fetched};
pub use error::OriginError;
pub use settings::{HostHeader, Http2, OriginSettings};
pub use target::{Scheme, Target, Upstream, UpstreamError};
