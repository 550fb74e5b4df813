//! What the origin is told of the visitor, and what the visitor may not say of himself.

use std::fmt::Write;
use std::net::IpAddr;

use ::origin::Network;
use http::header::{FORWARDED, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use pipeline::Connection;

use crate::kept::set_text;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The same in forms that are not made here.
const OTHERWISE_FORWARDED: [&str; 10] = [
    "x-forwarded",
    "x-forwarded-by",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
];

/// Headers that some origins believe about the visitor or the target, and that only a proxy should
/// set.
const SPOOFABLE: [&str; 13] = [
    "front-end-https",
    "x-host",
    "x-http-host-override",
    "x-original-host",
    "x-url-scheme",
    "x-original-url",
    "x-rewrite-url",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "proxy",
];

/// Tells the origin who asks, by `Forwarded` (RFC 7239) and the `X-Forwarded-` headers. What
/// arrived under these names is dropped, unless it comes from one of the `trusted` proxies: then
/// the visitor's address is added to it.
pub fn tell(headers: &mut HeaderMap, uri: &Uri, connection: &Connection, trusted: &[Network]) {
    let remote = connection.remote.ip().to_canonical();
    let believed = trusted.iter().any(|network| network.0.contains(&remote));
    let proto = if connection.tls { "https" } else { "http" };
    let host = uri.authority().map_or("", |authority| authority.as_str());
    for name in SPOOFABLE {
        headers.remove(name);
    }
    if !believed {
        for name in [
            FORWARDED,
            FORWARDED_FOR,
            FORWARDED_PROTO,
            FORWARDED_HOST,
            REAL_IP,
        ] {
            headers.remove(name);
        }
        for name in OTHERWISE_FORWARDED {
            headers.remove(name);
        }
    }
    append(headers, FORWARDED_FOR, &remote.to_string());
    append(headers, FORWARDED, &forwarded(remote, host, proto));
    for (name, value) in [(FORWARDED_PROTO, proto), (FORWARDED_HOST, host)] {
        if !headers.contains_key(&name) {
            set_text(headers, name, value);
        }
    }
    if !headers.contains_key(REAL_IP) {
        set_text(headers, REAL_IP, &remote.to_string());
    }
    // HTTP/2 says the host in the target; HTTP/1.1 origins want it as a header.
    if !headers.contains_key(HOST) {
        set_text(headers, HOST, host);
    }
}

/// Headers that make of a request another one.
const OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Drops what would turn a GET or HEAD, whose answers are kept, into something else.
pub fn hold_to_method(headers: &mut HeaderMap, method: &Method) {
    if method.is_safe() {
        for name in OVERRIDES {
            headers.remove(name);
        }
    }
}

fn append(headers: &mut HeaderMap, name: HeaderName, element: &str) {
    let mut list = String::new();
    for line in headers.get_all(&name) {
        if let Ok(line) = line.to_str() {
            list.push_str(line);
            list.push_str(", ");
        }
    }
    list.push_str(element);
    if let Ok(value) = HeaderValue::try_from(list) {
        headers.insert(name, value);
    }
}

/// One element of `Forwarded`; addresses with colons are quoted (RFC 7239 §6).
fn forwarded(remote: IpAddr, host: &str, proto: &str) -> String {
    let mut element = match remote {
        IpAddr::V4(address) => format!("for={address}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\""),
    };
    if !host.is_empty() {
        let written = write!(element, ";host=\"{host}\"");
        debug_assert!(written.is_ok());
    }
    element.push_str(";proto=");
    element.push_str(proto);
    element
}
