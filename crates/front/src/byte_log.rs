//! The byte log: which bytes left a connection when, and why.
//!
//! Off by default. A share of the connections is logged: what was asked for, what the client said
//! of its priority, every piece of every body with its level and the reason for its turn, resets
//! and ends. It speaks of streams and offsets, not of frames, so that every version of HTTP says
//! the same. Where a connection is not logged, [`ConnectionLog::note`] is one branch.

mod entry;
mod inversion;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use base::ByteSize;
use base::lines::Writer;
use parking_lot::Mutex;
use pipeline::Protocol;

pub use entry::{Entry, Event, Part, Said, Sent, Source, Why};
pub use inversion::inversion_bytes;

base::settings! {
    /// Says of a share of the connections which bytes left when, and why. Lines are JSON, in the
    /// form that `firstlight inspect --log FILE` reads; they hold paths of requests, and no
    /// addresses of visitors.
    pub struct ByteLogSettings {
        /// The share of connections that are logged, from 0 (none) to 1 (all).
        share: f64 = 0.0,
        /// Where lines go to: `stdout`, `stderr`, or the path of a file, which is appended to.
        target: Option<String> = None,
        /// How much may wait to be written; lines beyond it are dropped and counted.
        buffer: ByteSize = ByteSize::mib(4),
    }
}

/// Longest path that is kept, in bytes.
const MAX_PATH: usize = 256;

/// Most entries that are kept in memory: the latest.
const MEMORY: usize = 65_536;

/// The log of a front, for all its connections.
pub struct ByteLog {
    share: f64,
    writer: Option<Writer>,
    connections: AtomicU64,
    /// What was logged last, for whoever runs the server in this process; filled only where no
    /// target is set.
    memory: Mutex<VecDeque<Entry>>,
}

impl ByteLog {
    /// Opens the log. Without a share nothing is opened; with a share and no target, entries are
    /// kept in memory, 65,536 of them at most, until [`take`](Self::take) asks for them.
    ///
    /// # Errors
    /// What the system says about the target.
    pub fn open(settings: &ByteLogSettings) -> io::Result<Arc<Self>> {
        let share = settings.share.clamp(0.0, 1.0);
        let target = settings.target.as_deref().filter(|_| share > 0.0);
        let limit = usize::try_from(settings.buffer.bytes()).unwrap_or(usize::MAX);
        let writer = target.map(|target| Writer::open("byte log", target, limit));
        Ok(Arc::new(Self {
            share,
            writer: writer.transpose()?,
            connections: AtomicU64::new(0),
            memory: Mutex::default(),
        }))
    }

    /// A log for the next connection, or one that is off: connections are chosen evenly, so that
    /// of each hundred as many are logged as the share says.
    pub fn connection(self: &Arc<Self>, protocol: Protocol) -> ConnectionLog {
        if self.share <= 0.0 {
            return ConnectionLog::off();
        }
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let chosen = |number: u64| (number as f64 * self.share).floor();
        if chosen(number) <= chosen(number - 1) {
            return ConnectionLog::off();
        }
        let log = ConnectionLog(Some(Arc::new(Open {
            log: Arc::clone(self),
            connection: number,
            protocol: word(protocol),
            began: Instant::now(),
        })));
        log.note(0, || Event::Opened);
        log
    }

    /// Takes what was kept in memory, oldest first.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.memory.lock()).into()
    }

    fn keep(&self, entry: Entry) {
        if let Some(writer) = &self.writer {
            return writer.write(&entry.line());
        }
        let mut memory = self.memory.lock();
        if memory.len() >= MEMORY {
            memory.pop_front();
        }
        memory.push_back(entry);
    }
}

/// The log of one connection; cheap to clone. Its end is logged when the last clone is dropped.
#[derive(Clone, Default)]
pub struct ConnectionLog(Option<Arc<Open>>);

struct Open {
    log: Arc<ByteLog>,
    connection: u64,
    protocol: &'static str,
    began: Instant,
}

impl ConnectionLog {
    /// The log of a connection that is not logged.
    pub fn off() -> Self {
        Self(None)
    }

    /// Whether anything is logged.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes what happened to a stream of which no request is known, or to the connection as a
    /// whole (stream 0). The event is made only if it is logged.
    pub fn note(&self, stream: u64, event: impl FnOnce() -> Event) {
        if let Some(open) = &self.0 {
            open.note(stream, None, event());
        }
    }

    /// The log of a stream, with the path and query that were asked for; notes the request.
    pub fn stream(&self, stream: u64, path: &str) -> StreamLog {
        let Some(open) = &self.0 else {
            return StreamLog::default();
        };
        let log = StreamLog(Some(Box::new(OpenStream {
            open: Arc::clone(open),
            stream,
            path: bounded(path).into(),
        })));
        log.note(|| Event::Request);
        log
    }
}

/// The log of one stream.
#[derive(Default)]
pub struct StreamLog(Option<Box<OpenStream>>);

struct OpenStream {
    open: Arc<Open>,
    stream: u64,
    path: Arc<str>,
}

impl StreamLog {
    /// Whether anything is logged.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes what happened. The event is made only if it is logged.
    pub fn note(&self, event: impl FnOnce() -> Event) {
        if let Some(OpenStream { open, stream, path }) = self.0.as_deref() {
            open.note(*stream, Some(Arc::clone(path)), event());
        }
    }
}

impl Open {
    fn note(&self, stream: u64, path: Option<Arc<str>>, event: Event) {
        self.log.keep(Entry {
            connection: self.connection,
            protocol: Cow::Borrowed(self.protocol),
            micros: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            stream,
            path,
            event,
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.note(0, None, Event::Closed);
    }
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http1 => "h1",
        Protocol::Http2 => "h2",
        Protocol::Http3 => "h3",
    }
}

/// As much of a path as is kept.
fn bounded(path: &str) -> &str {
    path.get(..path.floor_char_boundary(MAX_PATH))
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(share: f64) -> Arc<ByteLog> {
        let settings = ByteLogSettings {
            share,
            ..ByteLogSettings::default()
        };
        ByteLog::open(&settings).unwrap()
    }

    fn logged(share: f64) -> usize {
        let log = log(share);
        let connections = (0..1000).map(|_| log.connection(Protocol::Http2));
        connections.filter(ConnectionLog::is_on).count()
    }

    #[test]
    fn as_many_connections_are_logged_as_the_share_says() {
        for (share, expected) in [(0.0, 0), (-1.0, 0), (0.25, 250), (1.0, 1000), (7.0, 1000)] {
            assert_eq!(logged(share), expected, "{share}");
        }
        assert!(logged(0.003).abs_diff(3) <= 1);
    }

    #[test]
    fn a_connection_tells_its_life_in_order() {
        let log = log(1.0);
        let connection = log.connection(Protocol::Http1);
        connection.stream(3, "/a").note(|| Event::Blocked);
        drop(connection);
        let entries = log.take();
        let seen: Vec<_> = entries
            .iter()
            .map(|entry| (entry.stream, entry.path.as_deref(), entry.event.clone()))
            .collect();
        let expected = [
            (0, None, Event::Opened),
            (3, Some("/a"), Event::Request),
            (3, Some("/a"), Event::Blocked),
            (0, None, Event::Closed),
        ];
        assert_eq!(seen, expected);
        assert!(entries.is_sorted_by_key(|entry| entry.micros));
        assert!(log.take().is_empty(), "taken once");
    }

    #[test]
    fn what_is_not_logged_is_not_made() {
        let off = ConnectionLog::off();
        off.note(0, || unreachable!());
        off.stream(1, "/").note(|| unreachable!());
    }

    #[test]
    fn memory_and_paths_are_bounded() {
        let log = log(1.0);
        let connection = log.connection(Protocol::Http2);
        let path = "é".repeat(400);
        connection.stream(1, &path);
        let entry = log.take().pop().unwrap();
        assert_eq!(entry.path.unwrap().len(), MAX_PATH);
        assert_eq!(bounded("/a"), "/a");
        assert_eq!(bounded(&path[..2]), "é");
        for _ in 0..MEMORY + 5 {
            connection.note(1, || Event::Blocked);
        }
        assert_eq!(log.take().len(), MEMORY);
    }

    #[test]
    fn a_target_gets_lines_that_can_be_read_back() {
        let folder = std::env::temp_dir().join(format!("byte-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("log.jsonl");
        let settings = ByteLogSettings {
            share: 1.0,
            target: Some(file.display().to_string()),
            ..ByteLogSettings::default()
        };
        let log = ByteLog::open(&settings).unwrap();
        drop(log.connection(Protocol::Http2));
        assert!(log.take().is_empty(), "the target has it");
        drop(log);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let events: Vec<_> = text
            .lines()
            .map(|line| Entry::read(line).unwrap().event)
            .collect();
        assert_eq!(events, [Event::Opened, Event::Closed]);
    }
}
