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
    /// The same, with the first three as YCbCr.
    Ycck {
        inverted: bool,
    },
}

impl Space {
    /// Decides as decoders agree to: a JFIF header means YCbCr, then an Adobe segment says, then
    /// the components' names.
    pub(super) fn of(map: &ScanMap) -> Self {
        match map.components.len() {
            1 => Self::Gray,
            4 if map.adobe == Some(2) => Self::Ycck { inverted: true },
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
    let largest = planes.factors();
    let mut rows = vec![vec![0; width + 2]; depth];
    let mut between = vec![0u16; width + 2];
    for (y, line) in out.chunks_exact_mut(width * depth).enumerate() {
        if y % 16 == 0 && cancel() {
            return Err(JpegError::Cancelled);
        }
        for (plane, row) in planes.components.iter().zip(&mut rows) {
            full_row(plane, largest, y, &mut between, row);
        }
        match (&rows[..], space) {
            ([gray], _) => line.copy_from_slice(&gray[..width]),
            ([a, b, c], Space::Rgb) => interleave([a, b, c], line),
            ([a, b, c], _) => vectors::rgb_row([a, b, c], line),
            ([a, b, c, d], Space::Ycck { inverted }) => {
                let mut colour = vec![0; width * 3];
                vectors::rgb_row([a, b, c], &mut colour);
                ink(colour.chunks_exact(3).zip(d), inverted, line);
            }
            ([a, b, c, d], _) => {
                let mut colour = vec![0; width * 3];
                interleave([a, b, c], &mut colour);
                let inverted = matches!(space, Space::Cmyk { inverted: true });
                ink(colour.chunks_exact(3).zip(d), inverted, line);
            }
            _ => {}
        }
    }
    Ok(match depth {
        1 => Pixels::Gray8(out),
        3 => Pixels::Rgb8(out),
        _ => Pixels::Cmyk8(out),
    })
}

fn ink<'a>(pixels: impl Iterator<Item = (&'a [u8], &'a u8)>, inverted: bool, line: &mut [u8]) {
    let flip = if inverted { 255 } else { 0 };
    for (out, (colour, black)) in line.chunks_exact_mut(4).zip(pixels) {
        for (out, value) in out.iter_mut().zip(colour.iter().chain([black])) {
            *out = value ^ flip;
        }
    }
}

fn interleave(rows: [&[u8]; 3], line: &mut [u8]) {
    let values = rows[0].iter().zip(rows[1]).zip(rows[2]);
    for (pixel, ((a, b), c)) in line.chunks_exact_mut(3).zip(values) {
        pixel.copy_from_slice(&[*a, *b, *c]);
    }
}

/// One row of a plane at full width, for the picture's row `y`.
fn full_row(plane: &Plane, largest: (usize, usize), y: usize, between: &mut [u16], out: &mut [u8]) {
    let (h, v) = (usize::from(plane.horizontal), usize::from(plane.vertical));
    let row = |y: usize| plane.row(y.min(plane.height - 1));
    match (largest.0, largest.1) == (h, v) {
        true => out[..plane.width].copy_from_slice(row(y)),
        false if largest.0 == 2 * h && (largest.1 == v || largest.1 == 2 * v) => {
            let (near, far) = if largest.1 == v {
                (y, y)
            } else if y % 2 == 0 {
                (y / 2, (y / 2).saturating_sub(1))
            } else {
                (y / 2, y / 2 + 1)
            };
            vectors::halves_row(row(near), row(far), between, out);
        }
        false => {
            // Rare factors: the nearest sample.
            let source = row(y * v / largest.1);
            for (x, out) in out.iter_mut().enumerate() {
                *out = source[(x * h / largest.0).min(plane.width - 1)];
            }
        }
    }
}

/// Doubles a row between its nearer and farther source rows: each sample is three quarters the
/// nearer one and a quarter the farther, in both directions.
#[inline(always)]
pub(crate) fn halves_row(near: &[u8], far: &[u8], between: &mut [u16], out: &mut [u8]) {
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
            ((3 * left + right + 7) >> 4) as u8,
            ((3 * right + left + 8) >> 4) as u8,
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
        let mut rgb = [[0u8; STEP]; 3];
        for i in 0..STEP {
            let y = (i32::from(y[i]) << 16) + HALF;
            let (cb, cr) = (i32::from(cb[i]) - 128, i32::from(cr[i]) - 128);
            rgb[0][i] = ((y + 91_881 * cr) >> 16).clamp(0, 255) as u8;
            rgb[1][i] = ((y - 22_554 * cb - 46_802 * cr) >> 16).clamp(0, 255) as u8;
            rgb[2][i] = ((y + 116_130 * cb) >> 16).clamp(0, 255) as u8;
        }
        for (i, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            pixel.copy_from_slice(&[rgb[0][i], rgb[1][i], rgb[2][i]]);
        }
        at += STEP;
    }
}
