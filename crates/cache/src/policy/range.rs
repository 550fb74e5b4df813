//! Byte ranges of a body that is wholly at hand (RFC 9110 §14).

use std::ops::Range;

use http::header::{ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue};

/// Which part of a body answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, with status 200: no range was asked for, several were, or the client's copy is
    /// of another representation.
    Whole,
    /// These bytes, with status 206.
    Bytes(Range<u64>),
    /// None: the range lies outside, status 416.
    Outside,
}

/// Which part of a body of `length` bytes, stored with these headers, answers the request.
pub fn part(request: &HeaderMap, stored: &HeaderMap, length: u64) -> Part {
    let Some(range) = request.get(RANGE) else {
        return Part::Whole;
    };
    let mut ranges = request.get_all(RANGE).iter();
    let single = ranges.next().is_some() && ranges.next().is_none();
    if !single || !condition_holds(request.get(IF_RANGE), stored) {
        return Part::Whole;
    }
    range
        .as_bytes()
        .strip_prefix(b"bytes=")
        .map_or(Part::Whole, |range| parse(range, length))
}

/// `If-Range` needs the same strong tag, or exactly the same date (RFC 9110 §13.1.5).
fn condition_holds(condition: Option<&HeaderValue>, stored: &HeaderMap) -> bool {
    let Some(condition) = condition else {
        return true;
    };
    if condition.as_bytes().starts_with(b"\"") {
        stored.get(ETAG) == Some(condition)
    } else {
        stored.get(LAST_MODIFIED) == Some(condition)
    }
}

fn parse(range: &[u8], length: u64) -> Part {
    let range = range.trim_ascii();
    let Some(dash) = range.iter().position(|byte| *byte == b'-') else {
        return Part::Whole;
    };
    let (first, last) = (&range[..dash], &range[dash + 1..]);
    let bytes = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        // Also several ranges: a whole body is always a right answer (RFC 9110 §14.2).
        _ => return Part::Whole,
    };
    if bytes.is_empty() {
        Part::Outside
    } else {
        Part::Bytes(bytes)
    }
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0u64, |total, digit| {
        total
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}
