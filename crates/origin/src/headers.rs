//! What of a message's head belongs to one connection only, and what guards against circles.

use std::sync::LazyLock;

use base::{Body, RequestId};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version, request};
use http_body::Body as _;

use crate::OriginError;

const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
const NAME: &str = "firstlight";
/// Passes through any Firstlight before a request counts as going round: edge, shield, and two
/// to spare.
const MAX_PASSES: usize = 4;

/// Names this process in `CDN-Loop` (RFC 8586).
static MARK: LazyLock<String> = LazyLock::new(|| format!("{NAME};id={}", RequestId::next()));

/// Fields that are always about one connection (RFC 9110 §7.6.1), and two that are addressed to
/// the next proxy, which is us.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields for every recipient, which `Connection` must not list (RFC 9110 §7.6.1). Listing them
/// is a known way to make a proxy drop what the origin relies on.
const END_TO_END: [&str; 12] = [
    "authorization",
    "cache-control",
    "cdn-loop",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "set-cookie",
    "vary",
    "via",
];

/// Removes what belongs to the connection the message came on.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
        .filter_map(|name| HeaderName::try_from(name).ok())
        .filter(|name| !is_end_to_end(name.as_str()))
        .collect();
    for name in listed.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn is_end_to_end(name: &str) -> bool {
    END_TO_END.contains(&name) || name.starts_with("x-forwarded-") || name == "x-real-ip"
}

/// The members of a comma-separated field over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Whether the body comes in a coding that was not asked for, so that nobody could read it: one of
/// those that there are besides `chunked` alone (RFC 9112 §7), or something that others may take
/// for `chunked`. A word that is no coding, like the `identity` of older origins, says nothing: the
/// body then ends with the connection (RFC 9112 §6.3).
pub(crate) fn has_unknown_coding(headers: &HeaderMap) -> bool {
    let mut codings = tokens(headers, &header::TRANSFER_ENCODING);
    match (codings.next(), codings.next()) {
        (None, _) => headers.contains_key(header::TRANSFER_ENCODING),
        (Some(coding), None) => {
            let coding = coding.to_ascii_lowercase();
            let unread = ["chunk", "gzip", "compress", "deflate", "br", "zstd"];
            let named = |word: &&str| coding.contains(*word);
            coding != "chunked" && unread.iter().any(named)
        }
        (Some(_), Some(_)) => true,
    }
}

/// Whether the client takes trailers (RFC 9110 §10.1.4); the field itself is hop by hop.
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    tokens(headers, &header::TE).any(|token| token.eq_ignore_ascii_case("trailers"))
}

/// The protocol that the client wants to change to, if that can be passed on: over HTTP/1.1, with
/// no body in the way, and not to another HTTP (which would carry requests past every check).
pub(crate) fn wanted_upgrade(head: &request::Parts, body: &Body) -> Option<HeaderValue> {
    let asks = tokens(&head.headers, &header::CONNECTION)
        .any(|token| token.eq_ignore_ascii_case("upgrade"));
    let protocol = head.headers.get(header::UPGRADE)?;
    let text = protocol.to_str().ok()?.trim().to_ascii_lowercase();
    let single = head.headers.get_all(header::UPGRADE).iter().count() == 1;
    let acceptable = single
        && !text.is_empty()
        && !text.contains(',')
        && !["h2c", "http/", "tls/"]
            .iter()
            .any(|other| text.starts_with(other));
    let fits =
        head.method == Method::GET && head.version == Version::HTTP_11 && body.is_end_stream();
    (asks && acceptable && fits).then(|| protocol.clone())
}

/// Puts an upgrade's two fields back, after the strip.
pub(crate) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

/// Makes the length fields say what the body is: its own length if that is known, one valid
/// length from the client if not, chunks otherwise.
pub(crate) fn set_length(method: &Method, headers: &mut HeaderMap, body: &Body) {
    let claimed = single_length(headers);
    headers.remove(header::CONTENT_LENGTH);
    let usually_has_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    let length = match body.exact_len() {
        Some(0) => usually_has_body.then_some(0),
        Some(length) => Some(length),
        None => claimed,
    };
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
}

/// The one length that all `Content-Length` lines agree on.
fn single_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = tokens(headers, &header::CONTENT_LENGTH);
    let first = values.next()?;
    let plain =
        first.bytes().all(|byte| byte.is_ascii_digit()) && values.all(|other| other == first);
    plain.then(|| first.parse().ok()).flatten()
}

/// Whether the request has been in this very process before.
pub(crate) fn was_here(headers: &HeaderMap) -> bool {
    tokens(headers, &CDN_LOOP).any(|entry| entry == MARK.as_str())
}

/// Notes that the request passed here (`CDN-Loop`, RFC 8586).
///
/// # Errors
/// [`OriginError::Loop`] if it did so too often.
pub(crate) fn mark_pass(headers: &mut HeaderMap) -> Result<(), OriginError> {
    let passes = tokens(headers, &CDN_LOOP)
        .filter(|entry| {
            entry
                .split(';')
                .next()
                .is_some_and(|name| name.trim() == NAME)
        })
        .count();
    if passes >= MAX_PASSES {
        return Err(OriginError::Loop);
    }
    if let Ok(mark) = HeaderValue::from_str(&MARK) {
        headers.append(CDN_LOOP, mark);
    }
    Ok(())
}

/// Names this server in `Via` (RFC 9110 §7.6.3).
pub(crate) fn add_via(headers: &mut HeaderMap) {
    headers.append(header::VIA, HeaderValue::from_static("1.1 firstlight"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_belongs_to_one_connection_is_removed() {
        let mut map = headers(&[
            ("connection", "close, X-Secret"),
            ("connection", "keep-alive,x-other"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "1"),
            ("x-other", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic eA=="),
            ("accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(names(&map), ["accept"]);
    }

    #[test]
    fn what_is_for_everyone_cannot_be_listed_away() {
        let mut map = headers(&[
            (
                "connection",
                "cookie, x-forwarded-for, Content-Length, host",
            ),
            ("cookie", "a=b"),
            ("x-forwarded-for", "192.0.2.1"),
            ("content-length", "3"),
            ("host", "example.com"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(
            names(&map),
            ["content-length", "cookie", "host", "x-forwarded-for"]
        );
    }

    fn upgrade(lines: &[(&'static str, &'static str)], body: &Body) -> Option<HeaderValue> {
        let (mut head, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        head.headers = headers(lines);
        wanted_upgrade(&head, body)
    }

    #[test]
    fn only_a_plain_change_of_protocol_is_passed_on() {
        let asked = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ];
        assert_eq!(upgrade(&asked, &Body::Empty).unwrap(), "websocket");
        assert_eq!(upgrade(&asked, &"a body".into()), None);
        assert_eq!(upgrade(&[("upgrade", "websocket")], &Body::Empty), None);
        for other in ["h2c", "HTTP/2.0", "TLS/1.0", "websocket, h2c", ""] {
            let asked = [("connection", "upgrade"), ("upgrade", other)];
            assert_eq!(upgrade(&asked, &Body::Empty), None, "{other}");
        }
    }

    #[test]
    fn the_length_sent_is_the_bodys_own() {
        let length = |method: Method, claimed: &[(&'static str, &'static str)], body: Body| {
            let mut map = headers(claimed);
            set_length(&method, &mut map, &body);
            let value = map.get(header::CONTENT_LENGTH).cloned();
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let unknown = || {
            Body::stream(http_body_util::StreamBody::new(
                futures_util::stream::pending::<
                    Result<http_body::Frame<bytes::Bytes>, std::io::Error>,
                >(),
            ))
        };
        let claim = [("content-length", "7")];
        assert_eq!(
            length(Method::PUT, &claim, "four".into()).as_deref(),
            Some("4")
        );
        assert_eq!(length(Method::GET, &claim, Body::Empty), None);
        assert_eq!(length(Method::POST, &[], Body::Empty).as_deref(), Some("0"));
        assert_eq!(length(Method::PUT, &claim, unknown()).as_deref(), Some("7"));
        let twice = [("content-length", "7"), ("content-length", "8")];
        assert_eq!(length(Method::PUT, &twice, unknown()), None);
        assert_eq!(
            length(Method::PUT, &[("content-length", "+7")], unknown()),
            None
        );
    }

    #[test]
    fn passes_are_counted() {
        let mut map = headers(&[("cdn-loop", "other.example; x=1")]);
        assert!(!was_here(&map));
        for _ in 0..MAX_PASSES {
            mark_pass(&mut map).unwrap();
        }
        assert!(was_here(&map));
        assert!(matches!(mark_pass(&mut map), Err(OriginError::Loop)));
    }
}
