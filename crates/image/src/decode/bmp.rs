//! Windows bitmaps.

use std::io::Cursor;

use zune_bmp::BmpDecoder;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use super::Parts;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits};

pub(super) fn decode(source: &[u8], limits: &Limits) -> Result<Parts, ImageError> {
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
