//! An encoder outside of this process: what it is given, and what it gives back.

use std::fmt;

use crate::colour::Plane;
use crate::container::Form;
use crate::encoder::{AvifError, Effort};

/// A program that codes pictures as AV1.
pub trait Program: fmt::Debug + Send + Sync {
    /// What it is called, such as `aomenc 3.6.0`.
    fn name(&self) -> &str;

    /// Whether it reads what it wrote, too.
    fn reads(&self) -> bool;

    /// Codes one picture: its OBUs (AV1 §5.3), each with its size.
    ///
    /// # Errors
    /// What went wrong: it failed, took too long, wrote too much.
    fn encode(&self, order: &Order<'_>, cancel: &dyn Fn() -> bool) -> Result<Vec<u8>, String>;

    /// Reads a coded picture: its planes one after the other, at most so many bytes.
    ///
    /// # Errors
    /// What went wrong.
    fn decode(
        &self,
        obus: &[u8],
        most: usize,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, String>;
}

/// One picture for a [`Program`].
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The picture as YUV4MPEG2: one frame of 8 bits a sample and full range.
    pub y4m: &'a [u8],
    /// The quantizer on libaom's scale: 0, the finest, to 63.
    pub level: u8,
    /// How much trouble is taken.
    pub effort: Effort,
    /// Whether it has no colour.
    pub grey: bool,
    /// Most bytes that are taken for an answer.
    pub most: usize,
}

/// A program that lives as long as the process.
#[derive(Clone, Copy)]
pub struct Outside(pub &'static dyn Program);

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Two are the same if they are one.
impl PartialEq for Outside {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(self.0, other.0)
    }
}

impl Eq for Outside {}

/// A picture that is coded by a program.
pub(crate) struct Errand<'a> {
    pub(crate) program: &'a dyn Program,
    pub(crate) size: (usize, usize),
    pub(crate) effort: Effort,
    /// Whether it is to be known what a reader sees.
    pub(crate) shown: bool,
    pub(crate) cancel: &'a dyn Fn() -> bool,
}

impl Errand<'_> {
    /// The OBUs, and the planes as they will be seen if that is to be known.
    pub(crate) fn run<const PLANES: usize>(
        &self,
        planes: &[Plane; PLANES],
        form: Form,
        quantizer: u8,
    ) -> Result<(Vec<u8>, Option<[Plane; PLANES]>), AvifError> {
        let failed = |why: String| match (self.cancel)() {
            true => AvifError::Cancelled,
            false => AvifError::Outside(format!("{}: {why}", self.program.name())),
        };
        let samples = planes.iter().map(|plane| plane.data.len()).sum::<usize>();
        let order = Order {
            y4m: &y4m(planes, form, self.size),
            level: quantizer.saturating_add(2).min(252) / 4,
            effort: self.effort,
            grey: form == Form::Grey,
            // Coded pictures are smaller than their samples, but for the smallest.
            most: samples * 2 + (4 << 10),
        };
        let stream = self.program.encode(&order, self.cancel).map_err(failed)?;
        let obus = crate::header::checked(&stream, form, self.size)
            .map_err(|why| failed(why.to_owned()))?;
        if !self.shown {
            return Ok((obus, None));
        }
        let raw = self.program.decode(&stream, samples, self.cancel);
        let raw = raw.map_err(failed)?;
        if raw.len() != samples {
            return Err(failed("its own decoder sees another picture".to_owned()));
        }
        let mut rest = raw.as_slice();
        let shown = std::array::from_fn(|place| {
            let Plane { width, data } = &planes[place];
            let (plane, others) = rest.split_at(data.len().min(rest.len()));
            rest = others;
            Plane {
                width: *width,
                data: plane.to_vec(),
            }
        });
        Ok((obus, Some(shown)))
    }
}

/// One frame in the form that video tools exchange.
fn y4m(planes: &[Plane], form: Form, (width, height): (usize, usize)) -> Vec<u8> {
    let sampling = match form {
        Form::Grey => "mono",
        Form::HalfColour => "420jpeg",
        Form::FullColour => "444",
    };
    let header =
        format!("YUV4MPEG2 W{width} H{height} F1:1 Ip A1:1 C{sampling} XCOLORRANGE=FULL\nFRAME\n");
    let mut file = header.into_bytes();
    for plane in planes {
        file.extend_from_slice(&plane.data);
    }
    file
}
