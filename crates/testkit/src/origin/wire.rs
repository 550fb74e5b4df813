//! HTTP/1.1 on a socket, with nothing between the script and the bytes.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Received;
use super::reply::{Ending, Framing, Reply, Step};

/// A connection: requests read, replies written, byte by byte as scripted.
pub(super) struct Wire {
    stream: TcpStream,
    pending: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            pending: Vec::new(),
        }
    }

    /// The next request; `None` when the client has closed.
    pub(super) async fn receive(&mut self, connection: usize) -> io::Result<Option<Received>> {
        let Some(head) = self.through(b"\r\n\r\n").await? else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let mut words = lines
            .next()
            .unwrap_or_default()
            .split(' ')
            .map(str::to_owned);
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut received = Received {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            headers,
            body: Vec::new(),
            connection,
        };
        if received.header("transfer-encoding").is_some() {
            received.body = self.chunks().await?;
        } else if let Some(length) = received.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            received.body = self.exactly(length).await?;
        }
        Ok(Some(received))
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.through(b"\r\n").await?.unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                // Trailers end with an empty line.
                while self
                    .through(b"\r\n")
                    .await?
                    .is_some_and(|line| line.len() > 2)
                {}
                return Ok(body);
            }
            body.extend(self.exactly(size).await?);
            self.exactly(2).await?;
        }
    }

    async fn through(&mut self, mark: &[u8]) -> io::Result<Option<Vec<u8>>> {
        loop {
            let found = self
                .pending
                .windows(mark.len())
                .position(|part| part == mark);
            if let Some(place) = found {
                return Ok(Some(self.pending.drain(..place + mark.len()).collect()));
            }
            if self.more().await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn exactly(&mut self, size: usize) -> io::Result<Vec<u8>> {
        while self.pending.len() < size {
            if self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.pending.drain(..size).collect())
    }

    async fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let size = self.stream.read(&mut buffer).await?;
        self.pending.extend_from_slice(&buffer[..size]);
        Ok(size)
    }

    /// Plays a reply; its body is left out for HEAD.
    pub(super) async fn send(&mut self, reply: &Reply, head_only: bool) -> io::Result<()> {
        let waits = reply
            .steps
            .iter()
            .take_while(|step| !matches!(step, Step::Send(_)));
        let waits = waits.count();
        for step in &reply.steps[..waits] {
            self.step(step, false).await?;
        }
        self.stream.write_all(&reply.head()).await?;
        if head_only {
            return Ok(());
        }
        let chunked = reply.framing == Framing::Chunked;
        for step in &reply.steps[waits..] {
            self.step(step, chunked).await?;
        }
        match reply.ending {
            Ending::Proper if chunked => self.stream.write_all(b"0\r\n\r\n").await,
            Ending::Echo => self.echo().await,
            Ending::Proper | Ending::CutOff => self.stream.flush().await,
        }
    }

    async fn step(&mut self, step: &Step, chunked: bool) -> io::Result<()> {
        match step {
            Step::Send(bytes) if chunked && bytes.is_empty() => Ok(()),
            Step::Send(bytes) => {
                if chunked {
                    let size = format!("{:x}\r\n", bytes.len());
                    self.stream.write_all(size.as_bytes()).await?;
                }
                self.stream.write_all(bytes).await?;
                if chunked {
                    self.stream.write_all(b"\r\n").await?;
                }
                self.stream.flush().await
            }
            Step::Wait(time) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Step::Hold(gate) => {
                // Ends with the error that the sender is gone: the gate was dropped.
                let _ = gate.clone().changed().await;
                Ok(())
            }
        }
    }

    async fn echo(&mut self) -> io::Result<()> {
        loop {
            let bytes = std::mem::take(&mut self.pending);
            self.stream.write_all(&bytes).await?;
            if self.more().await? == 0 {
                return Ok(());
            }
        }
    }
}
