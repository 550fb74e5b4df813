//! The filters, by name.

mod pixels;
mod watermark;

use pixels::touch;

use super::Dialect;
use super::parts::{Filter, Fitting};
use crate::grammar::GrammarError;
use crate::grammar::text::{
    blur, bytes, colour, factor, format, number, quality, shorten, whole, within,
};
use crate::{Colour, Factor, FormatChoice, MAX_OVERLAYS, Metadata, Sides, Surroundings, Transform};

/// What filters say beside what they change in the transform.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// `no_upscale` and `upscale`.
    pub(super) upscale: Option<bool>,
    /// `fill`.
    pub(super) fill: Option<Fill>,
    /// `focal`: left, top, right, bottom in pixels, or shares.
    pub(super) focal: Option<Focal>,
    /// `rotate`: quarter turns clockwise, after everything else.
    pub(super) quarters: u8,
    /// `proportion`, as a share.
    pub(super) proportion: Option<f64>,
    pub(super) stretch: bool,
    pub(super) padding: Option<(Option<Colour>, Sides)>,
}

/// What fills the box around a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    Colour(Colour),
    Picture(Surroundings),
}

/// Where the middle of what matters lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Focal {
    Pixels(f64, f64),
    Shares(f64, f64),
}

/// Filters that the servers have and that are not done here.
const REFUSED: &[&str] = &[
    "colorize",
    "curve",
    "distributed_collage",
    "frame",
    "hue",
    "image",
    "label",
    "lossless",
    "page",
    "text",
    "crop",
    "drop_shadow",
    "responsive",
    "video_frame",
];
/// Filters that change nothing in a picture.
const HARMLESS: &[&str] = &[
    "strip_icc",
    "max_age",
    "attachment",
    "preview",
    "dpi",
    "srgb",
    "to_colorspace",
    "format_info",
    "max_frames",
    "cover",
    // What thumbor does where nobody has installed what these need.
    "gifv",
    "red_eye",
    // What imagor does where nothing finds faces for it.
    "draw_detections",
    "redact",
    "redact_oval",
];
/// Read with the source, which it is about.
pub(super) const EXTRACT_FOCAL: &str = "extract_focal";

/// Reads the filters into a transform.
pub(super) fn read(
    dialect: Dialect,
    filters: &[Filter],
    now: u64,
    transform: &mut Transform,
    fitting: &mut Fitting,
    notes: &mut Vec<String>,
) -> Result<Said, GrammarError> {
    let mut said = Said::default();
    for filter in filters {
        let Filter { name, arguments } = filter;
        let whole = format!("{name}({arguments})");
        let arguments: Vec<_> = arguments.split(',').map(str::trim).collect();
        let first = arguments.first().copied().unwrap_or_default();
        if REFUSED.contains(&name.as_str()) {
            let reason = "nothing here does the same";
            return Err(GrammarError::refused(dialect.name(), &whole, reason));
        }
        if name == "expire" {
            let until: Option<u64> = first.parse().ok();
            match until.map(|milliseconds| milliseconds / 1000) {
                Some(until) if until < now => {
                    let grammar = dialect.name();
                    return Err(GrammarError::Expired { grammar });
                }
                Some(_) => continue,
                None => {
                    let form = "milliseconds since 1970";
                    return Err(GrammarError::option(dialect.name(), &whole, form));
                }
            }
        }
        if name == EXTRACT_FOCAL {
            continue;
        }
        if name == "watermark" {
            let overlay = watermark::read(dialect, &arguments, said.fill.is_none());
            let overlay = overlay
                .ok_or_else(|| GrammarError::option(dialect.name(), &whole, watermark::FORM))??;
            if transform.overlays.len() == MAX_OVERLAYS {
                let reason = "so many are not laid over one picture";
                return Err(GrammarError::refused(dialect.name(), &whole, reason));
            }
            transform.overlays.push(overlay);
            continue;
        }
        if name == "rotate" && !transform.overlays.is_empty() && first != "0" {
            let reason = "what is laid over a picture is not turned with it";
            return Err(GrammarError::refused(dialect.name(), &whole, reason));
        }
        let read = tone(dialect, name, first, transform)
            .or_else(|| output(name, first, transform))
            .or_else(|| touch(dialect, name, &arguments, transform))
            .or_else(|| shape(dialect, name, &arguments, &mut said, transform));
        match read {
            Some((Some(()), _)) => {}
            Some((None, form)) => {
                return Err(GrammarError::option(dialect.name(), &whole, form));
            }
            None => {
                let harmless = HARMLESS.contains(&name.as_str());
                let why = if harmless {
                    "it changes nothing here"
                } else {
                    "no such filter is known"
                };
                notes.push(format!("filter `{}` ignored: {why}", shorten(&whole)));
            }
        }
        if matches!(name.as_str(), "max_frames" | "cover") {
            transform.animation = Some(false);
        }
    }
    fitting.stretch |= said.stretch;
    Ok(said)
}

/// `None` if the name is another's; else whether it was read, and the form it should have.
type Read = Option<(Option<()>, &'static str)>;

fn tone(dialect: Dialect, name: &str, first: &str, transform: &mut Transform) -> Read {
    let imagor = dialect == Dialect::Imagor;
    let percent = |text| within(text, -100.0, 100.0);
    let form = "-100 to 100";
    Some(match name {
        "brightness" => (
            percent(first).map(|amount| transform.lift = (amount * 2.55) as i16),
            form,
        ),
        "contrast" => (
            percent(first).map(|amount| {
                let by = if imagor {
                    imagor_contrast(amount)
                } else {
                    thumbor_contrast(amount)
                };
                // A factor of 0 would be none.
                transform.contrast = factor(by.max(0.001));
            }),
            form,
        ),
        "saturation" if imagor => (
            percent(first).map(|amount| transform.saturation = factor(1.0 + amount / 100.0)),
            form,
        ),
        "saturation" => (
            within(first, 0.0, 100.0).map(|by| transform.saturation = factor(by)),
            "a factor, 1 changing nothing",
        ),
        "grayscale" => {
            transform.saturation = Some(Factor::from_thousandths(0));
            (Some(()), "")
        }
        "blur" => (
            within(first, 0.0, 150.0).map(|sigma| transform.blur = blur(sigma)),
            "a radius of up to 150 pixels",
        ),
        "sharpen" => (
            within(first, 0.0, 10.0).map(|amount| transform.sharpen = factor(amount)),
            "an amount of up to 10",
        ),
        _ => return None,
    })
}

/// thumbor squares the factor.
fn thumbor_contrast(amount: f64) -> f64 {
    let factor = (amount + 100.0) / 100.0;
    factor * factor
}

fn imagor_contrast(amount: f64) -> f64 {
    let level = (amount * 2.55).clamp(-255.0, 255.0);
    (259.0 * (level + 255.0)) / (255.0 * (259.0 - level))
}

fn output(name: &str, first: &str, transform: &mut Transform) -> Read {
    Some(match name {
        "quality" => (
            quality(first).map(|quality| transform.quality = Some(quality)),
            "1 to 100",
        ),
        "format" => (
            format(first).map(|format| transform.format = Some(format)),
            "jpeg, png, webp or avif; others are not written here",
        ),
        "strip_exif" | "strip_metadata" => {
            transform.metadata = Some(Metadata::None);
            (Some(()), "")
        }
        "background_color" => (
            colour(first).map(|colour| transform.background = Some(colour)),
            "a colour",
        ),
        "autoformat" => {
            transform.format = Some(FormatChoice::Auto);
            (Some(()), "")
        }
        // Of the formats that all know, the one that suits the picture.
        "autojpg" => {
            if !matches!(first, "False" | "false" | "0") {
                transform.format.get_or_insert(FormatChoice::Auto);
            }
            (Some(()), "")
        }
        "max_bytes" => (
            bytes(first).map(|most| transform.demands.max_bytes = most),
            "a number of bytes",
        ),
        "raw" => {
            transform.demands.untouched = true;
            (Some(()), "")
        }
        _ => return None,
    })
}

fn shape(
    dialect: Dialect,
    name: &str,
    arguments: &[&str],
    said: &mut Said,
    transform: &mut Transform,
) -> Read {
    let first = arguments.first().copied().unwrap_or_default();
    Some(match name {
        "upscale" => {
            said.upscale = Some(true);
            (Some(()), "")
        }
        "no_upscale" => {
            said.upscale = Some(false);
            (Some(()), "")
        }
        "stretch" => {
            said.stretch = true;
            (Some(()), "")
        }
        "fill" => (
            fill(first).map(|fill| said.fill = Some(fill)),
            "a colour, none, auto or blur",
        ),
        "focal" => (
            focal(dialect, &arguments.join(",")).map(|focal| said.focal = Some(focal)),
            "left x top : right x bottom",
        ),
        "rotate" => (
            number(first)
                .filter(|angle| angle % 90.0 == 0.0)
                .map(|angle| {
                    // thumbor turns against the clock.
                    let angle = if dialect == Dialect::Thumbor {
                        -angle
                    } else {
                        angle
                    };
                    said.quarters = (angle / 90.0).rem_euclid(4.0) as u8;
                }),
            "a whole number of quarter turns in degrees",
        ),
        "orient" => (
            crate::Rotation::parse(first).map(|rotation| transform.rotate = rotation),
            "0, 90, 180 or 270",
        ),
        "proportion" => {
            let imagor = dialect == Dialect::Imagor;
            let most = if imagor { 100.0 } else { 1.0 };
            let share = within(first, 0.001, most);
            // imagor takes per cent, and shares as well.
            let share = share.map(|by| if by > 1.0 { by / 100.0 } else { by });
            (
                share.map(|share| said.proportion = Some(share)),
                "a share of the picture",
            )
        }
        "padding" => (
            padding(arguments).map(|padding| said.padding = Some(padding)),
            "a colour and one, two or four lengths",
        ),
        _ => return None,
    })
}

fn fill(text: &str) -> Option<Fill> {
    Some(match text {
        "auto" => Fill::Picture(Surroundings::Mean),
        "blur" => Fill::Picture(Surroundings::Blurred),
        text => Fill::Colour(colour_or_none(text)?),
    })
}

fn colour_or_none(text: &str) -> Option<Colour> {
    match text {
        "none" | "transparent" => Some(Colour {
            red: 255,
            green: 255,
            blue: 255,
            alpha: 0,
        }),
        text => colour(text),
    }
}

/// A region, or a point in imagor.
fn focal(dialect: Dialect, text: &str) -> Option<Focal> {
    let numbers: Option<Vec<f64>> = text
        .split([',', ':', 'x'])
        .map(|text| number(text.trim()).filter(|number| *number >= 0.0))
        .collect();
    let (x, y, most) = match *numbers?.as_slice() {
        [left, top, right, bottom] => (
            f64::midpoint(left, right),
            f64::midpoint(top, bottom),
            right.max(bottom),
        ),
        [x, y] => (x, y, x.max(y)),
        _ => return None,
    };
    let shares = dialect == Dialect::Imagor && most <= 1.0;
    Some(if shares {
        Focal::Shares(x, y)
    } else {
        Focal::Pixels(x, y)
    })
}

/// `color,left,top,right,bottom` with sides that follow their opposite.
fn padding(arguments: &[&str]) -> Option<(Option<Colour>, Sides)> {
    let (first, lengths) = arguments.split_first()?;
    let lengths: Option<Vec<u32>> = lengths.iter().map(|text| whole(text)).collect();
    let (left, top, right, bottom) = match *lengths?.as_slice() {
        [all] => (all, all, all, all),
        [across, down] => (across, down, across, down),
        [left, top, right, bottom] => (left, top, right, bottom),
        _ => return None,
    };
    let fill = match *first {
        "" => None,
        text => Some(colour_or_none(text)?),
    };
    Some((
        fill,
        Sides {
            top,
            right,
            bottom,
            left,
        },
    ))
}
