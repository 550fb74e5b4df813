//! From planes to coefficients.

use crate::coefficients::{Block, Grid};
use crate::dct::Quantiser;
use crate::quantisation::QuantisationTable;
use crate::{Coefficients, ComponentCoefficients, Marks, Plane, Planes, vectors};

/// Transforms and quantises planes that [`Planes::check`] has passed; the first plane with the
/// first table, the others with the second.
pub(crate) fn coefficients(planes: &Planes, tables: &[QuantisationTable; 2]) -> Coefficients {
    let largest = planes.factors();
    let components = planes.components.iter().enumerate().map(|(index, plane)| {
        let table = &tables[index.min(1)];
        // The factors of a lone plane mean nothing; others than 1 would pad it.
        let alone = planes.components.len() == 1;
        let (horizontal, vertical) = if alone {
            (1, 1)
        } else {
            (plane.horizontal, plane.vertical)
        };
        let largest = if alone { (1, 1) } else { largest };
        let factors = (usize::from(horizontal), usize::from(vertical));
        let grid = Grid::new((planes.width, planes.height), factors, largest);
        ComponentCoefficients {
            horizontal,
            vertical,
            table: *table,
            columns: grid.columns,
            rows: grid.rows,
            stride: grid.stride,
            blocks: blocks(plane, grid, &Quantiser::new(table)),
        }
    });
    Coefficients {
        width: planes.width,
        height: planes.height,
        components: components.collect(),
        marks: Marks::default(),
    }
}

/// All blocks of a plane. Blocks that only fill up an MCU repeat the DC of a neighbour, which
/// costs the fewest bits.
fn blocks(plane: &Plane, grid: Grid, quantiser: &Quantiser) -> Vec<Block> {
    let mut blocks = vec![[0; 64]; grid.stride * grid.stored_rows];
    for (y, row) in blocks
        .chunks_exact_mut(grid.stride)
        .take(grid.rows)
        .enumerate()
    {
        vectors::transform_row(plane, y, quantiser, &mut row[..grid.columns]);
        let last = row[grid.columns - 1][0];
        for filler in &mut row[grid.columns..] {
            filler[0] = last;
        }
    }
    for y in grid.rows..grid.stored_rows {
        let (done, rest) = blocks.split_at_mut(y * grid.stride);
        let above = &done[(y - 1) * grid.stride..];
        for (filler, block) in rest.iter_mut().zip(above) {
            filler[0] = block[0];
        }
    }
    blocks
}

/// Transforms one row of blocks. Samples beyond the plane repeat its last column and row.
#[inline(always)]
pub(crate) fn transform_row(plane: &Plane, y: usize, quantiser: &Quantiser, out: &mut [Block]) {
    let rows: [&[u8]; 8] =
        std::array::from_fn(|line| plane.row((8 * y + line).min(plane.height - 1)));
    let whole = plane.width / 8;
    for (x, block) in out.iter_mut().enumerate() {
        let mut samples = [[0; 8]; 8];
        for (line, row) in samples.iter_mut().zip(rows) {
            if x < whole {
                line.copy_from_slice(&row[8 * x..8 * x + 8]);
            } else {
                for (i, sample) in line.iter_mut().enumerate() {
                    *sample = row[(8 * x + i).min(plane.width - 1)];
                }
            }
        }
        quantiser.block(&samples, block);
    }
}
