//! Frames on a stream (RFC 9114 §7.1).

use bytes::{Buf, Bytes};

use super::number::Number;

/// Types of frames (RFC 9114 §7.2, RFC 9218 §7.2).
#[allow(missing_docs, reason = "they are the names of the specification")]
pub mod kind {
    pub const DATA: u64 = 0x0;
    pub const HEADERS: u64 = 0x1;
    pub const CANCEL_PUSH: u64 = 0x3;
    pub const SETTINGS: u64 = 0x4;
    pub const PUSH_PROMISE: u64 = 0x5;
    pub const GOAWAY: u64 = 0x7;
    pub const MAX_PUSH_ID: u64 = 0xd;
    pub const PRIORITY_UPDATE: u64 = 0xf_0700;
    pub const PRIORITY_UPDATE_PUSH: u64 = 0xf_0701;
    /// Types of HTTP/2 that must not come (RFC 9114 §7.2.8).
    pub const OF_HTTP2: [u64; 4] = [0x2, 0x6, 0x8, 0x9];
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// One of [`kind`], or a type that is not known.
    pub kind: u64,
    /// Bytes of payload.
    pub length: u64,
}

/// What the next bytes of a stream are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A frame begins. One without payload is over with it.
    Head(Head),
    /// Some of the payload of a frame.
    Payload(Head, Bytes),
}

/// Follows the frames of a stream from its first byte on.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    number: Number,
    kind: Option<u64>,
    current: Option<Head>,
    left: u64,
}

impl Frames {
    /// Takes the next step off the front of `bytes`; `None` once they are used up.
    pub fn step(&mut self, bytes: &mut Bytes) -> Option<Step> {
        if let Some(head) = self.current.filter(|_| self.left > 0) {
            if bytes.is_empty() {
                return None;
            }
            let length =
                usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            self.left -= length as u64;
            return Some(Step::Payload(head, bytes.split_to(length)));
        }
        while bytes.has_remaining() {
            let Some(value) = self.number.push(bytes.get_u8()) else {
                continue;
            };
            let Some(kind) = self.kind.take() else {
                self.kind = Some(value);
                continue;
            };
            let head = Head {
                kind,
                length: value,
            };
            self.current = Some(head);
            self.left = value;
            return Some(Step::Head(head));
        }
        None
    }

    /// Whether the stream may end here: between two frames (RFC 9114 §7.1).
    pub fn may_end(&self) -> bool {
        self.left == 0 && self.kind.is_none() && !self.number.is_partial()
    }

    /// Bytes of the current frame's payload that have not come.
    pub fn left(&self) -> u64 {
        self.left
    }
}
