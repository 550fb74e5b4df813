//! JPEG, by our own writer.

use ::jpeg::{EncodeOptions, Subsampling};

use super::{Goal, Made};
use crate::outline::from_jpeg;
use crate::picture::{Channels, Picture};
use crate::{Colour, Format, ImageError, effects};

/// From this quality on, colour is kept at full resolution.
const FULL_COLOUR_QUALITY: u8 = 90;
/// Longest EXIF data that fits one segment beside its marks (ITU-T T.81 §B.2.4), in bytes.
const MAX_EXIF: usize = 65_000;

pub(super) fn encode(
    picture: Picture,
    goal: &Goal<'_>,
    progressive: bool,
) -> Result<Made, ImageError> {
    let failed = |error| ImageError::encode(Format::Jpeg, error);
    let transparent = picture.channels == Channels::Rgba;
    let picture = opaque(picture);
    let quality = goal.variant.quality.value();
    let (width, height) = (picture.width, picture.height);
    let planes = if picture.channels == Channels::Grey {
        ::jpeg::gray_to_planes(picture.data, width, height)
    } else {
        let subsampling = if quality >= FULL_COLOUR_QUALITY || !goal.photograph {
            Subsampling::Full
        } else {
            Subsampling::Quarter
        };
        ::jpeg::rgb_to_planes(&picture.data, width, height, subsampling)
    };
    if (goal.cancel)() {
        return Err(ImageError::Cancelled);
    }
    let options = EncodeOptions {
        quality,
        progressive,
        exif: goal.exif.filter(|exif| exif.len() <= MAX_EXIF),
        ..EncodeOptions::default()
    };
    let encoded = ::jpeg::encode(&planes.map_err(failed)?, &options).map_err(failed)?;
    let mut made = Made {
        outline: from_jpeg(&encoded.outline()),
        bytes: encoded.bytes,
        format: Format::Jpeg,
        notes: Vec::new(),
    };
    if transparent {
        made = made.because("on white, as JPEG has no transparency");
    }
    Ok(made)
}

fn opaque(picture: Picture) -> Picture {
    let flat = effects::flatten(picture, Colour::WHITE);
    debug_assert_ne!(flat.channels, Channels::Rgba);
    flat
}
