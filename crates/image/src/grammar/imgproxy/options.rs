//! The processing options of imgproxy, with all their names.

use super::NAME;
use crate::grammar::GrammarError;
use crate::grammar::text::{bytes, colour, number, quality, shorten, side, truth, whole, within};
use crate::{Colour, Demands, Format, QualityChoice};

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
    pub(super) trim: Option<(u8, Option<Colour>)>,
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

/// Options of imgproxy Pro, with all their names.
const PRO: &[&str] = &[
    "resizing_algorithm",
    "ra",
    "objects_position",
    "obj_pos",
    "op",
    "crop_aspect_ratio",
    "crop_ar",
    "car",
    "background_alpha",
    "bga",
    "adjust",
    "a",
    "brightness",
    "br",
    "contrast",
    "co",
    "saturation",
    "sa",
    "monochrome",
    "mc",
    "duotone",
    "dt",
    "unsharp_masking",
    "unsharpening",
    "ush",
    "blur_areas",
    "ba",
    "blur_detections",
    "bd",
    "draw_detections",
    "dd",
    "colorize",
    "col",
    "gradient",
    "gr",
    "watermark_url",
    "wmu",
    "watermark_text",
    "wmt",
    "watermark_size",
    "wms",
    "watermark_rotate",
    "wm_rot",
    "wmr",
    "watermark_shadow",
    "wmsh",
    "style",
    "st",
    "dpi",
    "autoquality",
    "aq",
    "jpeg_options",
    "jpgo",
    "png_options",
    "pngo",
    "webp_options",
    "webpo",
    "avif_options",
    "avifo",
    "page",
    "pg",
    "pages",
    "pgs",
    "disable_animation",
    "da",
    "video_thumbnail_second",
    "vts",
    "video_thumbnail_keyframes",
    "vtk",
    "video_thumbnail_tile",
    "vtt",
    "video_thumbnail_animation",
    "vta",
    "fallback_image_url",
    "fiu",
    "hashsum",
    "hs",
    "color_profile",
    "cp",
    "icc",
    "chroma_key",
    "ck",
];

/// Options that a server's operator must allow.
const SECURITY: &[&str] = &[
    "max_src_resolution",
    "msr",
    "max_src_file_size",
    "msfs",
    "max_animation_frames",
    "maf",
    "max_animation_frame_resolution",
    "mafr",
    "max_result_dimension",
    "mrd",
];

impl Options {
    pub(super) fn new(now: u64) -> Self {
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
            "watermark" | "wm" if number(first) == Some(0.0) => Ok(()),
            "watermark" | "wm" => self.ignore(&option(), "there is no picture to lay over others"),
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
            _ if SECURITY.contains(&name) => refused("limits are settings"),
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
            "trim" | "t" => (self.read_trim(arguments), "a tolerance and a colour"),
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

    fn resize(&mut self, arguments: &[&str]) -> Read {
        match arguments.first() {
            None | Some(&"") => {}
            Some(word) => self.resizing(word)?,
        }
        self.size_of(arguments.get(1..).unwrap_or_default())
    }

    fn resizing(&mut self, word: &str) -> Read {
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

    fn size_of(&mut self, arguments: &[&str]) -> Read {
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

    fn read_zoom(&mut self, arguments: &[&str]) -> Read {
        let x = within(arguments.first()?, 0.001, 100.0)?;
        let y = match arguments.get(1) {
            None => x,
            Some(text) => within(text, 0.001, 100.0)?,
        };
        self.zoom = (x, y);
        Some(())
    }

    fn read_crop(&mut self, arguments: &[&str]) -> Read {
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

    fn read_trim(&mut self, arguments: &[&str]) -> Read {
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
        let equal = arguments.get(2..).unwrap_or_default();
        if equal.iter().any(|text| !text.is_empty() && truth(text)) {
            return None;
        }
        self.trim = Some((tolerance, of));
        Some(())
    }

    /// One to four lengths as in CSS: a side that is not given is as its opposite.
    fn read_padding(&mut self, arguments: &[&str]) -> Read {
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

    fn read_rotation(&mut self, text: &str) -> Read {
        let degrees = number(text).filter(|degrees| degrees % 90.0 == 0.0)?;
        self.quarters = (degrees / 90.0).rem_euclid(4.0) as u8;
        Some(())
    }

    fn read_background(&mut self, arguments: &[&str]) -> Read {
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

    fn read_quality(&mut self, text: &str) -> Read {
        self.quality = match text {
            "0" => None,
            text => Some(quality(text)?),
        };
        Some(())
    }

    fn read_format_qualities(&mut self, arguments: &[&str]) -> Read {
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
fn kind(word: &str) -> Option<Format> {
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

fn set(slot: &mut Option<u32>, text: &str) -> Read {
    *slot = side(text)?;
    Some(())
}

/// `extend` and its gravity.
#[expect(clippy::option_option, reason = "malformed, off, on")]
fn extend(arguments: &[&str]) -> Option<Option<At>> {
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
fn gravity(arguments: &[&str]) -> Option<At> {
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
