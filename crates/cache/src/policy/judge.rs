//! Whether a response may be kept (RFC 9111 §3) and how long it is fresh (§4.2.1).

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::{AGE, AUTHORIZATION, DATE, EXPIRES, LAST_MODIFIED, SET_COOKIE};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::control::delta_seconds;
use super::{Control, Freshness, Vary, has_validator, targeted};

/// A response and the request it answers.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The request's headers.
    pub request: &'a HeaderMap,
    /// The response's status.
    pub status: StatusCode,
    /// The response's headers.
    pub headers: &'a HeaderMap,
    /// When the request was sent.
    pub asked: SystemTime,
    /// When the response came.
    pub received: SystemTime,
}

/// What the site adds to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a response is fresh that says nothing of it; zero: it is asked for again each
    /// time.
    pub default_fresh: Duration,
    /// Whether such a response is fresh for a tenth of the time since it was last changed
    /// (RFC 9111 §4.2.2), a day at most.
    pub heuristic: bool,
    /// How long a response may cover an origin that fails, where it does not say so itself.
    pub stale_if_error: Duration,
    /// Whether a response that sets a cookie may be kept, cookie and all (RFC 9111 §7.3).
    pub set_cookie: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            default_fresh: Duration::ZERO,
            heuristic: false,
            stale_if_error: Duration::ZERO,
            set_cookie: false,
        }
    }
}

/// The longest heuristic freshness (RFC 9111 §4.2.2 asks for caution beyond it).
const HEURISTIC_LIMIT: Duration = Duration::from_secs(86_400);

/// Why a response is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only answers to GET are kept.
    Method,
    /// A status that is not understood or is no whole answer.
    Status,
    /// `no-store`, in the request or in the response.
    NoStore,
    /// `private`.
    Private,
    /// The request was authorised and the response does not allow it.
    Authorization,
    /// The response sets a cookie.
    SetCookie,
    /// `Vary: *`.
    VaryAny,
    /// Nothing says that it may be used again, and it cannot be validated.
    NoFreshness,
}

impl Refusal {
    /// The reason in few words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Method => "the method is not GET",
            Self::Status => "the status is not one that is kept",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "the request was authorised",
            Self::SetCookie => "the response sets a cookie",
            Self::VaryAny => "Vary: *",
            Self::NoFreshness => "no freshness and no validator",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// Whether a response may be kept, and if so how long it may be used.
///
/// # Errors
/// The first rule that forbids it.
pub fn judge(what: &Received<'_>, rules: &Rules) -> Result<Freshness, Refusal> {
    let targeted = targeted::control(what.headers);
    let control = targeted.unwrap_or_else(|| Control::of(what.headers));
    permitted(what, &control, rules)?;
    let explicit = match targeted {
        // `Expires` is no more for us than `Cache-Control` is then (RFC 9213 §2.1).
        Some(control) => control.lifetime(),
        None => explicit_lifetime(what, &control),
    };
    let lifetime = match explicit {
        Some(lifetime) => lifetime,
        None if is_heuristically_cacheable(what.status) => unspoken_lifetime(what, rules),
        None => return Err(Refusal::NoFreshness),
    };
    let lifetime = if control.no_cache {
        Duration::ZERO
    } else {
        lifetime
    };
    let freshness = Freshness {
        received: what.received,
        initial_age: initial_age(what),
        lifetime,
        stale_while_revalidate: stale(&control, control.stale_while_revalidate, Duration::ZERO),
        stale_if_error: stale(&control, control.stale_if_error, rules.stale_if_error),
    };
    let of_use = !lifetime.is_zero() || has_validator(what.headers);
    of_use.then_some(freshness).ok_or(Refusal::NoFreshness)
}

fn permitted(what: &Received<'_>, control: &Control, site: &Rules) -> Result<(), Refusal> {
    let authorised = what.request.contains_key(AUTHORIZATION);
    let allows_authorised = control.public || control.must_revalidate || control.s_maxage.is_some();
    let sets_cookie = what.headers.contains_key(SET_COOKIE);
    // Whoever understands the status may overlook the no-store beside it (RFC 9111 §5.2.2.3).
    let no_store = control.no_store && !control.must_understand;
    let rules = [
        (*what.method != Method::GET, Refusal::Method),
        (!is_understood(what), Refusal::Status),
        (
            control.must_understand && what.status.canonical_reason().is_none(),
            Refusal::Status,
        ),
        (
            no_store || Control::of(what.request).no_store,
            Refusal::NoStore,
        ),
        (control.private, Refusal::Private),
        (authorised && !allows_authorised, Refusal::Authorization),
        // A cookie is for one client, whatever else the response says, unless the site says more.
        (sets_cookie && !site.set_cookie, Refusal::SetCookie),
        (Vary::of(what.headers) == Vary::Any, Refusal::VaryAny),
    ];
    match rules.into_iter().find(|(applies, _)| *applies) {
        Some((_, refusal)) => Err(refusal),
        None => Ok(()),
    }
}

/// Whether the status is final and its answer whole. An answer of any other status may be kept for
/// as long as it says of itself (RFC 9111 §3).
fn is_understood(what: &Received<'_>) -> bool {
    let status = what.status;
    // Only of a part is Content-Range the range; elsewhere it says nothing (RFC 9110 §14.4).
    !status.is_informational()
        && !matches!(
            status,
            StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
                | StatusCode::RANGE_NOT_SATISFIABLE
        )
}

/// RFC 9110 §15.1, without 206.
fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

fn explicit_lifetime(what: &Received<'_>, control: &Control) -> Option<Duration> {
    control.lifetime().or_else(|| {
        what.headers.get(EXPIRES)?;
        // A date that cannot be read is in the past (RFC 9111 §5.3), and of several none is to be
        // believed.
        let several = what.headers.get_all(EXPIRES).iter().nth(1).is_some();
        let expires = date(what.headers, EXPIRES).filter(|_| !several);
        let since = date(what.headers, DATE).unwrap_or(what.received);
        let lifetime = expires.and_then(|expires| expires.duration_since(since).ok());
        Some(lifetime.unwrap_or_default())
    })
}

fn unspoken_lifetime(what: &Received<'_>, rules: &Rules) -> Duration {
    if !rules.default_fresh.is_zero() {
        return rules.default_fresh;
    }
    let since = date(what.headers, DATE).unwrap_or(what.received);
    date(what.headers, LAST_MODIFIED)
        .filter(|_| rules.heuristic)
        .and_then(|changed| since.duration_since(changed).ok())
        .map_or(Duration::ZERO, |age| (age / 10).min(HEURISTIC_LIMIT))
}

/// How long it may be used when stale; not at all if the response says so.
fn stale(control: &Control, own: Option<Duration>, default: Duration) -> Duration {
    // DEVIATION: RFC 9111 §5.2.2.10 reads proxy-revalidate into s-maxage. Sites that send
    // `s-maxage=60, stale-while-revalidate=600` mean both, so it holds only where they say no more.
    if control.must_revalidate || control.proxy_revalidate || control.no_cache {
        return Duration::ZERO;
    }
    match own {
        Some(own) => own,
        None if control.s_maxage.is_some() => Duration::ZERO,
        None => default,
    }
}

/// RFC 9111 §4.2.3.
fn initial_age(what: &Received<'_>) -> Duration {
    let apparent = date(what.headers, DATE)
        .and_then(|date| what.received.duration_since(date).ok())
        .unwrap_or_default();
    let told = told_age(what.headers);
    let delay = what.received.duration_since(what.asked).unwrap_or_default();
    apparent.max(told + delay)
}

/// The age another cache tells.
fn told_age(headers: &HeaderMap) -> Duration {
    let mut lines = headers.get_all(AGE).iter();
    let Some(line) = lines.next() else {
        return Duration::ZERO;
    };
    // DEVIATION: RFC 9111 §5.1 would have an age that cannot be read ignored. It is there because
    // the response is not new, so the careful reading is that it is old. Of a list the first
    // counts, as there; but one that says the same twice is a line that somebody doubled, and as
    // little to be relied on as two lines.
    let mut members = line.as_bytes().split(|byte| *byte == b',');
    let first = members.next().unwrap_or_default().trim_ascii();
    let doubled = members.any(|member| member.trim_ascii() == first);
    let several = doubled || lines.next().is_some();
    delta_seconds(first)
        .filter(|_| !several)
        .unwrap_or(UNREADABLE_AGE)
}

/// Older than anything stays fresh.
const UNREADABLE_AGE: Duration = Duration::from_secs(1 << 31);

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}
