//! What goes through the pipes. Numbers are little-endian.
//!
//! A request: how many pixels the picture has, how long its units are, the units. An answer: a byte
//! that says what came of it, and for a picture its head and its planes.

use std::io::{self, Read, Write};

use avif::{Layout, Numbers, Planes};

/// Most bytes of units in a request.
pub(crate) const MOST_UNITS: u32 = 256 << 20;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Picture = 1,
    Damaged = 2,
    NoWalls = 3,
}

impl Answer {
    pub(crate) fn read(byte: u8) -> Option<Self> {
        [Self::Picture, Self::Damaged, Self::NoWalls]
            .into_iter()
            .find(|answer| *answer as u8 == byte)
    }
}

/// Length of the head of a picture.
const HEAD: usize = 15;
/// The layouts, by their numbers.
const LAYOUTS: [Layout; 4] = [Layout::Grey, Layout::Half, Layout::HalfAcross, Layout::Full];
/// Above a layout's number: samples use their whole range.
const FULL_RANGE: u8 = 0x80;

/// Writes a picture as the answer.
pub(crate) fn write_picture(planes: &Planes, out: &mut dyn Write) -> io::Result<()> {
    let numbers = planes.numbers;
    let layout = LAYOUTS.iter().position(|known| *known == planes.layout);
    let range = if numbers.full_range { FULL_RANGE } else { 0 };
    let mut head = vec![Answer::Picture as u8];
    for side in [planes.width, planes.height] {
        head.extend_from_slice(&(side as u32).to_le_bytes());
    }
    head.push(layout.unwrap_or(0) as u8 | range);
    for number in [numbers.primaries, numbers.transfer, numbers.matrix] {
        head.extend_from_slice(&number.to_le_bytes());
    }
    out.write_all(&head)?;
    for plane in &planes.samples {
        out.write_all(plane)?;
    }
    out.flush()
}

/// Reads the picture that a worker wrote, which may have been taken over: nothing of it is believed.
/// `None` if it is no picture of that size.
pub(crate) fn read_picture(input: &mut dyn Read, size: (u32, u32)) -> Option<Planes> {
    let mut head = [0; HEAD];
    input.read_exact(&mut head).ok()?;
    let side = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let number = |at: usize| Some(u16::from_le_bytes(*head.get(at..)?.first_chunk()?));
    if (side(0)?, side(4)?) != size {
        return None;
    }
    let (width, height) = (size.0 as usize, size.1 as usize);
    let layout = *LAYOUTS.get(usize::from(head[8] & !FULL_RANGE))?;
    let colour = layout.colour_size(width, height);
    let mut samples = [const { Vec::new() }; 3];
    for (plane, (wide, high)) in samples.iter_mut().zip([(width, height), colour, colour]) {
        let length = wide.checked_mul(high)?;
        // As much is taken as comes, and no more.
        input.take(length as u64).read_to_end(plane).ok()?;
        if plane.len() != length {
            return None;
        }
    }
    Some(Planes {
        width,
        height,
        layout,
        numbers: Numbers {
            primaries: number(9)?,
            transfer: number(11)?,
            matrix: number(13)?,
            full_range: head[8] & FULL_RANGE != 0,
        },
        samples,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_come_back_as_they_were() {
        for layout in LAYOUTS {
            let (across, down) = layout.colour_size(5, 3);
            let lengths = [15, across * down, across * down];
            let planes = Planes {
                width: 5,
                height: 3,
                layout,
                numbers: Numbers {
                    primaries: 1,
                    transfer: 13,
                    matrix: 258,
                    full_range: layout != Layout::Half,
                },
                samples: lengths.map(|length| (0..length as u8).collect()),
            };
            let mut written = Vec::new();
            write_picture(&planes, &mut written).unwrap();
            let read = |bytes: &[u8], size| read_picture(&mut &bytes[1..], size);
            assert_eq!(read(&written, (5, 3)), Some(planes));
            assert_eq!(read(&written, (3, 5)), None);
            for end in 1..written.len() {
                assert_eq!(read(&written[..end], (5, 3)), None);
            }
        }
    }
}
