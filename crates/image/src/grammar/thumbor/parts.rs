//! The parts of a URL, each of which may be left out but none moved.

use super::Dialect;
use super::filters::{EXTRACT_FOCAL, Focal};
use crate::grammar::GrammarError;
use crate::grammar::text::{number, whole};
use crate::transform::decode_percent;
use crate::{Factor, Length, Sides};

/// Most filters in one URL.
const MAX_FILTERS: usize = 32;

/// How the picture fits into the box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fitting {
    /// `fit-in`.
    pub(super) inside: bool,
    /// `adaptive-`.
    pub(super) adaptive: bool,
    /// `full-`.
    pub(super) full: bool,
    /// `stretch`.
    pub(super) stretch: bool,
}

/// One side of the size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    /// `-` before it.
    pub(super) flip: bool,
    /// Pixels; absent for none and for 0.
    pub(super) pixels: Option<u32>,
    /// `orig`.
    pub(super) original: bool,
}

/// A filter: its name and its arguments as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) name: String,
    pub(super) arguments: String,
}

/// The URL in parts.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// Whether facts are asked for and no picture.
    pub(super) meta: bool,
    /// What `extract_focal` found in the source.
    pub(super) focal: Option<Focal>,
    /// Whether the corner is the one at the bottom right, and the tolerance.
    pub(super) trim: Option<(bool, u32)>,
    /// Left, top, right, bottom.
    pub(super) crop: Option<[Length; 4]>,
    pub(super) fitting: Fitting,
    pub(super) width: Side,
    pub(super) height: Side,
    pub(super) padding: Sides,
    /// 0 left or top, 500 the middle, 1000 right or bottom.
    pub(super) across: Option<u32>,
    pub(super) down: Option<u32>,
    pub(super) smart: bool,
    pub(super) filters: Vec<Filter>,
    pub(super) source: &'a str,
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Takes the next part if `read` knows it.
    fn take<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (part, rest) = self.rest.split_once('/')?;
        let value = read(&decode_percent(part)?)?;
        self.rest = rest;
        Some(value)
    }

    fn take_word<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        self.take(|part| {
            let found = words.iter().find(|(word, _)| *word == part);
            found.map(|(_, value)| *value)
        })
    }
}

impl<'a> Parts<'a> {
    /// Reads what follows the signature.
    pub(super) fn read(dialect: Dialect, path: &'a str) -> Result<Self, GrammarError> {
        let imagor = dialect == Dialect::Imagor;
        let mut reader = Reader { rest: path };
        if reader.take_word(&[("debug", ())]).is_some() {
            let reason = "nothing is drawn into pictures";
            return Err(GrammarError::refused(dialect.name(), "debug", reason));
        }
        let mut parts = Self {
            meta: reader.take_word(&[("meta", ())]).is_some(),
            trim: reader.take(trim),
            crop: reader.take(|part| crop(part, imagor)),
            ..Self::default()
        };
        parts.fitting = reader.take(fitting).unwrap_or_default();
        if imagor && reader.take_word(&[("stretch", ())]).is_some() {
            parts.fitting.stretch = true;
        }
        (parts.width, parts.height) = reader.take(size).unwrap_or_default();
        if imagor {
            parts.padding = reader.take(padding).unwrap_or_default();
        }
        parts.across = reader.take_word(&[("left", 0), ("center", 500), ("right", 1000)]);
        parts.down = reader.take_word(&[("top", 0), ("middle", 500), ("bottom", 1000)]);
        parts.smart = reader.take_word(&[("smart", ())]).is_some();
        parts.source = reader.rest;
        if let Some(rest) = reader.rest.strip_prefix("filters:") {
            let (filters, source) = filters(rest).ok_or_else(|| {
                let form = "filters such as name(arguments):name(arguments)";
                GrammarError::option(dialect.name(), reader.rest, form)
            })?;
            (parts.filters, parts.source) = (filters, source);
            parts.extract_focal(dialect);
        }
        Ok(parts)
    }
}

impl Parts<'_> {
    /// Where the filter is among them and the source is a URL of this grammar with a crop: what was
    /// cropped there is what matters here, in the source of that URL.
    fn extract_focal(&mut self, dialect: Dialect) {
        let asked = self.filters.iter();
        if !asked.clone().any(|filter| filter.name == EXTRACT_FOCAL) {
            return;
        }
        let schemes = ["http://", "https://"];
        let address = schemes
            .iter()
            .find_map(|scheme| self.source.strip_prefix(scheme));
        // Behind the host stands the signature.
        let mut parts = address.unwrap_or(self.source).splitn(3, '/');
        let Some(path) = parts.nth(2) else {
            return;
        };
        let Ok(Parts {
            crop: Some([left, top, right, bottom]),
            source,
            ..
        }) = Parts::read(dialect, path)
        else {
            return;
        };
        let middle = |one, other| match (one, other) {
            (Length::Pixels(one), Length::Pixels(other)) => {
                Some(f64::midpoint(one.into(), other.into()))
            }
            _ => None,
        };
        if let (Some(x), Some(y)) = (middle(left, right), middle(top, bottom)) {
            self.focal = Some(Focal::Pixels(x, y));
            self.source = source;
        }
    }
}

/// `trim:top-left:10`.
fn trim(part: &str) -> Option<(bool, u32)> {
    let mut rest = part.strip_prefix("trim")?.split(':');
    if !rest.next()?.is_empty() {
        return None;
    }
    let mut bottom_right = false;
    let mut tolerance = 0;
    for word in rest {
        match word {
            "top-left" => bottom_right = false,
            "bottom-right" => bottom_right = true,
            number => tolerance = whole(number)?,
        }
    }
    Some((bottom_right, tolerance))
}

/// `left x top : right x bottom`; shares between 0 and 1 in imagor.
fn crop(part: &str, shares: bool) -> Option<[Length; 4]> {
    let (first, last) = part.split_once(':')?;
    let ((left, top), (right, bottom)) = (first.split_once('x')?, last.split_once('x')?);
    let all = [left, top, right, bottom];
    let numbers = all.map(|text| number(text).filter(|number| *number >= 0.0));
    let [Some(left), Some(top), Some(right), Some(bottom)] = numbers else {
        return None;
    };
    let numbers = [left, top, right, bottom];
    if shares && right <= 1.0 && bottom <= 1.0 {
        return Some(numbers.map(|share| {
            Length::Share(Factor::from_thousandths((share * 1000.0).round() as u32))
        }));
    }
    let plain = all.iter().all(|text| whole(text).is_some());
    plain.then(|| numbers.map(|pixels| Length::Pixels(pixels as u32)))
}

fn fitting(part: &str) -> Option<Fitting> {
    let before = part.strip_suffix("fit-in")?;
    let (adaptive, full) = match before {
        "" => (false, false),
        "adaptive-" => (true, false),
        "full-" => (false, true),
        "adaptive-full-" | "full-adaptive-" => (true, true),
        _ => return None,
    };
    Some(Fitting {
        inside: true,
        adaptive,
        full,
        stretch: false,
    })
}

/// `-300x-200`.
fn size(part: &str) -> Option<(Side, Side)> {
    let (width, height) = part.split_once('x')?;
    let side = |text: &str| {
        let (flip, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        if text == "orig" {
            return Some(Side {
                flip,
                pixels: None,
                original: true,
            });
        }
        let pixels = crate::grammar::text::side(text)?;
        Some(Side {
            flip,
            pixels,
            original: false,
        })
    };
    Some((side(width)?, side(height)?))
}

/// `left x top : right x bottom`, or one pair for both.
fn padding(part: &str) -> Option<Sides> {
    let pair = |text: &str| {
        let (across, down) = text.split_once('x')?;
        Some((whole(across)?, whole(down)?))
    };
    let (first, last) = part.split_once(':').unwrap_or((part, part));
    let ((left, top), (right, bottom)) = (pair(first)?, pair(last)?);
    Some(Sides {
        top,
        right,
        bottom,
        left,
    })
}

/// Filters up to the slash after the last one, and the rest.
fn filters(text: &str) -> Option<(Vec<Filter>, &str)> {
    let mut filters = Vec::new();
    let mut depth = 0_u32;
    let (mut start, mut name) = (0, "");
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => {
                if depth == 0 {
                    name = text.get(start..place)?;
                    start = place + 1;
                }
                depth += 1;
            }
            b')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    if filters.len() == MAX_FILTERS {
                        return None;
                    }
                    filters.push(Filter {
                        name: name.trim_start_matches(':').to_owned(),
                        arguments: decode_percent(text.get(start..place)?)?.into_owned(),
                    });
                    start = place + 1;
                }
            }
            b'/' if depth == 0 => return Some((filters, text.get(place + 1..)?)),
            _ => {}
        }
    }
    None
}
