//! Whether a picture is a photograph or a drawing, told by its pixels.

use std::collections::HashMap;

use crate::picture::Picture;

/// Pixels looked at, at most about this many.
const SAMPLE: usize = 1 << 16;
/// Most colours a palette holds.
pub(crate) const PALETTE: usize = 256;
/// How many of the most common colours are weighed together.
const COMMON: usize = 8;

/// Whether the picture looks like a photograph rather than a drawing, a screenshot or text.
///
/// Drawings have at most a palette's worth of colours, or few colours that cover most of them in
/// flat areas. Rows are sampled evenly.
pub(crate) fn is_photograph(picture: &Picture) -> bool {
    let depth = picture.channels.count();
    let rows = (SAMPLE / picture.width).clamp(1, picture.height);
    let step = picture.height / rows;
    let mut colours: HashMap<&[u8], usize> = HashMap::new();
    let (mut pixels, mut repeated) = (0_usize, 0_usize);
    for row in picture.rows().step_by(step) {
        let mut previous: Option<&[u8]> = None;
        for pixel in row.chunks_exact(depth) {
            *colours.entry(pixel).or_default() += 1;
            pixels += 1;
            repeated += usize::from(previous == Some(pixel));
            previous = Some(pixel);
        }
    }
    // A small picture cannot show many colours: half as many as it has pixels are many.
    if colours.len() <= PALETTE.min(pixels / 2) {
        return false;
    }
    let mut counts: Vec<usize> = colours.into_values().collect();
    counts.sort_unstable_by(|one, two| two.cmp(one));
    let common: usize = counts.iter().take(COMMON).sum();
    let flat = repeated * 10 > pixels * 4;
    let few = common * 2 > pixels;
    !(flat && few)
}

#[cfg(test)]
mod tests {
    use super::is_photograph;
    use crate::picture::{Channels, Picture};

    fn picture(pixel: impl Fn(usize, usize) -> [u8; 3]) -> Picture {
        let data = (0..120)
            .flat_map(|y| (0..200).map(move |x| (x, y)))
            .flat_map(|(x, y)| pixel(x, y))
            .collect();
        Picture::new(200, 120, Channels::Rgb, data).unwrap()
    }

    #[test]
    fn noise_and_gradients_are_photographs() {
        let noisy = picture(|x, y| {
            let noise = (x * 7919 + y * 104_729) % 13;
            [
                (x + noise) as u8,
                (y + noise) as u8,
                (x / 2 + y / 2 + noise) as u8,
            ]
        });
        assert!(is_photograph(&noisy));
        let smooth = picture(|x, y| [x as u8, y as u8, 40]);
        assert!(is_photograph(&smooth));
    }

    #[test]
    fn flat_areas_and_text_are_drawings() {
        let stripes = picture(|x, y| {
            if x / 20 % 2 == y / 30 % 2 {
                [255; 3]
            } else {
                [20, 60, 200]
            }
        });
        assert!(!is_photograph(&stripes));
        // Letters with soft edges on white: many colours, but few that matter.
        let text = picture(|x, y| {
            if x % 20 == 0 {
                [(x + y) as u8, y as u8, x as u8]
            } else {
                [255; 3]
            }
        });
        assert!(!is_photograph(&text));
    }

    #[test]
    fn a_single_pixel_is_judged_without_panic() {
        let dot = Picture::new(1, 1, Channels::Grey, vec![7]).unwrap();
        assert!(is_photograph(&dot) || !is_photograph(&dot));
    }
}
