//! The table of options: names, the form of each value, where it goes. A new option is a new entry.

use base::Quality;

use super::{
    Colour, Factor, Fit, FormatChoice, Gravity, Metadata, Placeholder, QualityChoice, Rotation,
    Transform, Trim, Width,
};

/// One option: its names, the form of its value, and where the value goes.
pub(super) struct Spec {
    pub(super) names: &'static [&'static str],
    pub(super) form: &'static str,
    pub(super) set: fn(&mut Transform, &str) -> Option<()>,
}

const QUALITY_FORM: &str = "1 to 100, auto, high, medium-high, medium-low or low";
const FACTOR_FORM: &str = "a number from 0 to 100, 1 changing nothing";

/// Every option.
pub(super) const OPTIONS: &[Spec] = &[
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
        set: |transform, text| {
            let known = Fit::parse(text).filter(|fit| fit.is_cloudflares());
            put(&mut transform.fit, known)
        },
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
        names: &["placeholder"],
        form: "lqip, thumbhash, blurhash or color, without format",
        set: |transform, text| put(&mut transform.placeholder, Placeholder::parse(text)),
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
    QualityChoice::parse_name(text).or_else(|| {
        let number = whole(text).filter(|number| (1..=100).contains(number))?;
        Some(QualityChoice::Number(Quality::new(
            u8::try_from(number).ok()?,
        )))
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
        Trim::Edges { .. } | Trim::Border { .. } => return None,
    }
    Some(())
}
