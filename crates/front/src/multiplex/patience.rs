//! How many requests a client may give up ("rapid reset", CVE-2023-44487). Each may have cost a
//! connection to the origin, and makes room for the next.

use std::time::Duration;

use tokio::time::Instant;

/// So many times all of a connection's streams may be given up at once: whoever leaves a page, or
/// moves quickly over a map, does that a few times.
const ROUNDS: u32 = 4;

/// After this long one more round is forgiven.
const FORGIVEN: Duration = Duration::from_secs(10);

/// Counts what a client gives up, and forgets it with time and with each response that is taken to
/// its end.
pub struct Patience {
    left: u32,
    most: u32,
    /// Time for which one more is forgiven.
    each: Duration,
    since: Instant,
    over: bool,
}

impl Patience {
    /// Patience with a client that may have so many streams open at once.
    pub fn new(max_streams: u32) -> Self {
        let round = max_streams.max(1);
        let most = round.saturating_mul(ROUNDS);
        Self {
            left: most,
            most,
            each: (FORGIVEN / round).max(Duration::from_micros(1)),
            since: Instant::now(),
            over: false,
        }
    }

    /// A response was taken to its end.
    pub fn restore(&mut self) {
        self.left = self.left.saturating_add(1).min(self.most);
    }

    /// A request was given up. Returns whether it was one too many.
    pub fn wear(&mut self) -> bool {
        if self.left == 0 {
            self.forgive();
        }
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.over = true,
        }
        self.over
    }

    /// Whether there was one too many.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What time has forgiven; looked at only when it is needed.
    fn forgive(&mut self) {
        let now = Instant::now();
        let forgiven = now.duration_since(self.since).as_nanos() / self.each.as_nanos();
        if forgiven > 0 {
            self.left = u32::try_from(forgiven).map_or(self.most, |count| count.min(self.most));
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_comes_back_with_time_and_with_what_is_taken() {
        let mut patience = Patience::new(10);
        let given_up = |patience: &mut Patience| {
            patience.over = false;
            (0..1000).take_while(|_| !patience.wear()).count()
        };
        assert_eq!(given_up(&mut patience), 40);
        assert_eq!(given_up(&mut patience), 0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(given_up(&mut patience), 3);
        assert!(patience.is_over());
        for _ in 0..100 {
            patience.restore();
        }
        assert_eq!(given_up(&mut patience), 40);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(
            given_up(&mut patience),
            40,
            "no more is saved up than there was"
        );
    }

    #[test]
    fn any_number_of_streams_will_do() {
        assert!(!Patience::new(0).wear());
        assert!(!Patience::new(u32::MAX).wear());
    }
}
