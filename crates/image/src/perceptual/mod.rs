//! Quality as the eye has it: an encoder's setting is sought at which a picture looks as good as
//! wanted, on the scale of SSIMULACRA2, instead of one number for all pictures.
//!
//! Slow, for the background: a handful of encodes, each decoded and compared. What is found is kept
//! as a [`Found`], with which [`render_found`](crate::render_found) makes the same file at once.

mod aim;
mod curve;
mod gauge;
mod seek;
#[cfg(test)]
mod tests;

use std::fmt;

use base::Quality;

use crate::{Format, ImageError, Limits, Outcome, Variant};

pub(crate) use curve::usual_quality;
pub use curve::usual_score;

/// Most encodes of one search.
pub const MOST_ENCODES: usize = 6;
/// Most encodes more where an AVIF comes in question.
pub const MOST_ENCODES_OF_AVIF: usize = 2;
/// How far from its target a search may end, in points.
pub const TOLERANCE: f32 = 1.5;

/// How good a picture is to look, in points of SSIMULACRA2: 90 cannot be told from the source, 70
/// is of high quality, 50 of medium, 30 of low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(u8);

impl Target {
    /// A target; values outside 10–95 are brought to the nearer end.
    pub const fn new(points: u8) -> Self {
        Self(if points < 10 {
            10
        } else if points > 95 {
            95
        } else {
            points
        })
    }

    /// The points, 10–95.
    pub const fn points(self) -> u8 {
        self.0
    }

    /// The same less so many points.
    #[must_use]
    pub const fn less(self, points: u8) -> Self {
        Self::new(self.0.saturating_sub(points))
    }

    /// The quality that usually gives such a picture, where there was no time to seek.
    pub fn usual_quality(self) -> Quality {
        usual_quality(self)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a search came to: how a file is made that looks as good as wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// With loss.
    Lossy {
        /// The kind of file.
        format: Format,
        /// The encoder's setting.
        quality: Quality,
        /// Whether colour keeps its resolution; only JPEG has the choice.
        full_colour: bool,
        /// How good it looks, in points of SSIMULACRA2.
        score: f32,
    },
    /// Without loss, as that costs little.
    Exact {
        /// The kind of file.
        format: Format,
    },
    /// The source is better, or its pixels in another order.
    Source,
}

impl Found {
    /// Whether the same takes too long to be made again while somebody waits.
    pub const fn is_slow(&self) -> bool {
        matches!(
            self,
            Self::Lossy {
                format: Format::Avif,
                ..
            }
        )
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lossy { quality, score, .. } => write!(f, "quality={quality}; score={score:.1}"),
            Self::Exact { .. } => f.write_str("exact"),
            Self::Source => f.write_str("source"),
        }
    }
}

/// A search that ended.
#[derive(Clone, Debug)]
pub struct Searched {
    /// What was made.
    pub outcome: Outcome,
    /// How the same is made again.
    pub found: Found,
    /// How many encodes it took.
    pub encodes: usize,
    /// What the file would have as each kind that was tried, at the target.
    pub sizes: Vec<(Format, u64)>,
}

/// Seeks how a variant is made best, and makes it. With a target, that is the quality that meets it.
/// Without, it is an AVIF that looks as good as what [`render`](crate::render) makes, where the
/// client may get one and its bytes pay. `None` if there is nothing to seek or nothing was found:
/// the variant is passed on as it is, its format has no quality, or what is made at once is best.
///
/// Costs up to [`MOST_ENCODES`] and [`MOST_ENCODES_OF_AVIF`] encodes, decodes and comparisons of the result; large results are
/// compared by samples of about a megapixel.
///
/// # Errors
/// As for [`render`](crate::render).
pub fn search(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<Searched>, ImageError> {
    match variant.target {
        Some(target) => seek::search(source, variant, target, limits, cancel),
        None if variant.may_become_avif() => seek::later::search(source, variant, limits, cancel),
        None => Ok(None),
    }
}

/// How good files look beside the very variant of the source without any loss, in points of
/// SSIMULACRA2; 100 for the same pixels. `None` for files that are not compared: of other
/// dimensions, or of a kind that is not read.
///
/// # Errors
/// As for [`render`](crate::render), for the source and for the files.
pub fn scores(
    source: &[u8],
    variant: &Variant,
    files: &[&[u8]],
    limits: &Limits,
) -> Result<Vec<Option<f32>>, ImageError> {
    seek::scores(source, variant, files, limits)
}
