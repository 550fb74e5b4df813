//! From decoded planes to pixels.

use crate::colour::Channels;
use crate::reader::Numbers;

/// How many samples there are for colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// None: grey (4:0:0).
    Grey,
    /// Half as many in both directions (4:2:0).
    Half,
    /// Half as many across (4:2:2).
    HalfAcross,
    /// As many as for brightness (4:4:4).
    Full,
}

impl Layout {
    /// Width and height of the planes of colour; 0 for none.
    pub const fn colour_size(self, width: usize, height: usize) -> (usize, usize) {
        match self {
            Self::Grey => (0, 0),
            Self::Half => (width.div_ceil(2), height.div_ceil(2)),
            Self::HalfAcross => (width.div_ceil(2), height),
            Self::Full => (width, height),
        }
    }
}

/// A decoded picture: samples of eight bits, row by row without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Of the plane of brightness.
    pub width: usize,
    /// Of the plane of brightness.
    pub height: usize,
    /// How many samples there are for colour.
    pub layout: Layout,
    /// How the stream says that colours are meant.
    pub numbers: Numbers,
    /// Brightness, then both planes of colour, as long as the layout says.
    pub samples: [Vec<u8>; 3],
}

/// Matrix coefficients (ITU-T H.273 §8.3): none, BT.709, unspecified, BT.470BG, BT.601, BT.2020.
const IDENTITY: u16 = 0;
const BT709: u16 = 1;
const UNSPECIFIED: u16 = 2;
const BT470: u16 = 5;
const BT601: u16 = 6;
const BT2020: u16 = 9;

/// Pixels of a picture and its transparency, with what `said` of its colours in place of what the
/// stream says. `None` if planes are too short, or colours are meant in a way that is not read.
pub fn pixels(
    colour: &Planes,
    alpha: Option<&Planes>,
    said: Option<Numbers>,
    premultiplied: bool,
) -> Option<(Channels, Vec<u8>)> {
    let count = colour.width.checked_mul(colour.height)?;
    let numbers = said.unwrap_or(colour.numbers);
    let grey = colour.layout == Layout::Grey;
    let base = if grey {
        brightness(colour, numbers.full_range)?
    } else {
        rgb(colour, numbers)?
    };
    let Some(alpha) = alpha else {
        return Some((if grey { Channels::Grey } else { Channels::Rgb }, base));
    };
    if (alpha.width, alpha.height) != (colour.width, colour.height) {
        return None;
    }
    let alpha = brightness(alpha, alpha.numbers.full_range)?;
    let mut rgba = Vec::with_capacity(count.checked_mul(4)?);
    let depth = if grey { 1 } else { 3 };
    for (pixel, alpha) in base.chunks_exact(depth).zip(alpha) {
        for place in 0..3 {
            let value = pixel[place.min(depth - 1)];
            rgba.push(if premultiplied {
                divided(value, alpha)
            } else {
                value
            });
        }
        rgba.push(alpha);
    }
    Some((Channels::Rgba, rgba))
}

fn divided(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    match alpha {
        0 => 0,
        alpha => ((value * 255 + alpha / 2) / alpha).min(255) as u8,
    }
}

/// A plane of brightness or transparency in its full range.
fn brightness(planes: &Planes, full_range: bool) -> Option<Vec<u8>> {
    let samples = &planes.samples[0];
    if samples.len() != planes.width.checked_mul(planes.height)? {
        return None;
    }
    let widened = |sample: &u8| ((i32::from(*sample) - 16) * 255 + 109).div_euclid(219);
    Some(match full_range {
        true => samples.clone(),
        false => samples
            .iter()
            .map(|s| widened(s).clamp(0, 255) as u8)
            .collect(),
    })
}

/// Weights of red and blue in brightness.
fn weights(matrix: u16) -> Option<(f32, f32)> {
    match matrix {
        BT709 => Some((0.2126, 0.0722)),
        UNSPECIFIED | BT470 | BT601 => Some((0.299, 0.114)),
        BT2020 => Some((0.2627, 0.0593)),
        _ => None,
    }
}

fn rgb(planes: &Planes, numbers: Numbers) -> Option<Vec<u8>> {
    let (width, height) = (planes.width, planes.height);
    let (across, down) = planes.layout.colour_size(width, height);
    let [luma, blue, red] = &planes.samples;
    let fits = luma.len() == width.checked_mul(height)?
        && blue.len() == across.checked_mul(down)?
        && red.len() == blue.len()
        && width > 0;
    if !fits {
        return None;
    }
    let mut rgb = Vec::with_capacity(luma.len().checked_mul(3)?);
    if numbers.matrix == IDENTITY {
        if planes.layout != Layout::Full || !numbers.full_range {
            return None;
        }
        for ((green, blue), red) in luma.iter().zip(blue).zip(red) {
            rgb.extend_from_slice(&[*red, *green, *blue]);
        }
        return Some(rgb);
    }
    let step = Step::new(weights(numbers.matrix)?, numbers.full_range);
    let mut rows = [vec![0; width], vec![0; width]];
    for (y, luma) in luma.chunks_exact(width).enumerate() {
        for (row, plane) in rows.iter_mut().zip([blue, red]) {
            widen(plane, (across, down), (y, height), row);
        }
        for ((y, cb), cr) in luma.iter().zip(&rows[0]).zip(&rows[1]) {
            rgb.extend_from_slice(&step.pixel(*y, *cb, *cr));
        }
    }
    Some(rgb)
}

/// One row of colour as wide as the picture; samples at half the resolution are weighed by their
/// distance, three to one. Sixteenths of a level.
fn widen(
    plane: &[u8],
    (across, down): (usize, usize),
    (y, height): (usize, usize),
    row: &mut [u16],
) {
    let (near, far) = if down == height {
        (y, y)
    } else {
        neighbours(y, down)
    };
    let at = |x: usize, y: usize| u16::from(plane[y * across + x]);
    let width = row.len();
    for (x, value) in row.iter_mut().enumerate() {
        let (here, there) = if across == width {
            (x, x)
        } else {
            neighbours(x, across)
        };
        let mixed = |x: usize| 3 * at(x, near) + at(x, far);
        *value = 3 * mixed(here) + mixed(there);
    }
}

/// The sample that a place at twice the resolution lies in, and the one it lies next to.
fn neighbours(place: usize, count: usize) -> (usize, usize) {
    let near = (place / 2).min(count - 1);
    match place % 2 {
        0 => (near, near.saturating_sub(1)),
        _ => (near, (near + 1).min(count - 1)),
    }
}

/// What makes red, green and blue of a sample.
struct Step {
    base: f32,
    scale: f32,
    red: f32,
    green: (f32, f32),
    blue: f32,
}

impl Step {
    fn new((red, blue): (f32, f32), full_range: bool) -> Self {
        let (base, scale, colour) = match full_range {
            true => (0.0, 1.0, 1.0),
            false => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        };
        let green = 1.0 - red - blue;
        // Colour comes in sixteenths.
        let colour = colour / 16.0;
        Self {
            base,
            scale,
            red: 2.0 * (1.0 - red) * colour,
            green: (
                2.0 * (1.0 - blue) * blue / green * colour,
                2.0 * (1.0 - red) * red / green * colour,
            ),
            blue: 2.0 * (1.0 - blue) * colour,
        }
    }

    fn pixel(&self, luma: u8, blue: u16, red: u16) -> [u8; 3] {
        let y = (f32::from(luma) - self.base) * self.scale;
        let (cb, cr) = (f32::from(blue) - 2048.0, f32::from(red) - 2048.0);
        [
            y + self.red * cr,
            y - self.green.0 * cb - self.green.1 * cr,
            y + self.blue * cb,
        ]
        // Conversions to whole numbers saturate.
        .map(|value| (value + 0.5) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Numbers = Numbers {
        primaries: 1,
        transfer: 13,
        matrix: BT601,
        full_range: true,
    };

    fn planes(layout: Layout, numbers: Numbers, samples: [Vec<u8>; 3]) -> Planes {
        let width = 2;
        let height = samples[0].len() / width;
        Planes {
            width,
            height,
            layout,
            numbers,
            samples,
        }
    }

    fn flat(layout: Layout, numbers: Numbers, [y, cb, cr]: [u8; 3]) -> Planes {
        let (across, down) = layout.colour_size(2, 2);
        planes(
            layout,
            numbers,
            [vec![y; 4], vec![cb; across * down], vec![cr; across * down]],
        )
    }

    fn shown(planes: &Planes) -> [u8; 3] {
        let (channels, pixels) = pixels(planes, None, None, false).unwrap();
        assert_eq!(channels, Channels::Rgb);
        assert!(pixels.chunks_exact(3).all(|pixel| pixel == &pixels[..3]));
        pixels[..3].try_into().unwrap()
    }

    #[test]
    fn colours_are_those_that_the_standards_say() {
        let numbers = |matrix, full_range| Numbers {
            matrix,
            full_range,
            ..PLAIN
        };
        // Red, by the weights of each matrix.
        for (matrix, full_range, samples, expected) in [
            (BT601, true, [76, 85, 255], [254, 0, 0]),
            (BT601, false, [81, 90, 240], [255, 0, 0]),
            (BT709, true, [54, 99, 255], [254, 0, 0]),
            (BT709, false, [63, 102, 240], [255, 0, 0]),
            (BT2020, false, [74, 97, 240], [255, 0, 0]),
            (UNSPECIFIED, false, [235, 128, 128], [255, 255, 255]),
            (BT709, false, [16, 128, 128], [0, 0, 0]),
            (IDENTITY, true, [2, 3, 1], [1, 2, 3]),
        ] {
            for layout in [Layout::Half, Layout::HalfAcross, Layout::Full] {
                if matrix == IDENTITY && layout != Layout::Full {
                    continue;
                }
                let found = shown(&flat(layout, numbers(matrix, full_range), samples));
                for (one, two) in found.iter().zip(expected) {
                    assert!(one.abs_diff(two) <= 2, "{matrix} {full_range} {found:?}");
                }
            }
        }
        let unknown = flat(Layout::Full, numbers(8, true), [1, 2, 3]);
        assert_eq!(pixels(&unknown, None, None, false), None);
        let said = pixels(&unknown, None, Some(numbers(IDENTITY, true)), false).unwrap();
        assert_eq!(said.1[..3], [3, 1, 2]);
    }

    #[test]
    fn transparency_joins_and_colours_are_divided_by_it() {
        let grey = planes(Layout::Grey, PLAIN, [vec![10, 20, 30, 40], vec![], vec![]]);
        let alpha = planes(Layout::Grey, PLAIN, [vec![255, 40, 0, 128], vec![], vec![]]);
        let (channels, data) = pixels(&grey, Some(&alpha), None, false).unwrap();
        assert_eq!(channels, Channels::Rgba);
        assert_eq!(data[4..8], [20, 20, 20, 40]);
        let (_, data) = pixels(&grey, Some(&alpha), None, true).unwrap();
        assert_eq!(data[..8], [10, 10, 10, 255, 128, 128, 128, 40]);
        assert_eq!(data[8..], [0, 0, 0, 0, 80, 80, 80, 128]);
    }

    #[test]
    fn planes_that_are_too_short_give_nothing() {
        let mut short = flat(Layout::Half, PLAIN, [1, 2, 3]);
        short.samples[2].clear();
        assert_eq!(pixels(&short, None, None, false), None);
        let mut short = flat(Layout::Full, PLAIN, [1, 2, 3]);
        short.samples[0].pop();
        assert_eq!(pixels(&short, None, None, false), None);
    }
}
