//! A body that is compressed as it passes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base::{Body, BodyError, Share};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use tokio::time::Sleep;

use super::Encoder;

/// What to do when the last byte has passed.
pub type AtEnd = Box<dyn FnOnce() + Send>;

/// A body that is compressed as it passes: never more than some pieces of it are in memory. When
/// the origin pauses, what has come so far is made readable and sent on.
pub struct Compressed {
    inner: Body,
    /// Gone at the end.
    encoder: Option<Encoder>,
    /// What has come and is not encoded yet.
    input: Bytes,
    /// Whether something was encoded since the last flush.
    unflushed: bool,
    /// How long a pause is.
    patience: Patience,
    pause: Option<Pin<Box<Sleep>>>,
    trailers: Option<HeaderMap>,
    at_end: Option<AtEnd>,
    /// The encoder's memory.
    _share: Share,
}

/// How long the origin may pause before what has come is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Not at all: these are messages, each for itself (`text/event-stream`).
    None,
    /// Not at all the first time, since a page's head names what else is needed; then a moment, for
    /// each flush costs bytes.
    Some,
}

/// The moment.
const MOMENT: Duration = Duration::from_millis(10);
/// How much is encoded before others have their turn.
const TURN: usize = 64 << 10;
/// How much is encoded in one go.
const STEP: usize = 16 << 10;

impl Compressed {
    /// Compresses `inner` with this encoder.
    pub fn new(
        inner: Body,
        encoder: Encoder,
        patience: Patience,
        share: Share,
        at_end: Option<AtEnd>,
    ) -> Self {
        Self {
            inner,
            encoder: Some(encoder),
            input: Bytes::new(),
            unflushed: false,
            patience,
            pause: None,
            trailers: None,
            at_end,
            _share: share,
        }
    }

    /// Encodes a step of the input; returns what came out.
    fn step(&mut self, encoder: &mut Encoder) -> std::io::Result<Bytes> {
        let step = self.input.split_to(self.input.len().min(STEP));
        encoder.write(&step)?;
        self.unflushed = true;
        Ok(encoder.take())
    }

    /// The inner body has nothing now: what was encoded is flushed, at once or after a moment.
    fn idle(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<Bytes>> {
        if !self.unflushed {
            return Poll::Pending;
        }
        if self.patience == Patience::Some {
            match &mut self.pause {
                Some(pause) => ready!(pause.as_mut().poll(context)),
                // The first time.
                None => self.pause = Some(Box::pin(tokio::time::sleep(MOMENT))),
            }
        }
        let Some(encoder) = &mut self.encoder else {
            return Poll::Pending;
        };
        self.unflushed = false;
        Poll::Ready(encoder.flush().map(|()| encoder.take()))
    }

    fn arrived(&mut self, frame: Frame<Bytes>) {
        if let Some(pause) = &mut self.pause {
            pause.as_mut().reset(tokio::time::Instant::now() + MOMENT);
        }
        match frame.into_data() {
            Ok(data) => self.input = data,
            Err(frame) => self.trailers = frame.into_trailers().ok(),
        }
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, BodyError>> {
        let mut turn = 0;
        while let Some(mut encoder) = self.encoder.take() {
            if !self.input.is_empty() {
                if turn >= TURN {
                    self.encoder = Some(encoder);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                turn += self.input.len().min(STEP);
                let made = self.step(&mut encoder).map_err(broken)?;
                self.encoder = Some(encoder);
                if !made.is_empty() {
                    return Poll::Ready(Ok(made));
                }
                continue;
            }
            match Pin::new(&mut self.inner).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.encoder = Some(encoder);
                    self.arrived(frame);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => {
                    let made = encoder.finish().map_err(broken)?;
                    if let Some(at_end) = self.at_end.take() {
                        at_end();
                    }
                    return Poll::Ready(Ok(made));
                }
                Poll::Pending => {
                    self.encoder = Some(encoder);
                    let made = ready!(self.idle(context)).map_err(broken)?;
                    if !made.is_empty() {
                        return Poll::Ready(Ok(made));
                    }
                }
            }
        }
        Poll::Ready(Ok(Bytes::new()))
    }
}

/// The encoder failed: the body ends early, as if the origin had broken off.
fn broken(error: std::io::Error) -> BodyError {
    BodyError::Aborted(error.into())
}

impl HttpBody for Compressed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let bytes = ready!(self.poll_bytes(context))?;
        if !bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let trailers = self.trailers.take().map(Frame::trailers);
        Poll::Ready(trailers.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }
}
