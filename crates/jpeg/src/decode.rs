//! From a file to pixels, behind limits.

use crate::{JpegError, Limits, Process, full, map_scans};

/// How to decode.
#[derive(Clone, Copy)]
pub struct DecodeOptions<'a> {
    /// What the file may ask for.
    pub limits: Limits,
    /// Gives the picture so far of a file that ends early or is damaged, instead of an error.
    pub lenient: bool,
    /// The smallest size that is still useful, (width, height) in pixels; (0, 0) asks for the
    /// picture as it is. A picture of at least twice that size may be given at a half, a quarter
    /// or an eighth, never smaller than asked on either side.
    pub min_size: (u32, u32),
    /// Asked between stages; true stops the work.
    pub cancel: &'a dyn Fn() -> bool,
}

impl Default for DecodeOptions<'_> {
    /// The default limits, strict, full size, never cancelled.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            lenient: false,
            min_size: (0, 0),
            cancel: &|| false,
        }
    }
}

/// Pixels, row by row from the top without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// One byte each.
    Gray8(Vec<u8>),
    /// Three bytes each: red, green, blue.
    Rgb8(Vec<u8>),
    /// Four bytes each: cyan, magenta, yellow, black; 0 is no ink, 255 full ink.
    Cmyk8(Vec<u8>),
}

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Width of `pixels`.
    pub width: u32,
    /// Height of `pixels`.
    pub height: u32,
    /// Width of the picture as the file states it; larger than `width` when `min_size` allowed a
    /// smaller one.
    pub full_width: u32,
    /// Height of the picture as the file states it.
    pub full_height: u32,
    /// The pixels, not turned by any EXIF orientation.
    pub pixels: Pixels,
    /// Colour profile, if the file has a whole one.
    pub icc: Option<Vec<u8>>,
    /// EXIF data (the TIFF part), if any.
    pub exif: Option<Vec<u8>>,
    /// How the file is coded.
    pub process: Process,
    /// Whether the file ends early, which only a lenient decode gives.
    pub truncated: bool,
}

/// Decodes a file.
///
/// # Errors
/// [`JpegError::LimitExceeded`] before pixels are allocated, [`JpegError::Truncated`] unless
/// lenient, [`JpegError::Unsupported`] for 12 bits, lossless, hierarchical and arithmetic files,
/// [`JpegError::Malformed`] and [`JpegError::Corrupt`] for damaged ones,
/// [`JpegError::Cancelled`].
pub fn decode(bytes: &[u8], options: &DecodeOptions<'_>) -> Result<Decoded, JpegError> {
    let map = map_scans(bytes, &options.limits)?;
    if !map.complete && !options.lenient {
        return Err(JpegError::Truncated {
            length: bytes.len(),
        });
    }
    if map.process == Process::Other {
        return Err(JpegError::Unsupported {
            what: "lossless, hierarchical or arithmetic coding",
        });
    }
    if map.precision != 8 {
        return Err(JpegError::Unsupported {
            what: "samples of other than 8 bits",
        });
    }
    if (options.cancel)() {
        return Err(JpegError::Cancelled);
    }
    let pixels = full::pixels(bytes, &map)?;
    if (options.cancel)() {
        return Err(JpegError::Cancelled);
    }
    Ok(Decoded {
        width: map.width,
        height: map.height,
        full_width: map.width,
        full_height: map.height,
        pixels,
        icc: map.icc(bytes),
        exif: map.exif(bytes).map(<[u8]>::to_vec),
        process: map.process,
        truncated: !map.complete,
    })
}
