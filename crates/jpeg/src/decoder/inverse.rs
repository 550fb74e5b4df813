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

/// Turns coefficients into samples, for one table and one size of block.
pub(crate) struct Dequantiser {
    /// Steps times the transform's own scale, zigzag order.
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
        let factors = NATURAL.map(|natural| {
            let (v, u) = (usize::from(natural) / 8, usize::from(natural) % 8);
            // Of the eight that the scale of the samples gives, the transform takes them all.
            (f64::from(table[usize::from(natural)]) * scale(u) * scale(v)) as f32
        });
        Self { factors, size }
    }

    /// Transforms a row of blocks of `span` coefficients each into rows of samples, `stride`
    /// apart.
    #[inline(always)]
    pub(super) fn row(&self, blocks: &[i16], span: usize, out: &mut [u8], stride: usize) {
        for (x, block) in blocks.chunks_exact(span).enumerate() {
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
    fn coefficient(&self, block: &[i16], k: usize) -> f32 {
        f32::from(block[k]) * self.factors[k]
    }

    #[inline(always)]
    fn eight(&self, block: &[i16], out: &mut [u8], stride: usize) {
        let Some(block) = block.first_chunk::<64>() else {
            return;
        };
        let scaled: [f32; 64] = std::array::from_fn(|k| f32::from(block[k]) * self.factors[k]);
        let mut rows = [[0.0; 8]; 8];
        for (value, natural) in scaled.iter().zip(NATURAL) {
            rows[usize::from(natural >> 3)][usize::from(natural & 7)] = *value;
        }
        inverse(&mut rows);
        let mut columns = transposed(&rows);
        inverse(&mut columns);
        for (line, values) in out.chunks_mut(stride).zip(transposed(&columns)) {
            if let Some(line) = line.first_chunk_mut::<8>() {
                *line = values.map(sample);
            }
        }
    }

    /// Half size: the 4 × 4 lowest frequencies through a transform of four.
    #[inline(always)]
    fn four(&self, block: &[i16], out: &mut [u8], stride: usize) {
        // Zigzag places of the 4 × 4 lowest frequencies, row by row.
        const PLACES: [[usize; 4]; 4] =
            [[0, 1, 5, 6], [2, 4, 7, 13], [3, 8, 12, 17], [9, 11, 18, 24]];
        let mut rows = PLACES.map(|row| row.map(|k| self.coefficient(block, k)));
        for _ in 0..2 {
            let [a, b, c, d] = rows;
            let lanes = |f: fn(f32, f32, f32, f32) -> f32| -> [f32; 4] {
                std::array::from_fn(|i| f(a[i], b[i], c[i], d[i]))
            };
            // cos(π/8) and cos(3π/8); cos(π/4) for the middle frequency.
            let result = [
                lanes(|a, b, c, d| a + 0.923_879_5 * b + 0.707_106_77 * c + 0.382_683_43 * d),
                lanes(|a, b, c, d| a + 0.382_683_43 * b - 0.707_106_77 * c - 0.923_879_5 * d),
                lanes(|a, b, c, d| a - 0.382_683_43 * b - 0.707_106_77 * c + 0.923_879_5 * d),
                lanes(|a, b, c, d| a - 0.923_879_5 * b + 0.707_106_77 * c - 0.382_683_43 * d),
            ];
            rows = std::array::from_fn(|y| std::array::from_fn(|x| result[x][y]));
        }
        for (line, values) in out.chunks_mut(stride).zip(rows) {
            line[..4].copy_from_slice(&values.map(sample));
        }
    }

    /// Quarter size: the 2 × 2 lowest frequencies.
    #[inline(always)]
    fn two(&self, block: &[i16], out: &mut [u8], stride: usize) {
        let [a, b, c, d] = [0, 1, 2, 4].map(|k| self.coefficient(block, k));
        // cos(π/4) in each direction.
        let (b, c, d) = (b * 0.707_106_77, c * 0.707_106_77, d * 0.5);
        let above = [a + b + c + d, a - b + c - d].map(sample);
        let below = [a + b - c - d, a - b - c + d].map(sample);
        out[..2].copy_from_slice(&above);
        out[stride..stride + 2].copy_from_slice(&below);
    }
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
    a.map(|value| value * factor)
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
