//! From samples to quantised coefficients: the forward transform of 8 × 8 blocks.
//!
//! The transform is the scaled one of Arai, Agui and Nakajima (1988): five multiplications for
//! eight samples, with the rest of the scaling folded into the quantiser. It runs down the eight
//! columns at once, one per lane, so that the compiler makes vectors of it.

use crate::coefficients::Block;
use crate::lanes::{Lanes, rounded, transposed};
use crate::quantisation::{QuantisationTable, ZIGZAG};

/// AC coefficients of less than so many steps become zero, where the nearest would be one step: a
/// zero costs hardly anything, and so little of a frequency is not missed.
pub(crate) const DEAD_ZONE: f32 = 0.6;

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
                let steps = columns[u][v] * self.factors[u][v];
                values[u][v] = rounded(steps).clamp(-1023, 1023);
                present[v] |= u32::from(steps.abs() >= DEAD_ZONE) << u;
            }
        }
        // The mean of a block is not to be missed.
        present[0] |= u32::from(values[0][0] != 0);
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

/// The one-dimensional transform down each column.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "a loop over lanes becomes vectors"
)]
fn transform(rows: &mut [Lanes; 8]) {
    for i in 0..8 {
        let sum = |a: usize| rows[a][i] + rows[7 - a][i];
        let difference = |a: usize| rows[a][i] - rows[7 - a][i];
        let (outer, outer_difference) = (sum(0) + sum(3), sum(0) - sum(3));
        let (inner, inner_difference) = (sum(1) + sum(2), sum(1) - sum(2));
        let turned = (inner_difference + outer_difference) * std::f32::consts::FRAC_1_SQRT_2;

        let low = difference(3) + difference(2);
        let middle = (difference(2) + difference(1)) * std::f32::consts::FRAC_1_SQRT_2;
        let high = difference(1) + difference(0);
        let shared = (low - high) * 0.382_683_43;
        let low = low * 0.541_196_1 + shared;
        let high = high * 1.306_563 + shared;
        let (plus, minus) = (difference(0) + middle, difference(0) - middle);

        rows[0][i] = outer + inner;
        rows[4][i] = outer - inner;
        rows[2][i] = outer_difference + turned;
        rows[6][i] = outer_difference - turned;
        rows[5][i] = minus + low;
        rows[3][i] = minus - low;
        rows[1][i] = plus + high;
        rows[7][i] = plus - high;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quantisation::NATURAL;

    /// A coefficient by the definition (T.81 §A.3.3).
    fn by_definition(samples: &[[u8; 8]; 8], u: usize, v: usize) -> f64 {
        let norm = |frequency| if frequency == 0 { 0.5f64.sqrt() } else { 1.0 };
        let wave = |frequency: usize, at: usize| {
            ((2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0).cos()
        };
        let mut sum = 0.0;
        for (y, row) in samples.iter().enumerate() {
            for (x, sample) in row.iter().enumerate() {
                sum += (f64::from(*sample) - 128.0) * wave(u, x) * wave(v, y);
            }
        }
        sum * norm(u) * norm(v) / 4.0
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn coefficients_are_the_definitions_to_the_nearest_step_or_nothing(
            samples in proptest::collection::vec(any::<u8>(), 64),
            table in proptest::collection::vec(2..200u16, 64),
        ) {
            let samples: [[u8; 8]; 8] =
                std::array::from_fn(|y| std::array::from_fn(|x| samples[y * 8 + x]));
            let table = QuantisationTable::try_from(table).expect("64 of them");
            let mut block = [0; 64];
            Quantiser::new(&table).block(&samples, &mut block);
            let dead = f64::from(DEAD_ZONE);
            for (value, natural) in block.iter().zip(NATURAL.map(usize::from)) {
                let exact = by_definition(&samples, natural % 8, natural / 8);
                let steps = exact / f64::from(table[natural]);
                let most = if natural > 0 && *value == 0 { dead } else { 0.5 };
                prop_assert!((f64::from(*value) - steps).abs() < most + 0.001, "{value}, not {steps}");
                prop_assert!(natural == 0 || *value == 0 || steps.abs() > dead - 0.001, "{steps}");
            }
        }
    }
}
