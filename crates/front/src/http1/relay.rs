//! A connection that left HTTP: bytes both ways.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base::Duplex;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use crate::context::ConnectionContext;
use crate::ending::Ending;

/// How long the last bytes of a connection that we end may take to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// Carries bytes between client and origin until either closes, both are silent for too long, or
/// the server shuts down: nobody knows how long such a connection would go on, so it is not
/// waited for.
pub async fn run(
    client: OnUpgrade,
    mut origin: Box<dyn Duplex>,
    mut ending: Option<Ending>,
    context: ConnectionContext,
) {
    let upgraded = tokio::select! {
        upgraded = client => upgraded,
        () = context.shutdown.cancelled() => return,
    };
    let Ok(upgraded) = upgraded else {
        return;
    };
    let activity = Arc::new(Activity::new());
    let mut client = Watched {
        io: TokioIo::new(upgraded),
        activity: Arc::clone(&activity),
    };
    let copied = tokio::select! {
        copied = tokio::io::copy_bidirectional(&mut client, &mut origin) => Some(copied),
        () = activity.silent_for(context.settings.timeouts.upgrade_idle) => None,
        () = context.shutdown.cancelled() => None,
    };
    if copied.is_none() {
        // A client that takes nothing shall not hold this up.
        let _ = tokio::time::timeout(FAREWELL, client.shutdown()).await;
    }
    if let Some(ending) = &mut ending {
        ending.add_bytes(activity.sent.load(Ordering::Relaxed));
        if let Some(Ok(_)) = copied {
            ending.complete();
        }
    }
}

/// When bytes last went either way, and how many went to the client.
struct Activity {
    start: Instant,
    last: AtomicU64,
    sent: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    fn note(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    async fn silent_for(&self, limit: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed));
            if last.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }
}

/// A side of the connection whose activity is noted.
struct Watched<IO> {
    io: IO,
    activity: Arc<Activity>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.io).poll_read(context, buffer));
        self.activity.note();
        Poll::Ready(read)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes));
        self.activity.note();
        if let Ok(count) = &written {
            self.activity
                .sent
                .fetch_add(*count as u64, Ordering::Relaxed);
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
