use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        })
        .collect()
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A moment with a whole number of seconds, so that it can be written as a date.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + seconds(1_700_000_000)
}

fn date(moment: SystemTime) -> String {
    httpdate::fmt_http_date(moment)
}

struct Case {
    method: Method,
    request: HeaderMap,
    status: u16,
    rules: Rules,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            method: Method::GET,
            request: HeaderMap::new(),
            status: 200,
            rules: Rules::default(),
        }
    }
}

impl Case {
    fn judge(&self, response: &[(&str, &str)]) -> Result<Freshness, Refusal> {
        judge(
            &Received {
                method: &self.method,
                request: &self.request,
                status: StatusCode::from_u16(self.status).unwrap(),
                headers: &headers(response),
                asked: now(),
                received: now(),
            },
            &self.rules,
        )
    }

    fn lifetime(&self, response: &[(&str, &str)]) -> Result<u64, Refusal> {
        self.judge(response)
            .map(|freshness| freshness.lifetime.as_secs())
    }
}

#[test]
fn directives_are_read_in_every_form() {
    let control =
        Control::parse(b" Public , max-age=60, S-MAXAGE=\"30\", x=\"no-store, private\" ");
    assert!(control.public && !control.no_store && !control.private);
    assert_eq!(control.max_age, Some(seconds(60)));
    assert_eq!(control.lifetime(), Some(seconds(30)));
    for (line, expected) in [
        ("max-age=60, max-age=5", 5),
        ("max-age=5, max-age=60", 5),
        ("max-age=-1", 0),
        ("max-age=1.5", 0),
        ("max-age=", 0),
        ("max-age", 0),
        ("max-age=99999999999999999999", 1 << 31),
    ] {
        assert_eq!(
            Control::parse(line.as_bytes()).max_age,
            Some(seconds(expected)),
            "{line}"
        );
    }
    assert!(Control::parse(b"private=\"x-y\"").private);
    assert!(Control::parse(b"a=\"\\\"\", no-store").no_store);
}

#[test]
fn pragma_counts_only_alone() {
    assert!(Control::of(&headers(&[("pragma", "no-cache")])).no_cache);
    let both = [("pragma", "no-cache"), ("cache-control", "max-age=1")];
    assert!(!Control::of(&headers(&both)).no_cache);
}

#[test]
fn what_must_not_be_kept_is_not() {
    let fresh = ("cache-control", "max-age=60");
    let case = Case::default();
    for (response, expected) in [
        (
            vec![("cache-control", "max-age=60, no-store")],
            Refusal::NoStore,
        ),
        (
            vec![("cache-control", "max-age=60, private")],
            Refusal::Private,
        ),
        (vec![fresh, ("set-cookie", "a=b")], Refusal::SetCookie),
        (vec![fresh, ("vary", "accept, *")], Refusal::VaryAny),
        (vec![], Refusal::NoFreshness),
        (vec![("cache-control", "max-age=0")], Refusal::NoFreshness),
    ] {
        assert_eq!(case.judge(&response), Err(expected), "{response:?}");
    }
    let post = Case {
        method: Method::POST,
        ..Case::default()
    };
    assert_eq!(post.judge(&[fresh]), Err(Refusal::Method));
    for status in [206, 304, 416] {
        let case = Case {
            status,
            ..Case::default()
        };
        assert_eq!(case.judge(&[fresh]), Err(Refusal::Status), "{status}");
    }
    let request = headers(&[("cache-control", "no-store")]);
    let asked_not_to = Case {
        request,
        ..Case::default()
    };
    assert_eq!(asked_not_to.judge(&[fresh]), Err(Refusal::NoStore));
}

#[test]
fn authorised_answers_are_kept_only_if_they_say_so() {
    let request = headers(&[("authorization", "Basic eA==")]);
    let case = Case {
        request,
        ..Case::default()
    };
    for (control, kept) in [
        ("max-age=60", false),
        ("max-age=60, public", true),
        ("max-age=60, must-revalidate", true),
        ("s-maxage=60", true),
    ] {
        assert_eq!(
            case.judge(&[("cache-control", control)]).is_ok(),
            kept,
            "{control}"
        );
    }
}

#[test]
fn a_status_that_must_be_understood_is() {
    let judge = |status, control| {
        let case = Case {
            status,
            ..Case::default()
        };
        case.judge(&[("cache-control", control)]).map(drop)
    };
    assert_eq!(
        judge(599, "max-age=9, must-understand"),
        Err(Refusal::Status)
    );
    assert_eq!(judge(404, "max-age=9, must-understand, no-store"), Ok(()));
    assert_eq!(judge(404, "max-age=9, no-store"), Err(Refusal::NoStore));
}

#[test]
fn cookies_are_kept_only_where_the_site_says_so() {
    let mut case = Case::default();
    let response = [("cache-control", "max-age=9"), ("set-cookie", "a=b")];
    assert_eq!(case.judge(&response).map(drop), Err(Refusal::SetCookie));
    case.rules.set_cookie = true;
    assert_eq!(case.judge(&response).map(drop), Ok(()));
}

#[test]
fn the_lifetime_comes_from_the_first_source_that_speaks() {
    let case = Case::default();
    let (today, hour) = (date(now()), date(now() + seconds(3600)));
    let expires = [("date", today.as_str()), ("expires", hour.as_str())];
    assert_eq!(case.lifetime(&expires), Ok(3600));
    let with = |control| [expires[0], expires[1], ("cache-control", control)];
    assert_eq!(case.lifetime(&with("max-age=60")), Ok(60));
    assert_eq!(case.lifetime(&with("max-age=60, s-maxage=30")), Ok(30));
    let tag = ("etag", "\"x\"");
    assert_eq!(case.lifetime(&[tag, ("expires", "0")]), Ok(0));
    assert_eq!(case.lifetime(&[tag, expires[1], ("expires", "0")]), Ok(0));
    assert_eq!(
        case.lifetime(&[tag, ("cache-control", "no-cache, max-age=60")]),
        Ok(0)
    );
    for status in [302, 418, 500, 599] {
        let other = Case {
            status,
            ..Case::default()
        };
        assert_eq!(
            other.lifetime(&[tag]),
            Err(Refusal::NoFreshness),
            "{status}"
        );
        assert_eq!(
            other.lifetime(&[("cache-control", "max-age=9")]),
            Ok(9),
            "{status}"
        );
    }
}

#[test]
fn what_is_said_to_caches_like_this_one_counts_alone() {
    let case = Case::default();
    let cdn = |directives| {
        case.lifetime(&[
            ("cache-control", "no-store"),
            ("expires", "0"),
            ("cdn-cache-control", directives),
        ])
    };
    assert_eq!(cdn("max-age=60"), Ok(60));
    assert_eq!(cdn("no-store, max-age=60"), Err(Refusal::NoStore));
    assert_eq!(
        cdn("Max-Age=60"),
        Err(Refusal::NoStore),
        "no dictionary: as if absent"
    );
    assert_eq!(cdn("public"), Err(Refusal::NoFreshness));
    let both = [
        ("cdn-cache-control", "max-age=60"),
        ("surrogate-control", "max-age=5"),
    ];
    assert_eq!(case.lifetime(&both), Ok(60));
    assert_eq!(case.lifetime(&both[1..]), Ok(5));
}

#[test]
fn silence_means_ask_again_unless_the_site_says_otherwise() {
    let (today, changed) = (date(now()), date(now() - seconds(1000)));
    let silent = [
        ("date", today.as_str()),
        ("last-modified", changed.as_str()),
    ];
    assert_eq!(Case::default().lifetime(&silent), Ok(0));
    let heuristic = Rules {
        heuristic: true,
        ..Rules::default()
    };
    let case = Case {
        rules: heuristic,
        ..Case::default()
    };
    assert_eq!(case.lifetime(&silent), Ok(100));
    let old = date(now() - seconds(1_000_000_000));
    assert_eq!(case.lifetime(&[("last-modified", &old)]), Ok(86_400));
    let rules = Rules {
        default_fresh: seconds(300),
        ..Rules::default()
    };
    let case = Case {
        rules,
        ..Case::default()
    };
    assert_eq!(case.lifetime(&[]), Ok(300));
    assert_eq!(case.lifetime(&[("cache-control", "max-age=5")]), Ok(5));
}

#[test]
fn age_counts_from_the_origin() {
    let dated = date(now() - seconds(20));
    let case = Case::default();
    let judge = |lines: &[(&str, &str)]| {
        let all: Vec<_> = [("cache-control", "max-age=60")]
            .iter()
            .chain(lines)
            .copied()
            .collect();
        case.judge(&all).unwrap()
    };
    assert_eq!(judge(&[("date", &dated)]).initial_age, seconds(20));
    assert_eq!(
        judge(&[("date", &dated), ("age", "30")]).initial_age,
        seconds(30)
    );
    assert_eq!(judge(&[("age", "3,x")]).initial_age, seconds(3));
    for odd in [
        &[("age", "x")][..],
        &[("age", "-1")],
        &[("age", "0"), ("age", "0")],
        &[("age", "0, 0")],
    ] {
        assert!(!judge(odd).is_fresh(now()), "{odd:?}");
    }
    let freshness = judge(&[("age", "30")]);
    assert!(freshness.is_fresh(now() + seconds(29)));
    assert!(!freshness.is_fresh(now() + seconds(30)));
    assert_eq!(freshness.ttl(now() + seconds(40)), -10);
    assert_eq!(
        freshness.age(now() - seconds(5)),
        seconds(30),
        "a clock set back"
    );
}

#[test]
fn stale_answers_are_used_only_where_allowed() {
    let rules = Rules {
        stale_if_error: seconds(10),
        ..Rules::default()
    };
    let case = Case {
        rules,
        ..Case::default()
    };
    for (control, refresh, error) in [
        ("max-age=1", 0, 10),
        (
            "max-age=1, stale-if-error=5, stale-while-revalidate=7",
            7,
            5,
        ),
        ("max-age=1, stale-if-error=5, must-revalidate", 0, 0),
        (
            "s-maxage=1, proxy-revalidate, stale-while-revalidate=7",
            0,
            0,
        ),
        ("s-maxage=1", 0, 0),
        (
            "s-maxage=1, stale-while-revalidate=7, stale-if-error=5",
            7,
            5,
        ),
    ] {
        let freshness = case.judge(&[("cache-control", control)]).unwrap();
        assert_eq!(
            freshness.stale_while_revalidate,
            seconds(refresh),
            "{control}"
        );
        assert_eq!(freshness.stale_if_error, seconds(error), "{control}");
        let last = now() + seconds(1 + error);
        assert!(!freshness.may_cover_error(last), "{control}");
        assert_eq!(
            freshness.may_cover_error(last - seconds(1)),
            error > 0,
            "{control}"
        );
    }
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let changed = date(now());
    let later = date(now() + seconds(1));
    let earlier = date(now() - seconds(1));
    let stored = headers(&[("etag", "W/\"a,b\""), ("last-modified", &changed)]);
    for (lines, expected) in [
        (vec![], false),
        (vec![("if-none-match", "\"a,b\"")], true),
        (vec![("if-none-match", "W/\"x\", W/\"a,b\"")], true),
        (
            vec![("if-none-match", "\"x\""), ("if-none-match", "*")],
            true,
        ),
        (vec![("if-none-match", "\"a\", \"b\"")], false),
        (vec![("if-none-match", "\"a,b")], false),
        (
            vec![("if-none-match", "\"x\""), ("if-modified-since", &changed)],
            false,
        ),
        (vec![("if-modified-since", &changed)], true),
        (vec![("if-modified-since", &later)], true),
        (vec![("if-modified-since", &earlier)], false),
        (vec![("if-modified-since", "yesterday")], false),
    ] {
        assert_eq!(
            not_modified(&headers(&lines), &stored),
            expected,
            "{lines:?}"
        );
    }
}

#[test]
fn a_validation_asks_with_what_is_stored() {
    let mut request = headers(&[("if-none-match", "\"client\"")]);
    add_validators(&mut request, &headers(&[("etag", "\"ours\"")]));
    assert_eq!(request, headers(&[("if-none-match", "\"ours\"")]));
}

#[test]
fn sameness_needs_a_word() {
    let same = |one: &[(&str, &str)], other: &[(&str, &str)]| {
        same_representation(&headers(one), &headers(other))
    };
    assert!(same(&[("etag", "\"a\"")], &[("etag", "\"a\"")]));
    assert!(same(&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")]));
    assert!(!same(&[("etag", "W/\"a\"")], &[("etag", "\"a\"")]));
    let dated = [("last-modified", "x"), ("content-length", "5")];
    assert!(same(&dated, &dated));
    assert!(!same(&dated, &dated[..1]));
    assert!(!same(&[], &[]));
}

#[test]
fn a_304_updates_what_it_names_and_leaves_the_body_described() {
    let mut stored = headers(&[
        ("etag", "W/\"a\""),
        ("content-length", "9"),
        ("x-kept", "1"),
        ("x-twice", "1"),
        ("x-twice", "2"),
        ("date", &date(now())),
    ]);
    let fresh = headers(&[
        ("etag", "\"a\""),
        ("content-length", "0"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("x-twice", "3"),
        ("cache-control", "max-age=5"),
    ]);
    update_stored(&mut stored, &fresh);
    let expected = headers(&[
        ("etag", "W/\"a\""),
        ("content-length", "9"),
        ("x-kept", "1"),
        ("x-twice", "3"),
        ("cache-control", "max-age=5"),
    ]);
    assert_eq!(stored, expected, "an old date would make it old at once");
    let dated = headers(&[("date", &date(now()))]);
    update_stored(&mut stored, &dated);
    assert_eq!(stored["date"], dated["date"]);
}

#[test]
fn vary_is_read_and_keyed() {
    let fields = |value: &str| Vary::of(&headers(&[("vary", value)]));
    assert_eq!(Vary::of(&HeaderMap::new()), Vary::Nothing);
    assert_eq!(fields("a, *"), Vary::Any);
    assert_eq!(fields("not a name"), Vary::Any);
    let Vary::Fields(fields) = fields("Origin, accept-encoding,,origin") else {
        panic!("fields")
    };
    assert_eq!(fields, ["accept-encoding", "origin"]);
    let key = |lines: &[(&str, &str)]| Vary::secondary_key(&fields, &headers(lines));
    assert_eq!(
        key(&[("accept-encoding", "gzip,br")]),
        key(&[("accept-encoding", "GZIP, br ")])
    );
    assert_ne!(
        key(&[("accept-encoding", "gzip")]),
        key(&[("origin", "gzip")])
    );
    assert_ne!(key(&[("origin", "a")]), key(&[("origin", "A")]));
    assert_ne!(key(&[]), key(&[("origin", "")]));
    assert_eq!(key(&[("origin", &"x".repeat(9000))]).len(), 34);
}

#[test]
fn a_range_needs_an_unchanged_body() {
    let stored = headers(&[("etag", "\"a\""), ("last-modified", "Mon")]);
    let part = |lines: &[(&str, &str)]| part(&headers(lines), &stored, 10);
    let range = ("range", "bytes=2-4");
    assert_eq!(part(&[range]), Part::Bytes(2..5));
    assert_eq!(part(&[range, ("if-range", "\"a\"")]), Part::Bytes(2..5));
    assert_eq!(part(&[range, ("if-range", "\"b\"")]), Part::Whole);
    assert_eq!(part(&[range, ("if-range", "W/\"a\"")]), Part::Whole);
    assert_eq!(part(&[range, ("if-range", "Mon")]), Part::Bytes(2..5));
    assert_eq!(part(&[range, ("range", "bytes=0-1")]), Part::Whole);
    for (value, expected) in [
        ("bytes=0-0,5-6", Part::Whole),
        ("items=0-1", Part::Whole),
        ("bytes=4-2", Part::Whole),
        ("bytes=-", Part::Whole),
        ("bytes=+1-2", Part::Whole),
        ("bytes=10-", Part::Outside),
        ("bytes=-0", Part::Outside),
        ("bytes=9-", Part::Bytes(9..10)),
        ("bytes=-99", Part::Bytes(0..10)),
        ("bytes=3-99999999999999999999999", Part::Bytes(3..10)),
    ] {
        assert_eq!(part(&[("range", value)]), expected, "{value}");
    }
}

#[test]
fn the_status_line_says_what_happened() {
    let stored = CacheStatus {
        stored: true,
        forward_status: Some(304),
        ttl: Some(60),
        ..CacheStatus::forwarded(Forward::Stale)
    };
    for (status, line, word) in [
        (CacheStatus::hit(30), "firstlight; hit; ttl=30", "hit"),
        (CacheStatus::hit(-3), "firstlight; hit; ttl=-3", "stale-hit"),
        (
            stored,
            "firstlight; fwd=stale; fwd-status=304; ttl=60; stored",
            "stale",
        ),
        (CacheStatus::default(), "firstlight", "-"),
    ] {
        assert_eq!(status.to_header(), line);
        assert_eq!(status.word(), word);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_as_directives(line in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Control::parse(&line);
    }

    /// The range agrees with the slow way: number every byte and pick.
    #[test]
    fn ranges_agree_with_counting(first in 0u64..12, last in 0u64..12, length in 0u64..10) {
        let request = headers(&[("range", &format!("bytes={first}-{last}"))]);
        let picked: Vec<u64> = (0..length).filter(|n| (first..=last).contains(n)).collect();
        let expected = match (first <= last, picked.first(), picked.last()) {
            (false, ..) => Part::Whole,
            (true, Some(start), Some(end)) => Part::Bytes(*start..end + 1),
            (true, ..) => Part::Outside,
        };
        prop_assert_eq!(part(&request, &HeaderMap::new(), length), expected);
    }

    /// Once stale, always stale, and never used after what the response allows.
    #[test]
    fn freshness_only_falls(age in 0u64..100, lifetime in 0u64..100, slack in 0u64..100, wait in 0u64..300) {
        let freshness = Freshness {
            received: now(),
            initial_age: seconds(age),
            lifetime: seconds(lifetime),
            stale_while_revalidate: seconds(slack),
            stale_if_error: seconds(slack),
        };
        let later = now() + seconds(wait);
        prop_assert_eq!(freshness.is_fresh(later), age + wait < lifetime);
        prop_assert_eq!(freshness.may_cover_error(later), slack > 0 && age + wait < lifetime + slack);
        prop_assert_eq!(freshness.ttl(later) > 0, freshness.is_fresh(later));
    }

    /// A weak comparison agrees with splitting a well-formed list by hand.
    #[test]
    fn tag_lists_agree_with_splitting(tags in prop::collection::vec("[a-c]{1,2}", 0..5), ours in "[a-c]{1,2}") {
        let line = tags.iter().map(|tag| format!("W/\"{tag}\"")).collect::<Vec<_>>().join(", ");
        let request = headers(&[("if-none-match", &line)]);
        let stored = headers(&[("etag", &format!("\"{ours}\""))]);
        prop_assert_eq!(not_modified(&request, &stored), tags.contains(&ours));
    }
}
