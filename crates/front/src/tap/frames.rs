//! Follows HTTP/2 frames through a stream of bytes (RFC 9113 §4.1) without holding any.

/// Length of a frame's head, in bytes.
pub const HEAD: usize = 9;

/// The type of DATA frames.
pub const DATA: u8 = 0x0;

/// The head of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Length of the payload, in bytes.
    pub length: usize,
    /// The type.
    pub kind: u8,
    /// The flags.
    pub flags: u8,
    /// The stream; 0 for the connection.
    pub stream: u32,
}

/// What a run of bytes is.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Part of a head that is not complete yet.
    Partial,
    /// The end of a head; its frame begins.
    Head(Head),
    /// Payload of the frame.
    Payload(Head, &'a [u8]),
}

/// A place in a stream of frames.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    buffer: [u8; HEAD],
    filled: usize,
    head: Head,
    /// Payload bytes to come.
    left: usize,
}

impl Frames {
    /// What the next bytes are, and how many of them: at least one if there are any. Asked again
    /// with the rest.
    pub fn step<'a>(&mut self, bytes: &'a [u8]) -> (Step<'a>, usize) {
        if self.left > 0 {
            let used = self.left.min(bytes.len());
            self.left -= used;
            return (Step::Payload(self.head, &bytes[..used]), used);
        }
        let used = (HEAD - self.filled).min(bytes.len());
        let end = self.filled + used;
        self.buffer[self.filled..end].copy_from_slice(&bytes[..used]);
        self.filled = end;
        if end < HEAD {
            return (Step::Partial, used);
        }
        self.filled = 0;
        let [a, b, c, kind, flags, w, x, y, z] = self.buffer;
        self.head = Head {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([w & 0x7f, x, y, z]),
        };
        self.left = self.head.length;
        (Step::Head(self.head), used)
    }
}
