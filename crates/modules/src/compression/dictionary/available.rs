//! What a visitor says of the dictionary it has: `Available-Dictionary` (RFC 9842 §2.2). Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

/// The header.
pub const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");
/// The name an origin gave to a dictionary (RFC 9842 §2.3).
pub const DICTIONARY_ID: HeaderName = HeaderName::from_static("dictionary-id");

/// 32 bytes in base64, with their padding.
const WRITTEN: usize = 44;

/// The SHA-256 of a dictionary, by which both sides know that they mean the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// What a request says it has; `None` if it says nothing, or says it otherwise than as one byte
    /// sequence of 32 bytes (RFC 9651 §3.3.5) without parameters.
    pub fn available(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(AVAILABLE_DICTIONARY).iter();
        let line = lines.next()?;
        match lines.next() {
            Some(_) => None,
            None => Self::parse(line.as_bytes()),
        }
    }

    /// Reads `:base64:`.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        let written = line.strip_prefix(b":")?.strip_suffix(b":")?;
        if written.len() != WRITTEN {
            return None;
        }
        // One byte more than there may be: the decoder wants to see the room.
        let mut read = [0; 33];
        let length = STANDARD.decode_slice(written, &mut read).ok()?;
        read.get(..length)?.try_into().ok().map(Self)
    }

    /// As the header says it.
    pub fn to_header(self) -> String {
        format!(":{}:", STANDARD.encode(self.0))
    }

    /// In 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let halves = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        halves.map(|half| DIGITS[usize::from(half)]).collect()
    }

    /// Reads what [`Digest::to_hex`] wrote.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut read = [0; 32];
        if text.len() != 2 * read.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (place, byte) in read.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(Self(read))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({})", self.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 9842 §2.2.
    const EXAMPLE: &str = ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:";

    #[test]
    fn one_byte_sequence_of_32_bytes_is_read() {
        let digest = Digest::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(digest.to_header(), EXAMPLE);
        assert_eq!(
            digest.to_hex(),
            "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e"
        );
        assert_eq!(digest, Digest::of(b"Hello World"));
        let bare = &EXAMPLE[1..EXAMPLE.len() - 1];
        for line in [
            "",
            "::",
            ":AAAA:",
            bare,
            &EXAMPLE[1..],
            &format!("{EXAMPLE};q=1"),
            &format!("{EXAMPLE}, {EXAMPLE}"),
            &EXAMPLE.replace('=', ""),
            &EXAMPLE.replace("G4=", "G5="),
            &EXAMPLE.replace('A', "-"),
            &EXAMPLE.replace('A', " "),
            &format!(":{bare}{bare}:"),
        ] {
            assert_eq!(Digest::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn of_two_dictionaries_none_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(Digest::available(&headers), None);
        headers.append(AVAILABLE_DICTIONARY, HeaderValue::from_static(EXAMPLE));
        assert!(Digest::available(&headers).is_some());
        headers.append(AVAILABLE_DICTIONARY, HeaderValue::from_static(EXAMPLE));
        assert_eq!(Digest::available(&headers), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in any::<[u8; 32]>()) {
            let digest = Digest(bytes);
            prop_assert_eq!(Digest::parse(digest.to_header().as_bytes()), Some(digest));
            prop_assert_eq!(Digest::from_hex(&digest.to_hex()), Some(digest));
        }

        /// Whatever else is read is the one way to write it.
        #[test]
        fn there_is_one_way_to_write_it(line in "[ :]{0,2}[A-Za-z0-9+/=]{40,46}[ :=]{0,2}") {
            if let Some(digest) = Digest::parse(line.as_bytes()) {
                prop_assert_eq!(digest.to_header(), line.trim());
            }
        }
    }
}
