//! Headers that are kept, and those that are not.

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName};

/// Removes what concerns one connection only (RFC 9110 §7.6.1), and what `Connection` names.
pub fn strip_connection_headers(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

/// Sums of the stored body.
const SUMS: [&str; 4] = ["content-digest", "content-md5", "digest", "repr-digest"];

/// Brings stored headers up to date with those of a 304 (RFC 9111 §3.2): every field of the 304
/// replaces the stored ones of its name, except those that describe the stored body. The stored
/// date does not stay: a 304 without one is of the time it is received (RFC 9110 §6.6.1).
pub fn update_stored(stored: &mut HeaderMap, not_modified: &HeaderMap) {
    let mut fresh = not_modified.clone();
    stored.remove(DATE);
    strip_connection_headers(&mut fresh);
    for name in [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE] {
        fresh.remove(name);
    }
    // A cookie of a 304 is for who asked, unless cookies are kept here.
    if !stored.contains_key(SET_COOKIE) {
        fresh.remove(SET_COOKIE);
    }
    for name in SUMS {
        fresh.remove(name);
    }
    // The stored tag names the stored body. That of a 304 may be the strong one of another coding:
    // the comparison was weak (RFC 9110 §13.1.2).
    if stored.contains_key(ETAG) {
        fresh.remove(ETAG);
    }
    for name in fresh.keys() {
        stored.remove(name);
    }
    for (name, value) in &fresh {
        stored.append(name, value.clone());
    }
}
