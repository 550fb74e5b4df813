//! HTTP caching: what may be kept and how long it may be used ([`policy`]; pure, the clock is an
//! argument), and the place where it is kept ([`Store`]; memory and a disk behind it, each bounded
//! by bytes).
//!
//! The two do not know each other: the policy speaks of headers and times, the store of keys,
//! weights and costs.

pub mod policy;
mod store;

pub use store::disk::journal;
pub use store::{
    Change, DiskError, DiskSettings, DiskStats, FORM, FileBody, Held, Keep, Key, Large, Lookup,
    Mark, Named, Packed, Sought, Stats, Store, StoreSettings, tag, wire,
};
