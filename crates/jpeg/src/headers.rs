//! The segments of a file that come before its scans.

use crate::markers::{self, DQT};
use crate::quantisation::{NATURAL, QuantisationTable};
use crate::{Coefficients, ComponentCoefficients, JpegError};

/// The tables that differ, and which of them each component uses.
pub(crate) fn distinct_tables(picture: &Coefficients) -> (Vec<&QuantisationTable>, Vec<u8>) {
    let mut tables: Vec<&QuantisationTable> = Vec::new();
    let mut chosen = Vec::new();
    for ComponentCoefficients { table, .. } in &picture.components {
        let known = tables.iter().position(|other| *other == table);
        let index = known.unwrap_or_else(|| {
            tables.push(table);
            tables.len() - 1
        });
        chosen.push(index as u8);
    }
    (tables, chosen)
}

pub(crate) fn quantisation_tables(
    out: &mut Vec<u8>,
    tables: &[&QuantisationTable],
) -> Result<(), JpegError> {
    let mut content = Vec::new();
    for (id, table) in (0u8..).zip(tables) {
        let wide = table.iter().any(|step| *step > 255);
        content.push(u8::from(wide) << 4 | id);
        for natural in NATURAL {
            let [high, low] = table[usize::from(natural)].to_be_bytes();
            if wide {
                content.push(high);
            }
            content.push(low);
        }
    }
    markers::segment(out, DQT, &[&content])
}

pub(crate) fn frame_header(
    out: &mut Vec<u8>,
    marker: u8,
    picture: &Coefficients,
    tables: &[u8],
) -> Result<(), JpegError> {
    let [height_high, height_low] = (picture.height as u16).to_be_bytes();
    let [width_high, width_low] = (picture.width as u16).to_be_bytes();
    let count = picture.components.len() as u8;
    let mut content = vec![8, height_high, height_low, width_high, width_low, count];
    let ids = picture.marks.ids;
    for ((id, component), table) in ids.into_iter().zip(&picture.components).zip(tables) {
        let factors = component.horizontal << 4 | component.vertical;
        content.extend_from_slice(&[id, factors, *table]);
    }
    markers::segment(out, marker, &[&content])
}
