//! Digests as text.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// SHA-256 over parts, each with its length before it.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What stands for bytes in a name: no others have it.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&digest(&[bytes]))
}

/// The same in hexadecimal digits.
pub(crate) fn hex(digest: &[u8]) -> String {
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
