//! Where everything goes: pure arithmetic on sizes.

use crate::{
    Crop, Extend, Factor, Fit, Format, Gravity, ImageError, Limits, Orientation, Probe, Rotation,
    Trim, Variant,
};

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rectangle {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// How a source becomes a result, in this order: trimmed and cropped, turned, a window of it cut
/// out, the window brought to the inner size, and that placed on the canvas.
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
    /// Size of the result; larger than `inner` where it is padded.
    pub(crate) canvas: (u32, u32),
    /// Where `inner` lies on it.
    pub(crate) at: (u32, u32),
    /// Whether the trimmed part is the whole source.
    pub(crate) untrimmed: bool,
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
        let trim = crop(trim(upright, variant.trim), variant.crop);
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
        } = match probe.format {
            // Lines are sharp at every size.
            Format::Svg => place(
                turned,
                &Variant {
                    fit: variant.fit.enlarging(),
                    ..variant.clone()
                },
            ),
            _ => place(turned, variant),
        };
        let (canvas, at) = on_canvas(inner, canvas, variant);
        let untrimmed = (trim.width, trim.height) == upright;
        let unchanged = untrimmed
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
            at,
            untrimmed,
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
pub(crate) fn trim((width, height): (u32, u32), trim: Option<Trim>) -> Rectangle {
    let (left, top, right, bottom) = match trim {
        // A border is found in the pixels and is `Trim::Area` by the time they are laid out.
        None | Some(Trim::Border { .. }) => (0, 0, width, height),
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

/// What is kept of what the trim left.
fn crop(part: Rectangle, crop: Option<Crop>) -> Rectangle {
    let size = (part.width, part.height);
    let (left, top, width, height) = match crop {
        None => return part,
        Some(Crop::Placed { width, height, at }) => {
            let kept = (width.on(size.0).max(1), height.on(size.1).max(1));
            let (left, top) = offset(at, size, kept);
            (left, top, kept.0, kept.1)
        }
        Some(Crop::Shape { width, height, at }) => {
            let kept = window(size, (width.max(1), height.max(1)));
            let (left, top) = offset(at, size, kept);
            (left, top, kept.0, kept.1)
        }
        Some(Crop::Between {
            left,
            top,
            right,
            bottom,
        }) => {
            let (left, top) = (left.on_edge(size.0), top.on_edge(size.1));
            let (right, bottom) = (right.on_edge(size.0), bottom.on_edge(size.1));
            // Lines that cross leave nothing; thumbor and others then keep everything.
            if left >= right || top >= bottom {
                return part;
            }
            (left, top, right - left, bottom - top)
        }
    };
    Rectangle {
        left: part.left + left,
        top: part.top + top,
        width,
        height,
    }
}

/// Where a part of this size lies; the middle where that would take the picture itself.
fn offset(at: Gravity, whole: (u32, u32), part: (u32, u32)) -> (u32, u32) {
    at.offset(whole, part, part)
        .or_else(|| Gravity::CENTER.offset(whole, part, part))
        .unwrap_or_default()
}

/// The canvas with what extends it, and where the picture lies on it.
fn on_canvas(inner: (u32, u32), canvas: (u32, u32), variant: &Variant) -> ((u32, u32), (u32, u32)) {
    let (width, height) = match variant.distort {
        None => (variant.width, variant.height),
        Some((x, y)) => (
            variant.width.map(|width| x.scale(width)),
            variant.height.map(|height| y.scale(height)),
        ),
    };
    let canvas = match (variant.extend, width, height) {
        (None, ..) => canvas,
        (Some(Extend::Box), width, height) => (
            canvas.0.max(width.unwrap_or_default()),
            canvas.1.max(height.unwrap_or_default()),
        ),
        (Some(Extend::Shape), Some(width), Some(height)) if wider(canvas, (width, height)) => {
            (canvas.0, ratio(height, canvas.0, width).max(canvas.1))
        }
        (Some(Extend::Shape), Some(width), Some(height)) => {
            (ratio(width, canvas.1, height).max(canvas.0), canvas.1)
        }
        (Some(Extend::Shape), ..) => canvas,
    };
    let at = offset(variant.place, canvas, inner);
    let padding = variant.padding;
    let sum = |side: u32, one: u32, other: u32| side.saturating_add(one).saturating_add(other);
    (
        (
            sum(canvas.0, padding.left, padding.right),
            sum(canvas.1, padding.top, padding.bottom),
        ),
        (
            at.0.saturating_add(padding.left),
            at.1.saturating_add(padding.top),
        ),
    )
}

impl Fit {
    /// The same without a care whether the picture becomes larger.
    const fn enlarging(self) -> Self {
        match self {
            Self::ScaleDown | Self::ScaleUp => Self::Contain,
            Self::SqueezeDown => Self::Squeeze,
            Self::OutsideDown => Self::Outside,
            Self::Crop | Self::AspectCrop => Self::Cover,
            Self::AutoDown => Self::Auto,
            fit => fit,
        }
    }
}

/// Window, inner size and canvas.
#[derive(Clone, Copy)]
struct Placement {
    window: (u32, u32),
    inner: (u32, u32),
    canvas: (u32, u32),
}

fn place(size: (u32, u32), variant: &Variant) -> Placement {
    let side =
        |pixels: Option<u32>, share: Option<Factor>, side| pixels.or_else(|| Some(share?.of(side)));
    let bounds = (
        side(variant.width, variant.relative_width, size.0),
        side(variant.height, variant.relative_height, size.1),
    );
    let placed = match bounds {
        (None, None) => whole(size, size),
        (Some(width), Some(height)) => in_box(size, (width, height), variant.fit),
        (width, height) => whole(size, one_side(size, width, height, variant.fit)),
    };
    let placed = match variant.distort {
        None => placed,
        Some(factors) => distorted(placed, factors, variant.fit),
    };
    let least = (variant.min_width, variant.min_height);
    let placed = match least == (None, None) || placed.window != size {
        true => placed,
        false => at_least(size, placed, least, bounds),
    };
    match variant.longest {
        Some(longest) => no_longer(placed, longest),
        None => placed,
    }
}

/// The same made smaller until no side is longer.
fn no_longer(placed: Placement, longest: u32) -> Placement {
    let Placement { inner, canvas, .. } = placed;
    let side = canvas.0.max(canvas.1);
    if side <= longest {
        return placed;
    }
    let less = |length: u32| ratio(length, longest, side);
    Placement {
        inner: (less(inner.0), less(inner.1)),
        canvas: (less(canvas.0), less(canvas.1)),
        ..placed
    }
}

/// All of the picture at this size.
fn whole(size: (u32, u32), inner: (u32, u32)) -> Placement {
    Placement {
        window: size,
        inner,
        canvas: inner,
    }
}

fn in_box(size: (u32, u32), bounds: (u32, u32), fit: Fit) -> Placement {
    let (width, height) = bounds;
    let inside = inside(size, bounds);
    let outside = outside(size, bounds);
    let larger = |other: (u32, u32)| other.0 > size.0 || other.1 > size.1;
    let both_lie = (size.0 >= size.1) == (width >= height);
    match fit {
        Fit::ScaleDown if inside.0 < size.0 || inside.1 < size.1 => whole(size, inside),
        Fit::ScaleUp if larger(inside) => whole(size, inside),
        Fit::ScaleDown | Fit::ScaleUp => whole(size, size),
        Fit::Contain => whole(size, inside),
        Fit::Squeeze => whole(size, bounds),
        Fit::SqueezeDown if larger(bounds) => whole(size, self::inside(bounds, size)),
        Fit::SqueezeDown => whole(size, bounds),
        Fit::Outside => whole(size, outside),
        Fit::OutsideDown if larger(outside) => whole(size, size),
        Fit::OutsideDown => whole(size, outside),
        Fit::Pad => Placement {
            canvas: bounds,
            ..whole(size, inside)
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
        Fit::Auto if both_lie => in_box(size, bounds, Fit::Cover),
        Fit::Auto => in_box(size, bounds, Fit::Contain),
        Fit::AutoDown if both_lie => in_box(size, bounds, Fit::Crop),
        Fit::AutoDown => in_box(size, bounds, Fit::ScaleDown),
        Fit::Adaptive if both_lie => in_box(size, bounds, Fit::ScaleDown),
        Fit::Adaptive => in_box(size, (height, width), Fit::ScaleDown),
    }
}

/// The same with other sides. Where the fit enlarges nothing, no side becomes longer than that of
/// the window.
fn distorted(placed: Placement, (x, y): (Factor, Factor), fit: Fit) -> Placement {
    let Placement { window, inner, .. } = placed;
    let wanted = (
        u64::from(inner.0) * u64::from(x.thousandths()),
        u64::from(inner.1) * u64::from(y.thousandths()),
    );
    let enlarges = matches!(fit, Fit::Contain | Fit::Cover | Fit::Auto);
    // How often the side that would grow most is as long as it may be.
    let over = |wanted: u64, side: u32| wanted as f64 / 1000.0 / f64::from(side.max(1));
    let most = over(wanted.0, window.0).max(over(wanted.1, window.1));
    let by = if enlarges || most <= 1.0 { 1.0 } else { most };
    let side = |wanted: u64| (wanted as f64 / 1000.0 / by).round().max(1.0) as u32;
    let inner = (side(wanted.0), side(wanted.1));
    Placement {
        inner,
        canvas: inner,
        ..placed
    }
}

/// Makes a whole picture larger where a side is too short, and cuts off what then leaves the box.
fn at_least(
    size: (u32, u32),
    placed: Placement,
    (least_width, least_height): (Option<u32>, Option<u32>),
    (width, height): (Option<u32>, Option<u32>),
) -> Placement {
    let Placement { inner, .. } = placed;
    let least = (
        least_width.unwrap_or_default().max(inner.0),
        least_height.unwrap_or_default().max(inner.1),
    );
    if least == inner {
        return placed;
    }
    let grown = outside(inner, least);
    let kept = (
        grown.0.min(width.unwrap_or(u32::MAX)),
        grown.1.min(height.unwrap_or(u32::MAX)),
    );
    let part = |side: u32, kept: u32, grown: u32| ratio(side, kept, grown).min(side);
    filling(
        (part(size.0, kept.0, grown.0), part(size.1, kept.1, grown.1)),
        kept,
    )
}

/// The smallest size of the same shape around the bounds.
fn outside(size: (u32, u32), bounds: (u32, u32)) -> (u32, u32) {
    if wider(size, bounds) {
        (ratio(size.0, bounds.1, size.1).max(bounds.0), bounds.1)
    } else {
        (bounds.0, ratio(size.1, bounds.0, size.0).max(bounds.1))
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
