//! Deltas: a body coded with an earlier version as dictionary, by Brotli and by Zstandard.

use std::io::{self, Read, Write};

use brotli::enc::{BrotliEncoderParams, StandardAlloc};
use brotli::{BrotliCompressCustomIoCustomDict, IoReaderWrapper, IoWriterWrapper};
use bytes::Bytes;
use workshop::Cancel;

use super::super::best::BEST;
use super::super::coding::brotli_parameters;
use super::available::Digest;

/// The largest body, and the largest dictionary, that a delta is made with. Both together fit the
/// window that every client must have: 8 MiB for Zstandard, 16 MB for Brotli (RFC 9842 §4, §5).
pub const LARGEST: usize = 4 << 20;
/// The largest window of Zstandard that every client must have, as a power of two.
const LARGEST_WINDOW: u32 = 23;
/// Zstandard's level.
const LEVEL: i32 = 22;
/// What comes before the hash in `dcb` and `dcz` (RFC 9842 §4, §5).
const DCB: [u8; 4] = [0xff, 0x44, 0x43, 0x42];
const DCZ: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];
/// How much is handed to an encoder between two looks at the flag.
const STEP: usize = 64 << 10;

/// A content coding with a dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeltaCoding {
    /// Dictionary-Compressed Brotli (RFC 9842 §4).
    Dcb,
    /// Dictionary-Compressed Zstandard (RFC 9842 §5).
    Dcz,
}

impl DeltaCoding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dcb, Self::Dcz];

    /// The coding of this name, in any case (RFC 9110 §8.4.1).
    pub fn parse(name: &[u8]) -> Option<Self> {
        let is = |coding: &Self| name.eq_ignore_ascii_case(coding.token().as_bytes());
        Self::ALL.into_iter().find(is)
    }

    /// The token on the wire.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Dcb => "dcb",
            Self::Dcz => "dcz",
        }
    }
}

/// The smaller of both deltas of `body` to `dictionary`; `None` if it was cancelled or is not to be
/// had. Each has been decoded, and only one that was the body is returned.
pub fn smallest(dictionary: &[u8], body: &[u8], cancel: &Cancel) -> Option<(DeltaCoding, Bytes)> {
    let mut best: Option<(DeltaCoding, Vec<u8>)> = None;
    for coding in DeltaCoding::ALL {
        let made = make(coding, dictionary, body, cancel)
            .inspect_err(|error| tracing::debug!(%error, coding = coding.token(), "no delta"));
        if cancel.is_cancelled() {
            return None;
        }
        let smaller = |made: &Vec<u8>| {
            best.as_ref()
                .is_none_or(|(_, best)| made.len() < best.len())
        };
        let Some(made) = made.ok().filter(smaller) else {
            continue;
        };
        let decoded = decode(coding, dictionary, &made, body.len());
        if decoded.is_ok_and(|decoded| decoded == body) {
            best = Some((coding, made));
        } else {
            // An encoder that errs must not break a page: the other coding, or none.
            tracing::warn!(
                coding = coding.token(),
                "a delta is not what it was made of"
            );
        }
    }
    best.map(|(coding, made)| (coding, made.into()))
}

/// The delta in this coding.
///
/// # Errors
/// One of both is too large, it was cancelled, or the encoder failed.
pub fn make(
    coding: DeltaCoding,
    dictionary: &[u8],
    body: &[u8],
    cancel: &Cancel,
) -> io::Result<Vec<u8>> {
    if dictionary.len() > LARGEST || body.len() > LARGEST {
        return Err(io::Error::other("too large for a delta"));
    }
    let mut made = Vec::new();
    match coding {
        DeltaCoding::Dcb => made.extend_from_slice(&DCB),
        DeltaCoding::Dcz => made.extend_from_slice(&DCZ),
    }
    made.extend_from_slice(&Digest::of(dictionary).0);
    match coding {
        DeltaCoding::Dcb => brotli(dictionary, body, cancel, &mut made)?,
        DeltaCoding::Dcz => zstd(dictionary, body, cancel, &mut made)?,
    }
    Ok(made)
}

/// A power of two that both fit into.
fn window(dictionary: &[u8], body: &[u8]) -> u32 {
    // 16 bytes of a Brotli window are not used (RFC 7932 §9.1).
    let both = dictionary.len() + body.len() + 16;
    (usize::BITS - both.leading_zeros()).max(17)
}

fn brotli(dictionary: &[u8], body: &[u8], cancel: &Cancel, made: &mut Vec<u8>) -> io::Result<()> {
    let length = Some(body.len() as u64);
    let parameters: BrotliEncoderParams = brotli_parameters(BEST, window(dictionary, body), length);
    let mut pieces = Pieces { rest: body, cancel };
    let (mut input, mut output) = (vec![0; STEP], vec![0; STEP]);
    BrotliCompressCustomIoCustomDict(
        &mut IoReaderWrapper(&mut pieces),
        &mut IoWriterWrapper(made),
        &mut input,
        &mut output,
        &parameters,
        StandardAlloc::default(),
        &mut |_: &mut _, _: &mut _, _, _: &mut StandardAlloc| (),
        dictionary,
        io::ErrorKind::UnexpectedEof.into(),
    )
    .map(drop)
}

fn zstd(dictionary: &[u8], body: &[u8], cancel: &Cancel, made: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(made, LEVEL, dictionary)?;
    encoder.window_log(window(dictionary, body).min(LARGEST_WINDOW))?;
    encoder.long_distance_matching(true)?;
    encoder.set_pledged_src_size(Some(body.len() as u64))?;
    for step in body.chunks(STEP) {
        if cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        encoder.write_all(step)?;
    }
    encoder.finish().map(drop)
}

/// Decodes what was made here, up to `length` bytes.
///
/// # Errors
/// It is not a delta to this dictionary, or is longer.
pub fn decode(
    coding: DeltaCoding,
    dictionary: &[u8],
    delta: &[u8],
    length: usize,
) -> io::Result<Vec<u8>> {
    let magic: &[u8] = match coding {
        DeltaCoding::Dcb => &DCB,
        DeltaCoding::Dcz => &DCZ,
    };
    let stream = delta
        .strip_prefix(magic)
        .and_then(|rest| rest.strip_prefix(&Digest::of(dictionary).0))
        .ok_or_else(|| io::Error::other("a delta to something else"))?;
    let mut plain = Vec::new();
    // One byte more, to see that there is one.
    let limit = length as u64 + 1;
    match coding {
        DeltaCoding::Dcb => {
            let dictionary = dictionary.to_vec().into();
            let decoder = brotli::Decompressor::new_with_custom_dict(stream, STEP, dictionary);
            decoder.take(limit).read_to_end(&mut plain)?;
        }
        DeltaCoding::Dcz => {
            let decoder = zstd::stream::read::Decoder::with_ref_prefix(stream, dictionary)?;
            decoder.take(limit).read_to_end(&mut plain)?;
        }
    }
    match plain.len() > length {
        true => Err(io::Error::other("longer than it may be")),
        false => Ok(plain),
    }
}

/// Decodes a `dcb` that somebody else made, up to `length` bytes.
///
/// # Errors
/// It is not a delta to this dictionary, wants a larger window than RFC 7932 has, ends too soon or
/// not at all, or is longer.
pub fn decode_foreign_dcb(dictionary: &[u8], delta: &[u8], length: usize) -> io::Result<Vec<u8>> {
    let window = delta.get(DCB.len() + 32).copied();
    // Large windows are no part of the coding, and a gigabyte to allocate.
    if window.is_none_or(|first| first & 0x7f == 0x11) {
        return Err(io::Error::other("no stream, or one of a large window"));
    }
    decode(DeltaCoding::Dcb, dictionary, delta, length)
}

/// A body piece by piece, until it is cancelled.
struct Pieces<'a> {
    rest: &'a [u8],
    cancel: &'a Cancel,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.rest.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines that are each of their own, from this number on.
    fn lines(from: u32) -> Vec<u8> {
        let lines =
            (from..from + 200).map(|line| format!("{}: {line}\n", line.wrapping_mul(77_777)));
        lines.collect::<String>().into_bytes()
    }

    #[test]
    fn the_headers_are_those_of_the_specification() {
        let (dictionary, body) = (lines(0), lines(3));
        for (coding, magic) in [
            (DeltaCoding::Dcb, &[0xff, 0x44, 0x43, 0x42][..]),
            (
                DeltaCoding::Dcz,
                &[0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0][..],
            ),
        ] {
            let made = make(coding, &dictionary, &body, &Cancel::default()).unwrap();
            let (head, rest) = made.split_at(magic.len());
            assert_eq!(head, magic);
            assert!(rest.starts_with(&Digest::of(&dictionary).0));
            assert_eq!(
                decode(coding, &dictionary, &made, body.len()).unwrap(),
                body
            );
            assert!(decode(coding, b"another", &made, body.len()).is_err());
            assert!(decode(coding, &dictionary, &made, body.len() - 1).is_err());
        }
    }

    /// Of tiny texts that repeat themselves Brotli's encoder makes what its decoder refuses.
    #[test]
    fn what_does_not_decode_is_not_chosen() {
        let dictionary = b"what was there before".repeat(9);
        let body = b"what is there".repeat(9);
        let made = make(DeltaCoding::Dcb, &dictionary, &body, &Cancel::default()).unwrap();
        assert!(decode(DeltaCoding::Dcb, &dictionary, &made, body.len()).is_err());
        let (coding, made) = smallest(&dictionary, &body, &Cancel::default()).unwrap();
        assert_eq!(coding, DeltaCoding::Dcz);
        assert_eq!(
            decode(coding, &dictionary, &made, body.len()).unwrap(),
            body
        );
    }

    #[test]
    fn of_what_others_made_only_what_is_whole_and_small_is_decoded() {
        let (dictionary, body) = (lines(0), lines(3));
        let made = make(DeltaCoding::Dcb, &dictionary, &body, &Cancel::default()).unwrap();
        let decode = |made: &[u8], length| decode_foreign_dcb(&dictionary, made, length);
        assert_eq!(decode(&made, body.len()).unwrap(), body);
        assert!(decode(&made, body.len() - 1).is_err());
        for length in 0..made.len() {
            assert!(decode(&made[..length], body.len()).is_err(), "{length}");
        }
        let mut large = made.clone();
        large[36] = large[36] & 0x80 | 0x11;
        assert!(decode(&large, body.len()).is_err());
        let other = make(DeltaCoding::Dcz, &dictionary, &body, &Cancel::default()).unwrap();
        assert!(decode(&other, body.len()).is_err());
    }

    #[test]
    fn what_is_too_large_or_cancelled_is_not_made() {
        let large = vec![0; LARGEST + 1];
        assert!(smallest(&large, b"x", &Cancel::default()).is_none());
        assert!(smallest(b"x", &large, &Cancel::default()).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever is inserted, cut out or replaced, both deltas decode to the new body, and are
        /// small where little changed.
        #[test]
        fn deltas_decode_to_the_body(
            seed in prop::collection::vec(any::<u8>(), 2000..6000),
            cut in 0usize..2000,
            removed in 0usize..300,
            added in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut body = seed.clone();
            let end = (cut + removed).min(body.len());
            body.splice(cut..end, added.iter().copied());
            for coding in DeltaCoding::ALL {
                let made = make(coding, &seed, &body, &Cancel::default()).unwrap();
                prop_assert_eq!(&decode(coding, &seed, &made, body.len()).unwrap(), &body);
                prop_assert!(made.len() < added.len() + 200, "{} of {}", made.len(), body.len());
            }
        }
    }
}
