//! `Cache-Control` (RFC 9111 §5.2).

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

/// The directives of one message, request or response. Names nobody knows are ignored.
///
/// A duration that cannot be read counts as zero, of two that disagree the shorter one counts, and
/// a directive limited to named fields (`private="x"`) counts as if it named none: each the
/// careful reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Must not be kept.
    pub no_store: bool,
    /// Must not be used again without asking the origin.
    pub no_cache: bool,
    /// For one client only.
    pub private: bool,
    /// May be kept although the request was authorised.
    pub public: bool,
    /// Must not be kept by who does not understand the status (RFC 9111 §5.2.2.3).
    pub must_understand: bool,
    /// Must not be used when stale.
    pub must_revalidate: bool,
    /// Must not be used when stale by a shared cache.
    pub proxy_revalidate: bool,
    /// The content must not be changed (RFC 9110 §7.7).
    pub no_transform: bool,
    /// Request: answer from the cache or not at all.
    pub only_if_cached: bool,
    /// How long the response is fresh; in a request, how old an answer may be.
    pub max_age: Option<Duration>,
    /// How long it is fresh in a shared cache.
    pub s_maxage: Option<Duration>,
    /// How long after that it may be used while a new one is fetched (RFC 5861 §3).
    pub stale_while_revalidate: Option<Duration>,
    /// How long after that it may be used when the origin fails (RFC 5861 §4).
    pub stale_if_error: Option<Duration>,
    /// Does not change while it is fresh, so that asking whether it did is of no use (RFC 8246).
    pub immutable: bool,
}

impl Control {
    /// The directives of every `Cache-Control` line; `Pragma: no-cache` counts where there is none
    /// (RFC 9111 §5.4).
    pub fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        let mut lines = headers.get_all(CACHE_CONTROL).iter().peekable();
        if lines.peek().is_none() {
            control.no_cache = headers
                .get(PRAGMA)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"no-cache"));
        }
        for line in lines {
            control.read(line.as_bytes());
        }
        control
    }

    /// The directives of one line.
    pub fn parse(line: &[u8]) -> Self {
        let mut control = Self::default();
        control.read(line);
        control
    }

    /// Whether something says how long the message is fresh.
    pub fn lifetime(&self) -> Option<Duration> {
        self.s_maxage.or(self.max_age)
    }

    fn read(&mut self, line: &[u8]) {
        for directive in Pieces(line) {
            let (name, value) = split(directive);
            self.apply(name, value.as_deref());
        }
    }

    fn apply(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.set_switch(name);
        self.set_duration(name, value.unwrap_or_default());
    }

    /// Sets what a directive without a value says; other names say nothing.
    pub(super) fn set_switch(&mut self, name: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let switch = [
            ("no-store", &mut self.no_store),
            ("no-cache", &mut self.no_cache),
            ("private", &mut self.private),
            ("public", &mut self.public),
            ("must-understand", &mut self.must_understand),
            ("must-revalidate", &mut self.must_revalidate),
            ("proxy-revalidate", &mut self.proxy_revalidate),
            ("no-transform", &mut self.no_transform),
            ("only-if-cached", &mut self.only_if_cached),
            ("immutable", &mut self.immutable),
        ];
        if let Some((_, switch)) = switch.into_iter().find(|(known, _)| is(known)) {
            *switch = true;
        }
    }

    /// Sets what a directive with seconds says; other names say nothing.
    pub(super) fn set_duration(&mut self, name: &[u8], value: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let duration = [
            ("max-age", &mut self.max_age),
            ("s-maxage", &mut self.s_maxage),
            ("stale-while-revalidate", &mut self.stale_while_revalidate),
            ("stale-if-error", &mut self.stale_if_error),
        ];
        if let Some((_, place)) = duration.into_iter().find(|(known, _)| is(known)) {
            let seconds = delta_seconds(value).unwrap_or_default();
            *place = Some(place.map_or(seconds, |earlier| earlier.min(seconds)));
        }
    }
}

/// Reads delta-seconds (RFC 9111 §1.2.2): digits only, at most 2³¹.
pub(super) fn delta_seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = text.iter().fold(0u64, |total, digit| {
        (total * 10 + u64::from(digit - b'0')).min(1 << 31)
    });
    Some(Duration::from_secs(seconds))
}

/// The pieces between commas that are not inside a quoted string.
pub(super) struct Pieces<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.0.iter().position(|byte| {
            let inside = quoted;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => {}
            }
            *byte == b',' && !inside
        });
        let (piece, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        Some(piece.trim_ascii())
    }
}

/// Splits `name=value`; a quoted value loses its quotes.
pub(super) fn split(directive: &[u8]) -> (&[u8], Option<Cow<'_, [u8]>>) {
    let Some(equals) = directive.iter().position(|byte| *byte == b'=') else {
        return (directive, None);
    };
    let (name, value) = (&directive[..equals], &directive[equals + 1..]);
    let quoted = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let value = match quoted {
        Some(text) => Cow::Owned(text.iter().copied().filter(|byte| *byte != b'\\').collect()),
        None => Cow::Borrowed(value),
    };
    (name, Some(value))
}
