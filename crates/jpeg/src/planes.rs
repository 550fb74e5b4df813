//! Planar pixels: what the encoder takes and what decoding can give.

use crate::{JpegError, vectors};

/// One component of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Width in samples.
    pub width: usize,
    /// Height in samples.
    pub height: usize,
    /// Samples from the start of one row to the start of the next; at least `width`.
    pub stride: usize,
    /// Horizontal sampling factor, 1–4 (ITU-T T.81 §A.1.1): relative to the largest of the planes.
    pub horizontal: u8,
    /// Vertical sampling factor, 1–4.
    pub vertical: u8,
    /// Samples, row by row from the top; at least `stride × (height − 1) + width` of them.
    pub data: Vec<u8>,
}

impl Plane {
    /// One row of samples, without the padding of the stride. Empty past the last row.
    pub fn row(&self, y: usize) -> &[u8] {
        let start = y * self.stride;
        self.data.get(start..start + self.width).unwrap_or_default()
    }
}

/// A picture as planes: one of grey, or three of Y, Cb and Cr (BT.601, full range, as JFIF has
/// them), each perhaps subsampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Width of the picture in pixels, 1–65,535.
    pub width: usize,
    /// Height of the picture in pixels, 1–65,535.
    pub height: usize,
    /// One plane (grey) or three (Y, Cb, Cr).
    pub components: Vec<Plane>,
}

impl Planes {
    /// Checks that the sizes, strides and factors fit together.
    ///
    /// # Errors
    /// [`JpegError::InvalidInput`] says what does not.
    pub fn check(&self) -> Result<(), JpegError> {
        let invalid = |what| Err(JpegError::InvalidInput { what });
        let side = 1..=65_535;
        if !side.contains(&self.width) || !side.contains(&self.height) {
            return invalid("the sides must be 1 to 65,535 pixels");
        }
        if !matches!(self.components.len(), 1 | 3) {
            return invalid("there must be one plane or three");
        }
        let factors = self.factors();
        for plane in &self.components {
            if !(1..=4).contains(&plane.horizontal) || !(1..=4).contains(&plane.vertical) {
                return invalid("sampling factors must be 1 to 4");
            }
            let width = (self.width * usize::from(plane.horizontal)).div_ceil(factors.0);
            let height = (self.height * usize::from(plane.vertical)).div_ceil(factors.1);
            if plane.width != width || plane.height != height {
                return invalid("a plane's size does not follow from its sampling factors");
            }
            if plane.stride < width || plane.data.len() < plane.stride * (height - 1) + width {
                return invalid("a plane has too few samples");
            }
        }
        Ok(())
    }

    /// The largest horizontal and vertical sampling factors, at least 1.
    pub(crate) fn factors(&self) -> (usize, usize) {
        self.components.iter().fold((1, 1), |(h, v), plane| {
            (
                h.max(usize::from(plane.horizontal)),
                v.max(usize::from(plane.vertical)),
            )
        })
    }
}

/// How many samples of colour there are for one of brightness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Subsampling {
    /// One colour sample for each pixel (4:4:4).
    Full,
    /// One colour sample for each 2 × 2 pixels (4:2:0).
    #[default]
    Quarter,
}

/// Converts interleaved RGB to Y, Cb and Cr planes.
///
/// `rgb` holds `width × height` pixels of three bytes, row by row. Colour is averaged over 2 × 2
/// pixels for [`Subsampling::Quarter`]; an odd last column or row is repeated.
///
/// # Errors
/// [`JpegError::InvalidInput`] when `rgb` is too short or a side is not 1 to 65,535.
pub fn rgb_to_planes(
    rgb: &[u8],
    width: usize,
    height: usize,
    subsampling: Subsampling,
) -> Result<Planes, JpegError> {
    check_pixels(rgb, width, height, 3)?;
    let mut picture = Picture {
        rgb,
        width,
        height,
        planes: Default::default(),
    };
    let (factor, colour_width, colour_height) = match subsampling {
        Subsampling::Full => (1, width, height),
        Subsampling::Quarter => (2, width.div_ceil(2), height.div_ceil(2)),
    };
    match subsampling {
        Subsampling::Full => picture.full(),
        Subsampling::Quarter => picture.quarter(),
    }
    let [y, cb, cr] = picture.planes;
    let luma = plane(y, width, height, factor);
    let colour = |data| plane(data, colour_width, colour_height, 1);
    Ok(Planes {
        width,
        height,
        components: vec![luma, colour(cb), colour(cr)],
    })
}

fn plane(data: Vec<u8>, width: usize, height: usize, factor: u8) -> Plane {
    Plane {
        width,
        height,
        stride: width,
        horizontal: factor,
        vertical: factor,
        data,
    }
}

/// A conversion under way.
struct Picture<'a> {
    rgb: &'a [u8],
    width: usize,
    height: usize,
    planes: [Vec<u8>; 3],
}

impl Picture<'_> {
    fn row(&self, y: usize) -> &[u8] {
        &self.rgb[y * self.width * 3..][..self.width * 3]
    }

    fn full(&mut self) {
        let samples = self.width * self.height;
        let mut planes = [(); 3].map(|()| vec![0; samples]);
        let [luma, cb, cr] = &mut planes;
        let rows = luma.chunks_exact_mut(self.width);
        let colours = cb
            .chunks_exact_mut(self.width)
            .zip(cr.chunks_exact_mut(self.width));
        for (y, (luma, (cb, cr))) in rows.zip(colours).enumerate() {
            vectors::convert_row(self.row(y), luma, cb, cr);
        }
        self.planes = planes;
    }

    /// Colour is converted at full size first, two rows at a time, and then averaged: cheaper
    /// than it sounds, since every step runs over whole rows.
    fn quarter(&mut self) {
        let (width, height) = (self.width, self.height);
        let (half, half_rows) = (width.div_ceil(2), height.div_ceil(2));
        let mut luma = vec![0; width * height];
        let mut colours = [vec![0; half * half_rows], vec![0; half * half_rows]];
        let mut full = [(); 4].map(|()| vec![0u8; width]);
        for (y, lines) in luma.chunks_mut(2 * width).enumerate() {
            let [cb_above, cr_above, cb_below, cr_below] = &mut full;
            let (above, below) = lines.split_at_mut(width);
            vectors::convert_row(self.row(2 * y), above, cb_above, cr_above);
            if below.is_empty() {
                cb_below.clone_from(cb_above);
                cr_below.clone_from(cr_above);
            } else {
                vectors::convert_row(self.row(2 * y + 1), below, cb_below, cr_below);
            }
            let [cb, cr] = &mut colours;
            halve_rows(cb_above, cb_below, &mut cb[y * half..(y + 1) * half]);
            halve_rows(cr_above, cr_below, &mut cr[y * half..(y + 1) * half]);
        }
        let [cb, cr] = colours;
        self.planes = [luma, cb, cr];
    }
}

/// Averages 2 × 2 samples; an odd last column is repeated.
fn halve_rows(above: &[u8], below: &[u8], out: &mut [u8]) {
    let pairs = above.chunks(2).zip(below.chunks(2));
    for (x, (out, (above, below))) in out.iter_mut().zip(pairs).enumerate() {
        let sum = |pair: &[u8]| match pair {
            [a, b] => u32::from(*a) + u32::from(*b),
            [a] => 2 * u32::from(*a),
            _ => 0,
        };
        // Halves are rounded up and down in turn, so that flat colour does not drift.
        *out = ((sum(above) + sum(below) + 1 + (x as u32 & 1)) / 4) as u8;
    }
}

/// Converts one row of RGB to full-range BT.601 (JFIF 1.02 §7), in 16-bit fixed point.
#[inline(always)]
pub(crate) fn convert_row(rgb: &[u8], y: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
    const HALF: i32 = 1 << 15;
    // 128 and a half, less one unit so that blue and red at their fullest stay within a byte.
    const CENTRE: i32 = (128 << 16) + HALF - 1;
    let outputs = y.iter_mut().zip(cb).zip(cr);
    for (pixel, ((y, cb), cr)) in rgb.chunks_exact(3).zip(outputs) {
        let (r, g, b) = (
            i32::from(pixel[0]),
            i32::from(pixel[1]),
            i32::from(pixel[2]),
        );
        *y = ((19_595 * r + 38_470 * g + 7_471 * b + HALF) >> 16) as u8;
        *cb = ((-11_059 * r - 21_709 * g + 32_768 * b + CENTRE) >> 16) as u8;
        *cr = ((32_768 * r - 27_439 * g - 5_329 * b + CENTRE) >> 16) as u8;
    }
}

/// Wraps grey pixels, `width × height` bytes row by row, as planes.
///
/// # Errors
/// [`JpegError::InvalidInput`] when `gray` is too short or a side is not 1 to 65,535.
pub fn gray_to_planes(gray: Vec<u8>, width: usize, height: usize) -> Result<Planes, JpegError> {
    check_pixels(&gray, width, height, 1)?;
    let plane = Plane {
        width,
        height,
        stride: width,
        horizontal: 1,
        vertical: 1,
        data: gray,
    };
    Ok(Planes {
        width,
        height,
        components: vec![plane],
    })
}

fn check_pixels(data: &[u8], width: usize, height: usize, depth: usize) -> Result<(), JpegError> {
    let side = 1..=65_535;
    if !side.contains(&width) || !side.contains(&height) {
        return Err(JpegError::InvalidInput {
            what: "the sides must be 1 to 65,535 pixels",
        });
    }
    if data.len() < width * height * depth {
        return Err(JpegError::InvalidInput {
            what: "too few pixels for the dimensions",
        });
    }
    Ok(())
}
