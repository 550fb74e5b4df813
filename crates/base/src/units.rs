//! Units that live in types: sizes, qualities, durations as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes. Written as `65536`, `64 KiB`, `100 MB`, `1 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const SIZE_UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("KB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl ByteSize {
    /// `count` mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// `count` kibibytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, unit) = split_unit(text);
        let count: u64 = number.parse().map_err(drop)?;
        let unit = if unit.is_empty() { "B" } else { unit };
        let (_, factor) = SIZE_UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or(())?;
        count.checked_mul(*factor).map(Self).ok_or(())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
            .into_iter()
            .find(|(_, shift)| self.0 != 0 && self.0.is_multiple_of(1 << shift));
        match exact {
            Some((unit, shift)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} B", self.0),
        }
    }
}

/// The quality of a lossy picture on the scale of libjpeg, 1 (worst) to 100 (best).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u8);

impl Quality {
    /// A quality; values outside 1–100 are brought to the nearer end.
    pub const fn new(value: u8) -> Self {
        Self(if value < 1 {
            1
        } else if value > 100 {
            100
        } else {
            value
        })
    }

    /// The quality as a number, 1–100.
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl FromStr for Quality {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.parse() {
            Ok(value @ 1..=100) => Ok(Self(value)),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Parses a duration as people write it: `250ms`, `5s`, `10 min`, `1h`, `7d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let count: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.checked_mul(millis).map(Duration::from_millis)
}

/// Writes a duration the way [`parse_duration`] reads it, in the largest unit that is exact.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1000, "s"),
    ]
    .into_iter()
    .find(|(factor, _)| millis != 0 && millis.is_multiple_of(*factor))
    .map_or_else(
        || format!("{millis}ms"),
        |(factor, unit)| format!("{}{unit}", millis / factor),
    )
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (&text[..digits], text[digits..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65536),
            ("64 KiB", 65536),
            ("100MB", 100_000_000),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for wrong in ["", "KiB", "1.5 MB", "-1", "1 parsec", "99999999999 TiB"] {
            assert_eq!(wrong.parse::<ByteSize>(), Err(()), "{wrong}");
        }
        assert_eq!(ByteSize::mib(64).to_string(), "64 MiB");
        assert_eq!(ByteSize(1001).to_string(), "1001 B");
    }

    #[test]
    fn durations_are_read_and_written() {
        for text in ["250ms", "5s", "10min", "1h", "7d"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        for wrong in ["", "5", "s", "1.5s", "-1s", "5 fortnights"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn qualities_are_bounded() {
        assert_eq!("85".parse(), Ok(Quality::new(85)));
        assert_eq!("0".parse::<Quality>(), Err(()));
        assert_eq!("101".parse::<Quality>(), Err(()));
        assert_eq!(Quality::new(0).value(), 1);
    }
}
