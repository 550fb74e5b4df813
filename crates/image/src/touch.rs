//! What only other servers' URLs ask for beyond place and tone: changes to the pixels, what
//! surrounds a picture, and conditions on the file.

use std::fmt;

use base::Quality;

use crate::{Colour, Format, Limits};

/// A change to the pixels of the result. Several are made in the order in which they are asked for,
/// after brightness, contrast, saturation, blur and sharpening.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Touch {
    /// Squares of so many pixels become one colour each.
    Pixelate(u32),
    /// Added to red, green and blue, -255 to 255.
    Shift([i16; 3]),
    /// Noise of up to so many per cent, the same for every rendering.
    Noise(u8),
    /// Colours are spread so that each is used as often as any other.
    Equalize,
    /// Each pixel becomes a weighted sum of its surroundings.
    Kernel(Kernel),
    /// Corners are rounded.
    Round {
        /// Half of the ellipse's width, in pixels.
        across: u32,
        /// Half of its height.
        down: u32,
        /// What is outside; with an alpha of 0 it is clear.
        outside: Colour,
    },
}

/// Most columns and rows of a [`Kernel`].
pub(crate) const MAX_KERNEL: usize = 15;

/// Weights of a pixel's surroundings, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    columns: usize,
    /// Millionths.
    weights: Vec<i32>,
}

impl Kernel {
    /// Weights in rows of so many columns, divided by their sum where `normalized` (and that is not
    /// 0). `None` if they are no whole number of rows, or more than 15 columns or rows.
    pub fn new(columns: usize, weights: &[f64], normalized: bool) -> Option<Self> {
        let rows = weights.len().checked_div(columns)?;
        let sound = (1..=MAX_KERNEL).contains(&columns) && (1..=MAX_KERNEL).contains(&rows);
        if !sound || rows * columns != weights.len() {
            return None;
        }
        let sum: f64 = weights.iter().sum();
        let divisor = if normalized && sum != 0.0 { sum } else { 1.0 };
        let millionths = |weight: &f64| (weight / divisor * 1e6).clamp(-2e9, 2e9).round() as i32;
        Some(Self {
            columns,
            weights: weights.iter().map(millionths).collect(),
        })
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.columns, self.weights.len() / self.columns.max(1))
    }

    /// Weights row by row, in millionths.
    pub(crate) fn weights(&self) -> &[i32] {
        &self.weights
    }
}

impl fmt::Display for Touch {
    /// Writes it as an option, without a comma; equal texts for equal ones only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixelate(size) => write!(f, "pixelate={size}"),
            Self::Shift([red, green, blue]) => write!(f, "shift={red};{green};{blue}"),
            Self::Noise(amount) => write!(f, "noise={amount}"),
            Self::Equalize => f.write_str("equalize"),
            Self::Kernel(kernel) => {
                let weights: Vec<String> = kernel.weights.iter().map(i32::to_string).collect();
                write!(f, "kernel={}:{}", kernel.columns, weights.join(";"))
            }
            Self::Round {
                across,
                down,
                outside,
            } => {
                let Colour {
                    red,
                    green,
                    blue,
                    alpha,
                } = outside;
                write!(
                    f,
                    "round={across};{down};{red:02x}{green:02x}{blue:02x}{alpha:02x}"
                )
            }
        }
    }
}

base::choices! {
    /// What surrounds a picture that is smaller than its canvas, in place of one colour for all.
    pub enum Surroundings {
        /// The picture itself, filling the canvas and blurred.
        Blurred = "blurred",
        /// The mean of its colours.
        Mean = "mean",
    }
}

/// Conditions on the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Demands {
    /// Most bytes of a lossy file: it gets the best quality that keeps to them, as far down as 10.
    pub max_bytes: Option<u32>,
    /// Qualities of kinds of files, where the URL asks for none for all.
    pub qualities: Vec<(Format, Quality)>,
    /// Whether the source is passed on as it is, whatever else is asked.
    pub untouched: bool,
    /// Kinds of sources that are passed on as they are, where the client may get them.
    pub skipped: Vec<Format>,
    /// Where facts are asked for: the source's address, which they name in the form of thumbor.
    pub meta: Option<String>,
    /// Most pixels of the source, below those of the limits.
    pub most_pixels: Option<u64>,
    /// Largest source file in bytes, the same.
    pub most_bytes: Option<u32>,
    /// Most frames of an animation, the same.
    pub most_frames: Option<u32>,
}

impl Demands {
    /// The quality for a kind of file; the last one that was said.
    pub fn quality(&self, format: Format) -> Option<Quality> {
        let mut said = self.qualities.iter().rev();
        said.find(|(known, _)| *known == format)
            .map(|(_, quality)| *quality)
    }

    /// The limits with those of the URL, where they are tighter.
    pub(crate) fn tightened(&self, limits: &Limits) -> Limits {
        let frames = self.most_frames.map(|most| most as usize);
        Limits {
            max_pixels: self
                .most_pixels
                .map_or(limits.max_pixels, |most| most.min(limits.max_pixels)),
            max_bytes: self
                .most_bytes
                .map_or(limits.max_bytes, |most| limits.max_bytes.min(most.into())),
            max_frames: frames.map_or(limits.max_frames, |most| most.min(limits.max_frames)),
            ..*limits
        }
    }

    /// Each as an option; equal texts for equal ones only.
    pub(crate) fn options(&self) -> impl Iterator<Item = String> {
        let bytes = self.max_bytes.map(|most| format!("max-bytes={most}"));
        let qualities = self
            .qualities
            .iter()
            .map(|(format, quality)| format!("quality-{format}={quality}"));
        let untouched = self.untouched.then(|| "untouched".to_owned());
        let skipped = self.skipped.iter().map(|format| format!("skip={format}"));
        let meta = self.meta.as_ref().map(|address| format!("meta={address}"));
        let most = [
            ("most-pixels", self.most_pixels),
            ("most-bytes", self.most_bytes.map(u64::from)),
            ("most-frames", self.most_frames.map(u64::from)),
        ];
        let most = most
            .into_iter()
            .filter_map(|(name, most)| Some(format!("{name}={}", most?)));
        bytes
            .into_iter()
            .chain(qualities)
            .chain(untouched)
            .chain(skipped)
            .chain(meta)
            .chain(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_whole_rows_and_few_of_them() {
        let nine = [1.0; 9];
        let kernel = Kernel::new(3, &nine, true).unwrap();
        assert_eq!(
            (kernel.size(), kernel.weights()),
            ((3, 3), &[111_111; 9][..])
        );
        assert_eq!(
            Kernel::new(3, &nine, false).unwrap().weights()[0],
            1_000_000
        );
        let zero = Kernel::new(1, &[-1.0, 1.0], true).unwrap();
        assert_eq!(
            zero.weights(),
            [-1_000_000, 1_000_000],
            "a sum of 0 divides nothing"
        );
        for (columns, count) in [(0, 9), (2, 9), (16, 16), (1, 16), (3, 0)] {
            assert_eq!(Kernel::new(columns, &vec![1.0; count], false), None);
        }
    }

    #[test]
    fn the_last_quality_of_a_kind_counts() {
        let demands = Demands {
            qualities: vec![
                (Format::Jpeg, Quality::new(70)),
                (Format::WebP, Quality::new(60)),
                (Format::Jpeg, Quality::new(50)),
            ],
            ..Demands::default()
        };
        let of = |format| demands.quality(format).map(Quality::value);
        assert_eq!(of(Format::Jpeg), Some(50));
        assert_eq!((of(Format::WebP), of(Format::Png)), (Some(60), None));
    }
}
