//! HTTP/2 frames (RFC 9113 §4).

/// Frame types (RFC 9113 §6, RFC 9218 §7.1).
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    pub const PRIORITY_UPDATE: u8 = 16;
}

/// Flags.
pub mod flag {
    pub const END_STREAM: u8 = 0x1;
    pub const ACK: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest payload a peer may send: what SETTINGS_MAX_FRAME_SIZE says unless changed.
pub const MAX_PAYLOAD: usize = 16_384;

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type, one of [`kind`].
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream; 0 is the connection.
    pub stream: u32,
    /// What follows the head.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without padding and, in HEADERS, without priority fields; `None` if the
    /// padding does not fit.
    pub fn content(&self) -> Option<&[u8]> {
        let mut content = self.payload.as_slice();
        if self.has(flag::PADDED) {
            let (padding, rest) = content.split_first()?;
            content = rest.get(..rest.len().checked_sub(usize::from(*padding))?)?;
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            content = content.get(5..)?;
        }
        Some(content)
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let length = (self.payload.len() as u32).to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], self.kind, self.flags];
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// Takes the first whole frame off `bytes`; `Ok(None)` asks for more.
///
/// # Errors
/// The length of a frame that is longer than [`MAX_PAYLOAD`].
pub fn take(bytes: &mut Vec<u8>) -> Result<Option<Frame>, usize> {
    let Some(head) = bytes.first_chunk::<9>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    if length > MAX_PAYLOAD {
        return Err(length);
    }
    if bytes.len() < 9 + length {
        return Ok(None);
    }
    let frame = Frame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff,
        payload: bytes[9..9 + length].to_vec(),
    };
    bytes.drain(..9 + length);
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Frame {
        Frame {
            kind,
            flags,
            stream: 5,
            payload: payload.to_vec(),
        }
    }

    #[test]
    fn frames_come_back_from_their_bytes_piece_by_piece() {
        let sent = frame(kind::DATA, flag::END_STREAM, b"hello");
        let bytes = sent.encode();
        for cut in 0..bytes.len() {
            let mut part = bytes[..cut].to_vec();
            assert_eq!(take(&mut part), Ok(None));
            part.extend(&bytes[cut..]);
            assert_eq!(take(&mut part), Ok(Some(sent.clone())));
            assert!(part.is_empty());
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_it_arrives() {
        assert_eq!(
            take(&mut vec![0x00, 0x40, 0x01, 0, 0, 0, 0, 0, 1]),
            Err(16_385)
        );
    }

    #[test]
    fn padding_and_priority_fields_are_not_content() {
        let padded = frame(kind::DATA, flag::PADDED, &[2, b'a', b'b', 0, 0]);
        assert_eq!(padded.content(), Some(b"ab".as_slice()));
        let headers = frame(kind::HEADERS, flag::PRIORITY, &[0, 0, 0, 0, 15, b'x']);
        assert_eq!(headers.content(), Some(b"x".as_slice()));
        assert_eq!(frame(kind::DATA, flag::PADDED, &[9, b'a']).content(), None);
    }
}
