//! One request stream of a connection, from its first byte to the last one acknowledged.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use delivery::{Level, Plan};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use quinn::{SendStream, StoppedError, VarInt, WriteError};

use super::driver::go_on;
use super::head;
use super::pulse::Pulse;
use super::rank::{self, Rank, Ranks};
use super::upload::Asking;
use super::wire::{Code, kind, write_number};
use crate::byte_log::Event;
use crate::ending::{Answer, Ending};
use crate::multiplex::{Asked, Source, StreamWake, Wakes, Wish};

type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send>>;

/// One request stream of a connection.
pub struct Stream {
    pub send: SendStream,
    /// Whether the request came before the handshake was over (RFC 8470).
    pub early: bool,
    /// What is known of its request, once the head has come.
    pub asked: Option<Asked>,
    pub state: State,
    stopped: Stopped,
    wake: Arc<StreamWake>,
    waker: Waker,
}

/// What a stream waits for.
pub enum State {
    /// The rest of its request's head.
    Head(Asking),
    /// Its answer.
    Answer(Answer),
    /// Its turn to send.
    Turn(Box<Sending>),
    /// That its last byte arrives.
    Leaving,
}

/// What of a response is kept back.
#[derive(Default)]
enum Back {
    #[default]
    No,
    /// Its head is sent with the first bytes of its body.
    Head(Box<(StatusCode, HeaderMap)>),
    /// The client sees nothing of it before it has this entry.
    Until(u64),
}

/// A response on its way out.
pub struct Sending {
    pub source: Source,
    /// Dropped when the last byte was handed over, which tells the log.
    pub ending: Option<Box<Ending>>,
    pub wish: Wish,
    /// Frames, or what is left of them, that go before the next byte of the body.
    pending: Bytes,
    back: Back,
    /// Body bytes that the frame last begun still lacks.
    frame_left: u64,
    /// Whether there is no room: the path's, the connection's or the stream's.
    pub blocked: bool,
    rank: Rank,
    trailers_queued: bool,
}

impl Stream {
    /// A stream of which nothing was read.
    pub fn new(id: u32, send: SendStream, early: bool, asking: Asking, wakes: &Arc<Wakes>) -> Self {
        let stopped = Box::pin(send.stopped());
        let wake = StreamWake::new(wakes, id);
        // A stream that is lost needs no priority.
        let _ = send.set_priority(rank::ABOVE_ALL);
        Self {
            send,
            early,
            asked: None,
            state: State::Head(asking),
            stopped,
            waker: Waker::from(Arc::clone(&wake)),
            wake,
        }
    }

    /// The stream's own waker.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The stream is about to be looked at.
    pub fn look(&self) {
        self.wake.look();
    }

    /// Whether the stream has ended: given up by the client or lost with its connection (`false`),
    /// or taken to its last byte (`true`).
    pub fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.stopped
            .as_mut()
            .poll(context)
            .map(|stopped| matches!(stopped, Ok(None)))
    }

    /// Writes down what happened to it, if its connection is logged.
    pub fn note(&self, event: impl FnOnce() -> Event) {
        if let Some(asked) = &self.asked {
            asked.log.note(event);
        }
    }

    /// The plan for a response.
    pub fn plan(&self, wish: &Wish) -> Plan {
        match &self.asked {
            Some(asked) => asked.plan(wish),
            None => wish.plan(None, false),
        }
    }

    /// Tells the client that it may send the body it announced (RFC 9110 §10.1.1). If it cannot be
    /// said the stream is lost, which the answer will find out.
    pub fn go_on(&mut self, context: &mut Context<'_>) {
        let mut frame = [go_on()];
        let _ = pin!(self.send.write_chunks(&mut frame)).poll(context);
    }

    /// Tells the client that its request is of no use.
    pub fn refuse(&mut self, code: Code) {
        let _ = self.send.reset(code.0.into());
        if let State::Head(asking) = &mut self.state {
            asking.stop(code);
        }
    }

    /// Whether the client is owed something: a request is being answered.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Answer(_) | State::Turn(_))
    }
}

impl Sending {
    /// A response of which nothing was sent; `head` is its HEADERS frame.
    pub fn new(head: Vec<u8>, source: Source, wish: Wish, ending: Option<Box<Ending>>) -> Self {
        Self {
            source,
            ending,
            wish,
            pending: head.into(),
            back: Back::No,
            frame_left: 0,
            blocked: false,
            rank: Rank::default(),
            trailers_queued: false,
        }
    }

    /// As [`Sending::new`], but the head is sent with the first bytes of the body.
    pub fn with_body(
        (status, headers): (StatusCode, HeaderMap),
        source: Source,
        wish: Wish,
        ending: Option<Box<Ending>>,
    ) -> Self {
        let head = Box::new((status, headers));
        Self {
            back: Back::Head(head),
            ..Self::new(Vec::new(), source, wish, ending)
        }
    }

    /// Writes the head if that was put off. If `whole`, what is sent now is of use only whole, and
    /// the client sees nothing of it before the entry comes that `promise` gives for a content type.
    pub fn begin(&mut self, whole: bool, promise: impl FnOnce(&[u8]) -> Option<u64>) {
        let Back::Head(head) = std::mem::take(&mut self.back) else {
            return;
        };
        let (status, headers) = *head;
        let content_type = headers.get(CONTENT_TYPE).filter(|_| whole);
        let entry = content_type.and_then(|value| promise(value.as_bytes()));
        let head = match entry {
            Some(entry) => head::response_after(entry, status, &headers),
            None => head::response(status, &headers),
        };
        self.pending = head.into();
        self.back = entry.map_or(Back::No, Back::Until);
    }

    /// The entry that now lets the client see what it has: all that belongs together was sent, or
    /// `now` no more will be.
    pub fn let_go(&mut self, now: bool) -> Option<u64> {
        match self.back {
            Back::Until(entry) if now || self.frame_left == 0 => {
                self.back = Back::No;
                Some(entry)
            }
            _ => None,
        }
    }

    /// The stream's bytes are of this level now.
    pub fn set_level(&mut self, send: &SendStream, level: Level, waiting: u64, ranks: &mut Ranks) {
        if let Some(priority) = self.rank.of(level, waiting, ranks) {
            let _ = send.set_priority(priority);
        }
    }

    /// Hands over what goes before the next byte of the body.
    pub fn poll_flush(
        &mut self,
        send: &mut SendStream,
        pulse: &Pulse,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), WriteError>> {
        while !self.pending.is_empty() {
            let mut chunks = [std::mem::take(&mut self.pending)];
            let written = hand_over(send, &mut chunks, pulse, context);
            let [rest] = chunks;
            self.pending = rest;
            ready!(written)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Hands at most `room` bytes of the body over, in a frame of their own; how many of them
    /// there was room for. `whole` asks for exactly `room` bytes in that frame.
    pub fn poll_send(
        &mut self,
        send: &mut SendStream,
        pulse: &Pulse,
        (room, whole): (usize, bool),
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, WriteError>> {
        let left = usize::try_from(self.frame_left).unwrap_or(usize::MAX);
        let chunk = match left {
            0 => self.source.take(room, whole),
            left => self.source.take(room.min(left), false),
        };
        if self.frame_left == 0 && !chunk.is_empty() {
            let mut frame = Vec::from(std::mem::take(&mut self.pending));
            write_number(kind::DATA, &mut frame);
            write_number(chunk.len() as u64, &mut frame);
            self.pending = frame.into();
            self.frame_left = chunk.len() as u64;
        }
        let length = chunk.len();
        let mut chunks = [std::mem::take(&mut self.pending), chunk];
        let written = hand_over(send, &mut chunks, pulse, context);
        let [pending, rest] = chunks;
        let taken = length - rest.len();
        self.pending = pending;
        self.source.put_back(rest);
        self.frame_left -= taken as u64;
        ready!(written)?;
        Poll::Ready(Ok(taken))
    }

    /// Whether every byte of the body was handed over and none will come.
    pub fn is_spent(&self) -> bool {
        self.source.is_spent() && self.frame_left == 0
    }

    /// Hands over what follows the last byte of the body, and the end of the stream.
    pub fn poll_finish(
        &mut self,
        send: &mut SendStream,
        pulse: &Pulse,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), WriteError>> {
        self.begin(false, |_| None);
        if !self.trailers_queued {
            self.trailers_queued = true;
            if let Some(trailers) = self.source.take_trailers() {
                let mut frames = Vec::from(std::mem::take(&mut self.pending));
                frames.extend(head::response_trailers(&trailers));
                self.pending = frames.into();
            }
        }
        ready!(self.poll_flush(send, pulse, context))?;
        Poll::Ready(send.finish().map_err(|_| WriteError::ClosedStream))
    }
}

/// Hands over what there is room for, and counts it.
fn hand_over(
    send: &mut SendStream,
    chunks: &mut [Bytes],
    pulse: &Pulse,
    context: &mut Context<'_>,
) -> Poll<Result<(), WriteError>> {
    let length = |chunks: &[Bytes]| chunks.iter().map(|chunk| chunk.len() as u64).sum();
    // Counted before, as it may leave before this returns.
    pulse.hand(length(chunks));
    let written = pin!(send.write_chunks(chunks)).poll(context);
    pulse.take_back(length(chunks));
    written.map_ok(drop)
}
