//! From planes to pixels: subsampled planes are brought to full size, then turned into colour.

use crate::{JpegError, Pixels, Plane, Planes, ScanMap, vectors};

/// What the components of a file mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Gray,
    YCbCr,
    Rgb,
    /// Ink, or what is left of white without it.
    Cmyk {
        inverted: bool,
    },
    /// Ink as Adobe writes it: what is left of white, that as ink, and of the first three that as
    /// YCbCr. Turned twice, those three are ink as they come out.
    Ycck,
}

impl Space {
    /// Decides as decoders agree to: a JFIF header means YCbCr, then an Adobe segment says, then
    /// the components' names.
    pub(super) fn of(map: &ScanMap) -> Self {
        match map.components.len() {
            1 => Self::Gray,
            4 if map.adobe == Some(2) => Self::Ycck,
            4 => Self::Cmyk {
                inverted: map.adobe.is_some(),
            },
            _ if map.jfif => Self::YCbCr,
            _ if map.adobe == Some(0) => Self::Rgb,
            _ if map.adobe.is_none() && map.components.iter().map(|c| c.id).eq(*b"RGB") => {
                Self::Rgb
            }
            _ => Self::YCbCr,
        }
    }
}

/// The pixels of planes that [`Planes::check`] would pass but for their number, which may be four.
///
/// # Errors
/// [`JpegError::Cancelled`].
pub(super) fn pixels(
    planes: &Planes,
    space: Space,
    cancel: &dyn Fn() -> bool,
) -> Result<Pixels, JpegError> {
    let (width, depth) = (planes.width, planes.components.len());
    let mut out = vec![0; width * planes.height * depth];
    let mut lines = Lines::new(planes);
    for (y, out) in out.chunks_exact_mut(width * depth).enumerate() {
        if y % 16 == 0 && cancel() {
            return Err(JpegError::Cancelled);
        }
        lines.prepare(y);
        let row = |index| lines.row(index, y);
        match (depth, space) {
            (1, _) => out.copy_from_slice(row(0)),
            (3, Space::Rgb) => interleave([row(0), row(1), row(2)], out),
            (3, _) => vectors::rgb_row([row(0), row(1), row(2)], out),
            (_, Space::Ycck) => {
                let mut colour = vec![0; width * 3];
                vectors::rgb_row([row(0), row(1), row(2)], &mut colour);
                ink(&colour, row(3), (false, true), out);
            }
            _ => {
                let mut colour = vec![0; width * 3];
                interleave([row(0), row(1), row(2)], &mut colour);
                let inverted = matches!(space, Space::Cmyk { inverted: true });
                ink(&colour, row(3), (inverted, inverted), out);
            }
        }
    }
    Ok(match depth {
        1 => Pixels::Gray8(out),
        3 => Pixels::Rgb8(out),
        _ => Pixels::Cmyk8(out),
    })
}

/// The rows of planes at full width.
struct Lines<'a> {
    planes: &'a Planes,
    largest: (usize, usize),
    /// The row at hand of each plane that is subsampled.
    doubled: Vec<Vec<u8>>,
    between: Vec<u16>,
}

impl<'a> Lines<'a> {
    fn new(planes: &'a Planes) -> Self {
        // One sample more than the width: rows are doubled in pairs.
        let length = planes.width + 1;
        Self {
            planes,
            largest: planes.factors(),
            doubled: vec![vec![0; length]; planes.components.len()],
            between: vec![0; length],
        }
    }

    fn full(&self, plane: &Plane) -> bool {
        (plane.horizontal.into(), plane.vertical.into()) == self.largest
    }

    /// Brings row `y` of the subsampled planes to full width.
    fn prepare(&mut self, y: usize) {
        for (index, plane) in self.planes.components.iter().enumerate() {
            if !self.full(plane) {
                let (between, out) = (&mut self.between, &mut self.doubled[index]);
                full_row(plane, self.largest, y, between, out);
            }
        }
    }

    /// The prepared row of a plane.
    fn row(&self, index: usize, y: usize) -> &[u8] {
        let plane = &self.planes.components[index];
        if self.full(plane) {
            plane.row(y)
        } else {
            &self.doubled[index][..self.planes.width]
        }
    }
}

/// Four inks in a row; `inverted` says which are to be turned: the first three, and black.
fn ink(colour: &[u8], black: &[u8], inverted: (bool, bool), out: &mut [u8]) {
    let flip = |inverted| if inverted { 255 } else { 0 };
    let (flip_colour, flip_black) = (flip(inverted.0), flip(inverted.1));
    let pixels = colour.chunks_exact(3).zip(black);
    for (out, (colour, black)) in out.chunks_exact_mut(4).zip(pixels) {
        for (out, value) in out.iter_mut().zip(colour) {
            *out = value ^ flip_colour;
        }
        out[3] = black ^ flip_black;
    }
}

fn interleave(rows: [&[u8]; 3], line: &mut [u8]) {
    let values = rows[0].iter().zip(rows[1]).zip(rows[2]);
    for (pixel, ((a, b), c)) in line.chunks_exact_mut(3).zip(values) {
        pixel.copy_from_slice(&[*a, *b, *c]);
    }
}

/// One row of a subsampled plane at full width, for the picture's row `y`.
fn full_row(plane: &Plane, largest: (usize, usize), y: usize, between: &mut [u16], out: &mut [u8]) {
    let (h, v) = (usize::from(plane.horizontal), usize::from(plane.vertical));
    let row = |y: usize| plane.row(y.min(plane.height - 1));
    // As the reference has it, too few samples in a row are not mixed.
    let mixed = plane.width > 2 && largest.0 == 2 * h;
    if mixed && (largest.1 == v || largest.1 == 2 * v) {
        // Rounding differs from column to column, and the other way round in rows that are whole.
        let (near, far, halves) = match (largest.1 == v, y % 2) {
            (true, _) => (y, y, [7, 8]),
            (false, 0) => (y / 2, (y / 2).saturating_sub(1), [8, 7]),
            (false, _) => (y / 2, y / 2 + 1, [8, 7]),
        };
        vectors::halves_row((row(near), row(far)), halves, between, out);
    } else if largest == (h, 2 * v) {
        // Halved from top to bottom alone: three quarters of the nearer row, and rounding that
        // differs from row to row.
        let (far, half) = match y % 2 {
            0 => ((y / 2).saturating_sub(1), 1),
            _ => (y / 2 + 1, 2),
        };
        for ((out, near), far) in out.iter_mut().zip(row(y / 2)).zip(row(far)) {
            *out = ((3 * u16::from(*near) + u16::from(*far) + half) >> 2) as u8;
        }
    } else {
        // Rare factors: the nearest sample.
        let source = row(y * v / largest.1);
        for (x, out) in out.iter_mut().enumerate() {
            *out = source[(x * h / largest.0).min(plane.width - 1)];
        }
    }
}

/// Doubles a row between its nearer and farther source rows: each sample is three quarters the
/// nearer one and a quarter the farther, in both directions. `halves` is what even and odd columns
/// are rounded by, in sixteenths.
#[inline(always)]
pub(crate) fn halves_row(
    (near, far): (&[u8], &[u8]),
    [even, odd]: [u16; 2],
    between: &mut [u16],
    out: &mut [u8],
) {
    let width = near.len();
    let between = &mut between[..width];
    for ((between, near), far) in between.iter_mut().zip(near).zip(far) {
        *between = 3 * u16::from(*near) + u16::from(*far);
    }
    let (first, last) = (between[0], between[width - 1]);
    out[0] = ((4 * first + 8) >> 4) as u8;
    let pairs = out[1..].as_chunks_mut::<2>().0;
    for (pair, window) in pairs.iter_mut().zip(between.windows(2)) {
        let (left, right) = (window[0], window[1]);
        *pair = [
            ((3 * left + right + odd) >> 4) as u8,
            ((3 * right + left + even) >> 4) as u8,
        ];
    }
    if let Some(out) = out.get_mut(2 * width - 1) {
        *out = ((4 * last + 7) >> 4) as u8;
    }
}

/// Turns a row of full-range BT.601 (JFIF 1.02 §7) into RGB, in 16-bit fixed point.
#[inline(always)]
pub(crate) fn rgb_row(rows: [&[u8]; 3], out: &mut [u8]) {
    const HALF: i32 = 1 << 15;
    const STEP: usize = 32;
    let [luma, blue, red] = rows;
    let mut at = 0;
    for pixels in out.chunks_mut(3 * STEP) {
        let count = pixels.len() / 3;
        let part = |row: &[u8]| -> [u8; STEP] {
            let mut part = [0; STEP];
            let row = &row[at..(at + count).min(row.len())];
            part[..row.len()].copy_from_slice(row);
            part
        };
        let (y, cb, cr) = (part(luma), part(blue), part(red));
        let mut pixel = [0u32; STEP];
        for i in 0..STEP {
            let y = (i32::from(y[i]) << 16) + HALF;
            let (cb, cr) = (i32::from(cb[i]) - 128, i32::from(cr[i]) - 128);
            let red = ((y + 91_881 * cr) >> 16).clamp(0, 255);
            let green = ((y - 22_554 * cb - 46_802 * cr) >> 16).clamp(0, 255);
            let blue = ((y + 116_130 * cb) >> 16).clamp(0, 255);
            pixel[i] = (red | green << 8 | blue << 16) as u32;
        }
        // Four bytes at a time, of which the next pixel overwrites the last.
        for (i, pixel) in pixel[..count].iter().enumerate() {
            if let Some(four) = pixels[3 * i..].first_chunk_mut::<4>() {
                *four = pixel.to_le_bytes();
            } else {
                pixels[3 * i..].copy_from_slice(&pixel.to_le_bytes()[..3]);
            }
        }
        at += STEP;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(data: &[u8], width: usize, factors: (u8, u8)) -> Plane {
        Plane {
            width,
            height: data.len() / width,
            stride: width,
            horizontal: factors.0,
            vertical: factors.1,
            data: data.to_vec(),
        }
    }

    fn read(components: Vec<Plane>, (width, height): (usize, usize), space: Space) -> Vec<u8> {
        let planes = Planes {
            width,
            height,
            components,
        };
        match pixels(&planes, space, &|| false).unwrap() {
            Pixels::Gray8(data) | Pixels::Rgb8(data) | Pixels::Cmyk8(data) => data,
        }
    }

    #[test]
    fn adobes_inks_are_what_is_left_of_white() {
        // As Photoshop writes red: no cyan, much magenta and yellow, no black.
        let stored = [0, 242, 230, 255].map(|sample| plane(&[sample], 1, (1, 1)));
        let turned = Space::Cmyk { inverted: true };
        assert_eq!(read(stored.to_vec(), (1, 1), turned), [255, 13, 25, 0]);
        // White as YCbCr is all ink, once what is left of white is turned twice.
        let stored = [255, 128, 128, 200].map(|sample| plane(&[sample], 1, (1, 1)));
        assert_eq!(
            read(stored.to_vec(), (1, 1), Space::Ycck),
            [255, 255, 255, 55]
        );
    }

    #[test]
    fn rows_of_colour_that_is_halved_downwards_are_mixed() {
        let luma = plane(&[128; 4], 1, (1, 2));
        let blue = plane(&[128; 2], 1, (1, 1));
        let red = plane(&[128, 168], 1, (1, 1));
        let made = read(vec![luma, blue, red], (1, 4), Space::YCbCr);
        let reds: Vec<_> = made.iter().step_by(3).collect();
        // 128, 138, 158 and 168 as what is over 128, times 1.402.
        assert_eq!(reds, [&128, &142, &170, &184]);
    }

    #[test]
    fn rows_that_are_whole_and_rows_that_are_halved_are_rounded_by_turns() {
        // 100, 102, 102 doubled: 100.5 and 101.5 lie between the samples, as halves.
        let reds = |rows: u8| -> Vec<u8> {
            let height = usize::from(rows);
            let luma = plane(&vec![0; 6 * height], 6, (2, rows));
            let blue = plane(&[128; 3], 3, (1, 1));
            let red = plane(&[228, 230, 230], 3, (1, 1));
            let made = read(vec![luma, blue, red], (6, height), Space::YCbCr);
            made.iter().step_by(3).take(6).copied().collect()
        };
        // 1.402 times 100, 101, 101 and 102 of one row alone; 100 and 102 where it is one of two.
        assert_eq!(reds(1), [140, 142, 142, 143, 143, 143]);
        assert_eq!(reds(2), [140, 140, 143, 143, 143, 143]);
    }

    #[test]
    fn two_samples_in_a_row_are_not_mixed() {
        let picture = |columns: usize, colour: &[u8]| {
            let luma = plane(&vec![128; columns], columns, (2, 1));
            let blue = plane(&vec![128; colour.len()], colour.len(), (1, 1));
            let red = plane(colour, colour.len(), (1, 1));
            read(vec![luma, blue, red], (columns, 1), Space::YCbCr)
        };
        let narrow = picture(4, &[100, 156]);
        assert_eq!(narrow[..3], narrow[3..6]);
        let wide = picture(6, &[100, 156, 156]);
        assert_ne!(wide[..3], wide[3..6]);
    }
}
