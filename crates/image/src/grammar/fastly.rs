//! Fastly: arguments on a picture's own address, such as `?width=640&fit=crop&auto=webp`.

use super::query::{self, Query};
use super::text::{blur, colour, factor, format, quality, side, times, within};
use super::{Grammar, GrammarError, GrammarSettings, Parsed, Request};
use crate::{
    Along, Crop, Fit, FormatChoice, Gravity, Length, Metadata, Orientation, QualityChoice,
    Rotation, Shift, Transform, Width,
};

const NAME: &str = "fastly";
/// Its arguments that are done here.
const DONE: &[&str] = &[
    "width", "height", "dpr", "fit", "crop", "precrop", "quality", "format", "auto", "optimize",
    "bg-color", "blur", "orient", "frame", "metadata", "enable", "disable",
];
/// Those that change nothing in a picture here.
const HARMLESS: &[&str] = &["resize-filter", "viewbox", "level", "profile"];
/// Those that are known there and not made here.
const REFUSED: &[&str] = &[
    "pad",
    "canvas",
    "trim",
    "trim-color",
    "brightness",
    "contrast",
    "saturation",
    "sharpen",
    "overlay",
    "overlay-align",
    "montage",
];

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    settings
        .fastly
        .then(|| Box::new(Fastly) as Box<dyn Grammar>)
}

struct Fastly;

fn ours(name: &str) -> bool {
    DONE.contains(&name) || HARMLESS.contains(&name) || REFUSED.contains(&name)
}

impl Grammar for Fastly {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        (request.picture && query::has(request.query, ours)).then(|| {
            let query = Query::read(NAME, request.query)?;
            let source = match query::without(request.query, ours) {
                Some(rest) => format!("{}?{rest}", request.path),
                None => request.path.to_owned(),
            };
            Ok(Parsed {
                grammar: NAME,
                transform: transform(&query)?,
                source,
                notes: Vec::new(),
            })
        })
    }
}

fn transform(query: &Query) -> Result<Transform, GrammarError> {
    let mut transform = Transform::default();
    for (name, value) in query.last() {
        if REFUSED.contains(&name) {
            return Err(query.refused(name, "nothing here does the same"));
        }
        if let Some((None, form)) = apply(name, value, &mut transform) {
            return Err(query.wrong(name, form));
        }
    }
    fit(query, &mut transform)?;
    scale(query, &mut transform)?;
    Ok(transform)
}

fn apply(name: &str, value: &str, transform: &mut Transform) -> Option<(Option<()>, &'static str)> {
    Some(match name {
        "width" => (
            length(value).map(|length| match length {
                Length::Share(share) => transform.relative_width = Some(share),
                Length::Pixels(pixels) => transform.width = Some(Width::Pixels(pixels)),
                Length::Whole => {}
            }),
            "a number of pixels, or a share",
        ),
        "height" => (
            length(value).map(|length| match length {
                Length::Share(share) => transform.relative_height = Some(share),
                Length::Pixels(pixels) => transform.height = Some(pixels),
                Length::Whole => {}
            }),
            "a number of pixels, or a share",
        ),
        "crop" | "precrop" => (
            crop(value).map(|crop| transform.crop = Some(crop)),
            "width,height with x and y or offset-x and offset-y, or width:height",
        ),
        "quality" => (
            value.split(',').next().and_then(quality).map(|quality| {
                transform.quality = Some(quality);
            }),
            "1 to 100",
        ),
        "optimize" => (
            optimize(value).map(|quality| {
                transform.quality.get_or_insert(quality);
                transform.format.get_or_insert(FormatChoice::Auto);
            }),
            "low, medium or high",
        ),
        "format" | "auto" => (
            file(value).map(|format| transform.format = Some(format)),
            "auto, jpg, png, webp or avif; others are not written here",
        ),
        "bg-color" => (
            background(value).map(|colour| transform.background = Some(colour)),
            "hexadecimal digits or three numbers",
        ),
        "blur" => (
            within(value, 0.0, 125.0).map(|radius| transform.blur = blur(radius / 2.0)),
            "up to 125 pixels",
        ),
        "orient" => (orient(value, transform), "1 to 8, r, l, h, v or hv"),
        "frame" => (
            (value == "1").then(|| transform.animation = Some(false)),
            "1",
        ),
        "metadata" => {
            let kept = value.split(',').any(|word| word == "copyright");
            transform.metadata = Some(if kept {
                Metadata::Copyright
            } else {
                Metadata::Keep
            });
            (Some(()), "")
        }
        _ => return None,
    })
}

/// Pixels, a share less than 1, or per cent as `50p`.
fn length(text: &str) -> Option<Length> {
    if let Some(percent) = text.strip_suffix(['p', '%']) {
        let share = within(percent, 0.1, 1000.0)? / 100.0;
        return factor(share).map(Length::Share);
    }
    match side(text) {
        Some(pixels) => Some(pixels.map_or(Length::Whole, Length::Pixels)),
        None => within(text, 0.001, 0.999)
            .and_then(factor)
            .map(Length::Share),
    }
}

/// `300,200,x10,y20`, `300,200,offset-x10,offset-y50`, `4:3`; `smart` and `safe` are not sought.
fn crop(text: &str) -> Option<Crop> {
    let mut parts = text.split(',');
    let first = parts.next()?;
    let shape = match first.split_once(':') {
        Some((width, height)) => {
            let side = |text| within(text, 0.01, 600.0).map(|side| times(100, side));
            Some((side(width)?, side(height)?))
        }
        None => None,
    };
    let size = match shape {
        Some(_) => None,
        None => Some((length(first)?, length(parts.next()?)?)),
    };
    let middle = Along {
        share: crate::Factor::from_thousandths(500),
        shift: Shift::Pixels(0),
    };
    let (mut x, mut y) = (middle, middle);
    for part in parts {
        let (slot, value, offset) = if let Some(value) = part.strip_prefix("offset-x") {
            (&mut x, value, true)
        } else if let Some(value) = part.strip_prefix("offset-y") {
            (&mut y, value, true)
        } else if let Some(value) = part.strip_prefix('x') {
            (&mut x, value, false)
        } else if let Some(value) = part.strip_prefix('y') {
            (&mut y, value, false)
        } else {
            return None;
        };
        *slot = if offset {
            Along {
                share: factor(within(value, 0.0, 100.0)? / 100.0)?,
                shift: Shift::Pixels(0),
            }
        } else {
            let shift = match length(value)? {
                Length::Pixels(pixels) => Shift::Pixels(i32::try_from(pixels).ok()?),
                Length::Share(share) => Shift::Share(i32::try_from(share.thousandths()).ok()?),
                Length::Whole => Shift::Pixels(0),
            };
            Along {
                share: crate::Factor::from_thousandths(0),
                shift,
            }
        };
    }
    let at = Gravity::Shifted { x, y };
    Some(match (shape, size) {
        (Some((width, height)), _) => Crop::Shape { width, height, at },
        (None, Some((width, height))) => Crop::Placed { width, height, at },
        (None, None) => return None,
    })
}

fn optimize(word: &str) -> Option<QualityChoice> {
    Some(match word {
        "low" | "true" => QualityChoice::MediumLow,
        "medium" => QualityChoice::MediumHigh,
        "high" => QualityChoice::High,
        _ => return None,
    })
}

fn file(text: &str) -> Option<FormatChoice> {
    Some(match text {
        "auto" | "avif,webp" | "webp,avif" => FormatChoice::Auto,
        "pjpg" | "pjpeg" => FormatChoice::Jpeg,
        "bjpg" | "bjpeg" => FormatChoice::BaselineJpeg,
        "png8" => FormatChoice::Png,
        "webpll" | "webply" => FormatChoice::WebP,
        other => return format(other),
    })
}

fn background(text: &str) -> Option<crate::Colour> {
    match text.contains(',') {
        true => colour(&format!("rgba({text})")),
        false => colour(text),
    }
}

fn orient(text: &str, transform: &mut Transform) -> Option<()> {
    let number = match text {
        "r" => 6,
        "l" => 8,
        "h" => 2,
        "v" => 4,
        "hv" | "vh" => 3,
        number => number
            .parse()
            .ok()
            .filter(|number| (1..=8).contains(number))?,
    };
    let turn = Orientation::from_exif(number);
    transform.flip_horizontal = turn.mirrored;
    transform.rotate = match turn.quarters {
        0 => Rotation::None,
        1 => Rotation::Quarter,
        2 => Rotation::Half,
        _ => Rotation::ThreeQuarters,
    };
    Some(())
}

/// Nothing is enlarged unless that is enabled.
fn fit(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    let enlarge = query.get("enable") == Some("upscale");
    let width = transform.width.is_some() || transform.relative_width.is_some();
    let height = transform.height.is_some() || transform.relative_height.is_some();
    transform.fit = Some(match (query.get("fit"), enlarge) {
        (None, _) if width && height => {
            return Err(query.refused("width", "beside height it needs fit"));
        }
        (None | Some("bounds"), true) => Fit::Contain,
        (None | Some("bounds"), false) => Fit::ScaleDown,
        (Some("cover"), true) => Fit::Outside,
        (Some("cover"), false) => Fit::OutsideDown,
        (Some("crop"), true) => Fit::Cover,
        (Some("crop"), false) => Fit::AspectCrop,
        _ => return Err(query.wrong("fit", "bounds, cover or crop")),
    });
    Ok(())
}

fn scale(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    let Some(text) = query.get("dpr") else {
        return Ok(());
    };
    let dpr = within(text, 0.1, 10.0).ok_or_else(|| query.wrong("dpr", "a factor of up to 10"))?;
    if let Some(Width::Pixels(width)) = &mut transform.width {
        *width = times(*width, dpr);
    }
    transform.height = transform.height.map(|height| times(height, dpr));
    Ok(())
}
