//! Sources: paths on the site, and addresses.

use std::fmt::Write;

use super::GrammarError;

/// Where a source's host is left to be guessed: how a text without a scheme is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    /// As a path on the site.
    Path,
    /// As a host and a path, if its first part looks like a host; with this scheme.
    Host(&'static str),
}

/// A source from decoded text: an absolute address, or a path on the site.
pub(super) fn read(grammar: &'static str, text: &str, bare: Bare) -> Result<String, GrammarError> {
    let problem = |problem| Err(GrammarError::source(grammar, text, problem));
    if text.is_empty() {
        return problem("there is none");
    }
    if text.chars().any(char::is_control) {
        return problem("it holds control characters");
    }
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    for scheme in ["http:/", "https:/"] {
        if lower.starts_with(scheme) {
            // Proxies on the way may have made one slash of two.
            let rest = text[scheme.len()..].trim_start_matches('/');
            let rest = rest.split('#').next().unwrap_or_default();
            if rest.is_empty() {
                return problem("it has no host");
            }
            return Ok(encode(&format!("{scheme}/{rest}")));
        }
    }
    if let Some((scheme, _)) = text.split_once("://")
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
    {
        return problem("only `http://` and `https://` are fetched");
    }
    if let Some(rest) = text.strip_prefix("//") {
        return Ok(encode(&format!("https://{}", rest.trim_start_matches('/'))));
    }
    if let Bare::Host(scheme) = bare
        && begins_with_host(text)
    {
        return Ok(encode(&format!("{scheme}://{text}")));
    }
    Ok(path_of(text))
}

/// The path on the site that a text names.
pub fn path_of(text: &str) -> String {
    encode(&format!("/{}", text.trim_start_matches('/')))
}

/// Whether a path's first part looks like a host: it has a dot or a port, and something follows.
pub(super) fn begins_with_host(text: &str) -> bool {
    let Some((first, rest)) = text.split_once('/') else {
        return false;
    };
    let (host, port) = first.split_once(':').unwrap_or((first, "80"));
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    !rest.is_empty()
        && (host.contains('.') || host == "localhost")
        && host.split('.').all(label)
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Percent-encodes what may not stand in a URL as it is (RFC 3986 §2); escapes stay.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte) {
            encoded.push(byte as char);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_addresses_or_paths() {
        let host = Bare::Host("https");
        for (text, bare, expected) in [
            ("/a b.jpg", Bare::Path, "/a%20b.jpg"),
            ("a%20b.jpg", Bare::Path, "/a%20b.jpg"),
            ("///a.jpg", Bare::Path, "https://a.jpg"),
            ("HTTP://x.example/a", Bare::Path, "http://x.example/a"),
            ("https:/x.example/a#b", Bare::Path, "https://x.example/a"),
            ("//x.example/a", Bare::Path, "https://x.example/a"),
            ("x.example/a", Bare::Path, "/x.example/a"),
            ("x.example/a", host, "https://x.example/a"),
            ("x.example:81/a", host, "https://x.example:81/a"),
            ("photos/a.jpg", host, "/photos/a.jpg"),
            ("a.jpg", host, "/a.jpg"),
            ("ä.jpg", host, "/%C3%A4.jpg"),
        ] {
            assert_eq!(read("test", text, bare).as_deref(), Ok(expected), "{text}");
        }
        for wrong in ["", "s3://bucket/a", "http://", "a\nb", "file:///etc/passwd"] {
            assert!(read("test", wrong, host).is_err(), "{wrong}");
        }
    }
}
