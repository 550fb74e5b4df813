//! Windows bitmaps.

use std::io::Cursor;

use zune_bmp::BmpDecoder;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use super::Parts;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits};

/// Where the bitmap's own header begins, and its length of the kind that everybody writes.
const HEADER: usize = 14;
const USUAL: u32 = 40;
/// Masks of bit fields in the order of bytes: blue first.
const BLUE_FIRST: [u32; 3] = [0xFF_0000, 0xFF00, 0xFF];

pub(super) fn decode(source: &[u8], limits: &Limits) -> Result<Parts, ImageError> {
    if !is_usual(source) {
        return Err(ImageError::Unsupported {
            format: Format::Bmp,
        });
    }
    let damaged = |error: String| ImageError::damaged(Format::Bmp, error);
    let side = limits.max_side as usize;
    let options = DecoderOptions::default()
        .set_max_width(side)
        .set_max_height(side);
    let mut decoder = BmpDecoder::new_with_options(Cursor::new(source), options);
    decoder
        .decode_headers()
        .map_err(|error| damaged(format!("{error:?}")))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    // What the decoder read is what the header said to the probe, or is checked once more.
    limits.check_source(Format::Bmp, width as u32, height as u32)?;
    let channels = match decoder.colorspace() {
        Some(ColorSpace::Luma) => Channels::Grey,
        Some(ColorSpace::RGB) => Channels::Rgb,
        Some(ColorSpace::RGBA) => Channels::Rgba,
        _ => {
            return Err(ImageError::Unsupported {
                format: Format::Bmp,
            });
        }
    };
    let mut data = decoder
        .decode()
        .map_err(|error| damaged(format!("{error:?}")))?;
    if channels == Channels::Rgba && data.chunks_exact(4).all(|pixel| pixel[3] == 0) {
        // The fourth byte means nothing in most files, and is then 0.
        data.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
    }
    let picture = Picture::new(width, height, channels, data)
        .ok_or_else(|| ImageError::damaged(Format::Bmp, "too few pixels"))?;
    Ok((picture.without_idle_alpha(), None))
}

/// Whether it is of a kind of which the decoder gives the right pixels. It takes palettes of newer
/// headers for others than they are, fields of bits for usual ones, and rows that are packed for
/// rows from the bottom.
fn is_usual(source: &[u8]) -> bool {
    let number = |at: usize| {
        let four = source.get(HEADER + at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*four))
    };
    let (Some(length), Some(height), Some(depth), Some(packing)) =
        (number(0), number(8), number(12), number(16))
    else {
        // The oldest header is shorter, and knows no such things.
        return true;
    };
    if length < USUAL {
        return true;
    }
    let masks = [40, 44, 48].map(number);
    let (depth, packed) = (depth >> 16, matches!(packing, 1 | 2));
    let palette = depth <= 8;
    let odd_fields = packing == 3 && depth == 32 && masks != BLUE_FIRST.map(Some);
    let from_top = height.cast_signed() < 0;
    !(palette && length > 64 || odd_fields || packed && from_top)
}
