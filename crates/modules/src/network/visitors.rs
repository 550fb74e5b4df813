//! What is known of visitors' connections, from one request to the next.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ::image::Tier;
use parking_lot::Mutex;
use pipeline::NetworkEstimate;

use super::NetworkSettings;
use super::pages::{MANY, Pages};

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
    pages: Pages,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
struct Known {
    seen: Instant,
    /// What pictures are made for.
    tier: Option<Tier>,
    /// A page was asked for since the tier was set.
    renew: bool,
    /// How fast it was, and when that was.
    rate: Option<(Rate, Instant)>,
    /// The page that is looked at, and the pictures that were asked for in this view of it.
    view: View,
}

/// A view of a page.
#[derive(Clone, Copy, Debug, Default)]
struct View {
    /// A hash of its address; absent where the browser does not say it.
    page: Option<u64>,
    pictures: u16,
    /// Whether most views of it before had many pictures. It stays for all of this one.
    crowded: bool,
}

/// Where a picture is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(u64);

/// How fast a way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bits a second.
    pub bits: u64,
    /// Whether it may be faster.
    pub at_least: bool,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// How fast; `None` where nothing is known.
    pub tier: Option<Tier>,
    /// Whether it was decided just now, or for an earlier request of the same page.
    pub anew: bool,
    /// The delivery rate, where known.
    pub rate: Option<Rate>,
    /// Whether the page is known to show many pictures.
    pub crowded: bool,
}

impl Visitors {
    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            known: Mutex::default(),
            pages: Pages::default(),
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

    /// The page with this address.
    pub fn page(&self, address: &[u8]) -> Page {
        Page(self.hasher.hash_one(address))
    }

    /// Notes that a visitor asks for a page: what is asked for next may be judged anew.
    pub fn navigate(&self, visitor: Visitor) {
        if let Some(known) = self.known.lock().get_mut(&visitor) {
            known.renew = true;
        }
    }

    /// Whether the next picture of a visitor will be made for what its connection is then, not
    /// for what it was for the others of its page.
    pub fn is_open(&self, visitor: Visitor, settings: &NetworkSettings, now: Instant) -> bool {
        let all = self.known.lock();
        all.get(&visitor)
            .is_none_or(|known| known.is_open(settings, now))
    }

    /// How fast a visitor's connection is for a picture asked for `now`, by a page if the browser
    /// says which. The same for all of a page.
    pub fn judge(
        &self,
        visitor: Visitor,
        page: Option<Page>,
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
            view: View::default(),
        });
        let rate = rate(known.rate, estimate, now);
        let anew = known.is_open(settings, now);
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
            view: self.look(&known, page, settings, now),
        };
        if before.is_none() && all.len() >= MOST {
            forget(&mut all, settings.hold, now);
        }
        all.insert(visitor, next);
        Judgement {
            tier,
            anew,
            rate: rate.map(|(rate, _)| rate),
            crowded: next.view.crowded,
        }
    }

    /// The view of a page with one picture more; another view if another page was asked for, or
    /// none for long.
    fn look(
        &self,
        known: &Known,
        page: Option<Page>,
        settings: &NetworkSettings,
        now: Instant,
    ) -> View {
        let mut view = known.view;
        if known.renew || known.was_away(settings, now) {
            let page = page.map(|page| page.0);
            view = View {
                page,
                pictures: 0,
                crowded: page.is_some_and(|page| self.pages.begin(page)),
            };
        }
        view.pictures = view.pictures.saturating_add(1);
        if let Some(page) = view.page.filter(|_| view.pictures == MANY) {
            self.pages.reached_many(page);
        }
        view
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

impl Known {
    fn is_open(&self, settings: &NetworkSettings, now: Instant) -> bool {
        self.renew || self.was_away(settings, now) || self.tier.is_none()
    }

    fn was_away(&self, settings: &NetworkSettings, now: Instant) -> bool {
        now.saturating_duration_since(self.seen) > settings.hold
    }
}

/// What the connection itself says. Its rate, once it has met the limit of the path; before, what
/// the first bytes of the page told. A rate that is the sender's own is the least there is.
fn measured(estimate: &NetworkEstimate) -> Option<Rate> {
    let own = estimate.delivery_rate.map(|bytes| Rate {
        bits: bytes.saturating_mul(8),
        at_least: estimate.limited,
    });
    let burst = estimate.burst.map(|burst| Rate {
        bits: burst.rate.saturating_mul(8),
        at_least: burst.at_least,
    });
    match (own, burst) {
        (Some(own), Some(burst)) if own.at_least => Some(Rate {
            bits: burst.bits.max(own.bits),
            ..burst
        }),
        (own, burst) => own.or(burst),
    }
}

/// The rate that is known after an estimate, halfway between the old and the new. One that is only
/// the least counts only where it is higher.
fn rate(
    known: Option<(Rate, Instant)>,
    estimate: &NetworkEstimate,
    now: Instant,
) -> Option<(Rate, Instant)> {
    let known = known.filter(|(_, when)| now.saturating_duration_since(*when) < RATE_LASTS);
    let Some(measured) = measured(estimate) else {
        return known;
    };
    match known {
        Some((old, _)) if measured.at_least && measured.bits <= old.bits => known,
        Some((old, _)) if !old.at_least => {
            let bits = old.bits / 2 + measured.bits / 2;
            Some((Rate { bits, ..old }, now))
        }
        _ => Some((measured, now)),
    }
}

/// The tier of a rate, or of a round-trip time where there is none. A tier that held before is left
/// only beyond a margin.
fn tier(
    rate: Option<Rate>,
    estimate: &NetworkEstimate,
    before: Option<Tier>,
    settings: &NetworkSettings,
) -> Option<Tier> {
    let by_rate = |bits| by_rate(bits, before, settings);
    let rtt = estimate.min_rtt.or(estimate.rtt);
    let by_rtt = rtt.map(|rtt| by_rtt(rtt, before, settings));
    match rate {
        Some(rate) if !rate.at_least => Some(by_rate(rate.bits)),
        // No slower than that, whatever the round trip makes of it.
        Some(rate) => Some(faster(by_rate(rate.bits), by_rtt.or(before))),
        None => by_rtt.or(before),
    }
}

fn faster(one: Tier, other: Option<Tier>) -> Tier {
    match (one, other) {
        (Tier::Fast, _) | (_, Some(Tier::Fast)) => Tier::Fast,
        (Tier::Medium, _) | (_, Some(Tier::Medium)) => Tier::Medium,
        _ => Tier::Slow,
    }
}

fn by_rate(bits: u64, before: Option<Tier>, settings: &NetworkSettings) -> Tier {
    let below = |threshold: u64, held: bool| {
        bits < threshold.saturating_mul(if held { 100 + MARGIN } else { 100 - MARGIN }) / 100
    };
    by_thresholds(
        before,
        |tier, held| match tier {
            Tier::Slow => below(settings.slow_rate, held),
            _ => below(settings.medium_rate, held),
        },
        || (bits < settings.slow_rate, bits < settings.medium_rate),
    )
}

fn by_rtt(rtt: Duration, before: Option<Tier>, settings: &NetworkSettings) -> Tier {
    let above = |threshold: Duration, held: bool| {
        let share = if held { 100 - MARGIN } else { 100 + MARGIN };
        rtt > threshold * share as u32 / 100
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

/// The tier by two thresholds. `passes` says whether a threshold is passed, leniently where the tier
/// was `held`; `plainly` without any margin.
fn by_thresholds(
    before: Option<Tier>,
    passes: impl Fn(Tier, bool) -> bool,
    plainly: impl Fn() -> (bool, bool),
) -> Tier {
    let passed = match before {
        None => plainly(),
        Some(before) => (
            passes(Tier::Slow, before == Tier::Slow),
            passes(Tier::Medium, before != Tier::Fast),
        ),
    };
    match passed {
        (true, _) => Tier::Slow,
        (false, true) => Tier::Medium,
        (false, false) => Tier::Fast,
    }
}

#[cfg(test)]
mod tests {
    use pipeline::Burst;

    use super::*;

    fn rated(megabits: f64) -> NetworkEstimate {
        NetworkEstimate {
            rtt: Some(Duration::from_millis(20)),
            delivery_rate: Some((megabits * 125_000.0) as u64),
            ..NetworkEstimate::default()
        }
    }

    fn far(millis: u64) -> NetworkEstimate {
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
            visitors
                .judge(*visitor, None, estimate, settings, *now)
                .tier
        }

        fn page(&self) {
            self.visitors.navigate(self.visitor);
        }
    }

    #[test]
    fn the_rate_decides_where_it_is_known_and_the_round_trip_before() {
        for (estimate, expected) in [
            (rated(1.2), Some(Tier::Slow)),
            (rated(5.0), Some(Tier::Medium)),
            (rated(16.0), Some(Tier::Fast)),
            (far(600), Some(Tier::Slow)),
            (far(150), Some(Tier::Medium)),
            (far(60), Some(Tier::Fast)),
            (NetworkEstimate::default(), None),
        ] {
            assert_eq!(Scene::new().picture(&estimate), expected, "{estimate:?}");
        }
        let far = NetworkEstimate {
            rtt: Some(Duration::from_millis(400)),
            ..rated(100.0)
        };
        assert_eq!(Scene::new().picture(&far), Some(Tier::Fast));
    }

    #[test]
    fn a_page_is_not_mixed() {
        let scene = Scene::new();
        assert_eq!(scene.picture(&far(20)), Some(Tier::Fast));
        for _ in 0..20 {
            assert_eq!(scene.picture(&rated(0.5)), Some(Tier::Fast));
        }
        scene.page();
        assert_eq!(scene.picture(&rated(0.5)), Some(Tier::Slow));
        assert_eq!(scene.picture(&rated(50.0)), Some(Tier::Slow));
    }

    #[test]
    fn a_page_that_shows_many_pictures_is_known_from_the_second_view_on() {
        let scene = Scene::new();
        let gallery = scene.visitors.page(b"/gallery");
        let view = |page, pictures| {
            scene.page();
            let seen = (0..pictures).map(|_| {
                let (settings, estimate) = (&scene.settings, rated(5.0));
                let judge = &scene.visitors;
                judge.judge(scene.visitor, page, &estimate, settings, scene.now)
            });
            let crowded: Vec<bool> = seen.map(|judgement| judgement.crowded).collect();
            assert!(crowded.iter().all(|one| *one == crowded[0]), "a mixed page");
            crowded[0]
        };
        let many = usize::from(MANY);
        assert!(!view(Some(gallery), many + 5));
        assert!(view(Some(gallery), many - 1));
        assert!(!view(Some(scene.visitors.page(b"/")), many + 5));
        assert!(!view(None, many + 5));
        assert!(!view(None, many + 5), "nothing is known of no page");
    }

    #[test]
    fn who_was_away_is_judged_anew() {
        let mut scene = Scene::new();
        assert_eq!(scene.picture(&far(20)), Some(Tier::Fast));
        scene.now += scene.settings.hold * 2;
        assert_eq!(scene.picture(&rated(1.0)), Some(Tier::Slow));
    }

    #[test]
    fn a_tier_is_left_only_beyond_a_margin() {
        let settings = NetworkSettings::default();
        let at = |megabits: f64, before| {
            let rate = Some(Rate {
                bits: (megabits * 1e6) as u64,
                at_least: false,
            });
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
            limited: true,
            ..rated(megabits)
        };
        assert_eq!(
            scene.picture(&limited(0.1)),
            Some(Tier::Fast),
            "by its trip"
        );
        scene.page();
        assert_eq!(scene.picture(&rated(1.0)), Some(Tier::Slow));
        scene.page();
        assert_eq!(scene.picture(&limited(0.1)), Some(Tier::Slow));
        scene.page();
        assert_eq!(scene.picture(&limited(100.0)), Some(Tier::Fast));
    }

    #[test]
    fn the_first_bytes_of_a_page_say_more_than_its_round_trip() {
        let told = |megabits: f64, at_least| NetworkEstimate {
            burst: Some(Burst {
                rate: (megabits * 125_000.0) as u64,
                at_least,
            }),
            ..far(150)
        };
        for (estimate, expected) in [
            (told(1.2, false), Tier::Slow),
            (told(5.0, false), Tier::Medium),
            (told(16.0, false), Tier::Fast),
            // No slower than that; the round trip says medium.
            (told(1.2, true), Tier::Medium),
            (told(16.0, true), Tier::Fast),
        ] {
            assert_eq!(
                Scene::new().picture(&estimate),
                Some(expected),
                "{estimate:?}"
            );
            // A sender that was only beginning knows no better; one that was not, does.
            let beginning = NetworkEstimate {
                delivery_rate: Some(10_000),
                limited: true,
                ..estimate
            };
            assert_eq!(Scene::new().picture(&beginning), Some(expected));
            let (limited, delivery_rate) = (false, Some(10_000_000));
            let known = NetworkEstimate {
                limited,
                delivery_rate,
                ..estimate
            };
            assert_eq!(Scene::new().picture(&known), Some(Tier::Fast));
        }
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
            let (estimate, settings) = (far(20), &scene.settings);
            scene
                .visitors
                .judge(visitor, None, &estimate, settings, scene.now);
        }
        assert!(scene.visitors.known.lock().len() <= MOST);
    }
}
