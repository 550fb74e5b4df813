//! What goes through the pipes. Numbers are little-endian.
//!
//! A request: a byte that says what is wanted, the picture's width and height, how long its bytes
//! are, the bytes. An answer: a byte that says what came of it, and for AV1 a head and planes, for SVG
//! pixels.

use std::ffi::OsStr;
use std::io::{self, Read, Write};

use avif::{Layout, Numbers, Planes};

/// Most bytes of a picture in a request.
pub(crate) const MOST_BYTES: u32 = 256 << 20;

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// The planes of an AV1 picture.
    Av1 = 1,
    /// The pixels of an SVG document.
    Svg = 2,
}

impl Task {
    /// What a worker is told when it is started, so that it knows its bounds before it reads.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Av1 => "av1",
            Self::Svg => "svg",
        }
    }

    /// The task of that word.
    pub(crate) fn named(word: &OsStr) -> Option<Self> {
        [Self::Av1, Self::Svg]
            .into_iter()
            .find(|task| task.word() == word)
    }

    fn read(byte: u8) -> Option<Self> {
        [Self::Av1, Self::Svg]
            .into_iter()
            .find(|task| *task as u8 == byte)
    }
}

/// What a worker is asked for.
pub(crate) struct Request {
    pub(crate) task: Task,
    /// Width and height, in pixels; neither is 0.
    pub(crate) size: (u32, u32),
    /// What is to be read.
    pub(crate) bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut head = vec![self.task as u8];
        for number in [self.size.0, self.size.1, self.bytes.len() as u32] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        out.write_all(&head)?;
        out.write_all(&self.bytes)
    }

    pub(crate) fn read(input: &mut dyn Read) -> Option<Self> {
        let mut task = [0];
        input.read_exact(&mut task).ok()?;
        let [width, height, length] = [number(input)?, number(input)?, number(input)?];
        let length = length.min(MOST_BYTES);
        let mut bytes = Vec::new();
        input.take(length.into()).read_to_end(&mut bytes).ok()?;
        let whole = bytes.len() == length as usize && length > 0;
        Some(Self {
            task: Task::read(task[0])?,
            size: (width, height),
            bytes,
        })
        .filter(|_| whole && width > 0 && height > 0)
    }
}

fn number(input: &mut dyn Read) -> Option<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes).ok()?;
    Some(u32::from_le_bytes(bytes))
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

/// Writes pixels as the answer.
pub(crate) fn write_pixels(pixels: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[Answer::Picture as u8])?;
    out.write_all(pixels)?;
    out.flush()
}

/// Reads RGBA of that size, as [`read_picture`] reads planes.
pub(crate) fn read_pixels(input: &mut dyn Read, (width, height): (u32, u32)) -> Option<Vec<u8>> {
    let pixels = u64::from(width).checked_mul(height.into())?;
    plane(input, pixels.checked_mul(4)?)
}

/// So many samples. As much is taken as comes, and no more.
fn plane(input: &mut dyn Read, length: u64) -> Option<Vec<u8>> {
    let mut samples = Vec::new();
    input.take(length).read_to_end(&mut samples).ok()?;
    (samples.len() as u64 == length).then_some(samples)
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
    for (samples, (wide, high)) in samples.iter_mut().zip([(width, height), colour, colour]) {
        *samples = plane(input, wide.checked_mul(high)? as u64)?;
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
    fn a_request_is_read_whole_or_not_at_all() {
        let request = Request {
            task: Task::Svg,
            size: (7, 9),
            bytes: b"<svg/>".to_vec(),
        };
        let mut written = Vec::new();
        request.write(&mut written).unwrap();
        let read = Request::read(&mut written.as_slice()).unwrap();
        assert_eq!((read.task, read.size), (Task::Svg, (7, 9)));
        assert_eq!(read.bytes, request.bytes);
        for end in 0..written.len() {
            assert!(Request::read(&mut &written[..end]).is_none(), "{end}");
        }
        for (at, byte) in [(0, 3), (1, 0), (5, 0)] {
            let mut other = written.clone();
            other[at] = byte;
            assert!(Request::read(&mut other.as_slice()).is_none(), "{at}");
        }
    }

    #[test]
    fn pixels_come_back_as_they_were() {
        let mut written = Vec::new();
        write_pixels(&[7; 24], &mut written).unwrap();
        assert_eq!(read_pixels(&mut &written[1..], (2, 3)), Some(vec![7; 24]));
        assert_eq!(read_pixels(&mut &written[1..], (3, 3)), None);
    }

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
