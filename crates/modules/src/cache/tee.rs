//! A body that is handed on as it comes and kept at its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Body, BodyError};
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// What to do with the whole body.
pub type Finish = Box<dyn FnOnce(Bytes) + Send>;

/// Passes a body on and hands the whole of it to `finish` at its end, if it is complete, has no
/// trailers, and is not over the limit.
pub struct Tee {
    inner: Body,
    pieces: Vec<Bytes>,
    length: u64,
    limit: u64,
    finish: Option<Finish>,
}

impl Tee {
    /// Passes `inner` on; a body of more than `limit` bytes is not collected.
    pub fn wrap(inner: Body, limit: u64, finish: Finish) -> Body {
        match inner {
            Body::Empty => {
                finish(Bytes::new());
                Body::Empty
            }
            Body::Full(bytes) => {
                if bytes.len() as u64 <= limit {
                    finish(bytes.clone());
                }
                Body::Full(bytes)
            }
            inner if inner.exact_len().is_some_and(|length| length > limit) => inner,
            inner => Body::stream(Self {
                inner,
                pieces: Vec::new(),
                length: 0,
                limit,
                finish: Some(finish),
            }),
        }
    }

    fn take(&mut self, piece: &Bytes) {
        self.length += piece.len() as u64;
        if self.length > self.limit {
            self.give_up();
        } else if self.finish.is_some() {
            self.pieces.push(piece.clone());
        }
    }

    fn give_up(&mut self) {
        self.finish = None;
        self.pieces = Vec::new();
    }

    fn end(&mut self) {
        let Some(finish) = self.finish.take() else {
            return;
        };
        let mut pieces = std::mem::take(&mut self.pieces);
        let whole = match pieces.len() {
            0 => Bytes::new(),
            1 => pieces.remove(0),
            _ => {
                let mut whole = BytesMut::with_capacity(self.length as usize);
                for piece in pieces {
                    whole.extend_from_slice(&piece);
                }
                whole.freeze()
            }
        };
        finish(whole);
    }
}

impl HttpBody for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            None => self.end(),
            Some(Err(_)) => self.give_up(),
            Some(Ok(frame)) => match frame.data_ref() {
                Some(piece) => {
                    self.take(piece);
                    // Whoever reads may stop here and never ask for the end.
                    if self.inner.is_end_stream() {
                        self.end();
                    }
                }
                None => self.give_up(),
            },
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
