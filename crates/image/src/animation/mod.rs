//! Animations: a GIF, an animated PNG or an animated WebP becomes an animated WebP, frame by frame through the same
//! steps as a still picture.
//!
//! Of a frame only what changed since the one before is written. Colours that move stay where the
//! crop is the same for all frames.

mod apng;
mod canvas;
mod count;
mod file;
mod gif;
mod webp;

use crate::encode::{Made, exact_is_worth_it};
use crate::geometry::Layout;
use crate::picture::{Channels, Picture};
use crate::render::Job;
use crate::webp_encode::{self, WebPOptions};
use crate::{Format, Gravity, ImageError, Output, Trim, Variant, census, outline_of};
use count::{Count, count};
use file::{Animation, Part};

/// Durations up to this many milliseconds are what browsers take for a mistake.
const MISTAKEN: u32 = 10;
/// What browsers show such frames for.
const USUAL: u32 = 100;
/// Effort of the encoder: animations have many frames.
const METHOD: u8 = 2;

/// Why an animation is passed on as it is; `None` if it is made.
pub(crate) fn reason_to_keep(job: &Job<'_>) -> Option<String> {
    let format = job.probe.format;
    if !may_be_made(job) {
        return Some(format!("an animated {format} is passed on as it is"));
    }
    if !job.variant.overlays.is_empty() {
        return Some("nothing is laid over animations".to_owned());
    }
    let (width, height) = job.layout.canvas;
    if width.max(height) as usize > webp_encode::MAX_SIDE {
        return Some("WebP cannot hold sides this long".to_owned());
    }
    let largest = job.probe.pixels().max(job.canvas_pixels());
    let limits = job.limits;
    match count(format, job.source, limits.max_frames) {
        Count::TooMany => Some(format!(
            "the animation has more than {} frames",
            limits.max_frames
        )),
        Count::Frames(frames) if largest * frames as u64 > limits.max_animation_pixels => {
            Some(format!(
                "the animation has more than {} pixels",
                limits.max_animation_pixels
            ))
        }
        Count::Frames(_) => None,
        Count::Damaged => Some("the animation is cut off".to_owned()),
    }
}

/// Whether the source is read, and the client gets a format that moves.
fn may_be_made(job: &Job<'_>) -> bool {
    let to_webp = match job.variant.output {
        Output::Auto { accepted, .. } => accepted.webp,
        Output::WebP | Output::Avif => true,
        Output::Source => job.probe.format == Format::WebP,
        _ => false,
    };
    let border = matches!(job.variant.trim, Some(Trim::Border { .. }));
    let read = match job.probe.format {
        Format::Gif | Format::Png => true,
        // Making it again at its own size would only lose quality.
        Format::WebP => !job.only_encodes(),
        _ => false,
    };
    to_webp && read && !border
}

/// A frame as it is shown, and for how long.
pub(crate) struct Frame {
    /// The whole picture, with alpha.
    pub(crate) picture: Picture,
    /// In milliseconds.
    pub(crate) duration: u32,
}

/// How long a frame is shown that says so many milliseconds.
const fn shown_for(duration: u32) -> u32 {
    if duration <= MISTAKEN {
        USUAL
    } else {
        duration
    }
}

/// Frames one after the other.
pub(crate) trait Frames {
    /// How often all of them are shown; 0 for ever.
    fn plays(&self) -> u16;

    /// The next frame; `None` after the last.
    fn next(&mut self) -> Result<Option<Frame>, ImageError>;
}

/// Makes the animation.
pub(crate) fn make(job: &Job<'_>) -> Result<Made, ImageError> {
    let variant = steady(job.variant);
    let job = &Job {
        variant: &variant,
        layout: Layout::new(&job.probe, &variant, job.limits)?,
        ..*job
    };
    match job.probe.format {
        Format::Gif => run(job, &mut gif::open(job.source, &job.probe, job.limits)?),
        Format::Png => run(job, &mut apng::open(job.source, &job.probe, job.cancel)?),
        _ => run(job, &mut webp::open(job.source, &job.probe)?),
    }
}

/// What stands out is another thing in every frame: the middle stays instead.
fn steady(variant: &Variant) -> Variant {
    let mut variant = variant.clone();
    if matches!(variant.gravity, Gravity::Salient | Gravity::Face) {
        variant.gravity = Gravity::CENTER;
    }
    variant
}

fn run(job: &Job<'_>, frames: &mut dyn Frames) -> Result<Made, ImageError> {
    let mut written = Written::new(job, frames.plays());
    while let Some(Frame { picture, duration }) = frames.next()? {
        job.go_on()?;
        written.add(job.shown(picture)?.into_rgba(), duration)?;
    }
    let frames = written.file.len();
    let bytes = written.file.finish();
    let made = Made {
        outline: outline_of(&bytes),
        bytes,
        format: Format::WebP,
        exact: false,
        found: None,
        shown: None,
        notes: Vec::new(),
    };
    Ok(made.because(format!("animated WebP, {frames} frames")))
}

/// What is written so far.
struct Written<'a> {
    job: &'a Job<'a>,
    file: Animation,
    /// The frame before, as it is shown.
    before: Option<Picture>,
    options: Option<WebPOptions>,
}

impl<'a> Written<'a> {
    fn new(job: &'a Job<'a>, plays: u16) -> Self {
        let (width, height) = job.layout.canvas;
        Self {
            job,
            file: Animation::new(width, height, plays),
            before: None,
            options: None,
        }
    }

    fn add(&mut self, picture: Picture, duration: u32) -> Result<(), ImageError> {
        let changed = match &self.before {
            None => Some((0, 0, picture.width, picture.height)),
            Some(before) => changed(before, &picture),
        };
        let Some((left, top, width, height)) = changed else {
            self.file.prolong(duration);
            return Ok(());
        };
        let part = picture.part(left, top, width, height).without_idle_alpha();
        let options = match self.options {
            Some(options) => options,
            None => *self.options.insert(self.choose(&part)?),
        };
        let still = webp_encode::encode(&part, options, self.job.cancel)?;
        let place = Part {
            left,
            top,
            width,
            height,
            duration,
            alpha: part.channels == Channels::Rgba,
        };
        self.file.add(&place, &still)?;
        self.before = Some(picture);
        Ok(())
    }

    /// With loss or without, as suits the first frame; all others are of its kind.
    fn choose(&self, first: &Picture) -> Result<WebPOptions, ImageError> {
        let quality = self.job.variant.quality.value();
        let lossy = WebPOptions {
            quality,
            lossless: false,
            method: METHOD,
            sharp_colour: false,
        };
        let exact = WebPOptions {
            lossless: true,
            ..lossy
        };
        if quality == 100 {
            return Ok(exact);
        }
        if census::is_photograph(first) {
            return Ok(lossy);
        }
        let length =
            |options| webp_encode::encode(first, options, self.job.cancel).map(|bytes| bytes.len());
        Ok(match exact_is_worth_it(length(exact)?, length(lossy)?) {
            true => exact,
            false => lossy,
        })
    }
}

/// The smallest part that has all differences: left, top, width and height, the first two even as
/// the format wants them. `None` if there is no difference.
fn changed(before: &Picture, after: &Picture) -> Option<(usize, usize, usize, usize)> {
    let rows = || before.rows().zip(after.rows());
    let differs = |(one, other): (&[u8], &[u8])| one != other;
    let top = rows().position(differs)?;
    let bottom = after.height - rows().rev().position(differs)?;
    let (mut left, mut right) = (after.width, 0);
    for (one, other) in rows().take(bottom).skip(top) {
        let pixels = || one.chunks_exact(4).zip(other.chunks_exact(4));
        if let Some(first) = pixels().position(|(one, other)| one != other) {
            left = left.min(first);
        }
        if let Some(last) = pixels().rposition(|(one, other)| one != other) {
            right = right.max(last + 1);
        }
    }
    let (left, top) = (left & !1, top & !1);
    Some((left, top, right.checked_sub(left)?, bottom - top))
}

#[cfg(test)]
mod tests;
