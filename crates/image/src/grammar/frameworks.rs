//! The optimisers of web frameworks' hosts: Next.js, Vercel, Netlify. A width and a quality, in a
//! query; the format is the best the client accepts.

use super::query::Query;
use super::source::{self, Bare};
use super::text::{format, point, quality, side};
use super::{Grammar, GrammarError, GrammarSettings, Parsed, Request};
use crate::{Fit, FormatChoice, Gravity, Placeholder, Transform, Width};

pub(super) fn next(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    make(settings.next, "next", "/_next/image", next_query)
}

pub(super) fn vercel(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    make(settings.vercel, "vercel", "/_vercel/image", next_query)
}

pub(super) fn netlify(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    make(
        settings.netlify,
        "netlify",
        "/.netlify/images",
        netlify_query,
    )
}

/// Reads a query into a transform.
type Read = fn(&Query, &mut Vec<String>) -> Result<Transform, GrammarError>;

fn make(
    enabled: bool,
    name: &'static str,
    path: &'static str,
    read: Read,
) -> Option<Box<dyn Grammar>> {
    enabled.then(|| Box::new(Framework { name, path, read }) as Box<dyn Grammar>)
}

struct Framework {
    name: &'static str,
    path: &'static str,
    read: Read,
}

impl Grammar for Framework {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        let path = request.path.strip_suffix('/').unwrap_or(request.path);
        (path == self.path).then(|| {
            let query = Query::read(self.name, request.query)?;
            let url = query.get("url").unwrap_or_default();
            if url.starts_with("//") {
                return Err(query.wrong("url", "a path or an address with its scheme"));
            }
            let mut notes = Vec::new();
            Ok(Parsed {
                grammar: self.name,
                transform: (self.read)(&query, &mut notes)?,
                source: source::read(self.name, url, Bare::Path)?,
                notes,
            })
        })
    }
}

/// `w` and `q`. Others, such as `dpl`, are ignored.
fn next_query(query: &Query, _: &mut Vec<String>) -> Result<Transform, GrammarError> {
    let mut transform = Transform {
        format: Some(FormatChoice::Auto),
        fit: Some(Fit::ScaleDown),
        ..Transform::default()
    };
    let width = query.get("w").and_then(side).flatten();
    let width = width.ok_or_else(|| query.wrong("w", "a number of pixels"))?;
    transform.width = Some(Width::Pixels(width));
    if let Some(text) = query.get("q") {
        let quality = quality(text).ok_or_else(|| query.wrong("q", "1 to 100"))?;
        transform.quality = Some(quality);
    }
    Ok(transform)
}

fn netlify_query(query: &Query, notes: &mut Vec<String>) -> Result<Transform, GrammarError> {
    let mut transform = Transform {
        format: Some(FormatChoice::Auto),
        fit: Some(Fit::ScaleDown),
        ..Transform::default()
    };
    for (name, value) in query.last() {
        let pixels = || side(value).ok_or_else(|| query.wrong(name, "a number of pixels"));
        match name {
            "url" => {}
            "w" => transform.width = pixels()?.map(Width::Pixels),
            "h" => transform.height = pixels()?,
            "q" => {
                let quality = quality(value).ok_or_else(|| query.wrong(name, "1 to 100"))?;
                transform.quality = Some(quality);
            }
            "fit" => {
                transform.fit = Some(match value {
                    "contain" => Fit::ScaleDown,
                    "cover" => Fit::Crop,
                    "fill" => Fit::SqueezeDown,
                    _ => return Err(query.wrong(name, "contain, cover or fill")),
                });
            }
            "position" => {
                let at = position(value).ok_or_else(|| query.wrong(name, "a side or center"))?;
                transform.gravity = Some(at);
            }
            "fm" if value == "blurhash" => {
                transform.placeholder = Some(Placeholder::Blurhash);
                transform.format = None;
            }
            "fm" if matches!(value, "gif" | "tiff") => {
                return Err(query.refused(name, "it is not written"));
            }
            "fm" => {
                let form = "avif, webp, png or jpg";
                let format = format(value).ok_or_else(|| query.wrong(name, form))?;
                transform.format = Some(format);
            }
            _ => notes.push(format!("`{name}` ignored")),
        }
    }
    Ok(transform)
}

/// Sides and corners in words, as `left`, `top left` or `left-top`.
pub(super) fn position(text: &str) -> Option<Gravity> {
    let (mut x, mut y) = (None, None);
    for word in text
        .split([' ', '-', ',', '_'])
        .filter(|word| !word.is_empty())
    {
        match word {
            "left" | "west" => x = Some(0),
            "right" | "east" => x = Some(1000),
            "top" | "north" => y = Some(0),
            "bottom" | "south" => y = Some(1000),
            "center" | "centre" | "middle" => {}
            _ => return None,
        }
    }
    Some(point(x.unwrap_or(500), y.unwrap_or(500)))
}
