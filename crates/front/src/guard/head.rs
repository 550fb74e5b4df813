//! What a complete head says about the framing of its request.

use super::{Limits, Violation};

/// How the length of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// There is no body.
    None,
    /// `Content-Length`, in bytes.
    Exact(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// The framing of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// How long its body is.
    pub length: Length,
    /// Whether no request follows: HTTP/1.0, `Connection: close` or `CONNECT`.
    pub last: bool,
    /// Whether it asks for another protocol: `Upgrade` named by `Connection`, in HTTP/1.1, without
    /// a body, and not for HTTP/2, which is not spoken that way any more (RFC 9113 §3.1).
    pub upgrade: bool,
}

/// Examines a head: request line, headers, empty line, every line ended by CR LF and free of
/// control characters.
///
/// # Errors
/// The first thing about it that could be read in two ways.
pub fn examine(head: &[u8], limits: Limits) -> Result<Framing, Violation> {
    let mut lines = lines(head);
    let request_line = lines.next().ok_or(Violation::RequestLine)?;
    let (method, is_http10) = examine_request_line(request_line)?;
    let mut fields = Fields::default();
    for (count, line) in lines.enumerate() {
        if count >= limits.headers {
            return Err(Violation::TooMany);
        }
        fields.note(line)?;
    }
    fields.framing(method, is_http10)
}

/// Examines the trailers of a chunked body, the final empty line included.
///
/// # Errors
/// As [`examine`]; and [`Violation::Header`] for a header that frames or routes a message, which
/// has no place after it (RFC 9110 §6.5.1).
pub fn examine_trailers(trailers: &[u8], limits: Limits) -> Result<(), Violation> {
    for (count, line) in lines(trailers).enumerate() {
        if count >= limits.headers {
            return Err(Violation::TooMany);
        }
        let (name, _) = split_field(line)?;
        let forbidden = ["content-length", "transfer-encoding", "host", "connection"];
        if forbidden
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
        {
            return Err(Violation::Header);
        }
    }
    Ok(())
}

/// The lines before the empty one.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
}

/// The method, and whether the version is 1.0.
fn examine_request_line(line: &[u8]) -> Result<(&[u8], bool), Violation> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Violation::RequestLine);
    };
    if !is_token(method) || target.is_empty() || target.contains(&b'\t') {
        return Err(Violation::RequestLine);
    }
    match version {
        b"HTTP/1.1" => Ok((method, false)),
        b"HTTP/1.0" => Ok((method, true)),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Violation::Version)
        }
        _ => Err(Violation::RequestLine),
    }
}

/// What the headers say, as far as framing goes.
#[derive(Default)]
struct Fields<'a> {
    length: Option<u64>,
    transfer_encoding: Option<&'a [u8]>,
    hosts: usize,
    close: bool,
    connection_upgrade: bool,
    upgrade: bool,
    h2c: bool,
}

impl<'a> Fields<'a> {
    fn note(&mut self, line: &'a [u8]) -> Result<(), Violation> {
        let (name, value) = split_field(line)?;
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.upgrade = true;
                self.h2c |= items(value).any(|item| item.eq_ignore_ascii_case(b"h2c"));
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.close |= items(value).any(|item| item.eq_ignore_ascii_case(b"close"));
                self.connection_upgrade |=
                    items(value).any(|item| item.eq_ignore_ascii_case(b"upgrade"));
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = parse_length(value).ok_or(Violation::ContentLength)?;
                if self.length.replace(length).is_some() {
                    return Err(Violation::ContentLength);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding")
                && self.transfer_encoding.replace(value).is_some() =>
            {
                return Err(Violation::TransferEncoding);
            }
            _ => {}
        }
        Ok(())
    }

    fn framing(&self, method: &[u8], is_http10: bool) -> Result<Framing, Violation> {
        if self.hosts > 1 || (self.hosts == 0 && !is_http10) {
            return Err(Violation::Host);
        }
        let length = match (self.length, self.transfer_encoding) {
            (Some(_), Some(_)) => return Err(Violation::TwoLengths),
            (Some(length), None) => Length::Exact(length),
            (None, Some(coding)) if !is_http10 && coding.eq_ignore_ascii_case(b"chunked") => {
                Length::Chunked
            }
            (None, Some(_)) => return Err(Violation::TransferEncoding),
            (None, None) => Length::None,
        };
        let has_body = !matches!(length, Length::None | Length::Exact(0));
        let last = is_http10 || self.close || method == b"CONNECT";
        let upgrade = self.upgrade && self.connection_upgrade && !self.h2c && !has_body && !last;
        Ok(Framing {
            length,
            last,
            upgrade,
        })
    }
}

/// Name and value of a header line, the value without the white space around it.
fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Violation> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Violation::Folded);
    }
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Violation::Header)?;
    let (name, value) = line.split_at_checked(colon).ok_or(Violation::Header)?;
    if !is_token(name) {
        return Err(Violation::Header);
    }
    Ok((name, trim(value.get(1..).unwrap_or_default())))
}

/// The items of a comma-separated list.
fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim)
}

/// Digits and nothing else, at most 18 of them: within every integer type anybody uses.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// RFC 9110 §5.6.2.
fn is_token(word: &[u8]) -> bool {
    !word.is_empty()
        && word.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'!' | b'#'
                        | b'$'
                        | b'%'
                        | b'&'
                        | b'\''
                        | b'*'
                        | b'+'
                        | b'-'
                        | b'.'
                        | b'^'
                        | b'_'
                        | b'`'
                        | b'|'
                        | b'~'
                )
        })
}
