//! One concrete rendering of a source: everything that decides its bytes, and nothing else.

use std::fmt::Write;

use base::Quality;

use crate::transform::even_word;
use crate::{
    Along, Colour, Crop, Demands, Extend, Factor, Fit, Format, Gravity, Length, Metadata, Overlay,
    Placeholder, Prefer, Rotation, Shift, Sides, Surroundings, Target, Touch, Trim,
};

/// One rendering of a source. Equal variants of one source have equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Width of the box, in pixels of the result.
    pub width: Option<u32>,
    /// Height of the box, in pixels of the result.
    pub height: Option<u32>,
    /// How the picture fits into the box.
    pub fit: Fit,
    /// What stays when something is cut off.
    pub gravity: Gravity,
    /// Cut off first, in source pixels.
    pub trim: Option<Trim>,
    /// Kept of that.
    pub crop: Option<Crop>,
    /// The width of the box as a share of the picture's, where `width` is absent.
    pub relative_width: Option<Factor>,
    /// The same for the height.
    pub relative_height: Option<Factor>,
    /// The least width of the result.
    pub min_width: Option<u32>,
    /// The least height of the result.
    pub min_height: Option<u32>,
    /// Whether the canvas grows with the box.
    pub extend: Option<Extend>,
    /// Where the picture lies on a larger canvas.
    pub place: Gravity,
    /// Added on each side.
    pub padding: Sides,
    /// Mirror left and right.
    pub flip_horizontal: bool,
    /// Mirror top and bottom.
    pub flip_vertical: bool,
    /// Then turn.
    pub rotate: Rotation,
    /// Under transparent parts and around a padded picture.
    pub background: Option<Colour>,
    /// What is done to the pixels last.
    pub effects: Effects,
    /// The format, or the rule to find it.
    pub output: Output,
    /// Quality where the format is lossy; with a target, what is used until a search has found
    /// better.
    pub quality: Quality,
    /// How good the result is to look, where that is what is asked.
    pub target: Option<Target>,
    /// Whether a source of which nothing changes but the encoding keeps its pixels exactly.
    pub exact: bool,
    /// Whether speed counts more than bytes.
    pub fast: bool,
    /// Whether the way to the client is so quick that photographs of medium size need no preview.
    pub quick_way: bool,
    /// Whether an animation is reduced to its first frame. If not, an animation is kept as it is.
    pub first_frame: bool,
    /// What becomes of EXIF data.
    pub metadata: Metadata,
    /// Done to the pixels after `effects`, in this order.
    pub touches: Vec<Touch>,
    /// What surrounds the picture on a larger canvas, in place of `background`.
    pub surroundings: Option<Surroundings>,
    /// What width and height are multiplied by once the picture lies in the box.
    pub distort: Option<(Factor, Factor)>,
    /// The longest side of the result.
    pub longest: Option<u32>,
    /// What is laid over the result, in this order.
    pub overlays: Vec<Overlay>,
    /// Conditions on the file.
    pub demands: Demands,
}

/// What is done to the pixels after their geometry. Absent changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Effects {
    /// Radius of the blur, in pixels of the result.
    pub blur: Option<Factor>,
    /// Strength of sharpening.
    pub sharpen: Option<Factor>,
    /// Factor of brightness.
    pub brightness: Option<Factor>,
    /// Factor of contrast.
    pub contrast: Option<Factor>,
    /// Factor of exposure.
    pub gamma: Option<Factor>,
    /// Factor of saturation.
    pub saturation: Option<Factor>,
    /// Added to each colour after brightness, before contrast; 0 changes nothing.
    pub lift: i16,
}

/// The formats a client may get: one of a few classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// JPEG.
    pub jpeg: bool,
    /// PNG.
    pub png: bool,
    /// WebP.
    pub webp: bool,
    /// AVIF.
    pub avif: bool,
    /// JPEG XL, which is not written: sources are passed on.
    pub jxl: bool,
}

impl Accepted {
    /// What every client is taken to know.
    pub const COMMON: Self = Self {
        jpeg: true,
        png: true,
        webp: false,
        avif: false,
        jxl: false,
    };

    /// Whether a body of this format may be sent. Formats that are neither written nor new are passed
    /// on to anyone: the page asked for them.
    pub const fn allows(self, format: Format) -> bool {
        match format {
            Format::Jpeg => self.jpeg,
            Format::Png => self.png,
            Format::WebP => self.webp,
            Format::Jxl => self.jxl,
            _ => true,
        }
    }
}

/// The format of the result, or the rule to find it once the picture is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The best for this picture among those accepted.
    Auto {
        /// What the client may get.
        accepted: Accepted,
        /// What matters more for photographs.
        prefer: Prefer,
    },
    /// The source's own format; JPEG or PNG for one that is not written.
    Source,
    /// WebP.
    WebP,
    /// AVIF; until one is made, WebP.
    Avif,
    /// Progressive JPEG.
    Jpeg,
    /// Baseline JPEG.
    BaselineJpeg,
    /// PNG.
    Png,
    /// No picture but facts about it.
    Facts,
    /// What stands in the picture's place until it comes.
    Placeholder {
        /// In which form.
        kind: Placeholder,
        /// What the client may get, where that is a picture.
        accepted: Accepted,
    },
}

impl Variant {
    /// The quality for a kind of file.
    pub fn quality_for(&self, format: Format) -> Quality {
        self.demands.quality(format).unwrap_or(self.quality)
    }

    /// Whether pixels are changed after they are in their places.
    pub(crate) fn alters_pixels(&self) -> bool {
        self.effects != Effects::default() || !self.touches.is_empty() || !self.overlays.is_empty()
    }

    /// Whether the pixels stay as they are for every source: only the encoding may change.
    pub fn keeps_pixels(&self) -> bool {
        self.width.is_none()
            && self.height.is_none()
            && self.trim.is_none()
            && self.crop.is_none()
            && self.relative_width.is_none()
            && self.relative_height.is_none()
            && self.min_width.is_none()
            && self.min_height.is_none()
            && self.longest.is_none()
            && self.padding.is_zero()
            && !self.flip_horizontal
            && !self.flip_vertical
            && self.rotate == Rotation::None
            && self.background.is_none()
            && !self.alters_pixels()
            && !self.first_frame
    }

    /// Whether more work in the background may make it better: a search for what looks as wanted,
    /// or an AVIF. What is laid over a picture is at hand only while somebody waits.
    pub fn may_improve(&self) -> bool {
        self.overlays.is_empty() && (self.target.is_some() || self.may_become_avif())
    }

    /// Whether it may be an AVIF.
    pub fn may_become_avif(&self) -> bool {
        let accepted = match self.output {
            Output::Avif => true,
            Output::Auto { accepted, .. } => accepted.avif,
            _ => false,
        };
        accepted && !self.fast && self.demands == Demands::default()
    }

    /// The variant in short canonical text, for cache keys: equal for equal variants only.
    pub fn key(&self) -> String {
        let mut key = Key(String::with_capacity(48));
        key.output(self.output);
        match self.target {
            // The quality follows from the target.
            Some(target) => key.number("s", Some(u32::from(target.points()))),
            None => key.number("q", Some(u32::from(self.quality.value()))),
        }
        key.number("w", self.width);
        key.number("h", self.height);
        if self.fit != Fit::ScaleDown {
            key.part(self.fit.word());
        }
        key.gravity("g", self.gravity);
        key.trim(self.trim);
        key.drop_in(self);
        key.flag("fh", self.flip_horizontal);
        key.flag("fv", self.flip_vertical);
        if self.rotate != Rotation::None {
            key.part(&format!("r{}", self.rotate.word()));
        }
        if let Some(Colour {
            red,
            green,
            blue,
            alpha,
        }) = self.background
        {
            key.part(&format!("bg{red:02x}{green:02x}{blue:02x}{alpha:02x}"));
        }
        key.effects(&self.effects);
        key.flag("exact", self.exact);
        key.flag("fast", self.fast);
        key.flag("quick", self.quick_way);
        key.flag("still", self.first_frame);
        if self.metadata != Metadata::Copyright {
            key.part(&format!("m{}", self.metadata.word()));
        }
        if let Some(surroundings) = self.surroundings {
            key.part(surroundings.word());
        }
        for touch in &self.touches {
            key.part(&touch.to_string());
        }
        if let Some((x, y)) = self.distort {
            key.part(&format!("d{}x{}", x.thousandths(), y.thousandths()));
        }
        key.number("longest", self.longest);
        for overlay in &self.overlays {
            key.part(&overlay.to_string());
        }
        for option in self.demands.options() {
            key.part(&option);
        }
        key.0
    }
}

/// A key in the making.
struct Key(String);

impl Key {
    fn part(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(text);
    }

    fn number(&mut self, name: &str, value: Option<u32>) {
        if let Some(value) = value {
            self.part(&format!("{name}{value}"));
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.part(name);
        }
    }

    fn output(&mut self, output: Output) {
        let mut text = match output {
            Output::Auto { prefer, .. } => format!("auto-{}-", prefer.word()),
            Output::Source => "source".to_owned(),
            Output::WebP => "webp".to_owned(),
            Output::Avif => "avif".to_owned(),
            Output::Jpeg => "jpeg".to_owned(),
            Output::BaselineJpeg => "baseline-jpeg".to_owned(),
            Output::Png => "png".to_owned(),
            Output::Facts => "facts".to_owned(),
            Output::Placeholder { kind, .. } => format!("{}-", kind.word()),
        };
        if let Output::Auto { accepted, .. } | Output::Placeholder { accepted, .. } = output {
            for (letter, allowed) in [
                ('j', accepted.jpeg),
                ('p', accepted.png),
                ('w', accepted.webp),
                ('a', accepted.avif),
                ('x', accepted.jxl),
            ] {
                if allowed {
                    text.push(letter);
                }
            }
        }
        self.part(&text);
    }

    fn gravity(&mut self, name: &str, gravity: Gravity) {
        match gravity {
            Gravity::CENTER => {}
            Gravity::Point { x, y } => {
                self.part(&format!("{name}{}x{}", x.thousandths(), y.thousandths()));
            }
            Gravity::Focus { x, y } => {
                self.part(&format!("{name}f{}x{}", x.thousandths(), y.thousandths()));
            }
            Gravity::FocusAt { x, y } => self.part(&format!("{name}p{x}x{y}")),
            Gravity::Shifted { x, y } => {
                self.part(&format!("{name}s{}x{}", along(x), along(y)));
            }
            Gravity::Salient => self.part(&format!("{name}auto")),
            Gravity::Face => self.part(&format!("{name}face")),
        }
    }

    /// What only other servers' URLs ask for.
    fn drop_in(&mut self, variant: &Variant) {
        if let Some(crop) = variant.crop {
            self.crop(crop);
        }
        self.number("rw", variant.relative_width.map(Factor::thousandths));
        self.number("rh", variant.relative_height.map(Factor::thousandths));
        self.number("mw", variant.min_width);
        self.number("mh", variant.min_height);
        match variant.extend {
            None => {}
            Some(Extend::Box) => self.part("ex"),
            Some(Extend::Shape) => self.part("exs"),
        }
        self.gravity("p", variant.place);
        let Sides {
            top,
            right,
            bottom,
            left,
        } = variant.padding;
        if !variant.padding.is_zero() {
            self.part(&format!("pd{top};{right};{bottom};{left}"));
        }
    }

    fn crop(&mut self, crop: Crop) {
        match crop {
            Crop::Placed { width, height, at } => {
                self.part(&format!("c{}x{}", length(width), length(height)));
                self.gravity("c", at);
            }
            Crop::Between {
                left,
                top,
                right,
                bottom,
            } => {
                let sides = [left, top, right, bottom].map(length);
                self.part(&format!("cb{}", sides.join(";")));
            }
            Crop::Shape { width, height, at } => {
                self.part(&format!("cs{width}:{height}"));
                self.gravity("c", at);
            }
        }
    }

    fn trim(&mut self, trim: Option<Trim>) {
        let text = match trim {
            None => return,
            Some(Trim::Border {
                tolerance,
                colour,
                bottom_right,
                even,
            }) => {
                let even = even_word(even);
                let from = if bottom_right { "e" } else { "s" };
                let colour = colour.map_or_else(String::new, |colour| format!("{colour:?}"));
                format!("tb{tolerance}{from}{colour}{even}")
            }
            Some(Trim::Edges {
                top,
                right,
                bottom,
                left,
            }) => format!("t{top};{right};{bottom};{left}"),
            Some(Trim::Area {
                left,
                top,
                width,
                height,
            }) => {
                let mut text = format!("a{left};{top}");
                for side in [width, height] {
                    // Writing to a string cannot fail.
                    let _ = match side {
                        Some(side) => write!(text, ";{side}"),
                        None => write!(text, ";-"),
                    };
                }
                text
            }
        };
        self.part(&text);
    }

    fn effects(&mut self, effects: &Effects) {
        let Effects {
            blur,
            sharpen,
            brightness,
            contrast,
            gamma,
            saturation,
            lift,
        } = effects;
        if *lift != 0 {
            self.part(&format!("lift{lift}"));
        }
        let named = [
            ("blur", blur),
            ("sharpen", sharpen),
            ("brightness", brightness),
            ("contrast", contrast),
            ("gamma", gamma),
            ("saturation", saturation),
        ];
        for (name, factor) in named {
            self.number(name, factor.map(Factor::thousandths));
        }
    }
}

fn length(length: Length) -> String {
    match length {
        Length::Whole => "-".to_owned(),
        Length::Pixels(pixels) => pixels.to_string(),
        Length::Share(share) => format!("r{}", share.thousandths()),
    }
}

fn along(along: Along) -> String {
    let share = along.share.thousandths();
    match along.shift {
        Shift::Pixels(pixels) => format!("{share}{pixels:+}"),
        Shift::Share(shift) => format!("{share}{shift:+}r"),
    }
}
