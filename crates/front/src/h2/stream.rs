//! One stream of a connection, from its request to its last byte on the wire.

use std::sync::Arc;
use std::task::{Context, Waker};

use base::BodyError;
use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;

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

/// A response on its way out.
pub struct Sending {
    pub send: SendStream<Bytes>,
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

    /// Whether the client gave the stream up, or the connection is lost. Asking arms the wake-up.
    pub fn is_given_up(&mut self, context: &mut Context<'_>) -> bool {
        match &mut self.state {
            State::Answer { respond, .. } => respond.poll_reset(context).is_ready(),
            State::Turn(sending) => sending.send.poll_reset(context).is_ready(),
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
    pub fn finish(&mut self) -> Result<(), h2::Error> {
        if self.finished || self.broken || !self.source.is_spent() {
            return Ok(());
        }
        self.finished = true;
        match self.source.take_trailers() {
            Some(trailers) => self.send.send_trailers(trailers),
            None => self.send.send_data(Bytes::new(), true),
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
