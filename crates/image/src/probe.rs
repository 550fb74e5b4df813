//! What a file's header says, read without touching pixel data. At most a few kibibytes are
//! allocated.

use crate::decode::{ico, tiff};
use crate::outline::jxl_head;
use crate::{Format, ImageError, Limits, Orientation, svg};

/// What a file's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What kind of file it is.
    pub format: Format,
    /// Width as stored, in pixels.
    pub width: u32,
    /// Height as stored, in pixels.
    pub height: u32,
    /// How it is to be turned to stand upright.
    pub orientation: Orientation,
    /// Whether it has an alpha channel or a transparent colour.
    pub has_alpha: bool,
    /// Whether it has more than one frame.
    pub animated: bool,
}

impl Probe {
    /// Width and height once it stands upright.
    pub const fn upright_size(&self) -> (u32, u32) {
        if self.orientation.swaps_sides() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }

    /// The work it takes to decode, in pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(crate) fn new(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            orientation: Orientation::UPRIGHT,
            has_alpha: false,
            animated: false,
        }
    }
}

/// Reads a file's header and checks it against the limits, before anything that grows with the
/// picture is allocated.
///
/// # Errors
/// [`ImageError::NotAPicture`]; [`ImageError::Unsupported`] for pictures that are recognised but
/// not read; [`ImageError::Damaged`] if the header is cut off or makes no sense;
/// [`ImageError::SourceBytes`] and [`ImageError::SourcePixels`] over the limits.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<Probe, ImageError> {
    limits.check_bytes(bytes.len() as u64)?;
    let format = Format::sniff(bytes).ok_or(ImageError::NotAPicture)?;
    let probe = match format {
        Format::Avif if limits.decoders.av1.is_some() => Some(avif(bytes)?),
        Format::Jpeg => jpeg(bytes),
        Format::Png => png(bytes),
        Format::WebP => webp(bytes),
        Format::Gif => gif(bytes),
        Format::Jxl => jxl(bytes),
        Format::Tiff => Some(tiff::probe(bytes, limits)?),
        Format::Bmp => bmp(bytes),
        Format::Ico => Some(ico::probe(bytes, limits)?),
        Format::Svg => svg::probe(bytes),
        _ => return Err(ImageError::Unsupported { format }),
    };
    let probe = probe.ok_or_else(|| ImageError::damaged(format, "no complete header"))?;
    limits.check_source(format, probe.width, probe.height)?;
    Ok(probe)
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u32::from(u16::from_be_bytes(pair.try_into().ok()?)))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    match *bytes.get(at..at.checked_add(3)?)? {
        [low, middle, high] => Some(u32::from_le_bytes([low, middle, high, 0])),
        _ => None,
    }
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(be32(bytes, at)?.swap_bytes())
}

/// Walks the segments up to the frame header (ITU-T T.81 §B.2.2).
fn jpeg(bytes: &[u8]) -> Option<Probe> {
    let mut at = 2;
    let mut orientation = Orientation::UPRIGHT;
    loop {
        if *bytes.get(at)? != 0xFF {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        if marker == 0xFF {
            at += 1; // A fill byte (§B.1.1.2).
            continue;
        }
        let length = be16(bytes, at + 2)? as usize;
        match marker {
            // SOFn, but not DHT, JPG and DAC.
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                let (height, width) = (be16(bytes, at + 5)?, be16(bytes, at + 7)?);
                return Some(Probe {
                    orientation,
                    ..Probe::new(Format::Jpeg, width, height)
                });
            }
            0xE1 => {
                let body = bytes.get(at + 4..at.checked_add(2 + length)?)?;
                if body.starts_with(b"Exif\0\0") {
                    orientation = Orientation::from_exif_data(body);
                }
            }
            0xD8..=0xDA => return None, // A picture without a frame header.
            _ => {}
        }
        if length < 2 {
            return None;
        }
        at = at.checked_add(2 + length)?;
    }
}

/// Walks the chunks up to the pixel data (PNG 3rd edition §5.3).
fn png(bytes: &[u8]) -> Option<Probe> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let mut probe = Probe::new(Format::Png, be32(bytes, 16)?, be32(bytes, 20)?);
    probe.has_alpha = matches!(*bytes.get(25)?, 4 | 6);
    let mut at = 8;
    while let (Some(length), Some(name)) = (be32(bytes, at), bytes.get(at + 4..at + 8)) {
        let length = length as usize;
        match name {
            b"IDAT" | b"IEND" => break,
            b"acTL" => probe.animated = be32(bytes, at + 8).is_some_and(|frames| frames > 1),
            b"tRNS" => probe.has_alpha = true,
            b"eXIf" => {
                let end = at.checked_add(8)?.checked_add(length)?;
                if let Some(exif) = bytes.get(at + 8..end) {
                    probe.orientation = Orientation::from_exif_data(exif);
                }
            }
            _ => {}
        }
        at = at.checked_add(12)?.checked_add(length)?;
    }
    Some(probe)
}

/// Reads the first chunk, and for the extended format finds the EXIF chunk (RFC 9649 §2.7).
fn webp(bytes: &[u8]) -> Option<Probe> {
    let probe = Probe::new(Format::WebP, 0, 0);
    match bytes.get(12..16)? {
        b"VP8 " => {
            // A key frame's start code, then 14 bits each with 2 bits of scale (RFC 6386 §9.1).
            if bytes.get(23..26)? != [0x9D, 0x01, 0x2A] {
                return None;
            }
            let sizes = le32(bytes, 26)?;
            Some(Probe {
                width: sizes & 0x3FFF,
                height: (sizes >> 16) & 0x3FFF,
                ..probe
            })
        }
        b"VP8L" => {
            if *bytes.get(20)? != 0x2F {
                return None;
            }
            let sizes = le32(bytes, 21)?;
            Some(Probe {
                width: (sizes & 0x3FFF) + 1,
                height: ((sizes >> 14) & 0x3FFF) + 1,
                has_alpha: (sizes >> 28) & 1 == 1,
                ..probe
            })
        }
        b"VP8X" => {
            let flags = *bytes.get(20)?;
            let orientation = if flags & 0x08 == 0 {
                Orientation::UPRIGHT
            } else {
                webp_exif(bytes).map_or(Orientation::UPRIGHT, Orientation::from_exif_data)
            };
            Some(Probe {
                width: le24(bytes, 24)? + 1,
                height: le24(bytes, 27)? + 1,
                has_alpha: flags & 0x10 != 0,
                animated: flags & 0x02 != 0,
                orientation,
                ..probe
            })
        }
        _ => None,
    }
}

fn webp_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 12_usize;
    loop {
        let length = le32(bytes, at + 4)? as usize;
        let end = at.checked_add(8)?.checked_add(length)?;
        if bytes.get(at..at + 4)? == b"EXIF" {
            return bytes.get(at + 8..end);
        }
        at = end.checked_add(length % 2)?;
    }
}

/// Whether every frame that decoding would look at is no larger than the picture. Decoders
/// allocate by the frame's own header, which may claim more than the picture's.
pub(crate) fn webp_frames_fit(bytes: &[u8], probe: &Probe) -> bool {
    frames_fit(bytes, 12, probe, true)
}

fn frames_fit(bytes: &[u8], start: usize, probe: &Probe, outermost: bool) -> bool {
    let mut at = start;
    while let (Some(name), Some(length)) = (bytes.get(at..at + 4), le32(bytes, at + 4)) {
        let body = at + 8;
        let fits = match name {
            b"VP8 " => le32(bytes, body + 6)
                .is_none_or(|sizes| fits(probe, sizes & 0x3FFF, (sizes >> 16) & 0x3FFF)),
            b"VP8L" => le32(bytes, body + 1).is_none_or(|sizes| {
                fits(probe, (sizes & 0x3FFF) + 1, ((sizes >> 14) & 0x3FFF) + 1)
            }),
            // A frame's chunks begin after its 16 bytes of header (RFC 9649 §2.7.1.1).
            b"ANMF" if outermost => frames_fit(bytes, body + 16, probe, false),
            _ => true,
        };
        if !fits {
            return false;
        }
        // Inside a frame only its first picture counts, and the walk outside goes over the rest.
        if !outermost && matches!(name, b"VP8 " | b"VP8L") {
            return true;
        }
        let length = length as usize;
        match body.checked_add(length + length % 2) {
            Some(next) => at = next,
            None => return true,
        }
    }
    true
}

fn fits(probe: &Probe, width: u32, height: u32) -> bool {
    width <= probe.width && height <= probe.height
}

/// Reads the boxes.
fn avif(bytes: &[u8]) -> Result<Probe, ImageError> {
    let still = ::avif::Still::read(bytes).map_err(crate::decode::avif::failure)?;
    Ok(Probe {
        orientation: Orientation::from_exif(still.orientation),
        has_alpha: still.alpha.is_some(),
        animated: still.animated,
        ..Probe::new(Format::Avif, still.width, still.height)
    })
}

/// Reads the header of the codestream. What EXIF data says of the orientation does not count
/// (ISO/IEC 18181-2 §9.2).
fn jxl(bytes: &[u8]) -> Option<Probe> {
    let head = jxl_head::head(bytes)?;
    Some(Probe {
        orientation: Orientation::from_exif(head.orientation),
        has_alpha: head.has_alpha,
        animated: head.animated,
        ..Probe::new(Format::Jxl, head.width, head.height)
    })
}

/// Reads the screen size, then walks the blocks until a second frame (GIF 89a §17–26).
fn gif(bytes: &[u8]) -> Option<Probe> {
    let le16 = |at: usize| Some(be16(bytes, at)?.swap_bytes() >> 16);
    let mut probe = Probe::new(Format::Gif, le16(6)?, le16(8)?);
    let mut at = 13 + colour_table(*bytes.get(10)?);
    let mut frames = 0;
    // Pixel data may be cut off: what was seen until then counts.
    while let Some(block) = bytes.get(at) {
        match block {
            0x21 => {
                let control = bytes.get(at + 1) == Some(&0xF9);
                if control && bytes.get(at + 3).is_some_and(|flags| flags & 1 == 1) {
                    probe.has_alpha = true;
                }
                at += 2;
            }
            0x2C => {
                frames += 1;
                if frames > 1 {
                    probe.animated = true;
                    break;
                }
                let Some(flags) = bytes.get(at + 9) else {
                    break;
                };
                at += 10 + colour_table(*flags) + 1;
            }
            _ => break,
        }
        let Some(end) = skip_blocks(bytes, at) else {
            break;
        };
        at = end;
    }
    Some(probe)
}

/// Reads the header that follows the file's, the old one or any of the newer ones, whose height is
/// negative where rows come from the top.
fn bmp(bytes: &[u8]) -> Option<Probe> {
    let le16 = |at: usize| Some(be16(bytes, at)?.swap_bytes() >> 16);
    let header = le32(bytes, 14)?;
    let (width, height) = if header == 12 {
        (le16(18)?, le16(20)?)
    } else {
        (
            le32(bytes, 18)?,
            le32(bytes, 22)?.cast_signed().unsigned_abs(),
        )
    };
    Some(Probe {
        // Only the newer ones say where it is.
        has_alpha: header >= 56 && le16(28) == Some(32),
        ..Probe::new(Format::Bmp, width, height)
    })
}

/// Length of the colour table that the flags announce, in bytes.
fn colour_table(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// The offset after a run of data sub-blocks.
fn skip_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
