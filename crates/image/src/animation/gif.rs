//! The frames of a GIF as they are shown (GIF 89a §23): each is drawn over what those before left.

use std::io::Cursor;
use std::num::NonZeroU64;

use ::gif::{
    ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit, Repeat,
};

use super::canvas::{After, Blend, Canvas, Place};
use super::{Frame, Frames, shown_for};
use crate::decode::guard;
use crate::{Format, ImageError, Limits, Probe};

pub(super) fn open<'a>(
    source: &'a [u8],
    probe: &Probe,
    limits: &Limits,
) -> Result<GifFrames<'a>, ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most = limits.max_pixels.saturating_mul(4).max(1);
    options
        .set_memory_limit(NonZeroU64::new(most).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let decoder = options.read_info(Cursor::new(source)).map_err(damaged)?;
    let (width, height) = (probe.width as usize, probe.height as usize);
    Ok(GifFrames {
        decoder,
        limits: *limits,
        canvas: Canvas::new(width, height),
    })
}

fn damaged(error: DecodingError) -> ImageError {
    ImageError::damaged(Format::Gif, error)
}

/// A GIF that is read frame by frame.
pub(super) struct GifFrames<'a> {
    decoder: Decoder<Cursor<&'a [u8]>>,
    limits: Limits,
    canvas: Canvas,
}

impl Frames for GifFrames<'_> {
    fn plays(&self) -> u16 {
        match self.decoder.repeat() {
            Repeat::Infinite => 0,
            // So often again after the first time.
            Repeat::Finite(again) => again.saturating_add(1),
        }
    }

    fn next(&mut self) -> Result<Option<Frame>, ImageError> {
        guard(Format::Gif, || self.read())
    }
}

impl GifFrames<'_> {
    fn read(&mut self) -> Result<Option<Frame>, ImageError> {
        let Some(frame) = self.decoder.next_frame_info().map_err(damaged)? else {
            return Ok(None);
        };
        self.limits
            .check_source(Format::Gif, frame.width.into(), frame.height.into())?;
        let place = Place {
            left: frame.left.into(),
            top: frame.top.into(),
            width: frame.width.into(),
            height: frame.height.into(),
        };
        let (dispose, delay) = (frame.dispose, u32::from(frame.delay) * 10);
        let mut pixels = vec![0; self.decoder.buffer_size()];
        self.decoder
            .read_into_buffer(&mut pixels)
            .map_err(damaged)?;
        let after = match dispose {
            DisposalMethod::Background => After::Cleared,
            DisposalMethod::Previous => After::Restored,
            DisposalMethod::Any | DisposalMethod::Keep => After::Kept,
        };
        // What is transparent shows what was there, and there is nothing in between.
        self.canvas.draw(place, &pixels, Blend::Over, after);
        Ok(Some(Frame {
            picture: self.canvas.picture(Format::Gif)?,
            duration: shown_for(delay),
        }))
    }
}
