//! What a client sends with a request: its head, then its body.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use base::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use http_body::{Body as HttpBody, Frame, SizeHint};
use quinn::{Connection, ReadError, RecvStream};

use super::head::{self, HeadError};
use super::wire::{Broken, Code, Frames, Head, Step, kind};

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// The client's side of a request stream.
struct Incoming {
    stream: RecvStream,
    frames: Frames,
    /// Bytes that were read and not looked at.
    ready: Bytes,
    /// Whether the client has sent its last byte.
    over: bool,
    /// HEADERS as far as they have come.
    section: Vec<u8>,
    limit: usize,
}

/// Why reading a request ended.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The client broke the protocol; ends the connection.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The stream is of no use: what the client is told.
    #[error("the request is refused ({0})")]
    Refused(Code),
    /// The head is larger than it may be.
    #[error("the head is too large")]
    TooLarge,
    /// The client gave the request up, or the connection is lost.
    #[error("the client gave the request up")]
    Gone(#[from] ReadError),
}

impl From<HeadError> for RequestError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Unreadable => Self::Broken(Broken::new(
                Code::DECOMPRESSION_FAILED,
                "a field section that cannot be read",
            )),
            HeadError::TooLarge => Self::TooLarge,
            HeadError::Malformed => Self::Refused(Code::MESSAGE_ERROR),
        }
    }
}

/// What comes next on a request stream.
enum Next {
    /// A field section: the head, or trailers.
    Section(Vec<u8>),
    Data(Bytes),
    Over,
}

impl Incoming {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Next, RequestError>> {
        loop {
            while let Some(step) = self.frames.step(&mut self.ready) {
                if let Some(next) = self.understand(step)? {
                    return Poll::Ready(Ok(next));
                }
            }
            if self.over {
                return Poll::Ready(match self.frames.may_end() {
                    true => Ok(Next::Over),
                    false => Err(Broken::new(Code::FRAME_ERROR, "a frame was cut off").into()),
                });
            }
            let chunk = ready!(pin!(self.stream.read_chunk(PIECE, true)).poll(context))?;
            match chunk {
                Some(chunk) => self.ready = chunk.bytes,
                None => self.over = true,
            }
        }
    }

    fn understand(&mut self, step: Step) -> Result<Option<Next>, RequestError> {
        match step {
            Step::Head(head) => {
                self.section.clear();
                self.begin(head)?;
                let empty = head.kind == kind::HEADERS && head.length == 0;
                Ok(empty.then(|| Next::Section(Vec::new())))
            }
            Step::Payload(head, bytes) if head.kind == kind::DATA => Ok(Some(Next::Data(bytes))),
            Step::Payload(head, bytes) if head.kind == kind::HEADERS => {
                self.section.extend_from_slice(&bytes);
                let whole = self.frames.left() == 0;
                Ok(whole.then(|| Next::Section(std::mem::take(&mut self.section))))
            }
            Step::Payload(..) => Ok(None),
        }
    }

    /// Checks that a frame may come on a request stream (RFC 9114 §7.2).
    fn begin(&self, head: Head) -> Result<(), RequestError> {
        match head.kind {
            // What is coded is smaller than what it stands for, but for a few odd characters.
            kind::HEADERS if head.length > self.limit as u64 => Err(RequestError::TooLarge),
            kind::CANCEL_PUSH
            | kind::SETTINGS
            | kind::PUSH_PROMISE
            | kind::GOAWAY
            | kind::MAX_PUSH_ID
            | kind::PRIORITY_UPDATE
            | kind::PRIORITY_UPDATE_PUSH => Err(unexpected()),
            known if kind::OF_HTTP2.contains(&known) => Err(unexpected()),
            _ => Ok(()),
        }
    }
}

fn unexpected() -> RequestError {
    Broken::new(Code::FRAME_UNEXPECTED, "a frame that no request has").into()
}

/// A request whose head is still coming.
pub struct Asking(Option<Incoming>);

/// A request whose head has come.
pub struct Arrived {
    /// The head.
    pub head: Parts,
    /// The body.
    pub body: Body,
}

impl Asking {
    /// A request of which nothing was read; its head takes at most `limit` bytes.
    pub fn new(stream: RecvStream, limit: usize) -> Self {
        Self(Some(Incoming {
            stream,
            frames: Frames::default(),
            ready: Bytes::new(),
            over: false,
            section: Vec::new(),
            limit,
        }))
    }

    /// Reads until the head is whole.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn poll(
        &mut self,
        connection: &Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<Arrived, RequestError>> {
        let Some(incoming) = &mut self.0 else {
            return Poll::Pending;
        };
        let section = match ready!(incoming.poll_next(context))? {
            Next::Section(section) => section,
            Next::Data(_) => return Poll::Ready(Err(unexpected())),
            Next::Over => {
                return Poll::Ready(Err(RequestError::Refused(Code::REQUEST_INCOMPLETE)));
            }
        };
        let head = head::request(&section, incoming.limit)?;
        let length = head::content_length(&head.headers)?;
        // Most requests have no body, and their last byte has come with their head.
        let empty = match incoming.poll_next(context) {
            Poll::Pending => None,
            Poll::Ready(Ok(Next::Over)) => Some(None),
            Poll::Ready(Ok(Next::Data(data))) => Some(Some(data)),
            Poll::Ready(Ok(Next::Section(_))) => return Poll::Ready(Err(unexpected())),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        };
        if matches!((&empty, length), (Some(None), Some(1..))) {
            return Poll::Ready(Err(RequestError::Refused(Code::MESSAGE_ERROR)));
        }
        let Some(incoming) = self.0.take() else {
            return Poll::Pending;
        };
        let body = match empty {
            Some(None) => Body::Empty,
            first => Body::stream(Upload {
                incoming,
                first: first.flatten(),
                left: length,
                state: Reading::Data,
                connection: connection.clone(),
            }),
        };
        Poll::Ready(Ok(Arrived { head, body }))
    }

    /// Tells the client that no more of the request is read.
    pub fn stop(&mut self, code: Code) {
        if let Some(incoming) = &mut self.0 {
            // A stream that is over needs no telling.
            let _ = incoming.stream.stop(code.0.into());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Data,
    /// Trailers have come: nothing may follow.
    Trailers,
    Over,
}

/// A request's body. Reading it opens the client's window again.
struct Upload {
    incoming: Incoming,
    first: Option<Bytes>,
    /// Bytes still to come, where the head says how many.
    left: Option<u64>,
    state: Reading,
    connection: Connection,
}

impl Upload {
    fn poll_part(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, RequestError>> {
        loop {
            let next = match self.first.take() {
                Some(data) => Next::Data(data),
                None => ready!(self.incoming.poll_next(context))?,
            };
            match (next, self.state) {
                (Next::Data(data), Reading::Data) => {
                    if data.is_empty() {
                        continue;
                    }
                    if let Some(left) = &mut self.left {
                        *left = left
                            .checked_sub(data.len() as u64)
                            .ok_or(RequestError::Refused(Code::MESSAGE_ERROR))?;
                    }
                    return Poll::Ready(Ok(Some(Frame::data(data))));
                }
                (Next::Section(section), Reading::Data) => {
                    self.state = Reading::Trailers;
                    let trailers: HeaderMap = head::trailers(&section, self.incoming.limit)?;
                    return Poll::Ready(Ok(Some(Frame::trailers(trailers))));
                }
                (Next::Over, _) => {
                    self.state = Reading::Over;
                    // RFC 9114 §4.1.2: a body of another length than was said is malformed.
                    if self.left.is_some_and(|left| left > 0) {
                        return Poll::Ready(Err(RequestError::Refused(Code::MESSAGE_ERROR)));
                    }
                    return Poll::Ready(Ok(None));
                }
                _ => return Poll::Ready(Err(unexpected())),
            }
        }
    }

    /// Tells the client what it did wrong.
    fn complain(&mut self, error: &RequestError) {
        match error {
            RequestError::Broken(broken) => self
                .connection
                .close(broken.code.0.into(), broken.reason.as_bytes()),
            RequestError::Refused(code) => {
                let _ = self.incoming.stream.stop(code.0.into());
            }
            RequestError::TooLarge => {
                let _ = self.incoming.stream.stop(Code::EXCESSIVE_LOAD.0.into());
            }
            RequestError::Gone(_) => {}
        }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = RequestError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestError>>> {
        if self.state == Reading::Over {
            return Poll::Ready(None);
        }
        let part = ready!(self.poll_part(context));
        if let Err(error) = &part {
            self.state = Reading::Over;
            self.complain(error);
        }
        Poll::Ready(part.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.state == Reading::Over
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.state != Reading::Over {
            // Whoever answers before the whole request has come wants no more of it (RFC 9114
            // §4.1). Where it has come this says nothing.
            let _ = self.incoming.stream.stop(Code::NO_ERROR.0.into());
        }
    }
}
