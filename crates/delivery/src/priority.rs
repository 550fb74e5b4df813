//! What the client says: urgency and incremental (RFC 9218), and the weights of RFC 7540 that
//! browsers still use to say it.

use crate::Kind;

/// RFC 9218 §4.1: 0 (most urgent) to 7 (background).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Urgency(u8);

impl Urgency {
    /// The urgency of a response nobody said anything about (RFC 9218 §4.1).
    pub const DEFAULT: Self = Self(3);

    /// An urgency; values over 7 become 7.
    pub const fn new(value: u8) -> Self {
        Self(if value > 7 { 7 } else { value })
    }

    /// The urgency as a number, 0–7.
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// What the client says of one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Priority {
    /// How soon it is wanted.
    pub urgency: Urgency,
    /// Whether a part of it is of use before the rest (RFC 9218 §4.2).
    pub incremental: bool,
    /// Whether the client said that the picture is in the viewport. Chromium says so only by a
    /// PRIORITY frame of weight 220 that follows the request.
    pub visible: bool,
    /// Whether the client names pictures that are in the viewport and did not name this one. Never
    /// together with `visible`.
    pub offscreen: bool,
    /// Whether it is most likely not in the viewport when the page opens: other visitors showed
    /// that, or the client had the time to name it and named no picture at all. Never together
    /// with `visible`.
    pub below: bool,
}

impl Default for Priority {
    fn default() -> Self {
        Self {
            urgency: Urgency::DEFAULT,
            incremental: false,
            visible: false,
            offscreen: false,
            below: false,
        }
    }
}

/// The weights by which Chromium says an urgency of 0 to 4 (RFC 7540 §5.3.2).
const WEIGHTS: [u16; 5] = [256, 220, 183, 147, 110];

/// The weight of a stream nobody said anything about (RFC 7540 §5.3.5).
const DEFAULT_WEIGHT: u16 = 16;

/// The weight by which Chromium says that a picture has come into view.
const VISIBLE_WEIGHT: u16 = 220;

/// Longest value of a priority field that is looked at, in bytes.
const MAX_FIELD: usize = 256;

impl Priority {
    /// Reads the value of a `Priority` header or of a PRIORITY_UPDATE frame: a complete set, in
    /// which what is not said has its default (RFC 9218 §4, §7).
    ///
    /// Never fails: unknown keys, values out of range or of another type are passed over (RFC 9218
    /// §4), and of a field that is no dictionary (RFC 8941 §3.2) the part before the error counts.
    pub fn parse(value: &[u8]) -> Self {
        Self::default().amended(value)
    }

    /// Lets the `Priority` header of a response speak: what it says takes the place of what the
    /// client said, the rest stays (RFC 9218 §8).
    #[must_use]
    pub fn merge(self, response: &[u8]) -> Self {
        self.amended(response)
    }

    /// The urgency a weight of RFC 7540 stands for, 1–256: that of the nearest weight Chromium
    /// uses. The default weight, 16, says nothing: `None`.
    pub fn from_weight(weight: u16) -> Option<Urgency> {
        if weight == DEFAULT_WEIGHT {
            return None;
        }
        let nearest = (0..)
            .zip(WEIGHTS)
            .min_by_key(|(_, candidate)| candidate.abs_diff(weight));
        nearest.map(|(urgency, _)| Urgency::new(urgency))
    }

    /// What a later PRIORITY frame makes of it: its urgency counts, `incremental` stays as it was
    /// said before, and a weight of 220 or more says that a picture has come into view.
    #[must_use]
    pub fn reweighted(self, weight: u16) -> Self {
        match Self::from_weight(weight) {
            Some(urgency) => Self {
                urgency,
                visible: weight >= VISIBLE_WEIGHT,
                offscreen: self.offscreen && weight < VISIBLE_WEIGHT,
                below: self.below && weight < VISIBLE_WEIGHT,
                ..self
            },
            None => self,
        }
    }

    /// What it is once the client has said that the picture is in the viewport, and nothing else.
    #[must_use]
    pub fn shown(self) -> Self {
        Self {
            visible: true,
            offscreen: false,
            below: false,
            ..self
        }
    }

    /// What it is once the client has named other pictures as those in the viewport, and not this
    /// one.
    #[must_use]
    pub fn passed_over(self) -> Self {
        Self {
            offscreen: !self.visible,
            below: false,
            ..self
        }
    }

    /// What it is once the client has had the time to name the pictures in the viewport and named
    /// none: if there was one among those that it could have named, it would have named one.
    #[must_use]
    pub fn passed_over_in_silence(self) -> Self {
        Self {
            below: !self.visible,
            ..self.passed_over()
        }
    }

    /// What it is where others showed whether the picture is in the viewport; what the client says
    /// itself stands.
    #[must_use]
    pub fn recalled(self, visible: Option<bool>) -> Self {
        let shown = self.visible || (visible == Some(true) && !self.offscreen);
        Self {
            visible: shown,
            below: !shown && (self.below || visible == Some(false)),
            ..self
        }
    }

    /// What the server assumes for a client that says nothing: browsers' own order of kinds.
    pub fn assumed(kind: Kind) -> Self {
        let (urgency, incremental) = match kind {
            Kind::Html => (0, true),
            Kind::Stylesheet => (0, false),
            Kind::Font | Kind::Script => (1, false),
            Kind::Image => (3, true),
            Kind::Media | Kind::Other => (3, false),
        };
        Self {
            urgency: Urgency::new(urgency),
            incremental,
            visible: false,
            offscreen: false,
            below: false,
        }
    }

    fn amended(mut self, field: &[u8]) -> Self {
        let mut rest = field.get(..MAX_FIELD).unwrap_or(field);
        while let Some((key, value, after)) = member(rest) {
            match (key, value) {
                (b"u", Value::Integer(urgency @ 0..=7)) => self.urgency = Urgency::new(urgency),
                (b"i", Value::Boolean(incremental)) => self.incremental = incremental,
                _ => {}
            }
            rest = after;
        }
        self
    }
}

/// A value of a dictionary, as far as we need to know it.
#[derive(Clone, Copy)]
enum Value {
    Boolean(bool),
    /// An integer of at most two digits.
    Integer(u8),
    Other,
}

/// The next member of a dictionary: key, value, and what follows its comma. `None` at the end, or
/// where there is no key.
fn member(text: &[u8]) -> Option<(&[u8], Value, &[u8])> {
    let text = text.trim_ascii_start();
    let length = text.iter().take_while(|byte| is_key(**byte)).count();
    let (key, rest) = text.split_at_checked(length)?;
    if !key.first()?.is_ascii_lowercase() && key.first() != Some(&b'*') {
        return None;
    }
    let end = end_of_member(rest);
    let (item, rest) = rest.split_at_checked(end)?;
    let after = rest.split_first().map_or(rest, |(_comma, after)| after);
    Some((key, value_of(item), after))
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
}

/// Where the comma after a member is. Commas inside strings and inner lists do not count.
fn end_of_member(text: &[u8]) -> usize {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0u32);
    for (place, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return place,
            _ => {}
        }
    }
    text.len()
}

/// The value of `=value;parameters`; nothing at all, or parameters alone, stands for true.
fn value_of(item: &[u8]) -> Value {
    let item = item.trim_ascii_end();
    let Some(value) = item.strip_prefix(b"=") else {
        return match item.first() {
            None | Some(b';') => Value::Boolean(true),
            Some(_) => Value::Other,
        };
    };
    let bare = value.split(|byte| *byte == b';').next().unwrap_or_default();
    match bare {
        b"?1" => Value::Boolean(true),
        b"?0" => Value::Boolean(false),
        [digit @ b'0'..=b'9'] => Value::Integer(digit - b'0'),
        [ten @ b'0'..=b'9', one @ b'0'..=b'9'] => Value::Integer((ten - b'0') * 10 + (one - b'0')),
        _ => Value::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(urgency: u8, incremental: bool) -> Priority {
        Priority {
            urgency: Urgency::new(urgency),
            incremental,
            visible: false,
            offscreen: false,
            below: false,
        }
    }

    #[test]
    fn what_browsers_send_is_understood() {
        for (field, urgency, incremental) in [
            ("u=0, i", 0, true),
            ("u=0", 0, false),
            ("i", 3, true),
            ("u=5,i", 5, true),
            ("", 3, false),
            ("i=?0, u=1", 1, false),
            ("u=1;x=2, i;y", 1, true),
        ] {
            let expected = said(urgency, incremental);
            assert_eq!(Priority::parse(field.as_bytes()), expected, "{field}");
        }
    }

    #[test]
    fn what_is_wrong_is_passed_over_and_the_rest_counts() {
        for (field, urgency, incremental) in [
            ("u=8, i", 3, true),
            ("u=-1, i", 3, true),
            ("u=2.0, i", 3, true),
            ("u=\"1\", i", 3, true),
            ("i=1, u=2", 2, false),
            ("x=\"a, u=0\", u=4", 4, false),
            ("x=(1, 2 u), u=4", 4, false),
            ("x=\"a\\\", u=0\", u=4", 4, false),
            ("u=1, u=6", 6, false),
            ("u=2, =3, i", 2, false),
            ("U=1", 3, false),
            ("u=2,", 2, false),
            ("u u=1", 3, false),
        ] {
            let expected = said(urgency, incremental);
            assert_eq!(Priority::parse(field.as_bytes()), expected, "{field}");
        }
    }

    #[test]
    fn a_response_overrides_only_what_it_names() {
        assert_eq!(said(5, true).merge(b"u=1"), said(1, true));
        assert_eq!(said(5, true).merge(b"i=?0"), said(5, false));
        assert_eq!(said(5, true).merge(b"garbage here"), said(5, true));
    }

    #[test]
    fn weights_map_to_the_nearest_urgency() {
        for (weight, urgency) in [
            (256, 0),
            (220, 1),
            (183, 2),
            (147, 3),
            (110, 4),
            (1, 4),
            (200, 2),
            (240, 0),
        ] {
            let expected = Some(Urgency::new(urgency));
            assert_eq!(Priority::from_weight(weight), expected, "{weight}");
        }
        assert_eq!(Priority::from_weight(16), None);
    }

    #[test]
    fn a_later_weight_of_220_means_visible_and_a_lower_one_takes_it_back() {
        let seen = said(3, true).reweighted(220);
        assert!(seen.visible && seen.incremental && seen.urgency == Urgency::new(1));
        let gone = seen.reweighted(147);
        assert_eq!(gone, said(3, true));
        assert_eq!(seen.reweighted(16), seen);
        let passed = said(3, true).passed_over();
        assert!(passed.offscreen && !passed.reweighted(220).offscreen);
        assert_eq!(seen.passed_over(), seen);
        let below = said(3, true).recalled(Some(false));
        assert!(below.below && !below.reweighted(220).below && !below.shown().below);
        assert_eq!(said(3, true).recalled(None), said(3, true));
        assert_eq!(
            seen.recalled(Some(false)),
            seen,
            "what it says itself stands"
        );
        assert!(said(3, true).recalled(Some(true)).visible);
        assert_eq!(
            passed.recalled(Some(true)),
            passed,
            "the client knows better"
        );
        let silent = said(3, true).passed_over_in_silence();
        assert!(silent.below && silent.offscreen && silent.recalled(None).below);
        assert_eq!(silent.passed_over(), passed, "it has named others since");
        assert_eq!(seen.passed_over_in_silence(), seen);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_priority(field in proptest::collection::vec(any::<u8>(), 0..300)) {
            let priority = Priority::parse(&field);
            prop_assert!(priority.urgency.value() <= 7 && !priority.visible);
        }

        #[test]
        fn what_is_written_is_read(urgency in 0u8..8, incremental: bool, spaces in " {0,3}") {
            let field = format!("{spaces}u={urgency}{spaces},{spaces}i=?{}", u8::from(incremental));
            prop_assert_eq!(Priority::parse(field.as_bytes()), said(urgency, incremental));
        }
    }
}
