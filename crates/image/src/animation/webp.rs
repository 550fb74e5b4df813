//! The frames of an animated WebP as they are shown (RFC 9649 §2.7.1.1).

use std::io::Cursor;

use image_webp::{DecodingError, LoopCount, WebPDecoder};

use super::{Frame, Frames};
use crate::decode::guard;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Probe, probe};

pub(super) fn open<'a>(source: &'a [u8], probe: &Probe) -> Result<WebPFrames<'a>, ImageError> {
    let damaged = |reason| Err(ImageError::damaged(Format::WebP, reason));
    if !probe::webp_frames_fit(source, probe) {
        return damaged("a frame is larger than the picture");
    }
    guard(Format::WebP, || {
        let decoder = WebPDecoder::new(Cursor::new(source)).map_err(wrong)?;
        let sizes = (probe.width, probe.height);
        match decoder.dimensions() == sizes && decoder.is_animated() {
            true => Ok(WebPFrames { decoder }),
            false => damaged("its sizes disagree"),
        }
    })
}

fn wrong(error: DecodingError) -> ImageError {
    ImageError::damaged(Format::WebP, error)
}

/// A WebP that is read frame by frame.
pub(super) struct WebPFrames<'a> {
    decoder: WebPDecoder<Cursor<&'a [u8]>>,
}

impl Frames for WebPFrames<'_> {
    fn plays(&self) -> u16 {
        match self.decoder.loop_count() {
            LoopCount::Forever => 0,
            LoopCount::Times(times) => times.get(),
        }
    }

    fn next(&mut self) -> Result<Option<Frame>, ImageError> {
        guard(Format::WebP, || {
            let length = self.decoder.output_buffer_size();
            let length = length.ok_or_else(|| ImageError::damaged(Format::WebP, "too large"))?;
            let mut data = vec![0; length];
            let duration = match self.decoder.read_frame(&mut data) {
                Ok(duration) => duration,
                Err(DecodingError::NoMoreFrames) => return Ok(None),
                Err(error) => return Err(wrong(error)),
            };
            let (width, height) = self.decoder.dimensions();
            let channels = match self.decoder.has_alpha() {
                true => Channels::Rgba,
                false => Channels::Rgb,
            };
            let picture = Picture::new(width as usize, height as usize, channels, data)
                .ok_or_else(|| ImageError::damaged(Format::WebP, "too few pixels"))?;
            Ok(Some(Frame { picture, duration }))
        })
    }
}
