//! Logs of lines: a thread that writes, so that nobody waits for a disk or a terminal.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Takes lines and never waits for them to be written; what is too much is dropped and counted.
///
/// Lines gather in one buffer; its first line wakes the thread, which lets others join it for a
/// moment. So a busy server pays a copy for each line, not a wake-up.
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// What the log is called in messages.
    name: &'static str,
    /// Most bytes that wait.
    limit: usize,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    dropped: u64,
    closing: bool,
    closed: bool,
}

/// How long the first line of a batch waits for others.
const GATHER: Duration = Duration::from_millis(20);
/// How long the end of a writer waits for its last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

impl Writer {
    /// Opens a target: `stdout`, `stderr`, or the path of a file to append to. `name` names the log
    /// in messages; at most `limit` bytes wait.
    ///
    /// # Errors
    /// What the system says about the file, or about starting a thread.
    pub fn open(name: &'static str, target: &str, limit: usize) -> io::Result<Self> {
        let sink: Box<dyn Write + Send> = match target {
            "stdout" => Box::new(io::stdout()),
            "stderr" => Box::new(io::stderr()),
            path => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
        };
        Self::new(name, sink, limit)
    }

    /// Writes to `sink`; at most `limit` bytes wait.
    ///
    /// # Errors
    /// What the system says about starting a thread.
    pub fn new(
        name: &'static str,
        mut sink: Box<dyn Write + Send>,
        limit: usize,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            name,
            limit,
        });
        let inside = shared.clone();
        std::thread::Builder::new()
            .name(name.replace(' ', "-"))
            .spawn(move || {
                while let Some(lines) = inside.next_batch() {
                    let written = sink.write_all(&lines).and_then(|()| sink.flush());
                    if let Err(error) = written {
                        tracing::warn!("the {name} cannot be written: {error}");
                    }
                }
                inside.state.lock().closed = true;
                inside.changed.notify_all();
            })?;
        Ok(Self { shared })
    }

    /// Takes a line, or counts it as dropped if too much waits.
    pub fn write(&self, line: &[u8]) {
        let mut state = self.shared.state.lock();
        if state.lines.len() + line.len() > self.shared.limit {
            state.dropped += 1;
            return;
        }
        let first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if first {
            self.shared.changed.notify_all();
        }
    }
}

impl Shared {
    /// The lines to write next; `None` when the writer is gone and everything was written.
    fn next_batch(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        while state.lines.is_empty() && !state.closing {
            self.changed.wait(&mut state);
        }
        if !state.closing {
            self.changed
                .wait_while_for(&mut state, |state| !state.closing, GATHER);
        }
        let lost = std::mem::take(&mut state.dropped);
        // As large as the last batch: the next one will be too.
        let room = Vec::with_capacity(state.lines.len());
        let lines = std::mem::replace(&mut state.lines, room);
        drop(state);
        if lost > 0 {
            tracing::warn!(
                lost,
                "lines of the {} were dropped: too many at once",
                self.name
            );
        }
        (!lines.is_empty()).then_some(lines)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.closing = true;
        self.shared.changed.notify_all();
        let waiting = |state: &mut State| !state.closed;
        let waited = self
            .shared
            .changed
            .wait_while_for(&mut state, waiting, LAST_LINES);
        if waited.timed_out() {
            let name = self.shared.name;
            tracing::warn!("the last lines of the {name} may be lost: its target takes none");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A sink that says when it is being written to and then waits for leave.
    struct Stuck {
        at_work: SyncSender<()>,
        leave: Receiver<()>,
        memory: Memory,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.at_work.try_send(());
            let _ = self.leave.recv();
            self.memory.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_target_loses_lines_but_never_waits() {
        let ((at_work, working), (go, leave)) = (sync_channel(1), sync_channel(1));
        let memory = Memory::default();
        let sink = Stuck {
            at_work,
            leave,
            memory: memory.clone(),
        };
        let writer = Writer::new("test", Box::new(sink), 12).unwrap();
        writer.write(b"first\n");
        working.recv().unwrap();
        for _ in 0..5 {
            writer.write(b"line\n");
        }
        drop(go);
        drop(writer);
        let written = memory.0.lock().clone();
        assert_eq!(
            written, b"first\nline\nline\n",
            "two waited, three were dropped"
        );
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        assert!(Writer::open("test", "/no/such/directory/log", 1).is_err());
    }
}
