//! HTTP caching: what may be kept and how long it may be used ([`policy`]; pure, the clock is an
//! argument), and the place where it is kept ([`Store`]; memory, bounded by bytes).
//!
//! The two do not know each other: the policy speaks of headers and times, the store of keys and
//! weights.

pub mod policy;
mod store;

pub use store::{Key, Lookup, Mark, Stats, Store, StoreSettings, Weigh};
