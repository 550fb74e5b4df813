//! What pictures usually look like at an encoder's settings: where a search begins, and what is
//! made where there is no time for one.
//!
//! Medians over photographs and the widths at which pages show them, as `cargo xtask bench
//! quality-usual` prints them.

use base::Quality;

use super::Target;
use crate::Format;
use crate::encode::jpeg::FULL_COLOUR_QUALITY;

/// Settings of an encoder that a search steps through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) quality: u8,
    pub(super) full_colour: bool,
}

/// One encoder: stretches of settings, one behind the other, and what they usually look like.
pub(super) struct Kind(&'static [Stretch]);

/// Qualities from the first to the last point's, between which scores lie on straight lines.
struct Stretch {
    full_colour: bool,
    points: &'static [(u8, f32)],
}

/// JPEG: colour at half the resolution as far as that does, at the full one from there on.
pub(super) const JPEG: Kind = Kind(&[
    Stretch {
        full_colour: false,
        points: &[
            (5, -38.1),
            (10, 1.9),
            (20, 34.2),
            (30, 49.0),
            (40, 57.1),
            (50, 62.8),
            (60, 67.4),
            (70, 72.1),
            (80, 77.2),
            (85, 80.4),
            (89, 82.8),
        ],
    },
    Stretch {
        full_colour: true,
        points: &[(86, 83.0), (90, 85.4), (95, 89.7), (98, 92.0), (100, 93.5)],
    },
]);

/// WebP.
pub(super) const WEBP: Kind = Kind(&[Stretch {
    full_colour: false,
    points: &[
        (1, 10.0),
        (5, 16.4),
        (10, 25.5),
        (20, 38.8),
        (30, 48.0),
        (40, 55.0),
        (50, 60.4),
        (60, 64.8),
        (70, 68.5),
        (80, 74.7),
        (85, 79.0),
        (90, 84.0),
        (95, 88.2),
        (98, 89.8),
        (99, 90.3),
    ],
}]);

/// AVIF, whose qualities are those of JPEG by what they usually look like.
pub(super) const AVIF: Kind = JPEG;

impl Kind {
    /// Every step, and what it usually looks like.
    pub(super) fn steps(&self) -> (Vec<Step>, Vec<f32>) {
        let stretches = self.0.iter().flat_map(|stretch| {
            let first = stretch.points.first().map_or(1, |(quality, _)| *quality);
            let last = stretch.points.last().map_or(0, |(quality, _)| *quality);
            (first..=last).map(|quality| {
                let full_colour = stretch.full_colour;
                let step = Step {
                    quality,
                    full_colour,
                };
                (step, along(stretch.points, quality))
            })
        });
        stretches.unzip()
    }
}

/// The score at a quality, on the line between the points beside it.
fn along(points: &[(u8, f32)], quality: u8) -> f32 {
    let pairs = points.windows(2);
    let within = |pair: &&[(u8, f32)]| quality <= pair[1].0;
    let mut pairs = pairs.filter(within);
    match (pairs.next(), points.last()) {
        (Some(&[(from, low), (to, high)]), _) => {
            let share = f32::from(quality.saturating_sub(from)) / f32::from(to - from);
            low + (high - low) * share
        }
        (_, Some((_, last))) => *last,
        _ => 0.0,
    }
}

/// What pictures usually look like at a quality, in points of SSIMULACRA2. `None` for formats
/// without a quality.
pub fn usual_score(format: Format, quality: Quality) -> Option<f32> {
    let kind = match format {
        Format::Jpeg => &JPEG,
        Format::WebP => &WEBP,
        Format::Avif => &AVIF,
        _ => return None,
    };
    let (steps, usual) = kind.steps();
    let nearest = steps
        .iter()
        .zip(usual)
        .min_by_key(|(step, _)| step.quality.abs_diff(quality.value()));
    nearest.map(|(_, score)| score)
}

/// The quality, on the scale of JPEG, that usually gives such a picture.
pub(crate) fn usual_quality(target: Target) -> Quality {
    let (steps, usual) = JPEG.steps();
    let points = f32::from(target.points());
    let reaching = steps.iter().zip(usual).find(|(_, score)| *score >= points);
    let quality = reaching.map_or(95, |(step, _)| match step.full_colour {
        true => step.quality.max(FULL_COLOUR_QUALITY),
        false => step.quality,
    });
    Quality::new(quality)
}

impl Target {
    /// How a picture of this quality usually looks.
    pub fn usual(quality: Quality) -> Self {
        let score = usual_score(Format::Jpeg, quality).unwrap_or_default();
        Self::new(score.round() as u8)
    }
}
