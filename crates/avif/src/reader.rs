//! A file from outside: where the coded pictures lie in it, and what is said of them (AVIF 1.1;
//! ISO/IEC 14496-12 for boxes, ISO/IEC 23008-12 for items and their properties).
//!
//! Nothing is allocated by what a file claims: lists are as long as what is there, up to a limit.

use std::ops::Range;

/// Most boxes on one level, items, properties and pieces of an item that are looked at.
const MOST: usize = 256;

/// A still picture in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// As stored, in pixels.
    pub width: u32,
    /// As stored, in pixels.
    pub height: u32,
    /// How it is to be turned, as EXIF counts it, 1–8.
    pub orientation: u16,
    /// Where its units lie in the file, piece by piece.
    pub colour: Vec<Range<usize>>,
    /// The same of its transparency.
    pub alpha: Option<Vec<Range<usize>>>,
    /// Whether colours were multiplied by transparency.
    pub premultiplied: bool,
    /// How its colours are meant, where the file says so in numbers.
    pub numbers: Option<Numbers>,
    /// Where its colour profile lies.
    pub profile: Option<Range<usize>>,
    /// Where its EXIF data lies.
    pub exif: Option<Range<usize>>,
    /// Whether it is the face of an animation.
    pub animated: bool,
}

/// How colours are meant, in the numbers of ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Colour primaries.
    pub primaries: u16,
    /// Transfer characteristics.
    pub transfer: u16,
    /// Matrix coefficients.
    pub matrix: u16,
    /// Whether samples use their whole range.
    pub full_range: bool,
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It ends too early or breaks the rules.
    #[error("{0}")]
    Damaged(&'static str),
    /// It is of a kind that is not read.
    #[error("{0}")]
    Unsupported(&'static str),
}

use ReadError::{Damaged, Unsupported};

impl Still {
    /// Reads the boxes of a file; its pixels are not touched.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(file: &[u8]) -> Result<Self, ReadError> {
        let whole = Piece::of(file);
        let meta = whole.find(b"meta").ok_or(Damaged("no description"))?;
        let meta = meta.from(4).ok_or(Damaged("no description"))?;
        let items = Items::read(&meta)?;
        let primary = items.primary;
        match items.kind(primary) {
            Some(b"av01") => {}
            Some(b"grid") => return Err(Unsupported("made of tiles")),
            _ => return Err(Unsupported("not coded as AV1")),
        }
        let properties = items.properties(primary)?;
        let mut still = Self {
            width: 0,
            height: 0,
            orientation: 1,
            colour: items.place(primary)?,
            alpha: None,
            premultiplied: false,
            numbers: None,
            profile: None,
            exif: None,
            animated: whole.find(b"moov").is_some(),
        };
        still.describe(&properties)?;
        if let Some(alpha) = items.alpha(primary)? {
            let size = size(&items.properties(alpha)?);
            if size != Some((still.width, still.height)) {
                return Err(Unsupported("transparency of another size"));
            }
            still.alpha = Some(items.place(alpha)?);
            still.premultiplied = items.refers(b"prem", primary, alpha);
        }
        still.exif = items.exif(primary);
        Ok(still)
    }

    fn describe(&mut self, properties: &[(Piece<'_>, bool)]) -> Result<(), ReadError> {
        let (width, height) = size(properties).ok_or(Damaged("no size"))?;
        (self.width, self.height) = (width, height);
        let (mut quarters, mut mirror) = (0, None);
        let mut coded = false;
        for (property, essential) in properties {
            match &property.name {
                b"av1C" => coded = true,
                b"ispe" | b"pixi" | b"pasp" | b"clli" | b"mdcv" | b"a1lx" => {}
                b"colr" => self.colours(property),
                b"irot" if mirror.is_none() => {
                    quarters = property.number(0, 1).ok_or(Damaged("no turn"))? & 3;
                }
                b"imir" => {
                    mirror = Some(property.number(0, 1).ok_or(Damaged("no mirror"))? & 1);
                }
                b"irot" => return Err(Unsupported("turned after it was mirrored")),
                b"clap" => return Err(Unsupported("cut out")),
                _ if *essential => return Err(Unsupported("described in an unknown way")),
                _ => {}
            }
        }
        if !coded {
            return Err(Damaged("no word of its coding"));
        }
        self.orientation = orientation(quarters, mirror);
        Ok(())
    }

    fn colours(&mut self, property: &Piece<'_>) {
        match property.bytes(0, 4) {
            Some(b"nclx") => {
                let number = |at| property.number(at, 2).unwrap_or(2) as u16;
                self.numbers = Some(Numbers {
                    primaries: number(4),
                    transfer: number(6),
                    matrix: number(8),
                    full_range: property.number(10, 1).unwrap_or(0) & 0x80 != 0,
                });
            }
            Some(b"prof" | b"rICC") => self.profile = property.from(4).map(|piece| piece.range()),
            _ => {}
        }
    }
}

/// The number of EXIF for quarter turns to the left, then a mirror: 0 exchanges top and bottom, 1
/// left and right (ISO/IEC 23008-12 §6.5.10, §6.5.12).
fn orientation(quarters: u64, mirror: Option<u64>) -> u16 {
    let row = match mirror {
        None => [1, 8, 3, 6],
        Some(0) => [4, 5, 2, 7],
        Some(_) => [2, 7, 4, 5],
    };
    row[(quarters & 3) as usize]
}

fn size(properties: &[(Piece<'_>, bool)]) -> Option<(u32, u32)> {
    let (size, _) = properties
        .iter()
        .find(|(piece, _)| &piece.name == b"ispe")?;
    let side = |at| u32::try_from(size.number(at, 4)?).ok();
    Some((side(4)?, side(8)?))
}

/// A box, or another stretch of a file.
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    name: [u8; 4],
    file: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Piece<'a> {
    fn of(file: &'a [u8]) -> Self {
        Self {
            name: *b"file",
            file,
            start: 0,
            end: file.len(),
        }
    }

    fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// What lies behind so many bytes of it.
    fn from(self, at: usize) -> Option<Self> {
        let start = self
            .start
            .checked_add(at)
            .filter(|start| *start <= self.end)?;
        Some(Self { start, ..self })
    }

    fn bytes(&self, at: usize, count: usize) -> Option<&'a [u8]> {
        let start = self.start.checked_add(at)?;
        let end = start.checked_add(count).filter(|end| *end <= self.end)?;
        self.file.get(start..end)
    }

    /// A number of up to eight bytes, the highest first.
    fn number(&self, at: usize, count: usize) -> Option<u64> {
        let bytes = self.bytes(at, count.min(8))?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    }

    /// The boxes in it. One that is cut off ends them.
    fn boxes(self) -> impl Iterator<Item = Piece<'a>> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let here = rest?;
            let (header, length) = match here.number(0, 4)? {
                0 => (8, here.end - here.start),
                1 => (16, usize::try_from(here.number(8, 8)?).ok()?),
                length => (8, usize::try_from(length).ok()?),
            };
            let end = here
                .start
                .checked_add(length)
                .filter(|end| *end <= here.end)?;
            let start = here
                .start
                .checked_add(header)
                .filter(|start| *start <= end)?;
            rest = here.from(length);
            Some(Piece {
                name: here.bytes(4, 4)?.try_into().ok()?,
                start,
                end,
                ..here
            })
        })
        .take(MOST)
    }

    fn find(self, name: &[u8; 4]) -> Option<Self> {
        self.boxes().find(|piece| &piece.name == name)
    }
}

/// Reads numbers one after the other.
struct Numerals<'a> {
    piece: Piece<'a>,
    at: usize,
}

impl Numerals<'_> {
    fn next(&mut self, count: usize) -> Option<u64> {
        let value = self.piece.number(self.at, count);
        self.at = self.at.checked_add(count)?;
        value
    }
}

/// What a file is made of.
struct Items<'a> {
    file: &'a [u8],
    primary: u64,
    kinds: Vec<(u64, [u8; 4])>,
    /// Kind of reference, from, to.
    references: Vec<([u8; 4], u64, u64)>,
    locations: Piece<'a>,
    data: Option<Piece<'a>>,
    properties: Vec<Piece<'a>>,
    associations: Option<Piece<'a>>,
}

impl<'a> Items<'a> {
    fn read(meta: &Piece<'a>) -> Result<Self, ReadError> {
        let inside = |name: &[u8; 4]| meta.find(name);
        let pitm = inside(b"pitm").ok_or(Damaged("no picture is named"))?;
        let wide = |piece: &Piece<'_>| piece.number(0, 1).map(|version| version > 0);
        let primary = wide(&pitm)
            .and_then(|wide| pitm.number(4, if wide { 4 } else { 2 }))
            .ok_or(Damaged("no picture is named"))?;
        let iprp = inside(b"iprp").ok_or(Damaged("no properties"))?;
        let ipco = iprp.find(b"ipco").ok_or(Damaged("no properties"))?;
        Ok(Self {
            file: meta.file,
            primary,
            kinds: kinds(inside(b"iinf").ok_or(Damaged("no items"))?),
            references: inside(b"iref").map(references).unwrap_or_default(),
            locations: inside(b"iloc").ok_or(Damaged("no places"))?,
            data: inside(b"idat"),
            properties: ipco.boxes().collect(),
            associations: iprp.find(b"ipma"),
        })
    }

    fn kind(&self, item: u64) -> Option<&[u8; 4]> {
        let found = self.kinds.iter().find(|(number, _)| *number == item)?;
        Some(&found.1)
    }

    fn refers(&self, kind: &[u8; 4], from: u64, to: u64) -> bool {
        self.references.contains(&(*kind, from, to))
    }

    /// The item that is the transparency of another.
    fn alpha(&self, of: u64) -> Result<Option<u64>, ReadError> {
        for (kind, from, to) in &self.references {
            if kind != b"auxl" || *to != of {
                continue;
            }
            let properties = self.properties(*from)?;
            let alpha = properties.iter().any(|(property, _)| {
                let names: [&[u8]; 2] = [
                    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
                    b"urn:mpeg:hevc:2015:auxid:1\0",
                ];
                &property.name == b"auxC"
                    && names
                        .iter()
                        .any(|name| property.bytes(4, name.len()) == Some(*name))
            });
            if alpha && self.kind(*from) != Some(b"av01") {
                return Err(Unsupported("transparency made of tiles"));
            }
            if alpha {
                return Ok(Some(*from));
            }
        }
        Ok(None)
    }

    /// EXIF data of an item; four bytes say where in it the TIFF header lies.
    fn exif(&self, of: u64) -> Option<Range<usize>> {
        let item = self.references.iter().find_map(|(kind, from, to)| {
            let exif = kind == b"cdsc" && *to == of && self.kind(*from) == Some(b"Exif");
            exif.then_some(*from)
        })?;
        let [range] = self.place(item).ok()?.try_into().ok()?;
        let piece = Piece {
            name: *b"Exif",
            file: self.file,
            start: range.start,
            end: range.end,
        };
        let skipped = usize::try_from(piece.number(0, 4)?).ok()?;
        Some(piece.from(skipped.checked_add(4)?)?.range())
    }

    /// The properties of an item in their order, and whether each must be understood.
    fn properties(&self, item: u64) -> Result<Vec<(Piece<'a>, bool)>, ReadError> {
        let numbers = self
            .associations
            .and_then(|piece| associations(piece, item))
            .ok_or(Damaged("an item without properties"))?;
        numbers
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, essential)| {
                let property = self.properties.get(number as usize - 1);
                property
                    .map(|property| (*property, essential))
                    .ok_or(Damaged("a property is missing"))
            })
            .collect()
    }

    /// Where the bytes of an item lie (ISO/IEC 14496-12 §8.11.3).
    fn place(&self, item: u64) -> Result<Vec<Range<usize>>, ReadError> {
        let (method, pieces) =
            extents(self.locations, item).ok_or(Damaged("an item lies nowhere"))?;
        let (start, end) = match (method, self.data) {
            (0, _) => (0, self.file.len()),
            (1, Some(data)) => (data.start, data.end),
            _ => return Err(Unsupported("stored in an unusual way")),
        };
        let all = pieces.into_iter().map(|(offset, length)| {
            let from = start.checked_add(offset)?;
            let to = if length == 0 {
                end
            } else {
                from.checked_add(length)?
            };
            (from < to && to <= end).then_some(from..to)
        });
        let all: Vec<_> = all.collect::<Option<_>>().ok_or(Damaged("it is cut off"))?;
        // Pieces that lie over each other could make much of little.
        let total: usize = all.iter().map(ExactSizeIterator::len).sum();
        if all.is_empty() || total > self.file.len() {
            return Err(Damaged("its pieces overlap"));
        }
        Ok(all)
    }
}

/// The items and what each is.
fn kinds(iinf: Piece<'_>) -> Vec<(u64, [u8; 4])> {
    let header = if iinf.number(0, 1) == Some(0) { 6 } else { 8 };
    let entries = iinf.from(header).into_iter().flat_map(Piece::boxes);
    entries
        .filter(|entry| &entry.name == b"infe")
        .filter_map(|entry| {
            let wide = match entry.number(0, 1)? {
                2 => 2,
                3 => 4,
                _ => return None,
            };
            let kind = entry.bytes(4 + wide + 2, 4)?.try_into().ok()?;
            Some((entry.number(4, wide)?, kind))
        })
        .collect()
}

fn references(iref: Piece<'_>) -> Vec<([u8; 4], u64, u64)> {
    let wide = if iref.number(0, 1) == Some(0) { 2 } else { 4 };
    let mut found = Vec::new();
    for reference in iref.from(4).into_iter().flat_map(Piece::boxes) {
        let mut numbers = Numerals {
            piece: reference,
            at: 0,
        };
        let (Some(from), Some(count)) = (numbers.next(wide), numbers.next(2)) else {
            continue;
        };
        for _ in 0..count {
            match numbers.next(wide) {
                Some(to) if found.len() < MOST => found.push((reference.name, from, to)),
                _ => break,
            }
        }
    }
    found
}

/// The numbers of an item's properties, from 1, and whether each must be understood
/// (ISO/IEC 23008-12 §9.3.1).
fn associations(ipma: Piece<'_>, item: u64) -> Option<Vec<(u64, bool)>> {
    let item_size = if ipma.number(0, 1)? == 0 { 2 } else { 4 };
    let size = if ipma.number(3, 1)? & 1 == 1 { 2 } else { 1 };
    let mut numbers = Numerals { piece: ipma, at: 4 };
    let entries = numbers.next(4)?;
    for _ in 0..entries.min(MOST as u64) {
        let here = numbers.next(item_size)?;
        let mut found = Vec::new();
        for _ in 0..numbers.next(1)? {
            let value = numbers.next(size)?;
            let top = 1 << (8 * size - 1);
            found.push((value & (top - 1), value & top != 0));
        }
        if here == item {
            return Some(found);
        }
    }
    None
}

/// How an item is stored, and offset and length of each of its pieces; a length of 0 is the rest.
fn extents(iloc: Piece<'_>, item: u64) -> Option<(u64, Vec<(usize, usize)>)> {
    let version = iloc.number(0, 1)?;
    let sizes = iloc.number(4, 2)?;
    let [offset_size, length_size, base_size, index_size] =
        [12, 8, 4, 0].map(|shift| (sizes >> shift & 15) as usize);
    let index_size = if version == 0 { 0 } else { index_size };
    if offset_size.max(length_size).max(base_size).max(index_size) > 8 {
        return None;
    }
    let wide = if version < 2 { 2 } else { 4 };
    let mut numbers = Numerals { piece: iloc, at: 6 };
    let items = numbers.next(wide)?;
    for _ in 0..items.min(MOST as u64) {
        let here = numbers.next(wide)?;
        let method = if version == 0 {
            0
        } else {
            numbers.next(2)? & 15
        };
        // Data in another file is not read.
        let elsewhere = numbers.next(2)? != 0;
        let base = numbers.next(base_size)?;
        let count = numbers.next(2)?;
        if here == item && (elsewhere || count > MOST as u64) {
            return None;
        }
        let mut pieces = Vec::new();
        for _ in 0..count {
            numbers.next(index_size)?;
            let offset = base.checked_add(numbers.next(offset_size)?)?;
            let length = numbers.next(length_size)?;
            if here == item {
                pieces.push((usize::try_from(offset).ok()?, usize::try_from(length).ok()?));
            }
        }
        if here == item {
            return Some((method, pieces));
        }
    }
    None
}

#[cfg(test)]
mod tests;
