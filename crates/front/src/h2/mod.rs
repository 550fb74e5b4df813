//! HTTP/2: one task per connection, and every byte of a body in its turn.
//!
//! The library frames, compresses headers and keeps flow control; it is used directly because it
//! must be asked stream by stream. The [`Driver`](driver::Driver) runs the pipelines of all
//! requests of the connection in its one task, and hands the library a piece of a body only when
//! the scheduler of `delivery` grants it and no more than a grain waits to leave
//! ([`Gate`](crate::multiplex::Gate)). What the client says of priorities comes from the [tap](crate::tap).

mod driver;
mod settings;
mod signals;
mod stream;
mod upload;

#[cfg(test)]
pub(crate) mod tests;

use std::future::poll_fn;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

pub use settings::Http2Settings;

use crate::FrontSettings;
use crate::context::ConnectionContext;
use crate::tap::Tapped;

/// The most the library lets wait on one stream, in bytes; beyond what the gate lets wait, so that
/// the gate alone decides.
const SEND_BUFFER: usize = 1 << 20;

/// Why an HTTP/2 connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum H2Error {
    /// The client broke the protocol, or the connection broke.
    #[error("the connection failed")]
    Protocol(#[from] h2::Error),
    /// The client did not finish its preface in time.
    #[error("no HTTP/2 preface in time")]
    Handshake,
    /// The client took no byte of what was sent for too long.
    #[error("the client takes no data")]
    Stalled,
    /// The client gave up too many requests.
    #[error("the client gives up too many requests")]
    GivenUp,
}

/// Serves an HTTP/2 connection until it ends, the preface (RFC 9113 §3.4) not yet read.
///
/// # Errors
/// [`H2Error`]; most often the client's fault or a lost connection, never worth more than a line
/// at debug level.
///
/// # Cancel safety
/// Dropping the future drops the connection with everything in flight.
pub async fn serve<IO>(io: IO, context: ConnectionContext) -> Result<(), H2Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    // Without TLS between there is nothing to gather in.
    let below_tls = context.socket.clone().filter(|_| context.connection.tls);
    let (tapped, tap) = Tapped::new(io, below_tls);
    let settings = &context.settings;
    let handshake = library(settings).handshake::<_, Bytes>(tapped);
    let connection = tokio::time::timeout(settings.timeouts.handshake, handshake)
        .await
        .map_err(|_| H2Error::Handshake)??;
    let mut driver = driver::Driver::new(connection, tap, context);
    poll_fn(|task| driver.poll(task)).await
}

fn library(settings: &FrontSettings) -> h2::server::Builder {
    let window = |size: base::ByteSize| {
        // The largest window there is (RFC 9113 §6.9.1).
        let largest = (1 << 31) - 1;
        u32::try_from(size.bytes()).map_or(largest, |bytes| bytes.min(largest))
    };
    let http2 = &settings.http2;
    let resets = http2.max_resets as usize;
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(http2.max_streams)
        .max_header_list_size(u32::try_from(settings.limits.head.bytes()).unwrap_or(u32::MAX))
        .max_concurrent_reset_streams(resets)
        .max_pending_accept_reset_streams(resets)
        .initial_window_size(window(http2.stream_window))
        .initial_connection_window_size(window(http2.connection_window))
        .max_send_buffer_size(SEND_BUFFER);
    builder
}
