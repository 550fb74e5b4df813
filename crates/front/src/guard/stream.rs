//! The guard between a connection and hyper, and the clock of an HTTP/1 connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::{Guard, Limits, Violation, Watch};
use crate::FrontSettings;
use crate::pace::Pace;

/// Stands for a refused request: hyper answers it after those before it, and the service knows
/// it by its number.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

const READ_SIZE: usize = 8 * 1024;

/// After a refusal what still comes is read and thrown away this long, and this far: closing a
/// socket with unread bytes would destroy the answer on its way (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;

/// How long each kind of wait may be.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    head: Duration,
    body: Duration,
    idle: Duration,
    write: Duration,
    /// The least a client must move, in bytes a second.
    rate: u64,
}

impl From<&FrontSettings> for Timeouts {
    fn from(settings: &FrontSettings) -> Self {
        let FrontSettings {
            timeouts, limits, ..
        } = settings;
        Self {
            head: timeouts.head,
            body: timeouts.body,
            idle: timeouts.idle,
            write: timeouts.write,
            rate: limits.rate.bytes(),
        }
    }
}

/// A connection whose incoming bytes pass a [`Guard`], and whose waits have an end.
pub struct Guarded<IO> {
    io: IO,
    guard: Guard,
    watch: Arc<Watch>,
    timeouts: Timeouts,
    /// Bytes that passed the guard and wait for the reader, from `taken` on.
    passed: Vec<u8>,
    taken: usize,
    scratch: Box<[u8]>,
    /// The body broke: the reader hears of it after what passed.
    broken: bool,
    reading: Wait,
    writing: Wait,
    /// How fast the client takes, and sends a body.
    taking: Pace,
    sending: Pace,
    /// Whether something is being written that is not flushed.
    unflushed: bool,
    lingering: Option<usize>,
}

/// How a wait for the client's next bytes may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Head,
    Body,
    Request,
    Nothing,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Guarded<IO> {
    /// Puts a guard on a new connection.
    pub fn new(io: IO, limits: Limits, timeouts: Timeouts, watch: Arc<Watch>) -> Self {
        Self {
            io,
            guard: Guard::new(limits),
            watch,
            timeouts,
            passed: Vec::new(),
            taken: 0,
            scratch: vec![0; READ_SIZE].into_boxed_slice(),
            broken: false,
            reading: Wait::default(),
            writing: Wait::default(),
            taking: Pace::new(timeouts.write, timeouts.rate),
            sending: Pace::new(timeouts.body, timeouts.rate),
            unflushed: false,
            lingering: None,
        }
    }

    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) {
        let waiting = self.passed.get(self.taken..).unwrap_or_default();
        let count = waiting.len().min(buffer.remaining());
        buffer.put_slice(waiting.get(..count).unwrap_or_default());
        self.taken += count;
        if self.taken == self.passed.len() {
            self.passed.clear();
            self.taken = 0;
        }
    }

    /// Reads bytes that pass whatever they are straight into the reader's buffer.
    fn read_free(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        let count = buffer.filled().len() - before;
        if self.sending.moved(count) {
            self.refuse(Violation::Late);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let free = usize::try_from(self.guard.free_passage()).unwrap_or(usize::MAX);
        if count <= free {
            self.guard.pass(count as u64);
        } else {
            // The body ended inside: what follows goes through the guard.
            let rest = buffer.filled().get(before + free..).unwrap_or_default();
            let rest = rest.to_vec();
            buffer.set_filled(before + free);
            self.guard.pass(free as u64);
            self.feed(&rest);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads through the guard. `Ready(false)`: the client has closed its side.
    fn read_guarded(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut buffer = ReadBuf::new(&mut scratch);
        let polled = Pin::new(&mut self.io).poll_read(context, &mut buffer);
        let input = buffer.filled();
        let was_in_head = self.guard.in_head().then(|| self.guard.released());
        self.feed(input);
        let still_in_head = self.guard.in_head().then(|| self.guard.released());
        // A head has a deadline as a whole; trickling does not prolong it.
        if polled.is_ready() && (was_in_head.is_none() || was_in_head != still_in_head) {
            self.reading.stop();
        }
        let count = input.len();
        let has_read = count > 0;
        self.scratch = scratch;
        if has_read && self.sending.moved(count) && self.guard.in_body() {
            self.refuse(Violation::Late);
        }
        polled.map_ok(|()| has_read)
    }

    fn feed(&mut self, input: &[u8]) {
        let before = self.guard.released();
        if self.guard.is_over() {
            return;
        }
        let fed = self.guard.feed(input, &mut self.passed);
        if self.guard.released() != before {
            let upgrade = self.guard.asks_upgrade();
            self.watch.release(self.guard.released(), upgrade);
        }
        if let Err(violation) = fed {
            self.refuse(violation);
        }
    }

    fn refuse(&mut self, violation: Violation) {
        self.guard.refuse(violation);
        if self.guard.broke_in_body() {
            self.watch.refuse(self.guard.released(), violation);
            self.broken = true;
        } else {
            self.watch.refuse(self.guard.released() + 1, violation);
            self.passed.extend_from_slice(REFUSED);
        }
    }

    fn expected(&self) -> Expected {
        if self.guard.in_head() {
            Expected::Head
        } else if self.guard.in_body() {
            Expected::Body
        } else if self.guard.is_between() || self.guard.is_over() {
            Expected::Request
        } else {
            Expected::Nothing
        }
    }

    /// Waits for the client, as long as it may take. `Ready(Ok(false))`: the connection is over;
    /// `Ready(Ok(true))`: there is something to hand over.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let expected = self.expected();
        // A response is taken from its maker long before the client has it.
        let is_idle = self.watch.is_idle() && !self.unflushed;
        if self.guard.is_over() && is_idle {
            return Poll::Ready(Ok(false));
        }
        let limit = match expected {
            Expected::Nothing => return Poll::Pending,
            Expected::Head => self.timeouts.head,
            Expected::Body => {
                self.sending.wait();
                self.timeouts.body
            }
            Expected::Request if self.guard.released() == 0 => self.timeouts.head,
            Expected::Request => self.timeouts.idle,
        };
        loop {
            ready!(self.reading.poll(context, limit));
            self.reading.stop();
            match expected {
                // It waits for our answer, not we for its request.
                Expected::Request if !is_idle => {}
                Expected::Request | Expected::Nothing => return Poll::Ready(Ok(false)),
                Expected::Head | Expected::Body => {
                    self.refuse(Violation::Late);
                    return Poll::Ready(Ok(true));
                }
            }
        }
    }

    /// A client that is being answered is not idle.
    fn begin_write(&mut self) {
        self.unflushed = true;
        if self.expected() == Expected::Request {
            self.reading.stop();
        }
    }

    /// Bounds the time in which the client takes nothing.
    fn bound_write<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.writing.stop();
            return polled;
        }
        self.taking.wait();
        ready!(self.writing.poll(context, self.timeouts.write));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Counts what the client has taken, and has no more patience with one that takes too little.
    fn taken(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(Ok(count)) if self.taking.moved(count) => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            other => other,
        }
    }

    /// Reads and throws away until the client has closed its side, or long enough.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut buffer = ReadBuf::new(&mut self.scratch);
            match Pin::new(&mut self.io).poll_read(context, &mut buffer) {
                Poll::Pending => return self.reading.poll(context, LINGER),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
            }
            let count = buffer.filled().len();
            let left = self.lingering.unwrap_or(0).saturating_sub(count);
            self.lingering = Some(left);
            if count == 0 || left == 0 {
                return Poll::Ready(());
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.watch.is_accepted() {
            this.guard.accept_upgrade(&mut this.passed);
        }
        loop {
            if !this.passed.is_empty() {
                this.hand_over(buffer);
                return Poll::Ready(Ok(()));
            }
            if this.broken {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let polled = if this.guard.free_passage() > 0 {
                match this.read_free(context, buffer) {
                    Poll::Ready(done) => {
                        this.reading.stop();
                        return Poll::Ready(done);
                    }
                    Poll::Pending => Poll::Pending,
                }
            } else if this.guard.has_room() {
                this.read_guarded(context)?
            } else {
                Poll::Pending
            };
            match polled {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    if !ready!(this.wait(context))? {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.begin_write();
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        let polled = self.taken(polled);
        self.bound_write(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.begin_write();
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        let polled = self.taken(polled);
        self.bound_write(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(context);
        self.unflushed &= polled.is_pending();
        self.bound_write(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let polled = Pin::new(&mut self.io).poll_shutdown(context);
            ready!(self.bound_write(context, polled))?;
            let is_clean =
                self.guard.is_between() || !(self.guard.is_over() || self.guard.in_body());
            if is_clean {
                return Poll::Ready(Ok(()));
            }
            self.lingering = Some(LINGER_BYTES);
            self.reading.stop();
        }
        self.linger(context).map(Ok)
    }
}

/// A wait that begins when it is first asked about.
#[derive(Default)]
struct Wait {
    since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Wait {
    /// Ready when the wait has lasted `limit`.
    fn poll(&mut self, context: &mut Context<'_>, limit: Duration) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let deadline = since + limit;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(context)
    }

    /// What was waited for has come.
    fn stop(&mut self) {
        self.since = None;
    }
}
