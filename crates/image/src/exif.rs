//! The few EXIF tags that matter: orientation, artist, copyright (Exif 2.32 §4.6.4, TIFF 6.0 §2).

/// How a stored picture is to be turned so that it stands upright: mirrored left and right first,
/// then turned clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orientation {
    /// Whether it is mirrored.
    pub mirrored: bool,
    /// Quarter turns clockwise, 0–3.
    pub quarters: u8,
}

const ORIENTATION: u16 = 0x0112;
const ARTIST: u16 = 0x013B;
const COPYRIGHT: u16 = 0x8298;
/// TIFF type 2: text.
const ASCII: u16 = 2;
/// TIFF type 3: a 16-bit number.
const SHORT: u16 = 3;
/// Most entries of the first directory that are read.
const MAX_ENTRIES: usize = 512;
/// Longest artist or copyright text that is kept, in bytes.
const MAX_TEXT: usize = 2048;

impl Orientation {
    /// Upright already.
    pub const UPRIGHT: Self = Self {
        mirrored: false,
        quarters: 0,
    };

    /// The orientation by its EXIF number, 1–8; anything else is upright.
    pub const fn from_exif(number: u16) -> Self {
        let (mirrored, quarters) = match number {
            2 => (true, 0),
            3 => (false, 2),
            4 => (true, 2),
            5 => (true, 3),
            6 => (false, 1),
            7 => (true, 1),
            8 => (false, 3),
            _ => (false, 0),
        };
        Self { mirrored, quarters }
    }

    /// Its EXIF number, 1–8.
    pub const fn to_exif(self) -> u16 {
        match (self.mirrored, self.quarters % 4) {
            (false, 0) => 1,
            (true, 0) => 2,
            (false, 2) => 3,
            (true, 2) => 4,
            (true, 3) => 5,
            (false, 1) => 6,
            (true, _) => 7,
            (false, _) => 8,
        }
    }

    /// Reads it from EXIF data (the TIFF part, with or without `Exif\0\0` before it); upright if
    /// absent or damaged.
    pub fn from_exif_data(exif: &[u8]) -> Self {
        Tiff::new(exif)
            .and_then(|tiff| tiff.entry(ORIENTATION))
            .filter(|entry| entry.kind == SHORT)
            .and_then(|entry| entry.tiff.u16(entry.value_at))
            .map_or(Self::UPRIGHT, Self::from_exif)
    }

    /// Whether width and height change places.
    pub const fn swaps_sides(self) -> bool {
        self.quarters % 2 == 1
    }

    /// The orientation that does this one first and then `next`.
    pub(crate) const fn then(self, next: Self) -> Self {
        // A mirror passes a turn by reversing it.
        let quarters = if next.mirrored {
            (4 - self.quarters) % 4 + next.quarters
        } else {
            self.quarters + next.quarters
        };
        Self {
            mirrored: self.mirrored != next.mirrored,
            quarters: quarters % 4,
        }
    }
}

/// EXIF data reduced to what a result may carry: artist and copyright notice if `credits`, and the
/// orientation if `orientation` is not upright. `None` if nothing is left.
pub(crate) fn reduced(exif: &[u8], credits: bool, orientation: Orientation) -> Option<Vec<u8>> {
    let mut entries = Vec::new();
    if orientation != Orientation::UPRIGHT {
        entries.push(Written {
            tag: ORIENTATION,
            kind: SHORT,
            count: 1,
            value: orientation.to_exif().to_be_bytes().to_vec(),
        });
    }
    if let Some(tiff) = Tiff::new(exif).filter(|_| credits) {
        entries.extend([ARTIST, COPYRIGHT].into_iter().filter_map(|tag| {
            let value = tiff.text(tag)?;
            Some(Written {
                tag,
                kind: ASCII,
                count: value.len() as u32,
                value,
            })
        }));
    }
    (!entries.is_empty()).then(|| write(&entries))
}

/// An entry to be written.
struct Written {
    tag: u16,
    kind: u16,
    count: u32,
    value: Vec<u8>,
}

/// One directory of entries, which are in order of their tags, with their values behind it.
fn write(entries: &[Written]) -> Vec<u8> {
    let directory_end = 8 + 2 + 12 * entries.len() + 4;
    let mut out = b"MM\0*\0\0\0\x08".to_vec();
    let mut values = Vec::new();
    out.extend_from_slice(&(entries.len() as u16).to_be_bytes());
    for entry in entries {
        out.extend_from_slice(&entry.tag.to_be_bytes());
        out.extend_from_slice(&entry.kind.to_be_bytes());
        out.extend_from_slice(&entry.count.to_be_bytes());
        let mut short = entry.value.clone();
        if short.len() > 4 {
            short = ((directory_end + values.len()) as u32)
                .to_be_bytes()
                .to_vec();
            values.extend_from_slice(&entry.value);
            // Values lie on even offsets (TIFF 6.0 §2).
            values.resize(values.len().next_multiple_of(2), 0);
        }
        short.resize(4, 0);
        out.extend_from_slice(&short);
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&values);
    out
}

/// The same EXIF data saying that the picture is upright, as it is once it was turned.
pub(crate) fn upright(mut exif: Vec<u8>) -> Vec<u8> {
    let place = Tiff::new(&exif).and_then(|tiff| {
        let entry = tiff.entry(ORIENTATION)?;
        let base = exif.len() - tiff.bytes.len();
        Some((base + entry.value_at, tiff.big_endian))
    });
    if let Some((at, big_endian)) = place
        && let Some(value) = exif.get_mut(at..at + 2)
    {
        let one: u16 = 1;
        value.copy_from_slice(&if big_endian {
            one.to_be_bytes()
        } else {
            one.to_le_bytes()
        });
    }
    exif
}

/// A TIFF structure.
#[derive(Clone, Copy)]
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

/// One entry of a directory.
struct Entry<'a> {
    tiff: Tiff<'a>,
    kind: u16,
    count: u32,
    /// Where the value, or its offset, lies.
    value_at: usize,
}

impl<'a> Tiff<'a> {
    fn new(exif: &'a [u8]) -> Option<Self> {
        let bytes = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        let big_endian = match bytes.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            _ => return None,
        };
        Some(Self { bytes, big_endian })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// The entry of the first directory with this tag.
    fn entry(self, tag: u16) -> Option<Entry<'a>> {
        let start = self.u32(4)? as usize;
        let count = usize::from(self.u16(start)?).min(MAX_ENTRIES);
        (0..count)
            .map_while(|place| start.checked_add(2 + 12 * place))
            .find(|at| self.u16(*at) == Some(tag))
            .and_then(|at| {
                Some(Entry {
                    tiff: self,
                    kind: self.u16(at + 2)?,
                    count: self.u32(at + 4)?,
                    value_at: at + 8,
                })
            })
    }

    /// A text with its closing zero; `None` if it is absent, blank, damaged or too long.
    fn text(self, tag: u16) -> Option<Vec<u8>> {
        let entry = self.entry(tag).filter(|entry| entry.kind == ASCII)?;
        let length = entry.count as usize;
        let at = if length <= 4 {
            entry.value_at
        } else {
            self.u32(entry.value_at)? as usize
        };
        let text = self.bytes.get(at..at.checked_add(length)?)?;
        let text = text.trim_ascii_end().strip_suffix(b"\0").unwrap_or(text);
        if text.trim_ascii().is_empty() || text.len() > MAX_TEXT {
            return None;
        }
        Some([text, b"\0"].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(big_endian: bool, number: u16) -> Vec<u8> {
        let mut out = Vec::new();
        let mut short = |value: u16| {
            out.extend_from_slice(&if big_endian {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        };
        // Header, one entry of type SHORT, count 1, no next directory.
        let words = if big_endian {
            [
                0x4D4D,
                42,
                0,
                8,
                1,
                ORIENTATION,
                SHORT,
                0,
                1,
                number,
                0,
                0,
                0,
            ]
        } else {
            [
                0x4949,
                42,
                8,
                0,
                1,
                ORIENTATION,
                SHORT,
                1,
                0,
                number,
                0,
                0,
                0,
            ]
        };
        words.into_iter().for_each(&mut short);
        out
    }

    #[test]
    fn orientation_is_read_in_both_byte_orders() {
        for big_endian in [true, false] {
            for number in 1..=8 {
                let data = exif(big_endian, number);
                let expected = Orientation::from_exif(number);
                assert_eq!(Orientation::from_exif_data(&data), expected);
                let prefixed = [b"Exif\0\0".as_slice(), &data].concat();
                assert_eq!(Orientation::from_exif_data(&prefixed), expected);
                let upright = upright(prefixed);
                assert_eq!(Orientation::from_exif_data(&upright), Orientation::UPRIGHT);
            }
        }
    }

    #[test]
    fn cut_off_data_is_upright() {
        let data = exif(true, 6);
        for length in 0..19 {
            let part = data.get(..length).unwrap();
            assert_eq!(Orientation::from_exif_data(part), Orientation::UPRIGHT);
            assert_eq!(reduced(part, true, Orientation::UPRIGHT), None);
            assert_eq!(upright(part.to_vec()), part);
        }
    }

    #[test]
    fn only_artist_and_copyright_are_kept() {
        let long = b"(c) Somebody Known\0";
        let mut data = b"II*\0\x08\0\0\0\x03\0".to_vec();
        let entry = |tag: u16, kind: u16, count: u32, value: u32| {
            let mut entry = tag.to_le_bytes().to_vec();
            entry.extend_from_slice(&kind.to_le_bytes());
            entry.extend_from_slice(&count.to_le_bytes());
            entry.extend_from_slice(&value.to_le_bytes());
            entry
        };
        data.extend(entry(ORIENTATION, SHORT, 1, 6));
        data.extend(entry(ARTIST, ASCII, 3, u32::from_le_bytes(*b"Al\0\0")));
        data.extend(entry(COPYRIGHT, ASCII, long.len() as u32, 50));
        data.extend_from_slice(&[0; 4]);
        data.extend_from_slice(long);
        let upright = Orientation::UPRIGHT;
        let kept = reduced(&data, true, upright).unwrap();
        let tiff = Tiff::new(&kept).unwrap();
        assert_eq!(tiff.text(COPYRIGHT).unwrap(), long);
        assert_eq!(tiff.text(ARTIST).unwrap(), b"Al\0");
        assert_eq!(Orientation::from_exif_data(&kept), Orientation::UPRIGHT);
        // What was written can be written again.
        assert_eq!(reduced(&kept, true, upright).unwrap(), kept);
        assert_eq!(reduced(&data, false, upright), None);
        for number in 2..=8 {
            let turn = Orientation::from_exif(number);
            assert_eq!(turn.to_exif(), number);
            let kept = reduced(&data, true, turn).unwrap();
            assert_eq!(Orientation::from_exif_data(&kept), turn);
            assert_eq!(Tiff::new(&kept).unwrap().text(COPYRIGHT).unwrap(), long);
            let bare = reduced(&data, false, turn).unwrap();
            assert_eq!(Orientation::from_exif_data(&bare), turn);
        }
    }

    /// Where a pixel of a picture of `width` × `height` goes, step by step.
    fn walk(turn: Orientation, mut at: (i32, i32), mut size: (i32, i32)) -> (i32, i32) {
        if turn.mirrored {
            at.0 = size.0 - 1 - at.0;
        }
        for _ in 0..turn.quarters {
            at = (size.1 - 1 - at.1, at.0);
            size = (size.1, size.0);
        }
        at
    }

    #[test]
    fn joined_orientations_do_what_both_do_in_turn() {
        let all = || (1..=8).map(Orientation::from_exif);
        for first in all() {
            for second in all() {
                let between = if first.swaps_sides() { (3, 5) } else { (5, 3) };
                let stepwise = walk(second, walk(first, (1, 0), (5, 3)), between);
                assert_eq!(walk(first.then(second), (1, 0), (5, 3)), stepwise);
            }
        }
    }
}
