//! A client that speaks in frames, so that a test decides what is said and what is read.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::site::quiet;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const PRIORITY_UPDATE: u8 = 16;

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Received {
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & 1 != 0
    }
}

pub struct Client {
    io: DuplexStream,
    buffer: BytesMut,
    /// Whether the server takes no more.
    pub is_over: bool,
}

impl Client {
    /// Opens a connection with these settings; the connection's window is as large as it can be.
    pub async fn open(io: DuplexStream, settings: &[(u16, u32)]) -> Self {
        let mut client = Self {
            io,
            buffer: BytesMut::new(),
            is_over: false,
        };
        client.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        client.frame(SETTINGS, 0, 0, &payload).await;
        client
    }

    /// Opens a connection with windows that never stand in the way.
    pub async fn wide(io: DuplexStream) -> Self {
        let mut client = Self::open(io, &[(4, 0x7fff_ffff)]).await;
        client.window(0, 0x7fff_0000).await;
        client
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.is_over |= self.io.write_all(bytes).await.is_err();
    }

    pub async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.raw(&bytes).await;
    }

    pub async fn window(&mut self, stream: u32, bytes: u32) {
        self.frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
            .await;
    }

    /// Sends a GET for `path`.
    pub async fn get(&mut self, stream: u32, path: &str, priority: Option<&str>) {
        let headers: Vec<_> = priority
            .map(|value| ("priority", value))
            .into_iter()
            .collect();
        self.request(stream, "GET", path, "example.com", &headers)
            .await;
    }

    pub async fn request(
        &mut self,
        stream: u32,
        method: &str,
        path: &str,
        authority: &str,
        headers: &[(&str, &str)],
    ) {
        let mut block = vec![0x87];
        let fixed = [
            (":method", method),
            (":authority", authority),
            (":path", path),
        ];
        for (name, value) in fixed.iter().chain(headers) {
            block.push(0);
            for text in [name, value] {
                assert!(text.len() < 127);
                block.push(text.len() as u8);
                block.extend(text.as_bytes());
            }
        }
        self.frame(HEADERS, 5, stream, &block).await;
    }

    /// The next frame; settings are acknowledged and pings answered on the way.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            if let Some(frame) = self.parse() {
                match (frame.kind, frame.flags & 1) {
                    (SETTINGS, 0) => self.frame(SETTINGS, 1, 0, &[]).await,
                    (PING, 0) => self.frame(PING, 1, 0, &frame.payload).await,
                    _ => {}
                }
                return Some(frame);
            }
            if self.io.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// The next frame of this kind.
    pub async fn next_of(&mut self, kind: u8) -> Received {
        loop {
            let frame = self.next().await.expect("the connection is open");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// Every frame up to the end of all these streams.
    pub async fn until_ended(&mut self, streams: &[u32]) -> Vec<Received> {
        let mut left = streams.to_vec();
        let mut frames = Vec::new();
        while !left.is_empty() {
            let frame = self.next().await.expect("the connection is open");
            if frame.ends_stream() || frame.kind == RESET {
                left.retain(|stream| *stream != frame.stream);
            }
            frames.push(frame);
        }
        frames
    }

    /// Reads frames until so many body bytes have come.
    pub async fn read_data(&mut self, bytes: usize) -> Vec<Received> {
        let mut frames = Vec::new();
        let mut read = 0;
        while read < bytes {
            let frame = self.next_of(DATA).await;
            read += frame.payload.len();
            frames.push(frame);
        }
        frames
    }

    /// Bytes that have come and were not looked at.
    pub fn unread(&self) -> usize {
        self.buffer.len()
    }

    /// Lets the server do what it can while nothing is read.
    pub async fn pause(&mut self) {
        quiet().await;
    }

    fn parse(&mut self) -> Option<Received> {
        let head: [u8; 9] = self.buffer.get(..9)?.try_into().unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.buffer.get(9..9 + length)?.to_vec();
        self.buffer.advance(9 + length);
        Some(Received {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }
}

/// Stream and length of the DATA frames among `frames`.
pub fn data(frames: &[Received]) -> Vec<(u32, usize)> {
    let data = frames.iter().filter(|frame| frame.kind == DATA);
    data.map(|frame| (frame.stream, frame.payload.len()))
        .collect()
}

/// The body of a stream.
pub fn body(frames: &[Received], stream: u32) -> Vec<u8> {
    let data = frames.iter().filter(|frame| frame.kind == DATA);
    data.filter(|frame| frame.stream == stream)
        .flat_map(|frame| frame.payload.clone())
        .collect()
}
