//! Levels and how streams of one level share it.

use std::fmt;

/// How early bytes leave: 0–63, higher first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// The highest level.
    pub const MAX: Self = Self(63);

    /// A level; values over 63 become 63.
    pub const fn new(value: u8) -> Self {
        Self(if value > 63 { 63 } else { value })
    }

    /// The level as a number, 0–63.
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How streams at the same level share the connection; written `0`, `1` and `n` in
/// `cf-priority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Concurrency {
    /// `0`: one stream after another, in order of arrival, before all others of its level.
    Exclusive,
    /// `1`: one stream after another; the group as a whole takes turns with the round robin.
    Sequential,
    /// `n`: every stream takes its turn.
    RoundRobin,
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exclusive => "0",
            Self::Sequential => "1",
            Self::RoundRobin => "n",
        })
    }
}
