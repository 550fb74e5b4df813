//! The frames of an animated PNG as they are shown (PNG 3rd edition §4.9, §11.3.6).

use std::io::Cursor;

use ::png::{
    BlendOp, ColorType, Decoder, DecodingError, DisposeOp, FrameControl, Limits as PngLimits,
    Reader, Transformations,
};

use super::canvas::{After, Blend, Canvas, Place};
use super::{Frame, Frames, shown_for};
use crate::decode::{WORKING_BYTES, guard, spread_grey};
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Probe, colour};

pub(super) fn open<'a>(
    source: &'a [u8],
    probe: &Probe,
    cancel: &'a dyn Fn() -> bool,
) -> Result<PngFrames<'a>, ImageError> {
    guard(Format::Png, || {
        let limits = PngLimits {
            bytes: WORKING_BYTES,
        };
        let mut decoder = Decoder::new_with_limits(Cursor::new(source), limits);
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        decoder.set_ignore_text_chunk(true);
        let mut reader = decoder.read_info().map_err(damaged)?;
        let control = reader.info().animation_control;
        let control =
            control.ok_or_else(|| ImageError::damaged(Format::Png, "it has no frames"))?;
        if reader.info().frame_control.is_none() {
            // What is shown where nothing moves is none of the frames.
            reader.next_frame_info().map_err(damaged)?;
        }
        Ok(PngFrames {
            reader,
            plays: control.num_plays.min(u16::MAX.into()) as u16,
            left: control.num_frames,
            canvas: Canvas::new(probe.width as usize, probe.height as usize),
            first: true,
            cancel,
        })
    })
}

fn damaged(error: DecodingError) -> ImageError {
    ImageError::damaged(Format::Png, error)
}

/// An animated PNG that is read frame by frame.
pub(super) struct PngFrames<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    plays: u16,
    /// Frames that are still to come.
    left: u32,
    canvas: Canvas,
    first: bool,
    cancel: &'a dyn Fn() -> bool,
}

impl Frames for PngFrames<'_> {
    fn plays(&self) -> u16 {
        self.plays
    }

    fn next(&mut self) -> Result<Option<Frame>, ImageError> {
        guard(Format::Png, || self.read())
    }
}

impl PngFrames<'_> {
    fn read(&mut self) -> Result<Option<Frame>, ImageError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let pixels = self.pixels()?;
        let control = self.reader.info().frame_control;
        let control =
            control.ok_or_else(|| ImageError::damaged(Format::Png, "a frame is missing"))?;
        let after = match control.dispose_op {
            DisposeOp::None => After::Kept,
            // Before the first frame there was nothing.
            DisposeOp::Previous if !self.first => After::Restored,
            DisposeOp::Background | DisposeOp::Previous => After::Cleared,
        };
        let blend = match control.blend_op {
            BlendOp::Source => Blend::Source,
            BlendOp::Over => Blend::Over,
        };
        self.first = false;
        self.canvas.draw(place(&control), &pixels, blend, after);
        let picture = self.canvas.picture(Format::Png)?;
        let profile = self.reader.info().icc_profile.as_deref();
        Ok(Some(Frame {
            picture: colour::to_srgb(picture, profile, self.cancel)?,
            duration: shown_for(duration(&control)),
        }))
    }

    /// The next frame by itself, as RGBA.
    fn pixels(&mut self) -> Result<Vec<u8>, ImageError> {
        let length = self.reader.output_buffer_size();
        let length = length.ok_or_else(|| ImageError::damaged(Format::Png, "too large"))?;
        let mut data = vec![0; length];
        let frame = self.reader.next_frame(&mut data).map_err(damaged)?;
        data.truncate(frame.buffer_size());
        let channels = match frame.color_type {
            ColorType::Grayscale => Channels::Grey,
            ColorType::Rgb => Channels::Rgb,
            ColorType::Rgba => Channels::Rgba,
            ColorType::GrayscaleAlpha => return Ok(spread_grey(&data)),
            ColorType::Indexed => {
                return Err(ImageError::damaged(
                    Format::Png,
                    "its palette was not applied",
                ));
            }
        };
        let picture = Picture::new(frame.width as usize, frame.height as usize, channels, data);
        let picture = picture.ok_or_else(|| ImageError::damaged(Format::Png, "too few pixels"))?;
        Ok(picture.into_rgba().data)
    }
}

fn place(control: &FrameControl) -> Place {
    Place {
        left: control.x_offset as usize,
        top: control.y_offset as usize,
        width: control.width as usize,
        height: control.height as usize,
    }
}

/// In milliseconds. No denominator means hundredths of a second.
fn duration(control: &FrameControl) -> u32 {
    let parts = match control.delay_den {
        0 => 100,
        parts => u32::from(parts),
    };
    (u32::from(control.delay_num) * 1000 + parts / 2) / parts
}
