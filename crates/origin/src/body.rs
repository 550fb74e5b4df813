//! Bodies on their way: the request's notes its progress, the response's is watched.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base::{Body, BodyError};
use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep};

/// When the request's body last moved.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn last(&self) -> Instant {
        *self.0.lock()
    }

    pub(crate) fn note(&self) {
        *self.0.lock() = Instant::now();
    }
}

/// A request's body on its way to the origin.
#[derive(Debug)]
pub(crate) struct Outgoing {
    body: Body,
    progress: Progress,
}

impl Outgoing {
    pub(crate) fn new(body: Body, progress: Progress) -> Self {
        Self { body, progress }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.progress.note();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The origin fell silent in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("no byte came for {} ms", .0.as_millis())]
struct Silence(Duration);

/// A response's body: cut off after too long a silence or too many bytes.
struct Watched {
    incoming: Incoming,
    patience: Duration,
    /// Runs only while nothing comes.
    alarm: Pin<Box<Sleep>>,
    waiting: bool,
    left: u64,
    limit: u64,
}

/// Wraps what hyper receives. `limit` is in bytes; [`u64::MAX`] means none.
pub(crate) fn watch(incoming: Incoming, patience: Duration, limit: u64) -> Body {
    if incoming.is_end_stream() {
        return Body::Empty;
    }
    let watched = Watched {
        incoming,
        patience,
        alarm: Box::pin(sleep(patience)),
        waiting: false,
        left: limit,
        limit,
    };
    Body::Stream(watched.boxed_unsync())
}

impl Watched {
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<BodyError> {
        if !self.waiting {
            self.waiting = true;
            self.alarm.as_mut().reset(Instant::now() + self.patience);
        }
        ready!(self.alarm.as_mut().poll(context));
        Poll::Ready(BodyError::Aborted(Box::new(Silence(self.patience))))
    }

    fn account(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let length = frame.data_ref().map_or(0, Buf::remaining) as u64;
        let limit = self.limit;
        self.left = self
            .left
            .checked_sub(length)
            .ok_or(BodyError::TooLarge { limit })?;
        Ok(frame)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            return self.poll_silence(context).map(|error| Some(Err(error)));
        };
        self.waiting = false;
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| BodyError::Aborted(error.into()))?;
            self.account(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
