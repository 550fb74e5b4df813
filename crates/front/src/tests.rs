//! The front as visitors meet it: real sockets on ports the system chose.

mod harness;
pub use harness::Scratch;
mod http1;
mod lifecycle;
mod proxied;
mod records;
mod smuggling;
mod tls;
