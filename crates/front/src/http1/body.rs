//! A response's body on its way out, counted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base::{Body, BodyError};
use bytes::Bytes;
use delivery::{Kind, Outline, RECORD_BODY};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pipeline::Response;

use crate::byte_log::{self, Event, Part, StreamLog, Why};
use crate::convert;
use crate::ending::Ending;
use crate::guard::Turn;

/// A large body is handed over in pieces, so that its bytes are counted as they go.
const PIECE: usize = 64 * 1024;

/// How much a response's head may take of the TLS record that a picture's first scan is in.
const HEAD: u64 = 1024;

/// A response's body on its way out. When hyper drops it, the request is over.
pub struct Sent {
    body: Body,
    /// Bytes to come, where that is known: hyper does not ask again after the last one.
    left: Option<u64>,
    /// Why the body broke off, while what came before is on its way.
    broken: Option<BodyError>,
    ending: Option<Ending>,
    /// How a picture's first scan leaves.
    opening: Opening,
    /// Where the byte log's entries of this response are made.
    account: Option<Box<Account>>,
    _turn: Turn,
}

/// How the first bytes of a body leave. A browser shows a picture as soon as its header is there,
/// and then not again for a while; header and first scan therefore leave in one TLS record. A
/// record begins with each write, so all that is needed is to have what came before written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// The head is written by itself: together they would not fit.
    Alone(usize),
    /// So many bytes are written by themselves, or behind the head.
    Together(usize),
    /// They are about to be written.
    Leaving,
    /// Nothing is left to keep together.
    Over,
}

impl Opening {
    fn of(response: &Response) -> Self {
        let outline = response.outline.as_deref();
        let Some(outline) = outline.filter(|it| 0 < it.preview && it.preview < it.length) else {
            return Self::Over;
        };
        match usize::try_from(outline.preview) {
            Ok(preview) if outline.preview + HEAD <= RECORD_BODY as u64 => Self::Together(preview),
            Ok(preview) if preview <= RECORD_BODY => Self::Alone(preview),
            _ => Self::Over,
        }
    }
}

/// What the byte log says of a response.
pub struct Account {
    log: StreamLog,
    kind: Kind,
    outline: Option<Arc<Outline>>,
    sent: u64,
    complete: bool,
    /// Whether the body broke off at our side.
    broken: bool,
}

impl Account {
    /// Opens the account of a response that is ready to be sent, if it is logged.
    pub fn open(log: StreamLog, response: &Response) -> Option<Box<Self>> {
        log.note(|| Event::Head {
            status: response.status.as_u16(),
            length: response.body.exact_len(),
        });
        log.is_on().then(|| {
            Box::new(Self {
                log,
                kind: convert::kind_of(&response.headers),
                outline: response.outline.clone(),
                sent: 0,
                complete: response.body.exact_len() == Some(0),
                broken: false,
            })
        })
    }

    fn add(&mut self, bytes: u64) {
        let (start, end) = (self.sent, self.sent + bytes);
        self.sent = end;
        self.log.note(|| {
            Event::Sent(byte_log::Sent {
                part: Part::at(self.kind, self.outline.as_deref(), start),
                start,
                end,
                level: None,
                concurrency: None,
                urgency: None,
                incremental: None,
                why: Why::AtOnce,
            })
        });
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.log.note(|| match self.complete {
            true => Event::End,
            false => Event::Reset {
                by_client: !self.broken,
            },
        });
    }
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
            opening: Opening::Over,
            account: None,
            _turn: turn,
        }
    }

    /// The same, with an account for the byte log.
    pub fn logged(mut self, account: Option<Box<Account>>) -> Self {
        self.account = account;
        self
    }

    /// The same, for a body whose first bytes belong together.
    pub fn opening(mut self, response: &Response) -> Self {
        self.opening = Opening::of(response);
        self
    }

    /// Has what was handed over so far written, before anything else: hyper writes when there is
    /// nothing to read for now.
    fn written_first<T>(context: &mut Context<'_>) -> Poll<T> {
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// No body, and nobody who waits for its end.
    pub fn nothing(turn: Turn) -> Self {
        Self::new(Body::Empty, None, turn)
    }

    fn note(&mut self, count: u64) {
        self.left = self.left.map(|left| left.saturating_sub(count));
        let over = self.left == Some(0);
        if let Some(account) = self.account.as_mut().filter(|_| count > 0) {
            account.add(count);
        }
        if let Some(ending) = &mut self.ending {
            ending.add_bytes(count);
        }
        if over {
            self.complete();
        }
    }

    /// The whole body was handed over.
    fn complete(&mut self) {
        if let Some(account) = &mut self.account {
            account.complete = true;
        }
        if let Some(ending) = &mut self.ending {
            ending.complete();
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
        let mut piece = PIECE;
        match self.opening {
            Opening::Over => {}
            Opening::Alone(length) => {
                self.opening = Opening::Together(length);
                return Self::written_first(context);
            }
            Opening::Together(length) => {
                self.opening = Opening::Leaving;
                piece = length;
            }
            Opening::Leaving => {
                self.opening = Opening::Over;
                return Self::written_first(context);
            }
        }
        let frame = match &mut self.body {
            Body::Full(bytes) if bytes.len() > piece => {
                Some(Ok(Frame::data(bytes.split_to(piece))))
            }
            body => ready!(Pin::new(body).poll_frame(context)),
        };
        match frame {
            Some(Err(error)) => {
                tracing::debug!(%error, "a response was cut off");
                // hyper throws away what it has not written when it hears of the error. It writes
                // when there is nothing to read for now.
                self.broken = Some(error);
                if let Some(account) = &mut self.account {
                    account.broken = true;
                }
                return Self::written_first(context);
            }
            Some(Ok(ref frame)) => {
                let count = frame.data_ref().map_or(0, Bytes::len);
                self.note(count as u64);
            }
            None => self.complete(),
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
