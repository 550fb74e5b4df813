//! An origin that answers as scripted, down to the byte: right, slow, cut off, or garbage.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as the origin received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without chunk framing.
    pub body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Received {
    /// The first value of a field, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|field| field.0 == name)?;
        Some(&found.1)
    }
}

/// A scripted answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    steps: Vec<Step>,
    framing: Framing,
    ending: Ending,
}

#[derive(Clone, Debug)]
enum Step {
    Send(Bytes),
    Wait(Duration),
    Hold(watch::Receiver<()>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    Close,
    Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The connection stays open for the next request.
    Proper,
    /// The connection closes before the last promised byte.
    CutOff,
    /// After the head everything is sent back as it comes.
    Echo,
}

/// Holds an answer back until it is dropped.
#[derive(Debug)]
pub struct Gate {
    _open_on_drop: watch::Sender<()>,
}

impl Reply {
    /// An answer with a status and no body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            steps: Vec::new(),
            framing: Framing::Length,
            ending: Ending::Proper,
        }
    }

    /// 200 with a body of a media type.
    pub fn ok(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(200)
            .header("content-type", content_type)
            .body(body)
    }

    /// 200 with an HTML page.
    pub fn html(body: impl Into<Bytes>) -> Self {
        Self::ok("text/html; charset=utf-8", body)
    }

    /// These bytes and nothing else, then the connection closes.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            framing: Framing::Raw,
            ending: Ending::CutOff,
            ..Self::new(200).body(bytes)
        }
    }

    /// `101 Switching Protocols` to `protocol`; every byte after it is sent back.
    pub fn echo_upgrade(protocol: &str) -> Self {
        let mut reply = Self::new(101)
            .header("connection", "upgrade")
            .header("upgrade", protocol);
        reply.ending = Ending::Echo;
        reply
    }

    /// Adds a header field as given. A field that says how long the body is replaces ours.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Adds bytes to the body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Waits before what is added next; before the head if nothing was added yet.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.steps.push(Step::Wait(time));
        self
    }

    /// Sends what was added so far and holds the rest until the gate is dropped.
    #[must_use]
    pub fn then_hold(mut self) -> (Self, Gate) {
        let (sender, receiver) = watch::channel(());
        self.steps.push(Step::Hold(receiver));
        let gate = Gate {
            _open_on_drop: sender,
        };
        (self, gate)
    }

    /// Sends the body in chunks, one for each piece added (RFC 9112 §7.1).
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends the body without a length and closes the connection after it.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Promises `missing` bytes more than there are, or leaves out the last chunk, and closes
    /// the connection.
    #[must_use]
    pub fn cut_off(mut self, missing: usize) -> Self {
        if self.framing == Framing::Length {
            let length = self.length() + missing;
            self = self.header("content-length", &length.to_string());
        }
        self.ending = Ending::CutOff;
        self
    }

    fn length(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Send(bytes) => bytes.len(),
                Step::Wait(_) | Step::Hold(_) => 0,
            })
            .sum()
    }

    fn head(&self) -> Vec<u8> {
        if self.framing == Framing::Raw {
            return Vec::new();
        }
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let has = |name: &str| self.headers.iter().any(|field| field.0 == name);
        let bodiless = self.status < 200 || self.status == 204 || self.status == 304;
        if !bodiless && !has("content-length") && !has("transfer-encoding") {
            match self.framing {
                Framing::Length => head.push_str(&format!("content-length: {}\r\n", self.length())),
                Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
                Framing::Close | Framing::Raw => head.push_str("connection: close\r\n"),
            }
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// An HTTP/1.1 server on a free port, for as long as it lives.
pub struct Origin {
    address: SocketAddr,
    script: Arc<Script>,
    worker: JoinHandle<()>,
}

#[derive(Default)]
struct Script {
    replies: Mutex<HashMap<String, Vec<Reply>>>,
    received: Mutex<Vec<Received>>,
}

impl Origin {
    /// Starts on loopback. Paths without a reply are answered 404.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into()).await
    }

    /// Starts on an address, a link's for example.
    ///
    /// # Errors
    /// When no port can be bound there.
    pub async fn start_on(address: IpAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        let worker = tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&shared);
                // A client that breaks off ends its own connection.
                tokio::spawn(async move { script.converse(stream, connection).await.ok() });
                connection += 1;
            }
        });
        Ok(Self {
            address,
            script,
            worker,
        })
    }

    /// Answers a target (path and query, matched exactly) with a reply. Several replies for one
    /// target are given in turn; the last stays.
    pub fn reply(&self, target: &str, reply: Reply) {
        lock(&self.script.replies)
            .entry(target.to_owned())
            .or_default()
            .push(reply);
    }

    /// Forgets the replies for a target.
    pub fn forget(&self, target: &str) {
        lock(&self.script.replies).remove(target);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path, `http://…`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far, in order.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.script.received).clone()
    }

    /// How many requests came for a target.
    pub fn count(&self, target: &str) -> usize {
        let received = lock(&self.script.received);
        received
            .iter()
            .filter(|request| request.target == target)
            .count()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Script {
    async fn converse(&self, stream: TcpStream, connection: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut wire = Wire {
            stream,
            pending: Vec::new(),
        };
        while let Some(received) = wire.receive(connection).await? {
            let target = received.target.clone();
            let head_only = received.method == "HEAD";
            lock(&self.received).push(received);
            let reply = self.next_reply(&target);
            wire.send(&reply, head_only).await?;
            let stays = matches!(reply.framing, Framing::Length | Framing::Chunked);
            if reply.ending != Ending::Proper || !stays {
                return Ok(());
            }
        }
        Ok(())
    }

    fn next_reply(&self, target: &str) -> Reply {
        let mut replies = lock(&self.replies);
        match replies.get_mut(target) {
            Some(turn) if turn.len() > 1 => turn.remove(0),
            Some(turn) => turn.first().cloned().unwrap_or_else(|| Reply::new(404)),
            None => Reply::new(404),
        }
    }
}

struct Wire {
    stream: TcpStream,
    pending: Vec<u8>,
}

impl Wire {
    /// The next request; `None` when the client has closed.
    async fn receive(&mut self, connection: usize) -> io::Result<Option<Received>> {
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

    async fn send(&mut self, reply: &Reply, head_only: bool) -> io::Result<()> {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends bytes and reads until the origin closes.
    async fn ask(origin: &Origin, request: &str) -> String {
        let mut stream = TcpStream::connect(origin.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn replies_come_in_turn_and_requests_are_kept() {
        let origin = Origin::start().await.unwrap();
        origin.reply("/a?b=1", Reply::ok("text/plain", "one"));
        origin.reply("/a?b=1", Reply::new(503).header("Retry-After", "1"));
        let get = "GET /a?b=1 HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n";
        let answer = ask(&origin, &format!("{get}{get}{get}")).await;
        assert_eq!(answer.matches("content-length: 3\r\n\r\none").count(), 1);
        assert_eq!(
            answer
                .matches("503 Scripted\r\nretry-after: 1\r\ncontent-length: 0")
                .count(),
            2
        );
        assert_eq!(origin.count("/a?b=1"), 3);
        assert_eq!(origin.received()[0].header("x-y"), Some("z"));
        assert!(
            ask(&origin, "GET /none HTTP/1.1\r\n\r\n")
                .await
                .starts_with("HTTP/1.1 404")
        );
        assert_eq!(origin.received()[3].connection, 1);
    }

    #[tokio::test]
    async fn bodies_are_read_in_both_framings() {
        let origin = Origin::start().await.unwrap();
        origin.reply("/", Reply::new(204));
        let whole = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        let chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n";
        let answer = ask(&origin, &format!("{whole}{chunks}")).await;
        assert_eq!(answer, "HTTP/1.1 204 Scripted\r\n\r\n".repeat(2));
        assert!(
            origin
                .received()
                .iter()
                .all(|request| request.body == b"hello")
        );
    }

    #[tokio::test]
    async fn broken_answers_are_broken_as_asked() {
        let origin = Origin::start().await.unwrap();
        origin.reply("/chunks", Reply::ok("a/b", "one").body("two").chunked());
        origin.reply("/short", Reply::ok("a/b", "one").cut_off(4));
        origin.reply("/lost", Reply::ok("a/b", "one").chunked().cut_off(0));
        origin.reply("/close", Reply::ok("a/b", "one").until_close());
        origin.reply("/garbage", Reply::raw("\0\0garbage"));
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\n\r\n");
        let chunks = ask(&origin, &get("/chunks")).await;
        assert!(
            chunks.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
            "{chunks}"
        );
        let short = ask(&origin, &get("/short")).await;
        assert!(short.ends_with("content-length: 7\r\n\r\none"), "{short}");
        assert!(ask(&origin, &get("/lost")).await.ends_with("3\r\none\r\n"));
        assert!(
            ask(&origin, &get("/close"))
                .await
                .ends_with("connection: close\r\n\r\none")
        );
        assert_eq!(ask(&origin, &get("/garbage")).await, "\0\0garbage");
    }

    #[tokio::test]
    async fn a_gate_holds_what_comes_after_it() {
        let origin = Origin::start().await.unwrap();
        let (reply, gate) = Reply::ok("a/b", "one").then_hold();
        origin.reply("/", reply.body("two").until_close());
        let mut stream = TcpStream::connect(origin.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"one") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
        }
        drop(gate);
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"onetwo"));
    }

    #[tokio::test]
    async fn after_an_upgrade_bytes_come_back() {
        let origin = Origin::start().await.unwrap();
        origin.reply("/", Reply::echo_upgrade("websocket"));
        let answer = ask(&origin, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\nping").await;
        assert!(
            answer.contains("upgrade: websocket\r\n\r\nping"),
            "{answer}"
        );
    }
}
