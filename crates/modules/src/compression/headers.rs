//! The headers of compressed responses, and what in headers forbids to compress.

use std::time::Duration;

use ::cache::policy::{Control, has_validator};
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::kept::Kept;

/// What is said of the bytes as they were: sums over content or representation (RFC 9530, RFC 3230,
/// RFC 1864), and an origin's plan that counts bytes. None of it holds for the compressed ones.
const OF_THE_BYTES: [&str; 7] = [
    "accept-ranges",
    "cf-priority",
    "cf-priority-change",
    "content-digest",
    "content-md5",
    "digest",
    "repr-digest",
];
/// The longest `If-None-Match` that is looked at for weak tags.
const LONGEST_CONDITION: usize = 1024;
/// What stays fresh for less than this, and cannot be validated, is gone before it is compressed at
/// best.
const WORTH_IT: Duration = Duration::from_secs(30);

/// Whether status and headers leave room for a coding: there is a body, it is whole, and it is
/// plain.
pub fn leave_room(status: StatusCode, headers: &HeaderMap) -> bool {
    let whole = !status.is_informational()
        && !matches!(
            status,
            StatusCode::NO_CONTENT
                | StatusCode::RESET_CONTENT
                | StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
                | StatusCode::RANGE_NOT_SATISFIABLE
        );
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    whole && plain && !headers.contains_key(CONTENT_RANGE)
}

/// Whether `no-transform` is said (RFC 9111 §5.2).
pub fn forbid_transform(headers: &HeaderMap) -> bool {
    headers.contains_key(CACHE_CONTROL) && Control::of(headers).no_transform
}

/// Whether what is kept will be of use for long enough, itself or by validation.
pub fn last(headers: &HeaderMap, kept: Option<&Kept>) -> bool {
    let lifetime = match kept {
        Some(kept) => kept.freshness.lifetime,
        None => Control::of(headers).lifetime().unwrap_or(WORTH_IT),
    };
    lifetime >= WORTH_IT || has_validator(headers)
}

/// The length that the headers tell.
pub fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether each event must leave as it comes.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    const NAME: &[u8] = b"text/event-stream";
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type
        .and_then(|content_type| content_type.get(..NAME.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(NAME))
}

/// Says that a body is coded, and of which length it is where that is known.
pub fn code(headers: &mut HeaderMap, token: &'static str, length: Option<usize>) {
    for name in OF_THE_BYTES {
        headers.remove(name);
    }
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(token));
    match length {
        Some(length) => drop(headers.insert(CONTENT_LENGTH, HeaderValue::from(length as u64))),
        None => drop(headers.remove(CONTENT_LENGTH)),
    }
    weaken(headers);
}

/// Says that a body is plain again, and of this length.
pub fn decode(headers: &mut HeaderMap, length: usize) {
    for name in OF_THE_BYTES {
        headers.remove(name);
    }
    headers.remove(CONTENT_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length as u64));
    weaken(headers);
}

/// Makes a strong tag a weak one: the bytes are others, the meaning is the same (RFC 9110 §8.8.1).
pub fn weaken(headers: &mut HeaderMap) {
    if let Some(tag) = headers.get(ETAG)
        && tag.as_bytes().starts_with(b"\"")
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    {
        headers.insert(ETAG, weak);
    }
}

/// Says that the choice depended on a header of the request, unless that is said already.
pub fn add_vary(headers: &mut HeaderMap, name: &'static str) {
    let said = |line: &HeaderValue| {
        line.as_bytes().split(|byte| *byte == b',').any(|own| {
            let own = own.trim_ascii();
            own == b"*" || own.eq_ignore_ascii_case(name.as_bytes())
        })
    };
    if headers.get_all(VARY).iter().any(said) {
        return;
    }
    let joined = match headers.get(VARY) {
        Some(first) if !first.is_empty() => {
            HeaderValue::from_bytes(&[first.as_bytes(), b", ", name.as_bytes()].concat()).ok()
        }
        _ => None,
    };
    match (joined, headers.get_all(VARY).iter().nth(1).is_some()) {
        (Some(joined), false) => drop(headers.insert(VARY, joined)),
        _ => drop(headers.append(VARY, HeaderValue::from_static(name))),
    }
}

/// Adds to the weak tags of `If-None-Match` their strong twins, so that an origin that compares
/// letter by letter knows its own tag again. Returns what was asked; `None` if nothing was weak.
pub fn add_strong_twins(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let asked = headers.get(IF_NONE_MATCH)?.clone();
    let text = asked.to_str().ok()?;
    let single = headers.get_all(IF_NONE_MATCH).iter().nth(1).is_none();
    if !single || text.len() > LONGEST_CONDITION || !text.contains("W/\"") {
        return None;
    }
    let twins = format!("{text}, {}", text.replace("W/\"", "\""));
    headers.insert(IF_NONE_MATCH, HeaderValue::try_from(twins).ok()?);
    Some(asked)
}

/// Whether a list of tags holds the strong tag of these headers as a weak one.
pub fn lists_weakly(line: &HeaderValue, headers: &HeaderMap) -> bool {
    const STRONG: u8 = b'"';
    let Some(tag) = headers.get(ETAG).map(HeaderValue::as_bytes) else {
        return false;
    };
    let weak = [b"W/", tag].concat();
    let line = line.as_bytes();
    tag.first() == Some(&STRONG) && line.windows(weak.len()).any(|part| part == weak)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn a_coded_response_says_so_and_nothing_that_is_no_longer_true() {
        let mut coded = headers(&[
            ("etag", "\"x\""),
            ("content-length", "9000"),
            ("accept-ranges", "bytes"),
            ("content-digest", "sha-256=:AA==:"),
            ("last-modified", "Mon"),
        ]);
        code(&mut coded, "br", Some(7));
        let expected = headers(&[
            ("etag", "W/\"x\""),
            ("content-length", "7"),
            ("content-encoding", "br"),
            ("last-modified", "Mon"),
        ]);
        assert_eq!(coded, expected);
        code(&mut coded, "gzip", None);
        assert_eq!(coded[ETAG], "W/\"x\"", "what is weak stays as it is");
        assert!(!coded.contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn vary_is_said_once() {
        for (said, expected) in [
            (vec![], vec!["Accept-Encoding"]),
            (vec!["Origin"], vec!["Origin, Accept-Encoding"]),
            (
                vec!["origin, ACCEPT-encoding"],
                vec!["origin, ACCEPT-encoding"],
            ),
            (vec!["*"], vec!["*"]),
            (vec!["a", "b"], vec!["a", "b", "Accept-Encoding"]),
            (vec![""], vec!["", "Accept-Encoding"]),
        ] {
            let mut map = HeaderMap::new();
            for line in said {
                map.append(VARY, HeaderValue::from_static(line));
            }
            add_vary(&mut map, "Accept-Encoding");
            assert_eq!(map.get_all(VARY).iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn weak_tags_get_their_strong_twins() {
        let mut asked = headers(&[("if-none-match", "W/\"a\", \"b\"")]);
        let original = add_strong_twins(&mut asked).unwrap();
        assert_eq!(asked[IF_NONE_MATCH], "W/\"a\", \"b\", \"a\", \"b\"");
        assert!(lists_weakly(&original, &headers(&[("etag", "\"a\"")])));
        assert!(!lists_weakly(&original, &headers(&[("etag", "\"b\"")])));
        assert!(!lists_weakly(&original, &headers(&[("etag", "W/\"a\"")])));
        for line in ["\"a\"", "*", &format!("W/\"{}\"", "a".repeat(2000))] {
            let mut asked = headers(&[("if-none-match", line)]);
            assert_eq!(add_strong_twins(&mut asked), None);
            assert_eq!(asked[IF_NONE_MATCH], line);
        }
    }
}
