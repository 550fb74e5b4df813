//! HTTP/2: one task per connection, and every byte of a body in its turn.

mod settings;

use tokio::io::{AsyncRead, AsyncWrite};

pub use settings::Http2Settings;

use crate::context::ConnectionContext;

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
}

/// Serves an HTTP/2 connection until it ends, the preface (RFC 9113 §3.4) not yet read.
///
/// # Errors
/// [`H2Error`]; most often the client's fault or a lost connection, never worth more than a line
/// at debug level.
///
/// # Cancel safety
/// Dropping the future drops the connection with everything in flight.
pub async fn serve<IO>(_io: IO, _context: ConnectionContext) -> Result<(), H2Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    Ok(())
}
