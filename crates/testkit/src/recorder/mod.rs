//! An HTTP/2 client that asks as browsers do and records every DATA frame as it comes.
//!
//! It reads frames itself instead of through a library, so that times are those of the frames
//! and not of a buffer. TLS certificates are not checked: this is a test client.

mod frame;
mod hpack;
mod recording;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use frame::{Frame, PREFACE, flag, kind};
use hpack::Decoder;
pub use recording::{Answer, DataFrame, Recording};

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// Connecting failed, or the connection broke.
    #[error("the connection failed")]
    Connection(#[from] io::Error),
    /// TLS did not agree on HTTP/2.
    #[error("the server did not choose HTTP/2 (ALPN `h2`)")]
    NotHttp2,
    /// The server broke the protocol.
    #[error("the server broke HTTP/2: {0}")]
    Protocol(&'static str),
}

/// A request and when to send it.
#[derive(Clone, Debug)]
pub struct Request {
    path: String,
    headers: Vec<(String, String)>,
    weight: Option<u16>,
    after: Duration,
    reweigh: Vec<(Duration, u16)>,
    updates: Vec<(Duration, String)>,
}

impl Request {
    /// A GET for a path, sent at once.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            headers: Vec::new(),
            weight: None,
            after: Duration::ZERO,
            reweigh: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// Adds a header field; the name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a `priority` field (RFC 9218 §4), for example `u=2, i`.
    #[must_use]
    pub fn priority(self, value: &str) -> Self {
        self.header("priority", value)
    }

    /// Gives HEADERS a weight of 1–256, exclusive under the root, as Chromium does.
    #[must_use]
    pub fn weight(mut self, weight: u16) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Sends the request this long after the first.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Sends a PRIORITY frame with a new weight at a time after the first request, as Chromium
    /// does for images that turned out to be visible.
    #[must_use]
    pub fn reweigh(mut self, at: Duration, weight: u16) -> Self {
        self.reweigh.push((at, weight));
        self
    }

    /// Sends a PRIORITY_UPDATE frame (RFC 9218 §7.1) at a time after the first request.
    #[must_use]
    pub fn update(mut self, at: Duration, priority: &str) -> Self {
        self.updates.push((at, priority.to_owned()));
        self
    }
}

/// A client for one server.
#[derive(Clone, Debug)]
pub struct Recorder {
    address: SocketAddr,
    authority: String,
    tls: bool,
    stream_window: u32,
    limit: Duration,
}

/// What Chromium grants.
const STREAM_WINDOW: u32 = 6 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 15 * 1024 * 1024;

impl Recorder {
    /// A client over TLS for the server at an address, asking for `authority`.
    pub fn new(address: SocketAddr, authority: impl Into<String>) -> Self {
        Self {
            address,
            authority: authority.into(),
            tls: true,
            stream_window: STREAM_WINDOW,
            limit: Duration::from_secs(60),
        }
    }

    /// Speaks HTTP/2 without TLS, with prior knowledge (RFC 9113 §3.3).
    #[must_use]
    pub fn cleartext(mut self) -> Self {
        self.tls = false;
        self
    }

    /// Grants each stream this window instead of Chromium's 6 MiB; Firefox grants 131,072.
    #[must_use]
    pub fn stream_window(mut self, bytes: u32) -> Self {
        self.stream_window = bytes;
        self
    }

    /// Stops after this long; what has come by then is the recording.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends the requests on one connection and records until all are answered, the server says
    /// goodbye or the limit is reached.
    ///
    /// # Errors
    /// [`RecorderError`]; answers that failed alone are in the recording.
    pub async fn record(&self, requests: &[Request]) -> Result<Recording, RecorderError> {
        let start = Instant::now();
        let deadline = start + self.limit;
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = timeout_at(deadline, TcpStream::connect(self.address))
            .await
            .map_err(late)??;
        stream.set_nodelay(true)?;
        if !self.tls {
            return self.session(stream, requests, start).await;
        }
        let host = self.authority.split(':').next().unwrap_or_default();
        let stream = timeout_at(deadline, tls::connect(stream, host))
            .await
            .map_err(late)??;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(RecorderError::NotHttp2);
        }
        self.session(stream, requests, start).await
    }

    /// [`Recorder::record`] on a runtime of its own on this thread, as a closure in a
    /// [`crate::Link`]'s namespace needs.
    ///
    /// # Errors
    /// Those of [`Recorder::record`].
    pub fn record_blocking(&self, requests: &[Request]) -> Result<Recording, RecorderError> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder
            .enable_all()
            .build()?
            .block_on(self.record(requests))
    }

    async fn session<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        requests: &[Request],
        start: Instant,
    ) -> Result<Recording, RecorderError> {
        let mut session = Session {
            stream,
            zero: Instant::now(),
            stream_window: self.stream_window,
            credit: 0,
            stream_credit: vec![0; requests.len()],
            block: Vec::new(),
            block_ends_stream: false,
            decoder: Decoder::default(),
            recording: Recording {
                answers: vec![Answer::default(); requests.len()],
                ..Recording::default()
            },
        };
        session.recording.connected = session.zero - start;
        session.greet().await?;
        let actions = self.actions(requests);
        session.run(actions, start + self.limit).await?;
        Ok(session.recording)
    }

    /// Everything to be sent, by time.
    fn actions(&self, requests: &[Request]) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut order: Vec<usize> = (0..requests.len()).collect();
        // Stream numbers must grow with time (RFC 9113 §5.1.1).
        order.sort_by_key(|index| requests[*index].after);
        for (place, index) in order.into_iter().enumerate() {
            let stream = 1 + 2 * place as u32;
            let request = &requests[index];
            actions.push(Action {
                at: request.after,
                opens: Some((index, stream)),
                frame: self.headers(request, stream),
            });
            for (at, weight) in &request.reweigh {
                actions.push(Action {
                    at: *at,
                    opens: None,
                    frame: Frame {
                        kind: kind::PRIORITY,
                        flags: 0,
                        stream,
                        payload: dependency(*weight).to_vec(),
                    },
                });
            }
            for (at, priority) in &request.updates {
                let mut payload = stream.to_be_bytes().to_vec();
                payload.extend(priority.as_bytes());
                actions.push(Action {
                    at: *at,
                    opens: None,
                    frame: Frame {
                        kind: kind::PRIORITY_UPDATE,
                        flags: 0,
                        stream: 0,
                        payload,
                    },
                });
            }
        }
        actions.sort_by_key(|action| action.at);
        actions
    }

    fn headers(&self, request: &Request, stream: u32) -> Frame {
        let mut payload = Vec::new();
        let mut flags = flag::END_STREAM | flag::END_HEADERS;
        if let Some(weight) = request.weight {
            flags |= flag::PRIORITY;
            payload.extend(dependency(weight));
        }
        let scheme = if self.tls { "https" } else { "http" };
        let own = [
            (":method", "GET"),
            (":scheme", scheme),
            (":authority", &self.authority),
            (":path", &request.path),
        ];
        let asked = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(asked) {
            hpack::encode(name, value, &mut payload);
        }
        Frame {
            kind: kind::HEADERS,
            flags,
            stream,
            payload,
        }
    }
}

/// Priority fields (RFC 7540 §6.3): exclusive, under the root, a weight of 1–256.
fn dependency(weight: u16) -> [u8; 5] {
    [0x80, 0, 0, 0, weight.clamp(1, 256).wrapping_sub(1) as u8]
}

struct Action {
    at: Duration,
    /// The request and the stream it opens.
    opens: Option<(usize, u32)>,
    frame: Frame,
}

struct Session<S> {
    stream: S,
    zero: Instant,
    stream_window: u32,
    credit: u32,
    stream_credit: Vec<u32>,
    block: Vec<u8>,
    block_ends_stream: bool,
    decoder: Decoder,
    recording: Recording,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn greet(&mut self) -> io::Result<()> {
        let mut bytes = PREFACE.to_vec();
        let mut settings = Vec::new();
        // ENABLE_PUSH off, INITIAL_WINDOW_SIZE.
        for (name, value) in [(2_u16, 0), (4, self.stream_window)] {
            settings.extend(name.to_be_bytes());
            settings.extend(value.to_be_bytes());
        }
        bytes.extend(on_connection(kind::SETTINGS, 0, settings).encode());
        let grant = (CONNECTION_WINDOW - 65_535).to_be_bytes().to_vec();
        bytes.extend(on_connection(kind::WINDOW_UPDATE, 0, grant).encode());
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    async fn run(&mut self, actions: Vec<Action>, deadline: Instant) -> Result<(), RecorderError> {
        let mut streams: Vec<(u32, usize)> = Vec::new();
        let mut actions = actions.into_iter().peekable();
        let mut pending = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let due = actions.peek().map(|action| self.zero + action.at);
            if due.is_some_and(|due| due <= Instant::now()) {
                if let Some(action) = actions.next() {
                    self.act(action, &mut streams).await?;
                }
                continue;
            }
            if due.is_none() && self.is_done(streams.len()) {
                return Ok(());
            }
            let wake = due.unwrap_or(deadline).min(deadline);
            tokio::select! {
                read = self.stream.read(&mut buffer) => {
                    let size = read?;
                    let now = self.zero.elapsed();
                    if size == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    pending.extend_from_slice(&buffer[..size]);
                    while let Some(frame) = next_frame(&mut pending)? {
                        self.receive(&frame, now, &streams).await?;
                    }
                    self.stream.flush().await?;
                }
                () = sleep_until(wake) => {
                    if Instant::now() >= deadline {
                        self.recording.timed_out = true;
                        return Ok(());
                    }
                }
            }
        }
    }

    fn is_done(&self, sent: usize) -> bool {
        let answers = &self.recording.answers;
        let over = |answer: &Answer| answer.complete_at.is_some() || answer.reset.is_some();
        sent == answers.len() && answers.iter().all(over) || self.recording.goaway.is_some()
    }

    async fn act(&mut self, action: Action, streams: &mut Vec<(u32, usize)>) -> io::Result<()> {
        if let Some((index, stream)) = action.opens {
            streams.push((stream, index));
            self.recording.answers[index].asked_at = self.zero.elapsed();
        }
        self.stream.write_all(&action.frame.encode()).await?;
        self.stream.flush().await
    }

    async fn receive(
        &mut self,
        frame: &Frame,
        now: Duration,
        streams: &[(u32, usize)],
    ) -> Result<(), RecorderError> {
        let request = streams
            .iter()
            .find(|(stream, _)| *stream == frame.stream)
            .map(|(_, index)| *index);
        match (frame.kind, request) {
            (kind::DATA, Some(request)) => self.data(frame, request, now).await,
            (kind::HEADERS, Some(request)) => {
                let content = frame
                    .content()
                    .ok_or(RecorderError::Protocol("bad padding"))?;
                self.block = content.to_vec();
                self.block_ends_stream = frame.has(flag::END_STREAM);
                self.headers_end(frame, request, now)
            }
            (kind::CONTINUATION, Some(request)) => {
                self.block.extend(&frame.payload);
                self.headers_end(frame, request, now)
            }
            (kind::RST_STREAM, Some(request)) => {
                self.recording.answers[request].reset = Some(number(&frame.payload, 0));
                Ok(())
            }
            (kind::SETTINGS, _) if !frame.has(flag::ACK) => {
                self.send(&on_connection(kind::SETTINGS, flag::ACK, Vec::new()))
                    .await
            }
            (kind::PING, _) if !frame.has(flag::ACK) => {
                self.send(&on_connection(kind::PING, flag::ACK, frame.payload.clone()))
                    .await
            }
            (kind::GOAWAY, _) => {
                let code = number(&frame.payload, 4);
                let last = number(&frame.payload, 0);
                // A graceful goodbye answers what it has accepted.
                let open = streams.iter().any(|(stream, _)| *stream <= last);
                if code != 0 || !open {
                    self.recording.goaway = Some(code);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn headers_end(
        &mut self,
        frame: &Frame,
        request: usize,
        now: Duration,
    ) -> Result<(), RecorderError> {
        if !frame.has(flag::END_HEADERS) {
            return Ok(());
        }
        let fields = self
            .decoder
            .decode(&self.block)
            .ok_or(RecorderError::Protocol("malformed header block"))?;
        let answer = &mut self.recording.answers[request];
        let status = fields
            .iter()
            .find(|field| field.0 == ":status")
            .and_then(|field| field.1.parse().ok())
            .unwrap_or(0);
        // 1xx is news, not the answer; a block without a status is trailers.
        if (200..1000).contains(&status) {
            answer.status = status;
            answer.header_at = Some(now);
            answer.headers = fields
                .into_iter()
                .filter(|field| field.0 != ":status")
                .collect();
        }
        if self.block_ends_stream {
            answer.complete_at = Some(now);
        }
        Ok(())
    }

    async fn data(
        &mut self,
        frame: &Frame,
        request: usize,
        now: Duration,
    ) -> Result<(), RecorderError> {
        let content = frame
            .content()
            .ok_or(RecorderError::Protocol("bad padding"))?;
        let answer = &mut self.recording.answers[request];
        answer.body.extend_from_slice(content);
        self.recording.frames.push(DataFrame {
            at: now,
            request,
            bytes: content.len(),
            offset: answer.body.len() as u64,
        });
        if frame.has(flag::END_STREAM) {
            answer.complete_at = Some(now);
        }
        // Padding counts against the windows, too. They are refilled at the half, as browsers do.
        let size = frame.payload.len() as u32;
        self.credit += size;
        if self.credit > CONNECTION_WINDOW / 2 {
            let grant = std::mem::take(&mut self.credit).to_be_bytes().to_vec();
            self.send(&on_connection(kind::WINDOW_UPDATE, 0, grant))
                .await?;
        }
        self.stream_credit[request] += size;
        if self.stream_credit[request] > self.stream_window / 2 && !frame.has(flag::END_STREAM) {
            let grant = std::mem::take(&mut self.stream_credit[request]);
            self.send(&Frame {
                kind: kind::WINDOW_UPDATE,
                flags: 0,
                stream: frame.stream,
                payload: grant.to_be_bytes().to_vec(),
            })
            .await?;
        }
        Ok(())
    }

    async fn send(&mut self, frame: &Frame) -> Result<(), RecorderError> {
        Ok(self.stream.write_all(&frame.encode()).await?)
    }
}

fn next_frame(pending: &mut Vec<u8>) -> Result<Option<Frame>, RecorderError> {
    frame::take(pending).map_err(|_| RecorderError::Protocol("a frame over 16,384 bytes"))
}

fn on_connection(kind: u8, flags: u8, payload: Vec<u8>) -> Frame {
    Frame {
        kind,
        flags,
        stream: 0,
        payload,
    }
}

/// Four bytes of a payload; missing ones are zero.
fn number(payload: &[u8], at: usize) -> u32 {
    let byte = |index: usize| payload.get(at + index).copied().unwrap_or(0);
    u32::from_be_bytes([byte(0), byte(1), byte(2), byte(3)])
}

#[cfg(test)]
mod tests;
