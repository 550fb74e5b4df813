//! AVIF. Boxes are read here; what is coded is decoded elsewhere.

use std::ops::Range;

use ::avif::{Planes, ReadError, Still, pixels};

use super::Parts;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits, OutsideError, colour};

const UNSUPPORTED: ImageError = ImageError::Unsupported {
    format: Format::Avif,
};
/// Colour primaries that pass for those of sRGB (ITU-T H.273 §8.1): BT.709, unspecified, BT.601.
const PLAIN_PRIMARIES: [u16; 4] = [1, 2, 5, 6];
/// Transfer characteristics of light brighter than white (§8.2): PQ and HLG; and linear light.
const OTHER_CURVES: [u16; 3] = [8, 16, 18];

pub(super) fn decode(
    source: &[u8],
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Parts, ImageError> {
    let still = Still::read(source).map_err(failure)?;
    limits.check_source(Format::Avif, still.width, still.height)?;
    let run = |pieces: &[Range<usize>]| run(source, pieces, &still, limits, cancel);
    let planes = run(&still.colour)?;
    let alpha = still.alpha.as_deref().map(run).transpose()?;
    let icc = still.profile.clone().and_then(|range| source.get(range));
    let numbers = still.numbers.unwrap_or(planes.numbers);
    let plain = icc.is_some() || PLAIN_PRIMARIES.contains(&numbers.primaries);
    if !plain || OTHER_CURVES.contains(&numbers.transfer) {
        return Err(UNSUPPORTED);
    }
    let (channels, data) =
        pixels(&planes, alpha.as_ref(), still.numbers, still.premultiplied).ok_or(UNSUPPORTED)?;
    let channels = match channels {
        ::avif::Channels::Grey => Channels::Grey,
        ::avif::Channels::Rgb => Channels::Rgb,
        ::avif::Channels::Rgba => Channels::Rgba,
    };
    let picture = Picture::new(planes.width, planes.height, channels, data)
        .ok_or_else(|| ImageError::damaged(Format::Avif, "too few pixels"))?;
    let picture = colour::to_srgb(picture, icc, cancel)?;
    let exif = still.exif.and_then(|range| source.get(range));
    Ok((picture.without_idle_alpha(), exif.map(<[u8]>::to_vec)))
}

/// What a file that is not read is.
pub(crate) fn failure(error: ReadError) -> ImageError {
    match error {
        ReadError::Damaged(reason) => ImageError::damaged(Format::Avif, reason),
        ReadError::Unsupported(_) => UNSUPPORTED,
    }
}

/// Has a coded picture decoded.
fn run(
    source: &[u8],
    pieces: &[Range<usize>],
    still: &Still,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Planes, ImageError> {
    let decoder = limits.decoders.av1.ok_or(UNSUPPORTED)?;
    let pieces = pieces.iter().map(|piece| source.get(piece.clone()));
    let units = pieces
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| ImageError::damaged(Format::Avif, "it is cut off"))?
        .concat();
    let size = (still.width, still.height);
    let planes = decoder
        .decode(units, size, cancel)
        .map_err(|error| match error {
            OutsideError::Failed(reason) => ImageError::damaged(Format::Avif, reason),
            OutsideError::Cancelled => ImageError::Cancelled,
            OutsideError::Absent => UNSUPPORTED,
        })?;
    if (planes.width, planes.height) != (size.0 as usize, size.1 as usize) {
        return Err(ImageError::damaged(Format::Avif, "its sizes disagree"));
    }
    Ok(planes)
}
