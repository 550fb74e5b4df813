//! What picture formats a client accepts.

use crate::Format;

/// Most media ranges of one `Accept` that are read.
const MAX_RANGES: usize = 64;

/// An `Accept` header as far as pictures go (RFC 9110 §12.5.1).
///
/// The default is an absent header: everything is accepted, nothing by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// Weight by format name, in thousandths, in the order of [`Format::ALL`].
    named: [Option<u16>; Format::ALL.len()],
    /// Weight of `image/*`.
    images: Option<u16>,
    /// Weight of `*/*`.
    anything: Option<u16>,
    /// Whether any range was read.
    present: bool,
}

impl Accept {
    /// Reads the header's value; several lines are joined with commas.
    ///
    /// Ranges that are malformed or carry parameters of their own are skipped: none of our
    /// responses would match them. A range given twice counts with its higher weight.
    pub fn parse(value: &str) -> Self {
        let mut accept = Self::default();
        for range in value.split(',').take(MAX_RANGES) {
            if let Some((name, weight)) = parse_range(range) {
                accept.add(name, weight);
            }
        }
        accept
    }

    fn add(&mut self, name: &str, weight: u16) {
        self.present = true;
        let raise = |slot: &mut Option<u16>| *slot = Some(slot.unwrap_or(0).max(weight));
        if name == "*/*" {
            raise(&mut self.anything);
        } else if name.eq_ignore_ascii_case("image/*") {
            raise(&mut self.images);
        } else if let Some(place) = Format::ALL
            .iter()
            .position(|format| name.eq_ignore_ascii_case(format.content_type()))
        {
            raise(&mut self.named[place]);
        }
    }

    /// The weight of a format in thousandths, 0–1000; 0 means not acceptable. The most specific
    /// range decides; an absent or empty header accepts everything.
    pub fn weight(&self, format: Format) -> u16 {
        if !self.present {
            return 1000;
        }
        self.named(format)
            .or(self.images)
            .or(self.anything)
            .unwrap_or(0)
    }

    /// Whether the header names the format itself, with a weight above 0. Clients that send only
    /// `image/*` include browsers that know neither WebP nor AVIF, so wildcards alone are no
    /// evidence for newer formats.
    pub fn names(&self, format: Format) -> bool {
        self.named(format).is_some_and(|weight| weight > 0)
    }

    fn named(&self, format: Format) -> Option<u16> {
        let place = Format::ALL.iter().position(|known| *known == format)?;
        self.named.get(place).copied().flatten()
    }
}

/// One media range: its name without parameters, and its weight.
fn parse_range(range: &str) -> Option<(&str, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().filter(|name| name.contains('/'))?;
    let Some(parameter) = parts.next() else {
        return Some((name, 1000));
    };
    let (key, value) = parameter.split_once('=')?;
    if !key.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    Some((name, parse_weight(value.trim())?))
}

/// `qvalue` (RFC 9110 §12.4.2): 0 to 1 with at most three digits after the point.
fn parse_weight(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = part
        .bytes()
        .chain(*b"000")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Accept;
    use crate::Format;

    const CHROMIUM: &str =
        "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

    #[test]
    fn real_headers_are_read() {
        let cases = [
            (CHROMIUM, Format::WebP, 1000, true),
            (CHROMIUM, Format::Jpeg, 1000, false),
            (
                "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
                Format::WebP,
                800,
                false,
            ),
            ("*/*", Format::WebP, 1000, false),
            ("", Format::WebP, 1000, false),
            ("text/html", Format::Jpeg, 0, false),
            ("image/webp;q=0, */*", Format::WebP, 0, false),
            ("image/webp ; Q=0.5 , image/*", Format::WebP, 500, true),
            ("IMAGE/WEBP", Format::WebP, 1000, true),
            ("image/webp;q=1.5, image/*;q=0.3", Format::WebP, 300, false),
            (
                "image/webp;q=0.1234, image/*;q=0.3",
                Format::WebP,
                300,
                false,
            ),
            (
                "image/webp;version=2, image/*;q=0.3",
                Format::WebP,
                300,
                false,
            ),
            ("image/webp;q=0.2;ext=1", Format::WebP, 200, true),
            (
                "image/webp;q=0.2, image/webp;q=0.4",
                Format::WebP,
                400,
                true,
            ),
            ("*/*;q=1.000, image/*;q=0", Format::Jpeg, 0, false),
        ];
        for (value, format, weight, named) in cases {
            let accept = Accept::parse(value);
            assert_eq!(accept.weight(format), weight, "{value}");
            assert_eq!(accept.names(format), named, "{value}");
        }
    }

    /// The rule as RFC 9110 tells it: among the ranges that match, the most specific one.
    fn oracle(ranges: &[(&str, u16)], format: Format) -> u16 {
        if ranges.is_empty() {
            return 1000;
        }
        for wanted in [format.content_type(), "image/*", "*/*"] {
            let matching = ranges.iter().filter(|(name, _)| *name == wanted);
            if let Some(weight) = matching.map(|(_, weight)| *weight).max() {
                return weight;
            }
        }
        0
    }

    fn range() -> impl Strategy<Value = (&'static str, u16)> {
        let names = vec![
            "image/webp",
            "image/jpeg",
            "image/png",
            "image/avif",
            "image/*",
            "*/*",
            "text/html",
        ];
        (prop::sample::select(names), 0..=1000_u16)
    }

    proptest! {
        #[test]
        fn the_most_specific_range_decides(
            ranges in prop::collection::vec(range(), 0..8),
            spaces in "[ \t]{0,2}",
        ) {
            let text: Vec<String> = ranges
                .iter()
                .map(|(name, weight)| match weight {
                    1000 => format!("{spaces}{name}"),
                    weight => format!("{name}{spaces};{spaces}q=0.{weight:03}{spaces}"),
                })
                .collect();
            let accept = Accept::parse(&text.join(","));
            for format in Format::ALL {
                prop_assert_eq!(accept.weight(format), oracle(&ranges, format));
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
            let accept = Accept::parse(&text);
            for format in Format::ALL {
                prop_assert!(accept.weight(format) <= 1000);
            }
        }
    }
}
