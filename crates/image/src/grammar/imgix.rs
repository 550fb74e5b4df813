//! imgix: arguments on a picture's own address, such as `?w=640&fit=crop&auto=format`, signed by
//! `s`.

use super::query::{self, Query};
use super::text::{argb, factor, format, point, quality, side, times, truth, whole, within};
use super::{Grammar, GrammarError, GrammarSettings, ImgixSettings, Parsed, Request, signature};
use crate::{
    Crop, Extend, Factor, Fit, FormatChoice, Gravity, Length, Metadata, QualityChoice, Rotation,
    Sides, Transform, Trim, Width,
};
use base::Quality;

const NAME: &str = "imgix";
/// Quality of `auto=compress`.
const COMPRESSED: u8 = 45;

/// Its arguments that are done here.
const DONE: &[&str] = &[
    "w",
    "h",
    "dpr",
    "fit",
    "crop",
    "fp-x",
    "fp-y",
    "ar",
    "rect",
    "q",
    "fm",
    "auto",
    "bg",
    "flip",
    "rot",
    "pad",
    "pad-top",
    "pad-right",
    "pad-bottom",
    "pad-left",
    "trim",
    "trim-tol",
    "trim-color",
    "sat",
    "min-w",
    "min-h",
    "frame",
];
/// Those that change nothing in a picture here.
const HARMLESS: &[&str] = &[
    "ixlib",
    "ixid",
    "s",
    "cs",
    "lossless",
    "chromasub",
    "dl",
    "ch",
    "expires",
    "iptc",
    "jpg-progressive",
    "colorquant",
    "fill",
    "fp-debug",
];
/// Those that are known there and not made here, by how they begin.
const REFUSED: &[&str] = &[
    "blur",
    "bri",
    "con",
    "exp",
    "gam",
    "high",
    "hue",
    "shad",
    "sharp",
    "usm",
    "vib",
    "nr",
    "monochrome",
    "sepia",
    "duotone",
    "htn",
    "px",
    "mark",
    "txt",
    "blend",
    "border",
    "mask",
    "corner",
    "palette",
    "faces",
    "faceindex",
    "facepad",
    "fp-z",
    "or",
    "invert",
    "fill-color",
    "bg-remove",
    "transparency",
    "page",
    "max-w",
    "max-h",
    "upscale",
    "gen-",
];

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    let settings = settings.imgix.clone();
    settings
        .enabled
        .then(|| Box::new(Imgix(settings)) as Box<dyn Grammar>)
}

struct Imgix(ImgixSettings);

fn ours(name: &str) -> bool {
    DONE.contains(&name) || HARMLESS.contains(&name) || refused(name)
}

fn refused(name: &str) -> bool {
    let begins = |start: &&str| {
        let rest = name.strip_prefix(*start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-') || start.ends_with('-'))
    };
    !DONE.contains(&name) && !HARMLESS.contains(&name) && REFUSED.iter().any(begins)
}

impl Grammar for Imgix {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        (request.picture && query::has(request.query, ours)).then(|| {
            let mut notes = Vec::new();
            notes.extend(self.check(request)?);
            let query = Query::read(NAME, request.query)?;
            self.expired(&query, request.now)?;
            let source = match query::without(request.query, ours) {
                Some(rest) => format!("{}?{rest}", request.path),
                None => request.path.to_owned(),
            };
            Ok(Parsed {
                grammar: NAME,
                transform: transform(&query, &mut notes)?,
                source,
                notes,
            })
        })
    }
}

impl Imgix {
    fn check(&self, request: &Request<'_>) -> Result<Option<String>, GrammarError> {
        let Some(token) = &self.0.token else {
            return Ok(None);
        };
        let query = Query::read(NAME, request.query)?;
        let signed = query::without(request.query, |name| name == "s");
        let text = match signed {
            Some(rest) => format!("{}?{rest}", request.path),
            None => request.path.to_owned(),
        };
        let given = query.get("s").unwrap_or_default();
        if signature::is_imgix(given, token.reveal(), &text) {
            Ok(Some("the signature is right".to_owned()))
        } else {
            Err(GrammarError::Signature { grammar: NAME })
        }
    }

    fn expired(&self, query: &Query, now: u64) -> Result<(), GrammarError> {
        let until: Option<u64> = query.get("expires").and_then(|text| text.parse().ok());
        if until.is_some_and(|until| until < now) {
            return Err(GrammarError::Expired { grammar: NAME });
        }
        Ok(())
    }
}

fn transform(query: &Query, notes: &mut Vec<String>) -> Result<Transform, GrammarError> {
    let mut transform = Transform {
        metadata: Some(Metadata::Copyright),
        ..Transform::default()
    };
    for (name, value) in query.last() {
        if refused(name) {
            return Err(query.refused(name, "nothing here does the same"));
        }
        match apply(name, value, &mut transform) {
            Some((Some(()), _)) => {}
            Some((None, form)) => return Err(query.wrong(name, form)),
            None if ours(name) => {}
            None => notes.push(format!("`{name}` is left to the source")),
        }
    }
    fit(query, &mut transform)?;
    scale(query, &mut transform)?;
    pad(query, &mut transform)?;
    Ok(transform)
}

fn apply(name: &str, value: &str, transform: &mut Transform) -> Option<(Option<()>, &'static str)> {
    Some(match name {
        "w" => (
            length(value).map(|length| match length {
                Length::Share(share) => transform.relative_width = Some(share),
                Length::Pixels(pixels) => transform.width = Some(Width::Pixels(pixels)),
                Length::Whole => {}
            }),
            "a number of pixels, or a share",
        ),
        "h" => (
            length(value).map(|length| match length {
                Length::Share(share) => transform.relative_height = Some(share),
                Length::Pixels(pixels) => transform.height = Some(pixels),
                Length::Whole => {}
            }),
            "a number of pixels, or a share",
        ),
        "min-w" => (
            side(value).map(|width| transform.min_width = width),
            "a number of pixels",
        ),
        "min-h" => (
            side(value).map(|height| transform.min_height = height),
            "a number of pixels",
        ),
        "q" => (
            quality(value).map(|quality| transform.quality = Some(quality)),
            "1 to 100",
        ),
        "fm" => (
            file(value).map(|format| transform.format = Some(format)),
            "jpg, pjpg, png, webp, avif or json; others are not written here",
        ),
        "auto" => (auto(value, transform), "format, compress"),
        "bg" => (
            argb(value).map(|colour| transform.background = Some(colour)),
            "hexadecimal digits or the name of a colour",
        ),
        "rect" => (
            rect(value).map(|crop| transform.crop = Some(crop)),
            "left,top,width,height",
        ),
        "flip" => {
            transform.flip_horizontal = value.contains('h');
            transform.flip_vertical = value.contains('v');
            let known = matches!(value, "h" | "v" | "hv" | "vh");
            (known.then_some(()), "h, v or hv")
        }
        "rot" => (
            // imgix turns against the clock.
            whole(value).filter(|angle| angle % 90 == 0).map(|angle| {
                transform.rotate = match angle / 90 % 4 {
                    0 => Rotation::None,
                    1 => Rotation::ThreeQuarters,
                    2 => Rotation::Half,
                    _ => Rotation::Quarter,
                };
            }),
            "a whole number of quarter turns; others are not made here",
        ),
        "sat" => (
            (value == "-100").then(|| transform.saturation = Some(Factor::from_thousandths(0))),
            "-100; others are not made here",
        ),
        "frame" => (
            (value == "1").then(|| transform.animation = Some(false)),
            "1; others are not made here",
        ),
        "trim" => (
            matches!(value, "auto" | "color").then(|| {
                transform.trim = Some(Trim::Border {
                    tolerance: 11,
                    colour: None,
                    bottom_right: false,
                    even: (false, false),
                });
            }),
            "auto or color",
        ),
        _ => return None,
    })
}

/// Pixels, or a share of up to 1.
fn length(text: &str) -> Option<Length> {
    if let Some(pixels) = side(text) {
        return Some(match pixels {
            Some(1) => Length::Share(Factor::ONE),
            Some(pixels) => Length::Pixels(pixels),
            None => Length::Whole,
        });
    }
    within(text, 0.001, 1.0).and_then(factor).map(Length::Share)
}

fn file(word: &str) -> Option<FormatChoice> {
    Some(match word {
        "pjpg" => FormatChoice::Jpeg,
        "png8" | "png32" => FormatChoice::Png,
        "json" => FormatChoice::Json,
        other => return format(other),
    })
}

fn auto(value: &str, transform: &mut Transform) -> Option<()> {
    for word in value.split(',') {
        match word {
            "format" => {
                transform.format.get_or_insert(FormatChoice::Auto);
            }
            "compress" => {
                let quality = QualityChoice::Number(Quality::new(COMPRESSED));
                transform.quality.get_or_insert(quality);
                transform.format.get_or_insert(FormatChoice::Auto);
            }
            "true" | "" => {}
            _ => return None,
        }
    }
    Some(())
}

fn rect(text: &str) -> Option<Crop> {
    let parts: Vec<_> = text.split(',').map(whole).collect();
    let [Some(left), Some(top), Some(width), Some(height)] = *parts.as_slice() else {
        return None;
    };
    Some(Crop::Between {
        left: Length::Pixels(left),
        top: Length::Pixels(top),
        right: Length::Pixels(left.saturating_add(width)),
        bottom: Length::Pixels(top.saturating_add(height)),
    })
}

fn fit(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    let fit = query.get("fit").unwrap_or("clip");
    transform.fit = Some(match fit {
        "clip" => Fit::Contain,
        "crop" => Fit::Cover,
        "min" => Fit::Crop,
        "max" => Fit::ScaleDown,
        "scale" => Fit::Squeeze,
        "fill" => Fit::Pad,
        "fillmax" => {
            transform.extend = Some(Extend::Box);
            Fit::ScaleDown
        }
        "clamp" | "facearea" => return Err(query.refused("fit", "nothing here does the same")),
        _ => return Err(query.wrong("fit", "clip, crop, fill, fillmax, max, min or scale")),
    });
    if let Some(text) = query
        .get("ar")
        .filter(|_| matches!(fit, "crop" | "min" | "fill" | "fillmax" | "scale"))
    {
        ratio(query, text, transform)?;
    }
    transform.gravity = gravity(query)?;
    Ok(())
}

/// `ar`: the side that is not given.
fn ratio(query: &Query, text: &str, transform: &mut Transform) -> Result<(), GrammarError> {
    let wrong = || query.wrong("ar", "width:height");
    let (width, height) = text.split_once(':').ok_or_else(wrong)?;
    let (width, height) = (
        within(width, 0.01, 10_000.0),
        within(height, 0.01, 10_000.0),
    );
    let (width, height) = width.zip(height).ok_or_else(wrong)?;
    match (transform.width, transform.height) {
        (Some(Width::Pixels(given)), None) => transform.height = Some(times(given, height / width)),
        (None, Some(given)) => transform.width = Some(Width::Pixels(times(given, width / height))),
        (None, None) => {
            transform.crop.get_or_insert(Crop::Shape {
                width: times(100, width),
                height: times(100, height),
                at: Gravity::CENTER,
            });
        }
        _ => {}
    }
    Ok(())
}

/// `crop`: sides, faces, entropy or edges, or a focal point.
fn gravity(query: &Query) -> Result<Option<Gravity>, GrammarError> {
    let Some(text) = query.get("crop") else {
        return Ok(None);
    };
    let (mut x, mut y) = (500, 500);
    let mut found = None;
    for word in text.split(',').filter(|word| !word.is_empty()) {
        match word {
            "left" => x = 0,
            "right" => x = 1000,
            "top" => y = 0,
            "bottom" => y = 1000,
            "faces" => found = found.or(Some(Gravity::Face)),
            "entropy" | "edges" => found = found.or(Some(Gravity::Salient)),
            "focalpoint" => {
                let share = |name: &str| {
                    let share = within(query.get(name).unwrap_or("0.5"), 0.0, 1.0).and_then(factor);
                    share.ok_or_else(|| query.wrong(name, "0 to 1"))
                };
                found = Some(Gravity::Focus {
                    x: share("fp-x")?,
                    y: share("fp-y")?,
                });
            }
            _ => return Err(query.wrong("crop", "sides, faces, entropy, edges or focalpoint")),
        }
    }
    Ok(Some(found.unwrap_or(point(x, y))))
}

fn scale(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    let Some(text) = query.get("dpr") else {
        return Ok(());
    };
    let dpr = within(text, 0.1, 5.0).ok_or_else(|| query.wrong("dpr", "a factor of up to 5"))?;
    if let Some(Width::Pixels(width)) = &mut transform.width {
        *width = times(*width, dpr);
    }
    transform.height = transform.height.map(|height| times(height, dpr));
    Ok(())
}

/// `pad`, within the size that is asked for.
fn pad(query: &Query, transform: &mut Transform) -> Result<(), GrammarError> {
    let length = |name: &str| match query.get(name) {
        None => Ok::<_, GrammarError>(None),
        Some(text) => {
            let pixels = whole(text).ok_or_else(|| query.wrong(name, "a number of pixels"))?;
            Ok(Some(pixels))
        }
    };
    let all = length("pad")?.unwrap_or_default();
    let padding = Sides {
        top: length("pad-top")?.unwrap_or(all),
        right: length("pad-right")?.unwrap_or(all),
        bottom: length("pad-bottom")?.unwrap_or(all),
        left: length("pad-left")?.unwrap_or(all),
    };
    if padding.is_zero() {
        return Ok(());
    }
    if query.get("dpr").is_some_and(|dpr| dpr != "1") || query.get("trim-tol").is_some_and(truth) {
        return Err(query.refused("pad", "it is not done beside dpr"));
    }
    if let Some(Width::Pixels(width)) = &mut transform.width {
        *width = width
            .saturating_sub(padding.left.saturating_add(padding.right))
            .max(1);
    }
    transform.height = transform.height.map(|height| {
        height
            .saturating_sub(padding.top.saturating_add(padding.bottom))
            .max(1)
    });
    transform.padding = padding;
    Ok(())
}
