//! IPX, and with it Nuxt: `/_ipx/<modifiers>/<source>`, modifiers as `w_200,f_webp`, or `_`.

use super::frameworks::position;
use super::source::{self, Bare};
use super::text::{blur, colour, factor, format, quality, side, truth, whole, within};
use super::{Grammar, GrammarError, GrammarSettings, Parsed, Request};
use crate::transform::decode_percent;
use crate::{
    Colour, Crop, Factor, Fit, FormatChoice, Gravity, Length, Rotation, Transform, Trim, Width,
};

const NAME: &str = "ipx";
const PREFIX: &str = "/_ipx/";

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    settings.ipx.then(|| Box::new(Ipx) as Box<dyn Grammar>)
}

struct Ipx;

impl Grammar for Ipx {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        request.path.starts_with(PREFIX).then(|| {
            let whole = request.whole();
            let rest = whole.strip_prefix(PREFIX).unwrap_or_default();
            let (modifiers, source) = rest.split_once('/').unwrap_or((rest, ""));
            let encoding = || GrammarError::option(NAME, modifiers, "valid percent-encoding");
            let modifiers = decode_percent(modifiers).ok_or_else(encoding)?;
            let source = decode_percent(source).ok_or_else(encoding)?;
            let mut notes = Vec::new();
            Ok(Parsed {
                grammar: NAME,
                transform: transform(&modifiers, &mut notes)?,
                source: source::read(NAME, &source, Bare::Path)?,
                notes,
            })
        })
    }
}

/// What modifiers say of the box.
#[derive(Default)]
struct Size {
    fit: Option<String>,
    enlarge: bool,
}

/// Modifiers that are known there and not made here.
const REFUSED: &[&str] = &[
    "median",
    "negate",
    "normalize",
    "threshold",
    "tint",
    "modulate",
    "hue",
    "lightness",
    "extend",
    "gamma",
    "kernel",
];

fn transform(text: &str, notes: &mut Vec<String>) -> Result<Transform, GrammarError> {
    let mut transform = Transform::default();
    let mut size = Size::default();
    for part in text
        .split([',', '&'])
        .filter(|part| !part.is_empty() && *part != "_")
    {
        let (name, value) = part.split_once(['_', ':', '=']).unwrap_or((part, ""));
        if REFUSED.contains(&name) {
            return Err(GrammarError::refused(
                NAME,
                part,
                "nothing here does the same",
            ));
        }
        match apply(name, value, &mut transform, &mut size) {
            Some((Some(()), _)) => {}
            Some((None, form)) => return Err(GrammarError::option(NAME, part, form)),
            None => notes.push(format!("`{}` ignored", super::text::shorten(part))),
        }
    }
    size.fit(&mut transform).ok_or_else(|| {
        GrammarError::option(NAME, "fit", "cover, contain, fill, inside or outside")
    })?;
    Ok(transform)
}

/// `None` if the name is unknown; else whether the value was read, and the form it should have.
fn apply(
    name: &str,
    value: &str,
    transform: &mut Transform,
    size: &mut Size,
) -> Option<(Option<()>, &'static str)> {
    let pixels = "a number of pixels";
    Some(match name {
        "w" | "width" => (
            side(value).map(|width| transform.width = width.map(Width::Pixels)),
            pixels,
        ),
        "h" | "height" => (side(value).map(|height| transform.height = height), pixels),
        "s" | "resize" | "size" => (
            value.split_once('x').and_then(|(width, height)| {
                transform.width = side(width)?.map(Width::Pixels);
                transform.height = side(height)?;
                Some(())
            }),
            "width x height",
        ),
        "fit" => {
            size.fit = Some(value.to_owned());
            (Some(()), "")
        }
        "enlarge" => {
            size.enlarge = truth(value);
            (Some(()), "")
        }
        "pos" | "position" => (
            gravity(value).map(|at| transform.gravity = Some(at)),
            "a side, entropy or attention",
        ),
        "b" | "background" => (
            colour(value).map(|colour| transform.background = Some(colour)),
            "a colour",
        ),
        "q" | "quality" => (
            quality(value).map(|quality| transform.quality = Some(quality)),
            "1 to 100",
        ),
        "f" | "format" if value == "auto" => {
            transform.format = Some(FormatChoice::Auto);
            (Some(()), "")
        }
        "f" | "format" => (
            format(value).map(|format| transform.format = Some(format)),
            "auto, jpeg, png, webp or avif; others are not written here",
        ),
        "a" | "animated" => {
            transform.animation = Some(truth(value));
            (Some(()), "")
        }
        _ => return effects(name, value, transform),
    })
}

fn effects(
    name: &str,
    value: &str,
    transform: &mut Transform,
) -> Option<(Option<()>, &'static str)> {
    Some(match name {
        "rotate" => (
            Rotation::parse(if value == "360" { "0" } else { value })
                .map(|rotation| transform.rotate = rotation),
            "0, 90, 180 or 270",
        ),
        // Top and bottom, as sharp says it.
        "flip" => {
            transform.flip_vertical = true;
            (Some(()), "")
        }
        "flop" => {
            transform.flip_horizontal = true;
            (Some(()), "")
        }
        "trim" => (
            within(if value.is_empty() { "10" } else { value }, 0.0, 255.0).map(|tolerance| {
                transform.trim = Some(Trim::Border {
                    tolerance: tolerance as u8,
                    colour: None,
                    bottom_right: false,
                    even: (false, false),
                });
            }),
            "a tolerance",
        ),
        "extract" | "crop" => (
            extract(value).map(|crop| transform.crop = Some(crop)),
            "left_top_width_height",
        ),
        "blur" => (
            within(if value.is_empty() { "0.5" } else { value }, 0.0, 125.0)
                .map(|sigma| transform.blur = blur(sigma)),
            "a deviation of up to 125 pixels",
        ),
        "sharpen" => (
            within(value.split('_').next().unwrap_or_default(), 0.0, 10.0)
                .map(|sigma| transform.sharpen = factor(sigma)),
            "up to 10",
        ),
        "grayscale" | "greyscale" => {
            transform.saturation = Some(Factor::from_thousandths(0));
            (Some(()), "")
        }
        _ => return None,
    })
}

fn gravity(text: &str) -> Option<Gravity> {
    match text {
        "entropy" | "attention" => Some(Gravity::Salient),
        other => position(other),
    }
}

fn extract(text: &str) -> Option<Crop> {
    let mut numbers = text.split('_').map(whole);
    let mut next = || numbers.next().flatten();
    let (left, top, width, height) = (next()?, next()?, next()?, next()?);
    Some(Crop::Between {
        left: Length::Pixels(left),
        top: Length::Pixels(top),
        right: Length::Pixels(left.saturating_add(width)),
        bottom: Length::Pixels(top.saturating_add(height)),
    })
}

impl Size {
    /// Sets the fit: without `enlarge` the box shrinks to the picture and keeps its shape.
    fn fit(&self, transform: &mut Transform) -> Option<()> {
        let fit = self.fit.as_deref().unwrap_or("cover");
        transform.fit = Some(match (fit, self.enlarge) {
            ("cover", false) => Fit::AspectCrop,
            ("cover", true) => Fit::Cover,
            ("contain", _) => Fit::Pad,
            ("fill", false) => Fit::SqueezeDown,
            ("fill", true) => Fit::Squeeze,
            ("inside", false) => Fit::ScaleDown,
            ("inside", true) => Fit::Contain,
            ("outside", false) => Fit::OutsideDown,
            ("outside", true) => Fit::Outside,
            _ => return None,
        });
        if fit == "contain" {
            // sharp's own.
            let black = Colour {
                red: 0,
                green: 0,
                blue: 0,
                alpha: 255,
            };
            transform.background.get_or_insert(black);
        }
        Some(())
    }
}
