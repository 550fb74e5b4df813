//! What the parts of a URL mean here.

use super::Dialect;
use super::filters::{self, Fill, Focal, Said};
use super::parts::{Fitting, Parts, Side};
use crate::grammar::GrammarError;
use crate::grammar::text::{factor, point, times};
use crate::{
    Crop, Extend, Factor, Fit, FormatChoice, Gravity, Length, Rotation, Transform, Trim, Width,
};

/// The transform.
pub(super) fn of(
    dialect: Dialect,
    parts: &Parts<'_>,
    auto_format: bool,
    now: u64,
    notes: &mut Vec<String>,
) -> Result<Transform, GrammarError> {
    let mut transform = Transform::default();
    let mut fitting = parts.fitting;
    let mut said = filters::read(
        dialect,
        &parts.filters,
        now,
        &mut transform,
        &mut fitting,
        notes,
    )?;
    said.focal = said.focal.or(parts.focal);
    if parts.meta {
        transform.format = Some(FormatChoice::Json);
    }
    if fitting.adaptive && fitting.full {
        let reason = "only one of the two is done";
        return Err(GrammarError::refused(
            dialect.name(),
            "adaptive-full-fit-in",
            reason,
        ));
    }
    if transform.format.is_none() && auto_format {
        transform.format = Some(FormatChoice::Auto);
    }
    transform.trim = parts.trim.map(|(bottom_right, tolerance)| Trim::Border {
        tolerance: u8::try_from(tolerance).unwrap_or(u8::MAX),
        colour: None,
        bottom_right,
        even: (false, false),
    });
    transform.crop = parts.crop.map(|[left, top, right, bottom]| Crop::Between {
        left,
        top,
        right,
        bottom,
    });
    transform.fit = Some(fit(fitting, &said, parts));
    size(parts, &said, &mut transform);
    transform.gravity = Some(gravity(dialect, parts, &said)?);
    surround(parts, &said, &mut transform);
    turn(dialect, parts, &said, &mut transform)?;
    Ok(transform)
}

fn fit(fitting: Fitting, said: &Said, parts: &Parts<'_>) -> Fit {
    let both = |side: Side| side.pixels.is_some() || side.original;
    match (fitting, said.upscale) {
        (Fitting { stretch: true, .. }, Some(false)) => Fit::SqueezeDown,
        (Fitting { stretch: true, .. }, _) => Fit::Squeeze,
        (Fitting { full: true, .. }, Some(false)) => Fit::OutsideDown,
        (Fitting { full: true, .. }, _) => Fit::Outside,
        (Fitting { adaptive: true, .. }, _) => Fit::Adaptive,
        (Fitting { inside: true, .. }, Some(true)) => Fit::Contain,
        (Fitting { inside: true, .. }, _) => Fit::ScaleDown,
        (_, Some(false)) if both(parts.width) && both(parts.height) => Fit::Crop,
        (_, Some(false)) => Fit::ScaleDown,
        _ => Fit::Cover,
    }
}

fn size(parts: &Parts<'_>, said: &Said, transform: &mut Transform) {
    let scale = said.proportion.unwrap_or(1.0);
    let pixels = |side: Side| side.pixels.map(|pixels| times(pixels, scale));
    transform.width = pixels(parts.width).map(Width::Pixels);
    transform.height = pixels(parts.height);
    let none = transform.width.is_none() && transform.height.is_none();
    let scaled = said.proportion.is_some() && none;
    if parts.width.original || scaled {
        transform.relative_width = factor(scale);
    }
    if parts.height.original || scaled {
        transform.relative_height = factor(scale);
    }
}

fn gravity(dialect: Dialect, parts: &Parts<'_>, said: &Said) -> Result<Gravity, GrammarError> {
    let share = |share: f64| factor(share).unwrap_or(Factor::ONE);
    Ok(match said.focal {
        Some(Focal::Shares(x, y)) => Gravity::Focus {
            x: share(x),
            y: share(y),
        },
        Some(Focal::Pixels(x, y)) => {
            // Counted in the source; the crop moves it.
            let (left, top) = match parts.crop {
                None => (0, 0),
                Some([Length::Pixels(left), Length::Pixels(top), ..]) => (left, top),
                Some(_) => {
                    let reason = "beside a crop in shares it needs shares too";
                    return Err(GrammarError::refused(dialect.name(), "focal", reason));
                }
            };
            Gravity::FocusAt {
                x: (x as u32).saturating_sub(left),
                y: (y as u32).saturating_sub(top),
            }
        }
        None if parts.smart => Gravity::Salient,
        None => point(parts.across.unwrap_or(500), parts.down.unwrap_or(500)),
    })
}

fn surround(parts: &Parts<'_>, said: &Said, transform: &mut Transform) {
    transform.padding = parts.padding;
    if let Some(fill) = said.fill {
        transform.extend = Some(Extend::Box);
        match fill {
            Fill::Colour(colour) => transform.background = Some(colour),
            Fill::Picture(surroundings) => transform.surroundings = Some(surroundings),
        }
    }
    if let Some((fill, padding)) = said.padding {
        transform.padding = padding;
        transform.background = fill.or(transform.background);
    }
}

/// Both servers mirror and turn what they have resized; here that comes first, so that sides and
/// gravity are those of the turned picture.
fn turn(
    dialect: Dialect,
    parts: &Parts<'_>,
    said: &Said,
    transform: &mut Transform,
) -> Result<(), GrammarError> {
    let refused = |option: &str, reason: &'static str| {
        Err(GrammarError::refused(dialect.name(), option, reason))
    };
    let (horizontal, vertical) = (parts.width.flip, parts.height.flip);
    let turned = horizontal || vertical || said.quarters > 0;
    if turned && matches!(transform.gravity, Some(Gravity::FocusAt { .. })) {
        return refused("focal", "in pixels it cannot be turned or mirrored");
    }
    if turned && transform.rotate != Rotation::None {
        return refused("orient", "it is done without other turns alone");
    }
    transform.flip_horizontal = horizontal;
    transform.flip_vertical = vertical;
    let mut gravity = transform.gravity.unwrap_or(Gravity::CENTER);
    if horizontal {
        gravity = gravity.mirrored_across();
    }
    if vertical {
        gravity = gravity.mirrored_down();
    }
    transform.gravity = Some(gravity.turned(said.quarters));
    let rotation = match said.quarters {
        0 => return Ok(()),
        1 => Rotation::Quarter,
        2 => Rotation::Half,
        _ => Rotation::ThreeQuarters,
    };
    if !transform.padding.is_zero() {
        return refused("rotate", "it is not done beside padding");
    }
    transform.rotate = rotation;
    if said.quarters % 2 == 1 {
        let width = match transform.width {
            Some(Width::Pixels(width)) => Some(width),
            _ => None,
        };
        transform.width = transform.height.map(Width::Pixels);
        transform.height = width;
        std::mem::swap(
            &mut transform.relative_width,
            &mut transform.relative_height,
        );
    }
    Ok(())
}
