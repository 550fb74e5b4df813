//! A running server.

use std::fmt;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use front::{Address, Front, byte_log};
use modules::Purge;
use modules::compression::Deltas;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::rooms::Current;
use crate::{Config, Rooms, ServerError};

/// How long the end waits for the store behind.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running server. Dropping it stops it without waiting.
pub struct Server {
    handle: Handle,
    serving: JoinHandle<front::Drained>,
}

/// A hand on a running server; cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    front: Front,
    current: Arc<Current>,
    config: Mutex<Config>,
    shutdown: CancellationToken,
}

impl Server {
    /// Builds every room, binds the addresses and begins to serve.
    ///
    /// # Errors
    /// The first thing that stands in the way, see [`ServerError`].
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn start(config: Config) -> Result<Self, ServerError> {
        let current = Arc::new(Current::new(Rooms::new(&config)?));
        for encoder in config.avif_encoders() {
            tracing::info!(%encoder, "who makes AVIF");
        }
        let front = Front::bind(&config.front, current.clone())?;
        let shared = Arc::new(Shared {
            front,
            current,
            config: Mutex::new(config),
            shutdown: CancellationToken::new(),
        });
        let serving = tokio::spawn({
            let shared = shared.clone();
            async move { shared.front.serve(shared.shutdown.clone()).await }
        });
        let handle = Handle(shared);
        Ok(Self { handle, serving })
    }

    /// The addresses it serves, with the ports the system chose.
    pub fn addresses(&self) -> Vec<Serving> {
        self.handle
            .0
            .front
            .addresses()
            .iter()
            .map(|address| Serving(*address))
            .collect()
    }

    /// A hand on it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Asks it to stop: no new connections, and what is in flight is finished.
    pub fn shutdown(&self) {
        self.handle.shutdown();
    }

    /// Waits until it has stopped.
    pub async fn wait(mut self) {
        match (&mut self.serving).await {
            Ok(drained) => {
                let rooms = self.handle.0.current.load();
                rooms.settle();
                if let Some(behind) = rooms.behind() {
                    behind.settle(LAST_WORDS).await;
                }
                let cache = self.handle.cache();
                let deltas = self.handle.deltas();
                tracing::info!(
                    connections = drained.connections,
                    cut_off = drained.cut_off,
                    improved = self.handle.workshop().improving.finished,
                    kept = cache.entries,
                    on_disk = cache.disk.entries,
                    deltas = deltas.sent,
                    saved_by_deltas = deltas.saved,
                    "stopped"
                );
            }
            Err(error) => tracing::error!(%error, "the front stopped by itself"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Handle {
    /// See [`Server::shutdown`].
    pub fn shutdown(&self) {
        self.0.current.load().workshop().stop_improving();
        self.0.shutdown.cancel();
    }

    /// What goes on in the workshop, and what went on since the start.
    pub fn workshop(&self) -> workshop::Snapshot {
        self.0.current.load().workshop().snapshot()
    }

    /// Lets a newer configuration take over, as a whole: everything is built first, and if
    /// anything is wrong the old one stays. Certificates are read again. Returns what only a new
    /// start can change, a sentence each.
    ///
    /// # Errors
    /// What is wrong with the new one.
    pub fn reload(&self, config: Config) -> Result<Vec<String>, ServerError> {
        let rooms = self.0.current.load().renewed(&config)?;
        self.0.front.reload_certificates()?;
        let mut running = self.0.config.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = fixed_until_restart(&running, &config);
        self.0.current.replace(rooms);
        *running = config;
        Ok(notes)
    }

    /// See [`Rooms::unreachable_origins`].
    pub async fn unreachable_origins(&self, patience: Duration) -> Vec<String> {
        self.0.current.load().unreachable_origins(patience).await
    }

    /// Takes what the byte log has kept in memory, oldest first; it keeps the latest entries where
    /// it has a share of connections and no target.
    pub fn take_byte_log(&self) -> Vec<byte_log::Entry> {
        self.0.front.take_byte_log()
    }

    /// What is kept, in memory and on disk, and how often it answered.
    pub fn cache(&self) -> cache::Stats {
        self.0.current.load().cache()
    }

    /// Deltas between versions of texts that were sent, and the bytes they saved.
    pub fn deltas(&self) -> Deltas {
        self.0.current.load().deltas()
    }

    /// The store behind, where there is one: how it goes, and what waits to be told to the fleet.
    pub fn behind(&self) -> Option<Arc<kv::Behind>> {
        self.0.current.load().behind().cloned()
    }

    /// Drops everything that is kept for a URL (absolute, as visitors have it): the response, and
    /// every picture made of it. Returns how many things that were.
    pub fn purge(&self, url: &http::Uri) -> usize {
        self.0.current.load().purge(url)
    }

    /// Drops many things at once: by tag, by the beginning of their URL, by host, or everything.
    /// Returns how many things that were.
    pub fn purge_many(&self, purge: Purge<'_>) -> usize {
        self.0.current.load().purge_many(purge)
    }

    /// Makes everything that is kept for a URL stale, pictures of it included: it may still answer
    /// once more while it is asked for again. Returns how many things that were.
    pub fn soften(&self, url: &http::Uri) -> usize {
        self.0.current.load().soften(url)
    }

    /// Makes many things stale at once, as [`Handle::purge_many`].
    pub fn soften_many(&self, purge: Purge<'_>) -> usize {
        self.0.current.load().soften_many(purge)
    }
}

/// What of a newer configuration does not take over while running.
fn fixed_until_restart(old: &Config, new: &Config) -> Vec<String> {
    let shown = |config: &Config| {
        [
            ("threads", format!("{:?}", config.threads)),
            ("front", format!("{:?}", config.front)),
            ("workshop", format!("{:?}", config.workshop)),
            ("cache", format!("{:?}", config.cache)),
            ("kv", format!("{:?}", config.kv)),
        ]
    };
    shown(old)
        .into_iter()
        .zip(shown(new))
        .filter(|(old, new)| old != new)
        .map(|((name, _), _)| format!("`{name}` changed; that takes a new start"))
        .collect()
}

/// An address that is served. Shown as a URL that reaches it from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving(pub Address);

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { tls, socket, .. } = self.0;
        let scheme = if tls { "https" } else { "http" };
        if socket.ip().is_unspecified() || socket.ip().is_loopback() {
            write!(f, "{scheme}://localhost:{}", socket.port())
        } else {
            write!(f, "{scheme}://{socket}")
        }
    }
}
