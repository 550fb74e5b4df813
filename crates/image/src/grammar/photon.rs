//! Photon, of WordPress: `/<host>/<path>?resize=640,480`, and the same arguments on the site's own
//! pictures.

use super::query::{self, Query};
use super::source::{self, Bare, begins_with_host};
use super::text::{factor, number, quality, side, times, truth, within};
use super::{Grammar, GrammarError, GrammarSettings, Parsed, Request};
use crate::transform::decode_percent;
use crate::{Crop, Factor, Fit, FormatChoice, Length, Metadata, Transform, Width};

const NAME: &str = "photon";
/// Its arguments.
const OURS: &[&str] = &[
    "w", "h", "resize", "fit", "crop", "quality", "strip", "zoom", "ssl", "filter",
];
/// Arguments that are known there and not made here.
const REFUSED: &[&str] = &["lb", "ulb", "brightness", "contrast", "colorize", "smooth"];

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    settings
        .photon
        .then(|| Box::new(Photon) as Box<dyn Grammar>)
}

struct Photon;

fn ours(name: &str) -> bool {
    OURS.contains(&name) || REFUSED.contains(&name)
}

impl Grammar for Photon {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        let path = request.path.strip_prefix('/')?;
        let foreign = begins_with_host(path);
        if !request.picture || !(foreign || query::has(request.query, ours)) {
            return None;
        }
        Some(parse(path, foreign, request))
    }
}

fn parse(path: &str, foreign: bool, request: &Request<'_>) -> Result<Parsed, GrammarError> {
    let query = Query::read(NAME, request.query)?;
    let source = if foreign {
        let secure = query.get("ssl").is_some_and(truth);
        let decoded = decode_percent(path);
        let broken = || GrammarError::source(NAME, path, "its percent-encoding is broken");
        let decoded = decoded.ok_or_else(broken)?;
        let scheme = if secure { "https" } else { "http" };
        source::read(NAME, &decoded, Bare::Host(scheme))?
    } else {
        match query::without(request.query, ours) {
            Some(rest) => format!("{}?{rest}", request.path),
            None => request.path.to_owned(),
        }
    };
    Ok(Parsed {
        grammar: NAME,
        transform: transform(&query)?,
        source,
        notes: Vec::new(),
    })
}

fn transform(query: &Query) -> Result<Transform, GrammarError> {
    let mut transform = Transform {
        fit: Some(Fit::ScaleDown),
        format: Some(FormatChoice::Auto),
        ..Transform::default()
    };
    for (name, value) in query.last() {
        if REFUSED.contains(&name) {
            return Err(query.refused(name, "nothing here does the same"));
        }
        match name {
            "w" => {
                let width = side(value).ok_or_else(|| query.wrong(name, "a number of pixels"))?;
                transform.width = width.map(Width::Pixels);
            }
            "h" => {
                let height = side(value).ok_or_else(|| query.wrong(name, "a number of pixels"))?;
                transform.height = height;
            }
            "resize" | "fit" => {
                let (width, height) =
                    pair(value).ok_or_else(|| query.wrong(name, "two numbers of pixels"))?;
                transform.width = width.map(Width::Pixels);
                transform.height = height;
                let fit = if name == "resize" {
                    Fit::Cover
                } else {
                    Fit::ScaleDown
                };
                transform.fit = Some(fit);
            }
            "crop" => {
                let form = "left,top,width,height in per cent or with px";
                let crop = crop(value).ok_or_else(|| query.wrong(name, form))?;
                transform.crop = Some(crop);
            }
            "quality" => {
                let quality = quality(value).ok_or_else(|| query.wrong(name, "1 to 100"))?;
                transform.quality = Some(quality);
            }
            "strip" if matches!(value, "all" | "info") => transform.metadata = Some(Metadata::None),
            "filter" if value == "grayscale" => {
                transform.saturation = Some(Factor::from_thousandths(0));
            }
            "filter" => return Err(query.refused(name, "only grayscale is made here")),
            _ => {}
        }
    }
    if let Some(text) = query.get("zoom") {
        let zoom = within(text, 0.1, 10.0).ok_or_else(|| query.wrong("zoom", "up to 10"))?;
        if let Some(Width::Pixels(width)) = &mut transform.width {
            *width = times(*width, zoom);
        }
        transform.height = transform.height.map(|height| times(height, zoom));
    }
    Ok(transform)
}

fn pair(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let (width, height) = text.split_once(',')?;
    Some((side(width.trim())?, side(height.trim())?))
}

fn crop(text: &str) -> Option<Crop> {
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    let [left, top, width, height] = parts.as_slice() else {
        return None;
    };
    // A start and a length of the same kind end where both together do.
    let line = |start: &str, length: &str| {
        let in_pixels = |text: &str| text.strip_suffix("px").and_then(number);
        if let Some((start, length)) = in_pixels(start).zip(in_pixels(length)) {
            let pixels = |number: f64| Length::Pixels(number.max(0.0) as u32);
            return Some((pixels(start), pixels(start + length)));
        }
        let share = |number: f64| Some(Length::Share(factor(number / 100.0)?));
        let (start, length) = (within(start, 0.0, 100.0)?, within(length, 0.0, 100.0)?);
        Some((share(start)?, share(start + length)?))
    };
    let ((left, right), (top, bottom)) = (line(left, width)?, line(top, height)?);
    Some(Crop::Between {
        left,
        top,
        right,
        bottom,
    })
}
