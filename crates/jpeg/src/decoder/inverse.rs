//! From coefficients to samples: the inverse transform at full size, and the smaller ones that
//! give the picture at a half, a quarter and an eighth from the lowest frequencies alone.
//!
//! All of them run on eight or fewer lanes at once so that the compiler makes vectors of them.

use crate::quantisation::{NATURAL, QuantisationTable};

type Lanes = [f32; 8];

/// Adding this rounds a float to an integer in the low bits of its representation.
const ROUNDER: f32 = 12_582_912.0;
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
        for (x, block) in blocks.chunks_exact(self.size * self.size).enumerate() {
            let out = &mut out[x * self.size..];
            if block[1..].iter().fold(0, |any, value| any | value) == 0 {
                let flat = sample(f32::from(block[0]) * self.factors[0]);
                for line in out.chunks_mut(stride).take(self.size) {
                    line[..self.size].fill(flat);
                }
                continue;
            }
            match self.size {
                8 => self.eight(block, out, stride),
                4 => self.four(block, out, stride),
                _ => self.two(block, out, stride),
            }
        }
    }

    #[inline(always)]
    fn eight(&self, block: &[i16], out: &mut [u8], stride: usize) {
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
        for (line, values) in out.chunks_mut(stride).zip(&rows) {
            if let Some(line) = line.first_chunk_mut::<8>() {
                for i in 0..8 {
                    line[i] = sample(values[i]);
                }
            }
        }
    }

    /// Half size: the 4 × 4 lowest frequencies through a transform of four.
    #[inline(always)]
    fn four(&self, block: &[i16], out: &mut [u8], stride: usize) {
        let Some(block) = block.first_chunk::<16>() else {
            return;
        };
        let mut rows = [[0.0; 4]; 4];
        for u in 0..4 {
            for v in 0..4 {
                rows[u][v] = f32::from(block[u * 4 + v]) * self.factors[u * 4 + v];
            }
        }
        let columns = half_inverse(&rows);
        let rows = half_inverse(&std::array::from_fn(|v| {
            std::array::from_fn(|x| columns[x][v])
        }));
        for (line, values) in out.chunks_mut(stride).zip(&rows) {
            for i in 0..4 {
                line[i] = sample(values[i]);
            }
        }
    }

    /// Quarter size: the 2 × 2 lowest frequencies.
    #[inline(always)]
    fn two(&self, block: &[i16], out: &mut [u8], stride: usize) {
        let value = |at: usize| f32::from(block[at]) * self.factors[at];
        // cos(π/4) in each direction; the second in place is the lower in frequency down.
        let (a, c, b, d) = (
            value(0),
            0.707_106_77 * value(1),
            0.707_106_77 * value(2),
            0.5 * value(3),
        );
        out[0] = sample(a + b + c + d);
        out[1] = sample(a - b + c - d);
        out[stride] = sample(a + b - c - d);
        out[stride + 1] = sample(a - b - c + d);
    }
}

/// The inverse transform of four down each column.
#[inline(always)]
fn half_inverse(rows: &[[f32; 4]; 4]) -> [[f32; 4]; 4] {
    let mut out = [[0.0; 4]; 4];
    for i in 0..4 {
        let (a, b, c, d) = (rows[0][i], rows[1][i], rows[2][i], rows[3][i]);
        // cos(π/8), cos(3π/8), and cos(π/4) for the middle frequency.
        let (outer, inner) = (a + 0.707_106_77 * c, a - 0.707_106_77 * c);
        let steep = 0.923_879_5 * b + 0.382_683_43 * d;
        let gentle = 0.382_683_43 * b - 0.923_879_5 * d;
        out[0][i] = outer + steep;
        out[1][i] = inner + gentle;
        out[2][i] = inner - gentle;
        out[3][i] = outer - steep;
    }
    out
}

/// A sample from eight times its distance to the middle.
#[inline(always)]
fn sample(value: f32) -> u8 {
    // Coefficients of damaged files can be far out of range, beyond what the rounding can hold.
    let value = (value + 128.0 * SCALE).clamp(0.0, 255.0 * SCALE);
    let rounded = (value + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32;
    ((rounded + 4) >> 3).min(255) as u8
}

#[inline(always)]
fn add(a: Lanes, b: Lanes) -> Lanes {
    std::array::from_fn(|lane| a[lane] + b[lane])
}

#[inline(always)]
fn subtract(a: Lanes, b: Lanes) -> Lanes {
    std::array::from_fn(|lane| a[lane] - b[lane])
}

#[inline(always)]
fn times(a: Lanes, factor: f32) -> Lanes {
    std::array::from_fn(|lane| a[lane] * factor)
}

#[inline(always)]
fn transposed(rows: &[Lanes; 8]) -> [Lanes; 8] {
    std::array::from_fn(|x| std::array::from_fn(|y| rows[y][x]))
}

/// The one-dimensional inverse down each column, the mirror of the forward one.
#[inline(always)]
fn inverse(rows: &mut [Lanes; 8]) {
    let outer = add(rows[0], rows[4]);
    let inner = subtract(rows[0], rows[4]);
    let sum = add(rows[2], rows[6]);
    let turned = subtract(
        times(subtract(rows[2], rows[6]), std::f32::consts::SQRT_2),
        sum,
    );
    let even = [
        add(outer, sum),
        add(inner, turned),
        subtract(inner, turned),
        subtract(outer, sum),
    ];

    let minus = subtract(rows[5], rows[3]);
    let plus = add(rows[5], rows[3]);
    let sum = add(rows[1], rows[7]);
    let difference = subtract(rows[1], rows[7]);
    let first = add(sum, plus);
    let third = times(subtract(sum, plus), std::f32::consts::SQRT_2);
    let shared = times(add(minus, difference), 1.847_759_1);
    let low = subtract(times(difference, 1.082_392_2), shared);
    let high = add(times(minus, -2.613_126), shared);
    let second = subtract(high, first);
    let middle = subtract(third, second);
    let fourth = add(low, middle);
    let odd = [first, second, middle, times(fourth, -1.0)];
    for i in 0..4 {
        rows[i] = add(even[i], odd[i]);
        rows[7 - i] = subtract(even[i], odd[i]);
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
