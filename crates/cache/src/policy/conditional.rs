//! Conditional requests (RFC 9110 §13): answering a client's, asking the origin.

use http::header::{CONTENT_LENGTH, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Whether the client already has this representation, so that a 304 answers it.
///
/// `If-None-Match` compares weakly (RFC 9110 §13.1.2); `If-Modified-Since` counts only without it
/// (§13.1.3).
pub fn not_modified(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut tags = request.get_all(IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        let ours = stored.get(ETAG).map(HeaderValue::as_bytes);
        return tags.any(|line| lists(line.as_bytes(), ours));
    }
    let (Some(since), Some(changed)) = (request.get(IF_MODIFIED_SINCE), stored.get(LAST_MODIFIED))
    else {
        return false;
    };
    since == changed || is_not_after(changed, since)
}

/// Whether something lets the origin say "not modified".
pub fn has_validator(stored: &HeaderMap) -> bool {
    stored.contains_key(ETAG) || stored.contains_key(LAST_MODIFIED)
}

/// Makes a request ask whether what is stored is still right (RFC 9111 §4.3.1); what it asked
/// before is gone.
pub fn add_validators(request: &mut HeaderMap, stored: &HeaderMap) {
    request.remove(IF_NONE_MATCH);
    request.remove(IF_MODIFIED_SINCE);
    if let Some(tag) = stored.get(ETAG) {
        request.insert(IF_NONE_MATCH, tag.clone());
    }
    if let Some(changed) = stored.get(LAST_MODIFIED) {
        request.insert(IF_MODIFIED_SINCE, changed.clone());
    }
}

/// Whether two responses for one URL are of the same representation by their own word: the same
/// tag, or, where neither has a tag, the same time of change and length. A weak tag is enough to
/// make the same thing of both, not to join their bytes (RFC 9110 §8.8.1).
pub fn same_representation(one: &HeaderMap, other: &HeaderMap) -> bool {
    let same = |name: &HeaderName| {
        one.get(name)
            .is_some_and(|value| other.get(name) == Some(value))
    };
    match (one.get(ETAG), other.get(ETAG)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => same(&LAST_MODIFIED) && same(&CONTENT_LENGTH),
        _ => false,
    }
}

/// Whether a list of entity tags holds `*` or our tag.
fn lists(line: &[u8], ours: Option<&[u8]>) -> bool {
    let line = line.trim_ascii();
    if line == b"*" {
        return true;
    }
    let Some(ours) = ours.map(opaque) else {
        return false;
    };
    let mut rest = line;
    while let Some((tag, after)) = next_tag(rest) {
        if tag == ours {
            return true;
        }
        rest = after;
    }
    false
}

/// The next opaque tag with its quotes, and what follows. A comma inside quotes is part of a tag.
fn next_tag(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = line.iter().position(|byte| *byte == b'"')?;
    let length = line[start + 1..].iter().position(|byte| *byte == b'"')?;
    let end = start + 1 + length + 1;
    Some((&line[start..end], &line[end..]))
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

fn is_not_after(changed: &HeaderValue, since: &HeaderValue) -> bool {
    let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    matches!((date(changed), date(since)), (Some(changed), Some(since)) if changed <= since)
}
