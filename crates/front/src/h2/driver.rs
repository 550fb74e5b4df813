//! The one task of a connection: requests in, bytes out in their order.

mod hearing;
mod turns;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base::Body;
use bytes::Bytes;
use delivery::Scheduler;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::header::EXPECT;
use http::{Request, StatusCode};
use pipeline::{Exchange, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::H2Error;
use super::signals::Early;
use super::stream::{Outlet, Sending, Shut, State, Stream};
use super::upload::Upload;
use crate::byte_log::{self, Event};
use crate::context::ConnectionContext;
use crate::convert::{self, path};
use crate::ending::Ending;
use crate::guard::Violation;
use crate::multiplex::{
    Asked, Clock, Gate, Naming, Patience, Source, Tick, Wakes, Wish, is_shared,
};
use crate::tap::{Signal, Tap, Tapped};

/// How often the task goes round before other connections have their turn.
const ROUNDS: usize = 64;

/// What a connection's window takes before it is opened (RFC 9113 §6.9.2).
const INITIAL_WINDOW: i64 = 65_535;

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
    patience: Patience,
    shutdown: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Body bytes handed to the connection that have not left.
    waiting: u64,
    /// What the client's window for the connection still takes, in bytes. The library knows it and
    /// does not tell; without it every stream in turn would be found blocked, and would then send
    /// the crumbs it was given.
    window: i64,
    last_accepted: u32,
    naming: Naming,
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
            clock: Clock::new(
                settings.timeouts.idle,
                settings.timeouts.write,
                settings.limits.rate.bytes(),
            ),
            patience: Patience::new(settings.http2.max_streams),
            shutdown: Some(Box::pin(context.shutdown.clone().cancelled_owned())),
            waiting: 0,
            window: INITIAL_WINDOW,
            last_accepted: 0,
            naming: Naming::default(),
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
        self.tap.set_gathering(self.gate.gathers());
        for _ in 0..ROUNDS {
            let mut woken = std::mem::take(&mut self.scratch.woken);
            if self.wakes.take(&mut woken) {
                let over = self.poll_connection(context);
                // What left before the connection ended has left.
                self.settle();
                if over? {
                    return Poll::Ready(Ok(()));
                }
                self.hear();
                self.hear_silence();
            }
            self.start_incoming(context);
            for id in woken.drain(..) {
                self.visit(id);
            }
            self.scratch.woken = woken;
            self.send();
            if self.tap.is_gathering() && self.wakes.is_quiet() {
                // One more round, in which everything that was gathered goes out at once.
                self.tap.set_gathering(false);
                self.waker.wake_by_ref();
                continue;
            }
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
        let Self {
            streams, scheduler, ..
        } = self;
        let shut = self.window <= 0;
        let handed_over = self.waiting > 0;
        let has_data = || {
            let blocked = |stream: &Stream| match &stream.state {
                State::Turn(sending) => sending.blocked,
                State::Answer { .. } => false,
            };
            let is_held_up = shut && !scheduler.is_empty();
            handed_over || is_held_up || streams.values().any(|stream| blocked(stream))
        };
        match self.clock.poll(context, streams.is_empty(), has_data) {
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
                Poll::Ready(None) if self.patience.is_over() => return Err(H2Error::GivenUp),
                Poll::Ready(None) => return Ok(true),
                Poll::Ready(Some(incoming)) => self.scratch.incoming.push(incoming?),
            }
        }
    }

    /// Counts what has left, and ends the streams whose last byte has.
    fn settle(&mut self) {
        let mut written = std::mem::take(&mut self.scratch.written);
        self.tap.take_written(&mut written);
        self.window = self.window.saturating_add_unsigned(self.tap.take_opened());
        let left: usize = written.iter().map(|(_, bytes)| bytes).sum();
        self.clock.progress(left as u64);
        for (id, bytes) in written.drain(..) {
            let bytes = bytes as u64;
            let Some(State::Turn(sending)) = self.streams.get_mut(&id).map(|it| &mut it.state)
            else {
                // A frame of a stream that was reset, half written then: it was taken off the
                // count with its stream, but it does use the window.
                self.window = self.window.saturating_sub_unsigned(bytes);
                continue;
            };
            let bytes = bytes.min(sending.waiting);
            sending.waiting -= bytes;
            self.waiting -= bytes;
            if sending.is_done() {
                self.end(id, true);
            } else if sending.is_to_reset() {
                self.reset(id);
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
        let learns = self.context.settings.http2.learn;
        let learned = Some(&*self.context.learned).filter(|_| learns);
        let place = learned.and_then(|it| it.place(&head.uri, &head.headers));
        let mut asked = Asked {
            said: self.early.resolve(id, &head.headers),
            shared: is_shared(&head.headers),
            method: head.method.clone(),
            place,
            recalled: place.and_then(|place| self.context.learned.recall(place)),
            before_layout: !self.naming.is_known(),
            log: self.context.log.stream(id.into(), path(&head.uri)),
        };
        if let Some(priority) = asked.said {
            let said = byte_log::Said::new(byte_log::Source::Request, priority);
            asked.log.note(|| Event::Said(said));
        }
        if asked.is_named() {
            self.naming.heard();
            self.pass_over_others();
        } else if self.naming.is_known() {
            asked.pass_over();
        }
        let body = Upload::body(upload, &head.headers, &self.context.settings);
        if head.headers.contains_key(EXPECT) && !matches!(body, Body::Empty) {
            let mut go_on = http::Response::new(());
            *go_on.status_mut() = StatusCode::CONTINUE;
            // If it cannot be said the stream is lost, which the answer will find out.
            let _ = respond.send_informational(go_on);
        }
        let exchange = convert::exchange(head, body, &self.context.connection, false);
        let exchange = match exchange.and_then(|exchange| self.bound_headers(exchange)) {
            Ok(exchange) => exchange,
            Err(refusal) => return self.respond(id, asked, None, refusal, respond),
        };
        let mut ending = Box::new(Ending::new(&*self.context.directory, exchange));
        let mut answer = Box::pin(async move {
            let response = ending.answer().await;
            (ending, response)
        });
        match answer.as_mut().poll(context) {
            Poll::Ready((ending, response)) => {
                self.respond(id, asked, Some(ending), response, respond);
            }
            Poll::Pending => {
                let stream = Stream::new(id, asked, State::Answer { answer, respond });
                self.streams.insert(id, Box::new(stream));
                // Now with the waker that says which stream it was.
                self.visit(id);
            }
        }
    }

    /// Refuses a request with too many headers. Counted when a cookie that came in pieces is whole.
    fn bound_headers(&self, exchange: Exchange) -> Result<Exchange, Box<Response>> {
        let limit = self.context.settings.limits.headers as usize;
        match exchange.headers.len() > limit {
            true => Err(Box::new(Violation::TooMany.answer())),
            false => Ok(exchange),
        }
    }

    /// Sends the head of a response, and its body as soon as its turn comes.
    fn respond(
        &mut self,
        id: u32,
        asked: Asked,
        mut ending: Option<Box<Ending>>,
        mut response: Box<Response>,
        mut respond: SendResponse<Bytes>,
    ) {
        let wish = Wish::of(&response, self.gate.keeps_order());
        // What is on screen of a new page is not known.
        if wish.is_page() {
            self.naming.begin_page();
        }
        convert::settle(&asked.method, false, &mut response);
        if let Some(ending) = &mut ending {
            ending.set_status(response.status);
            if let Some(alternative) = &self.context.alternative {
                alternative.advertise(ending.uri(), &mut response.headers);
            }
        }
        let mut head = http::Response::new(());
        *head.status_mut() = response.status;
        *head.headers_mut() = std::mem::take(&mut response.headers);
        let body = std::mem::take(&mut response.body);
        let empty = matches!(body, Body::Empty);
        let length = body.exact_len();
        // A browser names no picture of which the head has come.
        let outlet = if wish.is_picture() && !empty && !self.gate.is_open() {
            let shut = Shut {
                respond,
                head,
                length,
            };
            Outlet::Shut(Box::new(shut))
        } else {
            let status = head.status().as_u16();
            asked.log.note(|| Event::Head { status, length });
            let Ok(send) = respond.send_response(head, empty) else {
                // The client gave the stream up meanwhile.
                return;
            };
            Outlet::Open(send, None)
        };
        if empty {
            if let Some(ending) = &mut ending {
                ending.complete();
            }
            asked.log.note(|| Event::End);
            return;
        }
        let sending = Sending {
            outlet,
            source: Source::new(body),
            ending,
            wish,
            waiting: 0,
            blocked: false,
            finished: false,
            broken: false,
        };
        self.queue(Stream::new(id, asked, State::Turn(Box::new(sending))));
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
            return self.give_up(id);
        }
        match &mut stream.state {
            State::Answer { answer, .. } => {
                if let Poll::Ready((ending, response)) = answer.as_mut().poll(context) {
                    self.answered(id, ending, response);
                }
            }
            State::Turn(sending) => {
                if sending.blocked {
                    let send = sending.outlet.open(&stream.asked.log);
                    let Ok(capacity) = send.map(|send| send.poll_capacity(context)) else {
                        return self.end(id, false);
                    };
                    match capacity {
                        Poll::Pending => {}
                        Poll::Ready(Some(Ok(_))) => {
                            sending.blocked = false;
                            stream.asked.log.note(|| Event::Unblocked);
                            self.scheduler.unblock(id.into());
                        }
                        Poll::Ready(_) => return self.end(id, false),
                    }
                }
                self.read_ahead(id);
            }
        }
    }

    /// The client has no more use for a stream; one that does that too often has its last.
    fn give_up(&mut self, id: u32) {
        if let Some(stream) = self.streams.get(&id) {
            let by_client = true;
            stream.asked.log.note(|| Event::Reset { by_client });
        }
        self.end(id, false);
        if self.patience.wear() {
            self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            self.waker.wake_by_ref();
        }
    }

    fn answered(&mut self, id: u32, ending: Box<Ending>, response: Box<Response>) {
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        let Stream { asked, state, .. } = *stream;
        if let State::Answer { respond, .. } = state {
            self.respond(id, asked, Some(ending), response, respond);
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
                self.give_up(id);
            }
        }
        self.scratch.fresh = fresh;
    }
}
