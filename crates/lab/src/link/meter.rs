//! How much had arrived when.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::Counters;

/// Writes down what arrives at the client of a link, from its making until it is dropped. It may
/// outlive the link, of which then nothing more arrives.
pub struct Meter {
    record: Arc<Record>,
    stop: Option<Sender<()>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Record {
    arrivals: Mutex<Vec<(SystemTime, u64)>>,
    changed: Condvar,
}

const EVERY: Duration = Duration::from_millis(4);

impl Meter {
    pub(super) fn start(counters: Arc<Counters>) -> std::io::Result<Self> {
        let record = Arc::new(Record::default());
        let (stop, stopped) = channel();
        let kept = Arc::clone(&record);
        let zero = counters.down_bytes.load(Ordering::Relaxed);
        let write = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                let bytes = counters.down_bytes.load(Ordering::Relaxed) - zero;
                kept.note(SystemTime::now(), bytes);
            }
        };
        let writer = thread::Builder::new().name("meter".into()).spawn(write)?;
        Ok(Self {
            record,
            stop: Some(stop),
            writer: Some(writer),
        })
    }

    /// Bytes that had arrived since the meter was made, packet headers included, with the first
    /// moment that many were seen; in order.
    pub fn arrivals(&self) -> Vec<(SystemTime, u64)> {
        self.record.lock().clone()
    }

    /// Waits until so many bytes have arrived; says whether they did within `limit`.
    pub fn wait_for(&self, bytes: u64, limit: Duration) -> bool {
        let fewer = |arrivals: &mut Vec<(SystemTime, u64)>| {
            arrivals.last().is_none_or(|arrival| arrival.1 < bytes)
        };
        let waited = self
            .record
            .changed
            .wait_timeout_while(self.record.lock(), limit, fewer);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Record {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(SystemTime, u64)>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, now: SystemTime, bytes: u64) {
        let mut arrivals = self.lock();
        if arrivals.last().is_none_or(|arrival| arrival.1 != bytes) {
            arrivals.push((now, bytes));
            self.changed.notify_all();
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(writer) = self.writer.take() {
            // It has nothing to say when it ends.
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_written_down_and_waited_for() {
        let counters = Arc::new(Counters::default());
        counters.down_bytes.store(1000, Ordering::Relaxed);
        let meter = Meter::start(Arc::clone(&counters)).unwrap();
        assert!(!meter.wait_for(1, Duration::from_millis(50)));
        for more in [1500, 700] {
            counters.down_bytes.fetch_add(more, Ordering::Relaxed);
            assert!(meter.wait_for(more, Duration::from_secs(60)));
        }
        assert!(meter.wait_for(2200, Duration::from_secs(60)));
        let bytes: Vec<u64> = meter.arrivals().iter().map(|arrival| arrival.1).collect();
        assert_eq!(bytes, [0, 1500, 2200]);
    }
}
