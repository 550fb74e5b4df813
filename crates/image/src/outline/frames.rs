//! Where the first frame of an animation ends: what is shown first.

use crate::Format;

/// Most blocks or chunks that are looked at.
const MOST_STEPS: usize = 1 << 16;

/// The offset behind the first frame of an animation; none if there is no whole one.
pub(super) fn first_frame(format: Format, bytes: &[u8]) -> Option<usize> {
    match format {
        Format::Gif => gif(bytes),
        Format::Png => apng(bytes),
        Format::WebP => webp(bytes),
        _ => None,
    }
}

/// The first image and its data (GIF 89a §20–22).
fn gif(bytes: &[u8]) -> Option<usize> {
    let mut at = 13 + colour_table(*bytes.get(10)?);
    for _ in 0..MOST_STEPS {
        match bytes.get(at)? {
            0x21 => at = sub_blocks(bytes, at + 2)?,
            0x2C => {
                let flags = *bytes.get(at + 9)?;
                return sub_blocks(bytes, at + 10 + colour_table(flags) + 1);
            }
            _ => return None,
        }
    }
    None
}

fn colour_table(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// The offset behind a run of data sub-blocks.
fn sub_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// The data of the first frame: `IDAT` where a frame control comes before it, `fdAT` otherwise
/// (PNG 3rd edition §4.9).
fn apng(bytes: &[u8]) -> Option<usize> {
    let mut at = 8;
    let mut controls = 0;
    let mut shown = None;
    for _ in 0..MOST_STEPS {
        let length = be32(bytes, at)? as usize;
        let end = at.checked_add(12)?.checked_add(length)?;
        match bytes.get(at + 4..at + 8)? {
            b"fcTL" if controls == 0 => controls = 1,
            // A second frame begins.
            b"fcTL" => return shown,
            b"IDAT" | b"fdAT" if controls > 0 => shown = Some(end).filter(|at| *at <= bytes.len()),
            b"IEND" => return shown,
            _ => {}
        }
        at = end;
    }
    None
}

/// The first `ANMF` chunk (RFC 9649 §2.7.1.1).
fn webp(bytes: &[u8]) -> Option<usize> {
    let mut at = 12;
    for _ in 0..MOST_STEPS {
        let length = be32(bytes, at + 4)?.swap_bytes() as usize;
        let end = at.checked_add(8)?.checked_add(length)?;
        let end = end.checked_add(length % 2)?;
        if bytes.get(at..at + 4)? == b"ANMF" {
            return Some(end).filter(|end| *end <= bytes.len());
        }
        at = end;
    }
    None
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// Where each frame of a GIF ends, in turn; none for one that is cut off, after which there is
/// nothing more.
pub(crate) fn gif_frames(bytes: &[u8]) -> impl Iterator<Item = Option<usize>> + '_ {
    let start = bytes.get(10).map(|flags| 13 + colour_table(*flags));
    let mut at = start.or(Some(bytes.len()));
    std::iter::from_fn(move || {
        loop {
            let place = at?;
            match bytes.get(place)? {
                0x21 => at = Some(sub_blocks(bytes, place + 2).unwrap_or(bytes.len())),
                0x2C => {
                    let flags = bytes.get(place + 9);
                    let data = flags.map(|flags| place + 10 + colour_table(*flags) + 1);
                    at = data.and_then(|data| sub_blocks(bytes, data));
                    return Some(at);
                }
                _ => return None,
            }
        }
    })
}

/// The same for an animated PNG: frames end where the next one's control begins, and at the end.
pub(crate) fn apng_frames(bytes: &[u8]) -> impl Iterator<Item = Option<usize>> + '_ {
    let mut at = Some(8);
    let mut open = false;
    std::iter::from_fn(move || {
        loop {
            let place: usize = at?;
            let name = bytes.get(place + 4..place + 8);
            let ends = matches!(name, Some(b"fcTL" | b"IEND")) && open;
            let next = be32(bytes, place).and_then(|length| {
                let end = place.checked_add(12)?.checked_add(length as usize)?;
                Some(end).filter(|end| *end <= bytes.len())
            });
            open |= name == Some(b"fcTL");
            at = next.filter(|_| name != Some(b"IEND"));
            if ends {
                return Some(Some(place));
            }
            if next.is_none() {
                return open.then_some(None);
            }
        }
    })
}

/// The same for an animated WebP.
pub(crate) fn webp_frames(bytes: &[u8]) -> impl Iterator<Item = Option<usize>> + '_ {
    let mut at = Some(12);
    std::iter::from_fn(move || {
        loop {
            let place: usize = at?;
            let length = be32(bytes, place + 4)?.swap_bytes() as usize;
            let end = place.checked_add(8)?.checked_add(length)?;
            let end = end.checked_add(length % 2)?;
            at = Some(end).filter(|end| *end <= bytes.len());
            if bytes.get(place..place + 4)? == b"ANMF" {
                return Some(at);
            }
        }
    })
}
