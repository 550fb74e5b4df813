//! Planar pixels: what the encoder takes and what decoding can give.

use crate::JpegError;

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
    todo!("{subsampling:?}")
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
