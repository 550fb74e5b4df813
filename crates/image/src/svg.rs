//! SVG: what a document says of its size, and the document without what could do harm.
//!
//! A document is as dangerous as a page where it is opened by itself: it may run scripts, load, and
//! send. What is passed on is made harmless first, and so is what is drawn.

use std::io::Cursor;

use svg_hush::{Filter, data_url_filter};
use svgtypes::{Length, LengthUnit, ViewBox};
use xml::reader::{EventReader, XmlEvent};

use crate::encode::Made;
use crate::render::Job;
use crate::{Format, ImageError, Output, Probe, outline_of};

/// Deepest nesting of elements. Drawing programs stay below a hundred.
const DEEPEST: usize = 256;
/// Largest document, in bytes.
const LONGEST: usize = 8 << 20;
/// Most elements.
const MOST_ELEMENTS: usize = 200_000;
/// Pixels of CSS to an inch (CSS Values 4 §6.2).
const PIXELS_TO_AN_INCH: f64 = 96.0;
/// Size of a document that says nothing of it, in pixels (CSS 2.2 §10.3.2).
const DEFAULT: (f64, f64) = (300.0, 150.0);

/// A document that does no harm.
pub(crate) struct Harmless {
    pub(crate) document: Vec<u8>,
    /// Whether it has text, which cannot be drawn without fonts.
    pub(crate) has_text: bool,
}

/// Reads the first element; `None` if it is not `svg`.
pub(crate) fn probe(bytes: &[u8]) -> Option<Probe> {
    let events = EventReader::new(Cursor::new(bytes));
    for event in events {
        match event.ok()? {
            XmlEvent::StartElement {
                name, attributes, ..
            } => {
                let attribute = |wanted: &str| {
                    let mut all = attributes.iter();
                    all.find(|own| own.name.local_name == wanted && own.name.prefix.is_none())
                        .map(|own| own.value.as_str())
                };
                let side = |name| attribute(name).and_then(pixels);
                let (width, height) = size(
                    side("width"),
                    side("height"),
                    attribute("viewBox").and_then(|value| value.parse().ok()),
                );
                return (name.local_name == "svg").then(|| Probe {
                    has_alpha: true,
                    ..Probe::new(Format::Svg, whole(width), whole(height))
                });
            }
            XmlEvent::EndDocument => return None,
            _ => {}
        }
    }
    None
}

/// A length in pixels; `None` for shares of what is around the picture, which nobody knows.
fn pixels(text: &str) -> Option<f64> {
    let Length { number, unit } = text.trim().parse().ok()?;
    let scale = match unit {
        LengthUnit::None | LengthUnit::Px => 1.0,
        LengthUnit::In => PIXELS_TO_AN_INCH,
        LengthUnit::Cm => PIXELS_TO_AN_INCH / 2.54,
        LengthUnit::Mm => PIXELS_TO_AN_INCH / 25.4,
        LengthUnit::Pt => PIXELS_TO_AN_INCH / 72.0,
        LengthUnit::Pc => PIXELS_TO_AN_INCH / 6.0,
        LengthUnit::Em => 16.0,
        LengthUnit::Ex => 8.0,
        LengthUnit::Percent => return None,
    };
    Some(number * scale).filter(|pixels| *pixels > 0.0)
}

/// The size as browsers take it (SVG 2 §8.2, CSS Images 3 §5.2).
fn size(width: Option<f64>, height: Option<f64>, seen: Option<ViewBox>) -> (f64, f64) {
    match (width, height, seen) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some(seen)) => (width, width * seen.h / seen.w),
        (None, Some(height), Some(seen)) => (height * seen.w / seen.h, height),
        (None, None, Some(seen)) => (seen.w, seen.h),
        (width, height, None) => (width.unwrap_or(DEFAULT.0), height.unwrap_or(DEFAULT.1)),
    }
}

fn whole(side: f64) -> u32 {
    side.round().max(1.0) as u32
}

/// Makes a document harmless: scripts go, and so does what is loaded from elsewhere.
///
/// # Errors
/// [`ImageError::Damaged`] if it is not well-formed, or is nested deeper, has more elements, or is
/// longer than any drawing.
pub(crate) fn harmless(source: &[u8]) -> Result<Harmless, ImageError> {
    let has_text = survey(source)?;
    let mut filter = Filter::new();
    filter.set_data_url_filter(data_url_filter::allow_standard_images);
    let mut document = Vec::with_capacity(source.len());
    filter
        .filter(&mut Cursor::new(source), &mut document)
        .map_err(damaged)?;
    Ok(Harmless { document, has_text })
}

fn damaged(error: impl ToString) -> ImageError {
    ImageError::damaged(Format::Svg, error)
}

/// Whether there is text in a document, which is read to its end.
fn survey(source: &[u8]) -> Result<bool, ImageError> {
    if source.len() > LONGEST {
        return Err(damaged("it is longer than any drawing"));
    }
    let (mut depth, mut elements, mut has_text) = (0, 0, false);
    for event in EventReader::new(Cursor::new(source)) {
        match event.map_err(damaged)? {
            XmlEvent::StartElement { name, .. } => {
                depth += 1;
                elements += 1;
                has_text |= matches!(name.local_name.as_str(), "text" | "foreignObject");
            }
            XmlEvent::EndElement { .. } => depth -= 1,
            _ => {}
        }
        if depth > DEEPEST || elements > MOST_ELEMENTS {
            return Err(damaged("it is nested deeper, or larger, than any drawing"));
        }
    }
    Ok(has_text)
}

/// Whether pixels are asked for, and not just the picture.
pub(crate) fn is_to_be_drawn(output: Output) -> bool {
    !matches!(output, Output::Auto { .. } | Output::Source)
}

/// The document itself, harmless: it has every size.
pub(crate) fn as_document(job: &Job<'_>) -> Result<Made, ImageError> {
    let Harmless { document, has_text } = harmless(job.source)?;
    job.go_on()?;
    let made = Made {
        outline: outline_of(&document),
        bytes: document,
        format: Format::Svg,
        exact: false,
        found: None,
        shown: None,
        notes: Vec::new(),
    };
    let made = made.because("SVG without what could do harm");
    Ok(match is_to_be_drawn(job.variant.output) {
        true if has_text => made.because("text in it cannot be drawn here"),
        true => made.because("it cannot be drawn here"),
        false => made,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(attributes: &str) -> (u32, u32) {
        let document = format!("<?xml version='1.0'?><!-- a --><svg {attributes}><g/></svg>");
        let probe = probe(document.as_bytes()).unwrap();
        (probe.width, probe.height)
    }

    #[test]
    fn the_size_is_what_browsers_take() {
        for (attributes, size) in [
            ("width='40' height='30'", (40, 30)),
            ("width='40px' height='1in'", (40, 96)),
            ("width='2.54cm' height='72pt'", (96, 96)),
            ("viewBox='0 0 24 12'", (24, 12)),
            ("width='100%' height='100%' viewBox='0 0 24 12'", (24, 12)),
            ("width='48' viewBox='0 0 24 12'", (48, 24)),
            ("height='48' viewBox='0 0 24 12'", (96, 48)),
            ("", (300, 150)),
            ("width='0.2' height='-3'", (1, 150)),
            ("width='1e300' height='1'", (u32::MAX, 1)),
        ] {
            assert_eq!(sized(attributes), size, "{attributes}");
        }
        assert_eq!(probe(b"<html><svg/></html>"), None);
        assert_eq!(probe(b"<svg width='4'"), None);
    }

    #[test]
    fn what_could_do_harm_goes() {
        let source = "<svg xmlns='http://www.w3.org/2000/svg' onload='a()'>\
            <script>b()</script><a href='javascript:c()'><rect width='3' height='4'/></a>\
            <image href='https://other.example/d.png'/><foreignObject><p>e</p></foreignObject></svg>";
        let made = harmless(source.as_bytes()).unwrap();
        let document = String::from_utf8(made.document).unwrap();
        assert!(document.contains("<rect"), "{document}");
        for harm in ["onload", "script", "c()", "other.example", "foreignObject"] {
            assert!(!document.contains(harm), "{harm}: {document}");
        }
        assert!(made.has_text);
    }

    #[test]
    fn what_is_no_drawing_is_refused() {
        let nested = |depth: usize| ["<g>".repeat(depth), "</g>".repeat(depth)].concat();
        let document = |inner: &str| {
            let start = "<svg xmlns='http://www.w3.org/2000/svg'>";
            harmless([start, inner, "</svg>"].concat().as_bytes()).is_ok()
        };
        assert!(document(&nested(200)));
        assert!(!document(&nested(300)));
        assert!(!document("<g>"));
        let laughs = "<!DOCTYPE svg [<!ENTITY a '<g/><g/>'><!ENTITY b '&a;&a;'>]>";
        let laughs = format!("{laughs}<svg xmlns='http://www.w3.org/2000/svg'>&b;</svg>");
        let _ = harmless(laughs.as_bytes());
    }
}
