//! What a URL asks of a picture: the options of `/cdn-cgi/image/<options>/`.
//!
//! Names, aliases and meanings are those of Cloudflare Images. Departures are marked on the items
//! below.

mod colour;
mod options;
mod parse;
mod place;
mod print;
#[cfg(test)]
mod tests;

use base::Quality;
use base::settings::{DeValue, Report, Spanned, Value};

use crate::{Demands, Overlay, Placeholder, Surroundings, Target, Touch};

pub use colour::Colour;
pub use options::option_forms;
pub(crate) use parse::decode_percent;
pub use parse::{OptionError, OptionProblem};
pub use place::{Along, Crop, Extend, Length, Shift, Sides};

/// The largest `dpr` that has an effect; larger ones count as this one. Beyond three device pixels
/// to a CSS pixel the eye sees no difference.
///
/// DEVIATION: Cloudflare stops at 2, which leaves most phones short.
pub const MAX_DPR: Factor = Factor::from_thousandths(3000);

/// Everything the options ask. The default asks nothing: in-place negotiation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transform {
    /// `width`, `w`.
    pub width: Option<Width>,
    /// `wbreakpoints`, `wmobile`, `wdesktop`: how `width=auto` chooses.
    pub auto_width: AutoWidth,
    /// `height`, `h`: CSS pixels.
    pub height: Option<u32>,
    /// `dpr`: device pixels to a CSS pixel; multiplies `width`, `height` and `trim`.
    pub dpr: Option<Factor>,
    /// `fit`; absent means [`Fit::ScaleDown`].
    pub fit: Option<Fit>,
    /// `gravity`, `g`: what stays when something is cut off; absent means the centre.
    pub gravity: Option<Gravity>,
    /// `zoom`, `face-zoom`: accepted with `gravity=face`, without effect as faces are not sought.
    pub zoom: Option<Factor>,
    /// `quality`, `q`.
    pub quality: Option<QualityChoice>,
    /// `slow-connection-quality`, `scq`: replaces `quality` when the client says its connection is
    /// slow.
    pub slow_quality: Option<QualityChoice>,
    /// `format`, `f`; absent means the source's format.
    pub format: Option<FormatChoice>,
    /// `placeholder`: not the picture but what stands in its place. No option of Cloudflare's.
    pub placeholder: Option<Placeholder>,
    /// `compression=fast`: the quickest format and encoder settings.
    pub fast: bool,
    /// `anim`: `false` takes the first frame of an animation. Absent means `true`.
    pub animation: Option<bool>,
    /// `metadata`; absent means [`Metadata::Copyright`].
    pub metadata: Option<Metadata>,
    /// `background`: under transparent parts and around `fit=pad`.
    pub background: Option<Colour>,
    /// `blur`: radius in pixels of the result, 1–250; the standard deviation is half of it.
    pub blur: Option<Factor>,
    /// `sharpen`: 0–10; 1 suits pictures that were made smaller.
    pub sharpen: Option<Factor>,
    /// `brightness`: 1 changes nothing, 0.5 is half as bright; 0 is ignored.
    pub brightness: Option<Factor>,
    /// `contrast`: 1 changes nothing; 0 is ignored.
    pub contrast: Option<Factor>,
    /// `gamma`: 1 changes nothing, 0.5 darkens, 2 lightens; 0 is ignored.
    pub gamma: Option<Factor>,
    /// `saturation`: 1 changes nothing, 0 is grey.
    pub saturation: Option<Factor>,
    /// `rotate`: clockwise, after `flip`.
    pub rotate: Rotation,
    /// `flip=h` or `hv`: mirror left and right.
    pub flip_horizontal: bool,
    /// `flip=v` or `hv`: mirror top and bottom.
    pub flip_vertical: bool,
    /// `trim`: cut off before anything else.
    pub trim: Option<Trim>,
    /// `onerror=redirect`: answer a failure with a redirect to the source.
    pub redirect_on_error: bool,
    /// Kept of what `trim` left, before it is turned. No option of Cloudflare's.
    pub crop: Option<Crop>,
    /// The width as a share of the picture's own after `crop` and turning, where `width` is
    /// absent. No option of Cloudflare's.
    pub relative_width: Option<Factor>,
    /// The same for the height.
    pub relative_height: Option<Factor>,
    /// The least width of the result: a picture that would be narrower becomes larger. Has no
    /// effect where the box is filled. No option of Cloudflare's.
    pub min_width: Option<u32>,
    /// The same for the height.
    pub min_height: Option<u32>,
    /// Whether the canvas grows to the box, or to its shape. No option of Cloudflare's.
    pub extend: Option<Extend>,
    /// Where the picture lies on a larger canvas; absent means the middle. No option of
    /// Cloudflare's.
    pub place: Option<Gravity>,
    /// Added to the result on each side, in pixels. No option of Cloudflare's.
    pub padding: Sides,
    /// Added to each colour before `contrast`, -255 to 255. No option of Cloudflare's.
    pub lift: i16,
    /// Further changes to the pixels, in this order. No option of Cloudflare's.
    pub touches: Vec<Touch>,
    /// What surrounds the picture on a larger canvas, in place of `background`. No option of
    /// Cloudflare's.
    pub surroundings: Option<Surroundings>,
    /// What width and height are multiplied by once the picture lies in the box, where they are
    /// not the same. No option of Cloudflare's.
    pub distort: Option<(Factor, Factor)>,
    /// The longest side of the result: it becomes smaller until it keeps to that. No option of
    /// Cloudflare's.
    pub longest: Option<u32>,
    /// What is laid over the result, in this order. No option of Cloudflare's URLs.
    pub overlays: Vec<Overlay>,
    /// Conditions on the file. No option of Cloudflare's.
    pub demands: Demands,
}

/// `width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// CSS pixels.
    Pixels(u32),
    /// `auto`: by client hints, or by the kind of device.
    Auto,
}

/// How `width=auto` chooses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AutoWidth {
    /// `wbreakpoints`: the widths to choose from when client hints are present, ascending.
    pub breakpoints: Vec<u32>,
    /// `wmobile`: the width for mobile devices without hints.
    pub mobile: u32,
    /// `wdesktop`: the width for all others.
    pub desktop: u32,
}

impl Default for AutoWidth {
    fn default() -> Self {
        Self {
            breakpoints: vec![320, 768, 960, 1200],
            mobile: 768,
            desktop: 1200,
        }
    }
}

/// A number of an option, exact to a thousandth so that equal options are equal variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(u32);

impl Factor {
    /// Changes nothing when multiplied with.
    pub const ONE: Self = Self(1000);

    /// A factor of `thousandths`/1000.
    pub const fn from_thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// The factor in thousandths.
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// The factor as a number.
    pub fn value(self) -> f32 {
        self.0 as f32 / 1000.0
    }

    /// Reads a decimal number such as `2`, `0.25` or `.5`; digits past the third after the point
    /// are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + part.len() == 0 || whole.len() > 6 || !digits(whole) || !digits(part) {
            return None;
        }
        let whole: u32 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        let part = part
            .bytes()
            .chain(*b"000")
            .take(3)
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        Some(Self(whole * 1000 + part))
    }

    /// `length` times the factor, rounded, at least 1 unless `length` is 0.
    pub fn scale(self, length: u32) -> u32 {
        let scaled = (u64::from(length) * u64::from(self.0) + 500) / 1000;
        u32::try_from(scaled).unwrap_or(u32::MAX).max(length.min(1))
    }
}

base::choices! {
    /// How the picture fits into the box of `width` and `height`. A side that is not given is
    /// unbounded.
    pub enum Fit {
        /// Inside the box, never enlarged.
        ScaleDown = "scale-down",
        /// Inside the box, never made smaller.
        ScaleUp = "scale-up",
        /// Inside the box, enlarged if need be.
        Contain = "contain",
        /// Fills the box, cropped, enlarged if need be.
        Cover = "cover",
        /// Fills the box, cropped, never enlarged; where the picture is smaller than the box, so
        /// is the result.
        Crop = "crop",
        /// Cropped to the shape of the box, never enlarged.
        AspectCrop = "aspect-crop",
        /// Inside the box, the rest filled with the background.
        Pad = "pad",
        /// Exactly the box, distorted.
        Squeeze = "squeeze",
        /// The shape of the box, distorted, never enlarged. No word of Cloudflare's, nor are those
        /// below.
        SqueezeDown = "squeeze-down",
        /// Around the box, so that one side has its length and the other is longer.
        Outside = "outside",
        /// The same, never enlarged.
        OutsideDown = "outside-down",
        /// As `cover` if picture and box are both upright or both lying, else as `contain`.
        Auto = "auto",
        /// The same as `crop` or `scale-down`.
        AutoDown = "auto-down",
        /// As `scale-down`, the box turned if the picture is upright and the box lies, or the
        /// other way round.
        Adaptive = "adaptive",
    }
}

impl Fit {
    /// Whether Cloudflare knows it.
    pub(crate) fn is_cloudflares(self) -> bool {
        !matches!(
            self,
            Self::SqueezeDown
                | Self::Outside
                | Self::OutsideDown
                | Self::Auto
                | Self::AutoDown
                | Self::Adaptive
        )
    }
}

/// What stays when something is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gravity {
    /// The point that divides what is cut off: `0.5x0.33` cuts a third of it off the top and two
    /// thirds off the bottom. Sides and `center` are such points.
    Point {
        /// 0 (left) to 1 (right).
        x: Factor,
        /// 0 (top) to 1 (bottom).
        y: Factor,
    },
    /// The point that comes to lie in the middle, as far as the picture reaches.
    Focus {
        /// 0 (left) to 1 (right).
        x: Factor,
        /// 0 (top) to 1 (bottom).
        y: Factor,
    },
    /// The same for a point in pixels of what is cropped.
    FocusAt {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
    },
    /// As [`Gravity::Point`], then moved; never out of the picture.
    Shifted {
        /// From left to right.
        x: Along,
        /// From top to bottom.
        y: Along,
    },
    /// `auto`, `entropy`: the part that stands out most from its surroundings.
    Salient,
    /// `face`. Faces are not sought: the same as `auto`, with a note.
    Face,
}

impl Gravity {
    /// The middle.
    pub const CENTER: Self = Self::Point {
        x: Factor::from_thousandths(500),
        y: Factor::from_thousandths(500),
    };
}

/// A quality as a number, or by name: how good the picture is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QualityChoice {
    /// 1–100: the encoder's own scale.
    Number(Quality),
    /// `auto`: what quality 76 usually looks like, whatever the picture, and less where the way or
    /// the display asks for less.
    Auto,
    /// `high`: hardly to be told from the source.
    High,
    /// `medium-high`.
    MediumHigh,
    /// `medium-low`.
    MediumLow,
    /// `low`: visibly less.
    Low,
}

/// The names of qualities that are targets.
const QUALITY_NAMES: [(&str, QualityChoice); 5] = [
    ("auto", QualityChoice::Auto),
    ("high", QualityChoice::High),
    ("medium-high", QualityChoice::MediumHigh),
    ("medium-low", QualityChoice::MediumLow),
    ("low", QualityChoice::Low),
];

impl QualityChoice {
    /// The quality for a name.
    pub fn parse_name(name: &str) -> Option<Self> {
        let mut names = QUALITY_NAMES.iter();
        names.find(|(known, _)| *known == name).map(|(_, it)| *it)
    }

    /// The name, where it is one of those.
    pub fn name(self) -> Option<&'static str> {
        let mut names = QUALITY_NAMES.iter();
        names.find(|(_, it)| *it == self).map(|(name, _)| *name)
    }

    /// How good the picture is to look; `None` for a number.
    pub const fn target(self) -> Option<Target> {
        Some(Target::new(match self {
            Self::Number(_) => return None,
            Self::High => 85,
            Self::Auto => 75,
            Self::MediumHigh => 70,
            Self::MediumLow => 60,
            Self::Low => 50,
        }))
    }

    /// The quality meant: for a name, the one that usually looks so.
    pub fn quality(self) -> Quality {
        match (self, self.target()) {
            (Self::Number(quality), _) => quality,
            (_, target) => target.map_or(Quality::new(80), Target::usual_quality),
        }
    }
}

impl Value for QualityChoice {
    fn form() -> String {
        let names = QUALITY_NAMES.map(|(name, _)| format!("`\"{name}\"`"));
        format!(
            "a whole number from 1 to 100, or one of {}",
            names.join(", ")
        )
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let DeValue::String(name) = node.get_ref() else {
            if node.get_ref().is_integer() {
                return Quality::decode(node, key, report).map(Self::Number);
            }
            report.mismatch(key, node, Self::form());
            return None;
        };
        let choice = Self::parse_name(name);
        if choice.is_none() {
            report.mismatch(key, node, Self::form());
        }
        choice
    }

    fn show(&self) -> String {
        match (self, self.name()) {
            (Self::Number(quality), _) => quality.to_string(),
            (_, name) => format!("\"{}\"", name.unwrap_or_default()),
        }
    }
}

base::choices! {
    /// `format`.
    pub enum FormatChoice {
        /// The best the client accepts.
        Auto = "auto",
        /// AVIF. Not written yet: the best of the others that the client accepts, with a note.
        Avif = "avif",
        /// WebP.
        WebP = "webp",
        /// Progressive JPEG.
        Jpeg = "jpeg",
        /// Baseline JPEG, for readers that know no other.
        BaselineJpeg = "baseline-jpeg",
        /// PNG.
        Png = "png",
        /// PNG; the same as `png`.
        PngForce = "png-force",
        /// No picture but facts about it.
        Json = "json",
    }
}

base::choices! {
    /// What becomes of EXIF data. Only JPEG results carry any; orientation and colour profile are
    /// always applied and dropped.
    pub enum Metadata {
        /// All of it.
        Keep = "keep",
        /// The copyright notice and the artist.
        Copyright = "copyright",
        /// Nothing.
        None = "none",
    }
}

base::choices! {
    /// `rotate`: quarter turns clockwise.
    pub enum Rotation {
        /// As it is.
        None = "0",
        /// A quarter.
        Quarter = "90",
        /// Upside down.
        Half = "180",
        /// Three quarters.
        ThreeQuarters = "270",
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the macro that declares the enum leaves no place to mark the default"
)]
impl Default for Rotation {
    fn default() -> Self {
        Self::None
    }
}

/// Which sides of a border are even, as options and keys say it.
pub(crate) const fn even_word(even: (bool, bool)) -> &'static str {
    match even {
        (false, false) => "",
        (true, false) => ";even-x",
        (false, true) => ";even-y",
        (true, true) => ";even",
    }
}

/// `trim`, in source pixels after orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trim {
    /// Cut off what surrounds the picture in one colour. No form of Cloudflare's URLs.
    Border {
        /// By how much each channel may differ from that colour, 0–255.
        tolerance: u8,
        /// The colour; absent means that of the corner.
        colour: Option<Colour>,
        /// Whether the corner is the one at the bottom right, not at the top left.
        bottom_right: bool,
        /// Whether only as much is cut off on either side as on the other: left and right, top
        /// and bottom.
        even: (bool, bool),
    },
    /// `trim=top;right;bottom;left`: cut off each side.
    Edges {
        /// From the top.
        top: u32,
        /// From the right.
        right: u32,
        /// From the bottom.
        bottom: u32,
        /// From the left.
        left: u32,
    },
    /// `trim.left`, `trim.top`, `trim.width`, `trim.height`: keep this part.
    Area {
        /// Where it starts.
        left: u32,
        /// Where it starts.
        top: u32,
        /// Its width; absent means to the right edge.
        width: Option<u32>,
        /// Its height; absent means to the bottom edge.
        height: Option<u32>,
    },
}
