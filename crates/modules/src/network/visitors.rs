//! What is known of visitors' connections, from one request to the next.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ::image::Tier;
use parking_lot::Mutex;
use pipeline::NetworkEstimate;

use super::NetworkSettings;

/// Most visitors remembered: at about 80 bytes each, five megabytes.
const MOST: usize = 65_536;
/// A tier is left only when a threshold is passed by this factor, in percent.
const MARGIN: u64 = 20;
/// A delivery rate that was measured so long ago says nothing any more.
const RATE_LASTS: Duration = Duration::from_secs(600);

/// Who shares a way to here: a network of addresses (IPv4 /24, IPv6 /48) and a browser, as a hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Visitor(u64);

/// All of them.
pub struct Visitors {
    hasher: RandomState,
    known: Mutex<HashMap<Visitor, Known>>,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
struct Known {
    seen: Instant,
    /// What pictures are made for.
    tier: Option<Tier>,
    /// A page was asked for since the tier was set.
    renew: bool,
    /// Bits a second, and when that was.
    rate: Option<(u64, Instant)>,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// How fast; `None` where nothing is known.
    pub tier: Option<Tier>,
    /// Whether it was decided just now, or for an earlier request of the same page.
    pub anew: bool,
    /// Bits a second, where known.
    pub rate: Option<u64>,
}

impl Visitors {
    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            known: Mutex::default(),
        }
    }

    /// Who comes from this address with this browser.
    pub fn visitor(&self, address: IpAddr, agent: &[u8]) -> Visitor {
        let network: u64 = match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
            // The first 48 bits; the mark keeps them apart from IPv4.
            IpAddr::V6(address) => 1 << 63 | (address.to_bits() >> 80) as u64,
        };
        Visitor(self.hasher.hash_one((network, agent)))
    }

    /// Notes that a visitor asks for a page: what is asked for next may be judged anew.
    pub fn navigate(&self, visitor: Visitor) {
        if let Some(known) = self.known.lock().get_mut(&visitor) {
            known.renew = true;
        }
    }

    /// How fast a visitor's connection is for a picture asked for `now`. The same for all of a page.
    pub fn judge(
        &self,
        visitor: Visitor,
        estimate: &NetworkEstimate,
        settings: &NetworkSettings,
        now: Instant,
    ) -> Judgement {
        let mut all = self.known.lock();
        let before = all.get(&visitor).copied();
        let known = before.unwrap_or(Known {
            seen: now,
            tier: None,
            renew: true,
            rate: None,
        });
        let rate = rate(known.rate, estimate, now);
        let idle = now.saturating_duration_since(known.seen) > settings.hold;
        let anew = known.renew || idle || known.tier.is_none();
        let tier = if anew {
            let measured = rate.map(|(rate, _)| rate);
            tier(measured, estimate, known.tier, settings)
        } else {
            known.tier
        };
        let next = Known {
            seen: now,
            tier,
            renew: false,
            rate,
        };
        if before.is_none() && all.len() >= MOST {
            forget(&mut all, settings.hold, now);
        }
        all.insert(visitor, next);
        Judgement {
            tier,
            anew,
            rate: rate.map(|(rate, _)| rate),
        }
    }
}

/// Makes room: those who went, and if all are here, all of them; each is judged anew when it comes
/// again.
fn forget(all: &mut HashMap<Visitor, Known>, hold: Duration, now: Instant) {
    all.retain(|_, known| now.saturating_duration_since(known.seen) <= hold);
    if all.len() >= MOST {
        all.clear();
    }
}

/// The rate that is known after an estimate, halfway between the old and the new. One that was
/// limited by what there was to send counts only where it is higher.
fn rate(
    known: Option<(u64, Instant)>,
    estimate: &NetworkEstimate,
    now: Instant,
) -> Option<(u64, Instant)> {
    let known = known.filter(|(_, when)| now.saturating_duration_since(*when) < RATE_LASTS);
    let Some(bytes) = estimate.delivery_rate else {
        return known;
    };
    let measured = bytes.saturating_mul(8);
    match known {
        Some((old, _)) if estimate.app_limited && measured <= old => known,
        None if estimate.app_limited => None,
        Some((old, _)) => Some((old / 2 + measured / 2, now)),
        None => Some((measured, now)),
    }
}

/// The tier of a rate, or of a round-trip time where there is none. A tier that held before is left
/// only beyond a margin.
fn tier(
    rate: Option<u64>,
    estimate: &NetworkEstimate,
    before: Option<Tier>,
    settings: &NetworkSettings,
) -> Option<Tier> {
    let (slow, medium) = match (rate, estimate.min_rtt.or(estimate.rtt)) {
        (Some(rate), _) => {
            let below = |threshold: u64, held: bool| {
                rate < threshold.saturating_mul(if held { 100 + MARGIN } else { 100 - MARGIN })
                    / 100
            };
            by_thresholds(
                before,
                |tier, held| match tier {
                    Tier::Slow => below(settings.slow_rate, held),
                    _ => below(settings.medium_rate, held),
                },
                || (rate < settings.slow_rate, rate < settings.medium_rate),
            )
        }
        (None, Some(rtt)) => {
            let above = |threshold: Duration, held: bool| {
                rtt > threshold
                    * if held {
                        100 - MARGIN as u32
                    } else {
                        100 + MARGIN as u32
                    }
                    / 100
            };
            by_thresholds(
                before,
                |tier, held| match tier {
                    Tier::Slow => above(settings.slow_rtt, held),
                    _ => above(settings.medium_rtt, held),
                },
                || (rtt > settings.slow_rtt, rtt > settings.medium_rtt),
            )
        }
        (None, None) => return before,
    };
    Some(match (slow, medium) {
        (true, _) => Tier::Slow,
        (false, true) => Tier::Medium,
        (false, false) => Tier::Fast,
    })
}

/// Whether it is slow, and whether it is no better than in between. `passes` says whether a
/// threshold is passed, leniently where the tier was `held`; `plainly` without any margin.
fn by_thresholds(
    before: Option<Tier>,
    passes: impl Fn(Tier, bool) -> bool,
    plainly: impl Fn() -> (bool, bool),
) -> (bool, bool) {
    let Some(before) = before else {
        return plainly();
    };
    let slow = passes(Tier::Slow, before == Tier::Slow);
    let medium = passes(Tier::Medium, before != Tier::Fast);
    (slow, medium)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_rate(megabits: f64) -> NetworkEstimate {
        NetworkEstimate {
            rtt: Some(Duration::from_millis(20)),
            delivery_rate: Some((megabits * 125_000.0) as u64),
            ..NetworkEstimate::default()
        }
    }

    fn by_rtt(millis: u64) -> NetworkEstimate {
        NetworkEstimate {
            rtt: Some(Duration::from_millis(millis)),
            ..NetworkEstimate::default()
        }
    }

    /// A visitor, and the time.
    struct Scene {
        visitors: Visitors,
        visitor: Visitor,
        now: Instant,
        settings: NetworkSettings,
    }

    impl Scene {
        fn new() -> Self {
            let visitors = Visitors::new();
            let visitor = visitors.visitor([192, 0, 2, 7].into(), b"browser");
            Self {
                visitors,
                visitor,
                now: Instant::now(),
                settings: NetworkSettings::default(),
            }
        }

        fn picture(&self, estimate: &NetworkEstimate) -> Option<Tier> {
            let Self {
                visitors,
                visitor,
                now,
                settings,
            } = self;
            visitors.judge(*visitor, estimate, settings, *now).tier
        }

        fn page(&self) {
            self.visitors.navigate(self.visitor);
        }
    }

    #[test]
    fn the_rate_decides_where_it_is_known_and_the_round_trip_before() {
        for (estimate, expected) in [
            (by_rate(1.2), Some(Tier::Slow)),
            (by_rate(5.0), Some(Tier::Medium)),
            (by_rate(16.0), Some(Tier::Fast)),
            (by_rtt(600), Some(Tier::Slow)),
            (by_rtt(150), Some(Tier::Medium)),
            (by_rtt(60), Some(Tier::Fast)),
            (NetworkEstimate::default(), None),
        ] {
            assert_eq!(Scene::new().picture(&estimate), expected, "{estimate:?}");
        }
        let far = NetworkEstimate {
            rtt: Some(Duration::from_millis(400)),
            ..by_rate(100.0)
        };
        assert_eq!(Scene::new().picture(&far), Some(Tier::Fast));
    }

    #[test]
    fn a_page_is_not_mixed() {
        let scene = Scene::new();
        assert_eq!(scene.picture(&by_rtt(20)), Some(Tier::Fast));
        for _ in 0..20 {
            assert_eq!(scene.picture(&by_rate(0.5)), Some(Tier::Fast));
        }
        scene.page();
        assert_eq!(scene.picture(&by_rate(0.5)), Some(Tier::Slow));
        assert_eq!(scene.picture(&by_rate(50.0)), Some(Tier::Slow));
    }

    #[test]
    fn who_was_away_is_judged_anew() {
        let mut scene = Scene::new();
        assert_eq!(scene.picture(&by_rtt(20)), Some(Tier::Fast));
        scene.now += scene.settings.hold * 2;
        assert_eq!(scene.picture(&by_rate(1.0)), Some(Tier::Slow));
    }

    #[test]
    fn a_tier_is_left_only_beyond_a_margin() {
        let settings = NetworkSettings::default();
        let at = |megabits: f64, before| {
            let rate = Some((megabits * 1e6) as u64);
            tier(rate, &NetworkEstimate::default(), before, &settings).unwrap()
        };
        // The threshold lies at 2.5.
        assert_eq!(at(2.6, Some(Tier::Slow)), Tier::Slow);
        assert_eq!(at(3.1, Some(Tier::Slow)), Tier::Medium);
        assert_eq!(at(2.4, Some(Tier::Medium)), Tier::Medium);
        assert_eq!(at(1.9, Some(Tier::Medium)), Tier::Slow);
        assert_eq!(at(2.4, None), Tier::Slow);
        // Half and twice a threshold are told apart whatever was before.
        for before in [Tier::Slow, Tier::Medium, Tier::Fast] {
            assert_eq!(at(1.25, Some(before)), Tier::Slow);
            assert_eq!(at(5.0, Some(before)), Tier::Medium);
            assert_eq!(at(16.0, Some(before)), Tier::Fast);
        }
    }

    #[test]
    fn a_rate_limited_by_the_sender_only_raises() {
        let scene = Scene::new();
        let limited = |megabits| NetworkEstimate {
            app_limited: true,
            ..by_rate(megabits)
        };
        assert_eq!(
            scene.picture(&limited(0.1)),
            Some(Tier::Fast),
            "by its trip"
        );
        scene.page();
        assert_eq!(scene.picture(&by_rate(1.0)), Some(Tier::Slow));
        scene.page();
        assert_eq!(scene.picture(&limited(0.1)), Some(Tier::Slow));
        scene.page();
        assert_eq!(scene.picture(&limited(100.0)), Some(Tier::Fast));
    }

    #[test]
    fn visitors_are_networks_and_browsers() {
        let visitors = Visitors::new();
        let one = |address: &str, agent: &[u8]| {
            visitors.visitor(address.parse::<IpAddr>().unwrap(), agent)
        };
        assert!(one("192.0.2.1", b"a") == one("192.0.2.200", b"a"));
        assert!(one("192.0.2.1", b"a") == one("::ffff:192.0.2.9", b"a"));
        assert!(one("192.0.2.1", b"a") != one("192.0.3.1", b"a"));
        assert!(one("192.0.2.1", b"a") != one("192.0.2.1", b"b"));
        assert!(one("2001:db8:1::1", b"a") == one("2001:db8:1:ff::1", b"a"));
        assert!(one("2001:db8:1::1", b"a") != one("2001:db8:2::1", b"a"));
    }

    #[test]
    fn memory_is_bounded() {
        let scene = Scene::new();
        for number in 0..MOST as u64 + 10 {
            let visitor = Visitor(number);
            let (estimate, settings) = (by_rtt(20), &scene.settings);
            scene
                .visitors
                .judge(visitor, &estimate, settings, scene.now);
        }
        assert!(scene.visitors.known.lock().len() <= MOST);
    }
}
