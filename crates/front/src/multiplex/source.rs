//! Where the bytes of a response come from.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Body, BodyError};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;

/// Chunks below this are joined rather than sent in frames of their own, in bytes.
const SMALL_CHUNK: usize = 1024;

/// How many pieces of a body are read before others have their turn.
const READ_AT_ONCE: usize = 32;

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

    /// Bytes at hand that were not taken.
    pub fn at_hand(&self) -> usize {
        self.waiting
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

    /// Puts bytes back that were taken last, in front of the others.
    pub fn put_back(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.waiting += bytes.len();
            self.ready.push_front(bytes);
        }
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
