//! What serving a connection takes besides its bytes.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::alternative::Alternative;
use crate::byte_log::ConnectionLog;
use crate::multiplex::Learned;
use crate::settings::FrontSettings;
use crate::socket::SocketHandle;

/// What serving a connection takes besides its bytes; the same for every HTTP version.
#[derive(Clone)]
pub struct ConnectionContext {
    /// Who is connected, for the modules.
    pub connection: Arc<pipeline::Connection>,
    /// Finds the pipeline of a request.
    pub directory: Arc<dyn pipeline::Directory>,
    /// The settings that were in force when the connection came.
    pub settings: Arc<FrontSettings>,
    /// The socket under the connection, to choose late what it sends. Absent where the bytes do
    /// not go to a socket of the kernel.
    pub socket: Option<SocketHandle>,
    /// Where it is written down which bytes leave when; off for most connections.
    pub log: ConnectionLog,
    /// What is known of the pages of other visitors.
    pub learned: Arc<Learned>,
    /// Cancelled when the server shuts down: no new requests, those in flight are finished.
    pub shutdown: CancellationToken,
    /// What answers say of HTTP/3; absent where it is not spoken, or is being spoken.
    pub alternative: Option<Alternative>,
}
