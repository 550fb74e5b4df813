//! One stream of a connection, from its request to its last byte on the wire.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base::BodyError;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use tokio::time::Instant;

use crate::byte_log::{Event, StreamLog};
use crate::ending::{Answer, Ending};
use crate::multiplex::{Asked, Source, StreamWake, Wakes, Wish};

/// One stream of a connection.
pub struct Stream {
    pub id: u32,
    pub asked: Asked,
    pub state: State,
    wake: Option<(Arc<StreamWake>, Waker)>,
}

/// What a stream waits for.
pub enum State {
    /// Its answer.
    Answer {
        answer: Answer,
        respond: SendResponse<Bytes>,
    },
    /// Its turn to send, and then its last byte to leave.
    Turn(Box<Sending>),
}

/// Where a response leaves.
pub enum Outlet {
    /// Its head waits for the first bytes of its body.
    Shut(Box<Shut>),
    /// Its head was sent, at that time if it had waited.
    Open(SendStream<Bytes>, Option<Instant>),
}

/// A head that was not sent.
pub struct Shut {
    pub respond: SendResponse<Bytes>,
    pub head: http::Response<()>,
    /// Bytes of the body, where they are known.
    pub length: Option<u64>,
}

impl Outlet {
    /// The stream of the body. Sends the head if that was put off.
    pub fn open(&mut self, log: &StreamLog) -> Result<&mut SendStream<Bytes>, h2::Error> {
        if let Self::Shut(shut) = self {
            let head = std::mem::replace(&mut shut.head, http::Response::new(()));
            log.note(|| Event::Head {
                status: head.status().as_u16(),
                length: shut.length,
            });
            let send = shut.respond.send_response(head, false)?;
            *self = Self::Open(send, Some(Instant::now()));
        }
        match self {
            Self::Open(send, _) => Ok(send),
            Self::Shut(_) => Err(Reason::INTERNAL_ERROR.into()),
        }
    }

    /// Whether the first bytes were sent so long ago that the client had them this time ago.
    pub fn has_come(&self, ago: Duration) -> bool {
        match self {
            Self::Shut(_) => false,
            Self::Open(_, began) => began.is_none_or(|began| began.elapsed() > ago),
        }
    }

    /// Ends the stream.
    pub fn reset(&mut self, reason: Reason) {
        match self {
            Self::Shut(shut) => shut.respond.send_reset(reason),
            Self::Open(send, _) => send.send_reset(reason),
        }
    }

    fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<Result<Reason, h2::Error>> {
        match self {
            Self::Shut(shut) => shut.respond.poll_reset(context),
            Self::Open(send, _) => send.poll_reset(context),
        }
    }
}

/// A response on its way out.
pub struct Sending {
    pub outlet: Outlet,
    pub source: Source,
    /// Dropped when the stream is over, which tells the log.
    pub ending: Option<Box<Ending>>,
    pub wish: Wish,
    /// Bytes handed to the connection that have not left.
    pub waiting: u64,
    /// Whether the client's window is used up.
    pub blocked: bool,
    /// Whether the end was handed to the connection.
    pub finished: bool,
    /// Whether the body broke off: what came of it before still leaves, and then the stream is
    /// reset.
    pub broken: bool,
}

impl Stream {
    /// A stream whose request was understood.
    pub fn new(id: u32, asked: Asked, state: State) -> Self {
        Self {
            id,
            asked,
            state,
            wake: None,
        }
    }

    /// The stream's own waker, made when it is first needed.
    pub fn waker(&mut self, wakes: &Arc<Wakes>) -> Waker {
        let (_, waker) = self.wake.get_or_insert_with(|| {
            let wake = StreamWake::new(wakes, self.id);
            (Arc::clone(&wake), Waker::from(wake))
        });
        waker.clone()
    }

    /// The stream is about to be looked at.
    pub fn look(&self) {
        if let Some((wake, _)) = &self.wake {
            wake.look();
        }
    }

    /// Whether the first bytes of its response were sent so long ago that the client had them this
    /// time ago.
    pub fn has_come(&self, ago: Duration) -> bool {
        match &self.state {
            State::Answer { .. } => false,
            State::Turn(sending) => sending.outlet.has_come(ago),
        }
    }

    /// Whether the client gave the stream up, or the connection is lost. Asking arms the wake-up.
    pub fn is_given_up(&mut self, context: &mut Context<'_>) -> bool {
        match &mut self.state {
            State::Answer { respond, .. } => respond.poll_reset(context).is_ready(),
            State::Turn(sending) => sending.outlet.poll_reset(context).is_ready(),
        }
    }
}

impl Sending {
    /// Whether every byte has left.
    pub fn is_done(&self) -> bool {
        self.finished && self.waiting == 0
    }

    /// Tells the connection that the body is over, if it is, every byte was handed over and the
    /// end was not.
    pub fn finish(&mut self, log: &StreamLog) -> Result<(), h2::Error> {
        if self.finished || self.broken || !self.source.is_spent() {
            return Ok(());
        }
        self.finished = true;
        let send = self.outlet.open(log)?;
        match self.source.take_trailers() {
            Some(trailers) => send.send_trailers(trailers),
            None => send.send_data(Bytes::new(), true),
        }
    }

    /// Notes that no more of the body will come.
    pub fn break_off(&mut self, error: &BodyError) {
        tracing::debug!(error = base::failure::chain(error), "a response broke off");
        self.broken = true;
    }

    /// Whether the body broke off, and everything that came of it has left.
    pub fn is_to_reset(&self) -> bool {
        self.broken && self.source.is_spent() && self.waiting == 0
    }
}
