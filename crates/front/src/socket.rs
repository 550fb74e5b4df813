//! A TCP connection that is written to as late as possible.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use base::ByteSize;
use pipeline::NetworkEstimate;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

mod kernel;
mod watch;

/// How late a writer may wake up, in milliseconds. With half of it, a link of 10 Mbit/s ran dry on
/// a busy machine: twenty pictures took 15 % longer than without late binding.
const WAKING_MILLIS: u64 = 40;
/// The highest low-water mark, in bytes.
const MOST_UNSENT: u64 = 256 * 1024;
/// Marks between the lowest and the highest are multiples of this, in bytes.
const UNSENT_STEP: u64 = 16 * 1024;

/// A TCP connection that is written to as late as possible.
///
/// With late binding on, a write waits until the kernel holds less unsent than the low-water mark
/// (`TCP_NOTSENT_LOWAT`), so that what comes next is chosen when it can leave, not before.
#[derive(Debug)]
pub struct Socket {
    shared: Arc<Shared>,
    stream: TcpStream,
}

/// Asks and tells a [`Socket`] that is somewhere below other layers. Outlives it harmlessly.
#[derive(Clone, Debug)]
pub struct SocketHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The descriptor while the socket is open. Asking the kernel holds the lock, so that the
    /// number cannot be closed and given to another file in between.
    descriptor: Mutex<Option<kernel::Descriptor>>,
    /// The lowest low-water mark of late binding.
    unsent: ByteSize,
    /// The mark in force, in bytes; 0 while late binding is off.
    mark: AtomicU64,
    corked: AtomicBool,
    watch: watch::Watch,
}

impl Socket {
    /// Takes over a connection: no delay for small writes, and with late binding a low-water mark
    /// of at least `unsent` bytes. What the kernel does not offer is left as it is.
    pub fn new(stream: TcpStream, unsent: ByteSize) -> Self {
        let _ = stream.set_nodelay(true);
        let shared = Shared {
            descriptor: Mutex::new(kernel::descriptor(&stream)),
            unsent,
            mark: AtomicU64::new(0),
            corked: AtomicBool::new(false),
            watch: watch::Watch::new(),
        };
        Self {
            shared: Arc::new(shared),
            stream,
        }
    }

    /// A handle to ask and tell the socket from above.
    pub fn handle(&self) -> SocketHandle {
        SocketHandle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Waits until the kernel holds less unsent than the low-water mark. Writes succeed beyond
    /// it, and the runtime remembers that the socket was writable, so the kernel is asked each
    /// time; asking also arms the wake-up.
    fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shared.corked.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        if self.shared.mark.load(Ordering::Relaxed) == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            let asked = self.stream.try_io(Interest::WRITABLE, || {
                if kernel::has_room(&self.stream)? {
                    Ok(())
                } else {
                    Err(io::ErrorKind::WouldBlock.into())
                }
            });
            match asked {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }
}

impl SocketHandle {
    /// What the kernel knows of the path; one system call. Empty after the socket has closed.
    pub fn estimate(&self) -> NetworkEstimate {
        let (burst, watching) = self.shared.watch.told();
        let descriptor = self.shared.descriptor();
        let known = descriptor.as_ref().map(kernel::estimate);
        NetworkEstimate {
            burst,
            watching,
            ..known.unwrap_or_default()
        }
    }

    /// Switches late binding on, with the low-water mark that suits a delivery rate in bytes a
    /// second, or off. On, it costs a system call a write.
    pub fn set_late(&self, late: bool, rate: Option<u64>) {
        let mark = match late {
            true => mark_for(rate, self.shared.unsent.bytes()),
            false => 0,
        };
        if self.shared.mark.swap(mark, Ordering::Relaxed) == mark {
            return;
        }
        if let Some(descriptor) = &*self.shared.descriptor() {
            let mark = late.then_some(ByteSize(mark));
            kernel::set_unsent_low_water(descriptor, mark);
        }
    }

    /// Holds back all writes, or no longer. TLS then gathers what it would write, and whoever
    /// corks a socket must uncork and flush it: a held write wakes nobody.
    pub fn set_corked(&self, corked: bool) {
        self.shared.corked.store(corked, Ordering::Relaxed);
    }
}

/// What leaves at a rate in the time that a busy machine may take to wake the writer, in whole
/// steps, and never less than `least`: less would let the link run dry, more would choose earlier
/// than need be. A quarter of a mebibyte at most.
fn mark_for(rate: Option<u64>, least: u64) -> u64 {
    let leaves = rate.unwrap_or(0).saturating_mul(WAKING_MILLIS) / 1000;
    let steps = leaves.min(MOST_UNSENT) / UNSENT_STEP * UNSENT_STEP;
    steps.max(least).max(1)
}

impl Shared {
    fn descriptor(&self) -> MutexGuard<'_, Option<kernel::Descriptor>> {
        self.descriptor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        *self.shared.descriptor() = None;
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(context))?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        watch::wrote(&self.shared, written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(context))?;
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        watch::wrote(&self.shared, written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
