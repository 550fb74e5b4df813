//! The tables that hold at a scan: quantisation, Huffman codes, restart interval.

use std::ops::Range;

use super::codes::Codes;
use crate::JpegError;
use crate::markers::{DHT, DQT, DRI};
use crate::quantisation::{NATURAL, QuantisationTable};
use crate::segments::{Next, Segments, be16, malformed};

/// Tables as they stand; later segments replace earlier ones.
#[derive(Default)]
pub(crate) struct Tables {
    pub quantisation: [Option<QuantisationTable>; 4],
    pub dc: [Option<Codes>; 4],
    pub ac: [Option<Codes>; 4],
    /// MCUs between restarts, 0 for none.
    pub restart_interval: usize,
}

impl Tables {
    /// Takes in the segments of a stretch of the file.
    ///
    /// # Errors
    /// [`JpegError::Malformed`] for a table that cannot be.
    pub(crate) fn read(&mut self, bytes: &[u8], stretch: Range<usize>) -> Result<(), JpegError> {
        let bytes = bytes.get(..stretch.end).unwrap_or(bytes);
        let mut segments = Segments {
            bytes,
            at: stretch.start,
        };
        while let Next::Segment(marker, content) = segments.step()? {
            match marker {
                DQT => self.quantisation(&bytes[content.clone()], content.start)?,
                DHT => self.huffman(&bytes[content.clone()], content.start)?,
                DRI => self.restart_interval = be16(bytes, content.start).unwrap_or(0),
                _ => {}
            }
        }
        Ok(())
    }

    fn quantisation(&mut self, mut content: &[u8], at: usize) -> Result<(), JpegError> {
        while let Some((kind, rest)) = content.split_first() {
            let wide = kind >> 4 > 0;
            let length = if wide { 128 } else { 64 };
            let Some(place) = self.quantisation.get_mut(usize::from(kind & 15)) else {
                return malformed(at, "a quantisation table beyond the fourth");
            };
            let Some((steps, rest)) = rest.split_at_checked(length) else {
                return malformed(at, "a quantisation table that is too short");
            };
            let mut table = [0; 64];
            for (k, natural) in NATURAL.into_iter().enumerate() {
                table[usize::from(natural)] = if wide {
                    u16::from_be_bytes([steps[2 * k], steps[2 * k + 1]])
                } else {
                    steps[k].into()
                };
            }
            *place = Some(table);
            content = rest;
        }
        Ok(())
    }

    fn huffman(&mut self, mut content: &[u8], at: usize) -> Result<(), JpegError> {
        while let Some((kind, rest)) = content.split_first() {
            let class = if kind >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            let Some(place) = class
                .get_mut(usize::from(kind & 15))
                .filter(|_| kind >> 4 < 2)
            else {
                return malformed(at, "a Huffman table beyond the fourth");
            };
            let (codes, length) = Codes::parse(rest, at)?;
            *place = Some(codes);
            content = &rest[length..];
        }
        Ok(())
    }
}
