//! From samples to quantised coefficients: the forward transform of 8 × 8 blocks.
//!
//! The transform is the scaled one of Arai, Agui and Nakajima (1988): five multiplications for
//! eight samples, with the rest of the scaling folded into the quantiser. It runs down the eight
//! columns at once, one per lane, so that the compiler makes vectors of it.

use crate::coefficients::Block;
use crate::quantisation::{QuantisationTable, ZIGZAG};

/// Eight values side by side.
type Lanes = [f32; 8];

/// Adding this to a float of at most 22 bits rounds it to nearest and leaves the integer in the
/// low bits of its representation.
const ROUNDER: f32 = 12_582_912.0;

/// What turns transformed samples into quantised coefficients, for one table.
pub(crate) struct Quantiser {
    /// One over (step × the transform's own scale), by horizontal frequency and then vertical.
    factors: [Lanes; 8],
}

impl Quantiser {
    pub(crate) fn new(table: &QuantisationTable) -> Self {
        let scale = |frequency: usize| -> f64 {
            if frequency == 0 {
                return 1.0;
            }
            (frequency as f64 * std::f64::consts::PI / 16.0).cos() * std::f64::consts::SQRT_2
        };
        let factors = std::array::from_fn(|u| {
            std::array::from_fn(|v| {
                (1.0 / (f64::from(table[v * 8 + u]) * scale(u) * scale(v) * 8.0)) as f32
            })
        });
        Self { factors }
    }

    /// Transforms and quantises 8 × 8 samples into `block`, which must be all zero.
    #[inline(always)]
    pub(crate) fn block(&self, samples: &[[u8; 8]; 8], block: &mut Block) {
        let mut rows = [[0.0; 8]; 8];
        for (row, samples) in rows.iter_mut().zip(samples) {
            for (value, sample) in row.iter_mut().zip(samples) {
                *value = f32::from(*sample) - 128.0;
            }
        }
        transform(&mut rows);
        let mut columns = transposed(&rows);
        transform(&mut columns);
        let mut values = [[0i32; 8]; 8];
        let mut present = [0u32; 8];
        for u in 0..8 {
            for v in 0..8 {
                let rounded = (columns[u][v] * self.factors[u][v] + ROUNDER).to_bits();
                values[u][v] = (rounded as i32 - ROUNDER.to_bits() as i32).clamp(-1023, 1023);
                present[v] |= u32::from(values[u][v] != 0) << u;
            }
        }
        // Most coefficients are zero: only the others are put in their places.
        let mut mask = 0u64;
        for (v, lane) in present.iter().enumerate() {
            mask |= u64::from(*lane) << (8 * v);
        }
        while mask != 0 {
            let natural = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            block[usize::from(ZIGZAG[natural])] = values[natural & 7][natural >> 3] as i16;
        }
    }
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

/// The one-dimensional transform down each column.
#[inline(always)]
fn transform(rows: &mut [Lanes; 8]) {
    let sums: [Lanes; 4] = std::array::from_fn(|i| add(rows[i], rows[7 - i]));
    let differences: [Lanes; 4] = std::array::from_fn(|i| subtract(rows[i], rows[7 - i]));

    let outer = add(sums[0], sums[3]);
    let outer_difference = subtract(sums[0], sums[3]);
    let inner = add(sums[1], sums[2]);
    let inner_difference = subtract(sums[1], sums[2]);
    let turned = times(add(inner_difference, outer_difference), 0.707_106_77);
    rows[0] = add(outer, inner);
    rows[4] = subtract(outer, inner);
    rows[2] = add(outer_difference, turned);
    rows[6] = subtract(outer_difference, turned);

    let low = add(differences[3], differences[2]);
    let middle = times(add(differences[2], differences[1]), 0.707_106_77);
    let high = add(differences[1], differences[0]);
    let shared = times(subtract(low, high), 0.382_683_43);
    let low = add(times(low, 0.541_196_1), shared);
    let high = add(times(high, 1.306_563), shared);
    let plus = add(differences[0], middle);
    let minus = subtract(differences[0], middle);
    rows[5] = add(minus, low);
    rows[3] = subtract(minus, low);
    rows[1] = add(plus, high);
    rows[7] = subtract(plus, high);
}
