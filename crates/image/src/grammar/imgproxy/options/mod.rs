//! The processing options of imgproxy, with all their names.

mod names;
mod read;
mod watermark;

use super::NAME;
use crate::grammar::GrammarError;
use crate::grammar::text::{bytes, number, shorten, truth, whole, within};
use crate::{Colour, Demands, QualityChoice};
use names::{PRO, SECURITY};
use read::{extend, gravity, kind, set};
pub(super) use watermark::{Picture, Watermark};

/// What became of reading one option: `None` if its arguments make no sense.
type Read = Option<()>;

/// The options of a URL so far, later ones in place of earlier ones.
#[derive(Debug)]
pub(super) struct Options {
    /// The time, in seconds since 1970.
    now: u64,
    pub(super) notes: Vec<String>,
    pub(super) fit: Resizing,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) min_width: Option<u32>,
    pub(super) min_height: Option<u32>,
    pub(super) zoom: (f64, f64),
    pub(super) dpr: f64,
    pub(super) enlarge: bool,
    pub(super) extend: Option<At>,
    pub(super) extend_shape: Option<At>,
    pub(super) gravity: At,
    pub(super) crop: Option<Crop>,
    /// Tolerance, colour, and whether sides are even.
    pub(super) trim: Option<(u8, Option<Colour>, (bool, bool))>,
    pub(super) padding: [u32; 4],
    pub(super) quarters: u8,
    pub(super) flip: (bool, bool),
    pub(super) background: Option<Colour>,
    pub(super) blur: f64,
    pub(super) sharpen: f64,
    pub(super) strip: Option<bool>,
    pub(super) keep_copyright: bool,
    pub(super) quality: Option<QualityChoice>,
    pub(super) pixelate: u32,
    pub(super) demands: Demands,
    pub(super) format: Option<String>,
    pub(super) watermark: Option<Watermark>,
    /// Frames of an animation that are wanted.
    pub(super) frames: u32,
    /// Longest side of the result.
    pub(super) longest: Option<u32>,
    /// Whether a URL may name limits.
    limits_allowed: bool,
}

/// `resizing_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resizing {
    Fit,
    Fill,
    FillDown,
    Force,
    Auto,
}

/// `gravity`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum At {
    /// A side, a corner or the centre, as shares of what is left over, and offsets from there.
    Compass {
        x: f64,
        y: f64,
        offset_x: f64,
        offset_y: f64,
    },
    /// `fp`.
    Focus { x: f64, y: f64 },
    /// `sm`.
    Smart,
}

impl At {
    pub(super) const CENTRE: Self = Self::Compass {
        x: 0.5,
        y: 0.5,
        offset_x: 0.0,
        offset_y: 0.0,
    };
}

/// `crop`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crop {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Absent: as `gravity` says.
    pub(super) at: Option<At>,
}

impl Options {
    /// None yet. `limits_allowed`: whether a URL may name limits.
    pub(super) fn new(now: u64, limits_allowed: bool) -> Self {
        Self {
            now,
            notes: Vec::new(),
            fit: Resizing::Fit,
            width: None,
            height: None,
            min_width: None,
            min_height: None,
            zoom: (1.0, 1.0),
            dpr: 1.0,
            enlarge: false,
            extend: None,
            extend_shape: None,
            gravity: At::CENTRE,
            crop: None,
            trim: None,
            padding: [0; 4],
            quarters: 0,
            flip: (false, false),
            background: None,
            blur: 0.0,
            sharpen: 0.0,
            strip: None,
            keep_copyright: true,
            quality: None,
            pixelate: 0,
            demands: Demands::default(),
            format: None,
            watermark: None,
            frames: 1,
            longest: None,
            limits_allowed,
        }
    }

    /// Reads one option.
    pub(super) fn apply(&mut self, name: &str, arguments: &[&str]) -> Result<(), GrammarError> {
        let option = || format!("{name}:{}", arguments.join(":"));
        let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
        if let Some((read, form)) = self
            .size(name, arguments)
            .or_else(|| self.placing(name, arguments))
        {
            return read.ok_or_else(|| GrammarError::option(NAME, &option(), form));
        }
        if let Some((read, form)) = self
            .look(name, arguments)
            .or_else(|| self.file(name, arguments))
        {
            return read.ok_or_else(|| GrammarError::option(NAME, &option(), form));
        }
        let first = argument(0);
        let off = first.is_empty() || number(first) == Some(0.0) || !truth(first);
        let refused = |reason: &'static str| Err(GrammarError::refused(NAME, &option(), reason));
        match name {
            "expires" | "exp" => match first.parse::<u64>() {
                Ok(until) if until < self.now => Err(GrammarError::Expired { grammar: NAME }),
                Ok(_) => Ok(()),
                Err(_) if first.is_empty() => Ok(()),
                Err(_) => Err(GrammarError::option(NAME, &option(), "seconds since 1970")),
            },
            "watermark" | "wm" => match self.read_watermark(arguments) {
                Some(Some(())) => Ok(()),
                Some(None) => Err(GrammarError::option(
                    NAME,
                    &option(),
                    "opacity:position:x:y:scale",
                )),
                None => refused("it belongs to imgproxy Pro"),
            },
            "auto_rotate" | "ar" if truth(first) => Ok(()),
            "auto_rotate" | "ar" => refused("pictures always stand upright"),
            "enforce_thumbnail" | "eth" if off => Ok(()),
            "enforce_thumbnail" | "eth" => refused("embedded thumbnails are not used"),
            "skip_processing" | "skp" => {
                self.skip(arguments);
                Ok(())
            }
            "strip_color_profile" | "scp" if truth(first) => Ok(()),
            "strip_color_profile" | "scp" => self.ignore(&option(), "colours become sRGB"),
            "cachebuster" | "cb" => Ok(()),
            "filename" | "fn" | "return_attachment" | "att" => {
                self.ignore(&option(), "pictures are shown, not saved")
            }
            _ if PRO.contains(&name) => refused("it belongs to imgproxy Pro"),
            _ if SECURITY.contains(&name) && !self.limits_allowed => {
                refused("the settings do not allow limits in URLs")
            }
            _ if SECURITY.contains(&name) => {
                let read = self.read_limit(name, first);
                read.ok_or_else(|| GrammarError::option(NAME, &option(), "a limit, 0 for none"))
            }
            _ => Err(GrammarError::option(NAME, &option(), "a known option")),
        }
    }

    fn ignore(&mut self, option: &str, why: &str) -> Result<(), GrammarError> {
        self.notes
            .push(format!("`{}` ignored: {why}", shorten(option)));
        Ok(())
    }

    /// Formats that are not read pass as they are anyway.
    fn skip(&mut self, words: &[&str]) {
        self.demands.skipped = words.iter().filter_map(|word| kind(word)).collect();
    }

    fn size(&mut self, name: &str, arguments: &[&str]) -> Option<(Read, &'static str)> {
        let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
        Some(match name {
            "resize" | "rs" => (self.resize(arguments), "type:width:height:enlarge:extend"),
            "size" | "s" => (self.size_of(arguments), "width:height:enlarge:extend"),
            "resizing_type" | "rt" => (
                self.resizing(argument(0)),
                "fit, fill, fill-down, force or auto",
            ),
            "width" | "w" => (set(&mut self.width, argument(0)), "a number of pixels"),
            "height" | "h" => (set(&mut self.height, argument(0)), "a number of pixels"),
            "min-width" | "min_width" | "mw" => {
                (set(&mut self.min_width, argument(0)), "a number of pixels")
            }
            "min-height" | "min_height" | "mh" => {
                (set(&mut self.min_height, argument(0)), "a number of pixels")
            }
            "zoom" | "z" => (self.read_zoom(arguments), "a factor of up to 100, or two"),
            "dpr" => (
                within(argument(0), 0.01, 8.0).map(|dpr| self.dpr = dpr),
                "a factor of up to 8",
            ),
            "enlarge" | "el" => {
                self.enlarge = truth(argument(0));
                (Some(()), "")
            }
            "extend" | "ex" => (
                extend(arguments).map(|extend| self.extend = extend),
                "whether to extend, and a gravity",
            ),
            "extend_aspect_ratio" | "extend_ar" | "exar" => (
                extend(arguments).map(|extend| self.extend_shape = extend),
                "whether to extend, and a gravity",
            ),
            _ => return None,
        })
    }

    fn placing(&mut self, name: &str, arguments: &[&str]) -> Option<(Read, &'static str)> {
        let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
        let gravities = "no, so, ea, we, noea, nowe, soea, sowe, ce, sm or fp:x:y, with offsets";
        Some(match name {
            "gravity" | "g" => (gravity(arguments).map(|at| self.gravity = at), gravities),
            "crop" | "c" => (self.read_crop(arguments), "width:height:gravity"),
            "trim" | "t" => (
                self.read_trim(arguments),
                "a tolerance, a colour, and whether sides are even",
            ),
            "padding" | "pd" => (self.read_padding(arguments), "pixels, as in CSS"),
            "rotate" | "rot" => (
                self.read_rotation(argument(0)),
                "a whole number of quarter turns in degrees",
            ),
            "flip" | "fl" => {
                self.flip = (
                    truth(argument(0)) && !argument(0).is_empty(),
                    arguments.len() > 1 && truth(argument(1)),
                );
                (Some(()), "")
            }
            _ => return None,
        })
    }

    fn look(&mut self, name: &str, arguments: &[&str]) -> Option<(Read, &'static str)> {
        let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
        Some(match name {
            "background" | "bg" => (
                self.read_background(arguments),
                "three numbers up to 255, or hexadecimal digits",
            ),
            "blur" | "bl" => (
                within(argument(0), 0.0, 125.0).map(|sigma| self.blur = sigma),
                "a deviation of up to 125 pixels",
            ),
            "pixelate" | "pix" => (
                whole(argument(0)).map(|size| self.pixelate = size),
                "a number of pixels",
            ),
            "sharpen" | "sh" => (
                within(argument(0), 0.0, 10.0).map(|sigma| self.sharpen = sigma),
                "a deviation of up to 10 pixels",
            ),
            _ => return None,
        })
    }

    fn file(&mut self, name: &str, arguments: &[&str]) -> Option<(Read, &'static str)> {
        let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
        Some(match name {
            "quality" | "q" => (self.read_quality(argument(0)), "1 to 100"),
            "format_quality" | "fq" => (
                self.read_format_qualities(arguments),
                "format:quality:format:quality…",
            ),
            "max_bytes" | "mb" => (
                bytes(argument(0)).map(|most| self.demands.max_bytes = most),
                "a number of bytes",
            ),
            "raw" => {
                self.demands.untouched = !argument(0).is_empty() && truth(argument(0));
                (Some(()), "")
            }
            "format" | "f" | "ext" => {
                self.format =
                    Some(argument(0).to_ascii_lowercase()).filter(|word| !word.is_empty());
                (Some(()), "")
            }
            "strip_metadata" | "sm" => {
                self.strip = Some(truth(argument(0)));
                (Some(()), "")
            }
            "keep_copyright" | "kcr" => {
                self.keep_copyright = truth(argument(0));
                (Some(()), "")
            }
            _ => return None,
        })
    }
}
