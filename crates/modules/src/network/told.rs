//! What a trusted proxy tells of the visitor's connection.

use std::time::Duration;

use ::image::Tier;
use pipeline::NetworkEstimate;

use super::NetworkSettings;

/// What a trusted proxy told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The tier itself.
    Tier(Tier),
    /// The round-trip time.
    RoundTrip(Duration),
}

impl Told {
    /// Reads the header's value: `slow`, `medium`, `fast`, or a round-trip time in milliseconds
    /// (`87`, `87ms`) or microseconds (`87000us`, as nginx and HAProxy can say it).
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        if let Some(tier) = [Tier::Slow, Tier::Medium, Tier::Fast]
            .into_iter()
            .find(|tier| tier.word().eq_ignore_ascii_case(value))
        {
            return Some(Self::Tier(tier));
        }
        let number = |text: &str| text.trim_end().parse::<u32>().ok();
        let time = if let Some(micros) = value.strip_suffix("us") {
            Duration::from_micros(number(micros)?.into())
        } else {
            let millis = value.strip_suffix("ms").unwrap_or(value);
            Duration::from_millis(number(millis)?.into())
        };
        Some(Self::RoundTrip(time))
    }

    /// What a connection would have measured of which this is true.
    pub fn estimate(self, settings: &NetworkSettings) -> NetworkEstimate {
        // Far from the thresholds, so that no margin keeps it from what was told.
        let bits = |tier| match tier {
            Tier::Slow => settings.slow_rate / 4,
            Tier::Medium => settings.slow_rate / 2 + settings.medium_rate / 2,
            Tier::Fast => settings.medium_rate.saturating_mul(4),
        };
        match self {
            Self::Tier(tier) => NetworkEstimate {
                delivery_rate: Some(bits(tier) / 8),
                ..NetworkEstimate::default()
            },
            Self::RoundTrip(time) => NetworkEstimate {
                rtt: Some(time),
                ..NetworkEstimate::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_and_round_trips_are_read() {
        let trip = |millis| Some(Told::RoundTrip(Duration::from_millis(millis)));
        for (value, expected) in [
            ("slow", Some(Told::Tier(Tier::Slow))),
            (" Medium ", Some(Told::Tier(Tier::Medium))),
            ("FAST", Some(Told::Tier(Tier::Fast))),
            ("87", trip(87)),
            ("87 ms", trip(87)),
            ("87000us", trip(87)),
            ("", None),
            ("-1", None),
            ("quick", None),
            ("1.5", None),
            ("99999999999", None),
            ("ms", None),
        ] {
            assert_eq!(Told::parse(value), expected, "{value}");
        }
    }
}
