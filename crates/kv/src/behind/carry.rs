//! What was made here is brought there, a few things at a time, when nobody waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::Share;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::Inner;
use crate::KvError;

/// Things that are on their way at once.
const AT_ONCE: usize = 4;

/// Something to bring there.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) key: String,
    pub(super) bytes: Bytes,
    /// Of the memory for what waits.
    pub(super) share: Share,
}

/// Brings what comes.
pub(super) async fn work(inner: Arc<Inner>, mut loads: UnboundedReceiver<Load>) {
    let hands = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(load) = loads.recv().await {
        let Ok(hand) = hands.clone().acquire_owned().await else {
            return;
        };
        let inner = inner.clone();
        tokio::spawn(async move {
            inner.bring(load).await;
            drop(hand);
        });
    }
}

impl Inner {
    async fn bring(&self, load: Load) {
        let Load { key, bytes, share } = load;
        if self.breaker.asks() {
            let put = self.engine.put(&key, bytes, Some(self.settings.keep));
            let put = timeout(self.settings.patience, put).await;
            match put.unwrap_or(Err(KvError::Timeout)) {
                Ok(_) => {
                    self.breaker.answered();
                    self.counters.carried.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    self.breaker.failed(&error);
                    self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        } else {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
        drop(share);
        self.lighter.send_replace(());
    }
}
