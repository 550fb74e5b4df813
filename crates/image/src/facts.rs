//! `format=json`: facts instead of a picture.

use std::fmt::Write;

use crate::encode::{Encoders, Goal, encode_as, exact_as};
use crate::geometry::Layout;
use crate::placeholder::{Placeholders, small};
use crate::render::{Job, Pixels};
use crate::{Format, ImageError, Limits, Variant, border, probe};

/// Results of more pixels are not made only to tell their sizes.
const MEASURED_PIXELS: u64 = 4_000_000;
/// What stands in place is made of a picture with no side longer than this, in pixels.
const SMALL: usize = 256;

/// What `format=json` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Width the result would have.
    pub width: u32,
    /// Height the result would have.
    pub height: u32,
    /// Length of the source file, in bytes.
    pub file_size: u64,
    /// Width of the source, upright.
    pub source_width: u32,
    /// Height of the source, upright.
    pub source_height: u32,
    /// Kind of the source.
    pub format: Format,
    /// The kinds of files the result can be, each with its length in bytes as measured; empty
    /// where that would take long.
    pub sizes: Vec<(Format, u64)>,
    /// What stands in its place until it comes; absent where the pixels cannot be read.
    pub placeholders: Option<Placeholders>,
    /// What was asked for in the form of thumbor.
    pub(crate) meta: Option<Meta>,
}

/// The facts that thumbor tells, beyond sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The source's address.
    address: String,
    /// What is done, one after the other, as JSON.
    operations: Vec<String>,
}

impl Meta {
    /// `None` if the variant asks for no such form.
    fn of(job: &Job<'_>) -> Option<Self> {
        let address = job.variant.demands.meta.clone()?;
        let Layout {
            trim,
            turned,
            window,
            inner,
            untrimmed,
            ..
        } = job.layout;
        let crop = |(left, top): (u32, u32), (width, height): (u32, u32)| {
            let (right, bottom) = (left + width, top + height);
            format!(
                "{{\"type\":\"crop\",\"left\":{left},\"top\":{top},\"right\":{right},\
                 \"bottom\":{bottom}}}"
            )
        };
        let mut operations = Vec::new();
        if !untrimmed {
            operations.push(crop((trim.left, trim.top), (trim.width, trim.height)));
        }
        if window != turned {
            operations.push(crop(job.point_offset(), window));
        }
        if inner != window {
            let (width, height) = inner;
            operations.push(format!(
                "{{\"type\":\"resize\",\"width\":{width},\"height\":{height}}}"
            ));
        }
        let flips = [
            (job.variant.flip_horizontal, "flip_horizontally"),
            (job.variant.flip_vertical, "flip_vertically"),
        ];
        let flips = flips.iter().filter(|(done, _)| *done);
        operations.extend(flips.map(|(_, name)| format!("{{\"type\":\"{name}\"}}")));
        Some(Self {
            address,
            operations,
        })
    }
}

/// A text in JSON, with its quotation marks.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // `<` too: no page may be made of it.
            '<' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

impl Facts {
    /// The facts as JSON:
    /// `{"width":…,"height":…,"original":{"file_size":…,"width":…,"height":…,"format":"image/…"}}`,
    /// and, beyond Cloudflare's form, `"formats":[{"format":"image/…","file_size":…},…]` and
    /// `"placeholder":{"color":"#…","thumbhash":"…","blurhash":"…","lqip":"data:…"}`.
    /// Where it was thumbor's URL that asked, in thumbor's form:
    /// `{"thumbor":{"source":{"url":…,"width":…,"height":…},"operations":[…],"target":{…}}}`.
    pub fn to_json(&self) -> String {
        let Self {
            width,
            height,
            file_size,
            source_width,
            source_height,
            format,
            ..
        } = self;
        if let Some(Meta {
            address,
            operations,
        }) = &self.meta
        {
            let (address, operations) = (quoted(address), operations.join(","));
            return format!(
                "{{\"thumbor\":{{\"source\":{{\"url\":{address},\"width\":{source_width},\
                 \"height\":{source_height}}},\"operations\":[{operations}],\
                 \"target\":{{\"width\":{width},\"height\":{height}}}}}}}"
            );
        }
        let content_type = format.content_type();
        let mut json = format!(
            "{{\"width\":{width},\"height\":{height},\"original\":{{\"file_size\":{file_size},\
             \"width\":{source_width},\"height\":{source_height},\"format\":\"{content_type}\"}}"
        );
        self.add_sizes(&mut json);
        self.add_placeholders(&mut json);
        json.push('}');
        json
    }

    fn add_sizes(&self, json: &mut String) {
        let sizes = self.sizes.iter().map(|(format, bytes)| {
            let content_type = format.content_type();
            format!("{{\"format\":\"{content_type}\",\"file_size\":{bytes}}}")
        });
        let sizes: Vec<String> = sizes.collect();
        if !sizes.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(json, ",\"formats\":[{}]", sizes.join(","));
        }
    }

    /// No character of theirs needs to be escaped.
    fn add_placeholders(&self, json: &mut String) {
        if let Some(Placeholders {
            color,
            thumbhash,
            blurhash,
            lqip,
        }) = &self.placeholders
        {
            let _ = write!(
                json,
                ",\"placeholder\":{{\"color\":\"{color}\",\"thumbhash\":\"{thumbhash}\",\
                 \"blurhash\":\"{blurhash}\",\"lqip\":\"{lqip}\"}}"
            );
        }
    }
}

/// The facts about a source and what the variant would make of it. Dimensions are those of its
/// header; what only pixels can tell is left out where these cannot be read.
///
/// Costs decoding the source, and encoding the result once for each kind of file.
///
/// # Errors
/// As for [`probe()`], [`ImageError::OutputPixels`], and [`ImageError::Cancelled`].
pub fn facts(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Facts, ImageError> {
    let probe = probe(source, limits)?;
    let layout = Layout::new(&probe, variant, limits)?;
    let (source_width, source_height) = probe.upright_size();
    if variant.demands.meta.is_some() {
        return meta(source, variant, limits, cancel);
    }
    let placeholders = unless_cancelled(placeholders(source, variant, limits, cancel))?;
    let area = u64::from(layout.canvas.0) * u64::from(layout.canvas.1);
    let sizes = match area <= MEASURED_PIXELS && !probe.animated {
        true => unless_cancelled(sizes(source, variant, limits, cancel))?,
        false => None,
    };
    Ok(Facts {
        width: layout.canvas.0,
        height: layout.canvas.1,
        file_size: source.len() as u64,
        source_width,
        source_height,
        format: probe.format,
        sizes: sizes.unwrap_or_default(),
        placeholders,
        meta: None,
    })
}

/// The facts in the form of thumbor: dimensions, and what is done.
fn meta(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Facts, ImageError> {
    let seen = border::seen(source, variant, limits, cancel)?;
    let job = Job::new(source, seen.as_ref().unwrap_or(variant), limits, cancel)?;
    let (source_width, source_height) = job.probe.upright_size();
    Ok(Facts {
        width: job.layout.canvas.0,
        height: job.layout.canvas.1,
        file_size: source.len() as u64,
        source_width,
        source_height,
        format: job.probe.format,
        sizes: Vec::new(),
        placeholders: None,
        meta: Meta::of(&job),
    })
}

/// What cannot be told is not an error, but work that is called off ends.
fn unless_cancelled<T>(told: Result<T, ImageError>) -> Result<Option<T>, ImageError> {
    match told {
        Ok(told) => Ok(Some(told)),
        Err(ImageError::Cancelled) => Err(ImageError::Cancelled),
        Err(_) => Ok(None),
    }
}

fn placeholders(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Placeholders, ImageError> {
    let (picture, photograph) = small(source, variant, SMALL, limits, cancel)?;
    Placeholders::of(&picture, photograph, variant, cancel)
}

/// The result as each kind of file that suits it, at the variant's quality.
fn sizes(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<(Format, u64)>, ImageError> {
    let job = Job::new(source, variant, limits, cancel)?;
    let Pixels {
        picture,
        photograph,
        ..
    } = job.pixels()?;
    let goal = Goal {
        variant,
        source_format: job.probe.format,
        photograph,
        exif: None,
        found: None,
        avif: Encoders::default(),
        cancel,
    };
    let step = (variant.quality.value(), !photograph);
    let mut sizes = Vec::with_capacity(3);
    for format in [Format::Jpeg, Format::WebP] {
        let made = encode_as(&picture, format, step, &goal)?;
        sizes.push((format, made.bytes.len() as u64));
    }
    if !photograph {
        let made = exact_as(&picture, Format::Png, &goal)?;
        sizes.push((Format::Png, made.bytes.len() as u64));
    }
    Ok(sizes)
}
