//! An origin that answers as scripted, down to the byte: right, slow, cut off, or garbage.

mod reply;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use reply::{Ending, Framing};
pub use reply::{Gate, Reply};
use wire::Wire;

/// A request as the origin received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without chunk framing.
    pub body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Received {
    /// The first value of a field, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|field| field.0 == name)?;
        Some(&found.1)
    }
}

/// An HTTP/1.1 server on a free port, for as long as it lives.
pub struct Origin {
    address: SocketAddr,
    script: Arc<Script>,
    worker: JoinHandle<()>,
}

#[derive(Default)]
struct Script {
    replies: Mutex<HashMap<String, Vec<Reply>>>,
    received: Mutex<Vec<Received>>,
}

impl Origin {
    /// Starts on loopback. Paths without a reply are answered 404.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into()).await
    }

    /// Starts on an address, a link's for example.
    ///
    /// # Errors
    /// When no port can be bound there.
    pub async fn start_on(address: IpAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        let worker = tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&shared);
                // A client that breaks off ends its own connection.
                tokio::spawn(async move { script.converse(stream, connection).await.ok() });
                connection += 1;
            }
        });
        Ok(Self {
            address,
            script,
            worker,
        })
    }

    /// Answers a target (path and query, matched exactly) with a reply. Several replies for one
    /// target are given in turn; the last stays. A target that ends with `?*` stands for its path
    /// with any query or none and with slashes doubled, as on a server of files; exact ones go
    /// first.
    pub fn reply(&self, target: &str, reply: Reply) {
        lock(&self.script.replies)
            .entry(target.to_owned())
            .or_default()
            .push(reply);
    }

    /// Forgets the replies for a target.
    pub fn forget(&self, target: &str) {
        lock(&self.script.replies).remove(target);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path, `http://…`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far, in order.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.script.received).clone()
    }

    /// How many requests came for a target.
    pub fn count(&self, target: &str) -> usize {
        let received = lock(&self.script.received);
        received
            .iter()
            .filter(|request| request.target == target)
            .count()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Script {
    async fn converse(&self, stream: TcpStream, connection: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut wire = Wire::new(stream);
        while let Some(received) = wire.receive(connection).await? {
            let target = received.target.clone();
            let head_only = received.method == "HEAD";
            lock(&self.received).push(received);
            let reply = self.next_reply(&target);
            wire.send(&reply, head_only).await?;
            let stays = matches!(reply.framing, Framing::Length | Framing::Chunked);
            if reply.ending != Ending::Proper || !stays {
                return Ok(());
            }
        }
        Ok(())
    }

    fn next_reply(&self, target: &str) -> Reply {
        let mut replies = lock(&self.replies);
        let (path, _) = target.split_once('?').unwrap_or((target, ""));
        let mut file = format!("{path}?*");
        while file.contains("//") {
            file = file.replace("//", "/");
        }
        let exact = replies.contains_key(target);
        match replies.get_mut(if exact { target } else { &file }) {
            Some(turn) if turn.len() > 1 => turn.remove(0),
            Some(turn) => turn.first().cloned().unwrap_or_else(|| Reply::new(404)),
            None => Reply::new(404),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
