//! Binds addresses and accepts connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use crate::connection::Door;
use crate::front::Address;
use crate::{FrontError, FrontSettings};

/// Connections the kernel holds until they are accepted; the kernel's own limit may be lower.
const BACKLOG: i32 = 4096;

/// How much the kernel may hold of a UDP socket's datagrams, each way, in bytes.
const DATAGRAM_BUFFER: usize = 2 * 1024 * 1024;

/// How often the system may choose a port until it is free for TCP and UDP.
const PORT_ATTEMPTS: u32 = 8;

/// How long to wait when the process or the system has no file descriptor left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket.
pub struct Listener {
    pub address: Address,
    socket: TcpListener,
    /// The UDP socket on the same port, for HTTP/3.
    pub datagrams: Option<UdpSocket>,
}

/// Binds every address of the settings, HTTPS first.
///
/// # Errors
/// The first address that cannot be had.
pub fn bind_all(settings: &FrontSettings) -> Result<Vec<Listener>, FrontError> {
    let congestion = settings.congestion_control.as_deref();
    let https = settings.https.iter().map(|address| (true, *address));
    let http = settings.http.iter().map(|address| (false, *address));
    let listeners = https
        .chain(http)
        .map(|(tls, address)| {
            let quic = tls && settings.http3.enabled;
            bind(tls, address, congestion, quic)
        })
        .collect::<Result<Vec<_>, _>>()?;
    if listeners.is_empty() {
        return Err(FrontError::NoAddress);
    }
    Ok(listeners)
}

fn bind(
    tls: bool,
    address: SocketAddr,
    congestion: Option<&str>,
    quic: bool,
) -> Result<Listener, FrontError> {
    let mut attempts = if address.port() == 0 {
        PORT_ATTEMPTS
    } else {
        1
    };
    loop {
        attempts -= 1;
        let socket = open(address, Type::STREAM).map_err(|cause| refuse(address, cause))?;
        set_congestion_control(&socket, congestion)?;
        let bound = TcpListener::from(socket);
        let socket = bound.local_addr().map_err(|cause| refuse(address, cause))?;
        let beside = SocketAddr::new(address.ip(), socket.port());
        let datagrams = match quic.then(|| open(beside, Type::DGRAM)).transpose() {
            Ok(datagrams) => datagrams.map(UdpSocket::from),
            // The system chose a port whose UDP half is taken; it may choose again.
            Err(_) if attempts > 0 => continue,
            Err(error) => {
                tracing::warn!(address = %socket, %error, "no HTTP/3: its UDP port cannot be had");
                None
            }
        };
        return Ok(Listener {
            address: Address {
                tls,
                http3: datagrams.is_some(),
                socket,
            },
            socket: bound,
            datagrams,
        });
    }
}

fn open(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let every_address = address.is_ipv6() && address.ip().is_unspecified();
    match listen_on(address, kind) {
        // A system without IPv6: `[::]` means every address there is.
        Err(error) if every_address && error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
            let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            listen_on(address, kind)
        }
        other => other,
    }
}

fn listen_on(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let stream = kind == Type::STREAM;
    let protocol = if stream { Protocol::TCP } else { Protocol::UDP };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    if stream {
        // Or the port stays taken for a minute after a restart.
        socket.set_reuse_address(true)?;
    } else {
        // As much as the kernel allows: all connections share the one socket.
        let _ = socket.set_recv_buffer_size(DATAGRAM_BUFFER);
        let _ = socket.set_send_buffer_size(DATAGRAM_BUFFER);
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if stream {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn refuse(address: SocketAddr, cause: io::Error) -> FrontError {
    match cause.kind() {
        io::ErrorKind::AddrInUse => FrontError::AddressInUse { address },
        io::ErrorKind::PermissionDenied => FrontError::AddressDenied { address },
        _ => FrontError::Listen { address, cause },
    }
}

/// Accepted sockets inherit it. Without a wish, `bbr`: it fills the link without filling its
/// queue, and what sits in a queue can no longer be overtaken.
fn set_congestion_control(socket: &Socket, wish: Option<&str>) -> Result<(), FrontError> {
    let set = socket.set_tcp_congestion(wish.unwrap_or("bbr").as_bytes());
    match (set, wish) {
        (Err(_), Some(name)) => Err(FrontError::CongestionControl { name: name.into() }),
        _ => Ok(()),
    }
}

/// Accepts connections until the shutdown.
pub async fn accept(listener: Listener, door: Arc<Door>) {
    let Listener {
        address, socket, ..
    } = listener;
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(address = %address.socket, %error, "cannot listen");
            return;
        }
    };
    while let Some(accepted) = next(&socket, &door).await {
        match accepted {
            Ok((stream, remote, permit)) => {
                door.admit(stream, remote, address.tls, permit);
            }
            Err(error) if is_exhausted(&error) => {
                tracing::warn!(address = %address.socket, %error, "cannot accept connections");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
            // The visitor left while waiting in the queue.
            Err(error) => tracing::debug!(address = %address.socket, %error, "not accepted"),
        }
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection, as soon as there is room for it; `None` after the shutdown.
async fn next(socket: &tokio::net::TcpListener, door: &Door) -> Option<io::Result<Accepted>> {
    let accepted = async {
        // Accepted first: room must not be held by a listener nobody connects to.
        match socket.accept().await {
            Ok((stream, remote)) => Some(Ok((stream, remote, door.room().await?))),
            Err(error) => Some(Err(error)),
        }
    };
    tokio::select! {
        biased;
        () = door.closing() => None,
        accepted = accepted => accepted,
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> FrontSettings {
        FrontSettings {
            https: Vec::new(),
            http: vec!["127.0.0.1:0".parse().unwrap()],
            ..FrontSettings::default()
        }
    }

    #[test]
    fn port_zero_becomes_a_real_port() {
        let listeners = bind_all(&local()).unwrap();
        assert_ne!(listeners[0].address.socket.port(), 0);
    }

    #[test]
    fn a_busy_port_is_named() {
        let first = bind_all(&local()).unwrap();
        let mut settings = local();
        settings.http = vec![first[0].address.socket];
        let error = bind_all(&settings).err().unwrap();
        assert!(matches!(error, FrontError::AddressInUse { .. }));
        let text = error.to_string();
        let expected = format!(
            "cannot listen on {}: address already in use\nhint: ",
            settings.http[0]
        );
        assert!(text.starts_with(&expected), "{text}");
    }

    #[test]
    fn no_address_at_all_is_an_error() {
        let mut settings = local();
        settings.http.clear();
        assert!(matches!(bind_all(&settings), Err(FrontError::NoAddress)));
    }

    #[test]
    fn an_unknown_congestion_control_is_named() {
        let mut settings = local();
        settings.congestion_control = Some("carrier-pigeon".into());
        let error = bind_all(&settings).err().unwrap();
        assert!(error.to_string().contains("`carrier-pigeon`"), "{error}");
    }

    #[test]
    fn every_ipv6_address_takes_ipv4_too() {
        let mut settings = local();
        settings.http = vec!["[::]:0".parse().unwrap()];
        let port = bind_all(&settings).unwrap()[0].address.socket.port();
        let again = bind_all(&settings).unwrap();
        assert_ne!(again[0].address.socket.port(), port);
        let ipv4 = (Ipv4Addr::LOCALHOST, again[0].address.socket.port());
        std::net::TcpStream::connect(ipv4).unwrap();
    }
}
