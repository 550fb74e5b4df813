//! How fast a client takes and sends: one that moves a byte now and then holds a connection, and
//! what is behind it, as surely as one that moves none.

use std::time::Duration;

use tokio::time::Instant;

/// Counts what a client moves in the time in which it is waited for. Time in which nobody waits
/// for the client does not count against it.
#[derive(Debug)]
pub struct Pace {
    /// How much waiting makes a judgement.
    span: Duration,
    /// Least bytes in that time.
    least: u64,
    waiting: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// A client that must move so many bytes a second, on average over `span`; 0: any pace will
    /// do.
    pub fn new(span: Duration, rate: u64) -> Self {
        Self {
            span,
            least: rate.saturating_mul(span.as_secs().max(1)),
            waiting: None,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// The client is waited for from now on.
    pub fn wait(&mut self) {
        self.waiting.get_or_insert_with(Instant::now);
    }

    /// The client has moved so many bytes. Returns whether it is too slow.
    pub fn moved(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let Some(since) = self.waiting.take() else {
            return false;
        };
        self.waited += since.elapsed();
        if self.waited < self.span {
            return false;
        }
        let is_slow = self.bytes < self.least;
        self.waited = Duration::ZERO;
        self.bytes = 0;
        is_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(pace: &mut Pace, seconds: u64, bytes: usize) -> bool {
        pace.wait();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        pace.moved(bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_too_slow_and_time_of_ours_does_not_count() {
        let mut pace = Pace::new(Duration::from_secs(60), 100);
        for _ in 0..11 {
            assert!(!after(&mut pace, 5, 1).await);
            // Nobody waits for the client here.
            tokio::time::advance(Duration::from_secs(1000)).await;
        }
        assert!(after(&mut pace, 5, 1).await);
        for _ in 0..100 {
            assert!(!after(&mut pace, 5, 500).await);
        }
        let mut any = Pace::new(Duration::from_secs(60), 0);
        assert!(!after(&mut any, 1000, 1).await);
    }
}
