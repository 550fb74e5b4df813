//! A UDP socket that speaks QUIC: who may come in, and with what limits.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    Connection, EndpointConfig, IdleTimeout, Incoming, ServerConfig, TokioRuntime, TransportConfig,
    VarInt,
};
use tokio::sync::OwnedSemaphorePermit;

use super::pulse::Pulsing;
use crate::connection::Door;
use crate::{FrontError, FrontSettings};

/// Unidirectional streams a client may have open at once: control, two of QPACK, and some that
/// mean nothing (RFC 9114 §6.2.3).
const UNIDIRECTIONAL_STREAMS: u32 = 8;

/// How much longer QUIC waits than HTTP before it forgets a silent client without a word.
const SILENCE: Duration = Duration::from_secs(15);

/// How long to wait at the end until every client was told.
const FAREWELL: Duration = Duration::from_secs(1);

/// A bound UDP socket and how QUIC is spoken on it.
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    socket: UdpSocket,
    config: ServerConfig,
}

impl Endpoint {
    /// An endpoint on a bound socket.
    ///
    /// # Errors
    /// [`FrontError::Tls`] if the library refuses the TLS settings.
    pub fn new(
        socket: UdpSocket,
        address: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
        settings: &FrontSettings,
    ) -> Result<Self, FrontError> {
        let crypto = QuicServerConfig::try_from(tls).map_err(|error| FrontError::Tls {
            reason: error.to_string(),
        })?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(Arc::new(transport(settings)));
        Ok(Self {
            address,
            socket,
            config,
        })
    }

    /// Accepts connections until the shutdown, then sees those that are open to their end.
    pub async fn serve(self, door: Arc<Door>) {
        let address = self.address;
        let endpoint = quinn::Endpoint::new(
            EndpointConfig::default(),
            Some(self.config),
            self.socket,
            Arc::new(TokioRuntime),
        );
        let endpoint = match endpoint {
            Ok(endpoint) => endpoint,
            Err(error) => {
                tracing::error!(%address, %error, "cannot speak HTTP/3");
                return;
            }
        };
        let hands = Arc::new(AtomicU32::new(0));
        loop {
            tokio::select! {
                biased;
                () = door.closing() => break,
                incoming = endpoint.accept() => match incoming {
                    Some(incoming) => admit(&door, incoming, address, &hands),
                    None => break,
                },
            }
        }
        // Whoever comes now is refused; whoever is here finishes.
        endpoint.set_server_config(None);
        door.drained().await;
        let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
    }
}

/// A handshake under way.
struct Shaking(Arc<AtomicU32>);

impl Shaking {
    fn begin(hands: &Arc<AtomicU32>) -> Self {
        hands.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(hands))
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a client in, or has it prove its address first, or turns it away.
fn admit(door: &Arc<Door>, incoming: Incoming, address: SocketAddr, hands: &Arc<AtomicU32>) {
    let many = hands.load(Ordering::Relaxed) >= door.settings().http3.retry_above;
    if many && incoming.may_retry() && !incoming.remote_address_validated() {
        // It may retry, so this cannot fail.
        let _ = incoming.retry();
        return;
    }
    let Some(permit) = door.room_now() else {
        incoming.refuse();
        return;
    };
    let shaking = Shaking::begin(hands);
    accept(door, incoming, address, permit, shaking);
}

fn accept(
    door: &Arc<Door>,
    incoming: Incoming,
    address: SocketAddr,
    permit: OwnedSemaphorePermit,
    shaking: Shaking,
) {
    let remote = incoming.remote_address();
    let local = incoming.local_ip().unwrap_or(address.ip());
    let local = SocketAddr::new(local, address.port());
    let connecting = match incoming.accept() {
        Ok(connecting) => connecting,
        Err(error) => {
            tracing::debug!(%remote, %error, "not accepted");
            return;
        }
    };
    let limit = door.settings().timeouts.handshake;
    let its_door = Arc::clone(door);
    door.track(remote, permit, async move {
        let connection = begin(connecting, limit, shaking).await?;
        its_door.serve_quic(connection, remote, local).await
    });
}

/// Waits until requests may come: with the first packet from a client that was here before, else
/// at the end of the handshake.
async fn begin(
    connecting: quinn::Connecting,
    limit: Duration,
    shaking: Shaking,
) -> std::io::Result<Connection> {
    let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
    match connecting.into_0rtt() {
        Ok((connection, done)) => {
            let shaken = connection.clone();
            tokio::spawn(async move {
                if tokio::time::timeout(limit, done).await.is_err() {
                    shaken.close(VarInt::from_u32(0), b"no handshake in time");
                }
                drop(shaking);
            });
            Ok(connection)
        }
        Err(connecting) => {
            let connection = tokio::time::timeout(limit, connecting)
                .await
                .map_err(late)??;
            drop(shaking);
            Ok(connection)
        }
    }
}

fn transport(settings: &FrontSettings) -> TransportConfig {
    let http3 = &settings.http3;
    let window = |size: base::ByteSize| VarInt::from_u64(size.bytes()).unwrap_or(VarInt::MAX);
    let idle = settings.timeouts.idle.max(settings.timeouts.write) + SILENCE;
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(http3.max_streams.max(1).into())
        .max_concurrent_uni_streams(UNIDIRECTIONAL_STREAMS.into())
        .stream_receive_window(window(http3.stream_window))
        .receive_window(window(http3.connection_window))
        .max_idle_timeout(IdleTimeout::try_from(idle).ok())
        .datagram_receive_buffer_size(None)
        // The most urgent stream is looked for with every packet. Without it a stream is sent as
        // long as it has data, and what was lost of more urgent ones waits for its end.
        .send_fairness(true)
        .congestion_controller_factory(Arc::new(Pulsing::new(http3.congestion_control)));
    transport
}
