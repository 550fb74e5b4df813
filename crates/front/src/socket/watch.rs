//! Watches the acknowledgements of bytes that left together: see [`crate::burst`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pipeline::Burst;

use super::{Shared, kernel};
use crate::burst::{AT_ONCE, LASTS, LEAST_PACKETS, PATIENCE, Train};

/// Payload of a packet before the kernel has said how much it is.
const PACKET: u64 = 1448;
/// Below this round trip nothing is slow, and nothing is watched.
const NEAR: Duration = Duration::from_millis(1);
/// How often the kernel is asked, at first and at last.
const LOOKS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

/// What is known of the bytes written to a connection.
#[derive(Debug)]
pub struct Watch(Mutex<State>);

#[derive(Debug)]
struct State {
    written: u64,
    /// When the bytes that are written now began, and how many were before them.
    start: Option<(Instant, u64)>,
    last: Option<Instant>,
    watching: bool,
    /// Not again before.
    due: Option<Instant>,
    burst: Option<Burst>,
}

impl Watch {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self(Mutex::new(State {
            written: 0,
            start: None,
            last: None,
            watching: false,
            due: None,
            burst: None,
        }))
    }

    /// What the last burst told, and whether one is being watched.
    pub fn told(&self) -> (Option<Burst>, bool) {
        let state = self.0.lock();
        (state.burst, state.watching)
    }

    /// Counts bytes that were written, and says when enough were to watch them: their beginning.
    fn wrote(&self, bytes: u64) -> Option<(Instant, u64)> {
        let mut state = self.0.lock();
        let before = state.written;
        state.written += bytes;
        if state.watching {
            return None;
        }
        let now = Instant::now();
        if state.due.is_some_and(|due| now < due) {
            return None;
        }
        let paused = |last| now.saturating_duration_since(last) > AT_ONCE;
        let (start, base) = match state.start {
            Some(begun) if !state.last.is_none_or(paused) => begun,
            _ => (now, before),
        };
        state.last = Some(now);
        state.start = Some((start, base));
        state.watching = state.written - base >= LEAST_PACKETS * PACKET;
        state.watching.then_some((start, base))
    }

    fn tell(&self, burst: Option<Burst>) {
        let mut state = self.0.lock();
        state.burst = burst.or(state.burst);
    }

    fn end(&self, burst: Option<Burst>, due: bool) {
        let mut state = self.0.lock();
        state.burst = burst.or(state.burst);
        (state.watching, state.start) = (false, None);
        state.due = due.then(|| Instant::now() + LASTS);
    }
}

/// Counts bytes that were written to a socket; watches those that leave together, at the first
/// chance and then once in a while.
pub fn wrote(shared: &Arc<Shared>, bytes: usize) {
    let Some(begun) = shared.watch.wrote(bytes as u64) else {
        return;
    };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(watch(Arc::clone(shared), begun))),
        Err(_) => shared.watch.end(None, true),
    }
}

/// Looks at what arrives until the train is over, or the connection.
async fn watch(shared: Arc<Shared>, (start, base): (Instant, u64)) {
    tokio::time::sleep(LOOKS[0]).await;
    let Some(look) = shared.look() else {
        return shared.watch.end(None, true);
    };
    if look.min_rtt.is_some_and(|rtt| rtt < NEAR) {
        return shared.watch.end(None, true);
    }
    let mut train = Train::new(start, base, look.packet);
    let written = shared.watch.0.lock().written;
    // What the kernel holds back, by its window or its pace, is no part of the train, unless
    // nothing else is there.
    train.extend(written.saturating_sub(look.unsent));
    let paced = !train.is_long();
    tracing::trace!(?look, written, base, paced, "a train left");
    if paced {
        train.extend(written);
    }
    let judged = |train: &Train, pace: u64| {
        train.burst().map(|burst| Burst {
            at_least: burst.at_least || (paced && burst.rate >= pace / 5 * 4),
            ..burst
        })
    };
    let trip = look.min_rtt.unwrap_or(LOOKS[1]).mul_f64(0.8);
    tokio::time::sleep(trip.saturating_sub(start.elapsed())).await;
    while let Some(look) = shared.look() {
        train.arrived(look.at, look.acknowledged);
        let burst = judged(&train, look.pace);
        tracing::trace!(?train, ?burst, "looked at a train");
        if train.is_over() || look.at.saturating_duration_since(start) > PATIENCE {
            return shared.watch.end(burst, burst.is_some());
        }
        shared.watch.tell(burst);
        let since = train.first_arrival();
        let since = since.map_or(Duration::ZERO, |first| look.at - first);
        tokio::time::sleep((since / 8).clamp(LOOKS[0], LOOKS[1])).await;
    }
    shared.watch.end(None, true);
}

impl Shared {
    fn look(&self) -> Option<kernel::Look> {
        self.descriptor().as_ref().and_then(kernel::look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_together_is_watched() {
        let watch = Watch::new();
        assert_eq!(watch.wrote(100), None);
        let (_, base) = watch.wrote(LEAST_PACKETS * PACKET).unwrap();
        // A busy machine may have paused for longer than that between the two.
        assert!(base == 0 || base == 100, "{base}");
        assert_eq!(watch.wrote(100_000), None, "one at a time");
        assert_eq!(watch.told(), (None, true));
        let burst = Burst {
            rate: 1,
            at_least: false,
        };
        watch.end(Some(burst), true);
        assert_eq!(watch.told(), (Some(burst), false));
        assert_eq!(watch.wrote(100_000), None, "it is known");
        watch.end(None, false);
        assert!(watch.wrote(100_000).is_some());
        assert_eq!(watch.told().0, Some(burst), "better old than nothing");
    }
}
