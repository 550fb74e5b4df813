//! The network between the server and the browser: set up once, the same for both sides.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::CaptureError;
use super::others::{Known, Others};
use crate::Profile;
use crate::link::{self, Link, LinkError};
use crate::relay::{Lanes, Relay};

/// What emulates the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulation {
    /// Two TUN devices and a network namespace: packets, the kernel's TCP at both ends. Needs root.
    Tun,
    /// A relay on loopback that paces bytes. No root; rankings agree, times within about 10 %.
    Relay,
    /// Nothing: the machine's own network.
    None,
}

impl Emulation {
    /// Its name in results and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tun => "tun",
            Self::Relay => "relay",
            Self::None => "none",
        }
    }
}

/// The network between the server and the browser.
pub struct Stage {
    profile: Profile,
    network: Network,
    others: Option<Others>,
}

enum Network {
    Tun(Link),
    Relay(Lanes),
    None,
}

impl Stage {
    /// Sets up the network. With `None` it is a TUN link where the machine can have one, and a
    /// relay elsewhere.
    ///
    /// # Errors
    /// [`CaptureError::Link`] when the link asked for cannot be had.
    pub fn set(profile: Profile, wish: Option<Emulation>) -> Result<Self, CaptureError> {
        let network = match wish {
            Some(Emulation::None) => Network::None,
            Some(Emulation::Relay) => Network::Relay(Lanes::new(&profile)),
            Some(Emulation::Tun) => Network::Tun(Link::new(profile)?),
            None => match Link::new(profile) {
                Ok(link) => Network::Tun(link),
                Err(error) if error.is_missing() => Network::Relay(Lanes::new(&profile)),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Self {
            profile,
            network,
            others: None,
        })
    }

    /// Lets pages reach hosts other than their own, as a visitor's browser does: on the usual
    /// ports, through the same link, wherever this machine finds them. Without this they are not
    /// found.
    ///
    /// # Errors
    /// [`CaptureError::Network`] when no port can be had.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn reach_others(&mut self) -> Result<(), CaptureError> {
        self.others = Some(Others::open(self, Known::new()).await?);
        Ok(())
    }

    /// The same, with hosts that no resolver knows.
    #[cfg(test)]
    pub(super) async fn reach_known(&mut self, known: Known) -> Result<(), CaptureError> {
        self.others = Some(Others::open(self, known).await?);
        Ok(())
    }

    /// Whether pages reach hosts other than their own.
    pub fn reaches_others(&self) -> bool {
        self.others.is_some()
    }

    /// The browser's rules for hosts other than the page's own.
    pub(super) fn rules(&self) -> String {
        let others = self.others.as_ref().map(Others::rules);
        let nowhere = "MAP * ~NOTFOUND".to_owned();
        others
            .into_iter()
            .chain([nowhere])
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What emulates the link.
    pub fn emulation(&self) -> Emulation {
        match self.network {
            Network::Tun(_) => Emulation::Tun,
            Network::Relay(_) => Emulation::Relay,
            Network::None => Emulation::None,
        }
    }

    /// What the link does; of no meaning where nothing is emulated.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The address on which servers listen that are filmed.
    pub fn server_address(&self) -> IpAddr {
        match &self.network {
            Network::Tun(link) => link.server_address().into(),
            Network::Relay(_) | Network::None => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The link, where there is one.
    pub(super) fn link(&self) -> Option<&Link> {
        match &self.network {
            Network::Tun(link) => Some(link),
            Network::Relay(_) | Network::None => None,
        }
    }

    /// A way for the browser to a server: one that listens on [`Stage::server_address`], or any
    /// that this machine reaches.
    ///
    /// # Errors
    /// [`CaptureError::Network`] when no port can be had.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn route(&self, server: SocketAddr) -> Result<Route, CaptureError> {
        let route = match &self.network {
            Network::Tun(link) if server.ip() == link.server_address() => Route::plain(server),
            Network::Tun(link) => Route::spliced(link.server_address().into(), server).await?,
            Network::Relay(lanes) => {
                let relay = Relay::over(lanes, server).await?;
                Route {
                    address: relay.address(),
                    _relay: Some(relay),
                    splice: None,
                }
            }
            Network::None => Route::plain(server),
        };
        Ok(route)
    }
}

impl From<LinkError> for CaptureError {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

/// A way for the browser to a server, open until it is dropped.
pub struct Route {
    address: SocketAddr,
    _relay: Option<Relay>,
    splice: Option<JoinHandle<()>>,
}

/// What a spliced connection holds on its way to the link: little, or the order in which the
/// server sends would be lost in between.
const HELD: u32 = 16 * 1024;

impl Route {
    /// Where the browser connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            _relay: None,
            splice: None,
        }
    }

    /// Carries each connection to this end of the link on to the server.
    async fn spliced(end: IpAddr, server: SocketAddr) -> io::Result<Self> {
        let listener = listen(end).await?;
        let address = listener.local_addr()?;
        let splice = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A failed connection ends; the browser sees it closed.
                tokio::spawn(async move { splice(client, server, &[]).await.ok() });
            }
        });
        Ok(Self {
            address,
            _relay: None,
            splice: Some(splice),
        })
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        if let Some(splice) = &self.splice {
            splice.abort();
        }
    }
}

/// Listens on a free port of this end of a link, for connections that are carried on.
pub(super) async fn listen(end: IpAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((end, 0)).await?;
    // Where the kernel has no such algorithm or bound, its own are used.
    let _ = link::set_congestion_control(&listener, &congestion_control());
    let _ = link::set_unsent_limit(&listener, HELD);
    Ok(listener)
}

/// Carries a connection on to the server, beginning with what the client has already said.
pub(super) async fn splice(
    mut client: TcpStream,
    server: SocketAddr,
    said: &[u8],
) -> io::Result<()> {
    let socket = match server {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server next door feels the link at once; one far away needs room for its round trip.
    let room = if server.ip().is_loopback() { 1 } else { 8 };
    socket.set_recv_buffer_size(room * HELD)?;
    let mut server = socket.connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    server.write_all(said).await?;
    let piece = HELD as usize / 2;
    copy_bidirectional_with_sizes(&mut client, &mut server, piece, piece).await?;
    Ok(())
}

/// The congestion control for servers that are filmed: `bbr` where the kernel offers it, else its
/// own choice. Empty where the kernel does not say.
pub fn congestion_control() -> String {
    let read = |name: &str| {
        let file = format!("/proc/sys/net/ipv4/tcp_{name}congestion_control");
        std::fs::read_to_string(file).unwrap_or_default()
    };
    let offered = read("available_");
    if offered.split_whitespace().any(|name| name == "bbr") {
        return "bbr".into();
    }
    read("").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::io::AsyncReadExt;

    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut byte = [0; 1];
                stream.read_exact(&mut byte).await.unwrap();
                stream.write_all(&byte).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn a_relay_or_nothing_leads_to_any_server() {
        let server = echo().await;
        for emulation in [Emulation::None, Emulation::Relay] {
            let stage = Stage::set(Profile::CABLE, Some(emulation)).unwrap();
            assert_eq!(stage.emulation(), emulation);
            let route = stage.route(server).await.unwrap();
            let start = Instant::now();
            let mut stream = TcpStream::connect(route.address()).await.unwrap();
            stream.write_all(b"x").await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'x');
            let slow = start.elapsed() >= Profile::CABLE.rtt;
            assert!(slow || emulation == Emulation::None);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_far_end_of_a_link_reaches_a_server_that_is_not_on_it() {
        let _network = crate::NETWORK.lock().await;
        let stage = match Stage::set(Profile::CABLE, Some(Emulation::Tun)) {
            Ok(stage) => stage,
            Err(error) if error.is_missing() => return eprintln!("skipped: {error}"),
            Err(error) => panic!("{error}"),
        };
        let route = stage.route(echo().await).await.unwrap();
        assert_eq!(route.address().ip(), stage.server_address());
        let visit = || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(route.address()).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            let start = Instant::now();
            stream.write_all(b"x").unwrap();
            stream.read_exact(&mut [0; 1]).unwrap();
            start.elapsed()
        };
        let took = tokio::task::block_in_place(|| stage.link().unwrap().run(visit)).unwrap();
        assert!(took >= Profile::CABLE.rtt, "{took:?}");
    }
}
