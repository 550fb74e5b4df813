//! Where in a body what it shows becomes better.

mod avif;
mod bits;
mod boxes;
pub(crate) mod frames;
mod jxl;
pub(crate) mod jxl_head;

use delivery::{Outline, Scan};

use crate::{Format, Limits, Probe, probe};

/// The outline of any picture, ours or not: the scans of a JPEG, the passes of JPEG XL, the layers
/// of AVIF, the first frame of an animation. Other files are taken to show a whole picture only at
/// their end. Bytes that cannot be read give an outline without structure.
///
/// Costs a pass over the bytes of a JPEG, a walk over headers otherwise.
pub fn outline_of(bytes: &[u8]) -> Outline {
    let limits = Limits {
        max_bytes: u64::MAX,
        max_pixels: u64::MAX,
        max_side: u32::MAX,
        ..Limits::default()
    };
    let length = bytes.len() as u64;
    let whole = |header| without_scans(length, header);
    let in_steps = |header: usize, preview: usize, good: usize| {
        let within = |at: usize| (at as u64).min(length);
        Outline {
            header: within(header),
            preview: within(preview),
            good: within(good.max(preview)),
            ..whole(0)
        }
    };
    match Format::sniff(bytes) {
        Some(Format::Jxl) => jxl::passes(bytes).map_or_else(
            || whole(0),
            |passes| in_steps(passes.header, passes.preview, passes.good),
        ),
        Some(Format::Avif) => match avif::layers(bytes) {
            Some(layers) => {
                let first = layers.first.unwrap_or(bytes.len());
                in_steps(layers.header, first, layers.before_last.unwrap_or(first))
            }
            None => whole(0),
        },
        _ => match probe(bytes, &limits) {
            Ok(probe) if probe.format == Format::Jpeg => {
                jpeg_outline(bytes, &limits).unwrap_or_else(|| whole(0))
            }
            Ok(probe) => {
                let header = header_of(&probe, bytes);
                let frame = probe
                    .animated
                    .then(|| frames::first_frame(probe.format, bytes));
                frame
                    .flatten()
                    .map_or_else(|| whole(header), |end| in_steps(header as usize, end, end))
            }
            Err(_) => whole(0),
        },
    }
}

/// The outline of a JPEG that was mapped; `None` if its structure is damaged.
pub(crate) fn jpeg_outline(bytes: &[u8], limits: &Limits) -> Option<Outline> {
    let map = jpeg::map_scans(bytes, &jpeg_limits(limits)).ok()?;
    let mut outline = from_jpeg(&map.outline());
    // What lies behind the picture leaves last, but it leaves.
    outline.length = bytes.len() as u64;
    Some(outline)
}

pub(crate) fn jpeg_limits(limits: &Limits) -> jpeg::Limits {
    jpeg::Limits {
        max_bytes: usize::try_from(limits.max_bytes).unwrap_or(usize::MAX),
        max_pixels: limits.max_pixels,
        max_side: limits.max_side,
        max_scans: limits.max_scans,
    }
}

/// The writer's or the map's points in the words of the order of bytes.
pub(crate) fn from_jpeg(outline: &jpeg::Outline) -> Outline {
    let scans = outline.scans.iter().map(|scan| Scan {
        shown_at: scan.shown_at as u64,
        band_start: scan.band_start,
        band_end: scan.band_end,
        low_bit: scan.low_bit,
        components: u8::try_from(scan.components.len()).unwrap_or(u8::MAX),
    });
    Outline {
        length: outline.length as u64,
        header: outline.header as u64,
        preview: outline.preview as u64,
        good: outline.good as u64,
        scans: scans.collect(),
    }
}

/// The outline of a body that shows a whole picture only at its end.
pub(crate) fn without_scans(length: u64, header: u64) -> Outline {
    Outline {
        length,
        header: header.min(length),
        preview: length,
        good: length,
        scans: Vec::new(),
    }
}

/// The offset at which a reader knows the dimensions.
fn header_of(probe: &Probe, bytes: &[u8]) -> u64 {
    match probe.format {
        Format::Png => 33,
        Format::Gif => 13,
        Format::WebP => 30,
        _ => 0,
    }
    .min(bytes.len() as u64)
}

/// The outline of a body this room made in a format without scans.
pub(crate) fn of_made(format: Format, bytes: &[u8]) -> Outline {
    let header = match format {
        Format::Png => 33,
        _ => 30,
    };
    without_scans(bytes.len() as u64, header)
}

#[cfg(test)]
mod tests;
