//! Settings of how fast a visitor's connection counts as.

use std::time::Duration;

use base::settings::{Report, join};

base::settings! {
    /// How fast visitors' connections are, as this server sees them: pictures for slow ones are
    /// made smaller (`images.policy.slow_quality` and `medium_quality`). The delivery rate decides
    /// where it is known, before that how far apart the first bytes of the page arrive, and where
    /// they are too few the round-trip time. It stays the same for all of a page.
    pub struct NetworkSettings {
        /// Whether this module runs. Behind another proxy nothing can be seen of the visitor's own
        /// connection; requests that came through one count as unknown.
        enabled: bool = true,
        /// The request header in which a trusted proxy (`trusted_proxies`, or one that speaks the PROXY
        /// protocol) says how fast the visitor's own connection is: `slow`, `medium`, `fast`, or its
        /// round-trip time as `87`, `87ms` or `87000us`. From anyone else it is not believed. Absent:
        /// no header.
        header: Option<http::HeaderName> = None,
        /// A connection that delivers less than this is slow, in bits a second.
        slow_rate: u64 = 2_500_000,
        /// A connection that delivers less than this, and is not slow, is in between, in bits a
        /// second.
        medium_rate: u64 = 8_000_000,
        /// Where the rate is not known: a connection with a longer round trip is slow.
        slow_rtt: Duration = Duration::from_millis(300),
        /// Where the rate is not known: a connection with a longer round trip, that is not slow, is
        /// in between.
        medium_rtt: Duration = Duration::from_millis(120),
        /// After so long without a request a visitor is judged anew.
        hold: Duration = Duration::from_secs(30),
    }
}

impl NetworkSettings {
    /// Reports thresholds that are the wrong way round.
    pub fn check(&self, place: &str, report: &mut Report) {
        if self.slow_rate > self.medium_rate {
            let form = format!("at most `medium_rate`, {}", self.medium_rate);
            report.reject(
                &join(place, "slow_rate"),
                self.slow_rate.to_string(),
                &*form,
            );
        }
        if self.slow_rtt < self.medium_rtt {
            let form = "at least `medium_rtt`";
            let given = base::units::show_duration(self.slow_rtt);
            report.reject(&join(place, "slow_rtt"), &given, form);
        }
    }
}
