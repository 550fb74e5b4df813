//! AVIF, always with loss: slow work, for pictures that are asked for again.

use ::avif::{AvifError, Effort, Encoded, MAX_SIDE, Options, Outside};

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
/// The same for libaom (3.6, `--allintra --cpu-used=9` with quantisation matrices), in quarters of
/// its own steps: what looks the same, medians over seven photographs.
const LEVELS: [(u8, u8); 15] = [
    (1, 226),
    (5, 224),
    (10, 189),
    (20, 157),
    (30, 137),
    (40, 120),
    (50, 107),
    (60, 93),
    (70, 71),
    (80, 47),
    (85, 31),
    (89, 23),
    (90, 22),
    (95, 6),
    (100, 2),
];
/// The step for transparency: its edges are sharp, and cost little.
const ALPHA_QUANTIZER: u8 = 60;

/// Whether a picture has sides that can be encoded.
pub(crate) fn fits(picture: &Picture) -> bool {
    picture.width.max(picture.height) <= MAX_SIDE
}

/// Encodes for somebody who waits, at the variant's quality, unless that takes too long.
pub(super) fn encode_quickly(
    picture: &Picture,
    goal: &Goal<'_>,
) -> Result<Option<Made>, ImageError> {
    let task = Task {
        picture,
        goal,
        quality: goal.variant.quality.value(),
        full_colour: false,
        effort: Effort::Quick,
        looked_at: false,
    };
    let mut failed = None;
    if goal.avif.program_at_once {
        match task.by_program() {
            Some(Ok(made)) => return Ok(Some(made)),
            Some(Err(AvifError::Cancelled)) => return Err(ImageError::Cancelled),
            Some(Err(why)) => failed = Some(why),
            None => {}
        }
    }
    if !goal.avif.at_once {
        return Ok(None);
    }
    task.built_in(failed).map(Some)
}

/// Encodes at a quality, with colour at its full resolution or at half of it, without haste.
pub(super) fn encode_at(
    picture: &Picture,
    goal: &Goal<'_>,
    quality: u8,
    full_colour: bool,
) -> Result<Made, ImageError> {
    let task = Task {
        picture,
        goal,
        quality,
        full_colour,
        effort: Effort::Thorough,
        looked_at: true,
    };
    match task.by_program() {
        Some(Ok(made)) => Ok(made),
        Some(Err(AvifError::Cancelled)) => Err(ImageError::Cancelled),
        Some(Err(why)) => task.built_in(Some(why)),
        None => task.built_in(None),
    }
}

/// An AVIF to be made.
struct Task<'a> {
    picture: &'a Picture,
    goal: &'a Goal<'a>,
    quality: u8,
    full_colour: bool,
    effort: Effort,
    /// Whether somebody wants to know how it looks.
    looked_at: bool,
}

impl Task<'_> {
    /// By the host's program, where there is one that can do it.
    fn by_program(&self) -> Option<Result<Made, AvifError>> {
        let outside = self.goal.avif.program?;
        if self.looked_at && !outside.0.reads() {
            return None;
        }
        let made = self.run(Some(outside), &LEVELS);
        Some(made.map(|made| made.because(format!("coded by {}", outside.0.name()))))
    }

    /// By the encoder that is built in; `failed` is why the program did not.
    fn built_in(&self, failed: Option<AvifError>) -> Result<Made, ImageError> {
        match self.run(None, &QUANTIZERS) {
            Ok(made) => Ok(match failed {
                Some(why) => made.because(format!("coded by the encoder built in: {why}")),
                None => made,
            }),
            Err(AvifError::Cancelled) => Err(ImageError::Cancelled),
            Err(error) => Err(ImageError::encode(Format::Avif, error)),
        }
    }

    fn run(&self, outside: Option<Outside>, steps: &[(u8, u8)]) -> Result<Made, AvifError> {
        let Self {
            picture,
            goal,
            quality,
            ..
        } = *self;
        let step = step(steps, quality);
        let options = Options {
            quantizer: step,
            alpha_quantizer: ALPHA_QUANTIZER.min(step),
            full_colour: self.full_colour || quality >= FULL_COLOUR_QUALITY || !goal.photograph,
            effort: self.effort,
            outside,
            shown: self.looked_at,
        };
        let channels = match picture.channels {
            Channels::Grey => ::avif::Channels::Grey,
            Channels::Rgb => ::avif::Channels::Rgb,
            Channels::Rgba => ::avif::Channels::Rgba,
        };
        let size = (picture.width, picture.height);
        let Encoded { bytes, shown } =
            ::avif::encode(&picture.data, channels, size, &options, goal.cancel)?;
        Ok(Made {
            outline: outline_of(&bytes),
            bytes,
            format: Format::Avif,
            exact: false,
            found: None,
            shown: shown.and_then(|shown| {
                Picture::new(picture.width, picture.height, picture.channels, shown)
            }),
            notes: Vec::new(),
        })
    }
}

/// The step at a quality, on the line between the two beside it.
fn step(steps: &[(u8, u8)], quality: u8) -> u8 {
    let mut pairs = steps.windows(2);
    let around = pairs
        .rfind(|pair| quality >= pair[0].0)
        .unwrap_or(&steps[..2]);
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
        for table in [QUANTIZERS, LEVELS] {
            let steps: Vec<u8> = (1..=100).map(|quality| step(&table, quality)).collect();
            assert!(steps.is_sorted_by(|one, next| one >= next), "{steps:?}");
            for (quality, wanted) in table {
                assert_eq!(step(&table, quality), wanted, "{quality}");
            }
        }
    }
}
