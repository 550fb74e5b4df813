//! Numbers, colours and encodings as URLs write them.

use base::Quality;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::{Colour, Factor, FormatChoice, Gravity, QualityChoice};

/// Most of a wrong value that is repeated in a message, in characters.
const SHOWN: usize = 80;
/// Longest side that can be asked for, in pixels.
const MAX_SIDE: u32 = 65_535;

/// URL-safe base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_encode_padding(false),
);

/// The beginning of a text, for messages.
pub(super) fn shorten(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

/// A whole number of pixels, 0 or more: digits only.
pub(super) fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.then(|| text.parse().ok())??;
    (number <= MAX_SIDE).then_some(number)
}

/// A whole number of pixels; 0 and nothing mean that it is not given.
#[expect(clippy::option_option, reason = "malformed, not given, given")]
pub(super) fn side(text: &str) -> Option<Option<u32>> {
    if text.is_empty() {
        return Some(None);
    }
    whole(text).map(|pixels| (pixels > 0).then_some(pixels))
}

/// A number of bytes; 0 and nothing mean that there is no limit.
#[expect(clippy::option_option, reason = "malformed, not given, given")]
pub(super) fn bytes(text: &str) -> Option<Option<u32>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.then(|| text.parse().ok())??;
    Some((number > 0).then_some(number))
}

/// A decimal number with or without a sign, less than a million either way: `2`, `-0.5`, `.25`.
pub(super) fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = plain.then(|| text.parse().ok())??;
    (number.abs() < 1e6).then_some(number)
}

/// A number, 0 or more, as a factor.
pub(super) fn factor(number: f64) -> Option<Factor> {
    let thousandths = (number * 1000.0).round();
    (0.0..1e9)
        .contains(&thousandths)
        .then(|| Factor::from_thousandths(thousandths as u32))
}

/// A number from `least` to `most`.
pub(super) fn within(text: &str, least: f64, most: f64) -> Option<f64> {
    number(text).filter(|number| (least..=most).contains(number))
}

/// A length of `pixels` times a factor, rounded; at least 1.
pub(super) fn times(pixels: u32, factor: f64) -> u32 {
    (f64::from(pixels) * factor)
        .round()
        .clamp(1.0, f64::from(MAX_SIDE)) as u32
}

/// A quality from 1 to 100.
pub(super) fn quality(text: &str) -> Option<QualityChoice> {
    let number = whole(text).filter(|number| (1..=100).contains(number))?;
    Some(QualityChoice::Number(Quality::new(number as u8)))
}

/// `true` as servers write it.
pub(super) fn truth(text: &str) -> bool {
    matches!(text, "" | "1" | "t" | "true" | "True" | "TRUE" | "yes")
}

/// A colour: a CSS name or function, or hexadecimal digits with or without `#`.
pub(super) fn colour(text: &str) -> Option<Colour> {
    Colour::parse(text).or_else(|| Colour::parse(&format!("#{text}")))
}

/// A colour whose eight digits begin with the alpha, as some servers write it.
pub(super) fn argb(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (digits.len(), hexadecimal) {
        (4, true) => colour(&format!("{}{}", &digits[1..], &digits[..1])),
        (8, true) => colour(&format!("{}{}", &digits[2..], &digits[..2])),
        _ => colour(text),
    }
}

/// A format by the ending of a file's name. `None` for kinds that are not written.
pub(super) fn format(word: &str) -> Option<FormatChoice> {
    Some(match word {
        "jpg" | "jpeg" => FormatChoice::Jpeg,
        "png" => FormatChoice::Png,
        "webp" => FormatChoice::WebP,
        "avif" => FormatChoice::Avif,
        _ => return None,
    })
}

/// A gravity that divides what is cut off, in thousandths.
pub(super) const fn point(x: u32, y: u32) -> Gravity {
    Gravity::Point {
        x: Factor::from_thousandths(x),
        y: Factor::from_thousandths(y),
    }
}

/// The blur of a standard deviation: of twice that radius, from 1 to 250. A deviation that is too
/// small to be seen is none.
pub(super) fn blur(sigma: f64) -> Option<Factor> {
    (sigma >= 0.1).then(|| factor((sigma * 2.0).clamp(0.2, 250.0)))?
}

/// Whether a text is so many characters of base64, but for padding.
pub(super) fn is_base64(text: &str, length: usize) -> bool {
    let text = text.trim_end_matches('=');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == length && text.bytes().all(known)
}

/// Bytes written in base64; a text split by `/` is read as one.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|character| *character != '/').collect();
    BASE64.decode(text.trim_end_matches('=')).ok()
}

/// Bytes written in base64 of either alphabet.
pub(super) fn base64_any(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().replace('+', "-").replace('/', "_");
    BASE64.decode(text.trim_end_matches('=')).ok()
}

/// Text written in base64.
pub(super) fn base64_text(text: &str) -> Option<String> {
    String::from_utf8(base64(text)?).ok()
}

/// Bytes as URL-safe base64 without padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}
