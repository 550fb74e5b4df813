//! Listens in on an HTTP/2 connection, between TLS and the HTTP/2 library.
//!
//! Inbound it hears what the library drops: the priorities of RFC 7540 and PRIORITY_UPDATE
//! (RFC 9218 §7.1), and the connection's window, which the library keeps to itself. Outbound it counts the bytes of bodies that have really left, and keeps a unit
//! of a plan in one TLS record.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

mod frames;
mod inbound;

use crate::socket::SocketHandle;
use frames::{DATA, Frames, HEAD, Step};
pub use inbound::{Inbound, Said, Signal};

/// Most plaintext of a TLS record (RFC 8446 §5.1).
const RECORD: usize = 16_384;

/// Most signals kept until somebody asks for them; more are dropped.
const MAX_SIGNALS: usize = 1024;

/// A connection that is listened in on.
#[derive(Debug)]
pub struct Tapped<IO> {
    io: IO,
    inbound: Inbound,
    outbound: Frames,
    /// Body bytes the layer below has taken but perhaps not passed on.
    taken: SmallVec<[(u32, usize); 4]>,
    /// Whether the layer below holds something that was gathered.
    gathered: bool,
    /// The socket below TLS.
    socket: Option<SocketHandle>,
    tap: Arc<Tap>,
}

/// What was heard.
#[derive(Debug, Default)]
pub struct Tap {
    heard: Mutex<Heard>,
    gathering: AtomicBool,
}

#[derive(Debug, Default)]
struct Heard {
    signals: Vec<Signal>,
    /// By how much the connection's window was opened, in bytes.
    opened: u64,
    /// Body bytes that have left, by stream, in order.
    written: Vec<(u32, usize)>,
    /// Stream and length of the DATA frames that belong in one record.
    units: SmallVec<[(u32, usize); 4]>,
}

impl<IO> Tapped<IO> {
    /// Wraps a server's side of a connection of which no byte was read or written yet. `socket` is
    /// the socket below its TLS; without it nothing can be gathered.
    pub fn new(io: IO, socket: Option<SocketHandle>) -> (Self, Arc<Tap>) {
        let tap = Arc::new(Tap::default());
        let tapped = Self {
            io,
            inbound: Inbound::default(),
            outbound: Frames::default(),
            taken: SmallVec::new(),
            gathered: false,
            socket,
            tap: Arc::clone(&tap),
        };
        (tapped, tap)
    }
}

impl Tap {
    /// Moves the signals heard since the last call to the end of `signals`.
    pub fn take_signals(&self, signals: &mut Vec<Signal>) {
        signals.append(&mut self.heard().signals);
    }

    /// By how much the client opened the connection's window since the last call, in bytes.
    pub fn take_opened(&self) -> u64 {
        std::mem::take(&mut self.heard().opened)
    }

    /// Moves the body bytes that have left since the last call to the end of `written`.
    pub fn take_written(&self, written: &mut Vec<(u32, usize)>) {
        written.append(&mut self.heard().written);
    }

    /// Asks that the DATA frame of this length, which the library will write next for the stream,
    /// leave in one record.
    pub fn expect_unit(&self, stream: u32, length: usize) {
        self.heard().units.push((stream, length));
    }

    /// Takes back what was expected of a stream that is no more.
    pub fn forget(&self, stream: u32) {
        self.heard().units.retain(|unit| unit.0 != stream);
    }

    /// Gathers what is written in the buffer of TLS, a record beside the other, until it is full
    /// or gathering ends; then all of it goes to the kernel in one call. Whoever began it must end
    /// it and have the connection flushed.
    pub fn set_gathering(&self, gathering: bool) {
        self.gathering.store(gathering, Ordering::Relaxed);
    }

    /// Whether writes are being gathered.
    pub fn is_gathering(&self) -> bool {
        self.gathering.load(Ordering::Relaxed)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<IO: AsyncWrite + Unpin> Tapped<IO> {
    /// Empties the layer below; only what has passed it counts as written.
    fn poll_empty(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.gathered = false;
        if !self.taken.is_empty() {
            self.tap.heard().written.extend(self.taken.drain(..));
        }
        Poll::Ready(Ok(()))
    }

    /// Writes at most as much as keeps the next unit in one record.
    fn poll_write_slices(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = self.poll_gather(context, slices) {
            return Poll::Ready(written);
        }
        if self.gathered || !self.taken.is_empty() {
            ready!(self.poll_empty(context))?;
        }
        let cut = self.cut(slices);
        let written = match cut {
            Some(limit) => {
                let mut kept: SmallVec<[IoSlice<'_>; 4]> = SmallVec::new();
                let mut left = limit;
                for slice in slices {
                    let length = slice.len().min(left);
                    kept.push(IoSlice::new(&slice[..length]));
                    left -= length;
                }
                ready!(write_slices(&mut self.io, context, &kept))?
            }
            None => ready!(write_slices(&mut self.io, context, slices))?,
        };
        self.count(slices, written);
        match self.poll_empty(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(written)),
        }
    }

    /// Writes into the buffer of TLS alone. Not ready if there is no gathering, or no room left.
    fn poll_gather(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(socket) = self.socket.as_ref().filter(|_| self.tap.is_gathering()) else {
            return Poll::Pending;
        };
        socket.set_corked(true);
        let polled = write_slices(&mut self.io, context, slices);
        socket.set_corked(false);
        let written = ready!(polled)?;
        self.gathered = true;
        self.count(slices, written);
        Poll::Ready(Ok(written))
    }

    /// Where to end the write so that no unit is torn apart; `None` if nothing needs to be cut.
    /// The layer below is empty, so a record begins with the first byte.
    fn cut(&mut self, slices: &[IoSlice<'_>]) -> Option<usize> {
        let mut heard = self.tap.heard();
        if heard.units.is_empty() {
            return None;
        }
        let mut frames = self.outbound.clone();
        let mut place = 0;
        for slice in slices {
            let mut bytes = &slice[..];
            while !bytes.is_empty() {
                let (step, used) = frames.step(bytes);
                if let Step::Head(head) = step {
                    let start = (place + used).checked_sub(HEAD);
                    let unit = (head.stream, head.length);
                    let found = heard.units.iter().position(|expected| *expected == unit);
                    if let (DATA, Some(start), Some(found)) = (head.kind, start, found) {
                        let end = start + HEAD + head.length;
                        let torn = start / RECORD != (end - 1) / RECORD;
                        if torn && start > 0 {
                            return Some(start);
                        }
                        heard.units.remove(found);
                        return Some(end);
                    }
                }
                place += used;
                bytes = bytes.get(used..).unwrap_or_default();
            }
        }
        None
    }

    /// Follows the frames in the first `written` bytes.
    fn count(&mut self, slices: &[IoSlice<'_>], written: usize) {
        let mut left = written;
        for slice in slices {
            let mut bytes = &slice[..slice.len().min(left)];
            left -= bytes.len();
            while !bytes.is_empty() {
                let (step, used) = self.outbound.step(bytes);
                match step {
                    Step::Payload(head, _) if head.kind == DATA => {
                        self.taken.push((head.stream, used));
                    }
                    _ => {}
                }
                bytes = bytes.get(used..).unwrap_or_default();
            }
        }
    }
}

/// Writes several slices, or the first that is not empty where the layer below takes only one.
fn write_slices<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    context: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    Pin::new(io).poll_write_vectored(context, slices)
}

impl<IO: AsyncRead + Unpin> AsyncRead for Tapped<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        let tap = &this.tap;
        let news = buffer.filled().get(before..).unwrap_or_default();
        this.inbound.read(news, |signal| {
            let mut heard = tap.heard();
            if let Said::Window(bytes) = signal.said {
                heard.opened = heard.opened.saturating_add(bytes.into());
            } else if heard.signals.len() < MAX_SIGNALS {
                heard.signals.push(signal);
            }
        });
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Tapped<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_slices(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_slices(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered && self.tap.is_gathering() {
            return Poll::Ready(Ok(()));
        }
        self.poll_empty(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
