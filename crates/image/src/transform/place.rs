//! Parts of a picture, and places on it, as other servers' URLs name them.

use super::{Factor, Gravity};

/// A length along one side of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// All of it.
    Whole,
    /// Pixels.
    Pixels(u32),
    /// A share of it, 1 being all.
    Share(Factor),
}

impl Length {
    /// Where a line at this distance lies on a side of `side` pixels.
    pub(crate) fn on_edge(self, side: u32) -> u32 {
        match self {
            Self::Share(share) if share.thousandths() == 0 => 0,
            other => other.on(side),
        }
    }

    /// The length in pixels on a side of `side` pixels: at most all of it.
    pub(crate) fn on(self, side: u32) -> u32 {
        match self {
            Self::Whole => side,
            Self::Pixels(pixels) => pixels.min(side),
            Self::Share(share) => share.of(side).min(side),
        }
    }
}

/// How far something is moved along one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shift {
    /// By pixels; less than 0 is to the left or up.
    Pixels(i32),
    /// By thousandths of the side.
    Share(i32),
}

impl Shift {
    /// The shift in pixels on a side of `side` pixels, each of which stands for
    /// `numerator`/`denominator` of the pixels that are counted.
    fn on(self, side: u32, (numerator, denominator): (u32, u32)) -> i64 {
        match self {
            Self::Pixels(pixels) => {
                i64::from(pixels) * i64::from(numerator) / i64::from(denominator.max(1))
            }
            Self::Share(share) => i64::from(side) * i64::from(share) / 1000,
        }
    }

    fn back(self) -> Self {
        match self {
            Self::Pixels(pixels) => Self::Pixels(pixels.saturating_neg()),
            Self::Share(share) => Self::Share(share.saturating_neg()),
        }
    }
}

/// A place along one side: the share of what is left over that lies before it, and how far it is
/// moved from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Along {
    /// 0 (at the start) to 1 (at the end).
    pub share: Factor,
    /// How far it is moved.
    pub shift: Shift,
}

impl Along {
    /// The same seen from the other end.
    fn mirrored(self) -> Self {
        Self {
            share: mirrored(self.share),
            shift: self.shift.back(),
        }
    }
}

fn mirrored(share: Factor) -> Factor {
    Factor::from_thousandths(1000_u32.saturating_sub(share.thousandths()))
}

/// What is kept of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crop {
    /// A part of this size. [`Gravity::Salient`] counts as the middle.
    Placed {
        /// Its width.
        width: Length,
        /// Its height.
        height: Length,
        /// Where it lies.
        at: Gravity,
    },
    /// The part between these lines; what would lie outside is not there.
    Between {
        /// Where it begins, from the left.
        left: Length,
        /// Where it begins, from the top.
        top: Length,
        /// Where it ends, from the left.
        right: Length,
        /// Where it ends, from the top.
        bottom: Length,
    },
    /// The largest part of this shape. [`Gravity::Salient`] counts as the middle.
    Shape {
        /// Its width, in any unit; not 0.
        width: u32,
        /// Its height, in the same; not 0.
        height: u32,
        /// Where it lies.
        at: Gravity,
    },
}

/// How far a canvas reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extend {
    /// To the box.
    Box,
    /// As far as it takes the shape of the box.
    Shape,
}

/// A length on each side, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sides {
    /// Above.
    pub top: u32,
    /// On the right.
    pub right: u32,
    /// Below.
    pub bottom: u32,
    /// On the left.
    pub left: u32,
}

impl Sides {
    /// Whether there is nothing on any side.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl Factor {
    /// This share of `length`, rounded; at least 1.
    pub(crate) fn of(self, length: u32) -> u32 {
        let part = (u64::from(length) * u64::from(self.thousandths()) + 500) / 1000;
        u32::try_from(part).unwrap_or(u32::MAX).max(1)
    }
}

impl Gravity {
    /// Where a window of `window` pixels lies on `whole`. Shifts are counted in pixels of a picture
    /// in which the window has the size `counted`. `None` where that takes the picture itself.
    pub(crate) fn offset(
        self,
        whole: (u32, u32),
        window: (u32, u32),
        counted: (u32, u32),
    ) -> Option<(u32, u32)> {
        let along = |place: fn(Self) -> Option<Placed>, side: u32, part: u32, counted: u32| {
            let slack = i64::from(side.saturating_sub(part));
            let at = match place(self)? {
                Placed::Divides(share) => slack * i64::from(share.min(1000)) / 1000,
                Placed::Middle(share) => {
                    i64::from(side) * i64::from(share) / 1000 - i64::from(part) / 2
                }
                Placed::MiddleAt(pixel) => i64::from(pixel) - i64::from(part) / 2,
                Placed::Moved(along) => {
                    let divided = slack * i64::from(along.share.thousandths().min(1000)) / 1000;
                    divided + along.shift.on(side, (part, counted))
                }
            };
            u32::try_from(at.clamp(0, slack)).ok()
        };
        Some((
            along(Self::across, whole.0, window.0, counted.0)?,
            along(Self::down, whole.1, window.1, counted.1)?,
        ))
    }

    fn across(self) -> Option<Placed> {
        Some(match self {
            Self::Point { x, .. } => Placed::Divides(x.thousandths()),
            Self::Focus { x, .. } => Placed::Middle(x.thousandths()),
            Self::FocusAt { x, .. } => Placed::MiddleAt(x),
            Self::Shifted { x, .. } => Placed::Moved(x),
            Self::Salient | Self::Face => return None,
        })
    }

    fn down(self) -> Option<Placed> {
        Some(match self {
            Self::Point { y, .. } => Placed::Divides(y.thousandths()),
            Self::Focus { y, .. } => Placed::Middle(y.thousandths()),
            Self::FocusAt { y, .. } => Placed::MiddleAt(y),
            Self::Shifted { y, .. } => Placed::Moved(y),
            Self::Salient | Self::Face => return None,
        })
    }

    /// The gravity that does to a picture mirrored left and right what this one does to the
    /// picture. A point in pixels stays, as it is the picture that knows how wide it is.
    #[must_use]
    pub(crate) fn mirrored_across(self) -> Self {
        match self {
            Self::Point { x, y } => Self::Point { x: mirrored(x), y },
            Self::Focus { x, y } => Self::Focus { x: mirrored(x), y },
            Self::Shifted { x, y } => Self::Shifted { x: x.mirrored(), y },
            other => other,
        }
    }

    /// The same for a picture that lies on its side: what was across is down.
    #[must_use]
    pub(crate) fn transposed(self) -> Self {
        match self {
            Self::Point { x, y } => Self::Point { x: y, y: x },
            Self::Focus { x, y } => Self::Focus { x: y, y: x },
            Self::FocusAt { x, y } => Self::FocusAt { x: y, y: x },
            Self::Shifted { x, y } => Self::Shifted { x: y, y: x },
            other => other,
        }
    }

    /// The same for a picture mirrored top and bottom.
    #[must_use]
    pub(crate) fn mirrored_down(self) -> Self {
        self.transposed().mirrored_across().transposed()
    }

    /// The same for a picture turned clockwise by a number of quarters.
    #[must_use]
    pub(crate) fn turned(self, quarters: u8) -> Self {
        // What was at the left is then at the top, what was at the top at the right.
        (0..quarters % 4).fold(self, |gravity, _| gravity.transposed().mirrored_across())
    }
}

/// A place along one side.
enum Placed {
    /// Divides what is left over.
    Divides(u32),
    /// Comes to lie in the middle.
    Middle(u32),
    /// This pixel comes to lie in the middle.
    MiddleAt(u32),
    /// Divides, then moved.
    Moved(Along),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(thousandths: u32) -> Factor {
        Factor::from_thousandths(thousandths)
    }

    fn offset(gravity: Gravity) -> Option<(u32, u32)> {
        gravity.offset((1000, 500), (400, 100), (200, 50))
    }

    #[test]
    fn a_window_is_placed_and_stays_inside() {
        let point = |x, y| Gravity::Point {
            x: factor(x),
            y: factor(y),
        };
        let focus = |x, y| Gravity::Focus {
            x: factor(x),
            y: factor(y),
        };
        let shifted = |share, shift| Gravity::Shifted {
            x: Along {
                share: factor(share),
                shift,
            },
            y: Along {
                share: factor(0),
                shift: Shift::Share(100),
            },
        };
        for (gravity, expected) in [
            (point(0, 1000), (0, 400)),
            (point(500, 250), (300, 100)),
            (focus(500, 500), (300, 200)),
            (focus(100, 900), (0, 400)),
            (focus(600, 100), (400, 0)),
            // Ten pixels of the result are twenty of the source.
            (shifted(0, Shift::Pixels(10)), (20, 50)),
            (shifted(1000, Shift::Pixels(-10)), (580, 50)),
            (shifted(0, Shift::Pixels(-10)), (0, 50)),
            (shifted(500, Shift::Pixels(i32::MAX)), (600, 50)),
        ] {
            assert_eq!(offset(gravity), Some(expected), "{gravity:?}");
        }
        assert_eq!(offset(Gravity::Salient), None);
    }

    #[test]
    fn turning_a_gravity_is_turning_the_picture() {
        let left = Gravity::Point {
            x: factor(0),
            y: factor(300),
        };
        let turned = Gravity::Point {
            x: factor(700),
            y: factor(0),
        };
        assert_eq!(left.turned(1), turned);
        assert_eq!(left.turned(4), left);
        assert_eq!(left.turned(2), left.mirrored_across().mirrored_down());
        assert_eq!(left.mirrored_down().mirrored_down(), left);
    }

    #[test]
    fn lengths_end_with_the_side() {
        for (length, expected) in [
            (Length::Whole, 200),
            (Length::Pixels(50), 50),
            (Length::Pixels(500), 200),
            (Length::Share(factor(500)), 100),
            (Length::Share(factor(0)), 1),
            (Length::Share(factor(9000)), 200),
        ] {
            assert_eq!(length.on(200), expected, "{length:?}");
        }
    }
}
