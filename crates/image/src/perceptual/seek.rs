//! The search itself: encode, decode, compare, and again.

pub(super) mod later;

use super::aim::Aim;
use super::curve::{AVIF, JPEG, Kind, Step, WEBP};
use super::gauge::{Gauge, sample};
use super::{Found, MOST_ENCODES, MOST_ENCODES_OF_AVIF, Searched, TOLERANCE, Target};
use crate::decode::decode;
use crate::encode::{
    Encoders, Goal, Made, encode_as, exact_as, exact_is_worth_it, is_small, is_small_file,
};
use crate::picture::{Channels, Picture};
use crate::render::{Job, Pixels};
use crate::{
    Accepted, Format, ImageError, Limits, Output, Prefer, Variant, border, probe, webp_encode,
};

/// So far above the target a search aims: what it finds is within the tolerance and hardly ever
/// worse than wanted.
const ABOVE: f32 = TOLERANCE / 2.0;
/// What is a little worse than wanted counts as so much farther off, in points.
const WORSE: f32 = 2.0 * TOLERANCE;
/// What a rival of the first format is left of the encodes.
const FOR_A_RIVAL: usize = 2;
/// So many points less usually make a file smaller by the factor e.
const POINTS_PER_E: f32 = 27.0;
/// Results of more pixels are not tried without loss.
const EXACT_PIXELS: usize = 4_000_000;

pub(super) fn search(
    source: &[u8],
    variant: &Variant,
    target: Target,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<Searched>, ImageError> {
    if let Some(seen) = border::seen(source, variant, limits, cancel)? {
        return search(source, &seen, target, limits, cancel);
    }
    let job = match Job::new(source, variant, limits, cancel) {
        Ok(job) => job,
        Err(ImageError::Unsupported { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if job.is_kept() || job.is_animation() {
        return Ok(None);
    }
    let Pixels {
        picture,
        photograph,
        exif,
    } = job.pixels()?;
    let Some(plan) = Plan::of(variant, job.probe.format, &picture, photograph) else {
        return Ok(None);
    };
    if plan.first == Format::Avif && job.canvas_pixels() > limits.max_avif_pixels {
        return Ok(None);
    }
    let goal = Goal {
        variant,
        source_format: job.probe.format,
        photograph,
        exif: exif.as_deref(),
        found: None,
        avif: Encoders::in_the_background(limits),
        cancel,
    };
    Seek::new(&job, goal, picture, f32::from(target.points()))?.run(&plan)
}

pub(super) fn scores(
    source: &[u8],
    variant: &Variant,
    files: &[&[u8]],
    limits: &Limits,
) -> Result<Vec<Option<f32>>, ImageError> {
    let job = Job::new(source, variant, limits, &|| false)?;
    let reference = job.pixels()?.picture;
    let size = (reference.width, reference.height);
    let gauge = Gauge::new(sample(&reference))?;
    let one = |file: &&[u8]| {
        let header = match probe(file, limits) {
            Ok(header) => header,
            Err(ImageError::Unsupported { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let made = decode(file, &header, None, limits, &|| false)?.picture;
        match (made.width, made.height) == size {
            true => gauge.score(sample(&made)),
            false => Ok(None),
        }
    };
    files.iter().map(one).collect()
}

/// Which kinds of files are tried.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// Sought first; it is what is made unless another is better.
    first: Format,
    /// Sought too, where the smaller one of both is wanted.
    rival: Option<Format>,
    /// Whether the rival only comes in question where the first is so small that it shows at once.
    rival_if_small: bool,
    /// Tried without loss.
    exact: Option<Format>,
}

impl Plan {
    /// `None` where no format with a quality comes in question.
    fn of(variant: &Variant, source: Format, picture: &Picture, photograph: bool) -> Option<Self> {
        let graphic = !photograph || picture.channels == Channels::Rgba;
        let fits = picture.width.max(picture.height) <= webp_encode::MAX_SIDE;
        let only = |first| Self {
            first,
            rival: None,
            rival_if_small: false,
            exact: None,
        };
        let plan = match variant.output {
            Output::Auto { accepted, prefer } => {
                let accepted = Accepted {
                    webp: accepted.webp && fits,
                    ..accepted
                };
                match graphic {
                    true => Self::graphic(accepted)?,
                    false => Self::photograph(accepted, prefer, picture)?,
                }
            }
            Output::Jpeg | Output::BaselineJpeg => only(Format::Jpeg),
            Output::Source if source == Format::Jpeg => only(Format::Jpeg),
            Output::WebP if fits => Self::webp(graphic),
            Output::Avif if fits => only(Format::Avif),
            Output::Source if source == Format::WebP && fits => Self::webp(graphic),
            _ => return None,
        };
        let transparent = picture.channels == Channels::Rgba;
        (plan.first != Format::Jpeg || !transparent).then_some(plan)
    }

    fn webp(graphic: bool) -> Self {
        Self {
            first: Format::WebP,
            rival: None,
            rival_if_small: false,
            exact: graphic.then_some(Format::WebP),
        }
    }

    fn graphic(accepted: Accepted) -> Option<Self> {
        match accepted.for_graphics() {
            Format::WebP => Some(Self::webp(true)),
            exact if accepted.jpeg => Some(Self {
                exact: (exact == Format::Png).then_some(exact),
                ..Self::jpeg()
            }),
            _ => None,
        }
    }

    fn photograph(accepted: Accepted, prefer: Prefer, picture: &Picture) -> Option<Self> {
        if !accepted.jpeg {
            return accepted.webp.then(|| Self::webp(false));
        }
        let small = is_small(picture.width, picture.height);
        let rival = accepted.webp && (prefer == Prefer::Bytes || small);
        Some(Self {
            rival: rival.then_some(Format::WebP),
            rival_if_small: prefer != Prefer::Bytes,
            ..Self::jpeg()
        })
    }

    fn jpeg() -> Self {
        Self {
            first: Format::Jpeg,
            rival: None,
            rival_if_small: false,
            exact: None,
        }
    }
}

/// A file that was made on the way.
struct Tried {
    step: Step,
    score: f32,
    made: Made,
    /// Its length in bytes, or what that would be for the whole picture.
    bytes: u64,
}

/// A search under way.
struct Seek<'a> {
    goal: Goal<'a>,
    job: &'a Job<'a>,
    target: f32,
    gauge: Gauge,
    picture: Picture,
    /// What of it is compared, if not all.
    sampled: Option<Picture>,
    /// The sample's share of the picture.
    share: f64,
    encodes: usize,
}

impl<'a> Seek<'a> {
    fn new(
        job: &'a Job<'a>,
        goal: Goal<'a>,
        picture: Picture,
        target: f32,
    ) -> Result<Self, ImageError> {
        let sampled = sample(&picture);
        Ok(Self {
            goal,
            job,
            target,
            share: sampled.height as f64 / picture.height as f64,
            sampled: (sampled.height < picture.height).then(|| sampled.clone()),
            gauge: Gauge::new(sampled)?,
            picture,
            encodes: 0,
        })
    }
}

impl Seek<'_> {
    fn run(mut self, plan: &Plan) -> Result<Option<Searched>, ImageError> {
        let (width, height) = (self.picture.width, self.picture.height);
        let mut budget = MOST_ENCODES - usize::from(self.is_sampled(plan.first));
        let exact = plan.exact.filter(|_| width * height <= EXACT_PIXELS);
        budget -= usize::from(exact.is_some());
        let spare = plan.rival.map_or(0, |_| FOR_A_RIVAL);
        let most = match plan.first {
            Format::Avif => MOST_ENCODES_OF_AVIF + 1,
            _ => budget - spare,
        };
        let Some(mut best) = self.seek(plan.first, most)? else {
            return Ok(None);
        };
        let mut sizes = vec![(best.made.format, best.bytes)];
        let small = is_small_file(width, height, best.made.bytes.len());
        if let Some(rival) = plan.rival
            && (!plan.rival_if_small || small)
            && let Some(other) = self.seek(rival, budget - self.encodes)?
        {
            sizes.push((other.made.format, other.bytes));
            if self.is_better(&other, &best) {
                best = other;
            }
        }
        if self.may_be_avif(best.made.bytes.len())
            && let Some(other) = self.seek(Format::Avif, MOST_ENCODES_OF_AVIF)?
        {
            sizes.push((Format::Avif, other.bytes));
            if self.pays(&other, best.bytes) {
                best = other;
            }
        }
        if let Some(format) = exact
            && let Some(made) = self.exactly(format, &best)?
        {
            sizes.push((format, made.bytes.len() as u64));
            return self.finish(Found::Exact { format }, made, sizes);
        }
        self.finish(best.found(), best.made, sizes)
    }

    /// The file of one kind that comes nearest to the target.
    fn seek(&mut self, format: Format, most: usize) -> Result<Option<Tried>, ImageError> {
        let kind: &Kind = match format {
            Format::Jpeg => &JPEG,
            Format::Avif => &AVIF,
            _ => &WEBP,
        };
        let (steps, usual) = kind.steps();
        let aimed = self.target + ABOVE;
        let mut aim = Aim::new(&usual, aimed, most);
        let mut tried = Vec::with_capacity(most);
        let mut too_large = true;
        while let Some(place) = aim.next() {
            self.job.go_on()?;
            let last = tried.len() + 1 == most;
            let place = if last && too_large { 0 } else { place };
            let step = steps[place];
            let subject = self.subject(format);
            let made = encode_as(subject, format, step.into(), &self.goal)?;
            self.encodes += 1;
            let Some(score) = self.score(&made)? else {
                return Ok(None);
            };
            let bytes = self.whole_bytes(&made);
            // What is larger than the source is no result, however it looks: the search goes on
            // below it, the further the larger it is.
            let over = bytes as f32 / self.job.source.len() as f32;
            let least = aimed + TOLERANCE + POINTS_PER_E * over.ln();
            aim.note(place, if over > 1.0 { score.max(least) } else { score });
            too_large &= over > 1.0;
            tried.push(Tried {
                step,
                score,
                made,
                bytes,
            });
        }
        // Where the steps leave a gap around the target, better is better than worse.
        let miss = |tried: &Tried| {
            let off = (tried.score - aimed).abs();
            if tried.score < self.target {
                off + WORSE
            } else {
                off
            }
        };
        let fitting = |tried: &Tried| tried.bytes <= self.job.source.len() as u64;
        let any = tried.iter().any(fitting);
        Ok(tried
            .into_iter()
            .filter(|one| !any || fitting(one))
            .min_by(|one, two| match any {
                true => miss(one).total_cmp(&miss(two)),
                false => one.bytes.cmp(&two.bytes),
            }))
    }

    /// How good a file looks; `None` if it cannot be compared.
    fn score(&self, made: &Made) -> Result<Option<f32>, ImageError> {
        let whole = self.decoded(made)?;
        let sampled = self.sampled.as_ref();
        // What was made of the sample alone is compared as it is.
        let is_sample = sampled.is_some_and(|sample| sample.height == whole.height);
        self.gauge
            .score(if is_sample { whole } else { sample(&whole) })
    }

    fn decoded(&self, made: &Made) -> Result<Picture, ImageError> {
        if let Some(shown) = &made.shown {
            return Ok(shown.clone());
        }
        let header = probe(&made.bytes, self.job.limits)?;
        let cancel = self.goal.cancel;
        decode(&made.bytes, &header, None, self.job.limits, cancel).map(|decoded| decoded.picture)
    }

    /// Whether only the sample is encoded on the way: blocks of a JPEG look the same wherever they
    /// are, but the encoder of WebP treats each by what the whole picture has.
    fn is_sampled(&self, format: Format) -> bool {
        format == Format::Jpeg && self.sampled.is_some()
    }

    /// What is encoded on the way.
    fn subject(&self, format: Format) -> &Picture {
        match &self.sampled {
            Some(sampled) if format == Format::Jpeg => sampled,
            _ => &self.picture,
        }
    }

    /// The length of a file as if it were of the whole picture.
    fn whole_bytes(&self, made: &Made) -> u64 {
        let bytes = made.bytes.len();
        match self.is_sampled(made.format) {
            true => (bytes as f64 / self.share) as u64,
            false => bytes as u64,
        }
    }

    fn is_better(&self, other: &Tried, best: &Tried) -> bool {
        let looks = other.score >= self.target - TOLERANCE || other.score >= best.score;
        looks && other.bytes < best.bytes
    }

    /// The picture without loss, if that costs little.
    fn exactly(&mut self, format: Format, lossy: &Tried) -> Result<Option<Made>, ImageError> {
        let made = exact_as(&self.picture, format, &self.goal)?;
        self.encodes += 1;
        let worth = exact_is_worth_it(made.bytes.len(), lossy.bytes as usize);
        let worth = worth || lossy.score < self.target - TOLERANCE;
        Ok(worth.then_some(made))
    }

    /// The whole picture, where only a sample of it was made so far.
    fn finish(
        mut self,
        found: Found,
        made: Made,
        mut sizes: Vec<(Format, u64)>,
    ) -> Result<Option<Searched>, ImageError> {
        let made = match found {
            Found::Lossy {
                format,
                quality,
                full_colour,
                ..
            } if self.is_sampled(format) => {
                self.encodes += 1;
                let step = (quality.value(), full_colour);
                encode_as(&self.picture, format, step, &self.goal)?
            }
            _ => made,
        };
        let size = made.bytes.len() as u64;
        for (format, known) in &mut sizes {
            if *format == made.format {
                *known = size;
            }
        }
        let note = match found {
            Found::Lossy { quality, score, .. } => format!(
                "quality {quality} gives {score:.1} points of {}, found with {} encodes",
                self.target, self.encodes
            ),
            _ => "without loss, as that costs little".to_owned(),
        };
        let mut made = made.because(note);
        made.found = Some(found);
        let outcome = self.job.conclude(made)?;
        let found = match &outcome {
            crate::Outcome::Rendered(rendered) if !rendered.rescued => found,
            _ => Found::Source,
        };
        Ok(Some(Searched {
            outcome,
            found,
            encodes: self.encodes,
            sizes,
        }))
    }
}

impl From<Step> for (u8, bool) {
    fn from(step: Step) -> Self {
        (step.quality, step.full_colour)
    }
}
