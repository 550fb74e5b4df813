//! The one task of a connection: requests in, bytes out in their order.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base::Body;
use bytes::Bytes;
use delivery::{Grant, Scheduler};
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::header::{EXPECT, FORWARDED, VIA};
use http::{Method, Request, StatusCode};
use pipeline::Response;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::H2Error;
use super::clock::{Clock, Tick};
use super::gate::Gate;
use super::signals::{Early, amend};
use super::source::{Read, Source, Upload};
use super::stream::{Sending, State, Stream, Wish};
use super::wakes::Wakes;
use crate::context::ConnectionContext;
use crate::convert;
use crate::ending::Ending;
use crate::tap::{Signal, Tap, Tapped};

/// How often the task goes round before other connections have their turn.
const ROUNDS: usize = 64;

type Incoming = (Request<RecvStream>, SendResponse<Bytes>);

/// Everything about one connection.
pub struct Driver<IO> {
    connection: Connection<Tapped<IO>, Bytes>,
    context: ConnectionContext,
    tap: Arc<Tap>,
    wakes: Arc<Wakes>,
    /// Wakes the task for the connection itself.
    waker: Waker,
    streams: BTreeMap<u32, Box<Stream>>,
    scheduler: Scheduler,
    gate: Gate,
    early: Early,
    clock: Clock,
    shutdown: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Body bytes handed to the connection that have not left.
    waiting: u64,
    last_accepted: u32,
    scratch: Scratch,
}

/// Lists that are empty between rounds; kept for their memory.
#[derive(Default)]
struct Scratch {
    incoming: Vec<Incoming>,
    signals: Vec<Signal>,
    written: Vec<(u32, usize)>,
    woken: Vec<u32>,
    /// Streams that began in this run; those still there at its end want to hear of resets.
    fresh: Vec<u32>,
}

impl<IO> Driver<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// A connection whose preface was read.
    pub fn new(
        connection: Connection<Tapped<IO>, Bytes>,
        tap: Arc<Tap>,
        context: ConnectionContext,
    ) -> Self {
        let wakes = Arc::new(Wakes::new());
        let settings = &context.settings;
        let gate = Gate::new(
            settings.http2.order,
            Arc::clone(&context.connection),
            context.socket.clone(),
        );
        Self {
            connection,
            tap,
            waker: wakes.connection_waker(),
            wakes,
            streams: BTreeMap::new(),
            scheduler: Scheduler::default(),
            gate,
            early: Early::default(),
            clock: Clock::new(settings.timeouts.idle, settings.timeouts.write),
            shutdown: Some(Box::pin(context.shutdown.clone().cancelled_owned())),
            waiting: 0,
            last_accepted: 0,
            scratch: Scratch::default(),
            context,
        }
    }

    /// Serves until the connection is over.
    pub fn poll(&mut self, task: &mut Context<'_>) -> Poll<Result<(), H2Error>> {
        self.wakes.enter(task.waker());
        let waker = self.waker.clone();
        let context = &mut Context::from_waker(&waker);
        if self.poll_shutdown(context) || self.poll_clock(context)? {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..ROUNDS {
            let mut woken = std::mem::take(&mut self.scratch.woken);
            if self.wakes.take(&mut woken) && self.poll_connection(context)? {
                return Poll::Ready(Ok(()));
            }
            self.hear();
            self.settle();
            self.start_incoming(context);
            for id in woken.drain(..) {
                self.visit(id);
            }
            self.scratch.woken = woken;
            self.send();
            self.watch_fresh();
            if self.wakes.leave() {
                self.clock.rest(self.streams.is_empty());
                return Poll::Pending;
            }
            if !coop::has_budget_remaining() {
                break;
            }
        }
        self.wakes.pause();
        Poll::Pending
    }

    /// Whether the server shuts down and nothing is left to finish.
    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> bool {
        let Some(shutdown) = &mut self.shutdown else {
            return false;
        };
        if shutdown.as_mut().poll(context).is_ready() {
            self.shutdown = None;
            self.close();
        }
        false
    }

    /// Asks the client to open no more streams; the library closes when the last one is done.
    fn close(&mut self) {
        self.connection.graceful_shutdown();
        self.clock.close();
    }

    /// Whether time is up for an idle connection that was asked to close.
    fn poll_clock(&mut self, context: &mut Context<'_>) -> Result<bool, H2Error> {
        let has_data = self.waiting > 0
            || self.streams.values().any(|stream| match &stream.state {
                State::Turn(sending) => sending.blocked,
                State::Answer { .. } => false,
            });
        match self
            .clock
            .poll(context, self.streams.is_empty(), || has_data)
        {
            None => Ok(false),
            Some(Tick::Idle) => {
                self.close();
                Ok(false)
            }
            Some(Tick::Stalled) => Err(H2Error::Stalled),
            Some(Tick::Closed) => Ok(true),
        }
    }

    /// Drives the library: reads, writes, takes requests. Whether the connection is over.
    fn poll_connection(&mut self, context: &mut Context<'_>) -> Result<bool, H2Error> {
        loop {
            match self.connection.poll_accept(context) {
                Poll::Pending => return Ok(false),
                Poll::Ready(None) => return Ok(true),
                Poll::Ready(Some(incoming)) => self.scratch.incoming.push(incoming?),
            }
        }
    }

    /// Listens to what the client said of priorities.
    fn hear(&mut self) {
        let mut signals = std::mem::take(&mut self.scratch.signals);
        self.tap.take_signals(&mut signals);
        for signal in signals.drain(..) {
            match self.streams.get_mut(&signal.stream) {
                Some(stream) => {
                    if let Some(priority) = amend(stream.said, signal.said) {
                        stream.said = Some(priority);
                        replan(&mut self.scheduler, stream);
                    }
                }
                None if signal.stream > self.last_accepted => self.early.keep(signal),
                None => {}
            }
        }
        self.scratch.signals = signals;
    }

    /// Counts what has left, and ends the streams whose last byte has.
    fn settle(&mut self) {
        let mut written = std::mem::take(&mut self.scratch.written);
        self.tap.take_written(&mut written);
        if !written.is_empty() {
            self.clock.progress();
        }
        for (id, bytes) in written.drain(..) {
            // Bytes of a stream that was reset were taken off the count with it.
            let Some(State::Turn(sending)) = self.streams.get_mut(&id).map(|it| &mut it.state)
            else {
                continue;
            };
            let bytes = (bytes as u64).min(sending.waiting);
            sending.waiting -= bytes;
            self.waiting -= bytes;
            if sending.is_done() {
                self.end(id, true);
            }
        }
        self.scratch.written = written;
    }

    fn start_incoming(&mut self, context: &mut Context<'_>) {
        if self.scratch.incoming.is_empty() {
            return;
        }
        self.clock.busy();
        let mut incoming = std::mem::take(&mut self.scratch.incoming);
        for (request, respond) in incoming.drain(..) {
            let id = respond.stream_id().as_u32();
            self.last_accepted = self.last_accepted.max(id);
            self.start(id, request, respond, context);
        }
        self.scratch.incoming = incoming;
        self.early.forget_up_to(self.last_accepted);
    }

    /// Puts the pipeline to work on a request. Most answers from the cache are ready at once, and
    /// then cost neither a waker nor a task.
    fn start(
        &mut self,
        id: u32,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        context: &mut Context<'_>,
    ) {
        let (head, upload) = request.into_parts();
        let said = self.early.resolve(id, &head.headers);
        let shared = head.headers.contains_key(VIA) || head.headers.contains_key(FORWARDED);
        let body = Upload::body(upload, &head.headers);
        if head.headers.contains_key(EXPECT) && !matches!(body, Body::Empty) {
            let mut go_on = http::Response::new(());
            *go_on.status_mut() = StatusCode::CONTINUE;
            // If it cannot be said the stream is lost, which the answer will find out.
            let _ = respond.send_informational(go_on);
        }
        let method = head.method.clone();
        let exchange = match convert::exchange(head, body, &self.context.connection, false) {
            Ok(exchange) => exchange,
            Err(refusal) => return self.respond(id, said, shared, &method, None, refusal, respond),
        };
        let mut ending = Box::new(Ending::new(&*self.context.directory, exchange));
        let mut answer = Box::pin(async move {
            let response = ending.answer().await;
            (ending, response)
        });
        match answer.as_mut().poll(context) {
            Poll::Ready((ending, response)) => {
                self.respond(id, said, shared, &method, Some(ending), response, respond);
            }
            Poll::Pending => {
                let mut stream = Stream::new(id, method, State::Answer { answer, respond });
                stream.said = said;
                stream.shared = shared;
                self.streams.insert(id, Box::new(stream));
                // Now with the waker that says which stream it was.
                self.visit(id);
            }
        }
    }

    /// Sends the head of a response, and its body as soon as its turn comes.
    #[expect(
        clippy::too_many_arguments,
        reason = "all of a stream that has no state yet; a struct for it would be made and torn \
                  apart once a request"
    )]
    fn respond(
        &mut self,
        id: u32,
        said: Option<delivery::Priority>,
        shared: bool,
        method: &Method,
        mut ending: Option<Box<Ending>>,
        mut response: Box<Response>,
        mut respond: SendResponse<Bytes>,
    ) {
        let wish = Wish::of(&mut response);
        convert::settle(method, false, &mut response);
        if let Some(ending) = &mut ending {
            ending.set_status(response.status);
        }
        let mut head = http::Response::new(());
        *head.status_mut() = response.status;
        *head.headers_mut() = std::mem::take(&mut response.headers);
        let body = std::mem::take(&mut response.body);
        let empty = matches!(body, Body::Empty);
        let Ok(send) = respond.send_response(head, empty) else {
            // The client gave the stream up meanwhile.
            return;
        };
        if empty {
            if let Some(ending) = &mut ending {
                ending.complete();
            }
            return;
        }
        let sending = Sending {
            send,
            source: Source::new(body),
            ending,
            wish,
            waiting: 0,
            blocked: false,
            finished: false,
        };
        let mut stream = Stream::new(id, method.clone(), State::Turn(Box::new(sending)));
        stream.said = said;
        stream.shared = shared;
        self.queue(stream);
    }

    /// Hands a body over at once where that harms no other, else gives it to the scheduler.
    fn queue(&mut self, mut stream: Stream) {
        let id = stream.id;
        let State::Turn(sending) = &mut stream.state else {
            return;
        };
        let length = sending.source.total();
        self.gate.look_if_due();
        let straight = self.gate.is_open()
            && sending.source.is_over()
            && self.scheduler.is_empty()
            && self.waiting + length <= self.gate.limit(true)
            && {
                let wanted = usize::try_from(length).unwrap_or(usize::MAX);
                sending.send.reserve_capacity(wanted);
                sending.send.capacity() >= wanted
            };
        if straight {
            if hand_over(sending, &self.tap, id, usize::MAX, false).is_ok() {
                self.waiting += length;
                self.gate.spend(length);
                self.streams.insert(id, Box::new(stream));
                self.scratch.fresh.push(id);
            }
            return;
        }
        sending.send.reserve_capacity(0);
        let plan = match self.gate.keeps_order() {
            true => sending.wish.plan(stream.said, stream.shared),
            false => delivery::Plan::fair(),
        };
        self.scheduler.insert(id.into(), plan);
        self.streams.insert(id, Box::new(stream));
        self.scratch.fresh.push(id);
        self.read_ahead(id);
    }

    /// Reads on in a streamed body, as far as is allowed to wait.
    fn read_ahead(&mut self, id: u32) {
        let limit = self.context.settings.http2.read_ahead.bytes();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // A unit of a plan must fit, or it would never be complete.
        let limit = limit.max(delivery::RECORD_BODY);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let whole = matches!(&stream.state, State::Turn(sending) if sending.source.is_over());
        let waker = match whole {
            // A body at hand needs nobody to wake.
            true => self.waker.clone(),
            false => stream.waker(&self.wakes),
        };
        let State::Turn(sending) = &mut stream.state else {
            return;
        };
        let read = sending
            .source
            .read_ahead(limit, &mut Context::from_waker(&waker));
        self.scheduler.available(id.into(), sending.source.total());
        match read {
            Read::Later | Read::Enough => {}
            Read::Over => {
                self.scheduler.end(id.into());
                if sending.source.is_spent() {
                    self.finish(id);
                }
            }
            Read::Failed(error) => {
                sending.break_off(&error);
                self.end(id, false);
            }
        }
    }

    /// Looks at a stream that asked for it.
    fn visit(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.look();
        let waker = stream.waker(&self.wakes);
        let context = &mut Context::from_waker(&waker);
        if stream.is_given_up(context) {
            return self.end(id, false);
        }
        match &mut stream.state {
            State::Answer { answer, .. } => {
                if let Poll::Ready((ending, response)) = answer.as_mut().poll(context) {
                    self.answered(id, ending, response);
                }
            }
            State::Turn(sending) => {
                if sending.blocked {
                    match sending.send.poll_capacity(context) {
                        Poll::Pending => {}
                        Poll::Ready(Some(Ok(_))) => {
                            sending.blocked = false;
                            self.scheduler.unblock(id.into());
                        }
                        Poll::Ready(_) => return self.end(id, false),
                    }
                }
                self.read_ahead(id);
            }
        }
    }

    fn answered(&mut self, id: u32, ending: Box<Ending>, response: Box<Response>) {
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        let Stream {
            said,
            shared,
            method,
            state,
            ..
        } = *stream;
        if let State::Answer { respond, .. } = state {
            self.respond(id, said, shared, &method, Some(ending), response, respond);
        }
    }

    /// Grants what may leave now.
    fn send(&mut self) {
        if self.scheduler.is_empty() {
            return;
        }
        self.gate.look_if_due();
        let lone = self.scheduler.len() == 1;
        while self.waiting < self.gate.limit(lone) {
            let Some(grant) = self.scheduler.next(self.gate.grain(lone)) else {
                break;
            };
            self.send_grant(grant);
        }
    }

    /// Sends what was granted, as far as the client's window goes.
    fn send_grant(&mut self, grant: Grant) {
        let id = u32::try_from(grant.stream).unwrap_or(0);
        let Some(State::Turn(sending)) = self.streams.get_mut(&id).map(|it| &mut it.state) else {
            return self.scheduler.remove(grant.stream);
        };
        // Only now: what is reserved early is lost to streams that could use it.
        sending.send.reserve_capacity(grant.bytes);
        let room = sending.send.capacity().min(grant.bytes);
        let before = sending.waiting;
        if room > 0 && hand_over(sending, &self.tap, id, room, grant.whole).is_err() {
            return self.end(id, false);
        }
        let bytes = sending.waiting - before;
        if room > 0 && bytes == 0 {
            // Nothing is at hand although the scheduler thinks so: never ask it twice.
            return self.end(id, false);
        }
        self.waiting += bytes;
        self.gate.spend(bytes);
        self.scheduler
            .sent(grant.stream, usize::try_from(bytes).unwrap_or(0));
        if sending.finished {
            return self.scheduler.remove(grant.stream);
        }
        if room < grant.bytes {
            self.block(id);
        }
        self.read_ahead(id);
    }

    /// Waits for the client to open its window. One byte is asked for, so that the connection's
    /// window is not kept from others meanwhile.
    fn block(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let waker = stream.waker(&self.wakes);
        let State::Turn(sending) = &mut stream.state else {
            return;
        };
        sending.send.reserve_capacity(1);
        match sending.send.poll_capacity(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Pending => {
                sending.blocked = true;
                self.scheduler.block(id.into());
            }
            Poll::Ready(_) => self.end(id, false),
        }
    }

    /// The last byte was handed over; the end is told, and then waits to leave too.
    fn finish(&mut self, id: u32) {
        let Some(State::Turn(sending)) = self.streams.get_mut(&id).map(|it| &mut it.state) else {
            return;
        };
        let told = sending.finish();
        self.scheduler.remove(id.into());
        if told.is_err() {
            self.end(id, false);
        } else if sending.is_done() {
            self.end(id, true);
        }
    }

    /// Forgets a stream. What it still had waiting will never be counted as written.
    fn end(&mut self, id: u32, complete: bool) {
        self.scheduler.remove(id.into());
        let Some(mut stream) = self.streams.remove(&id) else {
            return;
        };
        if let State::Turn(sending) = &mut stream.state {
            self.waiting -= sending.waiting;
            if !complete {
                self.tap.forget(id);
            }
            if let Some(ending) = sending.ending.as_mut().filter(|_| complete) {
                ending.complete();
            }
        }
    }

    /// Arms the wake-up by resets for streams that did not end in the run they began in.
    fn watch_fresh(&mut self) {
        let mut fresh = std::mem::take(&mut self.scratch.fresh);
        for id in fresh.drain(..) {
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            let waker = stream.waker(&self.wakes);
            if stream.is_given_up(&mut Context::from_waker(&waker)) {
                self.end(id, false);
            }
        }
        self.scratch.fresh = fresh;
    }
}

/// Hands at most `room` bytes to the connection; they must have window.
fn hand_over(
    sending: &mut Sending,
    tap: &Tap,
    id: u32,
    room: usize,
    whole: bool,
) -> Result<(), h2::Error> {
    let bytes = sending.source.take(room, whole);
    let length = bytes.len();
    let last = sending.source.is_spent() && !sending.source.has_trailers();
    if whole {
        tap.expect_unit(id, length);
    }
    sending.send.send_data(bytes, last)?;
    sending.waiting += length as u64;
    if let Some(ending) = &mut sending.ending {
        ending.add_bytes(length as u64);
    }
    sending.finished = last;
    sending.finish()
}

/// Gives a response the plan that what was said of it now asks for.
fn replan(scheduler: &mut Scheduler, stream: &Stream) {
    if let State::Turn(sending) = &stream.state {
        if !sending.finished {
            scheduler.replan(
                stream.id.into(),
                sending.wish.plan(stream.said, stream.shared),
            );
        }
    }
}
