//! The policy beside an independent one, where the two mean to decide alike.
//!
//! Left out is what either decides otherwise on purpose: cookies, `proxy-revalidate` (which the
//! other never keeps fresh), dates of the past (which the other does not count as age), and
//! durations that are no numbers.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};
use proptest::prelude::*;

use super::{Received, Rules, judge};

/// A moment with a whole number of seconds.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn date(offset: i64) -> String {
    let distance = Duration::from_secs(offset.unsigned_abs());
    httpdate::fmt_http_date(match offset < 0 {
        true => now() - distance,
        false => now() + distance,
    })
}

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    directives: Vec<String>,
    age: Option<u32>,
    expires: Option<i64>,
    /// Tens of seconds before now.
    modified: Option<i64>,
    authorised: bool,
    asked_no_store: bool,
}

impl Answer {
    fn request(&self) -> Request<()> {
        let mut request = Request::get("https://example.com/a");
        if self.authorised {
            request = request.header("authorization", "Basic eA==");
        }
        if self.asked_no_store {
            request = request.header("cache-control", "no-store");
        }
        request.body(()).unwrap()
    }

    fn response(&self) -> Response<()> {
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: String| {
            headers.insert(name, HeaderValue::try_from(value).unwrap());
        };
        add("date", date(0));
        if !self.directives.is_empty() {
            add("cache-control", self.directives.join(", "));
        }
        if let Some(age) = self.age {
            add("age", age.to_string());
        }
        if let Some(expires) = self.expires {
            add("expires", date(expires));
        }
        if let Some(tens) = self.modified {
            add("last-modified", date(-10 * tens));
        }
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        *response.headers_mut() = headers;
        response
    }

    /// Whether only `public` makes the other keep it: here that is not a word about freshness.
    fn is_public_alone(&self) -> bool {
        self.status == 302 && self.directives.iter().any(|text| text == "public")
    }

    /// For how many seconds it may be used without asking, here and there.
    fn fresh_for(&self) -> (u64, u64) {
        let (request, response) = (self.request(), self.response());
        let received = Received {
            method: &Method::GET,
            request: request.headers(),
            status: response.status(),
            headers: response.headers(),
            asked: now(),
            received: now(),
        };
        let rules = Rules {
            heuristic: true,
            ..Rules::default()
        };
        let here = judge(&received, &rules).map_or(0, |freshness| freshness.ttl(now()).max(0));
        let options = CacheOptions {
            immutable_min_time_to_live: Duration::ZERO,
            ..CacheOptions::default()
        };
        let other = CachePolicy::new_options(&request, &response, now(), options);
        let there = match other.is_storable() {
            true => other.time_to_live(now()).as_secs(),
            false => 0,
        };
        (here as u64, there)
    }
}

fn directive() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0u32..2000).prop_map(|seconds| format!("max-age={seconds}")),
        2 => (0u32..2000).prop_map(|seconds| format!("s-maxage={seconds}")),
        1 => Just("public".to_owned()),
        1 => Just("must-revalidate".to_owned()),
        1 => Just("private".to_owned()),
        1 => Just("no-store".to_owned()),
        1 => Just("no-cache".to_owned()),
        1 => Just("no-transform".to_owned()),
        1 => Just("immutable".to_owned()),
        1 => Just("x-unknown=1".to_owned()),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let directives = prop::collection::btree_map("[a-d]", directive(), 0..4).prop_map(|chosen| {
        let mut directives: Vec<String> = chosen.into_values().collect();
        directives.sort_by_key(|text| text.split('=').next().map(str::to_owned));
        directives.dedup_by_key(|text| text.split('=').next().map(str::to_owned));
        directives
    });
    (
        prop::sample::select(vec![200u16, 203, 204, 301, 302, 404, 410]),
        directives,
        prop::option::of(0u32..3000),
        prop::option::of(-2000i64..2000),
        prop::option::of(0i64..5000),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(status, directives, age, expires, modified, authorised, asked_no_store)| Answer {
                status,
                directives,
                age,
                expires,
                modified,
                authorised,
                asked_no_store,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn both_use_an_answer_for_as_long(answer in answer()) {
        prop_assume!(!answer.is_public_alone());
        let (here, there) = answer.fresh_for();
        prop_assert_eq!(here, there);
    }
}
