//! Compares what an encoder made with what it was given.

use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Error, Ssimulacra2Reference};

use crate::ImageError;
use crate::picture::{Channels, Picture};

/// Pictures of more pixels are compared by samples of about this many.
const SAMPLE: usize = 1 << 20;
/// Rows of one band of a sample; a multiple of the blocks that encoders work in.
const BAND: usize = 128;

/// The part of a picture that is compared: all of it, or bands of rows across it, one below the
/// other.
pub(super) fn sample(picture: &Picture) -> Picture {
    let Picture {
        width,
        height,
        channels,
        ..
    } = *picture;
    let bands = (SAMPLE / (width * BAND)).max(1);
    if width * height <= SAMPLE || bands * BAND >= height {
        return picture.clone();
    }
    let row = picture.row_length();
    let blocks = (height - BAND) / BLOCK;
    let mut data = Vec::with_capacity(bands * BAND * row);
    for band in 0..bands {
        // In the middle of the stretch it stands for.
        let top = (blocks * (2 * band + 1) / (2 * bands)) * BLOCK;
        data.extend_from_slice(&picture.data[top * row..(top + BAND) * row]);
    }
    Picture {
        width,
        height: bands * BAND,
        channels,
        data,
    }
}

/// Bands begin on such rows, as the blocks of the encoders do.
const BLOCK: usize = 16;

/// A picture that others are compared with.
pub(super) struct Gauge {
    reference: Ssimulacra2Reference,
    size: (usize, usize),
    alpha: bool,
}

impl Gauge {
    /// Prepares the comparison; costs about 150 bytes of memory a pixel.
    pub(super) fn new(picture: Picture) -> Result<Self, ImageError> {
        let size = (picture.width, picture.height);
        let alpha = picture.channels == Channels::Rgba;
        let picture = like(picture, alpha);
        let reference = Ssimulacra2Reference::new(&view(&picture)?).map_err(failed)?;
        Ok(Self {
            reference,
            size,
            alpha,
        })
    }

    /// How good a picture looks beside it; `None` if it has other dimensions.
    pub(super) fn score(&self, picture: Picture) -> Result<Option<f32>, ImageError> {
        if (picture.width, picture.height) != self.size {
            return Ok(None);
        }
        let picture = like(picture, self.alpha);
        let score = self.reference.compare(&view(&picture)?).map_err(failed)?;
        Ok(Some(score as f32))
    }
}

/// Both sides in the same channels.
fn like(picture: Picture, alpha: bool) -> Picture {
    match alpha {
        true => picture.into_rgba(),
        false => picture.into_colour(),
    }
}

fn view(picture: &Picture) -> Result<PixelSlice<'_>, ImageError> {
    let descriptor = match picture.channels {
        Channels::Grey => PixelDescriptor::GRAY8_SRGB,
        Channels::Rgb => PixelDescriptor::RGB8_SRGB,
        Channels::Rgba => PixelDescriptor::RGBA8_SRGB,
    };
    PixelSlice::new(
        &picture.data,
        picture.width as u32,
        picture.height as u32,
        picture.row_length(),
        descriptor,
    )
    .map_err(|error| ImageError::Compare {
        reason: format!("{error:?}"),
    })
}

fn failed(error: Ssimulacra2Error) -> ImageError {
    ImageError::Compare {
        reason: error.to_string(),
    }
}
