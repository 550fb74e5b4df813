//! PNG. Of an animated one, its default picture.

use std::io::Cursor;

use ::png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{Parts, spread_grey};
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, colour};

/// What the decoder may allocate besides the pixels: rows, metadata, an inflated colour profile.
pub(crate) const WORKING_BYTES: usize = 16 << 20;
/// Rows between two questions whether the work is still wanted.
const ROWS_BETWEEN: usize = 64;

pub(super) fn decode(source: &[u8], cancel: &dyn Fn() -> bool) -> Result<Parts, ImageError> {
    let limits = Limits {
        bytes: WORKING_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(source), limits);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = reader.info().size();
    let (width, height) = (width as usize, height as usize);
    let interlaced = reader.info().interlaced;
    let length = reader
        .output_buffer_size()
        .ok_or_else(|| ImageError::damaged(Format::Png, "its size overflows"))?;
    let mut data = vec![0; length];
    if interlaced {
        reader.next_frame(&mut data).map_err(damaged)?;
    } else {
        let row_length = length / height.max(1);
        for (y, target) in data.chunks_exact_mut(row_length.max(1)).enumerate() {
            if y % ROWS_BETWEEN == 0 && cancel() {
                return Err(ImageError::Cancelled);
            }
            let row = reader.next_row().map_err(damaged)?;
            let row = row.ok_or_else(|| ImageError::damaged(Format::Png, "rows are missing"))?;
            let row = row.data();
            let row = row
                .get(..row_length)
                .ok_or_else(|| ImageError::damaged(Format::Png, "a row is too short"))?;
            target.copy_from_slice(row);
        }
    }
    let (channels, data) = match reader.output_color_type().0 {
        ColorType::Grayscale => (Channels::Grey, data),
        ColorType::Rgb => (Channels::Rgb, data),
        ColorType::Rgba => (Channels::Rgba, data),
        ColorType::GrayscaleAlpha => (Channels::Rgba, spread_grey(&data)),
        ColorType::Indexed => {
            return Err(ImageError::damaged(
                Format::Png,
                "its palette was not applied",
            ));
        }
    };
    let picture = Picture::new(width, height, channels, data)
        .ok_or_else(|| ImageError::damaged(Format::Png, "too few pixels"))?;
    let info = reader.info();
    let picture = colour::to_srgb(picture, info.icc_profile.as_deref(), cancel)?;
    let exif = info.exif_metadata.as_deref().map(<[u8]>::to_vec);
    Ok((picture.without_idle_alpha(), exif))
}

fn damaged(error: DecodingError) -> ImageError {
    ImageError::damaged(Format::Png, error)
}
