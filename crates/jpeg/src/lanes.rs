//! Eight values side by side, in the forms that the compiler turns into vectors: loops over
//! lanes, and shuffles spelled out.

/// Eight values side by side.
pub(crate) type Lanes = [f32; 8];

/// Adding this to a float of at most 22 bits rounds it to nearest and leaves the integer in the
/// low bits of its representation.
pub(crate) const ROUNDER: f32 = 12_582_912.0;

/// The nearest integer, for values of at most 22 bits.
#[inline(always)]
pub(crate) fn rounded(value: f32) -> i32 {
    (value + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32
}

/// Rows for columns, in three rounds of shuffles that processors have instructions for.
#[inline(always)]
pub(crate) fn transposed(m: &[Lanes; 8]) -> [Lanes; 8] {
    let a = [
        interleaved_low(&m[0], &m[1]),
        interleaved_high(&m[0], &m[1]),
        interleaved_low(&m[2], &m[3]),
        interleaved_high(&m[2], &m[3]),
        interleaved_low(&m[4], &m[5]),
        interleaved_high(&m[4], &m[5]),
        interleaved_low(&m[6], &m[7]),
        interleaved_high(&m[6], &m[7]),
    ];
    let b = [
        pairs_low(&a[0], &a[2]),
        pairs_high(&a[0], &a[2]),
        pairs_low(&a[1], &a[3]),
        pairs_high(&a[1], &a[3]),
        pairs_low(&a[4], &a[6]),
        pairs_high(&a[4], &a[6]),
        pairs_low(&a[5], &a[7]),
        pairs_high(&a[5], &a[7]),
    ];
    [
        fronts(&b[0], &b[4]),
        fronts(&b[1], &b[5]),
        fronts(&b[2], &b[6]),
        fronts(&b[3], &b[7]),
        backs(&b[0], &b[4]),
        backs(&b[1], &b[5]),
        backs(&b[2], &b[6]),
        backs(&b[3], &b[7]),
    ]
}

#[inline(always)]
fn interleaved_low(a: &Lanes, b: &Lanes) -> Lanes {
    [a[0], b[0], a[1], b[1], a[4], b[4], a[5], b[5]]
}

#[inline(always)]
fn interleaved_high(a: &Lanes, b: &Lanes) -> Lanes {
    [a[2], b[2], a[3], b[3], a[6], b[6], a[7], b[7]]
}

#[inline(always)]
fn pairs_low(a: &Lanes, b: &Lanes) -> Lanes {
    [a[0], a[1], b[0], b[1], a[4], a[5], b[4], b[5]]
}

#[inline(always)]
fn pairs_high(a: &Lanes, b: &Lanes) -> Lanes {
    [a[2], a[3], b[2], b[3], a[6], a[7], b[6], b[7]]
}

#[inline(always)]
fn fronts(a: &Lanes, b: &Lanes) -> Lanes {
    [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]
}

#[inline(always)]
fn backs(a: &Lanes, b: &Lanes) -> Lanes {
    [a[4], a[5], a[6], a[7], b[4], b[5], b[6], b[7]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_swaps_rows_and_columns() {
        let rows: [Lanes; 8] = std::array::from_fn(|y| std::array::from_fn(|x| (y * 8 + x) as f32));
        let columns = transposed(&rows);
        for (y, row) in rows.iter().enumerate() {
            for (x, value) in row.iter().enumerate() {
                assert!((columns[x][y] - value).abs() < f32::EPSILON);
            }
        }
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        for (value, expected) in [
            (0.0, 0),
            (0.4, 0),
            (-0.4, 0),
            (7.6, 8),
            (-7.6, -8),
            (2040.2, 2040),
        ] {
            assert_eq!(rounded(value), expected);
        }
    }
}
