//! JPEG, by our own writer.

use ::jpeg::{EncodeOptions, Encoded, Planes, Subsampling};

use super::{Goal, Made};
use crate::outline::from_jpeg;
use crate::picture::{Channels, Picture};
use crate::{Colour, Format, ImageError, effects};

/// From this quality on, colour is kept at full resolution.
pub(crate) const FULL_COLOUR_QUALITY: u8 = 90;
/// Longest EXIF data that fits one segment beside its marks (ITU-T T.81 §B.2.4), in bytes.
pub(crate) const MAX_EXIF: usize = 65_000;

pub(super) fn encode(
    picture: Picture,
    goal: &Goal<'_>,
    progressive: bool,
) -> Result<Made, ImageError> {
    let quality = goal.variant.quality_for(Format::Jpeg).value();
    let full_colour = quality >= FULL_COLOUR_QUALITY || !goal.photograph;
    encode_at(picture, goal, quality, full_colour, progressive)
}

/// Encodes at a quality, with colour at its full resolution or at half of it.
pub(super) fn encode_at(
    picture: Picture,
    goal: &Goal<'_>,
    quality: u8,
    full_colour: bool,
    progressive: bool,
) -> Result<Made, ImageError> {
    let failed = |error| ImageError::encode(Format::Jpeg, error);
    let transparent = picture.channels == Channels::Rgba;
    let picture = opaque(picture);
    let (width, height) = (picture.width, picture.height);
    let planes = if picture.channels == Channels::Grey {
        ::jpeg::gray_to_planes(picture.data, width, height)
    } else {
        let subsampling = match full_colour {
            true => Subsampling::Full,
            false => Subsampling::Quarter,
        };
        ::jpeg::rgb_to_planes(&picture.data, width, height, subsampling)
    };
    if (goal.cancel)() {
        return Err(ImageError::Cancelled);
    }
    let made = encode_planes(&planes.map_err(failed)?, quality, progressive, goal.exif)?;
    Ok(if transparent {
        made.because("on white, as JPEG has no transparency")
    } else {
        made
    })
}

/// Encodes planes that are ready.
pub(crate) fn encode_planes(
    planes: &Planes,
    quality: u8,
    progressive: bool,
    exif: Option<&[u8]>,
) -> Result<Made, ImageError> {
    let options = EncodeOptions {
        quality,
        progressive,
        exif: exif.filter(|exif| exif.len() <= MAX_EXIF),
        ..EncodeOptions::default()
    };
    ::jpeg::encode(planes, &options)
        .map(made)
        .map_err(|error| ImageError::encode(Format::Jpeg, error))
}

/// A file with the outline that its writer recorded.
pub(crate) fn made(encoded: Encoded) -> Made {
    Made {
        outline: from_jpeg(&encoded.outline()),
        bytes: encoded.bytes,
        format: Format::Jpeg,
        exact: false,
        found: None,
        shown: None,
        notes: Vec::new(),
    }
}

fn opaque(picture: Picture) -> Picture {
    let flat = effects::flatten(picture, Colour::WHITE);
    debug_assert_ne!(flat.channels, Channels::Rgba);
    flat
}
