//! Cloudinary: `/<cloud>/image/upload/<transformations>/v123/<source>`, and `fetch` with an address
//! as the source.

use super::frameworks::position;
use super::source::{self, Bare};
use super::text::{factor, format, number, quality, side, times, within};
use super::{
    CloudinarySettings, Grammar, GrammarError, GrammarSettings, Parsed, Request, signature,
};
use crate::transform::decode_percent;
use crate::{
    Along, Colour, Crop, Extend, Factor, Fit, FormatChoice, Gravity, Length, QualityChoice,
    Rotation, Shift, Transform, Width,
};

const NAME: &str = "cloudinary";
/// Ways of delivery whose sources lie under the base.
const STORED: [&str; 3] = ["upload", "private", "authenticated"];

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    let settings = settings.cloudinary.clone();
    settings
        .enabled
        .then(|| Box::new(Cloudinary(settings)) as Box<dyn Grammar>)
}

struct Cloudinary(CloudinarySettings);

impl Grammar for Cloudinary {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        let path = request.path.strip_prefix('/')?;
        let rest = path.strip_prefix("image/").or_else(|| {
            let (cloud, rest) = path.split_once('/')?;
            rest.strip_prefix("image/").filter(|_| !cloud.is_empty())
        })?;
        let (kind, rest) = rest.split_once('/')?;
        let stored = STORED.contains(&kind);
        (stored || kind == "fetch").then(|| self.parse(rest, stored, request.query))
    }
}

impl Cloudinary {
    fn parse(&self, rest: &str, stored: bool, query: Option<&str>) -> Result<Parsed, GrammarError> {
        let (note, rest) = self.check(rest)?;
        let mut notes = vec![note.to_owned()];
        let mut reading = Reading::default();
        let mut rest = rest;
        while let Some((part, after)) = rest.split_once('/') {
            let part = decode_percent(part);
            let Some(part) = part.filter(|part| is_transformation(part)) else {
                break;
            };
            reading.component(&part, &mut notes)?;
            rest = after;
        }
        let name = without_version(rest);
        let broken = || GrammarError::source(NAME, name, "its percent-encoding is broken");
        let decoded = decode_percent(name).ok_or_else(broken)?;
        let text = match (stored, query) {
            (true, _) => format!("{}/{decoded}", self.0.base_url.trim_end_matches('/')),
            (false, Some(query)) => format!("{decoded}?{query}"),
            (false, None) => decoded.into_owned(),
        };
        if name.is_empty() {
            return Err(GrammarError::source(NAME, rest, "there is none"));
        }
        Ok(Parsed {
            grammar: NAME,
            transform: reading.transform()?,
            source: source::read(NAME, &text, Bare::Path)?,
            notes,
        })
    }

    /// Checks the signature; returns what follows it.
    fn check<'p>(&self, rest: &'p str) -> Result<(&'static str, &'p str), GrammarError> {
        let signed = rest
            .strip_prefix("s--")
            .and_then(|rest| rest.split_once("--/"));
        let right = |secret: &super::Secret| {
            let (given, rest) = signed?;
            // The version is not part of what is signed.
            let mut text: Vec<_> = Vec::new();
            let mut left = rest;
            while let Some((part, after)) = left.split_once('/') {
                if !is_transformation(part) {
                    break;
                }
                text.push(part);
                left = after;
            }
            text.push(without_version(left));
            let text = decode_percent(&text.join("/"))?.into_owned();
            signature::is_cloudinary(given, secret.reveal(), &text).then_some(rest)
        };
        let rest = signed.map_or(rest, |(_, rest)| rest);
        match &self.0.secret {
            None => Ok(("no signature is needed", rest)),
            Some(secret) if right(secret).is_some() => Ok(("the signature is right", rest)),
            Some(_) if self.0.unsigned && signed.is_none() => Ok(("no signature is needed", rest)),
            Some(_) => Err(GrammarError::Signature { grammar: NAME }),
        }
    }
}

/// Whether a part of the path is a transformation: parameters of one to three letters, each with
/// `_` and a value.
fn is_transformation(part: &str) -> bool {
    const KEYS: &[&str] = &[
        "a", "ar", "b", "bo", "c", "co", "cs", "d", "dl", "dn", "dpr", "e", "f", "fl", "fn", "g",
        "h", "if", "ki", "l", "o", "p", "pg", "q", "r", "so", "eo", "du", "t", "u", "vc", "w", "x",
        "y", "z",
    ];
    !part.is_empty()
        && part.split(',').all(|parameter| {
            let key = parameter.split_once('_');
            key.is_some_and(|(key, value)| KEYS.contains(&key) && !value.is_empty())
        })
}

/// The source without `v123/` before it.
fn without_version(rest: &str) -> &str {
    match rest.split_once('/') {
        Some((version, name)) => {
            let digits = version.strip_prefix('v').unwrap_or_default();
            let is = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if is { name } else { rest }
        }
        None => rest,
    }
}

/// The parameters so far.
#[derive(Default)]
struct Reading {
    transform: Transform,
    mode: Option<String>,
    ratio: Option<f64>,
    gravity: Option<Gravity>,
    x: Option<u32>,
    y: Option<u32>,
    dpr: Option<f64>,
    /// Whether a component before this one gave a size.
    sized: bool,
}

impl Reading {
    fn component(&mut self, part: &str, notes: &mut Vec<String>) -> Result<(), GrammarError> {
        let geometry = |parameter: &str| {
            let key = parameter.split_once('_').map_or("", |(key, _)| key);
            matches!(key, "w" | "h" | "c" | "ar" | "g" | "x" | "y" | "a")
        };
        if part.split(',').any(geometry) {
            if self.sized {
                let reason = "one size after another is not made here";
                return Err(GrammarError::refused(NAME, part, reason));
            }
            self.sized = true;
        }
        for parameter in part.split(',') {
            if parameter == "dpr_auto" {
                notes.push("`dpr_auto` counts as 1".to_owned());
            }
            let (key, value) = parameter.split_once('_').unwrap_or((parameter, ""));
            match self.apply(key, value) {
                Some((Some(()), _)) => {}
                Some((None, form)) => return Err(GrammarError::option(NAME, parameter, form)),
                None => {
                    let reason = "nothing here does the same";
                    return Err(GrammarError::refused(NAME, parameter, reason));
                }
            }
        }
        Ok(())
    }

    /// `None` if it is not made here; else whether it was read, and the form or a note.
    fn apply(&mut self, key: &str, value: &str) -> Option<(Option<()>, &'static str)> {
        let transform = &mut self.transform;
        Some(match key {
            "w" => match length(value) {
                Some(Length::Share(share)) => {
                    transform.relative_width = Some(share);
                    (Some(()), "")
                }
                Some(Length::Pixels(pixels)) => {
                    transform.width = Some(Width::Pixels(pixels));
                    (Some(()), "")
                }
                _ if value == "auto" => {
                    transform.width = Some(Width::Auto);
                    (Some(()), "")
                }
                _ => (None, "a number of pixels, a share or auto"),
            },
            "h" => match length(value) {
                Some(Length::Share(share)) => {
                    transform.relative_height = Some(share);
                    (Some(()), "")
                }
                Some(Length::Pixels(pixels)) => {
                    transform.height = Some(pixels);
                    (Some(()), "")
                }
                _ => (None, "a number of pixels or a share"),
            },
            "ar" => {
                self.ratio = ratio(value);
                (self.ratio.map(|_| ()), "width:height")
            }
            "c" => {
                self.mode = Some(value.to_owned());
                (Some(()), "")
            }
            "g" => {
                self.gravity = gravity(value);
                (
                    self.gravity.map(|_| ()),
                    "a side, auto or face; others are not made here",
                )
            }
            "x" => {
                self.x = side(value).map(Option::unwrap_or_default);
                (self.x.map(|_| ()), "a number of pixels, 0 or more")
            }
            "y" => {
                self.y = side(value).map(Option::unwrap_or_default);
                (self.y.map(|_| ()), "a number of pixels, 0 or more")
            }
            "dpr" if value == "auto" => (Some(()), ""),
            "dpr" => {
                self.dpr = within(value, 0.1, 10.0);
                (self.dpr.map(|_| ()), "a factor")
            }
            "q" => (self_quality(value, transform), "1 to 100, or auto"),
            "f" if value == "auto" => {
                transform.format = Some(FormatChoice::Auto);
                (Some(()), "")
            }
            "f" => (
                format(value).map(|format| transform.format = Some(format)),
                "auto, jpg, png, webp or avif; others are not written here",
            ),
            "a" => (turn(value, transform), "quarter turns, hflip or vflip"),
            "b" => (
                background(value).map(|colour| transform.background = Some(colour)),
                "a colour",
            ),
            "e" if value == "grayscale" => {
                transform.saturation = Some(Factor::from_thousandths(0));
                (Some(()), "")
            }
            "r" if value == "0" => (Some(()), ""),
            "cs" if value == "srgb" => (Some(()), ""),
            "fl" if harmless(value) => (Some(()), ""),
            _ => return None,
        })
    }

    fn transform(mut self) -> Result<Transform, GrammarError> {
        if let Some(dpr) = self.dpr {
            if let Some(Width::Pixels(width)) = &mut self.transform.width {
                *width = times(*width, dpr);
            }
            self.transform.height = self.transform.height.map(|height| times(height, dpr));
        }
        self.complete();
        let mode = self.mode.take();
        let mode = mode.as_deref().unwrap_or("scale");
        if mode == "crop" {
            self.cut();
            return Ok(self.transform);
        }
        self.transform.gravity = self.gravity;
        self.transform.fit = Some(match mode {
            "scale" => Fit::Squeeze,
            "fit" => Fit::Contain,
            "limit" => Fit::ScaleDown,
            "mfit" => Fit::ScaleUp,
            "fill" | "thumb" | "auto" => Fit::Cover,
            "lfill" => Fit::AspectCrop,
            "pad" => {
                self.transform.extend = Some(Extend::Box);
                self.transform.place = self.gravity;
                Fit::Contain
            }
            "lpad" => {
                self.transform.extend = Some(Extend::Box);
                self.transform.place = self.gravity;
                Fit::ScaleDown
            }
            _ => {
                let reason = "nothing here does the same";
                return Err(GrammarError::refused(NAME, &format!("c_{mode}"), reason));
            }
        });
        if self.transform.extend.is_some() {
            self.transform.background.get_or_insert(Colour::WHITE);
        }
        Ok(self.transform)
    }

    /// The side that `ar` gives.
    fn complete(&mut self) {
        let Some(ratio) = self.ratio else { return };
        match (self.transform.width, self.transform.height) {
            (Some(Width::Pixels(width)), None) => {
                self.transform.height = Some(times(width, 1.0 / ratio));
            }
            (None, Some(height)) => {
                self.transform.width = Some(Width::Pixels(times(height, ratio)));
            }
            _ => {}
        }
    }

    /// `c_crop`: a part of the source, not resized.
    fn cut(&mut self) {
        let transform = &mut self.transform;
        let width = match (transform.width.take(), transform.relative_width.take()) {
            (Some(Width::Pixels(pixels)), _) => Length::Pixels(pixels),
            (_, Some(share)) => Length::Share(share),
            _ => Length::Whole,
        };
        let height = match (transform.height.take(), transform.relative_height.take()) {
            (Some(pixels), _) => Length::Pixels(pixels),
            (_, Some(share)) => Length::Share(share),
            _ => Length::Whole,
        };
        let from = |start: Option<u32>| Along {
            share: Factor::from_thousandths(0),
            shift: Shift::Pixels(i32::try_from(start.unwrap_or_default()).unwrap_or(i32::MAX)),
        };
        let at = match self.gravity {
            None if self.x.is_some() || self.y.is_some() => Gravity::Shifted {
                x: from(self.x),
                y: from(self.y),
            },
            other => other.unwrap_or(Gravity::CENTER),
        };
        transform.crop = Some(Crop::Placed { width, height, at });
    }
}

/// Pixels, or a share written with a point.
fn length(text: &str) -> Option<Length> {
    if text.contains('.') {
        return within(text, 0.001, 10.0)
            .and_then(factor)
            .map(Length::Share);
    }
    side(text).flatten().map(Length::Pixels)
}

fn ratio(text: &str) -> Option<f64> {
    let ratio = match text.split_once(':') {
        Some((width, height)) => number(width)? / number(height)?,
        None => number(text)?,
    };
    (0.001..1000.0).contains(&ratio).then_some(ratio)
}

fn gravity(text: &str) -> Option<Gravity> {
    match text {
        "face" | "faces" | "face:center" | "faces:center" => Some(Gravity::Face),
        text if text == "auto" || text.starts_with("auto:") => Some(Gravity::Salient),
        other => position(other),
    }
}

fn self_quality(text: &str, transform: &mut Transform) -> Option<()> {
    transform.quality = match text {
        "auto" | "auto:good" => Some(QualityChoice::Auto),
        "auto:best" => Some(QualityChoice::High),
        "auto:eco" => Some(QualityChoice::MediumHigh),
        "auto:low" => Some(QualityChoice::MediumLow),
        number => Some(quality(number)?),
    };
    Some(())
}

fn turn(text: &str, transform: &mut Transform) -> Option<()> {
    for word in text.split('.') {
        match word {
            "hflip" => transform.flip_horizontal = true,
            "vflip" => transform.flip_vertical = true,
            "exif" => {}
            angle => {
                let angle = number(angle).filter(|angle| angle % 90.0 == 0.0)?;
                transform.rotate = match (angle / 90.0).rem_euclid(4.0) as u8 {
                    0 => Rotation::None,
                    1 => Rotation::Quarter,
                    2 => Rotation::Half,
                    _ => Rotation::ThreeQuarters,
                };
            }
        }
    }
    Some(())
}

fn background(text: &str) -> Option<Colour> {
    match text.strip_prefix("rgb:") {
        Some(digits) => Colour::parse(&format!("#{digits}")),
        None => Colour::parse(text),
    }
}

/// Flags that change nothing here.
fn harmless(flags: &str) -> bool {
    flags.split('.').all(|flag| {
        let flag = flag.split_once(':').map_or(flag, |(flag, _)| flag);
        matches!(
            flag,
            "progressive" | "lossy" | "strip_profile" | "force_strip" | "immutable_cache" | "awebp"
        )
    })
}
