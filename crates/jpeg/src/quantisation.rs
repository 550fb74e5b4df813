//! Quantisation tables: the base tables as facts, scaled by quality.

use crate::Tables;

/// A quantisation table in natural (row by row) order; steps of 1–255 in files of 8 bits.
pub type QuantisationTable = [u16; 64];

/// Position in natural order of each coefficient in zigzag order (ITU-T T.81 Figure A.6).
#[rustfmt::skip]
pub(crate) const NATURAL: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Position in zigzag order of each coefficient in natural order.
pub(crate) const ZIGZAG: [u8; 64] = {
    let mut inverse = [0; 64];
    let mut k = 0;
    while k < 64 {
        inverse[NATURAL[k] as usize] = k as u8;
        k += 1;
    }
    inverse
};

/// For brightness: begun with the table by Nicolas Robidoux that ImageMagick and mozjpeg use, and
/// fitted, together with [`DEAD_ZONE`](crate::dct::DEAD_ZONE), so that photographs take the fewest
/// bytes at equal SSIMULACRA2, and score at a quality what they did with the former.
#[rustfmt::skip]
const FITTED_LUMA: QuantisationTable = [
    10, 14, 18, 23, 30, 41, 59, 83,
    14, 19, 25, 32, 38, 42, 52, 67,
    18, 25, 29, 35, 45, 60, 82, 112,
    23, 32, 35, 42, 52, 67, 88, 118,
    30, 38, 45, 52, 62, 78, 99, 129,
    41, 42, 60, 67, 78, 93, 115, 144,
    59, 52, 82, 88, 99, 115, 137, 166,
    83, 67, 112, 118, 129, 144, 166, 193,
];

/// The same for colour.
#[rustfmt::skip]
const FITTED_CHROMA: QuantisationTable = [
    8, 19, 20, 23, 29, 40, 55, 76,
    19, 21, 25, 32, 37, 39, 47, 60,
    20, 25, 28, 33, 42, 56, 73, 96,
    23, 32, 33, 39, 47, 60, 76, 97,
    29, 37, 42, 47, 56, 67, 81, 100,
    40, 39, 56, 60, 67, 77, 90, 104,
    55, 47, 73, 76, 81, 90, 99, 108,
    76, 60, 96, 97, 100, 104, 108, 107,
];

/// ITU-T T.81 Table K.1.
#[rustfmt::skip]
const ANNEX_K_LUMA: QuantisationTable = [
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// ITU-T T.81 Table K.2.
#[rustfmt::skip]
const ANNEX_K_CHROMA: QuantisationTable = [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

/// The tables for brightness and colour at a quality of 1–100.
pub(crate) fn tables(kind: Tables, quality: u8) -> [QuantisationTable; 2] {
    match kind {
        Tables::Fitted => [
            scaled(&FITTED_LUMA, quality),
            scaled(&FITTED_CHROMA, quality),
        ],
        Tables::AnnexK => [
            scaled(&ANNEX_K_LUMA, quality),
            scaled(&ANNEX_K_CHROMA, quality),
        ],
    }
}

/// Scales as libjpeg does: 50 keeps the table, 100 makes every step 1, and lower qualities grow
/// hyperbolically.
fn scaled(table: &QuantisationTable, quality: u8) -> QuantisationTable {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    table.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u16)
}
