//! The one task of a connection: requests in, bytes out in their order.

mod requests;
mod turns;

pub(super) use requests::go_on;
use requests::said;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use delivery::{Priority, Scheduler};
use futures_util::stream::unfold;
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::task::coop;
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::control::{ControlStream, Listening};
use super::early::Early;
use super::latch::Latch;
use super::pulse::Pulse;
use super::rank::{Parked, Ranks};
use super::stream::{State, Stream};
use super::upload::Asking;
use super::wire::{Broken, Code, Event};
use super::{H3Error, pulse_of};
use crate::byte_log;
use crate::context::ConnectionContext;
use crate::multiplex::{Clock, Gate, Patience, Tick, Wakes};

/// How often the task goes round before other connections have their turn.
const ROUNDS: usize = 64;

/// How long requests that were under way when the client was asked to leave are still told that
/// they are refused, at least and at most; between them, some round trips.
const PARTING: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];
const PARTING_ROUNDS: u32 = 3;

type Arriving<T> = Pin<Box<dyn futures_util::Stream<Item = Result<T, ConnectionError>> + Send>>;

/// Everything about one connection.
pub struct Driver {
    connection: Connection,
    context: ConnectionContext,
    requests: Arriving<(SendStream, RecvStream)>,
    others: Arriving<RecvStream>,
    control: ControlStream,
    listening: Listening,
    wakes: Arc<Wakes>,
    /// Wakes the task for the connection itself.
    waker: Waker,
    streams: BTreeMap<u32, Box<Stream>>,
    /// How many of them are being answered.
    active: usize,
    scheduler: Scheduler,
    ranks: Ranks,
    latch: Latch,
    gate: Gate,
    pulse: Arc<Pulse>,
    /// What QUIC was last told it may hold, in bytes.
    window: u64,
    /// How much may wait in QUIC to be sent, in bytes.
    slack: u64,
    parked: Parked,
    /// Until the path is looked at although nothing was heard of it.
    watching: Option<Pin<Box<Sleep>>>,
    /// Body bytes until the path is looked at again.
    credit: u64,
    early: Early,
    clock: Clock,
    patience: Patience,
    shutdown: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Since the client was asked to leave.
    parting: Option<Pin<Box<Sleep>>>,
    /// The first stream whose request has not come.
    next: u32,
    woken: Vec<u32>,
}

impl Driver {
    /// A connection on which nothing was read.
    pub fn new(connection: Connection, context: ConnectionContext) -> Self {
        let wakes = Arc::new(Wakes::new());
        let settings = &context.settings;
        let order = settings.http3.order;
        let waker = wakes.connection_waker();
        let pulse = pulse_of(&connection);
        pulse.watch(&waker);
        Self {
            requests: Box::pin(unfold(connection.clone(), |connection| async {
                Some((connection.accept_bi().await, connection))
            })),
            others: Box::pin(unfold(connection.clone(), |connection| async {
                Some((connection.accept_uni().await, connection))
            })),
            control: ControlStream::new(&connection, settings.limits.head.bytes()),
            listening: Listening::default(),
            waker,
            wakes,
            streams: BTreeMap::new(),
            active: 0,
            scheduler: Scheduler::default(),
            ranks: Ranks::default(),
            latch: Latch::new(&connection),
            gate: Gate::new(order, Arc::clone(&context.connection), None),
            pulse,
            window: 0,
            slack: 0,
            parked: Parked::default(),
            watching: None,
            credit: 0,
            early: Early::default(),
            clock: Clock::new(
                settings.timeouts.idle,
                settings.timeouts.write,
                settings.limits.rate.bytes(),
            ),
            patience: Patience::new(settings.http3.max_streams),
            shutdown: Some(Box::pin(context.shutdown.clone().cancelled_owned())),
            parting: None,
            next: 0,
            woken: Vec::new(),
            connection,
            context,
        }
    }

    /// Serves until the connection is over.
    pub fn poll(&mut self, task: &mut Context<'_>) -> Poll<Result<(), H3Error>> {
        self.wakes.enter(task.waker());
        let waker = self.waker.clone();
        let context = &mut Context::from_waker(&waker);
        self.poll_clock(context)?;
        self.poll_watch(context);
        for _ in 0..ROUNDS {
            let mut woken = std::mem::take(&mut self.woken);
            if self.wakes.take(&mut woken) {
                self.poll_shutdown(context);
                self.poll_connection(context)?;
            }
            for id in woken.drain(..) {
                self.visit(id)?;
            }
            self.woken = woken;
            self.send();
            if self.has_parted(context) {
                return Poll::Ready(Ok(()));
            }
            if self.wakes.leave() {
                self.clock.rest(self.active == 0);
                return Poll::Pending;
            }
            if !coop::has_budget_remaining() {
                break;
            }
        }
        self.wakes.pause();
        Poll::Pending
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) {
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        if shutdown.as_mut().poll(context).is_ready() {
            self.shutdown = None;
            self.part(context);
        }
    }

    /// Asks the client to send no more requests. What has come is answered.
    fn part(&mut self, context: &mut Context<'_>) {
        if self.parting.is_some() {
            return;
        }
        self.control.goaway(u64::from(self.next) * 4);
        let [least, most] = PARTING;
        let linger = (self.connection.rtt() * PARTING_ROUNDS).clamp(least, most);
        self.parting = Some(Box::pin(tokio::time::sleep(linger)));
        // A stream that cannot be written to has lost its connection.
        let _ = self.control.poll(context);
    }

    /// Whether the client was asked to leave and nothing is left to finish.
    fn has_parted(&mut self, context: &mut Context<'_>) -> bool {
        let requests = self.streams.values();
        let unfinished = requests.filter(|stream| !matches!(stream.state, State::Head(_)));
        match &mut self.parting {
            Some(parting) if unfinished.count() == 0 => parting.as_mut().poll(context).is_ready(),
            _ => false,
        }
    }

    /// Ends connections that have been quiet for too long.
    fn poll_clock(&mut self, context: &mut Context<'_>) -> Result<(), H3Error> {
        let streams = &self.streams;
        let is_held_up = |stream: &Stream| match &stream.state {
            State::Turn(sending) => sending.blocked,
            _ => false,
        };
        let has_data = || streams.values().any(|stream| is_held_up(stream));
        match self.clock.poll(context, self.active == 0, has_data) {
            Some(Tick::Stalled) => Err(H3Error::Stalled),
            Some(Tick::Idle | Tick::Closed) => {
                self.part(context);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes new streams, and hears what the client says of the connection.
    fn poll_connection(&mut self, context: &mut Context<'_>) -> Result<(), H3Error> {
        if let Poll::Ready(told) = self.control.poll(context) {
            told?;
        }
        while let Poll::Ready(Some(stream)) = self.others.as_mut().poll_next(context) {
            self.listening.add(stream?);
        }
        let mut updates: Vec<(u64, Priority)> = Vec::new();
        let (early, latch) = (&mut self.early, &mut self.latch);
        let order = self.gate.keeps_order();
        let mut sound = Ok(());
        self.listening.poll(context, |event| match event {
            Event::Settings(table) if order => latch.settle(table),
            Event::Acknowledged => sound = sound.and(latch.hear(None)),
            Event::Inserted(count) => sound = sound.and(latch.hear(Some(count))),
            Event::Priority { stream, priority } if early.listens() => {
                updates.push((stream, priority));
            }
            _ => {}
        })?;
        sound?;
        self.latch.poll(context);
        for (stream, priority) in updates {
            self.reprioritise(stream, priority)?;
        }
        while let Poll::Ready(Some(request)) = self.requests.as_mut().poll_next(context) {
            // Acknowledgements are those of the handshake no longer.
            self.pulse.establish();
            let (send, receive) = request?;
            self.start(send, receive)?;
        }
        Ok(())
    }

    /// A PRIORITY_UPDATE for a request that has come, or will come.
    fn reprioritise(&mut self, stream: u64, priority: Priority) -> Result<(), Broken> {
        let Ok(id) = u32::try_from(stream / 4) else {
            return Err(beyond_the_limit());
        };
        // RFC 9218 §7.2: not for streams that the client may not open.
        let limit = self.context.settings.http3.max_streams;
        if id >= self.next.saturating_add(limit) {
            return Err(beyond_the_limit());
        }
        match self.streams.get_mut(&id) {
            Some(stream) => {
                let Some(asked) = &mut stream.asked else {
                    self.early.keep(id, priority);
                    return Ok(());
                };
                asked.said = Some(priority);
                asked
                    .log
                    .note(|| said(byte_log::Source::PriorityUpdate, priority));
                if let State::Turn(sending) = &stream.state {
                    let plan = stream.plan(&sending.wish);
                    self.scheduler.replan(id.into(), plan);
                }
            }
            None if id >= self.next => self.early.keep(id, priority),
            None => {}
        }
        Ok(())
    }

    /// A request begins to come.
    fn start(&mut self, mut send: SendStream, mut receive: RecvStream) -> Result<(), H3Error> {
        let Ok(id) = u32::try_from(send.id().index()) else {
            return Err(beyond_the_limit().into());
        };
        if self.parting.is_some() {
            let _ = send.reset(Code::REQUEST_REJECTED.0.into());
            let _ = receive.stop(Code::REQUEST_REJECTED.0.into());
            return Ok(());
        }
        self.next = self.next.max(id.saturating_add(1));
        let limit = usize::try_from(self.context.settings.limits.head.bytes());
        let early = receive.is_0rtt();
        let asking = Asking::new(receive, limit.unwrap_or(usize::MAX));
        let stream = Stream::new(id, send, early, asking, &self.wakes);
        self.streams.insert(id, Box::new(stream));
        self.visit(id)
    }

    /// Looks at a stream that asked for it.
    fn visit(&mut self, id: u32) -> Result<(), H3Error> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        stream.look();
        let waker = stream.waker();
        let context = &mut Context::from_waker(&waker);
        match stream.poll_end(context) {
            Poll::Ready(true) => {
                self.end(id, true);
                return Ok(());
            }
            Poll::Ready(false) => return self.give_up(id),
            Poll::Pending => {}
        }
        match &mut stream.state {
            State::Head(asking) => match asking.poll(&self.connection, context) {
                Poll::Pending => {}
                Poll::Ready(Ok(arrived)) => self.begin(id, arrived, context),
                Poll::Ready(Err(error)) => return self.refuse(id, &error),
            },
            State::Answer(answer) => {
                if let Poll::Ready((ending, response)) = answer.as_mut().poll(context) {
                    self.active -= 1;
                    self.respond(id, Some(ending), response);
                }
            }
            State::Turn(_) => self.resume(id),
            State::Leaving => {}
        }
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // What is cut off must not look finished: a stream that is dropped ends like one that is.
        self.connection.close(Code::NO_ERROR.0.into(), b"");
    }
}

fn beyond_the_limit() -> Broken {
    Broken::new(Code::ID_ERROR, "a stream beyond the limit")
}
