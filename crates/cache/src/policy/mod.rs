//! The rules of a shared HTTP cache (RFC 9111, RFC 5861, RFC 8246, RFC 9211, RFC 9213): values in, decision out.
//!
//! Where the rules leave room the answer here is the careful one: a response is kept only if
//! nothing about it says that it is for one client, and what is kept without a word about its
//! freshness is asked for again each time (cheaply, by its validator).

mod conditional;
mod control;
mod freshness;
mod headers;
mod judge;
mod range;
mod status;
pub mod structured;
mod targeted;
mod vary;

pub use conditional::{add_validators, has_validator, not_modified, same_representation};
pub use control::Control;
pub use freshness::Freshness;
pub use headers::{strip_connection_headers, update_stored};
pub use judge::{Received, Refusal, Rules, judge};
pub use range::{Part, part};
pub use status::{CacheStatus, Forward};
pub use vary::Vary;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
