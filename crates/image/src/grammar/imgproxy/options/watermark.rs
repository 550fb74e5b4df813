//! `watermark`, and the picture that is meant by it.

use super::super::NAME;
use super::super::transform::{along, shift};
use super::read::gravity;
use super::{At, Options, Read};
use crate::grammar::source::{self, Bare};
use crate::grammar::text::{base64_any, factor, number, within};
use crate::{Factor, Gap, Overlay, OverlayFile, Spot};

/// `watermark`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Watermark {
    opacity: f64,
    position: Position,
    /// 0: it keeps its own size.
    scale: f64,
}

#[derive(Clone, Copy, Debug)]
enum Position {
    Once(At),
    /// `re`, with what lies between.
    Repeated(f64, f64),
}

/// The picture that the settings name; absent where they name none.
#[derive(Clone, Debug)]
pub(in super::super) struct Picture {
    source: String,
    file: Option<OverlayFile>,
    opacity: f64,
}

impl Picture {
    /// Reads the setting: an address, a path on the site, or `data:` and base64. `None` if it is
    /// empty, or makes no sense.
    pub(in super::super) fn read(text: &str, opacity: f64) -> Option<Self> {
        let (source, file) = match text.strip_prefix("data:") {
            _ if text.is_empty() => return None,
            Some(data) => {
                // What stands before the comma of a `data:` URL is found in the file too.
                let data = data.rsplit(',').next().unwrap_or_default();
                let file = OverlayFile::new(base64_any(data)?.into());
                (String::new(), Some(file))
            }
            None => (source::read(NAME, text, Bare::Path).ok()?, None),
        };
        Some(Self {
            source,
            file,
            opacity,
        })
    }
}

impl Options {
    /// `opacity:position:x:y:scale`. The outer `None` stands for an option of imgproxy Pro.
    pub(super) fn read_watermark(&mut self, arguments: &[&str]) -> Option<Read> {
        let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
        if argument(1) == "ch" {
            return None;
        }
        Some(watermark(arguments).map(|watermark| self.watermark = watermark))
    }

    /// What is laid over the result, and what there is to say of it.
    pub(in super::super) fn overlay(
        &self,
        picture: Option<&Picture>,
    ) -> Result<Option<Overlay>, &'static str> {
        let Some(watermark) = self.watermark else {
            return Ok(None);
        };
        let picture = picture.ok_or("there is no picture to lay over others")?;
        let (across, down) = match watermark.position {
            Position::Once(At::Compass {
                x,
                y,
                offset_x,
                offset_y,
            }) => (
                Spot::At(along(x, offset_x, self.dpr)),
                Spot::At(along(y, offset_y, self.dpr)),
            ),
            Position::Once(_) => return Ok(None),
            Position::Repeated(x, y) => {
                let gap = |gap: f64| Spot::Repeated(Gap::Around(shift(gap, self.dpr)));
                (gap(x), gap(y))
            }
        };
        let opacity = (watermark.opacity * picture.opacity).clamp(0.0, 1.0);
        let scale = factor(watermark.scale).filter(|scale| scale.thousandths() > 0);
        Ok(Some(Overlay {
            source: picture.source.clone(),
            file: picture.file.clone(),
            opacity: factor(opacity).unwrap_or(Factor::ONE),
            across,
            down,
            width: scale,
            height: scale,
            inside: false,
        }))
    }
}

/// Malformed, off, on.
#[expect(clippy::option_option, reason = "malformed, off, on")]
fn watermark(arguments: &[&str]) -> Option<Option<Watermark>> {
    let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
    let opacity = within(argument(0), 0.0, 1.0)?;
    let number_or_none = |text: &str| match text {
        "" => Some(0.0),
        text => number(text),
    };
    let position = match argument(1) {
        "re" => Position::Repeated(number_or_none(argument(2))?, number_or_none(argument(3))?),
        "" => {
            let offsets = arguments.get(2..4).unwrap_or_default();
            Position::Once(gravity(&[&["ce"], offsets].concat())?)
        }
        _ => Position::Once(gravity(
            arguments.get(1..)?.get(..3).unwrap_or(&arguments[1..]),
        )?),
    };
    if matches!(position, Position::Once(At::Smart | At::Focus { .. })) {
        return None;
    }
    let scale = number_or_none(argument(4)).filter(|scale| (0.0..=10.0).contains(scale))?;
    Some((opacity > 0.0).then_some(Watermark {
        opacity,
        position,
        scale,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shift;

    #[test]
    fn a_setting_is_an_address_a_path_or_a_file() {
        let read = |text| Picture::read(text, 1.0);
        assert_eq!(read("logo.png").unwrap().source, "/logo.png");
        let address = "https://example.com/a b.png";
        assert_eq!(
            read(address).unwrap().source,
            "https://example.com/a%20b.png"
        );
        for data in ["data:aGVsbG8=", "data:image/png;base64,aGVsbG8"] {
            let file = read(data).unwrap().file.unwrap();
            assert_eq!(&file.bytes()[..], b"hello");
        }
        for wrong in ["", "data:%%", "s3://bucket/a.png"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_shifts_are_in_thousandths() {
        assert_eq!(shift(0.1, 2.0), Shift::Share(100));
        assert_eq!(shift(-5.0, 2.0), Shift::Pixels(-10));
    }
}
