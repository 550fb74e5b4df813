//! What goes through the pipes. Numbers are little-endian.
//!
//! A request: how many pixels the picture has, how long its units are, the units. An answer: a byte
//! that says what came of it, and for a picture its head and its planes.

use std::io::{self, Read, Write};

/// Most bytes of units in a request.
pub(crate) const MOST_UNITS: u32 = 256 << 20;

/// How many samples there are for colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// None (4:0:0).
    Grey,
    /// Half as many in both directions (4:2:0).
    Half,
    /// Half as many across (4:2:2).
    HalfAcross,
    /// As many as for brightness (4:4:4).
    Full,
}

/// A decoded picture: samples of eight bits, row by row without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Of the plane of brightness.
    pub width: u32,
    /// Of the plane of brightness.
    pub height: u32,
    /// How many samples there are for colour.
    pub layout: Layout,
    /// Colour primaries, transfer characteristics and matrix coefficients (ITU-T H.273).
    pub numbers: [u8; 3],
    /// Whether samples use their whole range.
    pub full_range: bool,
    /// Brightness, then both planes of colour, empty for grey.
    pub samples: [Vec<u8>; 3],
}

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
const HEAD: usize = 13;

impl Layout {
    const ALL: [Self; 4] = [Self::Grey, Self::Half, Self::HalfAcross, Self::Full];

    /// How many samples each plane has.
    pub(crate) fn lengths(self, width: u32, height: u32) -> [u64; 3] {
        let [wide, high] = [width, height].map(u64::from);
        let [half_wide, half_high] = [width, height].map(|side| u64::from(side.div_ceil(2)));
        let colour = match self {
            Self::Grey => 0,
            Self::Half => half_wide * half_high,
            Self::HalfAcross => half_wide * high,
            Self::Full => wide * high,
        };
        [wide * high, colour, colour]
    }
}

impl Planes {
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&[Answer::Picture as u8])?;
        out.write_all(&self.width.to_le_bytes())?;
        out.write_all(&self.height.to_le_bytes())?;
        let layout = Layout::ALL.iter().position(|known| *known == self.layout);
        let [primaries, transfer, matrix] = self.numbers;
        let range = u8::from(self.full_range) << 7;
        out.write_all(&[
            layout.unwrap_or(0) as u8 | range,
            primaries,
            transfer,
            matrix,
            0,
        ])?;
        for plane in &self.samples {
            out.write_all(plane)?;
        }
        out.flush()
    }

    /// Reads what a worker wrote, which may have been taken over: nothing of it is believed. `None`
    /// if it is no picture of that size.
    pub(crate) fn read(input: &mut dyn Read, size: (u32, u32)) -> Option<Self> {
        let mut head = [0; HEAD];
        input.read_exact(&mut head).ok()?;
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let (width, height) = (number(0)?, number(4)?);
        if (width, height) != size {
            return None;
        }
        let layout = *Layout::ALL.get(usize::from(head[8] & 0x7F))?;
        let mut samples = [const { Vec::new() }; 3];
        for (plane, length) in samples.iter_mut().zip(layout.lengths(width, height)) {
            // As much is taken as comes, and no more.
            input.take(length).read_to_end(plane).ok()?;
            if plane.len() as u64 != length {
                return None;
            }
        }
        Some(Self {
            width,
            height,
            layout,
            numbers: [head[9], head[10], head[11]],
            full_range: head[8] & 0x80 != 0,
            samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_come_back_as_they_were() {
        for layout in Layout::ALL {
            let lengths = layout.lengths(5, 3);
            let planes = Planes {
                width: 5,
                height: 3,
                layout,
                numbers: [1, 13, 6],
                full_range: layout != Layout::Half,
                samples: lengths.map(|length| (0..length as u8).collect()),
            };
            let mut written = Vec::new();
            planes.write(&mut written).unwrap();
            let read = |bytes: &[u8], size| Planes::read(&mut &bytes[1..], size);
            assert_eq!(read(&written, (5, 3)), Some(planes));
            assert_eq!(read(&written, (3, 5)), None);
            for end in 1..written.len() {
                assert_eq!(read(&written[..end], (5, 3)), None);
            }
        }
    }
}
