//! GIF: the first frame on its screen.

use std::io::Cursor;
use std::num::NonZeroU64;

use ::gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::Parts;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits};

pub(super) fn decode(source: &[u8], limits: &Limits) -> Result<Parts, ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most = limits.max_pixels.saturating_mul(4).max(1);
    options
        .set_memory_limit(NonZeroU64::new(most).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(Cursor::new(source)).map_err(damaged)?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let frame = decoder
        .next_frame_info()
        .map_err(damaged)?
        .ok_or_else(|| ImageError::damaged(Format::Gif, "it has no frame"))?;
    limits.check_source(Format::Gif, frame.width.into(), frame.height.into())?;
    let place = Place {
        left: frame.left.into(),
        top: frame.top.into(),
        width: frame.width.into(),
    };
    let mut pixels = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut pixels).map_err(damaged)?;
    let mut data = vec![0; width * height * 4];
    place.copy(&pixels, &mut data, width);
    let picture = Picture::new(width, height, Channels::Rgba, data)
        .ok_or_else(|| ImageError::damaged(Format::Gif, "its screen is empty"))?;
    Ok((picture.without_idle_alpha(), None))
}

fn damaged(error: DecodingError) -> ImageError {
    ImageError::damaged(Format::Gif, error)
}

/// Where the frame lies on the screen.
struct Place {
    left: usize,
    top: usize,
    width: usize,
}

impl Place {
    /// Copies what of the frame lies on the screen; the rest of the screen stays transparent.
    fn copy(&self, frame: &[u8], screen: &mut [u8], screen_width: usize) {
        if self.left >= screen_width || self.width == 0 {
            return;
        }
        let visible = self.width.min(screen_width - self.left) * 4;
        let rows = screen.chunks_exact_mut(screen_width * 4).skip(self.top);
        for (target, row) in rows.zip(frame.chunks_exact(self.width * 4)) {
            target[self.left * 4..][..visible].copy_from_slice(&row[..visible]);
        }
    }
}
