//! What a visitor takes: `Accept-Encoding` with its weights (RFC 9110 §12.5.3). Pure.

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

use super::Coding;
use super::dictionary::delta::DeltaCoding;

/// How much a visitor wants each coding, in thousandths; `0`: not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    codings: [u16; Coding::ALL.len()],
    deltas: [u16; DeltaCoding::ALL.len()],
    identity: u16,
}

/// The weight of the plain form where nothing is said of it: it will do, but anything is better.
const UNSPOKEN: u16 = 1;
const FULL: u16 = 1000;

impl Default for Accepted {
    /// The plain form alone.
    fn default() -> Self {
        Self {
            codings: [0; Coding::ALL.len()],
            deltas: [0; DeltaCoding::ALL.len()],
            identity: FULL,
        }
    }
}

impl Accepted {
    /// What the request with these headers takes. Without a word about it, the plain form alone:
    /// who can decode says so.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(ACCEPT_ENCODING).iter().peekable();
        if lines.peek().is_none() {
            return Self::default();
        }
        let mut said = Said::default();
        for line in lines {
            for member in line.as_bytes().split(|byte| *byte == b',') {
                said.read(member);
            }
        }
        said.weights()
    }

    /// How much a coding is wanted, in thousandths.
    pub fn weight(&self, coding: Coding) -> u16 {
        self.codings[coding as usize]
    }

    /// Whether the plain form will do.
    pub fn takes_plain(&self) -> bool {
        self.identity > 0
    }

    /// Whether any coding is taken.
    pub fn takes_any(&self) -> bool {
        self.codings.iter().any(|weight| *weight > 0)
    }

    /// The coding wanted most of those on offer; of several wanted equally, the first on offer.
    /// `None`: the plain form, because it is wanted more or because nothing on offer is taken.
    pub fn choose(&self, offer: impl IntoIterator<Item = Coding>) -> Option<Coding> {
        let mut best = None;
        let mut highest = 0;
        for coding in offer {
            let weight = self.weight(coding);
            if weight > highest {
                (best, highest) = (Some(coding), weight);
            }
        }
        best.filter(|_| highest >= self.identity)
    }

    /// Whether a delta in this coding is taken: only where it is named.
    pub fn takes_delta(&self, coding: DeltaCoding) -> bool {
        self.deltas[coding as usize] > 0
    }

    /// Whether a delta is taken, and nothing else is wanted more.
    pub fn wants_delta(&self) -> bool {
        let highest = self.deltas.into_iter().max().unwrap_or(0);
        let others = self.codings.into_iter().chain([self.identity]);
        highest > 0 && others.max().is_none_or(|other| highest >= other)
    }

    /// What an origin may be asked for on behalf of this visitor: the same few words whoever asks.
    pub fn to_header(&self) -> HeaderValue {
        let words: Vec<&str> = Coding::ALL
            .into_iter()
            .filter(|coding| self.weight(*coding) > 0)
            .map(Coding::token)
            .collect();
        match words.is_empty() {
            true => HeaderValue::from_static("identity"),
            false => HeaderValue::try_from(words.join(", "))
                .unwrap_or(HeaderValue::from_static("identity")),
        }
    }
}

/// What a header says, before what it leaves open is filled in.
#[derive(Default)]
struct Said {
    codings: [Option<u16>; Coding::ALL.len()],
    deltas: [Option<u16>; DeltaCoding::ALL.len()],
    identity: Option<u16>,
    others: Option<u16>,
}

impl Said {
    fn read(&mut self, member: &[u8]) {
        let mut parts = member.split(|byte| *byte == b';');
        let name = parts.next().unwrap_or_default().trim_ascii();
        let weight = parts.fold(FULL, |weight, part| read_weight(part).unwrap_or(weight));
        let place = if name == b"*" {
            &mut self.others
        } else if name.eq_ignore_ascii_case(b"identity") {
            &mut self.identity
        } else if let Some(coding) = Coding::parse(name) {
            &mut self.codings[coding as usize]
        } else if let Some(coding) = DeltaCoding::parse(name) {
            &mut self.deltas[coding as usize]
        } else {
            return;
        };
        // Of two weights for one coding the lower one counts: the careful reading.
        *place = Some(place.map_or(weight, |earlier| earlier.min(weight)));
    }

    fn weights(&self) -> Accepted {
        let others = self.others.unwrap_or(0);
        Accepted {
            codings: self.codings.map(|said| said.unwrap_or(others)),
            // `*` is for who has a dictionary and who has none.
            deltas: self.deltas.map(|said| said.unwrap_or(0)),
            // Taken unless it is refused by its name, or by a `*` that names the rest.
            identity: self.identity.or(self.others).unwrap_or(UNSPOKEN),
        }
    }
}

/// Reads `q=0.5` (RFC 9110 §12.4.2). A weight that is none counts as a refusal; `None` for another
/// parameter.
fn read_weight(part: &[u8]) -> Option<u16> {
    let part = part.trim_ascii();
    let value = part
        .strip_prefix(b"q=")
        .or_else(|| part.strip_prefix(b"Q="))?;
    Some(thousandths(value).unwrap_or(0))
}

fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, fraction) = match value {
        [whole] => (whole, &[][..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |place: usize| u16::from(fraction.get(place).map_or(0, |byte| byte - b'0'));
    let fraction = digit(0) * 100 + digit(1) * 10 + digit(2);
    match whole {
        b'0' => Some(fraction),
        b'1' if fraction == 0 => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Coding::{Brotli, Gzip, Zstd};

    fn accepted(lines: &[&str]) -> Accepted {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
        }
        Accepted::of(&headers)
    }

    #[test]
    fn the_weights_decide_and_then_the_order_on_offer() {
        for (line, chosen) in [
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip;q=1, br;q=0.9", Some(Gzip)),
            ("gzip;q=0.1, zstd;q=0.101", Some(Zstd)),
            ("x-gzip", Some(Gzip)),
            ("GZIP ; Q=0.5", Some(Gzip)),
            ("*", Some(Brotli)),
            ("*;q=0.5, br;q=0", Some(Zstd)),
            ("br;q=0, gzip;q=0.0", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Gzip)),
            ("identity;q=0", None),
            ("gzip;q=2", None),
            ("gzip;q=0.1234", None),
            ("gzip;q=", None),
            ("gzip;q=1.001", None),
            ("gzip;level=9", Some(Gzip)),
            ("gzip;q=0, gzip;q=1", None),
            ("deflate, compress", None),
            ("", None),
        ] {
            let chosen_now = accepted(&[line]).choose([Brotli, Zstd, Gzip]);
            assert_eq!(chosen_now, chosen, "{line}");
        }
        assert_eq!(accepted(&[]).choose([Brotli]), None);
        assert_eq!(
            accepted(&["br", "gzip;q=0"]).choose([Gzip, Brotli]),
            Some(Brotli)
        );
    }

    #[test]
    fn the_plain_form_is_taken_unless_it_is_refused() {
        for (line, plain) in [
            ("gzip", true),
            ("", true),
            ("identity;q=0", false),
            ("*;q=0", false),
            ("*;q=0, identity", true),
            ("*;q=0, identity;q=0.1", true),
            ("gzip, *;q=0", false),
        ] {
            assert_eq!(accepted(&[line]).takes_plain(), plain, "{line}");
        }
        assert!(accepted(&[]).takes_plain() && !accepted(&[]).takes_any());
    }

    #[test]
    fn deltas_are_taken_by_name_and_wanted_as_much_as_all_else() {
        use DeltaCoding::{Dcb, Dcz};
        for (line, takes, wants) in [
            ("gzip, deflate, br, zstd, dcb, dcz", [true, true], true),
            ("br, DCZ;q=1.0", [false, true], true),
            ("br, dcb;q=0.9", [true, false], false),
            ("dcb;q=0.5", [true, false], true),
            ("dcb;q=0, *", [false, false], false),
            ("identity, dcb;q=0.5", [true, false], false),
            ("*", [false, false], false),
            ("", [false, false], false),
        ] {
            let accepted = accepted(&[line]);
            assert_eq!(
                [Dcb, Dcz].map(|delta| accepted.takes_delta(delta)),
                takes,
                "{line}"
            );
            assert_eq!(accepted.wants_delta(), wants, "{line}");
        }
    }

    #[test]
    fn an_origin_hears_few_different_words() {
        assert_eq!(accepted(&["br;q=0.3,foo, gzip"]).to_header(), "br, gzip");
        assert_eq!(accepted(&["foo"]).to_header(), "identity");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(32u8..127, 0..64)) {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_bytes(&line).unwrap());
            let accepted = Accepted::of(&headers);
            for coding in Coding::ALL {
                prop_assert!(accepted.weight(coding) <= FULL);
            }
        }

        /// A weight reads as the number it is.
        #[test]
        fn weights_are_numbers(thousandth in 0u16..=1000, digits in 1usize..=3) {
            let step = 10u16.pow(3 - digits as u32);
            let thousandth = thousandth / step * step;
            let text = format!("gzip;q={:.digits$}", f64::from(thousandth) / 1000.0);
            prop_assert_eq!(accepted(&[&text]).weight(Gzip), thousandth);
        }
    }
}
