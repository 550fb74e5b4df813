//! From a request's head to an [`Exchange`], and from a [`Response`] to what goes on the wire: the
//! rules that all versions share (RFC 9110).

use std::cell::RefCell;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base::Body;
use delivery::Kind;
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, DATE, EXPECT, HOST, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use pipeline::{Connection, Exchange, Protocol, Response};

/// Headers that speak of one connection only (RFC 9110 §7.6.1), beside `Connection` itself.
const HOP_BY_HOP: [HeaderName; 6] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers that `Connection` cannot take away: without them the request would mean something else.
const END_TO_END: [HeaderName; 5] = [
    HOST,
    CONTENT_LENGTH,
    COOKIE,
    http::header::AUTHORIZATION,
    http::header::CACHE_CONTROL,
];

/// What kind of thing a response with these headers is, for the order of bytes.
pub fn kind_of(headers: &HeaderMap) -> Kind {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    Kind::from_content_type(value.unwrap_or_default())
}

/// The origin's plan for the order of bytes, in Cloudflare's words: level and concurrency.
pub const CF_PRIORITY: HeaderName = HeaderName::from_static("cf-priority");
/// The same: from which bytes on they change.
pub const CF_PRIORITY_CHANGE: HeaderName = HeaderName::from_static("cf-priority-change");

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Turns the head of a request into an exchange: the target in absolute form, `Host` present and
/// equal to its authority, headers of the hop removed.
///
/// `upgrade` says that the request may leave HTTP; only then do its `Upgrade` header and
/// `Connection: upgrade` stay. `TE: trailers` stays always: it says what the client understands.
///
/// # Errors
/// The answer, where the request never reaches a module: a bad or missing host, a host that
/// contradicts the target, a target of no form that belongs to the method, `CONNECT`,
/// `OPTIONS *`.
pub fn exchange(
    mut head: Parts,
    body: Body,
    connection: &Arc<Connection>,
    upgrade: bool,
) -> Result<Exchange, Box<Response>> {
    if let Some(answer) = answer_without_target(&head) {
        return Err(answer);
    }
    let Some(path) = path_of(&head.uri) else {
        return Err(bad_request("the request's target is not a path"));
    };
    if head
        .uri
        .scheme()
        .is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS)
    {
        return Err(bad_request("the request's target is not an http address"));
    }
    let authority = authority_of(&head, connection).map_err(bad_request)?;
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        head.headers.insert(HOST, host);
    }
    head.uri = absolute(connection.tls, authority, path)
        .ok_or_else(|| bad_request("the request's target is malformed"))?;
    let takes_trailers = takes_trailers(&head.headers);
    remove_hop_by_hop(&mut head.headers, upgrade);
    head.headers.remove(EXPECT);
    if takes_trailers {
        head.headers
            .insert(TE, HeaderValue::from_static("trailers"));
    }
    if upgrade {
        head.headers
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if connection.protocol != Protocol::Http1 {
        join_cookies(&mut head.headers);
    }
    Ok(Exchange::new(head, body, Arc::clone(connection)))
}

/// Makes a response fit for the wire in either version: no headers of the hop or meant for us, a
/// body only where the method and the status have one, `Content-Length` where the length is known,
/// `Date`.
///
/// `upgrade` says that the connection can leave HTTP for this response; a status 101 without that,
/// and any other informational status, becomes a 502.
pub fn settle(method: &Method, upgrade: bool, response: &mut Response) {
    let switching =
        upgrade && response.status == StatusCode::SWITCHING_PROTOCOLS && response.upgrade.is_some();
    if response.status.is_informational() && !switching {
        *response = Response::text(
            StatusCode::BAD_GATEWAY,
            "the origin switched protocols although nobody asked it to\n",
        );
    }
    remove_hop_by_hop(&mut response.headers, switching);
    for name in [CF_PRIORITY, CF_PRIORITY_CHANGE] {
        response.headers.remove(name);
    }
    settle_length(method, response);
    if !response.headers.contains_key(DATE) {
        response.headers.insert(DATE, now());
    }
}

/// Path and query of a target, as the byte log names it.
pub fn path(target: &Uri) -> &str {
    target.path_and_query().map_or("*", PathAndQuery::as_str)
}

/// A short answer to a request that is wrong in itself.
pub fn bad_request(reason: &'static str) -> Box<Response> {
    Box::new(Response::text(
        StatusCode::BAD_REQUEST,
        format!("400 Bad Request: {reason}\n"),
    ))
}

fn answer_without_target(head: &Parts) -> Option<Box<Response>> {
    let mut answer = if head.method == Method::CONNECT {
        Response::text(
            StatusCode::METHOD_NOT_ALLOWED,
            "405 Method Not Allowed: this is no forward proxy\n",
        )
    } else if head.method == Method::OPTIONS && head.uri.path() == "*" {
        Response::new(StatusCode::NO_CONTENT, Body::Empty)
    } else {
        return None;
    };
    answer
        .headers
        .insert(ALLOW, HeaderValue::from_static(METHODS));
    Some(Box::new(answer))
}

fn path_of(uri: &Uri) -> Option<PathAndQuery> {
    match uri.path_and_query() {
        Some(path) if path.as_str().starts_with('/') => Some(path.clone()),
        // `http://host?query` is legal; the path is then "/" (RFC 9112 §3.2.1).
        Some(path) if path.as_str().starts_with('?') => format!("/{path}").parse().ok(),
        None if uri.scheme().is_some() => Some(PathAndQuery::from_static("/")),
        _ => None,
    }
}

/// The authority the request is for: the target's, else that of `Host`, and never two different
/// ones (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn authority_of(head: &Parts, connection: &Connection) -> Result<Authority, &'static str> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err("more than one `Host`"),
        (None, None) => None,
        (Some(host), None) => Some(
            host.to_str()
                .ok()
                .and_then(authority)
                .ok_or("`Host` is not a host")?,
        ),
    };
    let target = match head.uri.authority() {
        None => None,
        Some(target) => {
            Some(authority(target.as_str()).ok_or("the request's target names no host")?)
        }
    };
    match (target, host) {
        (Some(target), Some(host)) if target != host => Err("`Host` contradicts the target"),
        (Some(target), _) => Ok(target),
        (None, Some(host)) => Ok(host),
        (None, None) if head.version <= Version::HTTP_10 => {
            authority(&connection.local.to_string()).ok_or("no `Host`")
        }
        (None, None) => Err("no `Host`"),
    }
}

/// Reads a host with an optional port, in lower case. Stricter than a URI's authority: a name of
/// letters, digits, `-`, `.` and `_`, or an address; no user, nothing percent-encoded.
fn authority(text: &str) -> Option<Authority> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':')?),
            };
            (address, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let plain = text.starts_with('[')
        || host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let sound_port = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    if host.is_empty() || host.len() > 255 || !plain || !sound_port {
        return None;
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        text.to_ascii_lowercase().parse().ok()
    } else {
        text.parse().ok()
    }
}

fn absolute(tls: bool, authority: Authority, path: PathAndQuery) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if tls { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

fn remove_hop_by_hop(headers: &mut HeaderMap, keep_upgrade: bool) {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != UPGRADE && !END_TO_END.contains(name))
        .collect();
    headers.remove(CONNECTION);
    for name in HOP_BY_HOP.iter().chain(&nominated) {
        if !(keep_upgrade && *name == UPGRADE) {
            headers.remove(name);
        }
    }
}

fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// HTTP/2 and HTTP/3 split cookies for compression; everyone else expects one header (RFC 9113
/// §8.2.3, RFC 9114 §4.2.1).
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if let (Some(_), Some(_)) = (cookies.next(), cookies.next()) {
        let pieces: Vec<&[u8]> = headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
            headers.insert(COOKIE, joined);
        }
    }
}

fn settle_length(method: &Method, response: &mut Response) {
    let length = response.body.exact_len();
    match response.status {
        StatusCode::NO_CONTENT | StatusCode::SWITCHING_PROTOCOLS => {
            response.body = Body::Empty;
            response.headers.remove(CONTENT_LENGTH);
            return;
        }
        // What the length of a 304 would be is known to its maker alone.
        StatusCode::NOT_MODIFIED => response.body = Body::Empty,
        StatusCode::RESET_CONTENT => {
            response.body = Body::Empty;
            response
                .headers
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        // A HEAD from the origin has a length and no body; one of ours has both.
        _ if *method == Method::HEAD => {
            if let Some(length) = length.filter(|length| *length > 0) {
                response.headers.insert(CONTENT_LENGTH, length.into());
            }
            response.body = Body::Empty;
        }
        _ => {
            if let Some(length) = length {
                response.headers.insert(CONTENT_LENGTH, length.into());
            }
        }
    }
    keep_one_length(&mut response.headers);
}

/// Drops a `Content-Length` that is no number, or that contradicts another.
fn keep_one_length(headers: &mut HeaderMap) {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let sound = match (lengths.next(), lengths.next()) {
        (None, _) => return,
        (Some(length), None) => {
            !length.is_empty()
                && length.as_bytes().iter().all(u8::is_ascii_digit)
                && length
                    .to_str()
                    .is_ok_and(|text| text.parse::<u64>().is_ok())
        }
        (Some(_), Some(_)) => false,
    };
    if !sound {
        headers.remove(CONTENT_LENGTH);
    }
}

/// The value of `Date`, formatted once a second for each thread.
fn now() -> HeaderValue {
    thread_local! {
        static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
    }
    let second = SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_secs();
    LAST.with_borrow_mut(|last| match last {
        Some((at, value)) if *at == second => value.clone(),
        _ => {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let text = httpdate::fmt_http_date(time);
            let value = HeaderValue::from_str(&text)
                .unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
            *last = Some((second, value.clone()));
            value
        }
    })
}

#[cfg(test)]
mod tests;
