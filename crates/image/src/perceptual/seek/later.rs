//! AVIF in the place of what was made at once: as good, in fewer bytes, where nobody misses the
//! preview that a JPEG shows early.

use base::Quality;

use super::{ABOVE, Seek, Tried};
use crate::encode::{Encoders, Goal, avif, exact_is_worth_it, is_small, is_small_file};
use crate::perceptual::{Found, MOST_ENCODES_OF_AVIF, Searched, TOLERANCE, usual_score};
use crate::picture::Channels;
use crate::render::{Job, Pixels};
use crate::{
    Format, ImageError, Limits, MIN_SAVING_PERCENT, Outcome, Output, Prefer, Variant, border,
};

/// Photographs of so many pixels and bytes need no preview where the way is quick: at 8 Mbit/s,
/// the least for that, they are there within 33 milliseconds.
const QUICK_PIXELS: u64 = 640 * 480;
const QUICK_BYTES: usize = 32 << 10;
/// What scores so many points has the very pixels.
const EXACT: f32 = 99.9;

/// Makes the AVIF of a variant without a target; `None` if what was made at once is better.
pub(in super::super) fn search(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<Searched>, ImageError> {
    if let Some(seen) = border::seen(source, variant, limits, cancel)? {
        return search(source, &seen, limits, cancel);
    }
    let job = match Job::new(source, variant, limits, cancel) {
        Ok(job) => job,
        Err(ImageError::Unsupported { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let pixels = job.canvas_pixels();
    if job.is_kept() || job.is_animation() || pixels > limits.max_avif_pixels {
        return Ok(None);
    }
    match variant.output {
        Output::Avif if pixels <= limits.avif_pixels_at_once() => Ok(None),
        Output::Avif => by_name(&job),
        _ if needs_preview(&job) => Ok(None),
        _ => instead(&job),
    }
}

/// Whether it surely needs a preview, as far as can be told without a look at its pixels.
fn needs_preview(job: &Job<'_>) -> bool {
    let Output::Auto { prefer, .. } = job.variant.output else {
        return true;
    };
    let photograph = job.probe.format == Format::Jpeg && prefer == Prefer::Preview;
    let (width, height) = job.layout.canvas;
    let small = match job.variant.quick_way {
        true => job.canvas_pixels() <= QUICK_PIXELS,
        false => is_small(width as usize, height as usize),
    };
    photograph && !small
}

/// What a URL asks for as AVIF, at the quality it asks for.
fn by_name(job: &Job<'_>) -> Result<Option<Searched>, ImageError> {
    let mut seek = Seek::at_a_look(job)?;
    if !avif::fits(&seek.picture) {
        return Ok(None);
    }
    let quality = job.variant.quality;
    let made = crate::encode::encode_as(
        &seek.picture,
        Format::Avif,
        (quality.value(), false),
        &seek.goal,
    )?;
    seek.encodes += 1;
    let score = seek.score(&made)?.unwrap_or_default();
    let made = made.because(format!("AVIF, as asked, {score:.1} points"));
    let found = Found::Lossy {
        format: Format::Avif,
        quality,
        full_colour: false,
        score,
    };
    seek.conclude(made, found, Vec::new())
}

/// An AVIF that looks as good as what visitors get at once.
fn instead(job: &Job<'_>) -> Result<Option<Searched>, ImageError> {
    let first = job.make()?;
    let mut seek = Seek::at_a_look(job)?;
    if !seek.may_be_avif(first.bytes.len()) {
        return Ok(None);
    }
    let Some(score) = seek.score(&first)? else {
        return Ok(None);
    };
    let exact = score >= EXACT;
    let wanted = match exact {
        true => usual_score(Format::Jpeg, job.variant.quality).unwrap_or(score),
        false => score,
    };
    // The search aims above its target.
    seek.target = wanted - ABOVE;
    let Some(best) = seek.seek(Format::Avif, MOST_ENCODES_OF_AVIF)? else {
        return Ok(None);
    };
    let (before, after) = (first.bytes.len(), best.made.bytes.len());
    let pays = match exact {
        true => !exact_is_worth_it(before, after),
        false => seek.pays(&best, before as u64),
    };
    if !pays {
        return Ok(None);
    }
    let sizes = vec![(first.format, before as u64), (Format::Avif, after as u64)];
    let found = best.found();
    let note = format!(
        "AVIF, {:.1} points in {after} bytes instead of {score:.1} in {before} as {}",
        best.score, first.format
    );
    seek.conclude(best.made.because(note), found, sizes)
}

impl<'a> Seek<'a> {
    /// A search without a target as yet.
    fn at_a_look(job: &'a Job<'a>) -> Result<Self, ImageError> {
        let Pixels {
            picture,
            photograph,
            ..
        } = job.pixels()?;
        let goal = Goal {
            variant: job.variant,
            source_format: job.probe.format,
            photograph,
            exif: None,
            found: None,
            avif: Encoders::in_the_background(job.limits),
            cancel: job.cancel,
        };
        Self::new(job, goal, picture, 0.0)
    }
}

impl Seek<'_> {
    /// Whether an AVIF may take the place of a file of so many bytes.
    pub(super) fn may_be_avif(&self, bytes: usize) -> bool {
        let Output::Auto { accepted, prefer } = self.goal.variant.output else {
            return false;
        };
        let (width, height) = (self.picture.width, self.picture.height);
        let (pixels, limits) = ((width * height) as u64, self.job.limits);
        let possible = accepted.avif
            && !self.goal.variant.fast
            && avif::fits(&self.picture)
            && pixels <= limits.max_avif_pixels;
        let graphic = !self.goal.photograph || self.picture.channels == Channels::Rgba;
        let shows_at_once = is_small_file(width, height, bytes)
            || self.goal.variant.quick_way && pixels <= QUICK_PIXELS && bytes <= QUICK_BYTES;
        possible && (graphic || prefer == Prefer::Bytes || shows_at_once)
    }

    /// Whether a file that was tried is worth taking the place of one of so many bytes.
    pub(super) fn pays(&self, tried: &Tried, bytes: u64) -> bool {
        let looks = tried.score >= self.target + ABOVE - TOLERANCE;
        looks && tried.bytes * 100 <= bytes * (100 - MIN_SAVING_PERCENT)
    }

    fn conclude(
        &self,
        mut made: crate::encode::Made,
        found: Found,
        sizes: Vec<(Format, u64)>,
    ) -> Result<Option<Searched>, ImageError> {
        made.found = Some(found);
        let outcome = self.job.conclude(made)?;
        let taken =
            matches!(&outcome, Outcome::Rendered(rendered) if rendered.format == Format::Avif);
        Ok(taken.then_some(Searched {
            outcome,
            found,
            encodes: self.encodes,
            sizes,
        }))
    }
}

impl Tried {
    /// How the same is made again.
    pub(super) fn found(&self) -> Found {
        Found::Lossy {
            format: self.made.format,
            quality: Quality::new(self.step.quality),
            full_colour: self.step.full_colour,
            score: self.score,
        }
    }
}
