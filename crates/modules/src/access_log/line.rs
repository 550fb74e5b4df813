//! One line.

use std::io::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use base::digits::{push_millis, push_number, push_padded};
use pipeline::{Exchange, Outcome, Protocol};

use crate::facts::Facts;

/// What a line says.
pub struct Line<'a> {
    exchange: &'a Exchange,
    outcome: &'a Outcome,
    facts: Option<&'a Facts>,
    now: SystemTime,
}

impl<'a> Line<'a> {
    /// The line for an exchange that has ended.
    pub fn new(exchange: &'a Exchange, outcome: &'a Outcome, now: SystemTime) -> Self {
        Self {
            facts: exchange.slots.get(),
            exchange,
            outcome,
            now,
        }
    }

    /// As words:
    /// `2026-11-23T05:20:11.032Z 192.0.2.1 h2 GET /a.jpg 200 20480 1.2ms hit example.com 0f…`.
    pub fn text(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(192);
        write_time(&mut line, self.now);
        line.push(b' ');
        write_address(&mut line, self.exchange.connection.remote.ip());
        for word in [self.protocol(), self.exchange.method.as_str()] {
            line.push(b' ');
            line.extend_from_slice(word.as_bytes());
        }
        line.push(b' ');
        // A path may hold anything; a terminal and a log reader must not be steered by it.
        push_visible(&mut line, self.exchange.path_and_query());
        line.push(b' ');
        push_number(&mut line, self.outcome.status.as_u16().into());
        line.push(b' ');
        push_number(&mut line, self.outcome.body_bytes);
        line.push(b' ');
        push_millis(&mut line, self.outcome.duration);
        line.extend_from_slice(b"ms");
        for word in [
            self.cache(),
            self.site(),
            self.exchange.id.encode(&mut [0; 16]),
        ] {
            line.push(b' ');
            line.extend_from_slice(word.as_bytes());
        }
        if !self.outcome.complete {
            line.extend_from_slice(b" cut-off");
        }
        line.push(b'\n');
        line
    }

    /// As a JSON object.
    pub fn json(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(384);
        line.extend_from_slice(b"{\"time\":\"");
        write_time(&mut line, self.now);
        line.push(b'"');
        let mut id = [0; 16];
        let remote = self.exchange.connection.remote.ip().to_string();
        for (name, text) in [
            ("id", self.exchange.id.encode(&mut id)),
            ("site", self.site()),
            ("remote", &remote),
            ("protocol", self.protocol()),
            ("method", self.exchange.method.as_str()),
            ("path", self.exchange.path_and_query()),
            ("cache", self.cache()),
        ] {
            push_json(&mut line, name, text);
        }
        if let Some(image) = self.facts.and_then(|facts| facts.image.as_ref()) {
            push_json(&mut line, "image", image.to_str().unwrap_or_default());
        }
        if let Some(tier) = crate::network::tier(self.exchange) {
            push_json(&mut line, "network", tier.word());
        }
        line.extend_from_slice(b",\"status\":");
        push_number(&mut line, self.outcome.status.as_u16().into());
        line.extend_from_slice(b",\"bytes\":");
        push_number(&mut line, self.outcome.body_bytes);
        line.extend_from_slice(b",\"ms\":");
        push_millis(&mut line, self.outcome.duration);
        let complete: &[u8] = match self.outcome.complete {
            true => b",\"complete\":true}\n",
            false => b",\"complete\":false}\n",
        };
        line.extend_from_slice(complete);
        line
    }

    fn protocol(&self) -> &'static str {
        match self.exchange.connection.protocol {
            Protocol::Http1 => "h1",
            Protocol::Http2 => "h2",
            Protocol::Http3 => "h3",
        }
    }

    fn site(&self) -> &str {
        self.facts.map_or("-", |facts| &facts.site)
    }

    fn cache(&self) -> &'static str {
        self.facts.map_or("-", |facts| facts.cache.word())
    }
}

/// RFC 3339 with milliseconds, UTC.
fn write_time(line: &mut Vec<u8>, now: SystemTime) {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil((seconds / 86_400) as i64);
    for (number, width, end) in [
        (year as u64, 4, b'-'),
        (month as u64, 2, b'-'),
        (day as u64, 2, b'T'),
        (seconds / 3600 % 24, 2, b':'),
        (seconds / 60 % 60, 2, b':'),
        (seconds % 60, 2, b'.'),
        (u64::from(since.subsec_millis()), 3, b'Z'),
    ] {
        push_padded(line, number, width);
        line.push(end);
    }
}

fn write_address(line: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        return line.extend_from_slice(address.to_string().as_bytes());
    };
    for (place, number) in address.octets().into_iter().enumerate() {
        if place > 0 {
            line.push(b'.');
        }
        push_number(line, number.into());
    }
}

/// The date of a day since 1970 in the proleptic Gregorian calendar, by counting eras of 400 years
/// from 1 March of the year 0.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

/// A text as one word: blanks, control and other unusual characters as `\xNN`.
fn push_visible(line: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'\\' {
            line.push(byte);
        } else if byte == b' ' {
            line.extend_from_slice(b"\\x20");
        } else {
            line.extend(byte.escape_ascii());
        }
    }
}

fn push_json(line: &mut Vec<u8>, name: &str, text: &str) {
    let written = write!(line, ",\"{name}\":\"");
    debug_assert!(written.is_ok());
    for character in text.chars() {
        match character {
            '"' => line.extend_from_slice(b"\\\""),
            '\\' => line.extend_from_slice(b"\\\\"),
            control if control < ' ' => {
                let written = write!(line, "\\u{:04x}", u32::from(control));
                debug_assert!(written.is_ok());
            }
            other => line.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_right() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            let mut line = Vec::new();
            write_time(
                &mut line,
                SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            );
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }

    #[test]
    fn texts_cannot_leave_their_place() {
        let mut line = Vec::new();
        push_json(&mut line, "a", "\"\\\n\u{7f}é");
        assert_eq!(
            String::from_utf8(line).unwrap(),
            ",\"a\":\"\\\"\\\\\\u000a\u{7f}é\""
        );
        let mut line = Vec::new();
        push_visible(&mut line, "/a b\n\u{1b}[2J\\");
        assert_eq!(line, b"/a\\x20b\\n\\x1b[2J\\\\");
    }
}
