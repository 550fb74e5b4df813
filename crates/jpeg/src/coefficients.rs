//! Quantised coefficients: what lies between pixels and bytes.

use crate::quantisation::QuantisationTable;
use crate::{JpegError, ScanMap};

/// The quantised coefficients of 8 × 8 samples, in zigzag order.
pub type Block = [i16; 64];

/// A picture as quantised coefficients: what the writer turns into a file, whether they come from
/// pixels or from another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coefficients {
    /// Width of the picture in pixels, 1–65,535.
    pub width: usize,
    /// Height of the picture in pixels, 1–65,535.
    pub height: usize,
    /// One component (grey), three (colour) or four (ink).
    pub components: Vec<ComponentCoefficients>,
    /// What the file says of the meaning of its components.
    pub marks: Marks,
}

/// What a file says of the meaning of its components. Decoders tell YCbCr from RGB and ink by it,
/// so it must pass from file to file unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Whether there is a JFIF header.
    pub jfif: bool,
    /// The colour transform of an Adobe APP14 segment, if there is one: 0 none, 1 YCbCr, 2 YCCK.
    pub adobe: Option<u8>,
    /// The identifiers of up to four components.
    pub ids: [u8; 4],
}

impl Default for Marks {
    /// A JFIF file of grey or YCbCr.
    fn default() -> Self {
        Self {
            jfif: true,
            adobe: None,
            ids: [1, 2, 3, 4],
        }
    }
}

impl Marks {
    /// The marks of a mapped file.
    pub(crate) fn of(map: &ScanMap) -> Self {
        let mut ids = Self::default().ids;
        for (id, component) in ids.iter_mut().zip(&map.components) {
            *id = component.id;
        }
        Self {
            jfif: map.jfif,
            adobe: map.adobe,
            ids,
        }
    }
}

/// The coefficients of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentCoefficients {
    /// Horizontal sampling factor, 1–4.
    pub horizontal: u8,
    /// Vertical sampling factor, 1–4.
    pub vertical: u8,
    /// The quantisation table, natural order.
    pub table: QuantisationTable,
    /// Blocks in a row that carry samples of the picture.
    pub columns: usize,
    /// Rows of blocks that carry samples of the picture.
    pub rows: usize,
    /// Blocks in a row as stored: `columns` rounded up to whole MCUs.
    pub stride: usize,
    /// Blocks row by row; `stride` × (`rows` rounded up to whole MCUs) of them.
    pub blocks: Vec<Block>,
}

/// The sizes of a component in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub columns: usize,
    pub rows: usize,
    pub stride: usize,
    pub stored_rows: usize,
}

impl Grid {
    /// The grid of a component with `factors` in a picture whose largest factors are `largest`.
    pub(crate) fn new(
        (width, height): (usize, usize),
        factors: (usize, usize),
        largest: (usize, usize),
    ) -> Self {
        Self {
            columns: (width * factors.0).div_ceil(largest.0).div_ceil(8),
            rows: (height * factors.1).div_ceil(largest.1).div_ceil(8),
            stride: width.div_ceil(8 * largest.0) * factors.0,
            stored_rows: height.div_ceil(8 * largest.1) * factors.1,
        }
    }
}

impl Coefficients {
    /// The largest horizontal and vertical sampling factors, at least 1.
    pub(crate) fn factors(&self) -> (usize, usize) {
        self.components.iter().fold((1, 1), |(h, v), component| {
            (
                h.max(component.horizontal.into()),
                v.max(component.vertical.into()),
            )
        })
    }

    /// How many MCUs an interleaved scan has, across and down.
    pub(crate) fn mcus(&self) -> (usize, usize) {
        let (h, v) = self.factors();
        (self.width.div_ceil(8 * h), self.height.div_ceil(8 * v))
    }

    /// Checks that the sizes fit together and that every coefficient can be coded.
    ///
    /// # Errors
    /// [`JpegError::InvalidInput`] says what does not fit.
    pub fn check(&self) -> Result<(), JpegError> {
        self.check_frame()?;
        let invalid = |what| Err(JpegError::InvalidInput { what });
        let largest = self.factors();
        for component in &self.components {
            let factors = component.factors();
            let grid = Grid::new((self.width, self.height), factors, largest);
            let stated = (component.columns, component.rows, component.stride);
            if stated != (grid.columns, grid.rows, grid.stride)
                || component.blocks.len() != grid.stride * grid.stored_rows
            {
                return invalid("a component's blocks do not follow from its sampling factors");
            }
            if component.blocks.iter().any(uncodable) {
                return invalid("a coefficient beyond 8-bit range");
            }
        }
        Ok(())
    }

    /// Checks everything but the blocks.
    ///
    /// # Errors
    /// [`JpegError::InvalidInput`] says what does not fit.
    pub(crate) fn check_frame(&self) -> Result<(), JpegError> {
        let invalid = |what| Err(JpegError::InvalidInput { what });
        let side = 1..=65_535;
        if !side.contains(&self.width) || !side.contains(&self.height) {
            return invalid("the sides must be 1 to 65,535 pixels");
        }
        if !matches!(self.components.len(), 1 | 3 | 4) {
            return invalid("there must be one component, three or four");
        }
        if self.components.len() == 1 && self.factors() != (1, 1) {
            return invalid("a lone component must have sampling factors of 1");
        }
        let mut blocks_in_mcu = 0;
        for component in &self.components {
            let factors = component.factors();
            if !(1..=4).contains(&factors.0) || !(1..=4).contains(&factors.1) {
                return invalid("sampling factors must be 1 to 4");
            }
            blocks_in_mcu += factors.0 * factors.1;
            if component.table.contains(&0) {
                return invalid("a quantisation step of 0");
            }
        }
        if self.components.len() > 1 && blocks_in_mcu > 10 {
            return invalid("more than ten blocks in an MCU");
        }
        Ok(())
    }
}

impl ComponentCoefficients {
    fn factors(&self) -> (usize, usize) {
        (self.horizontal.into(), self.vertical.into())
    }
}

/// Whether a block holds a coefficient that 8-bit files have no code for (T.81 Tables F.1, F.2):
/// AC beyond 10 bits, DC whose difference to another may be beyond 11.
fn uncodable(block: &Block) -> bool {
    let beyond = block[1..]
        .iter()
        .fold(false, |any, value| any | !(-1023..=1023).contains(value));
    beyond || !(-1024..=1023).contains(&block[0])
}
