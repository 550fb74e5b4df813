//! A body that is handed on as it comes and kept at its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Body, BodyError, Share};
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
    share: Share,
    finish: Option<Finish>,
}

impl Tee {
    /// Passes `inner` on; a body of more than `limit` bytes is not collected, nor one for which
    /// the share cannot grow.
    pub fn wrap(inner: Body, limit: u64, share: Share, finish: Finish) -> Body {
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
                share,
                finish: Some(finish),
            }),
        }
    }

    fn take(&mut self, piece: &Bytes) {
        if self.finish.is_none() {
            return;
        }
        self.length += piece.len() as u64;
        if self.length > self.limit || !self.share.grow(piece.len() as u64) {
            self.give_up();
        } else {
            self.pieces.push(piece.clone());
        }
    }

    fn give_up(&mut self) {
        self.finish = None;
        self.pieces = Vec::new();
        self.share.release();
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
        self.share.release();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::{Allowance, ByteSize};
    use parking_lot::Mutex;

    use super::*;
    use crate::harness::Feed;

    /// Passes ten pieces of ten bytes on. Returns what came out, what was collected, and what is
    /// taken of the allowance half way.
    async fn pass(allowance: &Arc<Allowance>, limit: u64) -> (usize, Option<usize>, u64) {
        let collected = Arc::new(Mutex::new(None));
        let (finished, share) = (collected.clone(), allowance.share());
        let (feed, body) = Feed::new();
        for piece in 0..10 {
            feed.send(vec![piece; 10]);
        }
        drop(feed);
        let finish = move |body: Bytes| *finished.lock() = Some(body.len());
        let mut body = Tee::wrap(body(), limit, share, Box::new(finish));
        for _ in 0..5 {
            http_body_util::BodyExt::frame(&mut body).await;
        }
        let half_way = allowance.taken();
        let rest = body.collect(1000).await.unwrap();
        let collected = *collected.lock();
        (50 + rest.len(), collected, half_way)
    }

    #[tokio::test]
    async fn everything_passes_and_what_has_room_is_collected() {
        let allowance = Allowance::new(ByteSize(150));
        assert_eq!(pass(&allowance, 100).await, (100, Some(100), 50));
        assert_eq!(pass(&allowance, 99).await, (100, None, 50));
        assert_eq!(pass(&allowance, 45).await, (100, None, 0));
        let other = allowance.share();
        assert!(other.grow(100));
        assert_eq!(pass(&allowance, 100).await, (100, None, 150));
        assert_eq!(allowance.taken(), 100, "nothing is taken in the end");
    }
}
