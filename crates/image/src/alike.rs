//! How much two pictures look alike: structural similarity (Wang, Bovik, Sheikh and Simoncelli,
//! "Image quality assessment: from error visibility to structural similarity", 2004).

use crate::decode::decode;
use crate::picture::Picture;
use crate::{ImageError, Limits, orient, probe};

/// Side of the windows that are compared, pixels.
const WINDOW: usize = 8;
/// From one window to the next.
const STEP: usize = 4;
/// What keeps dark and flat windows from counting too much: (0.01 × 255)² and (0.03 × 255)².
const STEADY: [f64; 2] = [6.5025, 58.5225];

/// How much two files look alike by their brightness, from 0 to 1: 1 for the same pixels, over
/// 0.95 for what is hard to tell apart. `None` if they show other dimensions. Transparent parts are
/// seen on white, and orientations applied.
///
/// # Errors
/// As for [`render`](crate::render), for either file.
pub fn similarity(one: &[u8], other: &[u8], limits: &Limits) -> Result<Option<f64>, ImageError> {
    let one = Brightness::of(one, limits)?;
    let other = Brightness::of(other, limits)?;
    if (one.width, one.height) != (other.width, other.height) {
        return Ok(None);
    }
    Ok(Some(mean(&one, &other)))
}

/// The brightness of a picture, row by row.
struct Brightness {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Brightness {
    fn of(file: &[u8], limits: &Limits) -> Result<Self, ImageError> {
        let probe = probe(file, limits)?;
        let decoded = decode(file, &probe, None, limits, &|| false)?;
        let picture = orient::apply(decoded.picture, probe.orientation);
        let Picture {
            width,
            height,
            data,
            ..
        } = picture.into_rgba();
        let (pixels, _) = data.as_chunks::<4>();
        Ok(Self {
            width,
            height,
            values: pixels.iter().map(|pixel| luma(*pixel)).collect(),
        })
    }

    /// The values of a window, row by row; windows at the edges are smaller.
    fn window(&self, left: usize, top: usize) -> impl Iterator<Item = f64> + '_ {
        let right = (left + WINDOW).min(self.width);
        let bottom = (top + WINDOW).min(self.height);
        (top..bottom).flat_map(move |y| {
            let row = self
                .values
                .get(y * self.width + left..y * self.width + right);
            row.unwrap_or_default()
                .iter()
                .map(|value| f64::from(*value))
        })
    }
}

/// ITU-R BT.601, on white.
fn luma([red, green, blue, alpha]: [u8; 4]) -> u8 {
    let [red, green, blue, alpha] = [red, green, blue, alpha].map(u32::from);
    let own = (299 * red + 587 * green + 114 * blue) / 1000;
    ((own * alpha + 255 * (255 - alpha)) / 255) as u8
}

fn mean(one: &Brightness, other: &Brightness) -> f64 {
    let tops = (0..one.height).step_by(STEP);
    let windows = tops.flat_map(|top| (0..one.width).step_by(STEP).map(move |left| (left, top)));
    let (mut sum, mut count) = (0.0, 0_u32);
    for (left, top) in windows {
        sum += structure(one.window(left, top), other.window(left, top));
        count += 1;
    }
    sum / f64::from(count.max(1))
}

fn structure(one: impl Iterator<Item = f64>, other: impl Iterator<Item = f64>) -> f64 {
    let mut sums = [0.0; 6];
    for (a, b) in one.zip(other) {
        for (sum, value) in sums.iter_mut().zip([1.0, a, b, a * a, b * b, a * b]) {
            *sum += value;
        }
    }
    let [count, a, b, aa, bb, ab] = sums;
    let count = f64::max(count, 1.0);
    let (mean_a, mean_b) = (a / count, b / count);
    let (spread_a, spread_b) = (aa / count - mean_a * mean_a, bb / count - mean_b * mean_b);
    let common = ab / count - mean_a * mean_b;
    let [level, contrast] = STEADY;
    (2.0 * mean_a * mean_b + level) * (2.0 * common + contrast)
        / ((mean_a * mean_a + mean_b * mean_b + level) * (spread_a + spread_b + contrast))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{jpeg, photograph, png, quarters};

    fn alike(one: &[u8], other: &[u8]) -> Option<f64> {
        similarity(one, other, &Limits::default()).unwrap()
    }

    #[test]
    fn worse_files_are_less_alike() {
        let photo = photograph(240, 160);
        let [best, good, bad] = [95, 75, 10].map(|quality| jpeg(&photo, quality, false));
        let other = png(&quarters(240, 160));
        assert!((alike(&best, &best).unwrap() - 1.0).abs() < 1e-9);
        let scores = [&good, &bad, &other].map(|file| alike(&best, file).unwrap());
        assert!(scores[0] > scores[1] && scores[0] > scores[2], "{scores:?}");
        assert!(scores[0] < 1.0 && scores[2] < 0.9, "{scores:?}");
        assert_eq!(alike(&best, &good), alike(&good, &best));
    }

    #[test]
    fn other_dimensions_are_not_compared() {
        let [one, other] = [(9, 5), (9, 6)].map(|(width, height)| png(&quarters(width, height)));
        assert_eq!(alike(&one, &other), None);
        assert!((alike(&one, &one).unwrap() - 1.0).abs() < 1e-9);
        assert!(similarity(&one, b"no picture", &Limits::default()).is_err());
    }
}
