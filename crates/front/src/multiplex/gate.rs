//! How much may wait between the scheduler and the wire.

use std::sync::Arc;
use std::time::Duration;

use delivery::RECORD_BODY;
use pipeline::{Connection, NetworkEstimate};

use crate::socket::SocketHandle;

/// Below this round-trip time whatever is chosen too early is corrected before anyone can see it.
const NEAR: Duration = Duration::from_millis(3);

/// Grain on slow links and on links of which nothing is known yet, in bytes.
const FINE: usize = 4096;

/// From this rate on a whole record is fine enough, in bytes a second: 10 Mbit/s.
const QUICK: u64 = 1_250_000;

/// Above that, the grain is what leaves in this time, in milliseconds.
const GRAIN_MILLIS: u64 = 13;

/// The largest grain, and how much may wait where nothing needs to be held back, in bytes.
const COARSE: usize = 256 * 1024;

/// Most of a body that is handed over at once where nothing needs to be held back, in bytes.
const OPEN_CHUNK: usize = 64 * 1024;

/// After how many body bytes the path is looked at again: held back, and open. Held back it is soon,
/// as a rate that grows from one round trip to the next must not find too little to send.
const LOOK_AGAIN: [u64; 2] = [32 * 1024, 8 * 1024 * 1024];

/// Decides how much may wait between the scheduler and the wire.
pub struct Gate {
    order: bool,
    connection: Arc<Connection>,
    socket: Option<SocketHandle>,
    open: bool,
    grain: usize,
    round_trip: Duration,
    /// Body bytes until the path is looked at again.
    credit: u64,
}

impl Gate {
    /// A gate that has not looked at the path yet. Without `order` it holds nothing back.
    pub fn new(order: bool, connection: Arc<Connection>, socket: Option<SocketHandle>) -> Self {
        Self {
            order,
            connection,
            socket,
            open: !order,
            grain: FINE,
            round_trip: Duration::ZERO,
            credit: 0,
        }
    }

    /// The path's round trip when it was last looked at; zero if it is not known.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Whether the order of bytes is kept at all.
    pub fn keeps_order(&self) -> bool {
        self.order
    }

    /// Whether a response may go to the connection at once, whatever its plan.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether writes may be gathered: the path is known to be near.
    pub fn gathers(&self) -> bool {
        self.order && self.open
    }

    /// How much is granted at once. Held back, never more than fits one TLS record, and no more to
    /// a response that is alone: on a slow link the requests of a page come one by one, and what
    /// the first of them was given too early, all others wait for.
    pub fn grain(&self) -> usize {
        match self.open {
            true => OPEN_CHUNK,
            false => self.grain.min(RECORD_BODY),
        }
    }

    /// How many bytes may wait before the next grant.
    pub fn limit(&self) -> u64 {
        match (self.order, self.open) {
            (false, _) => u64::MAX,
            (true, true) => COARSE as u64,
            (true, false) => self.grain as u64,
        }
    }

    /// Looks at the path when it is time: before the first body, and then once each 32 KiB on a
    /// path that is far, each 8 MiB on one that is near. Costs a system call.
    pub fn look_if_due(&mut self) {
        if self.order && self.credit == 0 {
            self.look();
        }
    }

    /// Counts body bytes handed over.
    pub fn spend(&mut self, bytes: u64) {
        self.credit = self.credit.saturating_sub(bytes);
    }

    fn look(&mut self) {
        let estimate = (self.connection.estimate)();
        self.open = is_near(&estimate);
        self.grain = grain_for(&estimate);
        self.round_trip = estimate.min_rtt.or(estimate.rtt).unwrap_or_default();
        self.credit = LOOK_AGAIN[usize::from(self.open)];
        if let Some(socket) = &self.socket {
            socket.set_late(!self.open, estimate.delivery_rate);
        }
    }
}

fn is_near(estimate: &NetworkEstimate) -> bool {
    estimate
        .min_rtt
        .or(estimate.rtt)
        .is_some_and(|rtt| rtt < NEAR)
}

fn grain_for(estimate: &NetworkEstimate) -> usize {
    match estimate.delivery_rate {
        Some(rate) if rate >= QUICK => {
            let bytes = usize::try_from(rate.saturating_mul(GRAIN_MILLIS) / 1000);
            bytes.unwrap_or(COARSE).clamp(RECORD_BODY, COARSE)
        }
        _ => FINE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(rtt_ms: u64, rate: Option<u64>) -> NetworkEstimate {
        NetworkEstimate {
            rtt: Some(Duration::from_millis(rtt_ms + 20)),
            min_rtt: Some(Duration::from_millis(rtt_ms)),
            delivery_rate: rate,
            ..NetworkEstimate::default()
        }
    }

    #[test]
    fn the_grain_grows_with_the_rate() {
        for (rate, grain) in [
            (None, 4096),
            (Some(200_000), 4096),
            (Some(1_250_000), 16_375),
            (Some(5_000_000), 65_000),
            (Some(u64::MAX), 256 * 1024),
        ] {
            assert_eq!(grain_for(&path(40, rate)), grain, "{rate:?}");
        }
    }

    #[test]
    fn only_a_near_path_is_open() {
        assert!(is_near(&path(0, None)) && is_near(&path(2, None)));
        assert!(!is_near(&path(3, None)) && !is_near(&NetworkEstimate::default()));
    }
}
