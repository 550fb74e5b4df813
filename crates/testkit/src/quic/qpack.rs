//! Field sections without a dynamic table (RFC 9204).

use crate::recorder::hpack::{integer, string};

/// A field section of literals (RFC 9204 §4.5.6), without Huffman codes.
pub fn encode<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut section = vec![0, 0];
    for (name, value) in fields {
        length(name.len(), 7, 0x20, &mut section);
        section.extend(name.as_bytes());
        length(value.len(), 127, 0, &mut section);
        section.extend(value.as_bytes());
    }
    section
}

fn length(length: usize, full: usize, mark: u8, section: &mut Vec<u8>) {
    if length < full {
        section.push(mark | length as u8);
        return;
    }
    section.push(mark | full as u8);
    let mut rest = length - full;
    while rest >= 128 {
        section.push(rest as u8 | 128);
        rest >>= 7;
    }
    section.push(rest as u8);
}

/// The fields of a section; `None` if it is malformed or needs a dynamic table.
pub fn decode(section: &[u8]) -> Option<Vec<(String, String)>> {
    let (prefix, mut rest) = section.split_at_checked(2)?;
    if prefix != [0, 0] {
        return None;
    }
    let mut fields = Vec::new();
    while let Some(first) = rest.first().copied() {
        let entry = |index: usize| TABLE.get(index).copied();
        if first & 0xc0 == 0xc0 {
            let (name, value) = entry(integer(&mut rest, 6)?)?;
            fields.push((name.to_owned(), value.to_owned()));
        } else if first & 0xd0 == 0x50 {
            let (name, _) = entry(integer(&mut rest, 4)?)?;
            fields.push((name.to_owned(), string(&mut rest, 7)?));
        } else if first & 0xe0 == 0x20 {
            let name = string(&mut rest, 3)?;
            fields.push((name, string(&mut rest, 7)?));
        } else {
            return None;
        }
    }
    Some(fields)
}

/// RFC 9204 Appendix A.
#[rustfmt::skip]
const TABLE: [(&str, &str); 99] = [
    (":authority", ""),
    (":path", "/"),
    ("age", "0"),
    ("content-disposition", ""),
    ("content-length", "0"),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("referer", ""),
    ("set-cookie", ""),
    (":method", "CONNECT"),
    (":method", "DELETE"),
    (":method", "GET"),
    (":method", "HEAD"),
    (":method", "OPTIONS"),
    (":method", "POST"),
    (":method", "PUT"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "103"),
    (":status", "200"),
    (":status", "304"),
    (":status", "404"),
    (":status", "503"),
    ("accept", "*/*"),
    ("accept", "application/dns-message"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-ranges", "bytes"),
    ("access-control-allow-headers", "cache-control"),
    ("access-control-allow-headers", "content-type"),
    ("access-control-allow-origin", "*"),
    ("cache-control", "max-age=0"),
    ("cache-control", "max-age=2592000"),
    ("cache-control", "max-age=604800"),
    ("cache-control", "no-cache"),
    ("cache-control", "no-store"),
    ("cache-control", "public, max-age=31536000"),
    ("content-encoding", "br"),
    ("content-encoding", "gzip"),
    ("content-type", "application/dns-message"),
    ("content-type", "application/javascript"),
    ("content-type", "application/json"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "image/gif"),
    ("content-type", "image/jpeg"),
    ("content-type", "image/png"),
    ("content-type", "text/css"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-type", "text/plain"),
    ("content-type", "text/plain;charset=utf-8"),
    ("range", "bytes=0-"),
    ("strict-transport-security", "max-age=31536000"),
    ("strict-transport-security", "max-age=31536000; includesubdomains"),
    ("strict-transport-security", "max-age=31536000; includesubdomains; preload"),
    ("vary", "accept-encoding"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
    (":status", "100"),
    (":status", "204"),
    (":status", "206"),
    (":status", "302"),
    (":status", "400"),
    (":status", "403"),
    (":status", "421"),
    (":status", "425"),
    (":status", "500"),
    ("accept-language", ""),
    ("access-control-allow-credentials", "FALSE"),
    ("access-control-allow-credentials", "TRUE"),
    ("access-control-allow-headers", "*"),
    ("access-control-allow-methods", "get"),
    ("access-control-allow-methods", "get, post, options"),
    ("access-control-allow-methods", "options"),
    ("access-control-expose-headers", "content-length"),
    ("access-control-request-headers", "content-type"),
    ("access-control-request-method", "get"),
    ("access-control-request-method", "post"),
    ("alt-svc", "clear"),
    ("authorization", ""),
    ("content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'"),
    ("early-data", "1"),
    ("expect-ct", ""),
    ("forwarded", ""),
    ("if-range", ""),
    ("origin", ""),
    ("purpose", "prefetch"),
    ("server", ""),
    ("timing-allow-origin", "*"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", ""),
    ("x-forwarded-for", ""),
    ("x-frame-options", "deny"),
    ("x-frame-options", "sameorigin"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_come_back() {
        let long = "v".repeat(5000);
        let fields = [(":path", "/a"), ("x-a-long-name", &long)];
        let decoded = decode(&encode(fields)).unwrap();
        let expected = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(decoded, expected);
    }

    #[test]
    fn the_static_table_is_read() {
        // RFC 9204 §B.1, and `:status: 200` before it.
        let section = [&[0, 0, 0xd9][..], b"\x51\x0b/index.html"].concat();
        let fields = decode(&section).unwrap();
        assert_eq!(fields[0], (":status".into(), "200".into()));
        assert_eq!(fields[1], (":path".into(), "/index.html".into()));
        assert_eq!(decode(&[0, 0, 0x80]), None);
    }
}
