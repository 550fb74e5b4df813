//! AVIF in layers: how many bytes each layer of the picture takes (AVIF 1.1 §2.3.2). A browser
//! that shows layers has the whole picture with the first of them.

use super::boxes::{Boxed, boxes, number};

/// Most items and properties that are looked at.
const MOST: u64 = 256;

/// What the boxes say of where a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layers {
    /// Where the picture's data begins: everything before is needed to know its size.
    pub header: usize,
    /// Behind the first layer; none if there is only one.
    pub first: Option<usize>,
    /// Behind the layer before the last.
    pub before_last: Option<usize>,
}

/// Reads the boxes of a file; none if they make no sense.
pub(super) fn layers(bytes: &[u8]) -> Option<Layers> {
    let meta = boxes(bytes, 0).find(|boxed| boxed.name == b"meta")?;
    // A full box: version and flags come first.
    let inner = meta.content.get(4..).filter(|_| !meta.cut)?;
    let inside = |name: &[u8]| boxes(inner, meta.start + 4).find(|boxed| boxed.name == name);
    let primary = inside(b"pitm").and_then(|boxed| versioned(boxed, 4))?;
    let start = extent(inside(b"iloc")?, primary)?;
    let properties = inside(b"iprp")?;
    let sizes = sizes(properties, primary).unwrap_or_default();
    let ends = sizes.iter().scan(start, |end, size| {
        *end = end.checked_add(*size)?;
        Some(*end).filter(|end| *end < bytes.len())
    });
    let ends: Vec<_> = ends.collect();
    Some(Layers {
        header: start.min(bytes.len()),
        first: ends.first().copied(),
        before_last: ends.last().copied(),
    })
}

/// The item number behind version and flags, which has two bytes in version 0 and four later.
fn versioned(boxed: Boxed<'_>, at: usize) -> Option<u64> {
    let size = if boxed.content.first()? == &0 { 2 } else { 4 };
    number(boxed.content, at, size)
}

/// Where the data of an item begins in the file, if it lies there in one piece
/// (ISO/IEC 14496-12 §8.11.3).
fn extent(iloc: Boxed<'_>, item: u64) -> Option<usize> {
    let content = iloc.content;
    let version = *content.first()?;
    let sizes = number(content, 4, 2)? as usize;
    let [offset_size, length_size, base_size, index_size] =
        [12, 8, 4, 0].map(|shift| sizes >> shift & 15);
    let wide = if version < 2 { 2 } else { 4 };
    let mut at = 6;
    let mut next = |size: usize| {
        let value = number(content, at, size);
        at += size;
        value.filter(|_| size <= 8)
    };
    let items = next(wide)?;
    for _ in 0..items.min(MOST) {
        let number = next(wide)?;
        let method = if version == 0 { 0 } else { next(2)? & 15 };
        next(2)?;
        let base = next(base_size)?;
        let extents = next(2)?;
        for _ in 0..extents.min(MOST) {
            if version > 0 {
                next(index_size)?;
            }
            let offset = next(offset_size)?;
            next(length_size)?;
            if number == item {
                let whole = extents == 1 && method == 0;
                let start = usize::try_from(base.checked_add(offset)?).ok()?;
                return Some(start).filter(|_| whole);
            }
        }
    }
    None
}

/// The sizes of all layers but the last of an item; empty if it shows one layer alone.
fn sizes(properties: Boxed<'_>, item: u64) -> Option<Vec<usize>> {
    let inside = |name: &[u8]| {
        let mut inner = boxes(properties.content, properties.start);
        inner.find(|boxed| boxed.name == name)
    };
    let container = inside(b"ipco")?;
    let used = associations(inside(b"ipma")?, item)?;
    let mut sizes = Vec::new();
    for (index, property) in (1..).zip(boxes(container.content, container.start)) {
        if !used.contains(&index) {
            continue;
        }
        match property.name {
            b"a1lx" => {
                let large = property.content.first()? & 1 == 1;
                let size = if large { 4 } else { 2 };
                let all = (0..3).map(|place| number(property.content, 1 + place * size, size));
                let all = all.collect::<Option<Vec<_>>>()?;
                sizes = all
                    .into_iter()
                    .take_while(|size| *size > 0)
                    .map(|size| size as usize)
                    .collect();
            }
            // One layer alone is asked for.
            b"lsel" if number(property.content, 0, 2)? != 0xFFFF => return None,
            _ => {}
        }
    }
    Some(sizes)
}

/// The numbers of the properties of an item, from 1 (ISO/IEC 23008-12 §9.3.1).
fn associations(ipma: Boxed<'_>, item: u64) -> Option<Vec<u64>> {
    let content = ipma.content;
    let version = *content.first()?;
    let wide = content.get(3)? & 1 == 1;
    let mut at = 4;
    let mut next = |size: usize| {
        let value = number(content, at, size);
        at += size;
        value
    };
    let entries = next(4)?;
    for _ in 0..entries.min(MOST) {
        let number = next(if version < 1 { 2 } else { 4 })?;
        let count = next(1)?;
        let mut list = Vec::new();
        for _ in 0..count {
            // The top bit says whether the property is essential.
            list.push(match wide {
                true => next(2)? & 0x7FFF,
                false => next(1)? & 0x7F,
            });
        }
        if number == item {
            return Some(list);
        }
    }
    None
}
