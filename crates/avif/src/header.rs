//! Whether what a program gave back is the picture that was asked for: its units and its sequence
//! header (AV1 §5.5), read with care.

use crate::container::{Form, SEQUENCE_HEADER, TEMPORAL_DELIMITER, units};

/// Kinds of units that hold a picture (AV1 §6.2.2): a frame, or its header and groups of tiles.
const FRAME_HEADER: u8 = 3;
const TILE_GROUP: u8 = 4;
const FRAME: u8 = 6;

/// The stream without its delimiters, if it is one still picture of this form and size: eight bits
/// a sample, full range.
pub(crate) fn checked(
    stream: &[u8],
    form: Form,
    size: (usize, usize),
) -> Result<Vec<u8>, &'static str> {
    let (mut kept, mut read) = (Vec::with_capacity(stream.len()), 0);
    let (mut headers, mut frames, mut groups) = (0, 0, 0);
    for unit in units(stream) {
        read += unit.whole.len();
        match unit.kind {
            TEMPORAL_DELIMITER => continue,
            SEQUENCE_HEADER => {
                headers += 1;
                if Header::read(unit.payload) != Some(Header::wanted(form, size)) {
                    return Err("it wrote another picture than was asked for");
                }
            }
            FRAME | FRAME_HEADER if headers == 1 => frames += 1,
            TILE_GROUP if frames == 1 => groups += 1,
            _ => return Err("it wrote units that no still picture has"),
        }
        groups += usize::from(unit.kind == FRAME);
        kept.extend_from_slice(unit.whole);
    }
    match headers == 1 && frames == 1 && groups >= 1 && read == stream.len() {
        true => Ok(kept),
        false => Err("it wrote no whole picture"),
    }
}

/// What a sequence header says of a still picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    profile: u32,
    width: usize,
    height: usize,
    deep: bool,
    grey: bool,
    full_range: bool,
}

impl Header {
    fn wanted(form: Form, (width, height): (usize, usize)) -> Self {
        Self {
            profile: u32::from(form == Form::FullColour),
            width,
            height,
            deep: false,
            grey: form == Form::Grey,
            full_range: true,
        }
    }

    /// Reads the short form, which still pictures have; `None` if it is anything else.
    fn read(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits { payload, place: 0 };
        let profile = bits.take(3)?;
        let (still, reduced) = (bits.flag()?, bits.flag()?);
        if profile > 1 || !still || !reduced {
            return None;
        }
        bits.take(5)?;
        let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
        let (width, height) = (bits.take(width_bits)?, bits.take(height_bits)?);
        // Six tools, each on or off.
        bits.take(6)?;
        let deep = bits.flag()?;
        let grey = profile == 0 && bits.flag()?;
        let mut colours = None;
        if bits.flag()? {
            colours = Some((bits.take(8)?, bits.take(8)?, bits.take(8)?));
        }
        // With these, samples are red, green and blue.
        if colours == Some((1, 13, 0)) && !grey {
            return None;
        }
        Some(Self {
            profile,
            width: width as usize + 1,
            height: height as usize + 1,
            deep,
            grey,
            full_range: bits.flag()?,
        })
    }
}

/// Bits, the highest of each byte first.
struct Bits<'a> {
    payload: &'a [u8],
    place: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.payload.get(self.place / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.place % 8) & 1);
            self.place += 1;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams of libaom 3.6 for pictures of 6 × 5 grey, 7 × 5 with full and 7 × 5 with half colour,
    /// their frames cut short.
    const GREY: [u8; 15] = [
        0x12, 0, 0x0A, 8, 0x18, 8, 0xAC, 0x61, 0x80, 0x86, 0x83, 0x50, 0x32, 1, 0x12,
    ];
    const FULL: [u8; 15] = [
        0x12, 0, 0x0A, 8, 0x38, 8, 0xB4, 0x61, 1, 0x0D, 6, 0x90, 0x32, 1, 0x12,
    ];
    const HALF: [u8; 15] = [
        0x12, 0, 0x0A, 8, 0x18, 8, 0xB4, 0x60, 0x80, 0x86, 0x83, 0x42, 0x32, 1, 0x12,
    ];

    #[test]
    fn what_was_asked_for_is_taken_without_its_delimiter() {
        for (stream, form, width) in [
            (GREY, Form::Grey, 6),
            (FULL, Form::FullColour, 7),
            (HALF, Form::HalfColour, 7),
        ] {
            let kept = checked(&stream, form, (width, 5));
            assert_eq!(kept.as_deref(), Ok(&stream[2..]), "{form:?}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        assert!(checked(&HALF, Form::HalfColour, (8, 5)).is_err());
        assert!(checked(&HALF, Form::HalfColour, (7, 4)).is_err());
        assert!(checked(&HALF, Form::FullColour, (7, 5)).is_err());
        assert!(checked(&HALF, Form::Grey, (7, 5)).is_err());
        for cut in 0..HALF.len() {
            assert!(checked(&HALF[..cut], Form::HalfColour, (7, 5)).is_err());
        }
        let twice = [HALF, HALF].concat();
        assert!(checked(&twice, Form::HalfColour, (7, 5)).is_err());
        let more = [&HALF[..], &[0]].concat();
        assert!(checked(&more, Form::HalfColour, (7, 5)).is_err());
        let mut limited_range = HALF;
        limited_range[11] ^= 0x40;
        assert!(checked(&limited_range, Form::HalfColour, (7, 5)).is_err());
    }
}
