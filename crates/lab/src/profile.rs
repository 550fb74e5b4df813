//! Links by name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What an emulated link does to packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Rate towards the client, kilobits (1000 bits) per second; packet headers count.
    pub down_kbit: u32,
    /// Rate towards the server.
    pub up_kbit: u32,
    /// Round-trip time without queueing; each direction has half.
    pub rtt: Duration,
    /// Bytes that wait for each direction; a packet that finds no room is dropped.
    pub queue_bytes: usize,
    /// Who goes when too much waits.
    pub discipline: Discipline,
    /// Share of packets lost at random on the way to the client, 0.0–1.0.
    pub down_loss: f64,
    /// The same on the way to the server.
    pub up_loss: f64,
    /// Each packet is late by a random time up to this; none overtakes another.
    pub jitter: Duration,
    /// What chance starts from: the same seed loses the same packets, counted from the first.
    pub seed: u64,
}

/// What a queue does when it grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discipline {
    /// It keeps all there is room for, and drops what comes then.
    #[default]
    DropTail,
    /// It drops its oldest packets, ever faster, while they have waited for more than 5 ms for
    /// 100 ms (RFC 8289).
    CoDel,
}

impl Profile {
    /// Slow 3G: 400/400 kbit/s, 400 ms.
    pub const SLOW_3G: Self = Self::new(400, 400, 400);
    /// Fast 3G as WebPageTest has it: 1600/768 kbit/s, 150 ms.
    pub const FAST_3G: Self = Self::new(1600, 768, 150);
    /// The laboratory link of the published figures: 3000/1000 kbit/s, 100 ms.
    pub const LAB: Self = Self::new(3000, 1000, 100);
    /// 4G: 9000/9000 kbit/s, 170 ms.
    pub const FOUR_G: Self = Self::new(9000, 9000, 170);
    /// Cable: 5000/1000 kbit/s, 28 ms.
    pub const CABLE: Self = Self::new(5000, 1000, 28);
    /// 10 Mbit/s both ways, 40 ms.
    pub const TEN_MBIT: Self = Self::new(10_000, 10_000, 40);
    /// 100 Mbit/s both ways, 5 ms.
    pub const HUNDRED_MBIT: Self = Self::new(100_000, 100_000, 5);

    /// Names of all profiles, slowest first.
    pub const NAMES: [&'static str; 7] = [
        "slow-3g", "3g-fast", "lab", "cable", "4g", "10mbit", "100mbit",
    ];

    /// A link without loss, with the usual queue of 64 KiB or the bandwidth-delay product if
    /// that is more.
    pub const fn new(down_kbit: u32, up_kbit: u32, rtt_ms: u32) -> Self {
        let product = (down_kbit / 8) as usize * rtt_ms as usize;
        Self {
            down_kbit,
            up_kbit,
            rtt: Duration::from_millis(rtt_ms as u64),
            queue_bytes: if product > 65_536 { product } else { 65_536 },
            discipline: Discipline::DropTail,
            down_loss: 0.0,
            up_loss: 0.0,
            jitter: Duration::ZERO,
            seed: 0,
        }
    }

    /// The profile of a name in [`Profile::NAMES`].
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "slow-3g" => Self::SLOW_3G,
            "3g-fast" => Self::FAST_3G,
            "lab" => Self::LAB,
            "4g" => Self::FOUR_G,
            "cable" => Self::CABLE,
            "10mbit" => Self::TEN_MBIT,
            "100mbit" => Self::HUNDRED_MBIT,
            _ => return None,
        })
    }

    /// The name under which [`Profile::named`] finds this link, if it has one.
    pub fn name(&self) -> Option<&'static str> {
        Self::NAMES
            .into_iter()
            .find(|name| Self::named(name) == Some(*self))
    }

    /// The same link with a share of packets lost in each direction.
    pub const fn with_loss(self, loss: f64) -> Self {
        Self {
            down_loss: loss,
            up_loss: loss,
            ..self
        }
    }

    /// The same link with a queue that CoDel keeps short.
    pub const fn with_codel(self) -> Self {
        Self {
            discipline: Discipline::CoDel,
            ..self
        }
    }

    /// Bits of TCP payload per second that fit through `kbit` in full packets of 1500 bytes with
    /// 52 of headers.
    pub fn goodput(kbit: u32) -> f64 {
        f64::from(kbit) * 1000.0 * 1448.0 / 1500.0
    }

    /// Time the link needs for `bytes` of TCP payload towards the client, in full packets of
    /// 1500 bytes with 52 of headers: the limit no server beats, less the round trip.
    pub fn limit(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 * 8.0 / Self::goodput(self.down_kbit))
    }
}

/// No link is called that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no link is called `{0}`; there are: {names}", names = Profile::NAMES.join(", "))]
pub struct UnknownProfile(pub String);

/// By its name; the error lists the names there are.
impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        Self::named(name).ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

/// In words: `3g-fast: 1600 kbit/s down, 768 kbit/s up, round trip 150 ms`.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            write!(f, "{name}: ")?;
        }
        let (down, up, rtt) = (self.down_kbit, self.up_kbit, self.rtt.as_millis());
        write!(f, "{down} kbit/s down, {up} kbit/s up, round trip {rtt} ms")?;
        if !self.jitter.is_zero() {
            write!(f, ", up to {} ms more", self.jitter.as_millis())?;
        }
        let (down, up) = (self.down_loss * 100.0, self.up_loss * 100.0);
        match (down, up) {
            (0.0, 0.0) => {}
            (down, up) if down == up => write!(f, ", {down} % of packets lost")?,
            (down, up) => write!(f, ", {down} % of packets lost down, {up} % up")?,
        }
        match self.discipline {
            Discipline::DropTail => Ok(()),
            Discipline::CoDel => write!(f, ", CoDel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_it_does() {
        for name in Profile::NAMES {
            assert_eq!(
                Profile::named(name).and_then(|link| link.name()),
                Some(name)
            );
        }
        assert_eq!(
            Profile::FAST_3G.to_string(),
            "3g-fast: 1600 kbit/s down, 768 kbit/s up, round trip 150 ms"
        );
        assert_eq!(
            Profile::new(1, 2, 3).with_loss(0.5).to_string(),
            "1 kbit/s down, 2 kbit/s up, round trip 3 ms, 50 % of packets lost"
        );
        let odd = Profile {
            up_loss: 0.25,
            jitter: Duration::from_millis(7),
            ..Profile::new(1, 2, 3).with_codel()
        };
        assert_eq!(
            odd.to_string(),
            "1 kbit/s down, 2 kbit/s up, round trip 3 ms, up to 7 ms more, \
             0 % of packets lost down, 25 % up, CoDel"
        );
    }

    #[test]
    fn every_name_has_a_profile() {
        for name in Profile::NAMES {
            assert!(Profile::named(name).is_some(), "{name}");
        }
        assert_eq!(Profile::named("5g"), None);
        let message = "5g".parse::<Profile>().unwrap_err().to_string();
        assert!(message.contains("`5g`"), "{message}");
        for name in Profile::NAMES {
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn the_queue_holds_at_least_what_the_link_holds() {
        assert_eq!(Profile::FAST_3G.queue_bytes, 65_536);
        assert_eq!(Profile::FOUR_G.queue_bytes, 191_250);
    }

    #[test]
    fn the_limit_counts_headers() {
        let limit = Profile::FAST_3G.limit(1448 * 1000);
        assert_eq!(limit, Duration::from_millis(7500));
    }
}
