//! The structure of any JPEG file: dimensions, components, metadata, and every scan with its
//! offsets. Entropy-coded data is stepped over, never decoded.

use std::ops::Range;

use crate::markers::{APP0, APP1, APP2, APP14, DRI, EXIF, ICC, SOI, SOS};
use crate::segments::{Next, Segments, be16, entropy_length, malformed};
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
    /// Whether there is a JFIF header, which fixes three components to YCbCr.
    pub jfif: bool,
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

    /// The EXIF data (the TIFF part) of the file that this map was made from.
    pub fn exif<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.exif.clone()?)
    }

    /// The colour profile of the file that this map was made from, if it is there as a whole.
    pub fn icc(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let parts = self.icc.iter().map(|part| bytes.get(part.clone()));
        let profile = parts.collect::<Option<Vec<_>>>()?.concat();
        (!profile.is_empty()).then_some(profile)
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
    if bytes.get(..2) != Some(&[0xFF, SOI]) {
        return Err(JpegError::NotJpeg);
    }
    within("bytes", limits.max_bytes as u64, bytes.len() as u64)?;
    let segments = Segments { bytes, at: 2 };
    let mut walk = Walk {
        bytes,
        limits,
        segments,
        found: Found::default(),
    };
    let complete = walk.run()?;
    walk.finish(complete)
}

/// Checks one limit.
fn within(what: &'static str, limit: u64, found: u64) -> Result<(), JpegError> {
    if found > limit {
        return Err(JpegError::LimitExceeded { what, limit, found });
    }
    Ok(())
}

/// A walk over the segments of a file.
struct Walk<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    segments: Segments<'a>,
    found: Found,
}

/// What the walk has met so far.
#[derive(Default)]
struct Found {
    frame: Option<Frame>,
    scans: Vec<Scan>,
    restart_interval: u16,
    jfif: bool,
    adobe: Option<u8>,
    exif: Option<Range<usize>>,
    /// Number and place of each part of the profile, and how many there should be.
    icc: Vec<(u8, u8, Range<usize>)>,
}

struct Frame {
    width: u32,
    height: u32,
    precision: u8,
    process: Process,
    components: Vec<Component>,
}

impl Walk<'_> {
    /// Walks to the end of the picture; tells whether EOI was there.
    fn run(&mut self) -> Result<bool, JpegError> {
        loop {
            match self.segments.step()? {
                Next::Segment(marker, content) => self.visit(marker, content)?,
                Next::End => return Ok(true),
                Next::Cut => return Ok(false),
            }
        }
    }

    fn visit(&mut self, marker: u8, segment: Range<usize>) -> Result<(), JpegError> {
        match marker {
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => self.frame(marker, segment),
            SOS => self.scan(segment),
            DRI => {
                if let Some(interval) = be16(self.bytes, segment.start) {
                    self.found.restart_interval = interval as u16;
                }
                Ok(())
            }
            APP0 | APP1 | APP2 | APP14 => {
                self.metadata(marker, segment);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn frame(&mut self, marker: u8, segment: Range<usize>) -> Result<(), JpegError> {
        let at = segment.start;
        if self.found.frame.is_some() {
            return malformed(at, "a second frame header");
        }
        let content = &self.bytes[segment];
        let &[precision, h1, h0, w1, w0, count, ref list @ ..] = content else {
            return malformed(at, "a frame header that is too short");
        };
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if height == 0 {
            return Err(JpegError::Unsupported {
                what: "a height given only after the first scan",
            });
        }
        if width == 0 {
            return malformed(at, "a width of 0");
        }
        if list.len() != 3 * usize::from(count) || !(1..=4).contains(&count) {
            return malformed(at, "a frame of other than one to four components");
        }
        let (width, height) = (u32::from(width), u32::from(height));
        within(
            "pixels a side",
            self.limits.max_side.into(),
            width.max(height).into(),
        )?;
        within(
            "pixels",
            self.limits.max_pixels,
            u64::from(width) * u64::from(height),
        )?;
        let process = match marker {
            0xC0 => Process::Baseline,
            0xC1 => Process::Extended,
            0xC2 => Process::Progressive,
            _ => Process::Other,
        };
        let components = list.chunks_exact(3).map(component).collect::<Vec<_>>();
        for (index, component) in components.iter().enumerate() {
            if !(1..=4).contains(&component.horizontal) || !(1..=4).contains(&component.vertical) {
                return malformed(at, "a sampling factor other than 1 to 4");
            }
            if component.table > 3 || components[..index].iter().any(|c| c.id == component.id) {
                return malformed(at, "a component with a repeated name or no table");
            }
        }
        self.found.frame = Some(Frame {
            width,
            height,
            precision,
            process,
            components,
        });
        Ok(())
    }

    fn scan(&mut self, segment: Range<usize>) -> Result<(), JpegError> {
        let at = segment.start;
        let Some(frame) = &self.found.frame else {
            return malformed(at, "a scan before the frame header");
        };
        within(
            "scans",
            self.limits.max_scans as u64,
            self.found.scans.len() as u64 + 1,
        )?;
        let content = &self.bytes[segment.clone()];
        let Some((&count, rest)) = content.split_first() else {
            return malformed(at, "an empty scan header");
        };
        let count = usize::from(count);
        if !(1..=4).contains(&count) || rest.len() != 2 * count + 3 {
            return malformed(at, "a scan header of the wrong length");
        }
        let mut components = Vec::with_capacity(count);
        for selector in rest[..2 * count].chunks_exact(2) {
            match frame.components.iter().position(|c| c.id == selector[0]) {
                Some(index) if !components.contains(&index) => components.push(index),
                _ => return malformed(at, "a scan of an unknown or repeated component"),
            }
        }
        let (band_start, band_end, bits) =
            (rest[2 * count], rest[2 * count + 1], rest[2 * count + 2]);
        if frame.process == Process::Progressive && (band_start > band_end || band_end > 63) {
            return malformed(at, "a scan of an impossible band");
        }
        let data = segment.end;
        let end = data + entropy_length(&self.bytes[data..]);
        if let Some(previous) = self.found.scans.last_mut() {
            previous.shown_at = data;
        }
        self.found.scans.push(Scan {
            start: at - 4,
            data,
            end,
            shown_at: end,
            components,
            band_start,
            band_end,
            high_bit: bits >> 4,
            low_bit: bits & 15,
        });
        self.segments.at = end;
        Ok(())
    }

    fn metadata(&mut self, marker: u8, segment: Range<usize>) {
        let content = &self.bytes[segment.clone()];
        if marker == APP0 && content.starts_with(b"JFIF\0") {
            self.found.jfif = true;
        } else if marker == APP14 && content.starts_with(b"Adobe") {
            self.found.adobe = content.get(11).copied();
        } else if marker == APP1 && content.starts_with(EXIF) && self.found.exif.is_none() {
            self.found.exif = Some(segment.start + EXIF.len()..segment.end);
        } else if marker == APP2
            && let Some([number, total, ..]) = content.strip_prefix(ICC)
        {
            let place = segment.start + ICC.len() + 2..segment.end;
            self.found.icc.push((*number, *total, place));
        }
    }

    fn finish(mut self, complete: bool) -> Result<ScanMap, JpegError> {
        let length = if complete {
            self.segments.at
        } else {
            self.bytes.len()
        };
        let (Some(frame), Some(last)) = (self.found.frame, self.found.scans.last_mut()) else {
            if complete {
                return malformed(length, "an end before any scan");
            }
            return Err(JpegError::Truncated { length });
        };
        last.shown_at = length;
        Ok(ScanMap {
            width: frame.width,
            height: frame.height,
            precision: frame.precision,
            process: frame.process,
            components: frame.components,
            header_end: self.found.scans.first().map_or(0, |scan| scan.data),
            scans: self.found.scans,
            length,
            complete,
            restart_interval: self.found.restart_interval,
            jfif: self.found.jfif,
            adobe: self.found.adobe,
            exif: self.found.exif,
            icc: profile_parts(self.found.icc),
        })
    }
}

fn component(entry: &[u8]) -> Component {
    Component {
        id: entry[0],
        horizontal: entry[1] >> 4,
        vertical: entry[1] & 15,
        table: entry[2],
    }
}

/// The parts of a colour profile in order, or nothing when one is missing or doubled: half a
/// profile is worse than none.
fn profile_parts(mut parts: Vec<(u8, u8, Range<usize>)>) -> Vec<Range<usize>> {
    parts.sort_by_key(|part| part.0);
    let whole = parts
        .iter()
        .enumerate()
        .all(|(index, &(number, total, _))| {
            usize::from(number) == index + 1 && usize::from(total) == parts.len()
        });
    if whole {
        parts.into_iter().map(|part| part.2).collect()
    } else {
        Vec::new()
    }
}
