//! One connection: which protocol it speaks, and who serves it.

mod prefixed;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pipeline::{Connection, Directory, NetworkEstimate, Protocol};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alternative::Alternative;
use crate::byte_log::ByteLog;
use crate::context::ConnectionContext;
use crate::multiplex::Learned;
use crate::proxied::{self, Behind};
use crate::socket::{Socket, SocketHandle};
use crate::{FrontSettings, h2, h3, http1, tls};
use prefixed::Prefixed;

/// What a client that speaks HTTP/2 without asking says first (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client that took the wrong port gets to read the answer.
const WRONG_PORT_LINGER: Duration = Duration::from_secs(1);

/// Where connections come in: everything they have in common.
pub struct Door {
    settings: Arc<FrontSettings>,
    acceptor: Option<TlsAcceptor>,
    directory: Arc<dyn Directory>,
    log: Arc<ByteLog>,
    learned: Arc<Learned>,
    shutdown: CancellationToken,
    cut: CancellationToken,
    tracker: TaskTracker,
    room: Arc<Semaphore>,
    served: AtomicU64,
    /// What answers that do not come over HTTP/3 say of it.
    alternative: Option<Alternative>,
}

impl Door {
    /// A door that closes with `shutdown`; with `cut` it drops what is still open.
    pub fn new(
        settings: &FrontSettings,
        tls: Option<Arc<ServerConfig>>,
        directory: Arc<dyn Directory>,
        log: Arc<ByteLog>,
        (shutdown, cut): (CancellationToken, CancellationToken),
        tracker: TaskTracker,
        alternative: Option<Alternative>,
    ) -> Self {
        let room = (settings.limits.connections as usize).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            settings: Arc::new(settings.clone()),
            acceptor: tls.map(TlsAcceptor::from),
            directory,
            log,
            learned: Arc::default(),
            shutdown,
            cut,
            tracker,
            room: Arc::new(Semaphore::new(room)),
            served: AtomicU64::new(0),
            alternative,
        }
    }

    /// The settings of all connections.
    pub fn settings(&self) -> &FrontSettings {
        &self.settings
    }

    /// Waits until there is room for one more connection.
    pub async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    /// Room for one more connection, if there is any.
    pub fn room_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// Waits until the last connection has ended after a shutdown.
    pub async fn drained(&self) {
        self.tracker.wait().await;
    }

    /// Waits for the shutdown.
    pub async fn closing(&self) {
        self.shutdown.cancelled().await;
    }

    /// Connections let in so far.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Serves a connection in a task of its own.
    pub fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        tls: bool,
        permit: OwnedSemaphorePermit,
    ) {
        let door = Arc::clone(self);
        self.track(remote, permit, async move {
            let mut stream = stream;
            let Some(visitor) = door.visitor(&mut stream, remote).await? else {
                return Ok(());
            };
            match &door.acceptor {
                Some(acceptor) if tls => door.serve_tls(stream, visitor, acceptor).await,
                _ => door.serve_plain(stream, visitor).await,
            }
        });
    }

    /// Runs what serves a connection in a task of its own, which ends at the latest when all that
    /// is still open is cut off.
    pub fn track(
        &self,
        remote: SocketAddr,
        permit: OwnedSemaphorePermit,
        serving: impl Future<Output = Ended> + Send + 'static,
    ) {
        self.served.fetch_add(1, Ordering::Relaxed);
        let cut = self.cut.clone();
        self.tracker.spawn(async move {
            let ended = tokio::select! {
                ended = serving => ended,
                () = cut.cancelled() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(%remote, error = base::failure::chain(&*error), "connection ended");
            }
            drop(permit);
        });
    }

    /// Serves a QUIC connection whose handshake may still be under way.
    pub async fn serve_quic(
        &self,
        quic: quinn::Connection,
        remote: SocketAddr,
        local: SocketAddr,
    ) -> Ended {
        let asked = quic.clone();
        let connection = Connection {
            remote: canonical(remote),
            local: canonical(local),
            protocol: Protocol::Http3,
            tls: true,
            proxied: false,
            estimate: Arc::new(move || h3::estimate(&asked)),
        };
        h3::serve(quic, self.context(connection, None)).await?;
        Ok(())
    }

    /// Whose connection it is: that of who connected, or what a balancer says. `None` if the
    /// server shuts down meanwhile.
    async fn visitor(
        &self,
        stream: &mut TcpStream,
        remote: SocketAddr,
    ) -> io::Result<Option<Visitor>> {
        let own = |address| Visitor {
            address,
            proxied: false,
        };
        let balancers = &self.settings.proxy_protocol;
        if !balancers.iter().any(|range| range.contains(remote.ip())) {
            return Ok(Some(own(remote)));
        }
        let behind = self.before_first_request(proxied::take(stream)).await?;
        Ok(behind.map(|behind| match behind {
            Behind::Itself => own(remote),
            Behind::Visitor(address) => Visitor {
                address,
                proxied: true,
            },
        }))
    }

    async fn serve_tls(&self, stream: TcpStream, remote: Visitor, acceptor: &TlsAcceptor) -> Ended {
        let local = canonical(stream.local_addr()?);
        let handshake = async {
            let mut first = [0];
            stream.peek(&mut first).await?;
            // TLS begins with a handshake record, 0x16 (RFC 8446 §5.1); HTTP with a method.
            if first[0].is_ascii_alphabetic() {
                return Ok(Err(stream));
            }
            let socket = Socket::new(stream, self.settings.http2.unsent);
            let handle = socket.handle();
            let stream = acceptor.accept(socket).await?;
            Ok::<_, io::Error>(Ok((stream, handle)))
        };
        let shaken = self.before_first_request(handshake).await?;
        let (stream, handle) = match shaken {
            Some(Ok(shaken)) => shaken,
            Some(Err(stream)) => return answer_wrong_port(stream, local).await,
            None => return Ok(()),
        };
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(tls::HTTP2) => Protocol::Http2,
            _ => Protocol::Http1,
        };
        let context = self.tcp_context(remote, local, protocol, true, handle);
        self.serve_http(stream, context).await
    }

    async fn serve_plain(&self, stream: TcpStream, remote: Visitor) -> Ended {
        let local = canonical(stream.local_addr()?);
        let socket = Socket::new(stream, self.settings.http2.unsent);
        let handle = socket.handle();
        let Some((stream, protocol)) = self.before_first_request(tell_protocol(socket)).await?
        else {
            return Ok(());
        };
        let context = self.tcp_context(remote, local, protocol, false, handle);
        self.serve_http(stream, context).await
    }

    /// Bounds what happens before the first request; `None` if the server shuts down meanwhile.
    async fn before_first_request<T>(
        &self,
        begin: impl Future<Output = io::Result<T>>,
    ) -> io::Result<Option<T>> {
        tokio::select! {
            begun = tokio::time::timeout(self.settings.timeouts.handshake, begin) => match begun {
                Ok(begun) => begun.map(Some),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            },
            () = self.shutdown.cancelled() => Ok(None),
        }
    }

    fn tcp_context(
        &self,
        visitor: Visitor,
        local: SocketAddr,
        protocol: Protocol,
        tls: bool,
        handle: SocketHandle,
    ) -> ConnectionContext {
        let asked = handle.clone();
        let estimate: Arc<dyn Fn() -> NetworkEstimate + Send + Sync> =
            Arc::new(move || asked.estimate());
        let connection = Connection {
            remote: canonical(visitor.address),
            local,
            protocol,
            tls,
            proxied: visitor.proxied,
            estimate,
        };
        self.context(connection, Some(handle))
    }

    fn context(&self, connection: Connection, socket: Option<SocketHandle>) -> ConnectionContext {
        let protocol = connection.protocol;
        let takes = connection.tls && protocol != Protocol::Http3;
        ConnectionContext {
            connection: Arc::new(connection),
            directory: Arc::clone(&self.directory),
            settings: Arc::clone(&self.settings),
            socket,
            log: self.log.connection(protocol),
            learned: Arc::clone(&self.learned),
            shutdown: self.shutdown.clone(),
            alternative: self.alternative.clone().filter(|_| takes),
        }
    }

    async fn serve_http<IO>(&self, io: IO, context: ConnectionContext) -> Ended
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match context.connection.protocol {
            Protocol::Http2 => h2::serve(io, context).await?,
            _ => http1::serve(io, context, self.tracker.clone()).await?,
        }
        Ok(())
    }
}

/// Who is at the other end, as far as is known.
#[derive(Clone, Copy, Debug)]
struct Visitor {
    address: SocketAddr,
    /// Whether a balancer said so.
    proxied: bool,
}

/// How serving a connection ended.
pub type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// An IPv4 visitor on an IPv6 socket is an IPv4 visitor.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Reads until it is clear whether the client begins with the preface of HTTP/2.
async fn tell_protocol<IO>(mut io: IO) -> io::Result<(Prefixed<IO>, Protocol)>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut prefix = Vec::with_capacity(PREFACE.len());
    let protocol = loop {
        let wanted = (PREFACE.len() - prefix.len()) as u64;
        let count = (&mut io).take(wanted).read_buf(&mut prefix).await?;
        if prefix == PREFACE {
            break Protocol::Http2;
        }
        if count == 0 || !PREFACE.starts_with(&prefix) {
            break Protocol::Http1;
        }
    };
    Ok((Prefixed::new(prefix, io), protocol))
}

/// Tells a client that speaks plain HTTP to the port of HTTPS, in words it understands.
async fn answer_wrong_port(mut stream: TcpStream, local: SocketAddr) -> Ended {
    let text = format!(
        "400 Bad Request: port {} speaks HTTPS; begin the address with https://\n",
        local.port()
    );
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    let answered = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would destroy the answer on its way.
        let mut sink = tokio::io::sink();
        tokio::io::copy(&mut (&mut stream).take(64 * 1024), &mut sink).await
    };
    match tokio::time::timeout(WRONG_PORT_LINGER, answered).await {
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}
