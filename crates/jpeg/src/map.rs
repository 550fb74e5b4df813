//! The structure of any JPEG file: dimensions, components, metadata, and every scan with its
//! offsets. Entropy-coded data is stepped over, never decoded.

use std::ops::Range;

use crate::{JpegError, Outline, Scan};

/// What a file may ask for, checked before anything large is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of file.
    pub max_bytes: usize,
    /// Most pixels, width × height.
    pub max_pixels: u64,
    /// Most pixels a side.
    pub max_side: u32,
    /// Most scans: a small file with many of them costs many passes over the whole picture.
    pub max_scans: usize,
}

impl Default for Limits {
    /// 64 MiB, 100 megapixels, any side the format allows, 100 scans.
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_pixels: 100_000_000,
            max_side: 65_535,
            max_scans: 100,
        }
    }
}

/// How the coefficients are coded (ITU-T T.81 Table B.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// Baseline sequential, SOF0.
    Baseline,
    /// Extended sequential with Huffman codes, SOF1.
    Extended,
    /// Progressive with Huffman codes, SOF2.
    Progressive,
    /// Lossless, hierarchical or arithmetic: rare, and not decoded here.
    Other,
}

/// One component of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The identifier that scans name it by.
    pub id: u8,
    /// Horizontal sampling factor, 1–4.
    pub horizontal: u8,
    /// Vertical sampling factor, 1–4.
    pub vertical: u8,
    /// Which quantisation table, 0–3.
    pub table: u8,
}

/// The structure of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanMap {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// Bits in a sample; 8 for nearly every file.
    pub precision: u8,
    /// How the coefficients are coded.
    pub process: Process,
    /// The components in the order of the frame header.
    pub components: Vec<Component>,
    /// Every scan in file order, at least one.
    pub scans: Vec<Scan>,
    /// Offset at which a decoder knows the dimensions: after the first SOS header.
    pub header_end: usize,
    /// Offset just past the EOI marker, or all the bytes there are when it is missing. What lies
    /// behind it (a second picture, padding) is no part of the picture.
    pub length: usize,
    /// Whether the EOI marker was seen; without it the last scan may be cut short.
    pub complete: bool,
    /// MCUs between restart markers in the last scan; 0 for none.
    pub restart_interval: u16,
    /// The colour transform of an Adobe APP14 segment: 0 none, 1 YCbCr, 2 YCCK.
    pub adobe: Option<u8>,
    /// Where the EXIF data (the TIFF part) lies.
    pub exif: Option<Range<usize>>,
    /// Where the parts of the colour profile lie, in the order they are to be joined.
    pub icc: Vec<Range<usize>>,
}

impl ScanMap {
    /// Whether the file shows the whole picture coarsely before it shows it finely.
    pub fn progressive(&self) -> bool {
        self.process == Process::Progressive
    }

    /// The points of interest for the order of bytes.
    pub fn outline(&self) -> Outline {
        Outline::new(&self.scans, self.components.len(), self.length)
    }
}

/// Maps a file. Costs one pass over its bytes at memory speed.
///
/// A file that ends early but holds at least the header of a scan is mapped as far as it goes,
/// with `complete` false.
///
/// # Errors
/// [`JpegError::NotJpeg`], [`JpegError::Malformed`], [`JpegError::Truncated`] before the first
/// scan, [`JpegError::LimitExceeded`].
pub fn map_scans(bytes: &[u8], limits: &Limits) -> Result<ScanMap, JpegError> {
    todo!("{bytes:?} {limits:?}")
}
