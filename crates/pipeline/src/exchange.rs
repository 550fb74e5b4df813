//! One request and what is known of it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Body, Duplex, RequestId};
use delivery::Outline;
use http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version};

use crate::Trace;

/// How the request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
    /// HTTP/3 (RFC 9114).
    Http3,
}

/// What the transport knows of the way to the visitor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkEstimate {
    /// Smoothed round-trip time.
    pub rtt: Option<Duration>,
    /// Lowest round-trip time seen.
    pub min_rtt: Option<Duration>,
    /// Delivery rate in bytes a second; `None` before anything was delivered.
    pub delivery_rate: Option<u64>,
    /// Whether the rate is that of the sender, who had too little to send or was only beginning: the
    /// connection may be faster than that, and is not slower.
    pub limited: bool,
    /// What bytes that left together told of the path.
    pub burst: Option<Burst>,
    /// Whether such bytes are on their way: more is known in a moment.
    pub watching: bool,
    /// Segments sent again so far.
    pub retransmits: u32,
}

/// What bytes that left together tell of a path, by how far apart they arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Bytes a second.
    pub rate: u64,
    /// Whether the path may be faster: it did not spread them.
    pub at_least: bool,
}

/// What is known of the connection a request came on.
#[derive(Clone)]
pub struct Connection {
    /// The visitor's address.
    pub remote: SocketAddr,
    /// The address that was reached.
    pub local: SocketAddr,
    /// The HTTP version family.
    pub protocol: Protocol,
    /// Whether the bytes were encrypted.
    pub tls: bool,
    /// Whether the connection is that of a proxy, which said whose request it brings (PROXY
    /// protocol). The estimate is that of the proxy's connection then.
    pub proxied: bool,
    /// Reads the network estimate; costs one system call.
    pub estimate: Arc<dyn Fn() -> NetworkEstimate + Send + Sync>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("remote", &self.remote)
            .field("protocol", &self.protocol)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// A response on its way to the client.
#[derive(Default)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers; framing headers (`Transfer-Encoding`, `Connection`) are the front's.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// The structure of the body, where it is known.
    pub outline: Option<Arc<Outline>>,
    /// With status 101: the other side of the connection that now leaves HTTP.
    pub upgrade: Option<Box<dyn Duplex>>,
}

impl Response {
    /// A response of `status` with no headers.
    pub fn new(status: StatusCode, body: impl Into<Body>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    /// A short plain-text answer.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        let mut response = Self::new(status, text.into());
        let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers.insert(http::header::CONTENT_TYPE, plain);
        response
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {:?})", self.status, self.body)
    }
}

/// One request on its way through the pipeline.
#[derive(Debug)]
pub struct Exchange {
    /// Names the request.
    pub id: RequestId,
    /// The method.
    pub method: Method,
    /// The target in absolute form: scheme, authority (as the client wrote it, lower case) and
    /// path. Always has all three.
    pub uri: Uri,
    /// The version on the wire.
    pub version: Version,
    /// The request's headers; modules may change them before the origin sees them.
    pub headers: HeaderMap,
    /// The request's body; taken by whoever sends it on.
    pub body: Body,
    /// The client's side of a protocol upgrade (RFC 9110 §7.8), if the request asked for one.
    pub connection: Arc<Connection>,
    /// What modules leave for one another, by type.
    pub slots: Extensions,
    /// What ran, and why.
    pub trace: Trace,
    /// When the request's head was complete.
    pub started: Instant,
}

impl Exchange {
    /// An exchange for a request whose head is complete. `head.uri` must be in absolute form.
    pub fn new(head: http::request::Parts, body: Body, connection: Arc<Connection>) -> Self {
        Self {
            id: RequestId::next(),
            method: head.method,
            uri: head.uri,
            version: head.version,
            headers: head.headers,
            body,
            connection,
            slots: head.extensions,
            trace: Trace::default(),
            started: Instant::now(),
        }
    }

    /// The host the request is for, without port; empty if there is none.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// A request header as text; `None` if it is absent or not visible ASCII.
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Path and query as the client wrote them.
    pub fn path_and_query(&self) -> &str {
        self.uri
            .path_and_query()
            .map_or("/", |whole| whole.as_str())
    }
}
