//! The ground floor: what every room speaks of. Errors say whose fault they are, units live in
//! types, settings are declared once, bodies stream.

pub mod allowance;
pub mod body;
pub mod digits;
pub mod failure;
pub mod id;
pub mod lines;
pub mod network;
pub mod settings;
pub mod units;

pub use allowance::{Allowance, Share};
pub use body::{Body, BodyError, Duplex};
pub use failure::{Failure, Fault};
pub use id::RequestId;
pub use network::Network;
pub use units::{ByteSize, Quality};
