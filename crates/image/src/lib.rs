//! Pictures: what a file is, which variant of it a client gets, and how that variant is made.
//!
//! Three steps, each pure. [`probe()`] reads a file's header and refuses what is too large before
//! anything is allocated. [`choose()`] joins what the URL asks ([`Transform`]), what the client says
//! ([`Signals`]) and what the site wants ([`Policy`]) into one of few [`Variant`]s, and explains
//! itself. [`render()`] makes the variant, or says why the original is the better answer.
//!
//! No I/O, no clock, no async; a long job asks a callback whether it is still wanted.

mod accept;
mod alike;
mod allowance;
mod animation;
mod border;
mod choose;
mod decoders;
mod error;
mod facts;
mod format;
pub mod fuzz;
pub mod grammar;
mod limits;
mod outline;
mod overlay;
mod perceptual;
mod picture;
mod placeholder;
mod probe;
mod render;
mod settings;
mod signals;
mod svg;
mod touch;
mod transform;
mod variant;

mod census;
mod colour;
mod decode;
mod effects;
mod encode;
mod exif;
mod geometry;
mod lossless;
mod orient;
mod planar;
mod resize;
mod saliency;
mod webp_encode;

#[cfg(test)]
mod samples;

pub use accept::Accept;
pub use alike::similarity;
pub use choose::{Choice, Policy, choose};
pub use decoders::{Av1, Decoders, OutsideError, Svg};
pub use error::ImageError;
pub use exif::Orientation;
pub use facts::{Facts, facts};
pub use format::Format;
pub use limits::Limits;
pub use outline::outline_of;
pub use overlay::{Gap, MAX_OVERLAY_BYTES, MAX_OVERLAYS, Overlay, OverlayFile, Spot};
pub use perceptual::{
    Found, MOST_ENCODES, MOST_ENCODES_OF_AVIF, Searched, TOLERANCE, Target, scores, search,
    usual_score,
};
pub use placeholder::Placeholder;
pub use probe::{Probe, probe};
pub use render::{MIN_SAVING_PERCENT, Original, Outcome, Rendered, render, render_found};
pub use settings::{LimitSettings, PolicySettings, Prefer};
pub use signals::{Signals, Tier};
pub use touch::{Demands, Kernel, Surroundings, Touch};
pub use transform::{
    Along, AutoWidth, Colour, Crop, Extend, Factor, Fit, FormatChoice, Gravity, Length, MAX_DPR,
    Metadata, OptionError, OptionProblem, QualityChoice, Rotation, Shift, Sides, Transform, Trim,
    Width, option_forms,
};
pub use variant::{Accepted, Effects, Output, Variant};
