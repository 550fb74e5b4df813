//! From a name to a connection: look up, guard, connect, secure.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::{Duplex, Network};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::OriginError;
use crate::address::AddressKind;
use crate::settings::{Http2, OriginSettings};
use crate::target::{Scheme, Target};
use crate::tls::Tls;

/// How long one address is tried alone before the next is tried too (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried at all.
const MAX_ADDRESSES: usize = 8;

/// Who named the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Trust {
    /// The site's configuration: any address is fine.
    Configured,
    /// A visitor: only public addresses are.
    Visitor,
}

/// The HTTP version that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A connection, ready for HTTP.
pub(crate) struct Connection {
    pub(crate) io: Box<dyn Duplex>,
    pub(crate) protocol: Protocol,
}

pub(crate) struct Connector {
    patience: Duration,
    http2: Http2,
    open_networks: Vec<Network>,
    tls: Tls,
    pub(crate) resolver: Resolver,
}

/// Turns names into addresses.
pub(crate) enum Resolver {
    System,
    #[cfg(test)]
    Fixed(std::collections::HashMap<&'static str, Vec<IpAddr>>),
}

impl Resolver {
    async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        match self {
            Self::System => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
            #[cfg(test)]
            Self::Fixed(names) => Ok(names
                .get(host)
                .into_iter()
                .flatten()
                .map(|address| SocketAddr::new(*address, port))
                .collect()),
        }
    }
}

impl Connector {
    pub(crate) fn new(settings: &OriginSettings) -> Result<Self, OriginError> {
        Ok(Self {
            patience: settings.connect_timeout,
            http2: settings.http2,
            open_networks: settings.source_networks.clone(),
            tls: Tls::new(settings.ca_file.as_deref())?,
            resolver: Resolver::System,
        })
    }

    /// Whether HTTP/2 is spoken. What is known of the sites' origins is not known of others.
    pub(crate) fn http2_for(&self, trust: Trust) -> Http2 {
        match (self.http2, trust) {
            (Http2::PriorKnowledge, Trust::Visitor) => Http2::Auto,
            (http2, _) => http2,
        }
    }

    /// Connects. `only_http1` is for what HTTP/2 cannot do, such as changing the protocol.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        trust: Trust,
        only_http1: bool,
    ) -> Result<Connection, OriginError> {
        let http2 = match only_http1 {
            true => Http2::Off,
            false => self.http2_for(trust),
        };
        let late = |_| OriginError::ConnectTimeout {
            place: target.place(),
        };
        timeout(self.patience, self.open(target, trust, http2))
            .await
            .map_err(late)?
    }

    async fn open(
        &self,
        target: &Target,
        trust: Trust,
        http2: Http2,
    ) -> Result<Connection, OriginError> {
        let tcp = self.open_tcp(target, trust).await?;
        match target.scheme {
            Scheme::Http => Ok(Connection {
                io: Box::new(tcp),
                protocol: match http2 {
                    Http2::PriorKnowledge => Protocol::Http2,
                    Http2::Auto | Http2::Off => Protocol::Http1,
                },
            }),
            Scheme::Https => self.secure(target, tcp, http2).await,
        }
    }

    async fn open_tcp(&self, target: &Target, trust: Trust) -> Result<TcpStream, OriginError> {
        let place = || target.place();
        let unresolved = |source| OriginError::Unresolved {
            place: place(),
            source,
        };
        let found = self.resolver.look_up(target.bare_host(), target.port);
        let mut addresses = found.await.map_err(unresolved)?;
        if addresses.is_empty() {
            return Err(unresolved(io::ErrorKind::NotFound.into()));
        }
        if trust == Trust::Visitor {
            self.keep_public(target, &mut addresses)?;
        }
        let mut addresses = interleave(addresses);
        addresses.truncate(MAX_ADDRESSES);
        let stream = race(addresses)
            .await
            .map_err(|source| OriginError::Unreachable {
                place: place(),
                source,
            })?;
        // Small heads must not wait for an acknowledgement; a socket that refuses still works.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// Drops every address that a visitor may not reach. What is left is what is connected to, so
    /// a name cannot change its mind in between.
    fn keep_public(
        &self,
        target: &Target,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<(), OriginError> {
        let refused = |address: &SocketAddr| {
            let kind = AddressKind::of(address.ip());
            let open = || {
                self.open_networks
                    .iter()
                    .any(|net| net.0.contains(&address.ip()))
            };
            (kind != AddressKind::Public && !open()).then_some(kind)
        };
        let first_refusal = addresses.iter().find_map(refused);
        addresses.retain(|address| refused(address).is_none());
        match first_refusal {
            Some(kind) if addresses.is_empty() => Err(OriginError::NotPublic {
                place: target.place(),
                kind,
            }),
            _ => Ok(()),
        }
    }

    async fn secure(
        &self,
        target: &Target,
        tcp: TcpStream,
        http2: Http2,
    ) -> Result<Connection, OriginError> {
        let failed = |source| OriginError::Tls {
            place: target.place(),
            source,
        };
        let name = ServerName::try_from(target.bare_host().to_owned())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let connector = TlsConnector::from(Arc::clone(self.tls.config(http2)));
        let stream = connector.connect(name, tcp).await.map_err(failed)?;
        let agreed = stream.get_ref().1.alpn_protocol();
        let protocol = match (agreed, http2) {
            (Some(b"h2"), _) | (None, Http2::PriorKnowledge) => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok(Connection {
            io: Box::new(stream),
            protocol,
        })
    }
}

/// Alternates between the families, beginning with the resolver's first choice (RFC 8305 §4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

/// Connects to the first address that takes the connection; each gets a head start on the next.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    loop {
        match waiting.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        tokio::select! {
            Some(result) = attempts.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate() {
        let text = [
            "[2001:db8::1]:1",
            "[2001:db8::2]:1",
            "192.0.2.1:1",
            "192.0.2.2:1",
        ];
        let addresses: Vec<SocketAddr> = text.iter().map(|text| text.parse().unwrap()).collect();
        let expected = [0, 2, 1, 3].map(|place| addresses[place]);
        assert_eq!(interleave(addresses.clone()), expected);
    }

    #[tokio::test]
    async fn an_address_that_refuses_costs_no_head_start() {
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shut = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = vec![shut.local_addr().unwrap(), open.local_addr().unwrap()];
        drop(shut);
        let stream = race(addresses).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open.local_addr().unwrap());
    }
}
