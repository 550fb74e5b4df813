//! What the client says: urgency and incremental (RFC 9218), and the weights of RFC 7540 that
//! browsers still use to say it.

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
}

impl Default for Priority {
    fn default() -> Self {
        Self {
            urgency: Urgency::DEFAULT,
            incremental: false,
            visible: false,
        }
    }
}
