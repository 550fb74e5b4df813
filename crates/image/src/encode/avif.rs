//! AVIF, always with loss: slow work, for pictures that are asked for again.

use ::avif::{AvifError, Effort, Encoded, MAX_SIDE, Options};

use super::jpeg::FULL_COLOUR_QUALITY;
use super::{Goal, Made};
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, outline_of};

/// The encoder's steps at qualities on the scale of JPEG, which usually look as a JPEG of that
/// quality does: medians over photographs, by SSIMULACRA2. From [`FULL_COLOUR_QUALITY`] on, colour
/// has its full resolution.
const QUANTIZERS: [(u8, u8); 15] = [
    (1, 252),
    (5, 246),
    (10, 211),
    (20, 182),
    (30, 165),
    (40, 153),
    (50, 144),
    (60, 134),
    (70, 123),
    (80, 104),
    (85, 89),
    (89, 73),
    (90, 64),
    (95, 30),
    (100, 8),
];
/// The step for transparency: its edges are sharp, and cost little.
const ALPHA_QUANTIZER: u8 = 60;

/// Whether a picture has sides that can be encoded.
pub(crate) fn fits(picture: &Picture) -> bool {
    picture.width.max(picture.height) <= MAX_SIDE
}

/// Encodes for somebody who waits, at the variant's quality.
pub(super) fn encode_quickly(picture: &Picture, goal: &Goal<'_>) -> Result<Made, ImageError> {
    let quality = goal.variant.quality.value();
    run(picture, goal, quality, false, Effort::Quick)
}

/// Encodes at a quality, with colour at its full resolution or at half of it, without haste.
pub(super) fn encode_at(
    picture: &Picture,
    goal: &Goal<'_>,
    quality: u8,
    full_colour: bool,
) -> Result<Made, ImageError> {
    run(picture, goal, quality, full_colour, Effort::Thorough)
}

fn run(
    picture: &Picture,
    goal: &Goal<'_>,
    quality: u8,
    full_colour: bool,
    effort: Effort,
) -> Result<Made, ImageError> {
    let options = Options {
        quantizer: quantizer(quality),
        alpha_quantizer: ALPHA_QUANTIZER.min(quantizer(quality)),
        full_colour: full_colour || quality >= FULL_COLOUR_QUALITY || !goal.photograph,
        effort,
    };
    let channels = match picture.channels {
        Channels::Grey => ::avif::Channels::Grey,
        Channels::Rgb => ::avif::Channels::Rgb,
        Channels::Rgba => ::avif::Channels::Rgba,
    };
    let (width, height) = (picture.width, picture.height);
    let size = (width, height);
    match ::avif::encode(&picture.data, channels, size, &options, goal.cancel) {
        Ok(Encoded { bytes, shown }) => Ok(Made {
            outline: outline_of(&bytes),
            bytes,
            format: Format::Avif,
            exact: false,
            found: None,
            shown: Picture::new(width, height, picture.channels, shown),
            notes: Vec::new(),
        }),
        Err(AvifError::Cancelled) => Err(ImageError::Cancelled),
        Err(error) => Err(ImageError::encode(Format::Avif, error)),
    }
}

/// The step at a quality, on the line between the two beside it.
fn quantizer(quality: u8) -> u8 {
    let mut pairs = QUANTIZERS.windows(2);
    let around = pairs
        .rfind(|pair| quality >= pair[0].0)
        .unwrap_or(&QUANTIZERS[..2]);
    let ((from, coarse), (to, fine)) = (around[0], around[1]);
    let (from, coarse, to, fine) = (
        i32::from(from),
        i32::from(coarse),
        i32::from(to),
        i32::from(fine),
    );
    let along = coarse + (fine - coarse) * (i32::from(quality) - from) / (to - from);
    along.clamp(1, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_quality_never_has_a_coarser_step() {
        let steps: Vec<u8> = (1..=100).map(quantizer).collect();
        assert!(steps.is_sorted_by(|one, next| one >= next), "{steps:?}");
        for (quality, step) in QUANTIZERS {
            assert_eq!(quantizer(quality), step, "{quality}");
        }
    }
}
