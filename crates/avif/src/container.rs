//! The file around the coded pictures (AVIF 1.1; ISO/IEC 14496-12 for boxes, ISO/IEC 23008-12 for
//! items and their properties).

/// A coded picture.
#[derive(Clone, Debug)]
pub(crate) struct Coded {
    /// Its OBUs: a sequence header and a frame (AV1 §5.3), without a temporal delimiter.
    pub(crate) obus: Vec<u8>,
    pub(crate) form: Form,
}

/// What its samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One plane.
    Grey,
    /// Three planes, chroma at half the resolution.
    HalfColour,
    /// Three planes of one size.
    FullColour,
}

/// The item of the picture itself, and that of its transparency.
const COLOUR: u16 = 1;
const ALPHA: u16 = 2;
/// Marks a property that a reader must understand (ISO/IEC 23008-12 §9.3).
const ESSENTIAL: u8 = 0x80;
/// The highest level of the baseline and of the advanced profile of AVIF (§8.2, §8.3): 5.1 and 6.0.
const BASELINE_LEVEL: u8 = 13;
const ADVANCED_LEVEL: u8 = 16;

/// Writes the file. Transparency comes first, so that the picture can be shown as it comes.
pub(crate) fn write(colour: &Coded, alpha: Option<&Coded>, width: u32, height: u32) -> Vec<u8> {
    let mut file = Writer(Vec::with_capacity(colour.obus.len() + 512));
    file.boxed(b"ftyp", |ftyp| {
        ftyp.bytes(b"avif\0\0\0\0avifmif1miaf");
        ftyp.bytes(profile_brand(colour));
    });
    let mut places = Vec::new();
    file.boxed(b"meta", |meta| {
        meta.bytes(&[0; 4]);
        meta.full(b"hdlr", 0, |hdlr| {
            hdlr.bytes(b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
        });
        meta.full(b"pitm", 0, |pitm| pitm.u16(COLOUR));
        places = locations(meta, colour, alpha);
        items(meta, alpha.is_some());
        if alpha.is_some() {
            meta.full(b"iref", 0, |iref| {
                iref.boxed(b"auxl", |auxl| {
                    for value in [ALPHA, 1, COLOUR] {
                        auxl.u16(value);
                    }
                });
            });
        }
        meta.boxed(b"iprp", |iprp| {
            properties(iprp, colour, alpha, width, height);
        });
    });
    let data = file.0.len() + 8;
    file.boxed(b"mdat", |mdat| {
        for part in alpha.into_iter().chain([colour]) {
            mdat.bytes(&part.obus);
        }
    });
    let mut offset = data;
    for (place, length) in places {
        let bytes = (offset as u32).to_be_bytes();
        file.0[place..place + 4].copy_from_slice(&bytes);
        offset += length;
    }
    file.0
}

/// The brand of the profile whose limits the file keeps, or the plain one again.
fn profile_brand(colour: &Coded) -> &'static [u8; 4] {
    match (colour.form, sequence(&colour.obus).level) {
        (Form::Grey | Form::HalfColour, ..=BASELINE_LEVEL) => b"MA1B",
        (Form::FullColour, ..=ADVANCED_LEVEL) => b"MA1A",
        _ => b"avif",
    }
}

/// Where each item's bytes lie; returns where the offsets are to be written, in the order of the
/// data, and how long each item is.
fn locations(meta: &mut Writer, colour: &Coded, alpha: Option<&Coded>) -> Vec<(usize, usize)> {
    let items = alpha.map(|alpha| (ALPHA, alpha));
    let items = || items.into_iter().chain([(COLOUR, colour)]);
    let mut places = Vec::new();
    meta.full(b"iloc", 0, |iloc| {
        // Offsets and lengths of four bytes, no base.
        iloc.bytes(&[0x44, 0x00]);
        iloc.u16(items().count() as u16);
        for (item, coded) in items() {
            // The file itself, one piece.
            for value in [item, 0, 1] {
                iloc.u16(value);
            }
            places.push((iloc.0.len(), coded.obus.len()));
            iloc.u32(0);
            iloc.u32(coded.obus.len() as u32);
        }
    });
    places
}

fn items(meta: &mut Writer, alpha: bool) {
    let items: &[u16] = if alpha { &[COLOUR, ALPHA] } else { &[COLOUR] };
    meta.full(b"iinf", 0, |iinf| {
        iinf.u16(items.len() as u16);
        for item in items {
            iinf.full(b"infe", 2, |infe| {
                infe.u16(*item);
                infe.bytes(b"\0\0av01\0");
            });
        }
    });
}

fn properties(iprp: &mut Writer, colour: &Coded, alpha: Option<&Coded>, width: u32, height: u32) {
    iprp.boxed(b"ipco", |ipco| {
        ipco.full(b"ispe", 0, |ispe| {
            ispe.u32(width);
            ispe.u32(height);
        });
        ipco.boxed(b"av1C", |av1c| av1c.bytes(&configuration(colour)));
        pixel_information(ipco, colour.form);
        ipco.boxed(b"colr", |colr| {
            // Primaries of ITU-R BT.709, the curve of sRGB, the matrix of BT.601, full range.
            colr.bytes(b"nclx");
            for value in [1, 13, 6] {
                colr.u16(value);
            }
            colr.bytes(&[0x80]);
        });
        if let Some(alpha) = alpha {
            ipco.boxed(b"av1C", |av1c| av1c.bytes(&configuration(alpha)));
            pixel_information(ipco, alpha.form);
            ipco.full(b"auxC", 0, |auxc| {
                auxc.bytes(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
            });
        }
    });
    iprp.full(b"ipma", 0, |ipma| {
        ipma.u32(1 + u32::from(alpha.is_some()));
        ipma.u16(COLOUR);
        ipma.bytes(&[4, 1, 2 | ESSENTIAL, 3, 4]);
        if alpha.is_some() {
            ipma.u16(ALPHA);
            ipma.bytes(&[4, 1, 5 | ESSENTIAL, 6, 7 | ESSENTIAL]);
        }
    });
}

/// Eight bits in each plane.
fn pixel_information(ipco: &mut Writer, form: Form) {
    let planes: &[u8] = match form {
        Form::Grey => &[1, 8],
        Form::HalfColour | Form::FullColour => &[3, 8, 8, 8],
    };
    ipco.full(b"pixi", 0, |pixi| pixi.bytes(planes));
}

/// What a decoder must be able to do (AV1 in ISOBMFF §2.3.3).
fn configuration(coded: &Coded) -> [u8; 4] {
    let Sequence { profile, level } = sequence(&coded.obus);
    let planes = match coded.form {
        Form::Grey => 0b0001_1100,
        Form::HalfColour => 0b0000_1100,
        Form::FullColour => 0,
    };
    [0x81, profile << 5 | level, planes, 0]
}

/// The first words of a sequence header (AV1 §5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sequence {
    profile: u8,
    /// `seq_level_idx`; 31 for none in particular.
    level: u8,
}

/// Reads the sequence header of a still picture, which has the short form.
fn sequence(obus: &[u8]) -> Sequence {
    let payload = units(obus).find(|unit| unit.kind == SEQUENCE_HEADER);
    match payload.map(|unit| unit.payload) {
        Some([first, second, ..]) if first & 0b1000 != 0 => Sequence {
            profile: first >> 5,
            level: (first & 0b111) << 2 | second >> 6,
        },
        _ => Sequence {
            profile: 0,
            level: 31,
        },
    }
}

/// Kinds of units (AV1 §6.2.2).
pub(crate) const SEQUENCE_HEADER: u8 = 1;
pub(crate) const TEMPORAL_DELIMITER: u8 = 2;

/// An open bitstream unit.
pub(crate) struct Unit<'a> {
    pub(crate) kind: u8,
    /// With its header.
    pub(crate) whole: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// The units of a stream in which each says its size (AV1 §5.3.2).
pub(crate) fn units(mut obus: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    std::iter::from_fn(move || {
        let header = *obus.first()?;
        let (extension, sized) = (header & 0b100 != 0, header & 0b10 != 0);
        let mut at = 1 + usize::from(extension);
        let mut length = 0;
        for shift in (0..28).step_by(7) {
            let byte = *obus.get(at).filter(|_| sized)?;
            at += 1;
            length |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (whole, rest) = obus.split_at_checked(at + length)?;
        obus = rest;
        Some(Unit {
            kind: header >> 3 & 0xF,
            payload: &whole[at..],
            whole,
        })
    })
}

/// The stream without temporal delimiters, which pictures have none of (AVIF 1.1 §2.1).
pub(crate) fn without_delimiters(obus: &[u8]) -> Vec<u8> {
    let kept = units(obus).filter(|unit| unit.kind != TEMPORAL_DELIMITER);
    kept.flat_map(|unit| unit.whole).copied().collect()
}

/// Boxes in the making.
struct Writer(Vec<u8>);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// A box; its size is known once it is written.
    fn boxed(&mut self, name: &[u8; 4], inside: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.u32(0);
        self.bytes(name);
        inside(self);
        let size = ((self.0.len() - start) as u32).to_be_bytes();
        self.0[start..start + 4].copy_from_slice(&size);
    }

    /// A box with a version, and no flags.
    fn full(&mut self, name: &[u8; 4], version: u8, inside: impl FnOnce(&mut Self)) {
        self.boxed(name, |boxed| {
            boxed.bytes(&[version, 0, 0, 0]);
            inside(boxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A delimiter, a sequence header of profile 1 and level 4.0, and a frame.
    const STREAM: [u8; 12] = [0x12, 0, 0x0A, 3, 0b0011_1010, 0, 9, 0x32, 3, 1, 2, 3];

    fn coded(form: Form) -> Coded {
        Coded {
            obus: without_delimiters(&STREAM),
            form,
        }
    }

    fn find(file: &[u8], name: &[u8]) -> usize {
        file.windows(4).position(|four| four == name).unwrap()
    }

    #[test]
    fn delimiters_go_and_the_header_is_read() {
        let obus = without_delimiters(&STREAM);
        assert_eq!(obus, &STREAM[2..]);
        let expected = Sequence {
            profile: 1,
            level: 8,
        };
        assert_eq!(sequence(&obus), expected);
        for cut in 0..STREAM.len() {
            assert!(without_delimiters(&STREAM[..cut]).len() <= cut);
        }
    }

    #[test]
    fn offsets_lead_to_the_data() {
        let picture = coded(Form::FullColour);
        let file = write(&picture, Some(&coded(Form::Grey)), 3, 2);
        let iloc = find(&file, b"iloc") + 4 + 4 + 2 + 2;
        for item in 0..2 {
            let entry = &file[iloc + item * 14..][..14];
            let number =
                |at: usize| u32::from_be_bytes(entry[at..at + 4].try_into().unwrap()) as usize;
            assert_eq!(file[number(6)..number(6) + number(10)], picture.obus);
        }
        assert_eq!(
            file.len(),
            find(&file, b"mdat") + 4 + 2 * picture.obus.len()
        );
        assert!(find(&file, b"MA1A") < find(&file, b"meta"));
        assert!(
            !write(&picture, None, 3, 2)
                .windows(4)
                .any(|four| four == b"auxl")
        );
    }
}
