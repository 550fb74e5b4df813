//! An HTTP/1.1 client that writes what it is told and keeps every byte that comes, with TLS or
//! without.

use std::net::SocketAddr;

use base::Duplex;
use testkit::tls;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stack::soon;

/// A connection.
pub struct Client {
    stream: Box<dyn Duplex>,
    pending: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub complete: bool,
}

impl Answer {
    /// A header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Connects without TLS.
    pub async fn plain(address: SocketAddr) -> Self {
        Self::over(Box::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Connects with TLS, offering HTTP/1.1 alone.
    pub async fn tls(address: SocketAddr, host: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = tls::connect(stream, host, &["http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        Self::over(Box::new(stream))
    }

    fn over(stream: Box<dyn Duplex>) -> Self {
        Self {
            stream,
            pending: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Asks and reads the answer; `headers` are lines with their ends.
    pub async fn get(&mut self, host: &str, path: &str, headers: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        self.send(request).await;
        self.answer().await
    }

    /// Reads one answer, whose body has a length, chunks, or goes on until the connection ends.
    pub async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        (answer.body, answer.complete) = if answer.header("transfer-encoding") == "chunked" {
            self.chunks().await
        } else if let Ok(length) = answer.header("content-length").parse() {
            let complete = self.fill(length).await;
            let length = length.min(self.pending.len());
            (self.pending.drain(..length).collect(), complete)
        } else {
            self.fill(usize::MAX).await;
            (std::mem::take(&mut self.pending), true)
        };
        answer
    }

    /// Reads the head of an answer.
    pub async fn head(&mut self) -> Answer {
        let head = self.through(b"\r\n\r\n").await;
        let head = head.unwrap_or_else(|| panic!("no head, but {:?}", self.pending));
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Answer {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            body: Vec::new(),
            complete: false,
        }
    }

    /// Reads exactly so many bytes of whatever comes.
    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        assert!(self.fill(length).await, "it ended after {:?}", self.pending);
        self.pending.drain(..length).collect()
    }

    /// Reads until the server closes.
    pub async fn rest(&mut self) -> String {
        self.fill(usize::MAX).await;
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }

    /// The bytes of a chunked body, and whether the last chunk came.
    async fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.through(b"\r\n").await else {
                return (body, false);
            };
            let line = String::from_utf8(line).unwrap();
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
            let whole = self.fill(size + 2).await;
            let there = size.min(self.pending.len());
            body.extend(self.pending.drain(..there));
            if !whole || size == 0 {
                return (body, whole);
            }
            self.pending.drain(..2);
        }
    }

    async fn through(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            let mut places = self.pending.windows(mark.len());
            if let Some(place) = places.position(|part| part == mark) {
                return Some(self.pending.drain(..place + mark.len()).collect());
            }
            let length = self.pending.len() + 1;
            if !self.fill(length).await {
                return None;
            }
        }
    }

    /// Reads until so many bytes are there; says whether they came.
    async fn fill(&mut self, length: usize) -> bool {
        while self.pending.len() < length {
            let read = soon("an answer", self.stream.read_buf(&mut self.pending)).await;
            // A connection that was reset has ended, too.
            if read.unwrap_or(0) == 0 {
                return false;
            }
        }
        true
    }
}
