//! Connections that are kept: unused ones over HTTP/1.1, one shared by all over HTTP/2.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::OriginError;
use crate::body::Outgoing;
use crate::connect::{Connection, Connector, Protocol, Trust};
use crate::failure::{Place, closed};
use crate::settings::{Http2, OriginSettings};
use crate::target::{Scheme, Target};

/// HTTP/2 connections are asked for a sign of life this often while requests wait on them.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// hyper takes no smaller buffer, and larger ones let bodies come in larger pieces.
const READ_BUFFER: usize = 64 << 10;

/// What connections are kept by: one that a visitor's source opened never serves a site's origin,
/// nor the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) target: Target,
    pub(crate) trust: Trust,
}

/// The sending side of a connection.
pub(crate) enum Sender {
    Http1(http1::SendRequest<Outgoing>),
    Http2(http2::SendRequest<Outgoing>),
}

impl Sender {
    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Http1(_) => Protocol::Http1,
            Self::Http2(_) => Protocol::Http2,
        }
    }

    /// Waits until a request can be sent.
    pub(crate) async fn ready(&mut self, key: &Key) -> Result<(), OriginError> {
        let ready = match self {
            Self::Http1(sender) => sender.ready().await,
            Self::Http2(sender) => sender.ready().await,
        };
        ready.map_err(|error| closed(&Place(&key.target), error))
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        }
    }
}

/// A connection for one request.
pub(crate) struct Lease {
    pub(crate) sender: Sender,
    /// Whether others used it before: then its peer may have closed it meanwhile.
    pub(crate) reused: bool,
    /// Names a shared connection; 0 for others.
    pub(crate) id: u64,
}

struct Shared {
    id: u64,
    sender: http2::SendRequest<Outgoing>,
    used: Instant,
}

/// What is kept for one key.
#[derive(Default)]
struct Shelf {
    idle: Vec<(http1::SendRequest<Outgoing>, Instant)>,
    shared: Option<Shared>,
    /// What the last connection spoke.
    speaks: Option<Protocol>,
    /// Held while a connection is opened that others may share.
    opening: Arc<tokio::sync::Mutex<()>>,
    /// Counts failures to open, so that those who waited for one do not queue up for the next.
    failures: u64,
}

pub(crate) struct Pool {
    connector: Connector,
    max_idle: usize,
    lifetime: Duration,
    max_header_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shelves: HashMap<Key, Shelf>,
    sweeping: bool,
    last_id: u64,
}

impl Pool {
    pub(crate) fn new(settings: &OriginSettings, connector: Connector) -> Self {
        let max_header_bytes = settings.max_header_bytes.bytes();
        Self {
            connector,
            max_idle: settings.max_idle,
            lifetime: settings.pool_timeout,
            max_header_bytes: usize::try_from(max_header_bytes).unwrap_or(usize::MAX),
            state: Mutex::default(),
        }
    }

    /// A connection: a kept one if there is one, else a new one. Where a new one may turn out to
    /// be shareable, only one is opened and the others wait for it.
    pub(crate) async fn acquire(self: &Arc<Self>, key: &Key) -> Result<Lease, OriginError> {
        if let Some(lease) = self.take(key) {
            return Ok(lease);
        }
        let Some((opening, failures)) = self.shareable(key) else {
            return self.open(key).await;
        };
        let turn = opening.lock_owned().await;
        if let Some(lease) = self.take(key) {
            return Ok(lease);
        }
        let alone = self
            .shareable(key)
            .is_none_or(|(_, failures_now)| failures_now != failures);
        let _turn = (!alone).then_some(turn);
        self.open(key).await
    }

    /// A new connection, whatever is kept.
    pub(crate) async fn open(self: &Arc<Self>, key: &Key) -> Result<Lease, OriginError> {
        let opened = self.connect(key).await;
        let mut guard = self.state.lock();
        let state = &mut *guard;
        self.ensure_sweeping(state);
        let shelf = state.shelves.entry(key.clone()).or_default();
        let sender = opened.inspect_err(|_| shelf.failures += 1)?;
        shelf.speaks = Some(sender.protocol());
        let mut id = 0;
        if let Sender::Http2(sender) = &sender {
            state.last_id += 1;
            id = state.last_id;
            shelf.shared = Some(Shared {
                id,
                sender: sender.clone(),
                used: Instant::now(),
            });
        }
        Ok(Lease {
            sender,
            reused: false,
            id,
        })
    }

    async fn connect(&self, key: &Key) -> Result<Sender, OriginError> {
        let connection = self
            .connector
            .connect(&key.target, key.trust, false)
            .await?;
        match connection.protocol {
            Protocol::Http1 => self.start_http1(&key.target, connection).await,
            Protocol::Http2 => self.start_http2(&key.target, connection).await,
        }
    }

    /// A connection for one request that leaves HTTP; it is not kept.
    pub(crate) async fn open_for_upgrade(&self, key: &Key) -> Result<Sender, OriginError> {
        let connection = self.connector.connect(&key.target, key.trust, true).await?;
        self.start_http1(&key.target, connection).await
    }

    async fn start_http1(
        &self,
        target: &Target,
        connection: Connection,
    ) -> Result<Sender, OriginError> {
        let (sender, driver) = http1::Builder::new()
            .max_header_size(self.max_header_bytes)
            .max_buf_size(self.max_header_bytes.max(READ_BUFFER))
            .handshake(TokioIo::new(connection.io))
            .await
            .map_err(|error| closed(&Place(target), error))?;
        tokio::spawn(async move {
            if let Err(error) = driver.with_upgrades().await {
                tracing::debug!(%error, "a connection to an origin ended");
            }
        });
        Ok(Sender::Http1(sender))
    }

    async fn start_http2(
        &self,
        target: &Target,
        connection: Connection,
    ) -> Result<Sender, OriginError> {
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_PATIENCE)
            .max_header_list_size(u32::try_from(self.max_header_bytes).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(connection.io))
            .await
            .map_err(|error| closed(&Place(target), error))?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to an origin ended");
            }
        });
        Ok(Sender::Http2(sender))
    }

    /// A kept connection that still looks alive.
    fn take(&self, key: &Key) -> Option<Lease> {
        let mut state = self.state.lock();
        let shelf = state.shelves.get_mut(key)?;
        let now = Instant::now();
        shelf.shared.take_if(|shared| shared.sender.is_closed());
        if let Some(shared) = &mut shelf.shared {
            shared.used = now;
            return Some(Lease {
                sender: Sender::Http2(shared.sender.clone()),
                reused: true,
                id: shared.id,
            });
        }
        while let Some((sender, since)) = shelf.idle.pop() {
            if sender.is_ready() && now.duration_since(since) < self.lifetime {
                return Some(Lease {
                    sender: Sender::Http1(sender),
                    reused: true,
                    id: 0,
                });
            }
        }
        None
    }

    /// The lock of `key`'s shelf and its failures so far, if its next connection may be one that
    /// many share.
    fn shareable(&self, key: &Key) -> Option<(Arc<tokio::sync::Mutex<()>>, u64)> {
        let mut state = self.state.lock();
        let shelf = state.shelves.entry(key.clone()).or_default();
        let possible = match self.connector.http2_for(key.trust) {
            Http2::Off => false,
            Http2::PriorKnowledge => true,
            Http2::Auto => key.target.scheme == Scheme::Https,
        };
        (possible && shelf.speaks != Some(Protocol::Http1))
            .then(|| (Arc::clone(&shelf.opening), shelf.failures))
    }

    /// Keeps the connection once the response it carries has been read to its end.
    pub(crate) fn give_back(self: &Arc<Self>, key: &Key, sender: Sender) {
        let Sender::Http1(mut sender) = sender else {
            return;
        };
        if sender.is_ready() {
            self.keep(key.clone(), sender);
            return;
        }
        let (pool, key) = (Arc::downgrade(self), key.clone());
        tokio::spawn(async move {
            if sender.ready().await.is_ok()
                && let Some(pool) = pool.upgrade()
            {
                pool.keep(key, sender);
            }
        });
    }

    fn keep(self: &Arc<Self>, key: Key, sender: http1::SendRequest<Outgoing>) {
        let mut state = self.state.lock();
        let shelf = state.shelves.entry(key).or_default();
        if shelf.idle.len() < self.max_idle {
            shelf.idle.push((sender, Instant::now()));
        }
        self.ensure_sweeping(&mut state);
    }

    /// Stops sharing the connection of this name, on which a request failed; those still on it go
    /// on.
    pub(crate) fn retire(&self, key: &Key, id: u64) {
        if let Some(shelf) = self.state.lock().shelves.get_mut(key) {
            shelf.shared.take_if(|shared| shared.id == id);
        }
    }

    fn ensure_sweeping(self: &Arc<Self>, state: &mut State) {
        if !state.sweeping {
            state.sweeping = true;
            tokio::spawn(sweep(Arc::downgrade(self), self.lifetime));
        }
    }

    /// Drops what has been unused too long; whether anything is left.
    fn sweep(&self) -> bool {
        let mut state = self.state.lock();
        let now = Instant::now();
        let fresh = |since: &Instant| now.duration_since(*since) < self.lifetime;
        state.shelves.retain(|_, shelf| {
            shelf
                .idle
                .retain(|(sender, since)| sender.is_ready() && fresh(since));
            shelf
                .shared
                .take_if(|shared| shared.sender.is_closed() || !fresh(&shared.used));
            // A shelf that somebody is about to fill is in use.
            let awaited = Arc::strong_count(&shelf.opening) > 1;
            !shelf.idle.is_empty() || shelf.shared.is_some() || awaited
        });
        state.sweeping = !state.shelves.is_empty();
        state.sweeping
    }

    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        let state = self.state.lock();
        let shelves = state.shelves.values();
        shelves
            .map(|shelf| shelf.idle.len() + usize::from(shelf.shared.is_some()))
            .sum()
    }
}

/// Sweeps now and then until nothing is left to sweep, or nobody to sweep for.
async fn sweep(pool: Weak<Pool>, lifetime: Duration) {
    loop {
        sleep(lifetime.max(Duration::from_millis(10)) / 2).await;
        match pool.upgrade() {
            Some(pool) if pool.sweep() => {}
            _ => return,
        }
    }
}
