//! Marker codes (ITU-T T.81 Table B.1) and the segments that the writer puts before its scans.

use crate::{JpegError, Marks};

pub(crate) const SOF0: u8 = 0xC0;
pub(crate) const SOF1: u8 = 0xC1;
pub(crate) const SOF2: u8 = 0xC2;
pub(crate) const DHT: u8 = 0xC4;
pub(crate) const RST0: u8 = 0xD0;
pub(crate) const RST7: u8 = 0xD7;
pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const DQT: u8 = 0xDB;
pub(crate) const DRI: u8 = 0xDD;
pub(crate) const APP0: u8 = 0xE0;
pub(crate) const APP1: u8 = 0xE1;
pub(crate) const APP2: u8 = 0xE2;
pub(crate) const APP14: u8 = 0xEE;
pub(crate) const TEM: u8 = 0x01;

/// What an APP1 segment with EXIF data begins with.
pub(crate) const EXIF: &[u8] = b"Exif\0\0";
/// What an APP2 segment with a part of a colour profile begins with (ICC.1 §B.4).
pub(crate) const ICC: &[u8] = b"ICC_PROFILE\0";

/// The most content a segment can hold beside its length field.
const SEGMENT: usize = 65_533;

/// Appends a segment.
///
/// # Errors
/// [`JpegError::InvalidInput`] when the content is too long for one.
pub(crate) fn segment(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) -> Result<(), JpegError> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + 2;
    let Ok(length) = u16::try_from(length) else {
        return Err(JpegError::InvalidInput {
            what: "metadata too long for its segment",
        });
    };
    out.extend_from_slice(&[0xFF, marker]);
    out.extend_from_slice(&length.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    Ok(())
}

/// Appends SOI, the JFIF header or what the file has in its place, and the metadata that is to be carried along.
///
/// # Errors
/// [`JpegError::InvalidInput`] when the metadata does not fit its segments.
pub(crate) fn preamble(
    out: &mut Vec<u8>,
    marks: &Marks,
    icc: Option<&[u8]>,
    exif: Option<&[u8]>,
) -> Result<(), JpegError> {
    out.extend_from_slice(&[0xFF, SOI]);
    if marks.jfif {
        // Version 1.1, density 1:1 without a unit, no thumbnail.
        segment(out, APP0, &[b"JFIF\0", &[1, 1, 0, 0, 1, 0, 1, 0, 0]])?;
    }
    if let Some(exif) = exif.filter(|data| !data.is_empty()) {
        segment(out, APP1, &[EXIF, exif.strip_prefix(EXIF).unwrap_or(exif)])?;
    }
    let parts = icc.unwrap_or_default().chunks(SEGMENT - ICC.len() - 2);
    let Ok(total) = u8::try_from(parts.len()) else {
        return Err(JpegError::InvalidInput {
            what: "a colour profile of more than 255 parts",
        });
    };
    for (number, part) in (1..=total).zip(parts) {
        segment(out, APP2, &[ICC, &[number, total], part])?;
    }
    if let Some(transform) = marks.adobe {
        // Version 100, no flags.
        segment(out, APP14, &[b"Adobe", &[0, 100, 0, 0, 0, 0, transform]])?;
    }
    Ok(())
}
