//! From coefficients to samples: the inverse transform at full size, and the smaller ones that
//! give the picture at a half, a quarter and an eighth from the lowest frequencies alone.
//!
//! All of them run on eight or fewer lanes at once so that the compiler makes vectors of them.

use crate::lanes::{Lanes, rounded, transposed};
use crate::quantisation::{NATURAL, QuantisationTable};

/// Samples come out eight times too large, so that halves are rounded up exactly.
const SCALE: f32 = 8.0;

/// Where coefficients that are not kept go.
pub(super) const NOWHERE: u8 = 255;

/// How many coefficients of a block are kept for blocks of `size` samples a side, and where in it
/// each lies by its place in zigzag order: by horizontal frequency and then vertical, so that one
/// transposition is saved.
pub(super) fn places(size: usize) -> (usize, [u8; 64]) {
    let places = NATURAL.map(|natural| {
        let (v, u) = (usize::from(natural) / 8, usize::from(natural) % 8);
        if u < size && v < size {
            (u * size + v) as u8
        } else {
            NOWHERE
        }
    });
    (size * size, places)
}

/// Turns coefficients into samples, for one table and one size of block.
pub(super) struct Dequantiser {
    /// Steps times the transform's own scale, placed as the coefficients are.
    factors: [f32; 64],
    /// Samples across and down a block: 1, 2, 4 or 8.
    size: usize,
}

impl Dequantiser {
    pub(super) fn new(table: &QuantisationTable, size: usize) -> Self {
        let scale = |frequency: usize| -> f64 {
            match (size, frequency) {
                // The scaled transform of Arai, Agui and Nakajima at full size.
                (8, 1..) => {
                    (frequency as f64 * std::f64::consts::PI / 16.0).cos()
                        * std::f64::consts::SQRT_2
                }
                (_, 0) => 1.0,
                _ => std::f64::consts::SQRT_2,
            }
        };
        let mut factors = [0.0; 64];
        for u in 0..size {
            for v in 0..size {
                let step = f64::from(table[v * 8 + u]);
                factors[u * size + v] = (step * scale(u) * scale(v)) as f32;
            }
        }
        Self { factors, size }
    }

    /// Transforms a row of blocks of `size`² coefficients each into rows of samples, `stride`
    /// apart.
    #[inline(always)]
    pub(super) fn row(&self, blocks: &[i16], out: &mut [u8], stride: usize) {
        match self.size {
            8 => self.row_of::<8, 64>(blocks, out, stride),
            4 => self.row_of::<4, 16>(blocks, out, stride),
            2 => self.row_of_two(blocks, out, stride),
            _ => {
                for (sample_out, dc) in out.iter_mut().zip(blocks) {
                    *sample_out = sample(f32::from(*dc) * self.factors[0]);
                }
            }
        }
    }

    /// [`row`](Self::row) for blocks of one known `SIZE` and its square.
    #[inline(always)]
    fn row_of<const SIZE: usize, const SPAN: usize>(
        &self,
        blocks: &[i16],
        out: &mut [u8],
        stride: usize,
    ) {
        let mut rest = out;
        let mut lines: [&mut [[u8; SIZE]]; SIZE] = std::array::from_fn(|_| {
            let all = std::mem::take(&mut rest);
            let (line, others) = all.split_at_mut(stride.min(all.len()));
            rest = others;
            line.as_chunks_mut().0
        });
        for (x, block) in blocks.as_chunks::<SPAN>().0.iter().enumerate() {
            let samples = if is_flat::<SIZE>(block) {
                [[sample(f32::from(block[0]) * self.factors[0]); SIZE]; SIZE]
            } else {
                let mut samples = [[0; SIZE]; SIZE];
                match SIZE {
                    8 => self.eight(block, samples.as_flattened_mut()),
                    _ => self.four(block, samples.as_flattened_mut()),
                }
                samples
            };
            for (line, samples) in lines.iter_mut().zip(&samples) {
                if let Some(place) = line.get_mut(x) {
                    *place = *samples;
                }
            }
        }
    }

    #[inline(always)]
    fn eight(&self, block: &[i16], out: &mut [u8]) {
        let Some(block) = block.first_chunk::<64>() else {
            return;
        };
        let mut columns = [[0.0; 8]; 8];
        for u in 0..8 {
            for v in 0..8 {
                columns[u][v] = f32::from(block[u * 8 + v]) * self.factors[u * 8 + v];
            }
        }
        inverse(&mut columns);
        let mut rows = transposed(&columns);
        inverse(&mut rows);
        for (line, values) in out.as_chunks_mut::<8>().0.iter_mut().zip(&rows) {
            // In two loops, so that each is whole vectors.
            let mut eighths = [0; 8];
            for i in 0..8 {
                eighths[i] = rounded(bounded(values[i] + 128.0 * SCALE));
            }
            for i in 0..8 {
                line[i] = ((eighths[i] + 4) >> 3) as u8;
            }
        }
    }

    /// Half size: the 4 × 4 lowest frequencies through a transform of four.
    #[inline(always)]
    fn four(&self, block: &[i16], out: &mut [u8]) {
        let Some(block) = block.first_chunk::<16>() else {
            return;
        };
        let mut columns = [[0.0; 4]; 4];
        for u in 0..4 {
            for v in 0..4 {
                columns[u][v] = f32::from(block[u * 4 + v]) * self.factors[u * 4 + v];
            }
        }
        let c = half_inverse(&columns);
        let mut turned = [[0.0; 4]; 4];
        for (v, turned) in turned.iter_mut().enumerate() {
            *turned = [c[0][v], c[1][v], c[2][v], c[3][v]];
        }
        let rows = half_inverse(&turned);
        for (out, value) in out.iter_mut().zip(rows.as_flattened()) {
            *out = sample(*value);
        }
    }

    /// Quarter size: the 2 × 2 lowest frequencies, eight blocks at once.
    #[inline(always)]
    fn row_of_two(&self, blocks: &[i16], out: &mut [u8], stride: usize) {
        let (above, below) = out.split_at_mut(stride.min(out.len()));
        let lines = above.chunks_mut(16).zip(below.chunks_mut(16));
        for (blocks, (above, below)) in blocks.chunks(32).zip(lines) {
            if let (Some(blocks), Some(above), Some(below)) = (
                blocks.first_chunk(),
                above.first_chunk_mut(),
                below.first_chunk_mut(),
            ) {
                [*above, *below] = self.eight_of_two(blocks);
                continue;
            }
            let mut all = [0; 32];
            all[..blocks.len()].copy_from_slice(blocks);
            let lines = self.eight_of_two(&all);
            above.copy_from_slice(&lines[0][..above.len()]);
            below.copy_from_slice(&lines[1][..below.len()]);
        }
    }

    /// Two lines of samples.
    #[inline(always)]
    fn eight_of_two(&self, blocks: &[i16; 32]) -> [[u8; 16]; 2] {
        // cos(π/4) in each direction.
        let scales = [
            1.0,
            std::f32::consts::FRAC_1_SQRT_2,
            std::f32::consts::FRAC_1_SQRT_2,
            0.5,
        ];
        let mut factors = [0.0; 4];
        for (factor, (own, scale)) in factors.iter_mut().zip(self.factors.iter().zip(scales)) {
            *factor = own * scale;
        }
        let [mut flat, mut down, mut across, mut both] = [[0.0f32; 8]; 4];
        for (i, block) in blocks.as_chunks::<4>().0.iter().enumerate() {
            flat[i] = f32::from(block[0]) * factors[0];
            down[i] = f32::from(block[1]) * factors[1];
            across[i] = f32::from(block[2]) * factors[2];
            both[i] = f32::from(block[3]) * factors[3];
        }
        let mut lines = [[0; 16]; 2];
        for i in 0..8 {
            let (left, right) = (flat[i] + across[i], flat[i] - across[i]);
            let (left_down, right_down) = (down[i] + both[i], down[i] - both[i]);
            lines[0][2 * i] = sample(left + left_down);
            lines[0][2 * i + 1] = sample(right + right_down);
            lines[1][2 * i] = sample(left - left_down);
            lines[1][2 * i + 1] = sample(right - right_down);
        }
        lines
    }
}

/// The inverse transform of four down each column.
#[inline(always)]
fn half_inverse(rows: &[[f32; 4]; 4]) -> [[f32; 4]; 4] {
    let mut out = [[0.0; 4]; 4];
    for i in 0..4 {
        let (a, b, c, d) = (rows[0][i], rows[1][i], rows[2][i], rows[3][i]);
        // cos(π/8), cos(3π/8), and cos(π/4) for the middle frequency.
        let (outer, inner) = (
            a + std::f32::consts::FRAC_1_SQRT_2 * c,
            a - std::f32::consts::FRAC_1_SQRT_2 * c,
        );
        let steep = 0.923_879_5 * b + 0.382_683_43 * d;
        let gentle = 0.382_683_43 * b - 0.923_879_5 * d;
        out[0][i] = outer + steep;
        out[1][i] = inner + gentle;
        out[2][i] = inner - gentle;
        out[3][i] = outer - steep;
    }
    out
}

/// Whether a block of `SIZE` a side has no coefficient but DC.
#[inline(always)]
fn is_flat<const SIZE: usize>(block: &[i16]) -> bool {
    // Line by line, so that it is vectors, and without the first of all.
    let mut any = [0; SIZE];
    for line in block.as_chunks::<SIZE>().0.iter().skip(1) {
        for (any, value) in any.iter_mut().zip(line) {
            *any |= value;
        }
    }
    for (i, (any, value)) in any.iter_mut().zip(block).enumerate() {
        *any |= value & -i16::from(i > 0);
    }
    any.iter().fold(0, |all, any| all | any) == 0
}

/// A sample from eight times its distance to the middle.
#[inline(always)]
fn sample(value: f32) -> u8 {
    ((rounded(bounded(value + 128.0 * SCALE)) + 4) >> 3) as u8
}

/// A value within those of samples, eight times too large: coefficients of damaged files can be far
/// out of range, beyond what rounding can hold.
#[inline(always)]
fn bounded(value: f32) -> f32 {
    // Processors have instructions for these comparisons, but not for `clamp`, which keeps what
    // is not a number.
    let value = if value > 0.0 { value } else { 0.0 };
    if value < 255.0 * SCALE {
        value
    } else {
        255.0 * SCALE
    }
}

/// The one-dimensional inverse down each column, the mirror of the forward one.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "a loop over lanes becomes vectors"
)]
fn inverse(rows: &mut [Lanes; 8]) {
    for i in 0..8 {
        let (outer, inner) = (rows[0][i] + rows[4][i], rows[0][i] - rows[4][i]);
        let sum = rows[2][i] + rows[6][i];
        let turned = (rows[2][i] - rows[6][i]) * std::f32::consts::SQRT_2 - sum;
        let even = [outer + sum, inner + turned, inner - turned, outer - sum];

        let (plus, minus) = (rows[5][i] + rows[3][i], rows[5][i] - rows[3][i]);
        let (sum, difference) = (rows[1][i] + rows[7][i], rows[1][i] - rows[7][i]);
        let shared = (minus + difference) * 1.847_759_1;
        let low = difference * 1.082_392_2 - shared;
        let high = minus * -2.613_126 + shared;
        let first = sum + plus;
        let second = high - first;
        let third = (sum - plus) * std::f32::consts::SQRT_2 - second;
        let fourth = -(low + third);

        rows[0][i] = even[0] + first;
        rows[1][i] = even[1] + second;
        rows[2][i] = even[2] + third;
        rows[3][i] = even[3] + fourth;
        rows[4][i] = even[3] - fourth;
        rows[5][i] = even[2] - third;
        rows[6][i] = even[1] - second;
        rows[7][i] = even[0] - first;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Samples by the definition (T.81 §A.3.3), for the lowest `size`² frequencies.
    fn by_definition(table: &QuantisationTable, zigzag: &[i16; 64], size: usize) -> Vec<f64> {
        let mut samples = Vec::new();
        for y in 0..size {
            for x in 0..size {
                let mut sum = 0.0;
                for (value, natural) in zigzag.iter().zip(NATURAL.map(usize::from)) {
                    let (v, u) = (natural / 8, natural % 8);
                    if u >= size || v >= size {
                        continue;
                    }
                    let wave = |frequency: usize, at: usize| {
                        let norm = if frequency == 0 { 0.5f64.sqrt() } else { 1.0 };
                        let turn = (2 * at + 1) as f64 * frequency as f64 / (2 * size) as f64;
                        norm * (turn * std::f64::consts::PI).cos()
                    };
                    sum += f64::from(*value) * f64::from(table[natural]) * wave(u, x) * wave(v, y);
                }
                samples.push((sum / 4.0 + 128.0).clamp(0.0, 255.0));
            }
        }
        samples
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn every_size_is_the_definition(
            size in prop_oneof![Just(1usize), Just(2), Just(4), Just(8)],
            table in proptest::collection::vec(1..60u16, 64),
            dc in -60..60i16,
            ac in proptest::collection::vec((0..64usize, -20..20i16), 0..12),
        ) {
            let table = QuantisationTable::try_from(table).expect("64 of them");
            let mut zigzag = [0; 64];
            for (k, value) in ac {
                zigzag[k] = value;
            }
            zigzag[0] = dc;
            let (span, places) = places(size);
            let mut block = vec![0; span];
            for (place, value) in places.iter().zip(zigzag) {
                if *place != NOWHERE {
                    block[usize::from(*place)] = value;
                }
            }
            let mut samples = vec![0; 64];
            Dequantiser::new(&table, size).row(&block, &mut samples, 8);
            let expected = by_definition(&table, &zigzag, size);
            // Half a step, and a sixteenth for the eighths that samples are rounded to first.
            for (i, expected) in expected.iter().enumerate() {
                let sample = f64::from(samples[i / size * 8 + i % size]);
                prop_assert!((sample - expected).abs() < 0.57, "{i}: {sample}, not {expected}");
            }
        }
    }
}
