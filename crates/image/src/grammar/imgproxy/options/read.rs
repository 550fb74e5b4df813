//! The arguments of options.

use super::{At, Crop, Options, Read, Resizing};
use crate::grammar::text::{bytes, colour, number, quality, side, truth, whole, within};
use crate::{Colour, Format, QualityChoice};

impl Options {
    pub(super) fn resize(&mut self, arguments: &[&str]) -> Read {
        match arguments.first() {
            None | Some(&"") => {}
            Some(word) => self.resizing(word)?,
        }
        self.size_of(arguments.get(1..).unwrap_or_default())
    }

    pub(super) fn resizing(&mut self, word: &str) -> Read {
        self.fit = match word {
            "fit" => Resizing::Fit,
            "fill" => Resizing::Fill,
            "fill-down" => Resizing::FillDown,
            "force" => Resizing::Force,
            "auto" => Resizing::Auto,
            _ => return None,
        };
        Some(())
    }

    pub(super) fn size_of(&mut self, arguments: &[&str]) -> Read {
        if let Some(width) = arguments.first().filter(|text| !text.is_empty()) {
            set(&mut self.width, width)?;
        }
        if let Some(height) = arguments.get(1).filter(|text| !text.is_empty()) {
            set(&mut self.height, height)?;
        }
        if let Some(enlarge) = arguments.get(2).filter(|text| !text.is_empty()) {
            self.enlarge = truth(enlarge);
        }
        if let Some(rest) = arguments
            .get(3..)
            .filter(|rest| rest.first().is_some_and(|text| !text.is_empty()))
        {
            self.extend = extend(rest)?;
        }
        Some(())
    }

    pub(super) fn read_zoom(&mut self, arguments: &[&str]) -> Read {
        let x = within(arguments.first()?, 0.001, 100.0)?;
        let y = match arguments.get(1) {
            None => x,
            Some(text) => within(text, 0.001, 100.0)?,
        };
        self.zoom = (x, y);
        Some(())
    }

    pub(super) fn read_crop(&mut self, arguments: &[&str]) -> Read {
        let length = |text: Option<&&str>| match text {
            None | Some(&"") => Some(0.0),
            Some(text) => within(text, 0.0, 65_535.0),
        };
        let rest = arguments.get(2..).unwrap_or_default();
        self.crop = Some(Crop {
            width: length(arguments.first())?,
            height: length(arguments.get(1))?,
            at: match rest.first() {
                None | Some(&"") => None,
                Some(_) => Some(gravity(rest)?),
            },
        });
        Some(())
    }

    pub(super) fn read_trim(&mut self, arguments: &[&str]) -> Read {
        let tolerance = match arguments.first() {
            None | Some(&"") => {
                self.trim = None;
                return Some(());
            }
            Some(text) => within(text, 0.0, 255.0)? as u8,
        };
        let of = match arguments.get(1) {
            None | Some(&"") => None,
            Some(digits) => Some(colour(digits)?),
        };
        let even = |place: usize| {
            let text = arguments.get(place);
            text.is_some_and(|text| !text.is_empty() && truth(text))
        };
        self.trim = Some((tolerance, of, (even(2), even(3))));
        Some(())
    }

    /// One to four lengths as in CSS: a side that is not given is as its opposite.
    pub(super) fn read_padding(&mut self, arguments: &[&str]) -> Read {
        let length = |place: usize| match arguments.get(place) {
            None | Some(&"") => Some(None),
            Some(text) => whole(text).map(Some),
        };
        let top = length(0)?.unwrap_or_default();
        let right = length(1)?.unwrap_or(top);
        let bottom = length(2)?.unwrap_or(top);
        let left = length(3)?.unwrap_or(right);
        self.padding = [top, right, bottom, left];
        Some(())
    }

    pub(super) fn read_rotation(&mut self, text: &str) -> Read {
        let degrees = number(text).filter(|degrees| degrees % 90.0 == 0.0)?;
        self.quarters = (degrees / 90.0).rem_euclid(4.0) as u8;
        Some(())
    }

    pub(super) fn read_background(&mut self, arguments: &[&str]) -> Read {
        self.background = match arguments {
            [] | [""] => None,
            [digits] => Some(colour(digits)?),
            [red, green, blue] => Some(Colour {
                red: whole(red)?.try_into().ok()?,
                green: whole(green)?.try_into().ok()?,
                blue: whole(blue)?.try_into().ok()?,
                alpha: 255,
            }),
            _ => return None,
        };
        Some(())
    }

    /// Limits that only a server's operator may open. They make those of the settings tighter, never
    /// wider.
    pub(super) fn read_limit(&mut self, name: &str, text: &str) -> Read {
        match name {
            "max_src_resolution" | "msr" => {
                let megapixels = within(text, 0.0, 1e5)?;
                let pixels = (megapixels * 1e6) as u64;
                self.demands.most_pixels = Some(pixels).filter(|pixels| *pixels > 0);
            }
            "max_src_file_size" | "msfs" => self.demands.most_bytes = bytes(text)?,
            "max_animation_frames" | "maf" => self.frames = whole(text)?.max(1),
            "max_result_dimension" | "mrd" => self.longest = side(text)?,
            // A frame is a picture, and counts as one.
            _ => {
                within(text, 0.0, 1e5)?;
            }
        }
        Some(())
    }

    pub(super) fn read_quality(&mut self, text: &str) -> Read {
        self.quality = match text {
            "0" => None,
            text => Some(quality(text)?),
        };
        Some(())
    }

    pub(super) fn read_format_qualities(&mut self, arguments: &[&str]) -> Read {
        let (pairs, rest) = arguments.as_chunks::<2>();
        for [format, value] in pairs {
            let value = match quality(value)? {
                QualityChoice::Number(quality) => quality,
                named => named.quality(),
            };
            // Kinds that are not written have no quality here.
            let known = kind(format).map(|kind| (kind, value));
            self.demands.qualities.extend(known);
        }
        rest.is_empty().then_some(())
    }
}

/// A kind of file by the ending of its name; `None` for those that are not known.
pub(super) fn kind(word: &str) -> Option<Format> {
    Some(match word {
        "jpg" | "jpeg" => Format::Jpeg,
        "png" => Format::Png,
        "webp" => Format::WebP,
        "gif" => Format::Gif,
        "avif" => Format::Avif,
        "jxl" => Format::Jxl,
        "svg" => Format::Svg,
        "heic" => Format::Heic,
        "tiff" => Format::Tiff,
        "bmp" => Format::Bmp,
        _ => return None,
    })
}

pub(super) fn set(slot: &mut Option<u32>, text: &str) -> Read {
    *slot = side(text)?;
    Some(())
}

/// `extend` and its gravity.
#[expect(clippy::option_option, reason = "malformed, off, on")]
pub(super) fn extend(arguments: &[&str]) -> Option<Option<At>> {
    let on = arguments
        .first()
        .is_some_and(|text| !text.is_empty() && truth(text));
    let at = match arguments.get(1) {
        None | Some(&"") => At::CENTRE,
        Some(_) => gravity(arguments.get(1..)?)?,
    };
    if at == At::Smart {
        return None;
    }
    Some(on.then_some(at))
}

/// `type:x:y`.
pub(super) fn gravity(arguments: &[&str]) -> Option<At> {
    let offset = |place: usize| match arguments.get(place) {
        None | Some(&"") => Some(0.0),
        Some(text) => within(text, -65_535.0, 65_535.0),
    };
    let (x, y) = match *arguments.first()? {
        "no" => (0.5, 0.0),
        "so" => (0.5, 1.0),
        "ea" => (1.0, 0.5),
        "we" => (0.0, 0.5),
        "noea" => (1.0, 0.0),
        "nowe" => (0.0, 0.0),
        "soea" => (1.0, 1.0),
        "sowe" => (0.0, 1.0),
        "ce" => (0.5, 0.5),
        "sm" => return Some(At::Smart),
        "fp" => {
            return Some(At::Focus {
                x: within(arguments.get(1)?, 0.0, 1.0)?,
                y: within(arguments.get(2)?, 0.0, 1.0)?,
            });
        }
        _ => return None,
    };
    Some(At::Compass {
        x,
        y,
        offset_x: offset(1)?,
        offset_y: offset(2)?,
    })
}
