//! The client against origins in this process.

mod failures;
mod http1;
mod http2;
mod sources;
mod support;
mod tls;
mod upgrade;
