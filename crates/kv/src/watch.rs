//! Changes of keys, as they are seen: told of by the engine, or found by looking.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::KvError;
use crate::engine::{Engine, Signal, Version};

/// Keys that are looked at in one page.
const PAGE: usize = 500;
/// Most keys that are watched at once; what is beyond is not seen.
const MOST_KEYS: usize = 10_000;
/// The longest wait for one page.
const PATIENCE: Duration = Duration::from_secs(10);

/// A key that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// The version of its value; `None` if it has none any more.
    pub version: Option<Version>,
}

/// Changes of the keys with one prefix. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    changes: Receiver<Change>,
    task: JoinHandle<()>,
}

impl Watch {
    /// The next change; first of all, every key that is there. A key that changed several times
    /// between two looks is told of once. `None` never comes while the runtime lives.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Watches the keys that begin with `prefix`. Looks whenever the engine tells of something, and
/// once in `every` in any case; while the engine fails, nothing is told.
pub fn watch(engine: Arc<dyn Engine>, prefix: &str, every: Duration) -> Watch {
    let (sender, changes) = channel(64);
    let prefix = prefix.to_owned();
    let task = tokio::spawn(async move {
        let mut signal = engine.signal(&prefix);
        let mut known = HashMap::new();
        loop {
            if let Ok(now) = look(&*engine, &prefix).await {
                if tell(&sender, &known, &now).await.is_none() {
                    return;
                }
                known = now;
            }
            wait(&mut signal, every).await;
        }
    });
    Watch { changes, task }
}

/// Waits for a signal, but not longer than this.
pub(crate) async fn wait(signal: &mut Option<Signal>, most: Duration) {
    let told = match signal {
        Some(signal) => timeout(most, signal.changed()).await,
        None => {
            tokio::time::sleep(most).await;
            return;
        }
    };
    if matches!(told, Ok(Err(_))) {
        // Nobody tells any more.
        *signal = None;
    }
}

async fn look(engine: &dyn Engine, prefix: &str) -> Result<HashMap<String, Version>, KvError> {
    let mut found = HashMap::new();
    let mut from = None;
    loop {
        let page = timeout(PATIENCE, engine.list(prefix, from.as_deref(), PAGE)).await;
        let page = page.map_err(|_| KvError::Timeout)??;
        found.extend(page.keys);
        from = page.next;
        if from.is_none() || found.len() >= MOST_KEYS {
            return Ok(found);
        }
    }
}

/// Tells what is different; `None` if nobody listens.
async fn tell(
    sender: &Sender<Change>,
    known: &HashMap<String, Version>,
    now: &HashMap<String, Version>,
) -> Option<()> {
    for (key, version) in now {
        if known.get(key) != Some(version) {
            let (key, version) = (key.clone(), Some(version.clone()));
            sender.send(Change { key, version }).await.ok()?;
        }
    }
    for key in known.keys().filter(|key| !now.contains_key(*key)) {
        let (key, version) = (key.clone(), None);
        sender.send(Change { key, version }).await.ok()?;
    }
    Some(())
}
