//! From a file to pixels, behind limits.

use crate::{Coefficients, JpegError, Limits, Planes, Process, ScanMap, decoder, map_scans};

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
    /// Leaves subsampled colour subsampled, for whoever wants it so. Otherwise a picture that is
    /// given smaller has as much colour of its file as there is.
    pub subsampled: bool,
    /// Leaves out the last bits of progressive files at a quarter of the size and below, where a
    /// sample is off by at most six levels for that, and mostly by none: most of such a file is
    /// then not read.
    pub coarse: bool,
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
            subsampled: false,
            coarse: false,
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
    let (map, eighths) = prepared(bytes, options)?;
    let pixels = decoder::pixels(source(bytes, &map, options), eighths)?;
    let side = |full: u32| (full * eighths as u32).div_ceil(8);
    Ok(Decoded {
        width: side(map.width),
        height: side(map.height),
        full_width: map.width,
        full_height: map.height,
        pixels,
        icc: map.icc(bytes),
        exif: map.exif(bytes).map(<[u8]>::to_vec),
        process: map.process,
        truncated: !map.complete,
    })
}

/// Decodes a file of grey or YCbCr to planes as they are stored, without turning them into
/// pixels: subsampled colour stays subsampled, or is less so where `min_size` made the picture
/// smaller.
///
/// # Errors
/// As [`decode`]; [`JpegError::Unsupported`] for RGB and for four components.
pub fn decode_planes(bytes: &[u8], options: &DecodeOptions<'_>) -> Result<Planes, JpegError> {
    let (map, eighths) = prepared(bytes, options)?;
    decoder::planar(&map)?;
    decoder::planes(source(bytes, &map, options), eighths)
}

/// Reads the quantised coefficients of a file, for [`write`](crate::write) to write down in other
/// scans without any loss. `min_size` does not apply.
///
/// # Errors
/// As [`decode`].
pub fn read_coefficients(
    bytes: &[u8],
    options: &DecodeOptions<'_>,
) -> Result<Coefficients, JpegError> {
    let (map, _) = prepared(bytes, options)?;
    decoder::coefficients(source(bytes, &map, options))
}

fn source<'a>(
    bytes: &'a [u8],
    map: &'a ScanMap,
    options: &DecodeOptions<'a>,
) -> decoder::Source<'a> {
    decoder::Source {
        bytes,
        map,
        strict: !options.lenient,
        subsampled: options.subsampled,
        coarse: options.coarse,
        cancel: options.cancel,
    }
}

/// Maps a file, checks it against the limits, and chooses the size: how many eighths of it.
fn prepared(bytes: &[u8], options: &DecodeOptions<'_>) -> Result<(ScanMap, usize), JpegError> {
    let map = map_scans(bytes, &options.limits)?;
    if !map.complete && !options.lenient {
        return Err(JpegError::Truncated {
            length: bytes.len(),
        });
    }
    if (options.cancel)() {
        return Err(JpegError::Cancelled);
    }
    let (width, height) = options.min_size;
    let enough = |eighths: u32| {
        (map.width * eighths).div_ceil(8) >= width && (map.height * eighths).div_ceil(8) >= height
    };
    let asked = options.min_size != (0, 0);
    let eighths = [1, 2, 4]
        .into_iter()
        .find(|eighths| asked && enough(*eighths));
    Ok((map, eighths.unwrap_or(8) as usize))
}
