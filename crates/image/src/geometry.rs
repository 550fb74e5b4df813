//! Where everything goes: pure arithmetic on sizes.

use crate::{Fit, ImageError, Limits, Orientation, Probe, Rotation, Trim, Variant};

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rectangle {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// How a source becomes a result, in this order: trimmed, turned, a window of it cut out, the
/// window brought to the inner size, and that placed on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What is kept of the upright source.
    pub(crate) trim: Rectangle,
    /// Flip and rotation the client asked for.
    pub(crate) turn: Orientation,
    /// Size after both.
    pub(crate) turned: (u32, u32),
    /// Size of the window that is kept; where it lies is a matter of gravity.
    pub(crate) window: (u32, u32),
    /// The window's size in the result.
    pub(crate) inner: (u32, u32),
    /// Size of the result; larger than `inner` only for `fit=pad`.
    pub(crate) canvas: (u32, u32),
    /// Whether all of the above changes nothing.
    pub(crate) unchanged: bool,
}

impl Layout {
    /// Lays a source out.
    ///
    /// # Errors
    /// [`ImageError::OutputPixels`] if the result is over the limits.
    pub(crate) fn new(
        probe: &Probe,
        variant: &Variant,
        limits: &Limits,
    ) -> Result<Self, ImageError> {
        let upright = probe.upright_size();
        let trim = trim(upright, variant.trim);
        let turn = turn(variant);
        let turned = if turn.swaps_sides() {
            (trim.height, trim.width)
        } else {
            (trim.width, trim.height)
        };
        let Placement {
            window,
            inner,
            canvas,
        } = place(turned, variant);
        let unchanged = (trim.width, trim.height) == upright
            && turn == Orientation::UPRIGHT
            && window == turned
            && inner == turned
            && canvas == turned;
        if !unchanged {
            limits.check_output(canvas.0, canvas.1)?;
        }
        Ok(Self {
            trim,
            turn,
            turned,
            window,
            inner,
            canvas,
            unchanged,
        })
    }
}

fn turn(variant: &Variant) -> Orientation {
    let flip = match (variant.flip_horizontal, variant.flip_vertical) {
        (false, false) => Orientation::UPRIGHT,
        (true, false) => Orientation::from_exif(2),
        (false, true) => Orientation::from_exif(4),
        (true, true) => Orientation::from_exif(3),
    };
    let quarters = match variant.rotate {
        Rotation::None => 0,
        Rotation::Quarter => 1,
        Rotation::Half => 2,
        Rotation::ThreeQuarters => 3,
    };
    flip.then(Orientation {
        mirrored: false,
        quarters,
    })
}

/// What is kept: at least one pixel, inside the picture.
fn trim((width, height): (u32, u32), trim: Option<Trim>) -> Rectangle {
    let (left, top, right, bottom) = match trim {
        None => (0, 0, width, height),
        Some(Trim::Edges {
            top,
            right,
            bottom,
            left,
        }) => (
            left,
            top,
            width.saturating_sub(right),
            height.saturating_sub(bottom),
        ),
        Some(Trim::Area {
            left,
            top,
            width: part_width,
            height: part_height,
        }) => (
            left,
            top,
            part_width.map_or(width, |part| left.saturating_add(part)),
            part_height.map_or(height, |part| top.saturating_add(part)),
        ),
    };
    let (left, top) = (left.min(width - 1), top.min(height - 1));
    Rectangle {
        left,
        top,
        width: right.clamp(left + 1, width) - left,
        height: bottom.clamp(top + 1, height) - top,
    }
}

/// Window, inner size and canvas.
struct Placement {
    window: (u32, u32),
    inner: (u32, u32),
    canvas: (u32, u32),
}

fn place(size: (u32, u32), variant: &Variant) -> Placement {
    let whole = |inner| Placement {
        window: size,
        inner,
        canvas: inner,
    };
    let (width, height) = match (variant.width, variant.height) {
        (None, None) => return whole(size),
        (Some(width), Some(height)) => (width, height),
        (width, height) => return whole(one_side(size, width, height, variant.fit)),
    };
    let bounds = (width, height);
    let inside = inside(size, bounds);
    match variant.fit {
        Fit::ScaleDown if inside.0 < size.0 || inside.1 < size.1 => whole(inside),
        Fit::ScaleUp if inside.0 > size.0 || inside.1 > size.1 => whole(inside),
        Fit::ScaleDown | Fit::ScaleUp => whole(size),
        Fit::Contain => whole(inside),
        Fit::Squeeze => whole(bounds),
        Fit::Pad => Placement {
            canvas: bounds,
            ..whole(inside)
        },
        Fit::Cover => filling(window(size, bounds), bounds),
        Fit::Crop if width <= size.0 && height <= size.1 => filling(window(size, bounds), bounds),
        Fit::Crop => {
            let part = (width.min(size.0), height.min(size.1));
            filling(part, part)
        }
        Fit::AspectCrop => {
            let part = window(size, bounds);
            filling(part, (part.0.min(width), part.1.min(height)))
        }
    }
}

fn filling(window: (u32, u32), inner: (u32, u32)) -> Placement {
    Placement {
        window,
        inner,
        canvas: inner,
    }
}

/// The size when one side is given.
fn one_side(size: (u32, u32), width: Option<u32>, height: Option<u32>, fit: Fit) -> (u32, u32) {
    let scaled = match (width, height) {
        (Some(width), _) => (width, ratio(size.1, width, size.0)),
        (_, Some(height)) => (ratio(size.0, height, size.1), height),
        (None, None) => size,
    };
    let larger = scaled.0 > size.0 || scaled.1 > size.1;
    match fit {
        Fit::ScaleDown | Fit::Crop | Fit::AspectCrop if larger => size,
        Fit::ScaleUp if !larger => size,
        _ => scaled,
    }
}

/// The largest size of the same shape inside the bounds.
fn inside(size: (u32, u32), bounds: (u32, u32)) -> (u32, u32) {
    if wider(size, bounds) {
        (bounds.0, ratio(size.1, bounds.0, size.0).min(bounds.1))
    } else {
        (ratio(size.0, bounds.1, size.1).min(bounds.0), bounds.1)
    }
}

/// The largest part of `size` in the shape of the bounds.
fn window(size: (u32, u32), bounds: (u32, u32)) -> (u32, u32) {
    if wider(size, bounds) {
        (ratio(bounds.0, size.1, bounds.1).min(size.0), size.1)
    } else {
        (size.0, ratio(bounds.1, size.0, bounds.0).min(size.1))
    }
}

/// Whether `size` is wider in shape than `bounds`.
fn wider(size: (u32, u32), bounds: (u32, u32)) -> bool {
    u64::from(size.0) * u64::from(bounds.1) > u64::from(bounds.0) * u64::from(size.1)
}

/// `value × numerator / denominator`, rounded, at least 1.
fn ratio(value: u32, numerator: u32, denominator: u32) -> u32 {
    let (value, denominator) = (u64::from(value), u64::from(denominator));
    let scaled = (value * u64::from(numerator) + denominator / 2) / denominator;
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
