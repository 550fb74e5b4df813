//! weserv: `/?url=<source>&w=…&h=…`.

use super::frameworks::position;
use super::query::{self, Query};
use super::source::{self, Bare};
use super::text::{blur, colour, factor, format, quality, side, times, truth, whole, within};
use super::{Grammar, GrammarError, GrammarSettings, Parsed, Request};
use crate::{Crop, Factor, Fit, FormatChoice, Gravity, Length, Rotation, Transform, Trim, Width};

const NAME: &str = "weserv";

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    settings
        .weserv
        .then(|| Box::new(Weserv) as Box<dyn Grammar>)
}

struct Weserv;

impl Grammar for Weserv {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        let ours = request.path == "/" && query::has(request.query, |name| name == "url");
        ours.then(|| {
            let query = Query::read(NAME, request.query)?;
            let url = query.get("url").unwrap_or_default();
            let url = match url.strip_prefix("ssl:") {
                Some(rest) => format!("https://{rest}"),
                None if url.contains(":/") || url.starts_with('/') => url.to_owned(),
                None => format!("http://{url}"),
            };
            let mut notes = Vec::new();
            Ok(Parsed {
                grammar: NAME,
                transform: transform(&query, &mut notes)?,
                source: source::read(NAME, &url, Bare::Path)?,
                notes,
            })
        })
    }
}

/// Arguments that are known there and not made here.
const REFUSED: &[&str] = &[
    "con", "gam", "hue", "mod", "tint", "mask", "mtrim", "mbg", "rbg", "encoding", "default",
    "page", "fsol",
];
/// Arguments that change nothing in a picture here.
const HARMLESS: &[&str] = &[
    "il",
    "af",
    "l",
    "ll",
    "filename",
    "maxage",
    "n",
    "precrop",
    "errorredirect",
];

fn transform(query: &Query, notes: &mut Vec<String>) -> Result<Transform, GrammarError> {
    let mut transform = Transform::default();
    for (name, value) in query.last() {
        if REFUSED.contains(&name) {
            return Err(query.refused(name, "nothing here does the same"));
        }
        match apply(name, value, &mut transform) {
            Some((Some(()), _)) => {}
            Some((None, form)) => return Err(query.wrong(name, form)),
            None if HARMLESS.contains(&name)
                || matches!(
                    name,
                    "url"
                        | "fpx"
                        | "fpy"
                        | "we"
                        | "fit"
                        | "dpr"
                        | "cx"
                        | "cy"
                        | "cw"
                        | "ch"
                        | "cbg"
                ) => {}
            None => notes.push(format!("`{name}` ignored")),
        }
    }
    scale(query, &mut transform)?;
    transform.fit = Some(fit(query)?);
    crop(query, &mut transform)?;
    focus(query, &mut transform)?;
    if let Some(text) = query.get("cbg") {
        let colour = colour(text).ok_or_else(|| query.wrong("cbg", "a colour"))?;
        transform.background = Some(colour);
    }
    Ok(transform)
}

fn apply(name: &str, value: &str, transform: &mut Transform) -> Option<(Option<()>, &'static str)> {
    let flag = |slot: &mut bool| {
        *slot = truth(value);
        (Some(()), "")
    };
    Some(match name {
        "w" => (
            side(value).map(|width| transform.width = width.map(Width::Pixels)),
            "a number of pixels",
        ),
        "h" => (
            side(value).map(|height| transform.height = height),
            "a number of pixels",
        ),
        "q" => (
            quality(value).map(|quality| transform.quality = Some(quality)),
            "1 to 100",
        ),
        "output" if value == "json" => {
            transform.format = Some(FormatChoice::Json);
            (Some(()), "")
        }
        "output" => (
            format(value).map(|format| transform.format = Some(format)),
            "jpg, png, webp or json; others are not written here",
        ),
        "a" => (
            alignment(value).map(|at| transform.gravity = Some(at)),
            "a side, entropy, attention or focal",
        ),
        "bg" => (
            colour(value).map(|colour| transform.background = Some(colour)),
            "a colour",
        ),
        "blur" => (
            within(if value.is_empty() { "1" } else { value }, 0.0, 125.0)
                .map(|sigma| transform.blur = blur(sigma)),
            "a deviation of up to 125 pixels",
        ),
        "sharp" => (
            within(value.split(',').next().unwrap_or_default(), 0.0, 10.0)
                .map(|sigma| transform.sharpen = factor(sigma)),
            "up to 10",
        ),
        "sat" => (
            within(value, 0.0, 100.0).map(|by| transform.saturation = factor(by)),
            "a factor, 1 changing nothing",
        ),
        "filt" if value == "greyscale" => {
            transform.saturation = Some(Factor::from_thousandths(0));
            (Some(()), "")
        }
        "filt" => (None, "greyscale; other filters are not made here"),
        "flip" => flag(&mut transform.flip_vertical),
        "flop" => flag(&mut transform.flip_horizontal),
        "ro" => (
            Rotation::parse(if value == "360" { "0" } else { value })
                .map(|rotation| transform.rotate = rotation),
            "0, 90, 180 or 270",
        ),
        "trim" => (
            within(if value.is_empty() { "10" } else { value }, 0.0, 254.0).map(|tolerance| {
                transform.trim = Some(Trim::Border {
                    tolerance: tolerance as u8,
                    colour: None,
                    bottom_right: false,
                    even: (false, false),
                });
            }),
            "a tolerance",
        ),
        _ => return None,
    })
}

fn alignment(text: &str) -> Option<Gravity> {
    match text {
        "entropy" | "attention" => Some(Gravity::Salient),
        "focal" => Some(Gravity::CENTER),
        other => position(other),
    }
}

fn scale(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    let Some(text) = query.get("dpr") else {
        return Ok(());
    };
    let dpr = within(text, 0.1, 8.0).ok_or_else(|| query.wrong("dpr", "a factor of up to 8"))?;
    if let Some(Width::Pixels(width)) = &mut transform.width {
        *width = times(*width, dpr);
    }
    transform.height = transform.height.map(|height| times(height, dpr));
    Ok(())
}

fn fit(query: &Query) -> Result<Fit, GrammarError> {
    let enlarge = !query.get("we").is_some_and(truth);
    Ok(match (query.get("fit").unwrap_or("inside"), enlarge) {
        ("inside", true) => Fit::Contain,
        ("inside", false) => Fit::ScaleDown,
        ("outside", true) => Fit::Outside,
        ("outside", false) => Fit::OutsideDown,
        ("cover", true) => Fit::Cover,
        ("cover", false) => Fit::Crop,
        ("fill", true) => Fit::Squeeze,
        ("fill", false) => Fit::SqueezeDown,
        ("contain", _) => Fit::Pad,
        _ => return Err(query.wrong("fit", "inside, outside, cover, fill or contain")),
    })
}

/// `cx`, `cy`, `cw`, `ch`, which count before resizing with `precrop` and after it without.
fn crop(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    let number = |name: &str| match query.get(name) {
        None => Ok::<_, GrammarError>(None),
        Some(text) => {
            let pixels = whole(text).ok_or_else(|| query.wrong(name, "a number of pixels"))?;
            Ok(Some(pixels))
        }
    };
    let (left, top, width, height) = (number("cx")?, number("cy")?, number("cw")?, number("ch")?);
    let Some(first) = ["cx", "cy", "cw", "ch"]
        .into_iter()
        .find(|name| query.get(name).is_some())
    else {
        return Ok(());
    };
    let resized = transform.width.is_some() || transform.height.is_some();
    if resized && !query.get("precrop").is_some_and(truth) {
        return Err(query.refused(first, "a crop after resizing is not made here"));
    }
    let line = |start: u32, length: Option<u32>| {
        length.map_or(Length::Whole, |length| {
            Length::Pixels(start.saturating_add(length))
        })
    };
    let (left, top) = (left.unwrap_or_default(), top.unwrap_or_default());
    transform.crop = Some(Crop::Between {
        left: Length::Pixels(left),
        top: Length::Pixels(top),
        right: line(left, width),
        bottom: line(top, height),
    });
    Ok(())
}

fn focus(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    if query.get("a") != Some("focal") {
        return Ok(());
    }
    let share = |name: &str| {
        let text = query.get(name).unwrap_or("0.5");
        let share = within(text, 0.0, 1.0).and_then(factor);
        share.ok_or_else(|| query.wrong(name, "0 to 1"))
    };
    transform.gravity = Some(Gravity::Focus {
        x: share("fpx")?,
        y: share("fpy")?,
    });
    Ok(())
}
