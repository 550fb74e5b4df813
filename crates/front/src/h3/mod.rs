//! HTTP/3: one task per connection, and every byte of a body in its turn.
//!
//! QUIC is `quinn`'s; HTTP/3 itself is spoken [here](wire). The `Driver` runs the
//! pipelines of all requests of a connection in its one task, and hands QUIC a piece of a body
//! only when the scheduler of `delivery` grants it and the path takes it: what QUIC holds is
//! bounded by its congestion window and a little more (`Pulse`). Each stream has
//! the priority of the level it last sent at, so that what must be sent again is in order too.

mod congestion;
mod control;
mod driver;
mod early;
mod endpoint;
mod head;
mod latch;
mod pulse;
mod rank;
mod settings;
mod stream;
mod upload;
pub mod wire;

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::sync::Arc;

use quinn::{Connection, ConnectionError};

pub use endpoint::Endpoint;
pub use settings::{Http3Settings, QuicCongestion};

use crate::context::ConnectionContext;
use pipeline::NetworkEstimate;
use pulse::Told;
use wire::{Broken, Code};

/// Why an HTTP/3 connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum H3Error {
    /// The client broke the protocol.
    #[error("the client broke HTTP/3")]
    Broken(#[from] Broken),
    /// The connection failed, or the client closed it.
    #[error("the connection failed")]
    Lost(#[from] ConnectionError),
    /// The client took no byte of what was sent for too long.
    #[error("the client takes no data")]
    Stalled,
    /// The client gave up too many requests.
    #[error("the client gives up too many requests")]
    GivenUp,
}

impl H3Error {
    fn code(&self) -> Code {
        match self {
            Self::Broken(broken) => broken.code,
            Self::Lost(_) => Code::NO_ERROR,
            Self::Stalled => Code::INTERNAL_ERROR,
            Self::GivenUp => Code::EXCESSIVE_LOAD,
        }
    }
}

/// Serves an HTTP/3 connection until it ends; its handshake may still be under way.
///
/// # Errors
/// [`H3Error`]; most often the client's fault or a lost connection, never worth more than a line
/// at debug level.
///
/// # Cancel safety
/// Dropping the future leaves streams unanswered; the connection must then be closed.
pub async fn serve(connection: Connection, context: ConnectionContext) -> Result<(), H3Error> {
    let mut driver = driver::Driver::new(connection.clone(), context);
    let served = poll_fn(|task| driver.poll(task)).await;
    let (code, reason) = match &served {
        Ok(()) => (Code::NO_ERROR, String::new()),
        Err(error) => (error.code(), base::failure::chain(error)),
    };
    connection.close(code.0.into(), reason.as_bytes());
    match served {
        // The client said goodbye.
        Err(H3Error::Lost(ConnectionError::ApplicationClosed(closed)))
            if closed.error_code == Code::NO_ERROR.0.into() =>
        {
            Ok(())
        }
        served => served,
    }
}

/// What QUIC knows of the path to a client.
pub fn estimate(connection: &Connection) -> NetworkEstimate {
    let path = connection.stats().path;
    let measured = path.sent_packets > 0 && path.rtt > std::time::Duration::ZERO;
    let pulse = Told::pulse_of(connection);
    let (burst, watching) = pulse
        .as_ref()
        .map(|pulse| pulse.burst())
        .unwrap_or_default();
    NetworkEstimate {
        rtt: measured.then_some(path.rtt),
        min_rtt: measured.then_some(path.min_rtt),
        delivery_rate: pulse.as_ref().and_then(|pulse| pulse.rate()),
        limited: pulse.is_some_and(|pulse| pulse.is_limited()),
        burst,
        watching,
        retransmits: u32::try_from(path.lost_packets).unwrap_or(u32::MAX),
    }
}

/// The pulse of a connection, where its controllers have one.
fn pulse_of(connection: &Connection) -> Arc<pulse::Pulse> {
    Told::pulse_of(connection).unwrap_or_default()
}
