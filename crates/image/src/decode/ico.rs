//! Windows icons: the largest picture of a file, and of several as large the one with most colours.

use std::io::Cursor;

use ::ico::IconDir;

use super::{Parts, png};
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits, Probe};

/// Bytes of the file's head, and of each entry after it.
const HEAD: usize = 6;
const ENTRY: usize = 16;

/// Reads the head of the largest picture.
pub(crate) fn probe(source: &[u8], limits: &Limits) -> Result<Probe, ImageError> {
    let incomplete = || ImageError::damaged(Format::Ico, "no complete header");
    let picture = largest(source).ok_or_else(incomplete)?.1;
    let header = if is_png(picture) {
        // The limits hold for what is inside.
        crate::probe(picture, limits)?
    } else {
        let number = |at: usize| {
            let four = picture.get(at..)?.first_chunk()?;
            u32::try_from(i32::from_le_bytes(*four)).ok()
        };
        let sides = number(4).zip(number(8)).ok_or_else(incomplete)?;
        // Rows of colours, then as many of what is transparent.
        Probe::new(Format::Ico, sides.0, sides.1 / 2)
    };
    Ok(Probe {
        format: Format::Ico,
        has_alpha: true,
        animated: false,
        ..header
    })
}

pub(super) fn decode(source: &[u8], cancel: &dyn Fn() -> bool) -> Result<Parts, ImageError> {
    let damaged = |reason: String| ImageError::damaged(Format::Ico, reason);
    let (entry, picture) =
        largest(source).ok_or_else(|| damaged("no complete header".to_owned()))?;
    if is_png(picture) {
        return png::decode(picture, cancel);
    }
    let alone = alone(entry, picture);
    let read = IconDir::read(Cursor::new(alone));
    let directory = read.map_err(|error| damaged(error.to_string()))?;
    let entry = directory.entries().first();
    let entry = entry.ok_or_else(|| damaged("it has no picture".to_owned()))?;
    let image = entry.decode().map_err(|error| damaged(error.to_string()))?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let picture = Picture::new(width, height, Channels::Rgba, image.into_rgba_data())
        .ok_or_else(|| damaged("too few pixels".to_owned()))?;
    Ok((picture.without_idle_alpha(), None))
}

fn is_png(picture: &[u8]) -> bool {
    Format::sniff(picture) == Some(Format::Png)
}

/// The entry of the largest picture that lies in the file, and the picture.
fn largest(source: &[u8]) -> Option<(&[u8; ENTRY], &[u8])> {
    let count = u16::from_le_bytes(*source.get(4..)?.first_chunk()?);
    let entries = source.get(HEAD..)?.as_chunks::<ENTRY>().0;
    let whole = entries.iter().take(count.into()).filter_map(|entry| {
        let number = |at: usize| Some(u32::from_le_bytes(*entry.get(at..)?.first_chunk()?));
        let (length, start) = (number(8)? as usize, number(12)? as usize);
        Some((entry, source.get(start..start.checked_add(length)?)?))
    });
    whole.max_by_key(|(entry, picture)| {
        // Nought stands for 256.
        let side = |at: usize| u32::from(entry[at].wrapping_sub(1)) + 1;
        (side(0) * side(1), entry[6], picture.len())
    })
}

/// A file with this picture only.
fn alone(entry: &[u8; ENTRY], picture: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEAD + ENTRY + picture.len());
    file.extend_from_slice(&[0, 0, 1, 0, 1, 0]);
    file.extend_from_slice(&entry[..12]);
    file.extend_from_slice(&((HEAD + ENTRY) as u32).to_le_bytes());
    file.extend_from_slice(picture);
    file
}
