//! From a file to pixels in sRGB or grey.

pub(crate) mod avif;
mod bmp;
mod gif;
pub(crate) mod ico;
mod jpeg;
mod jxl;
mod png;
mod svg;
pub(crate) mod tiff;
mod webp;

pub(crate) use png::WORKING_BYTES;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::picture::Picture;
use crate::{Format, ImageError, Limits, Probe, census};

/// A decoded file.
pub(crate) struct Decoded {
    /// The pixels, not turned. Smaller than the file says when less was wanted.
    pub(crate) picture: Picture,
    /// EXIF data, if the file has any.
    pub(crate) exif: Option<Vec<u8>>,
    /// Whether it looks like a photograph rather than a drawing, a screenshot or text.
    pub(crate) photograph: bool,
}

/// Decodes a file whose header was probed. `wanted` is the least size that is still useful, in
/// stored orientation; absent means all of it. SVG is drawn at just that size.
pub(crate) fn decode(
    source: &[u8],
    probe: &Probe,
    wanted: Option<(u32, u32)>,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Decoded, ImageError> {
    let format = probe.format;
    let (picture, exif) = guard(format, || match format {
        Format::Jpeg => jpeg::decode(source, wanted, limits, cancel),
        Format::Png => png::decode(source, cancel),
        Format::WebP => webp::decode(source, probe),
        Format::Gif => gif::decode(source, limits),
        Format::Avif => avif::decode(source, limits, cancel),
        Format::Jxl => jxl::decode(source, probe, cancel),
        Format::Tiff => tiff::decode(source, limits, cancel),
        Format::Bmp => bmp::decode(source, limits),
        Format::Ico => ico::decode(source, cancel),
        Format::Svg => svg::decode(source, probe, wanted, limits, cancel),
        _ => Err(ImageError::Unsupported { format }),
    })?;
    // A JPEG was taken for a photograph once already, and its noise hides what it was.
    let photograph = format == Format::Jpeg || census::is_photograph(&picture);
    Ok(Decoded {
        picture,
        exif,
        photograph,
    })
}

/// Grey and alpha as RGBA.
pub(crate) fn spread_grey(data: &[u8]) -> Vec<u8> {
    data.chunks_exact(2)
        .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])
        .collect()
}

/// Pixels and EXIF data.
type Parts = (Picture, Option<Vec<u8>>);

/// Runs a decoder on outside bytes. A decoder that panics has met a file it did not expect: the
/// file counts as damaged.
pub(crate) fn guard<T>(
    format: Format,
    decoder: impl FnOnce() -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    catch_unwind(AssertUnwindSafe(decoder))
        .unwrap_or_else(|_| Err(ImageError::damaged(format, "the decoder gave up")))
}

#[cfg(test)]
mod avif_tests;
#[cfg(test)]
mod svg_tests;
#[cfg(test)]
mod tests;
