//! A client that asks as browsers do and records every DATA frame as it comes: over HTTP/2, or
//! over HTTP/3 ([`Recorder::http3`]).
//!
//! It reads frames itself instead of through a library, so that times are those of the frames
//! and not of a buffer. TLS certificates are not checked: this is a test client.

mod frame;
pub(crate) mod hpack;
mod recording;
mod request;
mod session;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::tls;
use frame::{Frame, flag, kind};
pub use recording::{Answer, DataFrame, Phase, Recording};
pub use request::Request;
use session::Session;

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
    #[error("the server broke the protocol: {0}")]
    Protocol(&'static str),
}

/// A client for one server.
#[derive(Clone, Debug)]
pub struct Recorder {
    address: SocketAddr,
    authority: String,
    tls: bool,
    http3: bool,
    stream_window: u32,
    limit: Duration,
}

/// What Chromium grants a stream.
const STREAM_WINDOW: u32 = 6 * 1024 * 1024;

impl Recorder {
    /// A client over TLS for the server at an address, asking for `authority`.
    pub fn new(address: SocketAddr, authority: impl Into<String>) -> Self {
        Self {
            address,
            authority: authority.into(),
            tls: true,
            http3: false,
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

    /// Speaks HTTP/3 instead, to the UDP port of the same number. Weights are not sent then:
    /// HTTP/3 has none. A frame recorded is a piece of a body as it could be read.
    #[must_use]
    pub fn http3(mut self) -> Self {
        self.http3 = true;
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
        if self.http3 {
            let options = crate::quic::Options {
                stream_window: self.stream_window,
                ..crate::quic::Options::default()
            };
            let asked = crate::quic::record(
                self.address,
                &self.authority,
                options,
                requests,
                (start, deadline),
            );
            return asked.await;
        }
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = timeout_at(deadline, TcpStream::connect(self.address))
            .await
            .map_err(late)??;
        stream.set_nodelay(true)?;
        if !self.tls {
            return self.session(stream, requests, start).await;
        }
        let host = self.authority.split(':').next().unwrap_or_default();
        let stream = timeout_at(deadline, tls::connect(stream, host, &["h2"]))
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
        let mut session = Session::new(stream, requests.len(), self.stream_window);
        session.greet().await?;
        let actions = self.actions(requests);
        session.run(actions, start + self.limit).await?;
        Ok(session.into_recording(start))
    }

    /// Everything to be sent, by time.
    fn actions(&self, requests: &[Request]) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut order: Vec<usize> = (0..requests.len()).collect();
        // Stream numbers must grow with time (RFC 9113 §5.1.1).
        order.sort_by_key(|index| {
            let request = &requests[*index];
            (request.after_answers, request.after)
        });
        for (place, index) in order.into_iter().enumerate() {
            let stream = 1 + 2 * place as u32;
            let request = &requests[index];
            actions.push(Action {
                at: request.after,
                after_answers: request.after_answers,
                opens: Some((index, stream)),
                frame: self.headers(request, stream),
            });
            for (at, weight) in &request.reweigh {
                actions.push(Action {
                    at: *at,
                    after_answers: request.after_answers,
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
                    after_answers: request.after_answers,
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
        actions.sort_by_key(|action| (action.after_answers, action.at));
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
            (":method", request.method.as_str()),
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
    /// How many answers must be complete before.
    after_answers: usize,
    /// The request and the stream it opens.
    opens: Option<(usize, u32)>,
    frame: Frame,
}

#[cfg(test)]
mod tests;
