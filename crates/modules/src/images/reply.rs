//! The headers of pictures, and of what is sent in their place.

use ::cache::policy::{Control, Vary, same_representation};
use ::image::{Facts, Format, Rendered};
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED, LOCATION, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use pipeline::Response;

use crate::kept::{set_text, varying_fields};

/// Says what was done to a picture, or why nothing was.
pub const FIRSTLIGHT_IMAGE: HeaderName = HeaderName::from_static("firstlight-image");
/// The same in Cloudflare's words, for failures of `/cdn-cgi/image/`.
pub const CF_RESIZED: HeaderName = HeaderName::from_static("cf-resized");

/// The origin's plan for the order of bytes: its level, and from which bytes on it changes.
const PRIORITY: &str = "cf-priority";
const PRIORITY_CHANGE: &str = "cf-priority-change";

/// Headers that describe the source's bytes, not the picture's.
const OF_THE_BYTES: [&str; 9] = [
    "content-length",
    "content-encoding",
    "etag",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "accept-ranges",
    "age",
];

/// The headers of a source that also hold for what is made from it.
pub fn inherited(source: &HeaderMap, vary: &[&'static str]) -> HeaderMap {
    let mut headers = source.clone();
    set_vary(&mut headers, source, vary);
    headers
}

/// Names what the choice depended on, besides what the source's own depended on.
pub fn set_vary(headers: &mut HeaderMap, source: &HeaderMap, vary: &[&'static str]) {
    if Vary::of(source) == Vary::Any {
        headers.insert(VARY, HeaderValue::from_static("*"));
        return;
    }
    let own = varying_fields(source, &[ACCEPT, ACCEPT_ENCODING]);
    let mut names: Vec<&str> = own.iter().map(HeaderName::as_str).collect();
    names.extend(
        vary.iter()
            .filter(|name| !own.iter().any(|field| field == **name)),
    );
    if names.is_empty() {
        headers.remove(VARY);
    } else {
        set_text(headers, VARY, &names.join(", "));
    }
}

/// The headers of a new picture.
pub fn of_picture(mut headers: HeaderMap, made: &Rendered, source_bytes: usize) -> HeaderMap {
    let content_type = HeaderValue::from_static(made.format.content_type());
    of_made(&mut headers, &made.bytes, content_type);
    confine(&mut headers, false);
    let said = format!(
        "{}; width={}; height={}; bytes={}/{source_bytes}{}",
        made.format.word(),
        made.width,
        made.height,
        made.bytes.len(),
        if made.rescued { "; rescued" } else { "" },
    );
    let said = match made.found {
        Some(found) => format!("{said}; {found}"),
        None => said,
    };
    set_text(&mut headers, FIRSTLIGHT_IMAGE, &said);
    headers
}

/// The headers of facts about a picture, and the facts.
pub fn of_facts(mut headers: HeaderMap, facts: &Facts) -> (HeaderMap, Bytes) {
    let body = Bytes::from(facts.to_json());
    of_made(
        &mut headers,
        &body,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(FIRSTLIGHT_IMAGE, HeaderValue::from_static("json"));
    (headers, body)
}

/// The headers of a line of text that stands for a picture, and the text.
pub fn of_text(mut headers: HeaderMap, text: String) -> (HeaderMap, Bytes) {
    let body = Bytes::from(text);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    of_made(&mut headers, &body, plain);
    headers.insert(FIRSTLIGHT_IMAGE, HeaderValue::from_static("placeholder"));
    (headers, body)
}

fn of_made(headers: &mut HeaderMap, body: &[u8], content_type: HeaderValue) {
    for name in OF_THE_BYTES {
        headers.remove(name);
    }
    // An origin's plan that counts the bytes of the source says nothing of these; a level alone
    // holds for any bytes.
    if headers.remove(PRIORITY_CHANGE).is_some() {
        headers.remove(PRIORITY);
    }
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let mut tag = String::with_capacity(18);
    tag.push('"');
    tag.push_str(&format!("{:016x}", fingerprint(body)));
    tag.push('"');
    set_text(headers, ETAG, &tag);
}

/// Marks the original where a picture was wanted.
pub fn mark_original(headers: &mut HeaderMap, reason: &str, code: Option<u16>) {
    let reason: String = reason
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .map(|c| if matches!(c, '"' | '\\') { '\'' } else { c })
        .take(160)
        .collect();
    set_text(
        headers,
        FIRSTLIGHT_IMAGE,
        &format!("original; reason=\"{reason}\""),
    );
    if let Some(code) = code {
        set_text(headers, CF_RESIZED, &format!("err={code}"));
    }
}

/// Keeps what is sent in a picture's place only for now from being used later: who keeps it asks
/// again, and then gets the picture. What the source itself forbids stays forbidden.
pub fn for_now(headers: &mut HeaderMap) {
    let control = Control::of(headers);
    if control.no_store {
        return;
    }
    let said = match control.private {
        true => "private, no-cache",
        false => "no-cache",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(said));
    // These would be heard before it.
    for name in [EXPIRES.as_str(), "cdn-cache-control", "surrogate-control"] {
        headers.remove(name);
    }
}

/// Whether it says that it is an SVG.
pub fn is_svg(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE);
    let content_type = given.and_then(|value| value.to_str().ok());
    content_type.and_then(Format::from_content_type) == Some(Format::Svg)
}

/// What another site's file may not do on this one, nor an SVG, whose scripts would run under this
/// site's name where it is opened by itself.
pub fn confine(headers: &mut HeaderMap, foreign: bool) {
    if !foreign && !is_svg(headers) {
        return;
    }
    let nothing = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Caches that heed these would keep a response whatever `Cache-Control` says of shared ones.
const FOR_SHARED_CACHES: [&str; 4] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "surrogate-control",
    "edge-control",
];

/// Lets nobody but the client keep a response (RFC 9111 §5.2.2.7): another client's way to here may
/// be better. How long the client may keep it stays as it was.
pub fn keep_private(headers: &mut HeaderMap) {
    let shared = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        ["public", "private", "s-maxage", "proxy-revalidate"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    let values = headers.get_all(CACHE_CONTROL).into_iter();
    let directives: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|directive| !directive.is_empty() && !shared(directive))
        .collect();
    let mut said = "private".to_owned();
    for directive in directives {
        said.push_str(", ");
        said.push_str(directive);
    }
    set_text(headers, CACHE_CONTROL, &said);
    for name in FOR_SHARED_CACHES {
        headers.remove(name);
    }
}

/// Sends the client to the source itself.
pub fn redirect(source: &Uri, code: u16) -> Response {
    let mut response = Response::text(StatusCode::FOUND, "the picture cannot be made\n");
    let path = source.path_and_query().map_or("/", |whole| whole.as_str());
    // `//host` and, to browsers, `/\host` lead to another site; `/.//host` is the same path of this.
    let leads_away = path.starts_with("//") || path.starts_with("/\\");
    let dot = if leads_away { "/." } else { "" };
    set_text(&mut response.headers, LOCATION, &format!("{dot}{path}"));
    let headers = &mut response.headers;
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    mark_original(headers, "redirected to the source", Some(code));
    response
}

/// Where nothing in a source's headers tells it from another: a mark of its bytes.
const FINGERPRINT: HeaderName = HeaderName::from_static("firstlight-fingerprint");

/// What a source says of its identity, to know it again; its bytes speak for one that says nothing.
pub fn identity(source: &HeaderMap, body: &[u8]) -> HeaderMap {
    let mut identity = HeaderMap::new();
    for name in [ETAG, LAST_MODIFIED, CONTENT_LENGTH, CONTENT_ENCODING] {
        if let Some(value) = source.get(&name) {
            identity.insert(name, value.clone());
        }
    }
    if !identity.contains_key(ETAG) && !identity.contains_key(LAST_MODIFIED) {
        let mark = HeaderValue::from(fingerprint(body));
        identity.insert(FINGERPRINT, mark);
    }
    identity
}

/// Whether a source with these headers and this body is the one with this identity.
pub fn is_identity(identity: &HeaderMap, source: &HeaderMap, body: &[u8]) -> bool {
    same_representation(identity, source)
        || identity
            .get(FINGERPRINT)
            .is_some_and(|mark| *mark == HeaderValue::from(fingerprint(body)))
}

/// A strong tag for these bytes: equal bytes have equal tags on every machine. Not for adversaries.
fn fingerprint(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = FACTOR ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.try_into().map_or(0, u64::from_le_bytes);
        state = (state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    }
    for byte in chunks.remainder() {
        state = (state ^ u64::from(*byte))
            .wrapping_mul(FACTOR)
            .rotate_left(29);
    }
    state ^= state >> 32;
    state = state.wrapping_mul(0xd6e8_feb8_6659_fd93);
    state ^ state >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_bytes_apart() {
        let mut seen = std::collections::HashSet::new();
        let bytes: Vec<u8> = (0..200u8).collect();
        for length in 0..200 {
            assert!(seen.insert(fingerprint(&bytes[..length])));
        }
        for place in 0..200 {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(seen.insert(fingerprint(&changed)));
        }
        assert_eq!(fingerprint(b""), fingerprint(&[]));
    }

    #[test]
    fn a_reason_stays_inside_its_quotes() {
        let mut headers = HeaderMap::new();
        mark_original(&mut headers, "a \"b\\\n\u{e9}", Some(9516));
        assert_eq!(headers[FIRSTLIGHT_IMAGE], "original; reason=\"a 'b'??\"");
        assert_eq!(headers[CF_RESIZED], "err=9516");
    }

    #[test]
    fn vary_names_what_both_depended_on() {
        let mut source = HeaderMap::new();
        source.insert(VARY, HeaderValue::from_static("Origin, Accept-Encoding"));
        let headers = inherited(&source, &["accept", "save-data"]);
        assert_eq!(headers[VARY], "origin, accept, save-data");
        let headers = inherited(&HeaderMap::new(), &[]);
        assert!(!headers.contains_key(VARY));
        source.append(VARY, HeaderValue::from_static("*"));
        assert_eq!(inherited(&source, &["accept"])[VARY], "*");
    }

    #[test]
    fn only_the_client_keeps_what_is_private() {
        for (from, to) in [
            ("", "private"),
            ("public, max-age=60", "private, max-age=60"),
            (
                "max-age=60, S-Maxage=600, immutable",
                "private, max-age=60, immutable",
            ),
            ("private, no-store", "private, no-store"),
        ] {
            let mut headers = HeaderMap::new();
            if !from.is_empty() {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static(from));
            }
            headers.insert("cdn-cache-control", HeaderValue::from_static("max-age=9"));
            keep_private(&mut headers);
            assert_eq!(headers[CACHE_CONTROL], to);
            assert!(!headers.contains_key("cdn-cache-control"));
        }
    }

    #[test]
    fn what_is_sent_for_now_is_not_used_later() {
        for (said, left) in [
            ("public, max-age=31536000, immutable", "no-cache"),
            ("private, max-age=60", "private, no-cache"),
            ("no-store", "no-store"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(said));
            for name in ["expires", "cdn-cache-control"] {
                headers.insert(name, HeaderValue::from_static("x"));
            }
            for_now(&mut headers);
            assert_eq!(headers[CACHE_CONTROL], left);
            assert_eq!(headers.contains_key(EXPIRES), said == "no-store");
        }
    }

    #[test]
    fn a_redirect_stays_on_the_site() {
        for (path, location) in [
            ("/a.jpg?b=c", "/a.jpg?b=c"),
            ("//evil.example/a.jpg", "/.//evil.example/a.jpg"),
            ("///evil.example/a.jpg", "/.///evil.example/a.jpg"),
            ("/\\evil.example/a.jpg", "/./\\evil.example/a.jpg"),
        ] {
            let source = format!("https://example.com{path}").parse().unwrap();
            assert_eq!(redirect(&source, 9404).headers[LOCATION], location);
        }
    }
}
