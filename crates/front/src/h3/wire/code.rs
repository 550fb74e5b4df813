//! Error codes of HTTP/3 and QPACK.

use std::fmt;

/// An error code (RFC 9114 §8.1, RFC 9204 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(pub u32);

impl Code {
    /// All is well; the connection or stream is only closed.
    pub const NO_ERROR: Self = Self(0x100);
    /// Something is wrong on our side.
    pub const INTERNAL_ERROR: Self = Self(0x102);
    /// A stream that may not exist, or exists already.
    pub const STREAM_CREATION_ERROR: Self = Self(0x103);
    /// A stream ended that must live as long as the connection.
    pub const CLOSED_CRITICAL_STREAM: Self = Self(0x104);
    /// A frame that may not come here or now.
    pub const FRAME_UNEXPECTED: Self = Self(0x105);
    /// A frame whose layout or size is wrong.
    pub const FRAME_ERROR: Self = Self(0x106);
    /// The peer behaves in a way that costs too much.
    pub const EXCESSIVE_LOAD: Self = Self(0x107);
    /// An identifier used wrongly.
    pub const ID_ERROR: Self = Self(0x108);
    /// A setting that may not be sent.
    pub const SETTINGS_ERROR: Self = Self(0x109);
    /// The control stream did not begin with SETTINGS.
    pub const MISSING_SETTINGS: Self = Self(0x10a);
    /// A request that was not looked at, and may be sent again.
    pub const REQUEST_REJECTED: Self = Self(0x10b);
    /// The client's stream ended before the request did.
    pub const REQUEST_INCOMPLETE: Self = Self(0x10d);
    /// A request that is malformed.
    pub const MESSAGE_ERROR: Self = Self(0x10e);
    /// A field section that cannot be read (RFC 9204).
    pub const DECOMPRESSION_FAILED: Self = Self(0x200);
    /// An instruction on the encoder stream that may not come.
    pub const ENCODER_STREAM_ERROR: Self = Self(0x201);
    /// An instruction on the decoder stream that may not come.
    pub const DECODER_STREAM_ERROR: Self = Self(0x202);
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// How the client broke the protocol; ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({code})")]
pub struct Broken {
    /// What the client is told.
    pub code: Code,
    /// In words.
    pub reason: &'static str,
}

impl Broken {
    /// An error of the whole connection.
    pub const fn new(code: Code, reason: &'static str) -> Self {
        Self { code, reason }
    }
}
