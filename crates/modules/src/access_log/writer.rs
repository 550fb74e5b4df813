//! The thread that writes.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;

/// Takes lines and never waits.
pub struct Writer {
    lines: Option<SyncSender<Vec<u8>>>,
    done: Mutex<Receiver<()>>,
    dropped: Arc<AtomicU64>,
}

/// How long the end of a writer waits for its last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

impl Writer {
    /// Opens a target: `stdout`, `stderr`, or the path of a file to append to.
    ///
    /// # Errors
    /// What the system says about the file, or about starting a thread.
    pub fn open(target: &str, queue: usize) -> io::Result<Self> {
        let sink: Box<dyn Write + Send> = match target {
            "stdout" => Box::new(io::stdout()),
            "stderr" => Box::new(io::stderr()),
            path => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
        };
        Self::new(sink, queue)
    }

    /// Writes to `sink`.
    ///
    /// # Errors
    /// What the system says about starting a thread.
    pub fn new(sink: Box<dyn Write + Send>, queue: usize) -> io::Result<Self> {
        let (lines, incoming) = sync_channel::<Vec<u8>>(queue.max(1));
        let (finished, done) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || {
                write_all(&incoming, &mut BufWriter::new(sink), &counter);
                drop(finished);
            })?;
        Ok(Self {
            lines: Some(lines),
            done: Mutex::new(done),
            dropped,
        })
    }

    /// Takes a line, or counts it as dropped if too many wait.
    pub fn write(&self, line: Vec<u8>) {
        let sent = self.lines.as_ref().map(|lines| lines.try_send(line));
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.lines.take());
        // The thread closes the channel when the last line is out.
        let waited = self.done.get_mut().recv_timeout(LAST_LINES);
        debug_assert!(!matches!(waited, Ok(())));
        if matches!(waited, Err(RecvTimeoutError::Timeout)) {
            tracing::warn!("the access log's last lines may be lost: its target takes none");
        }
    }
}

/// Writes until the last sender is gone; flushes whenever nothing waits.
fn write_all(lines: &Receiver<Vec<u8>>, sink: &mut impl Write, dropped: &AtomicU64) {
    while let Ok(line) = lines.recv() {
        let mut written = sink.write_all(&line);
        while let Ok(line) = lines.try_recv() {
            written = written.and_then(|()| sink.write_all(&line));
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "access log lines were dropped: too many at once");
        }
        if let Err(error) = written.and_then(|()| sink.flush()) {
            tracing::warn!("the access log cannot be written: {error}");
        }
    }
}
