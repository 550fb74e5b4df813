//! Signatures of URLs, made by the algorithms of their servers and compared in constant time.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::ImagorAlgorithm;
use super::text::{base64, to_base64};

/// Whether one text is the other. The time it takes says at most how long they are.
pub(super) fn same(given: &[u8], expected: &[u8]) -> bool {
    given.ct_eq(expected).into()
}

/// Whether a signature is that of imgproxy for `path`: the first `size` bytes of the HMAC-SHA256 of
/// salt and path, in base64.
pub(super) fn is_imgproxy(given: &str, key: &[u8], salt: &[u8], path: &str, size: usize) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return false;
    };
    mac.update(salt);
    mac.update(path.as_bytes());
    let made = mac.finalize().into_bytes();
    let expected = made.get(..size.clamp(1, 32)).unwrap_or(&made);
    base64(given).is_some_and(|given| same(&given, expected))
}

/// Whether a signature is that of thumbor or imagor for `path`: the HMAC in base64, of which only
/// the first `length` characters count unless that is 0.
pub(super) fn is_hmac(
    given: &str,
    algorithm: ImagorAlgorithm,
    key: &[u8],
    path: &str,
    length: usize,
) -> bool {
    let made = match algorithm {
        ImagorAlgorithm::Sha1 => hmac::<Hmac<Sha1>>(key, path),
        ImagorAlgorithm::Sha256 => hmac::<Hmac<Sha256>>(key, path),
        ImagorAlgorithm::Sha384 => hmac::<Hmac<Sha384>>(key, path),
        ImagorAlgorithm::Sha512 => hmac::<Hmac<Sha512>>(key, path),
    };
    let Some(made) = made else { return false };
    let expected = to_base64(&made);
    let expected = match length {
        0 => expected.as_str(),
        length => expected.get(..length).unwrap_or(&expected),
    };
    // Padding says nothing.
    same(given.trim_end_matches('=').as_bytes(), expected.as_bytes())
}

fn hmac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// Whether a signature is that of imgix: the MD5 of token and text in hexadecimal.
pub(super) fn is_imgix(given: &str, token: &str, text: &str) -> bool {
    let made = Md5::digest(format!("{token}{text}").as_bytes());
    let expected: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    same(given.as_bytes(), expected.as_bytes())
}

/// Whether a signature is that of Cloudinary: the first 8 characters of the SHA-1 of text and
/// secret in base64, or the first 32 of their SHA-256.
pub(super) fn is_cloudinary(given: &str, secret: &str, text: &str) -> bool {
    let text = format!("{text}{secret}");
    let (made, length) = if given.len() > 8 {
        (to_base64(&Sha256::digest(text.as_bytes())), 32)
    } else {
        (to_base64(&Sha1::digest(text.as_bytes())), 8)
    };
    let expected = made.get(..length).unwrap_or(&made);
    same(given.as_bytes(), expected.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_servers() {
        let path =
            "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png";
        let good = "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8";
        assert!(is_imgproxy(good, b"secret", b"hello", path, 32));
        let local = "/rs:fill:4:4/plain/local:///test1.png";
        let signed = "My9d3xq_PYpVHsPrCyww0Kh1w5KZeZhIlWhsa4az1TI";
        assert!(is_imgproxy(signed, b"test-key", b"test-salt", local, 32));
        let short = to_base64(&base64(good).unwrap()[..8]);
        assert!(is_imgproxy(&short, b"secret", b"hello", path, 8));
        for (given, key, size) in [
            (good, &b"Secret"[..], 32),
            (good, b"secret", 31),
            (&short, b"secret", 32),
            ("", b"secret", 32),
            ("insecure", b"secret", 32),
        ] {
            assert!(!is_imgproxy(given, key, b"hello", path, size), "{given}");
        }

        let path = "500x500/top/raw.githubusercontent.com/cshum/imagor/master/testdata/gopher.png";
        let sha1 = ImagorAlgorithm::Sha1;
        let good = "cST4Ko5_FqwT3BDn-Wf4gO3RFSk=";
        assert!(is_hmac(good, sha1, b"mysecret", path, 0));
        assert!(is_hmac(&good[..20], sha1, b"mysecret", path, 20));
        assert!(!is_hmac(&good[..20], sha1, b"mysecret", path, 0));
        assert!(!is_hmac(
            good,
            ImagorAlgorithm::Sha256,
            b"mysecret",
            path,
            0
        ));
        assert!(!is_hmac(good, sha1, b"mysecret", &path[1..], 0));
    }
}
