//! The boxes of ISO media files (ISO/IEC 14496-12 §4.2), which AVIF and JPEG XL files are made of.

/// Most boxes that are looked at on one level.
const MOST_BOXES: usize = 1024;

/// A box inside a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boxed<'a> {
    /// What kind of box.
    pub name: &'a [u8],
    /// Where its content begins in the file.
    pub start: usize,
    /// Its content, as far as it is there.
    pub content: &'a [u8],
    /// Whether the file ends inside it.
    pub cut: bool,
}

/// The boxes in a stretch of a file, which begins at `at` of it.
pub(super) fn boxes(bytes: &[u8], at: usize) -> impl Iterator<Item = Boxed<'_>> {
    let mut rest = bytes;
    let mut start = at;
    std::iter::from_fn(move || {
        let (boxed, length) = first(rest, start)?;
        rest = rest.get(length..).unwrap_or_default();
        start += length;
        Some(boxed)
    })
    .take(MOST_BOXES)
}

/// The first box of a stretch, and how long it is.
fn first(bytes: &[u8], at: usize) -> Option<(Boxed<'_>, usize)> {
    let short = number(bytes, 0, 4)?;
    let name = bytes.get(4..8)?;
    let (header, length) = match short {
        // It goes on to the end of the file.
        0 => (8, bytes.len()),
        1 => (16, usize::try_from(number(bytes, 8, 8)?).ok()?),
        length => (8, length as usize),
    };
    if length < header {
        return None;
    }
    let end = length.min(bytes.len());
    let boxed = Boxed {
        name,
        start: at.checked_add(header)?,
        content: bytes.get(header..end)?,
        cut: length > bytes.len(),
    };
    Some((boxed, length))
}

/// A number of up to eight bytes, the highest first.
pub(super) fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(size)?)?;
    Some(
        digits
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}
