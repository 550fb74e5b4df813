//! Where an overlay lies along one side of a picture.

use std::fmt;

use crate::{Along, Shift};

/// Where an overlay lies along one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spot {
    /// Once: the share of what is left over that lies before it, then moved, by pixels or by a
    /// share of the picture's side. It may reach out of the picture, where it is cut off.
    At(Along),
    /// As often as there is room.
    Repeated(Gap),
}

/// What lies between repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gap {
    /// Whole ones only: what is left over is divided among the gaps.
    Even,
    /// Nothing, from the start on; the last one is cut off.
    None,
    /// So much, one in the middle; those at the ends are cut off. Less than nothing counts as
    /// nothing.
    Around(Shift),
}

impl Spot {
    /// Where overlays of `part` pixels begin along a side of `whole` pixels, ascending.
    pub(crate) fn places(self, whole: u32, part: u32) -> Vec<i64> {
        let (whole, part) = (i64::from(whole), i64::from(part.max(1)));
        match self {
            Self::At(along) => {
                let share = i64::from(along.share.thousandths().min(1000));
                vec![(whole - part) * share / 1000 + moved(along.shift, whole)]
            }
            Self::Repeated(Gap::Even) => {
                let count = whole / part;
                let gap = whole % part / (count.max(2) - 1);
                (0..count).map(|place| place * (part + gap)).collect()
            }
            Self::Repeated(Gap::None) => every(0, part, whole),
            Self::Repeated(Gap::Around(gap)) => {
                let period = part + moved(gap, whole).max(0);
                let middle = (whole - part) / 2;
                let before = (middle + part - 1).div_euclid(period).max(0);
                every(middle - before * period, period, whole)
            }
        }
    }
}

/// Every `period` from `start` on, to the end.
fn every(start: i64, period: i64, end: i64) -> Vec<i64> {
    let places = std::iter::successors(Some(start), |place| Some(place + period));
    places.take_while(|place| *place < end).collect()
}

fn moved(shift: Shift, side: i64) -> i64 {
    match shift {
        Shift::Pixels(pixels) => i64::from(pixels),
        Shift::Share(share) => side * i64::from(share) / 1000,
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shift = match self {
            Self::At(along) => {
                write!(f, "{}", along.share.thousandths())?;
                along.shift
            }
            Self::Repeated(Gap::Even) => return f.write_str("even"),
            Self::Repeated(Gap::None) => return f.write_str("tiled"),
            Self::Repeated(Gap::Around(shift)) => {
                f.write_str("around")?;
                *shift
            }
        };
        match shift {
            Shift::Pixels(pixels) => write!(f, "{pixels:+}"),
            Shift::Share(share) => write!(f, "{share:+}r"),
        }
    }
}
