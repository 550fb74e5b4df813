//! A client that speaks in frames.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt};
use rustls::client::Resumption;

use super::qpack;
use crate::tls;

/// Types of frames (RFC 9114 §7.2, RFC 9218 §7.2).
#[allow(missing_docs, reason = "they are the names of the specification")]
pub mod kind {
    pub const DATA: u64 = 0x0;
    pub const HEADERS: u64 = 0x1;
    pub const SETTINGS: u64 = 0x4;
    pub const GOAWAY: u64 = 0x7;
    pub const PRIORITY_UPDATE: u64 = 0xf_0700;
}

/// How a client connects.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes a stream may bring before they are read.
    pub stream_window: u32,
    /// Whether the control stream is opened, with empty SETTINGS.
    pub control: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stream_window: 6 * 1024 * 1024,
            control: true,
        }
    }
}

/// One connection, and the sessions it may be resumed with.
pub struct Client {
    endpoint: Endpoint,
    connection: Connection,
    control: Option<SendStream>,
    authority: String,
}

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u64,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields in order, without the status.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Lengths of the DATA frames.
    pub frames: Vec<usize>,
    /// Fields after the body.
    pub trailers: Vec<(String, String)>,
    /// Statuses that came before the answer's.
    pub informational: Vec<u16>,
}

impl Answer {
    /// The first value of a field, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|field| field.0 == name)?;
        Some(&found.1)
    }
}

impl Client {
    /// Connects to the server at an address, asking for `authority`.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn connect(
        address: SocketAddr,
        authority: &str,
        options: Options,
    ) -> io::Result<Self> {
        let any = match address {
            SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        };
        let mut endpoint = Endpoint::client(any)?;
        endpoint.set_default_client_config(configuration(options)?);
        let connecting = endpoint
            .connect(address, host_of(authority))
            .map_err(io::Error::other)?;
        let connection = connecting.await?;
        Self::with(endpoint, connection, authority, options).await
    }

    /// Connects again, asking before the handshake is over (0-RTT); `None` if the server gave no
    /// ticket for that.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn return_early(&self, address: SocketAddr) -> io::Result<Option<Self>> {
        let connecting = self
            .endpoint
            .connect(address, host_of(&self.authority))
            .map_err(io::Error::other)?;
        let Ok((connection, _accepted)) = connecting.into_0rtt() else {
            return Ok(None);
        };
        let endpoint = self.endpoint.clone();
        let client = Self::with(endpoint, connection, &self.authority, Options::default());
        client.await.map(Some)
    }

    async fn with(
        endpoint: Endpoint,
        connection: Connection,
        authority: &str,
        options: Options,
    ) -> io::Result<Self> {
        let mut client = Self {
            endpoint,
            connection,
            control: None,
            authority: authority.to_owned(),
        };
        if options.control {
            let mut control = client.connection.open_uni().await?;
            control.write_all(&[0, 4, 0]).await?;
            client.control = Some(control);
        }
        Ok(client)
    }

    /// The connection itself.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends a frame on the control stream.
    ///
    /// # Errors
    /// The connection is lost, or there is no control stream.
    pub async fn control(&mut self, kind: u64, payload: &[u8]) -> io::Result<()> {
        let control = self.control.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        control.write_all(&frame(kind, payload)).await?;
        Ok(())
    }

    /// Ends the control stream, which a client must not do.
    ///
    /// # Errors
    /// There is none.
    pub fn end_control(&mut self) -> io::Result<()> {
        let control = self.control.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        control.finish().map_err(io::Error::other)
    }

    /// The server's control stream, from its first frame on.
    ///
    /// # Errors
    /// The connection is lost, or the server opened another stream first.
    pub async fn accept_control(&self) -> io::Result<Frames> {
        let mut receive = self.connection.accept_uni().await?;
        let mut first = [1];
        receive
            .read_exact(&mut first)
            .await
            .map_err(io::Error::other)?;
        match first {
            [0] => Ok(Frames::new(receive)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Says of a request how urgent it is (RFC 9218 §7.2).
    ///
    /// # Errors
    /// As [`Client::control`].
    pub async fn prioritise(&mut self, stream: u64, priority: &str) -> io::Result<()> {
        let mut payload = number(stream);
        payload.extend(priority.as_bytes());
        self.control(kind::PRIORITY_UPDATE, &payload).await
    }

    /// Opens a stream for a request, on which nothing is said yet.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn open(&self) -> io::Result<RequestStream> {
        let (send, receive) = self.connection.open_bi().await?;
        Ok(RequestStream {
            send,
            receive,
            buffer: Vec::new(),
        })
    }

    /// Asks with this method, these fields besides and this body.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<RequestStream> {
        let mut stream = self.open().await?;
        let section = self.head(method, path, fields);
        let mut bytes = frame(kind::HEADERS, &section);
        if !body.is_empty() {
            bytes.extend(frame(kind::DATA, body));
        }
        stream.send.write_all(&bytes).await?;
        stream.send.finish().map_err(io::Error::other)?;
        Ok(stream)
    }

    /// Asks for a path and reads the whole answer.
    ///
    /// # Errors
    /// The connection is lost, or the answer broke off.
    pub async fn get(&self, path: &str, fields: &[(&str, &str)]) -> io::Result<Answer> {
        self.ask("GET", path, fields, &[]).await?.answer().await
    }

    /// The field section of a request.
    pub fn head(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
        let own = [
            (":method", method),
            (":scheme", "https"),
            (":authority", &self.authority),
            (":path", path),
        ];
        qpack::encode(own.into_iter().chain(fields.iter().copied()))
    }

    /// Closes the connection, and waits until the server knows.
    pub async fn close(self) {
        self.connection.close(VarInt::from_u32(0x100), b"");
        self.endpoint.wait_idle().await;
    }
}

/// A stream of one request.
pub struct RequestStream {
    /// The client's side.
    pub send: SendStream,
    /// The server's side.
    pub receive: RecvStream,
    buffer: Vec<u8>,
}

/// The frames of a stream of the server's.
pub struct Frames {
    receive: RecvStream,
    buffer: Vec<u8>,
}

impl Frames {
    fn new(receive: RecvStream) -> Self {
        Self {
            receive,
            buffer: Vec::new(),
        }
    }

    /// The next whole frame; `None` at the end.
    ///
    /// # Errors
    /// The server reset the stream or closed the connection.
    pub async fn frame(&mut self) -> io::Result<Option<Frame>> {
        next_frame(&mut self.receive, &mut self.buffer).await
    }
}

async fn next_frame(receive: &mut RecvStream, buffer: &mut Vec<u8>) -> io::Result<Option<Frame>> {
    loop {
        if let Some((frame, length)) = parse(buffer) {
            buffer.drain(..length);
            return Ok(Some(frame));
        }
        let Some(chunk) = receive.read_chunk(usize::MAX, true).await? else {
            return match buffer.is_empty() {
                true => Ok(None),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        };
        buffer.extend_from_slice(&chunk.bytes);
    }
}

impl RequestStream {
    /// The stream's number.
    pub fn id(&self) -> u64 {
        VarInt::from(self.send.id()).into_inner()
    }

    /// The next whole frame; `None` at the end.
    ///
    /// # Errors
    /// The server reset the stream or closed the connection.
    pub async fn frame(&mut self) -> io::Result<Option<Frame>> {
        next_frame(&mut self.receive, &mut self.buffer).await
    }

    /// Everything up to the end.
    ///
    /// # Errors
    /// As [`RequestStream::frame`], and what is no answer.
    pub async fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = Answer::default();
        while let Some(frame) = self.frame().await? {
            match frame.kind {
                kind::HEADERS => answer.take_fields(&frame.payload)?,
                kind::DATA => {
                    answer.frames.push(frame.payload.len());
                    answer.body.extend(frame.payload);
                }
                _ => {}
            }
        }
        Ok(answer)
    }
}

impl Answer {
    fn take_fields(&mut self, section: &[u8]) -> io::Result<()> {
        let fields = qpack::decode(section).ok_or(io::ErrorKind::InvalidData)?;
        let status = fields
            .iter()
            .find(|field| field.0 == ":status")
            .map(|field| field.1.parse().unwrap_or(0));
        let rest = fields.into_iter().filter(|field| field.0 != ":status");
        match status {
            None => self.trailers = rest.collect(),
            Some(news @ 100..200) => self.informational.push(news),
            Some(status) => {
                self.status = status;
                self.headers = rest.collect();
            }
        }
        Ok(())
    }
}

/// The head of a server's name without its port.
fn host_of(authority: &str) -> &str {
    authority.split(':').next().unwrap_or_default()
}

fn configuration(options: Options) -> io::Result<ClientConfig> {
    let mut tls = tls::client_config(&["h3"])?;
    tls.enable_early_data = true;
    tls.resumption = Resumption::in_memory_sessions(32);
    let crypto = QuicClientConfig::try_from(tls).map_err(io::Error::other)?;
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(options.stream_window.into())
        .max_idle_timeout(Duration::from_secs(30).try_into().ok());
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// A frame's bytes.
pub fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = number(kind);
    bytes.extend(number(payload.len() as u64));
    bytes.extend(payload);
    bytes
}

/// A number (RFC 9000 §16).
pub(super) fn number(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (value as u16 | 0x4000).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (value as u32 | 0x8000_0000).to_be_bytes().to_vec(),
        _ => (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec(),
    }
}

/// The first number of `bytes`, and its length.
pub(super) fn read_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = 1usize << (first >> 6);
    let mut value = u64::from(first & 0x3f);
    for byte in bytes.get(1..length)? {
        value = value << 8 | u64::from(*byte);
    }
    Some((value, length))
}

/// The first frame of `bytes`, and its length.
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (kind, first) = read_number(bytes)?;
    let (length, second) = read_number(bytes.get(first..)?)?;
    let start = first + second;
    let end = start + usize::try_from(length).ok()?;
    let payload = bytes.get(start..end)?.to_vec();
    Some((Frame { kind, payload }, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        for (kind, length) in [(0, 0), (1, 63), (0xf_0700, 64), (0, 20_000)] {
            let bytes = frame(kind, &vec![7; length]);
            let (read, used) = parse(&bytes).unwrap();
            assert_eq!((read.kind, read.payload.len()), (kind, length));
            assert_eq!(used, bytes.len());
            assert!(parse(&bytes[..bytes.len() - 1]).is_none());
        }
    }
}
