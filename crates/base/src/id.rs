//! Request ids: unique, cheap, and short enough to read over a telephone.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one request in headers, logs and error pages: 16 lower-case hexadecimal digits.
///
/// Ids never repeat within a process and are not guessable from one another's arrival order, but
/// they are no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
static NEXT: AtomicU64 = AtomicU64::new(0);

impl RequestId {
    /// The next id of this process.
    pub fn next() -> Self {
        Self(mix(SEED.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))))
    }

    /// The id as text, without allocating.
    pub fn encode(self, buffer: &mut [u8; 16]) -> &str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for (place, digit) in buffer.iter_mut().enumerate() {
            *digit = DIGITS[(self.0 >> (60 - 4 * place)) as usize & 15];
        }
        std::str::from_utf8(buffer).unwrap_or_default()
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so distinct inputs give
/// distinct ids.
fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; 16]))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn ids_differ_and_are_sixteen_hexadecimal_digits() {
        let (one, two) = (RequestId::next().to_string(), RequestId::next().to_string());
        assert_ne!(one, two);
        assert!(
            one.len() == 16 && one.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{one}"
        );
    }
}
