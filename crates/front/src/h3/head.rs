//! From a field section to the head of a request (RFC 9114 §4.3.1), and from a response to one.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};

use super::wire::{
    FieldError, decode, encode_content_type_of, encode_field, encode_start, kind, write_number,
};

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// The field section cannot be read; ends the connection.
    Unreadable,
    /// The head is larger than it may be.
    TooLarge,
    /// The request is malformed (RFC 9114 §4.1.2); ends its stream.
    Malformed,
}

impl From<FieldError> for HeadError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Malformed => Self::Unreadable,
            FieldError::TooLarge => Self::TooLarge,
        }
    }
}

/// Headers that HTTP/3 has no use for, and that must not come (RFC 9114 §4.2).
const OF_THE_HOP: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

#[derive(Default)]
struct Pseudo {
    method: Option<Method>,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    path: Option<PathAndQuery>,
}

/// Reads the head of a request, at most `limit` bytes of names and values.
///
/// # Errors
/// [`HeadError`].
pub fn request(section: &[u8], limit: usize) -> Result<Parts, HeadError> {
    let mut pseudo = Pseudo::default();
    let mut headers = HeaderMap::new();
    let mut sound = true;
    decode(section, limit, |name, value| {
        sound = sound
            && match name.first() {
                Some(b':') => headers.is_empty() && pseudo.set(name, value).is_some(),
                _ => header(name, value, &mut headers).is_some(),
            };
    })?;
    if !sound {
        return Err(HeadError::Malformed);
    }
    pseudo.into_parts(headers).ok_or(HeadError::Malformed)
}

/// Reads trailers.
///
/// # Errors
/// [`HeadError`]; pseudo-headers are malformed there (RFC 9114 §4.3).
pub fn trailers(section: &[u8], limit: usize) -> Result<HeaderMap, HeadError> {
    let mut headers = HeaderMap::new();
    let mut sound = true;
    decode(section, limit, |name, value| {
        sound = sound && header(name, value, &mut headers).is_some();
    })?;
    match sound {
        true => Ok(headers),
        false => Err(HeadError::Malformed),
    }
}

/// How long the body of a request says it is; `Err` where it says two things.
pub fn content_length(headers: &HeaderMap) -> Result<Option<u64>, HeadError> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    let digits = first.as_bytes().iter().all(u8::is_ascii_digit);
    let length = first.to_str().ok().and_then(|text| text.parse().ok());
    match length {
        Some(length) if digits && lengths.all(|other| other == first) => Ok(Some(length)),
        _ => Err(HeadError::Malformed),
    }
}

/// A HEADERS frame with the head of a response.
pub fn response(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    frame(Some(status), headers)
}

/// A HEADERS frame that the client cannot read before its table has so many entries, by the last
/// of which it names its content type.
pub fn response_after(entry: u64, status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut section = Vec::with_capacity(256);
    encode_content_type_of(entry, status.as_str(), &mut section);
    for (name, value) in headers.iter().filter(|(name, _)| **name != CONTENT_TYPE) {
        encode_field(name.as_str(), value.as_bytes(), &mut section);
    }
    framed(section)
}

/// A HEADERS frame with trailers.
pub fn response_trailers(headers: &HeaderMap) -> Vec<u8> {
    frame(None, headers)
}

fn frame(status: Option<StatusCode>, headers: &HeaderMap) -> Vec<u8> {
    let mut section = Vec::with_capacity(256);
    encode_start(&mut section);
    if let Some(status) = status {
        encode_field(":status", status.as_str().as_bytes(), &mut section);
    }
    for (name, value) in headers {
        encode_field(name.as_str(), value.as_bytes(), &mut section);
    }
    framed(section)
}

fn framed(mut section: Vec<u8>) -> Vec<u8> {
    let mut frame = Vec::with_capacity(section.len() + 4);
    write_number(kind::HEADERS, &mut frame);
    write_number(section.len() as u64, &mut frame);
    frame.append(&mut section);
    frame
}

/// Keeps a header; `None` if it may not come.
fn header(name: &[u8], value: &[u8], headers: &mut HeaderMap) -> Option<()> {
    // `from_lowercase` refuses capital letters, as it should.
    let name = HeaderName::from_lowercase(name).ok()?;
    let value = HeaderValue::from_bytes(value).ok()?;
    let of_the_hop = OF_THE_HOP.contains(&name.as_str());
    let bad_te = name == TE && !value.as_bytes().eq_ignore_ascii_case(b"trailers");
    if of_the_hop || bad_te {
        return None;
    }
    headers.try_append(name, value).ok()?;
    Some(())
}

impl Pseudo {
    /// Keeps a pseudo-header; `None` if there is no such one, or if it came before.
    fn set(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        match name {
            b":method" if self.method.is_none() => {
                self.method = Some(Method::from_bytes(value).ok()?);
            }
            b":scheme" if self.scheme.is_none() => {
                self.scheme = Some(Scheme::try_from(value).ok()?);
            }
            b":authority" if self.authority.is_none() => {
                self.authority = Some(Authority::try_from(value).ok()?);
            }
            b":path" if self.path.is_none() => {
                self.path = Some(PathAndQuery::try_from(value).ok()?);
            }
            _ => return None,
        }
        Some(())
    }

    fn into_parts(self, headers: HeaderMap) -> Option<Parts> {
        let method = self.method?;
        let mut uri = http::uri::Parts::default();
        if method == Method::CONNECT {
            // A request for a tunnel has no scheme and no path (RFC 9114 §4.4).
            if self.scheme.is_some() || self.path.is_some() {
                return None;
            }
            uri.authority = Some(self.authority?);
        } else {
            // A request must say which host it is for.
            if self.authority.is_none() && !headers.contains_key(HOST) {
                return None;
            }
            let path = self.path?;
            match self.authority {
                Some(authority) => {
                    uri.scheme = Some(self.scheme?);
                    uri.authority = Some(authority);
                }
                None => drop(self.scheme?),
            }
            uri.path_and_query = Some(path);
        }
        let uri = Uri::from_parts(uri).ok()?;
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = method;
        parts.uri = uri;
        parts.version = Version::HTTP_3;
        parts.headers = headers;
        Some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut section = Vec::new();
        encode_start(&mut section);
        for (name, value) in fields {
            encode_field(name, value.as_bytes(), &mut section);
        }
        section
    }

    const GET: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "example.com"),
        (":path", "/a?b"),
    ];

    fn with(more: &[(&str, &str)]) -> Result<Parts, HeadError> {
        request(&section(&[&GET[..], more].concat()), 4096)
    }

    #[test]
    fn a_head_is_read() {
        let head = with(&[("cookie", "a=b"), ("te", "trailers")]).unwrap();
        assert_eq!(head.method, Method::GET);
        assert_eq!(head.uri, "https://example.com/a?b");
        assert_eq!(head.version, Version::HTTP_3);
        assert_eq!(head.headers["cookie"], "a=b");
        let connect = section(&[(":method", "CONNECT"), (":authority", "example.com:443")]);
        assert_eq!(request(&connect, 4096).unwrap().uri, "example.com:443");
    }

    #[test]
    fn malformed_heads_are_told_from_unreadable_ones() {
        for more in [
            [("connection", "close")],
            [("transfer-encoding", "chunked")],
            [("te", "gzip")],
            [("X-Capital", "1")],
            [("bad name", "1")],
            [("x", "line\nbreak")],
            [(":method", "GET")],
            [(":protocol", "websocket")],
        ] {
            assert_eq!(with(&more).unwrap_err(), HeadError::Malformed, "{more:?}");
        }
        assert_eq!(
            with(&[("x", "1"), (":status", "200")]).unwrap_err(),
            HeadError::Malformed
        );
        for missing in 0..4 {
            let mut fields = GET.to_vec();
            fields.remove(missing);
            let head = request(&section(&fields), 4096);
            assert_eq!(head.unwrap_err(), HeadError::Malformed, "{missing}");
        }
        assert_eq!(request(&[1, 0], 4096).unwrap_err(), HeadError::Unreadable);
        assert_eq!(
            request(&section(&GET), 100).unwrap_err(),
            HeadError::TooLarge
        );
    }

    #[test]
    fn trailers_hold_no_pseudo_headers() {
        assert!(trailers(&section(&[("checksum", "1")]), 100).is_ok());
        let bad = trailers(&section(&[(":path", "/")]), 100);
        assert_eq!(bad.unwrap_err(), HeadError::Malformed);
    }

    #[test]
    fn a_length_is_one_number() {
        let length = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_LENGTH, HeaderValue::from_static(value));
            }
            content_length(&headers)
        };
        assert_eq!(length(&[]), Ok(None));
        assert_eq!(length(&["12"]), Ok(Some(12)));
        assert_eq!(length(&["12", "12"]), Ok(Some(12)));
        for values in [&["12", "13"][..], &["+1"], &[""], &["1,1"]] {
            assert_eq!(length(values), Err(HeadError::Malformed), "{values:?}");
        }
    }
}
