//! WebP. Of an animated one, its first frame.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::Parts;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Probe, colour, probe};

/// Most bytes of a metadata chunk that are read.
const METADATA_BYTES: usize = 8 << 20;

pub(super) fn decode(source: &[u8], probe: &Probe) -> Result<Parts, ImageError> {
    if !probe::webp_frames_fit(source, probe) {
        return Err(ImageError::damaged(
            Format::WebP,
            "a frame is larger than the picture",
        ));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(source)).map_err(damaged)?;
    decoder.set_memory_limit(METADATA_BYTES);
    if decoder.dimensions() != (probe.width, probe.height) {
        return Err(ImageError::damaged(Format::WebP, "its sizes disagree"));
    }
    let length = decoder
        .output_buffer_size()
        .ok_or_else(|| ImageError::damaged(Format::WebP, "its size overflows"))?;
    let mut data = vec![0; length];
    decoder.read_image(&mut data).map_err(damaged)?;
    let channels = if decoder.has_alpha() {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    let picture = Picture::new(probe.width as usize, probe.height as usize, channels, data)
        .ok_or_else(|| ImageError::damaged(Format::WebP, "too few pixels"))?;
    // Metadata that cannot be read is as good as none.
    let icc = decoder.icc_profile().ok().flatten();
    let exif = decoder.exif_metadata().ok().flatten();
    let picture = colour::to_srgb(picture, icc.as_deref(), &|| false)?;
    Ok((picture.without_idle_alpha(), exif))
}

fn damaged(error: DecodingError) -> ImageError {
    ImageError::damaged(Format::WebP, error)
}
