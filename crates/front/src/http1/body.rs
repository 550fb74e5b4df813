//! A response's body on its way out, counted.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base::{Body, BodyError};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::ending::Ending;
use crate::guard::Turn;

/// A large body is handed over in pieces, so that its bytes are counted as they go.
const PIECE: usize = 64 * 1024;

/// A response's body on its way out. When hyper drops it, the request is over.
pub struct Sent {
    body: Body,
    /// Bytes to come, where that is known: hyper does not ask again after the last one.
    left: Option<u64>,
    /// Why the body broke off, while what came before is on its way.
    broken: Option<BodyError>,
    ending: Option<Ending>,
    _turn: Turn,
}

impl Sent {
    /// A body; `ending` hears of its bytes.
    pub fn new(body: Body, mut ending: Option<Ending>, turn: Turn) -> Self {
        let left = body.exact_len();
        if left == Some(0)
            && let Some(ending) = &mut ending
        {
            ending.complete();
        }
        Self {
            body,
            left,
            broken: None,
            ending,
            _turn: turn,
        }
    }

    /// No body, and nobody who waits for its end.
    pub fn nothing(turn: Turn) -> Self {
        Self::new(Body::Empty, None, turn)
    }

    fn note(&mut self, count: u64) {
        self.left = self.left.map(|left| left.saturating_sub(count));
        if let Some(ending) = &mut self.ending {
            ending.add_bytes(count);
            if self.left == Some(0) {
                ending.complete();
            }
        }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = match &mut self.body {
            Body::Full(bytes) if bytes.len() > PIECE => {
                Some(Ok(Frame::data(bytes.split_to(PIECE))))
            }
            body => ready!(Pin::new(body).poll_frame(context)),
        };
        match frame {
            Some(Err(error)) => {
                tracing::debug!(%error, "a response was cut off");
                // hyper throws away what it has not written when it hears of the error. It writes
                // when there is nothing to read for now.
                self.broken = Some(error);
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Ok(ref frame)) => {
                let count = frame.data_ref().map_or(0, Bytes::len);
                self.note(count as u64);
            }
            None => {
                if let Some(ending) = &mut self.ending {
                    ending.complete();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
