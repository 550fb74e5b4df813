//! Reading the options text: one table, all problems at once.

use std::borrow::Cow;
use std::fmt;

use base::{Failure, Fault, Quality};
use http::StatusCode;

use super::{
    Colour, Factor, Fit, FormatChoice, Gravity, Metadata, QualityChoice, Rotation, Transform, Trim,
    Width,
};

/// Most options in one text.
const MAX_OPTIONS: usize = 64;
/// Longest options text, in bytes.
const MAX_TEXT: usize = 4096;
/// Most of a wrong value that is repeated in a message, in characters.
const SHOWN: usize = 60;

/// One thing wrong with the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionProblem {
    /// The option, as written.
    pub option: String,
    /// Its value, as written; shortened when long.
    pub value: String,
    /// The form that would have been accepted.
    pub expected: String,
}

/// Everything wrong with one options text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// The problems, in the order of the text; never empty.
    pub problems: Vec<OptionProblem>,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            let OptionProblem {
                option,
                value,
                expected,
            } = problem;
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}`{option}={value}`: expected {expected}")?;
        }
        Ok(())
    }
}

impl std::error::Error for OptionError {}

impl Failure for OptionError {
    fn fault(&self) -> Fault {
        Fault::Client
    }

    fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    fn code(&self) -> &'static str {
        "image.options"
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Owned(self.to_string())
    }
}

/// One option: its names, the form of its value, and where the value goes.
struct Spec {
    names: &'static [&'static str],
    form: &'static str,
    set: fn(&mut Transform, &str) -> Option<()>,
}

const QUALITY_FORM: &str = "1 to 100, high, medium-high, medium-low or low";
const FACTOR_FORM: &str = "a number from 0 to 100, 1 changing nothing";

/// Every option.
const OPTIONS: &[Spec] = &[
    Spec {
        names: &["width", "w"],
        form: "a whole number of pixels from 1 to 65535, or auto",
        set: |transform, text| {
            transform.width = Some(match text {
                "auto" => Width::Auto,
                number => Width::Pixels(pixels(number)?),
            });
            Some(())
        },
    },
    Spec {
        names: &["height", "h"],
        form: "a whole number of pixels from 1 to 65535",
        set: |transform, text| put(&mut transform.height, pixels(text)),
    },
    Spec {
        names: &["dpr"],
        form: "a number from 0.1 to 10 (more than 3 counts as 3)",
        set: |transform, text| put(&mut transform.dpr, factor(text, 100, 10_000)),
    },
    Spec {
        names: &["fit"],
        form: "scale-down, scale-up, contain, cover, crop, aspect-crop, pad or squeeze",
        set: |transform, text| put(&mut transform.fit, Fit::parse(text)),
    },
    Spec {
        names: &["gravity", "g"],
        form: "auto, face, entropy, left, right, top, bottom, center, or a point such as 0.5x0.33",
        set: |transform, text| put(&mut transform.gravity, gravity(text)),
    },
    Spec {
        names: &["zoom", "face-zoom"],
        form: "a number from 0 to 1, with gravity=face",
        set: |transform, text| put(&mut transform.zoom, factor(text, 0, 1000)),
    },
    Spec {
        names: &["quality", "q"],
        form: QUALITY_FORM,
        set: |transform, text| put(&mut transform.quality, quality(text)),
    },
    Spec {
        names: &["slow-connection-quality", "scq"],
        form: QUALITY_FORM,
        set: |transform, text| put(&mut transform.slow_quality, quality(text)),
    },
    Spec {
        names: &["format", "f"],
        form: "auto, avif, webp, jpeg, baseline-jpeg, png or json",
        set: |transform, text| put(&mut transform.format, FormatChoice::parse(text)),
    },
    Spec {
        names: &["compression"],
        form: "fast",
        set: |transform, text| flag(&mut transform.fast, text == "fast"),
    },
    Spec {
        names: &["anim"],
        form: "true or false",
        set: |transform, text| put(&mut transform.animation, text.parse().ok()),
    },
    Spec {
        names: &["metadata"],
        form: "keep, copyright or none",
        set: |transform, text| put(&mut transform.metadata, Metadata::parse(text)),
    },
    Spec {
        names: &["background"],
        form: "a CSS colour such as red, #rgb, #rrggbb, #rrggbbaa, rgb(…) or rgba(…)",
        set: |transform, text| put(&mut transform.background, Colour::parse(text)),
    },
    Spec {
        names: &["blur"],
        form: "a number from 1 to 250",
        set: |transform, text| put(&mut transform.blur, factor(text, 1000, 250_000)),
    },
    Spec {
        names: &["sharpen"],
        form: "a number from 0 to 10",
        set: |transform, text| put(&mut transform.sharpen, factor(text, 0, 10_000)),
    },
    Spec {
        names: &["brightness"],
        form: FACTOR_FORM,
        set: |transform, text| put(&mut transform.brightness, factor(text, 0, 100_000)),
    },
    Spec {
        names: &["contrast"],
        form: FACTOR_FORM,
        set: |transform, text| put(&mut transform.contrast, factor(text, 0, 100_000)),
    },
    Spec {
        names: &["gamma"],
        form: FACTOR_FORM,
        set: |transform, text| put(&mut transform.gamma, factor(text, 0, 100_000)),
    },
    Spec {
        names: &["saturation"],
        form: FACTOR_FORM,
        set: |transform, text| put(&mut transform.saturation, factor(text, 0, 100_000)),
    },
    Spec {
        names: &["rotate"],
        form: "0, 90, 180, 270 or 360",
        set: |transform, text| {
            let text = if text == "360" { "0" } else { text };
            transform.rotate = Rotation::parse(text)?;
            Some(())
        },
    },
    Spec {
        names: &["flip"],
        form: "h, v or hv",
        set: |transform, text| {
            let (horizontal, vertical) = match text {
                "h" => (true, false),
                "v" => (false, true),
                "hv" | "vh" => (true, true),
                _ => return None,
            };
            transform.flip_horizontal = horizontal;
            transform.flip_vertical = vertical;
            Some(())
        },
    },
    Spec {
        names: &["trim"],
        form: "four whole numbers of pixels, top;right;bottom;left",
        set: |transform, text| put(&mut transform.trim, edges(text)),
    },
    Spec {
        names: &["trim.left"],
        form: "a whole number of pixels, 0 or more, without trim",
        set: |transform, text| area(transform, text, 0, |left, _, _, _, value| *left = value),
    },
    Spec {
        names: &["trim.top"],
        form: "a whole number of pixels, 0 or more, without trim",
        set: |transform, text| area(transform, text, 0, |_, top, _, _, value| *top = value),
    },
    Spec {
        names: &["trim.width"],
        form: "a whole number of pixels, 1 or more, without trim",
        set: |transform, text| {
            area(transform, text, 1, |_, _, width, _, value| {
                *width = Some(value);
            })
        },
    },
    Spec {
        names: &["trim.height"],
        form: "a whole number of pixels, 1 or more, without trim",
        set: |transform, text| {
            area(transform, text, 1, |_, _, _, height, value| {
                *height = Some(value);
            })
        },
    },
    Spec {
        names: &["onerror"],
        form: "redirect",
        set: |transform, text| flag(&mut transform.redirect_on_error, text == "redirect"),
    },
    Spec {
        names: &["wbreakpoints"],
        form: "ascending numbers of pixels such as 320;768;1200, with width=auto",
        set: |transform, text| {
            let widths: Option<Vec<u32>> = text.split(';').map(pixels).collect();
            let widths =
                widths.filter(|list| list.len() <= 16 && list.is_sorted_by(|a, b| a < b))?;
            transform.auto_width.breakpoints = widths;
            Some(())
        },
    },
    Spec {
        names: &["wmobile"],
        form: "a whole number of pixels from 1 to 65535, with width=auto",
        set: |transform, text| {
            transform.auto_width.mobile = pixels(text)?;
            Some(())
        },
    },
    Spec {
        names: &["wdesktop"],
        form: "a whole number of pixels from 1 to 65535, with width=auto",
        set: |transform, text| {
            transform.auto_width.desktop = pixels(text)?;
            Some(())
        },
    },
    Spec {
        names: &["upscale"],
        form: "interpolate",
        set: |_, text| (text == "interpolate").then_some(()),
    },
];

/// Every option with its names (the first is the main one) and the form of its value, for
/// documentation.
pub fn option_forms() -> impl Iterator<Item = (&'static [&'static str], &'static str)> {
    OPTIONS.iter().map(|spec| (spec.names, spec.form))
}

impl Transform {
    /// Reads the options of `/cdn-cgi/image/<options>/…`: `name=value` separated by commas, with or
    /// without percent-encoding. Commas inside parentheses separate nothing.
    ///
    /// # Errors
    /// All options that are unknown, given twice, malformed, or contradict another.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let mut reading = Reading::default();
        if text.len() > MAX_TEXT {
            reading.reject("options", text, format!("at most {MAX_TEXT} bytes"));
        } else if let Some(text) = decode_percent(text) {
            reading.read(&text);
        } else {
            reading.reject("options", text, "valid percent-encoding of UTF-8 text");
        }
        reading.finish()
    }
}

/// The state of reading one text.
#[derive(Default)]
struct Reading {
    transform: Transform,
    /// Main names of the options seen, each with the value given.
    seen: Vec<(&'static str, String)>,
    problems: Vec<OptionProblem>,
}

impl Reading {
    fn reject(&mut self, option: &str, value: &str, expected: impl Into<String>) {
        self.problems.push(OptionProblem {
            option: shorten(option),
            value: shorten(value),
            expected: expected.into(),
        });
    }

    fn read(&mut self, text: &str) {
        let parts = split_outside_parentheses(text);
        if parts.len() > MAX_OPTIONS {
            self.reject("options", text, format!("at most {MAX_OPTIONS} options"));
            return;
        }
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            self.read_one(name, value);
        }
        self.check_together();
    }

    fn read_one(&mut self, name: &str, value: &str) {
        let Some(spec) = OPTIONS.iter().find(|spec| spec.names.contains(&name)) else {
            self.reject(name, value, expected_names(name));
            return;
        };
        let main = spec.names[0];
        if self.has(main) {
            self.reject(name, value, format!("`{main}` only once"));
            return;
        }
        if (spec.set)(&mut self.transform, value).is_none() {
            self.reject(name, value, spec.form);
        }
        self.seen.push((main, value.to_owned()));
    }

    fn has(&self, main: &str) -> bool {
        self.seen.iter().any(|(name, _)| *name == main)
    }

    /// Options that need another one.
    fn check_together(&mut self) {
        let auto = self.transform.width == Some(Width::Auto);
        let face = self.transform.gravity == Some(Gravity::Face);
        let alone: Vec<_> = self
            .seen
            .iter()
            .filter_map(|(name, value)| {
                let partner = match *name {
                    "wbreakpoints" | "wmobile" | "wdesktop" if !auto => "width=auto",
                    "zoom" if !face => "gravity=face",
                    _ => return None,
                };
                Some((*name, value.clone(), partner))
            })
            .collect();
        for (name, value, partner) in alone {
            self.reject(name, &value, format!("`{partner}` beside it"));
        }
    }

    fn finish(self) -> Result<Transform, OptionError> {
        if self.problems.is_empty() {
            Ok(self.transform)
        } else {
            Err(OptionError {
                problems: self.problems,
            })
        }
    }
}

/// Undoes percent-encoding (RFC 3986 §2.1); `None` if an escape is malformed or the result is no
/// UTF-8.
fn decode_percent(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|byte| (byte as char).to_digit(16));
            let (high, low) = (digit()?, digit()?);
            decoded.push((high * 16 + low) as u8);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth <= 0
    })
    .collect()
}

fn expected_names(name: &str) -> String {
    let names = || OPTIONS.iter().flat_map(|spec| spec.names).copied();
    let nearest = names()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len())
        .min();
    match nearest {
        Some((_, known)) => format!("a known option (did you mean `{known}`?)"),
        None => {
            let main: Vec<_> = OPTIONS.iter().map(|spec| spec.names[0]).collect();
            format!("one of {}", main.join(", "))
        }
    }
}

fn shorten(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

fn put<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    *slot = Some(value?);
    Some(())
}

fn flag(slot: &mut bool, given: bool) -> Option<()> {
    *slot = given;
    given.then_some(())
}

/// A whole number up to 65,535: digits only, no sign.
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u16 = digits.then(|| text.parse().ok())??;
    Some(number.into())
}

fn pixels(text: &str) -> Option<u32> {
    whole(text).filter(|pixels| *pixels > 0)
}

fn factor(text: &str, least: u32, most: u32) -> Option<Factor> {
    Factor::parse(text).filter(|factor| (least..=most).contains(&factor.thousandths()))
}

fn quality(text: &str) -> Option<QualityChoice> {
    Some(match text {
        "high" => QualityChoice::High,
        "medium-high" => QualityChoice::MediumHigh,
        "medium-low" => QualityChoice::MediumLow,
        "low" => QualityChoice::Low,
        number => {
            let number = whole(number).filter(|number| (1..=100).contains(number))?;
            QualityChoice::Number(Quality::new(u8::try_from(number).ok()?))
        }
    })
}

fn gravity(text: &str) -> Option<Gravity> {
    let point = |x, y| {
        Some(Gravity::Point {
            x: Factor::from_thousandths(x),
            y: Factor::from_thousandths(y),
        })
    };
    match text {
        "auto" | "entropy" => Some(Gravity::Salient),
        "face" => Some(Gravity::Face),
        "center" => Some(Gravity::CENTER),
        "left" => point(0, 500),
        "right" => point(1000, 500),
        "top" => point(500, 0),
        "bottom" => point(500, 1000),
        pair => {
            let (x, y) = pair.split_once('x')?;
            point(
                factor(x, 0, 1000)?.thousandths(),
                factor(y, 0, 1000)?.thousandths(),
            )
        }
    }
}

fn edges(text: &str) -> Option<Trim> {
    let mut sides = text.split(';').map(whole);
    let mut side = || sides.next().flatten();
    let trim = Trim::Edges {
        top: side()?,
        right: side()?,
        bottom: side()?,
        left: side()?,
    };
    sides.next().is_none().then_some(trim)
}

/// Sets one number of [`Trim::Area`]; `None` if `trim` was given already.
fn area(
    transform: &mut Transform,
    text: &str,
    least: u32,
    set: fn(&mut u32, &mut u32, &mut Option<u32>, &mut Option<u32>, u32),
) -> Option<()> {
    let value = whole(text).filter(|value| *value >= least)?;
    let trim = transform.trim.get_or_insert(Trim::Area {
        left: 0,
        top: 0,
        width: None,
        height: None,
    });
    match trim {
        Trim::Area {
            left,
            top,
            width,
            height,
        } => set(left, top, width, height, value),
        Trim::Edges { .. } => return None,
    }
    Some(())
}
