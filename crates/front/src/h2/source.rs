//! Where the bytes of a body come from: the client's uploads, and what is sent to it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Body, BodyError};
use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Chunks below this are joined rather than sent in frames of their own, in bytes.
const SMALL_CHUNK: usize = 1024;

/// How many pieces of a body are read before others have their turn.
const READ_AT_ONCE: usize = 32;

/// A request's body. Reading it opens the client's window again.
pub struct Upload {
    stream: RecvStream,
    left: Option<u64>,
    data_is_over: bool,
}

impl Upload {
    /// The body of a request, with the length its head gives.
    pub fn body(stream: RecvStream, headers: &HeaderMap) -> Body {
        if stream.is_end_stream() {
            return Body::Empty;
        }
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        Body::stream(Self {
            stream,
            left: length.and_then(|length| length.parse().ok()),
            data_is_over: false,
        })
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        while !self.data_is_over {
            match std::task::ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.stream.flow_control().release_capacity(data.len())?;
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.data_is_over = true,
            }
        }
        self.stream
            .poll_trailers(context)
            .map(|trailers| trailers.transpose().map(|given| given.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// A response's body on its way out.
pub struct Source {
    ready: VecDeque<Bytes>,
    waiting: usize,
    body: Option<Body>,
    trailers: Option<HeaderMap>,
    /// Bytes read from the body so far.
    total: u64,
}

/// What reading ahead came to.
#[derive(Debug)]
pub enum Read {
    /// More will come; the waker given knows when.
    Later,
    /// Enough is waiting.
    Enough,
    /// The body is over.
    Over,
    /// The body broke off.
    Failed(BodyError),
}

impl Source {
    /// A body of which nothing was read.
    pub fn new(body: Body) -> Self {
        let mut source = Self {
            ready: VecDeque::new(),
            waiting: 0,
            body: None,
            trailers: None,
            total: 0,
        };
        match body {
            Body::Empty => {}
            Body::Full(bytes) => source.keep(bytes),
            stream @ Body::Stream(_) => source.body = Some(stream),
        }
        source
    }

    /// Bytes at hand so far, counted from the start of the body.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether nothing will come beyond what is at hand.
    pub fn is_over(&self) -> bool {
        self.body.is_none()
    }

    /// Whether every byte was taken and none will come.
    pub fn is_spent(&self) -> bool {
        self.body.is_none() && self.waiting == 0
    }

    /// The trailers, once the body is over.
    pub fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// Whether trailers follow the last byte.
    pub fn has_trailers(&self) -> bool {
        self.trailers.is_some()
    }

    /// Reads until `limit` bytes wait, the body is over, or there is nothing more for now.
    pub fn read_ahead(&mut self, limit: usize, context: &mut Context<'_>) -> Read {
        for _ in 0..READ_AT_ONCE {
            let Some(body) = &mut self.body else {
                return Read::Over;
            };
            if self.waiting >= limit {
                return Read::Enough;
            }
            match Pin::new(&mut *body).poll_frame(context) {
                Poll::Pending => return Read::Later,
                Poll::Ready(None) => self.body = None,
                Poll::Ready(Some(Err(error))) => {
                    self.body = None;
                    return Read::Failed(error);
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if body.is_end_stream() {
                        self.body = None;
                    }
                    match frame.into_data() {
                        Ok(data) => self.keep(data),
                        Err(frame) => self.trailers = frame.into_trailers().ok(),
                    }
                }
            }
        }
        context.waker().wake_by_ref();
        Read::Later
    }

    /// Takes bytes off the front: at most `limit`, and exactly that many if they belong together.
    /// Fewer bytes otherwise where joining pieces would only cost time.
    pub fn take(&mut self, limit: usize, together: bool) -> Bytes {
        let limit = limit.min(self.waiting);
        let Some(first) = self.ready.front_mut() else {
            return Bytes::new();
        };
        let taken = if first.len() > limit {
            first.split_to(limit)
        } else if first.len() == limit || (!together && first.len() >= SMALL_CHUNK) {
            self.ready.pop_front().unwrap_or_default()
        } else {
            self.join(limit)
        };
        self.waiting -= taken.len();
        taken
    }

    fn join(&mut self, length: usize) -> Bytes {
        let mut joined = BytesMut::with_capacity(length);
        while let Some(piece) = self.ready.front_mut().filter(|_| joined.len() < length) {
            let part = piece.split_to(piece.len().min(length - joined.len()));
            joined.extend_from_slice(&part);
            if piece.is_empty() {
                self.ready.pop_front();
            }
        }
        joined.freeze()
    }

    fn keep(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.waiting += bytes.len();
            self.total += bytes.len() as u64;
            self.ready.push_back(bytes);
        }
    }
}
