//! From pixels to planes and back: full-range YCbCr with the weights of ITU-R BT.601, as JPEG has
//! it (matrix coefficients 6 of ITU-T H.273).

/// What a pixel is made of, one byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Grey.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and alpha, which is not premultiplied.
    Rgba,
}

impl Channels {
    /// How many bytes a pixel has.
    pub const fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// Samples, row by row without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) data: Vec<u8>,
}

/// Fractional bits of the weights.
const BITS: u32 = 16;
const HALF: i32 = 1 << (BITS - 1);

/// A weight as a whole number.
const fn fixed(weight: f64) -> i32 {
    (weight * (1 << BITS) as f64 + if weight < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// Luma, then both chroma planes at half the resolution or the full one. `pixels` has `depth`
/// bytes to a pixel, of which the first three are colours.
pub(crate) fn to_planes(
    pixels: &[u8],
    depth: usize,
    width: usize,
    full_colour: bool,
) -> [Plane; 3] {
    let count = pixels.len() / depth;
    let mut luma = Vec::with_capacity(count);
    let mut blue = Vec::with_capacity(count);
    let mut red = Vec::with_capacity(count);
    for pixel in pixels.chunks_exact(depth) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(i32::from);
        let y = fixed(0.299) * r + fixed(0.587) * g + fixed(0.114) * b;
        let cb = fixed(-0.168_735_892) * r + fixed(-0.331_264_108) * g + fixed(0.5) * b;
        let cr = fixed(0.5) * r + fixed(-0.418_687_589) * g + fixed(-0.081_312_411) * b;
        luma.push(byte(y));
        blue.push(byte(cb + (128 << BITS)));
        red.push(byte(cr + (128 << BITS)));
    }
    let plane = |data| Plane { width, data };
    match full_colour {
        true => [plane(luma), plane(blue), plane(red)],
        false => [plane(luma), halved(&blue, width), halved(&red, width)],
    }
}

fn byte(value: i32) -> u8 {
    ((value + HALF) >> BITS).clamp(0, 255) as u8
}

/// The mean of each square of four samples; at odd edges, of those there are.
fn halved(samples: &[u8], width: usize) -> Plane {
    let height = samples.len() / width;
    let mut data = Vec::with_capacity(width.div_ceil(2) * height.div_ceil(2));
    for rows in samples.chunks(2 * width) {
        let (upper, lower) = rows.split_at(width);
        let lower = if lower.is_empty() { upper } else { lower };
        for (up, down) in upper.chunks(2).zip(lower.chunks(2)) {
            let [up, down] = [up, down].map(|pair| {
                let first = u16::from(pair[0]);
                first + pair.get(1).map_or(first, |second| u16::from(*second))
            });
            data.push(((up + down + 2) / 4) as u8);
        }
    }
    Plane {
        width: width.div_ceil(2),
        data,
    }
}

/// Pixels of three channels from planes; chroma at half the resolution is read between its samples,
/// as decoders do.
pub(crate) fn to_rgb([luma, blue, red]: &[Plane; 3]) -> Vec<u8> {
    let (width, height) = (luma.width, luma.data.len() / luma.width);
    let full = blue.width == width && blue.data.len() == luma.data.len();
    let doubled = |plane: &Plane| doubled(plane, width, height);
    let (blue, red) = match full {
        true => (blue.data.clone(), red.data.clone()),
        false => (doubled(blue), doubled(red)),
    };
    let mut rgb = Vec::with_capacity(luma.data.len() * 3);
    for ((y, cb), cr) in luma.data.iter().zip(&blue).zip(&red) {
        let y = i32::from(*y) << BITS;
        let [cb, cr] = [*cb, *cr].map(|value| i32::from(value) - 128);
        rgb.push(byte(y + fixed(1.402) * cr));
        rgb.push(byte(
            y + fixed(-0.344_136_286) * cb + fixed(-0.714_136_286) * cr,
        ));
        rgb.push(byte(y + fixed(1.772) * cb));
    }
    rgb
}

/// A plane of twice the width and height: each sample weighs its nearest neighbour three to one, in
/// both directions.
fn doubled(plane: &Plane, width: usize, height: usize) -> Vec<u8> {
    let rows = plane.data.len() / plane.width;
    let mut data = Vec::with_capacity(width * height);
    for y in 0..height {
        let (near, far) = neighbours(y, rows);
        let row = |y: usize| &plane.data[y * plane.width..(y + 1) * plane.width];
        let (near, far) = (row(near), row(far));
        for x in 0..width {
            let (here, there) = neighbours(x, plane.width);
            let at = |x: usize| 3 * u16::from(near[x]) + u16::from(far[x]);
            data.push(((3 * at(here) + at(there) + 8) / 16) as u8);
        }
    }
    data
}

/// The sample that a place at twice the resolution lies in, and the one it lies next to.
fn neighbours(place: usize, count: usize) -> (usize, usize) {
    let near = (place / 2).min(count - 1);
    let far = match place % 2 {
        0 => near.saturating_sub(1),
        _ => (near + 1).min(count - 1),
    };
    (near, far)
}

/// Side of the squares in which hidden colours are made flat.
const SQUARE: usize = 16;

/// Gives pixels that cannot be seen the mean colour of those around them that can: edges that
/// nobody sees cost bytes.
pub(crate) fn flatten_hidden(pixels: &mut [u8], width: usize) {
    let height = pixels.len() / 4 / width;
    let mut fill = [255; 3];
    for top in (0..height).step_by(SQUARE) {
        for left in (0..width).step_by(SQUARE) {
            let bottom = (top + SQUARE).min(height);
            let right = (left + SQUARE).min(width);
            let places =
                || (top..bottom).flat_map(|y| (left..right).map(move |x| (y * width + x) * 4));
            let (mut sums, mut seen) = ([0_u32; 3], 0);
            for at in places().filter(|at| pixels[at + 3] > 0) {
                for (sum, value) in sums.iter_mut().zip(&pixels[at..at + 3]) {
                    *sum += u32::from(*value);
                }
                seen += 1;
            }
            if seen > 0 {
                fill = sums.map(|sum| (sum / seen) as u8);
            }
            for at in places() {
                if pixels[at + 3] == 0 {
                    pixels[at..at + 3].copy_from_slice(&fill);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Vec<u8> {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        pixels
            .flat_map(|(x, y)| {
                [
                    (x * 7 % 256) as u8,
                    (y * 5 % 256) as u8,
                    ((x + y) * 3 % 256) as u8,
                ]
            })
            .collect()
    }

    #[test]
    fn full_colour_comes_back() {
        for colour in [
            [0, 0, 0],
            [255, 255, 255],
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [12, 200, 77],
        ] {
            let back = to_rgb(&to_planes(&colour, 3, 1, true));
            for (before, after) in colour.iter().zip(&back) {
                assert!(before.abs_diff(*after) <= 2, "{colour:?} {back:?}");
            }
        }
        let pixels = ramp(31, 17);
        let back = to_rgb(&to_planes(&pixels, 3, 31, true));
        assert!(
            pixels
                .iter()
                .zip(&back)
                .all(|(one, two)| one.abs_diff(*two) <= 2)
        );
    }

    #[test]
    fn half_colour_has_half_the_sides_rounded_up() {
        for (width, height) in [(1, 1), (2, 2), (3, 5), (8, 3)] {
            let planes = to_planes(&ramp(width, height), 3, width, false);
            let chroma = width.div_ceil(2) * height.div_ceil(2);
            assert_eq!(planes[1].data.len(), chroma);
            assert_eq!(planes[2].width, width.div_ceil(2));
            assert_eq!(to_rgb(&planes).len(), width * height * 3);
        }
        let flat = vec![90; 5 * 7 * 3];
        assert_eq!(to_rgb(&to_planes(&flat, 3, 5, false)), flat);
    }

    #[test]
    fn hidden_colours_become_those_beside_them() {
        let mut pixels = vec![0; 20 * 20 * 4];
        pixels[..4].copy_from_slice(&[200, 100, 50, 255]);
        flatten_hidden(&mut pixels, 20);
        for pixel in pixels.chunks_exact(4).skip(1) {
            assert_eq!(pixel, [200, 100, 50, 0]);
        }
        assert_eq!(pixels[..4], [200, 100, 50, 255]);
    }
}
