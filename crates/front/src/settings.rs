//! Everything an administrator can say about how visitors connect.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use base::{ByteSize, Network};

use crate::byte_log::ByteLogSettings;
use crate::h2::Http2Settings;
use crate::h3::Http3Settings;

base::settings! {
    /// How visitors connect: addresses, certificates, time-outs and limits.
    pub struct FrontSettings {
        /// Addresses that speak HTTPS: HTTP/3, HTTP/2 and HTTP/1.1 on one port. `[::]` takes IPv4 too.
        /// Port 0 lets the system choose.
        https: Vec<SocketAddr> = vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 8443)],
        /// Addresses that speak plain HTTP, HTTP/1.1 and HTTP/2 with prior knowledge. Empty: none.
        http: Vec<SocketAddr> = Vec::new(),
        /// Certificates. A visitor gets the first one that is valid for the host asked for, or the
        /// first of all. Empty: a self-signed certificate is made.
        certificate: Vec<CertificateSettings> = Vec::new(),
        /// Hosts the self-signed certificate names beside `localhost`, `127.0.0.1` and `::1`.
        hosts: Vec<String> = Vec::new(),
        /// Directory in which the self-signed certificate is kept, so that a browser's exception
        /// for it outlives a restart. Absent: a new one is made at every start.
        state: Option<PathBuf> = None,
        /// How long a visitor may take.
        timeouts: TimeoutSettings = TimeoutSettings::default(),
        /// How much a visitor may ask for.
        limits: LimitSettings = LimitSettings::default(),
        /// How HTTP/2 is spoken, and how finely the order of bytes is kept.
        http2: Http2Settings = Http2Settings::default(),
        /// How HTTP/3 is spoken, on the UDP ports of the HTTPS addresses.
        http3: Http3Settings = Http3Settings::default(),
        /// Says of a share of the connections which bytes left when, and why.
        byte_log: ByteLogSettings = ByteLogSettings::default(),
        /// Balancers whose connections begin with a header of the PROXY protocol, version 2, that says
        /// who the visitor is. Their connections must; those of all others are visitors' own. Not for
        /// HTTP/3.
        proxy_protocol: Vec<Network> = Vec::new(),
        /// How long open requests may go on after a shutdown was asked for.
        shutdown_grace: Duration = Duration::from_secs(30),
        /// The kernel's congestion control, such as `"bbr"` or `"cubic"`. Absent: `bbr` where the
        /// kernel offers it, else the kernel's own default.
        congestion_control: Option<String> = None,
    }
}

base::settings! {
    /// A certificate with its private key.
    pub struct CertificateSettings {
        /// PEM file with the certificate, then the intermediate ones.
        certificate: PathBuf = PathBuf::new(),
        /// PEM file with the private key (PKCS#8, PKCS#1 or SEC1, not encrypted).
        key: PathBuf = PathBuf::new(),
    }
}

base::settings! {
    /// How long a visitor may take.
    pub struct TimeoutSettings {
        /// From the connection to the end of the TLS handshake; without TLS, to the first bytes.
        handshake: Duration = Duration::from_secs(10),
        /// From the first byte of a request to the end of its head (HTTP/1.1).
        head: Duration = Duration::from_secs(15),
        /// The longest pause inside a request's body.
        body: Duration = Duration::from_secs(60),
        /// How long a connection may wait for its next request.
        idle: Duration = Duration::from_secs(75),
        /// The longest time without the visitor taking a single byte of what is being sent.
        write: Duration = Duration::from_secs(60),
        /// How long an upgraded connection (WebSocket) may be silent both ways.
        upgrade_idle: Duration = Duration::from_secs(300),
    }
}

base::settings! {
    /// How much a visitor may ask for.
    pub struct LimitSettings {
        /// Connections open at once; more wait in the kernel's queue.
        connections: u32 = 20_000,
        /// Size of a request's head: request line and headers together.
        head: ByteSize = ByteSize::kib(64),
        /// Number of headers of a request.
        headers: u32 = 100,
        /// The least a visitor must take of a response, or send of a request's body, each second
        /// in which it is waited for, on average over `timeouts.write` or `timeouts.body`. One
        /// that is slower holds a connection for nothing and loses it. 0: any pace will do.
        rate: ByteSize = ByteSize(100),
    }
}
