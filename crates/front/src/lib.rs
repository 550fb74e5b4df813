//! Sockets, TLS, HTTP/1.1, HTTP/2 and HTTP/3; sends bytes in order.
//!
//! [`Front::bind`] takes addresses and certificates, [`Front::serve`] accepts connections until it
//! is told to stop, then drains them. Every request becomes a [`pipeline::Exchange`], runs through
//! the pipeline of its host, and its response leaves as its delivery plan says.
//!
//! Only this room names libraries for TLS, HTTP/2 and QUIC.

mod alternative;
mod burst;
pub mod byte_log;
mod connection;
mod context;
mod convert;
mod ending;
mod error;
mod front;
pub mod guard;
mod h2;
pub mod h3;
mod http1;
mod listen;
mod multiplex;
mod pace;
mod peek;
pub mod proxied;
mod settings;
mod socket;
pub mod tap;
mod tls;

#[cfg(test)]
mod tests;

pub use byte_log::ByteLogSettings;
pub use error::FrontError;
pub use front::{Address, Drained, Front};
pub use h2::Http2Settings;
pub use h3::{Http3Settings, QuicCongestion};
pub use multiplex::plan_for;
pub use settings::{CertificateSettings, FrontSettings, LimitSettings, TimeoutSettings};
