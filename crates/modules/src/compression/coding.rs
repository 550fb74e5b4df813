//! The codings, and encoders for bytes as they come.

use std::io::{self, Write};

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::write::GzEncoder;

/// A content coding that is made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Zstandard (RFC 8878), with a window of at most 8 MiB (RFC 9659).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// Every coding.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// The token on the wire.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The coding of this name, in any case (RFC 9110 §8.4.1).
    pub fn parse(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| is(coding.token()))
    }
}

/// An encoder for bytes as they come. What it has made is taken with [`Encoder::take`].
pub enum Encoder {
    /// Brotli.
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    /// Zstandard.
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    /// gzip.
    Gzip(GzEncoder<Vec<u8>>),
}

/// Windows of streams whose length is not known, as powers of two: what is further back than this
/// is rarely of use on a page, and the memory is taken for each visitor.
const STREAM_WINDOW: u32 = 18;
/// The smallest window: below it the encoder, at the qualities of streams, fills a table of 32 MiB
/// for each answer, which takes ten milliseconds.
const SMALLEST_WINDOW: u32 = 17;
/// The largest window.
const LARGEST_WINDOW: u32 = 22;
/// What Brotli hands over at once.
const PIECE: usize = 8 << 10;

impl Encoder {
    /// An encoder of this level; `length` is that of all the bytes to come, where it is known.
    ///
    /// # Errors
    /// The encoder could not be set up: for want of memory, or there is no such level.
    pub fn new(coding: Coding, level: u32, length: Option<u64>) -> io::Result<Self> {
        let window = window(length);
        Ok(match coding {
            Coding::Brotli => Self::Brotli(Box::new(CompressorWriter::with_params(
                Vec::new(),
                PIECE,
                &brotli_parameters(level, window, length),
            ))),
            Coding::Gzip => {
                let level = flate2::Compression::new(level.min(9));
                Self::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Coding::Zstd => {
                let level = i32::try_from(level).unwrap_or(3);
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level)?;
                encoder.window_log(window)?;
                encoder.set_pledged_src_size(length)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Roughly what such an encoder takes, in bytes.
    pub fn memory(coding: Coding, length: Option<u64>) -> u64 {
        let window = 1u64 << window(length);
        match coding {
            // Ring buffer twice, hashes of four bytes for each place and more.
            Coding::Brotli => 6 * window + (1 << 20),
            // Window, input and output pieces, tables.
            Coding::Zstd => 4 * window + (512 << 10),
            Coding::Gzip => 300 << 10,
        }
    }

    /// Encodes bytes.
    ///
    /// # Errors
    /// The encoder failed.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Brotli(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
        }
    }

    /// Makes everything written so far readable for who decodes what has been taken. Costs some
    /// bytes.
    ///
    /// # Errors
    /// The encoder failed.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Brotli(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }

    /// What has been made since it was last taken.
    pub fn take(&mut self) -> Bytes {
        let made = match self {
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        };
        std::mem::take(made).into()
    }

    /// Ends the coding; returns what was not yet taken.
    ///
    /// # Errors
    /// The encoder failed.
    pub fn finish(self) -> io::Result<Bytes> {
        Ok(match self {
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Zstd(encoder) => encoder.finish()?,
            Self::Gzip(encoder) => encoder.finish()?,
        }
        .into())
    }
}

/// The parameters of a Brotli encoder.
pub(super) fn brotli_parameters(
    quality: u32,
    window: u32,
    length: Option<u64>,
) -> BrotliEncoderParams {
    BrotliEncoderParams {
        quality: i32::try_from(quality).unwrap_or(5),
        lgwin: i32::try_from(window).unwrap_or(STREAM_WINDOW as i32),
        size_hint: length.map_or(0, |length| usize::try_from(length).unwrap_or(0)),
        ..BrotliEncoderParams::default()
    }
}

/// The window for so many bytes: all of them, if they are known and not too many. 16 bytes of a
/// Brotli window are not used (RFC 7932 §9.1).
pub(super) fn window(length: Option<u64>) -> u32 {
    length.map_or(STREAM_WINDOW, |length| {
        (u64::BITS - (length + 16).leading_zeros()).clamp(SMALLEST_WINDOW, LARGEST_WINDOW)
    })
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Brotli(_) => "Encoder(br)",
            Self::Zstd(_) => "Encoder(zstd)",
            Self::Gzip(_) => "Encoder(gzip)",
        })
    }
}
