//! Decoding of baseline, extended and progressive files of 8 bits with Huffman codes, at full
//! size or at a half, a quarter or an eighth.
//!
//! A smaller picture is made from the lowest frequencies alone: what it does not need is stepped
//! over, several symbols at a time, and scans of a progressive file that hold nothing else are
//! not read at all.

mod blocks;
mod codes;
mod colour;
mod differences;
mod frame;
mod heads;
mod inverse;
mod layers;
mod look_ups;
mod lowest;
mod part;
mod reader;
mod relay;
mod run;
mod scans;
mod skim;
mod skims;
mod tables;
mod walks;
mod ways;

pub(crate) use blocks::Mark;
pub(crate) use colour::{halves_row, rgb_row};
pub(crate) use heads::{Skimmed, skimmed_row};
pub(crate) use look_ups::{
    Counts as LookUpCounts, INDICES, LookUps, Pair, Part as TokenPart, further,
};
pub(crate) use part::Part;
pub(crate) use reader::{Bad, Reader, unstuffed};
pub(crate) use relay::{Relay, relay_end, relay_row};
pub(crate) use run::{Run, decode_row, render_row};
pub(crate) use scans::Carried;
pub(crate) use skim::{Skimmer, skim};
pub(crate) use skims::Skims;
pub(crate) use tables::Tables;

use crate::{Coefficients, JpegError, Marks, Pixels, Planes, ScanMap};
use frame::Frame;

/// What is decoded.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// Its structure.
    pub map: &'a ScanMap,
    /// Damage is an error, not a picture so far.
    pub strict: bool,
    /// Subsampled colour is not given larger blocks than brightness.
    pub subsampled: bool,
    /// The last bits of progressive files are left out where they hardly show.
    pub coarse: bool,
    /// Asked once for each row of blocks; true stops the work.
    pub cancel: &'a dyn Fn() -> bool,
}

/// The planes of a picture at `eighths` (1, 2, 4 or 8) of its size.
///
/// # Errors
/// [`JpegError::Unsupported`], [`JpegError::Malformed`], [`JpegError::Corrupt`] and
/// [`JpegError::Cancelled`].
pub(crate) fn planes(source: Source<'_>, eighths: usize) -> Result<Planes, JpegError> {
    check(source.map)?;
    let mut frame = Frame::new(source, eighths);
    frame.decode(source)?;
    Ok(frame.into_planes())
}

/// The pixels of a picture at `eighths` of its size.
///
/// # Errors
/// As [`planes`].
pub(crate) fn pixels(source: Source<'_>, eighths: usize) -> Result<Pixels, JpegError> {
    let planes = planes(source, eighths)?;
    colour::pixels(&planes, colour::Space::of(source.map), source.cancel)
}

/// The quantised coefficients of a picture.
///
/// # Errors
/// As [`planes`].
pub(crate) fn coefficients(source: Source<'_>) -> Result<Coefficients, JpegError> {
    check(source.map)?;
    let mut frame = Frame::whole(source.map);
    frame.decode(source)?;
    Ok(frame.into_coefficients(Marks::of(source.map)))
}

/// Refuses what has no planes of grey or YCbCr.
///
/// # Errors
/// [`JpegError::Unsupported`].
pub(crate) fn planar(map: &ScanMap) -> Result<(), JpegError> {
    match colour::Space::of(map) {
        colour::Space::Gray | colour::Space::YCbCr => Ok(()),
        _ => Err(JpegError::Unsupported {
            what: "planes of other than grey or YCbCr",
        }),
    }
}

/// Refuses what is not decoded here.
pub(crate) fn check(map: &ScanMap) -> Result<(), JpegError> {
    let unsupported = |what| Err(JpegError::Unsupported { what });
    if map.process == crate::Process::Other {
        return unsupported("lossless, hierarchical or arithmetic coding");
    }
    if map.precision != 8 {
        return unsupported("samples of other than 8 bits");
    }
    if map.components.len() == 2 {
        return unsupported("a frame of two components");
    }
    Ok(())
}
