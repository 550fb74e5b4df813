//! The frames of a GIF as they are shown (GIF 89a §23): each is drawn over what those before left.

use std::io::Cursor;
use std::num::NonZeroU64;

use ::gif::{
    ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit, Repeat,
};

use super::{Frame, Frames};
use crate::decode::guard;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits, Probe};

/// Durations up to this many milliseconds are what browsers take for a mistake.
const MISTAKEN: u32 = 10;
/// What browsers show such frames for.
const USUAL: u32 = 100;

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
        canvas: Canvas {
            width,
            height,
            data: vec![0; width * height * 4],
        },
        disposal: Disposal::Keep,
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
    /// What becomes of the last frame before the next one is drawn.
    disposal: Disposal,
}

enum Disposal {
    Keep,
    Clear(Place),
    /// What the canvas was before the frame.
    Restore(Vec<u8>),
}

/// Where a frame lies.
#[derive(Clone, Copy)]
struct Place {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
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
        match std::mem::replace(&mut self.disposal, Disposal::Keep) {
            Disposal::Keep => {}
            Disposal::Clear(place) => self.canvas.clear(place),
            Disposal::Restore(data) => self.canvas.data = data,
        }
        self.disposal = match dispose {
            DisposalMethod::Background => Disposal::Clear(place),
            DisposalMethod::Previous => Disposal::Restore(self.canvas.data.clone()),
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
        };
        self.canvas.draw(place, &pixels);
        let Canvas {
            width,
            height,
            ref data,
        } = self.canvas;
        let picture = Picture::new(width, height, Channels::Rgba, data.clone())
            .ok_or_else(|| ImageError::damaged(Format::Gif, "its screen is empty"))?;
        let duration = if delay <= MISTAKEN { USUAL } else { delay };
        Ok(Some(Frame { picture, duration }))
    }
}

/// The screen, as RGBA.
struct Canvas {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Canvas {
    /// The rows of a place that lie on the screen, each as far as it does.
    fn rows(&mut self, place: Place) -> impl Iterator<Item = &mut [u8]> {
        let (width, height) = (self.width, self.height);
        let (left, right) = (place.left.min(width), (place.left + place.width).min(width));
        let bottom = (place.top + place.height).min(height);
        let rows = self.data.chunks_exact_mut(width * 4);
        let rows = rows.take(bottom).skip(place.top);
        rows.map(move |row| &mut row[left * 4..right * 4])
    }

    fn clear(&mut self, place: Place) {
        self.rows(place).for_each(|row| row.fill(0));
    }

    /// Draws what is not transparent.
    fn draw(&mut self, place: Place, pixels: &[u8]) {
        if place.width == 0 {
            return;
        }
        for (row, new) in self.rows(place).zip(pixels.chunks_exact(place.width * 4)) {
            for (old, new) in row.chunks_exact_mut(4).zip(new.chunks_exact(4)) {
                if new[3] != 0 {
                    old.copy_from_slice(new);
                }
            }
        }
    }
}
