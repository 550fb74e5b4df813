//! A component of a picture under way, and where its blocks are.

use std::ops::Range;

use super::inverse::Dequantiser;
use super::scans::Kept;
use crate::coefficients::Grid;
use crate::quantisation::QuantisationTable;

/// A component under way.
pub(crate) struct Part {
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    pub(super) grid: Grid,
    /// Which quantisation table.
    pub(super) table: usize,
    /// Its steps, once the component's first scan has begun.
    pub(super) steps: Option<QuantisationTable>,
    pub(super) dequantiser: Option<Dequantiser>,
    /// Samples across and down a block of the output.
    pub(super) size: usize,
    /// Coefficients kept of each block, and the place of each by zigzag.
    pub(super) span: usize,
    pub(super) places: [u8; 64],
    /// Coefficients that have to be decoded to know those that the output needs.
    pub(super) reach: usize,
    /// Whether refinements of AC coefficients are read.
    pub(super) refined: bool,
    /// Whether refinements of AC coefficients are left out.
    pub(super) coarse: bool,
    /// Coefficients, `span` to a block: of the whole picture, or of the MCU row at hand.
    pub(super) blocks: Vec<i16>,
    /// Which AC coefficients are not zero, in progressive files: a word to a block.
    pub(super) present: Vec<u64>,
    /// Samples, `grid.stride × size` to a row; grey until they are known.
    pub(super) samples: Vec<u8>,
}

impl Part {
    pub(super) fn stride(&self) -> usize {
        self.grid.stride * self.size
    }

    /// Blocks across and down an MCU, of a scan that holds this component alone or others too.
    #[inline(always)]
    pub(super) fn across_and_down(&self, alone: bool) -> (usize, usize) {
        if alone {
            (1, 1)
        } else {
            (self.horizontal, self.vertical)
        }
    }

    /// Where the blocks of one line of an MCU are kept.
    #[inline(always)]
    pub(super) fn row_of_mcu(
        &self,
        alone: bool,
        row: usize,
        line: usize,
        mcu: usize,
    ) -> Range<usize> {
        let (across, down) = self.across_and_down(alone);
        let first = (row * down + line) * self.grid.stride + mcu * across;
        first..first + across
    }

    /// The `at`-th of the blocks that are kept.
    #[inline(always)]
    pub(super) fn kept(&mut self, at: usize) -> Option<Kept<'_>> {
        let slot = if self.present.len() == 1 { 0 } else { at };
        Some(Kept {
            block: self.blocks.get_mut(at * self.span..(at + 1) * self.span)?,
            present: self.present.get_mut(slot)?,
            places: &self.places,
            wanted: self.reach,
        })
    }
}
