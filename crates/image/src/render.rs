//! Making a variant, or knowing that the original is the better answer.

use bytes::Bytes;
use delivery::Outline;

use crate::decode::decode;
use crate::encode::{Encoders, Goal, Made, encode};
use crate::geometry::{Layout, Rectangle};
use crate::outline::jpeg_limits;
use crate::outline_of;
use crate::picture::Picture;
use crate::placeholder::{self, Stand};
use crate::{
    Accepted, Colour, Facts, Format, Found, Gravity, ImageError, Limits, Metadata, Orientation,
    Output, Probe, Surroundings, Variant, allowance, animation, border, effects, facts, lossless,
    orient, overlay, planar, probe, resize, saliency, svg,
};

/// A picture whose size does not change is re-encoded only if that saves this share of its bytes,
/// in percent: less is not worth a second loss of quality. A baseline JPEG that is not re-encoded
/// becomes progressive without any loss, as its preview is the gain.
pub const MIN_SAVING_PERCENT: u64 = 8;

/// What became of a job.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A new picture.
    Rendered(Rendered),
    /// The original is the better answer, or the only one.
    Original(Original),
    /// No picture but facts, for `format=json`.
    Facts(Facts),
    /// No picture but a line of text that stands for one, for `placeholder=…`.
    Text(String),
}

/// A new picture.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The file.
    pub bytes: Bytes,
    /// What kind of file it is.
    pub format: Format,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Where in the file what it shows becomes better.
    pub outline: Outline,
    /// Whether it is the source in another order of bytes, with the very same pixels.
    pub rescued: bool,
    /// What a search found, where one was made.
    pub found: Option<Found>,
    /// How it came about, a sentence fragment for each decision.
    pub notes: Vec<String>,
}

/// The original serves best.
#[derive(Clone, Debug)]
pub struct Original {
    /// What kind of file it is.
    pub format: Format,
    /// Why it is kept, a sentence fragment.
    pub reason: String,
    /// Where in the file what it shows becomes better.
    pub outline: Outline,
}

/// Makes a variant of a source. `cancel` is asked between and, where possible, within the stages.
///
/// Costs the decoding of the source and the encoding of the result; memory is bounded by the
/// limits' pixels, four bytes each, twice over.
///
/// # Errors
/// As for [`probe()`], except that pictures of kinds that are not read are kept as they are;
/// [`ImageError::Damaged`], [`ImageError::OutputPixels`], [`ImageError::Encode`],
/// [`ImageError::Cancelled`].
pub fn render(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Outcome, ImageError> {
    render_found(source, variant, None, limits, cancel)
}

/// The same, as a search found it best; without a finding, with the quality that usually does.
///
/// # Errors
/// As for [`render`].
pub fn render_found(
    source: &[u8],
    variant: &Variant,
    found: Option<Found>,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Outcome, ImageError> {
    if let Some(seen) = border::seen(source, variant, limits, cancel)? {
        return render_found(source, &seen, found, limits, cancel);
    }
    match variant.output {
        Output::Facts => return facts(source, variant, limits, cancel).map(Outcome::Facts),
        Output::Placeholder { kind, accepted } => {
            let stand = placeholder::make(source, variant, kind, accepted, limits, cancel)?;
            return Ok(stands(stand));
        }
        _ => {}
    }
    if !variant.demands.untouched
        && let Some(error) = overlay::missing(&variant.overlays)
    {
        return Err(error);
    }
    let limits = &variant.demands.tightened(limits);
    let job = Job::new(source, variant, limits, cancel);
    match job.and_then(|job| Job { found, ..job }.run()) {
        Err(ImageError::Unsupported {
            format: Format::Svg,
        }) => {
            let job = Job::new(source, variant, limits, cancel)?;
            Ok(job.rendered(svg::as_document(&job)?))
        }
        Err(ImageError::Unsupported { format }) => {
            let reason = format!("{format} is passed on as it is");
            Ok(keep(source, format, reason))
        }
        outcome => outcome,
    }
}

fn stands(stand: Stand) -> Outcome {
    match stand {
        Stand::Text(text) => Outcome::Text(text),
        Stand::Picture(made, size) => rendered(made, size),
    }
}

fn rendered(made: Made, (width, height): (u32, u32)) -> Outcome {
    Outcome::Rendered(Rendered {
        bytes: made.bytes.into(),
        format: made.format,
        width,
        height,
        outline: made.outline,
        rescued: made.exact,
        found: made.found,
        notes: made.notes,
    })
}

fn keep(source: &[u8], format: Format, reason: impl Into<String>) -> Outcome {
    Outcome::Original(Original {
        format,
        reason: reason.into(),
        outline: outline_of(source),
    })
}

/// One source on its way to one variant.
pub(crate) struct Job<'a> {
    pub(crate) source: &'a [u8],
    pub(crate) probe: Probe,
    pub(crate) layout: Layout,
    pub(crate) variant: &'a Variant,
    pub(crate) limits: &'a Limits,
    /// What a search found for it.
    pub(crate) found: Option<Found>,
    pub(crate) cancel: &'a dyn Fn() -> bool,
}

/// The pixels of a result, ready to be encoded.
pub(crate) struct Pixels {
    pub(crate) picture: Picture,
    /// Whether the source is a photograph.
    pub(crate) photograph: bool,
    /// EXIF data for results that carry any.
    pub(crate) exif: Option<Vec<u8>>,
}

impl<'a> Job<'a> {
    /// A source whose border, if it is to be trimmed, was found.
    ///
    /// # Errors
    /// As for [`probe()`], and [`ImageError::OutputPixels`].
    pub(crate) fn new(
        source: &'a [u8],
        variant: &'a Variant,
        limits: &'a Limits,
        cancel: &'a dyn Fn() -> bool,
    ) -> Result<Self, ImageError> {
        let probe = probe(source, limits)?;
        Ok(Self {
            source,
            layout: Layout::new(&probe, variant, limits)?,
            probe,
            variant,
            limits,
            found: None,
            cancel,
        })
    }
}

impl Job<'_> {
    fn run(&self) -> Result<Outcome, ImageError> {
        if let Some(reason) = self.reason_to_keep_unread() {
            return Ok(keep(self.source, self.probe.format, reason));
        }
        if self.probe.format == Format::Svg && !svg::is_to_be_drawn(self.variant.output) {
            return Ok(self.rendered(svg::as_document(self)?));
        }
        let exact = self.variant.exact || self.found == Some(Found::Source);
        if exact && self.only_encodes() && self.original_serves() {
            return self.exactly();
        }
        let made = self.make()?;
        self.go_on()?;
        self.conclude(made)
    }

    /// Whether the source is passed on without a look at its pixels, or without a change to them.
    pub(crate) fn is_kept(&self) -> bool {
        let exact = self.variant.exact && self.only_encodes() && self.original_serves();
        exact || self.reason_to_keep_unread().is_some()
    }

    /// The result, or what is better than it.
    pub(crate) fn conclude(&self, made: Made) -> Result<Outcome, ImageError> {
        let made = match self.reason_to_keep(&made) {
            None => made,
            Some(reason) => match lossless::make(self)? {
                Some(made) => made,
                None if self.must_strip(&made) => made,
                None => return Ok(keep(self.source, self.probe.format, reason)),
            },
        };
        Ok(self.rendered(made))
    }

    /// Without any change to the pixels; unless metadata that must go can go in no other way.
    fn exactly(&self) -> Result<Outcome, ImageError> {
        if let Some(made) = lossless::make(self)? {
            return Ok(self.rendered(made));
        }
        if self.strips() {
            return Ok(self.rendered(self.make()?));
        }
        let reason = "no pixel of it may change";
        Ok(keep(self.source, self.probe.format, reason))
    }

    fn rendered(&self, made: Made) -> Outcome {
        rendered(made, self.layout.canvas)
    }

    pub(crate) fn make(&self) -> Result<Made, ImageError> {
        let made = self.make_at_once()?;
        match self.variant.demands.max_bytes {
            Some(most) if made.bytes.len() > most as usize && !self.is_animation() => {
                allowance::within(self, made, most)
            }
            _ => Ok(made),
        }
    }

    fn make_at_once(&self) -> Result<Made, ImageError> {
        if self.is_animation() {
            return animation::make(self);
        }
        // What a search found, it found for pixels.
        if self.found.is_none()
            && let Some(made) = planar::make(self)?
        {
            return Ok(made);
        }
        self.make_from_rgb()
    }

    /// The general way, over RGB.
    fn make_from_rgb(&self) -> Result<Made, ImageError> {
        let Pixels {
            picture,
            photograph,
            exif,
        } = self.pixels()?;
        let goal = self.goal(photograph, exif.as_deref());
        encode(picture, &goal)
    }

    /// What is to become of pixels of which this is known.
    pub(crate) fn goal<'b>(&'b self, photograph: bool, exif: Option<&'b [u8]>) -> Goal<'b> {
        Goal {
            variant: self.variant,
            source_format: self.probe.format,
            photograph,
            exif,
            found: self.found,
            avif: Encoders::for_a_visitor(self.limits, self.canvas_pixels()),
            cancel: self.cancel,
        }
    }

    /// Whether more than a still picture is wanted, and there is more.
    pub(crate) fn is_animation(&self) -> bool {
        self.probe.animated && !self.variant.first_frame
    }

    /// The area of the result.
    pub(crate) fn canvas_pixels(&self) -> u64 {
        let (width, height) = self.layout.canvas;
        u64::from(width) * u64::from(height)
    }

    /// Decodes and places the source.
    pub(crate) fn pixels(&self) -> Result<Pixels, ImageError> {
        let decoded = decode(
            self.source,
            &self.probe,
            self.wanted_size(),
            self.limits,
            self.cancel,
        )?;
        self.go_on()?;
        let exif = decoded.exif.as_deref().and_then(|exif| self.exif(exif));
        let picture = self.shown(decoded.picture)?;
        self.go_on()?;
        Ok(Pixels {
            picture,
            photograph: decoded.photograph,
            exif,
        })
    }

    /// A decoded picture as the variant shows it.
    pub(crate) fn shown(&self, stored: Picture) -> Result<Picture, ImageError> {
        self.finish(self.place(stored)?)
    }

    pub(crate) fn go_on(&self) -> Result<(), ImageError> {
        if (self.cancel)() {
            return Err(ImageError::Cancelled);
        }
        Ok(())
    }

    /// Reasons that need no pixels.
    fn reason_to_keep_unread(&self) -> Option<String> {
        let format = self.probe.format;
        let demands = &self.variant.demands;
        if demands.untouched {
            return Some("it is to be passed on as it is".to_owned());
        }
        if demands.skipped.contains(&format) && self.original_serves() {
            return Some(format!("{format} is to be passed on as it is"));
        }
        if self.is_animation()
            && let Some(reason) = animation::reason_to_keep(self)
        {
            return Some(reason);
        }
        if !self.only_encodes() {
            return None;
        }
        let (width, height) = self.layout.canvas;
        if self.limits.check_output(width, height).is_err() {
            return Some("it is too large to be made again".to_owned());
        }
        let named = !matches!(self.variant.output, Output::Auto { .. } | Output::Source);
        if format == Format::Ico && !named {
            return Some("an icon has its picture in several sizes".to_owned());
        }
        // These are small already; making them again would only lose quality.
        let small = matches!(format, Format::WebP | Format::Avif | Format::Jxl);
        (small && self.original_serves()).then(|| format!("it is {format} already"))
    }

    /// Whether no pixel would change but by encoding.
    pub(crate) fn only_encodes(&self) -> bool {
        self.layout.unchanged
            && self.variant.background.is_none()
            && !self.variant.alters_pixels()
            && !(self.probe.animated && self.variant.first_frame)
    }

    /// Whether the client may get a body of the source's format.
    fn original_serves(&self) -> bool {
        let format = self.probe.format;
        match self.variant.output {
            Output::Auto { accepted, .. } => accepted.allows(format),
            Output::Source => true,
            Output::WebP => format == Format::WebP,
            Output::Avif => format == Format::Avif,
            Output::Jpeg => format == Format::Jpeg,
            Output::Png => format == Format::Png,
            Output::BaselineJpeg | Output::Facts | Output::Placeholder { .. } => false,
        }
    }

    /// Reasons that need the result.
    fn reason_to_keep(&self, made: &Made) -> Option<String> {
        if !self.only_encodes() || !self.original_serves() {
            return None;
        }
        let (before, after) = (self.source.len() as u64, made.bytes.len() as u64);
        if after >= before {
            return Some(format!(
                "it is smaller than what was made of it ({after} bytes)"
            ));
        }
        let saved = before - after;
        (saved * 100 < before * MIN_SAVING_PERCENT)
            .then(|| format!("making it again would save only {saved} bytes"))
    }

    /// Whether the original carries metadata that must not be passed on.
    fn must_strip(&self, made: &Made) -> bool {
        made.format == Format::Jpeg && self.strips()
    }

    /// Whether the source has metadata that must not be passed on.
    fn strips(&self) -> bool {
        self.variant.metadata == Metadata::None
            && self.jpeg_map().is_some_and(|map| map.exif.is_some())
    }

    /// The structure of a JPEG source.
    pub(crate) fn jpeg_map(&self) -> Option<jpeg::ScanMap> {
        let jpeg = self.probe.format == Format::Jpeg;
        let map = jpeg.then(|| jpeg::map_scans(self.source, &jpeg_limits(self.limits)));
        map.and_then(Result::ok)
    }

    /// The least size, as stored, that decoding must give for a good result: half as large again
    /// as what is shown, so that the resize filter has something to weigh; and twice as large
    /// where each sample would be the mean of eight times eight. What is drawn is drawn just so.
    pub(crate) fn wanted_size(&self) -> Option<(u32, u32)> {
        let Layout {
            turned,
            window,
            inner,
            ..
        } = self.layout;
        let drawn = self.probe.format == Format::Svg;
        let enlarged = inner.0 >= window.0 || inner.1 >= window.1;
        if enlarged && !drawn || !self.layout.untrimmed {
            return None;
        }
        let scale = |whole: u32, inner: u32, window: u32| {
            let shown = u64::from(whole) * u64::from(inner) / u64::from(window.max(1));
            let (wanted, eighth) = (shown * 3 / 2, u64::from(whole.div_ceil(8)));
            let wanted = if drawn {
                shown
            } else if 2 * shown > eighth {
                wanted.max(eighth + 1)
            } else {
                wanted
            };
            u32::try_from(wanted).unwrap_or(u32::MAX).max(1)
        };
        let width = scale(turned.0, inner.0, window.0);
        let height = scale(turned.1, inner.1, window.1);
        let turns = self.probe.orientation.then(self.layout.turn);
        Some(if turns.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        })
    }

    /// The EXIF data of a result that stands upright.
    pub(crate) fn exif(&self, exif: &[u8]) -> Option<Vec<u8>> {
        match self.variant.metadata {
            Metadata::Keep => Some(crate::exif::upright(exif.to_vec())),
            Metadata::Copyright => crate::exif::reduced(exif, true, Orientation::UPRIGHT),
            Metadata::None => None,
        }
    }

    /// Trim, turn, crop and resize, in an order that touches few pixels: the part that is shown is
    /// found in the picture as stored, cut out and resized there, and only the result is turned.
    fn place(&self, stored: Picture) -> Result<Picture, ImageError> {
        if self.layout.unchanged && self.probe.orientation == Orientation::UPRIGHT {
            return Ok(stored);
        }
        let turns = self.probe.orientation.then(self.layout.turn);
        let trimmed = self.trim_as_stored(stored);
        let (left, top) = self.window_offset(&trimmed, turns);
        let window = Rectangle {
            left,
            top,
            width: self.layout.window.0,
            height: self.layout.window.1,
        };
        let window = orient::undo(window, self.layout.turned, turns);
        let full = sides(self.layout.turned, turns);
        let inner = sides(self.layout.inner, turns);
        let scaled = resize::part_to_size(trimmed, full, window, inner)?;
        self.go_on()?;
        Ok(orient::apply(scaled, turns))
    }

    fn trim_as_stored(&self, stored: Picture) -> Picture {
        if self.layout.untrimmed {
            return stored;
        }
        let (upright, trim) = (self.probe.upright_size(), self.layout.trim);
        // Trimming reads the picture at full size, see `wanted_size`.
        let part = orient::undo(trim, upright, self.probe.orientation);
        stored.part(
            part.left as usize,
            part.top as usize,
            part.width as usize,
            part.height as usize,
        )
    }

    /// Where the window lies in the turned picture.
    fn window_offset(&self, trimmed: &Picture, turns: Orientation) -> (u32, u32) {
        let Layout { turned, window, .. } = self.layout;
        match self.variant.gravity {
            Gravity::Salient | Gravity::Face if turned != window => {
                saliency::window_offset(trimmed, turns, turned, window)
            }
            _ => self.point_offset(),
        }
    }

    /// The same without a look at the picture; the middle where that would take one.
    pub(crate) fn point_offset(&self) -> (u32, u32) {
        let Layout {
            turned,
            window,
            inner,
            ..
        } = self.layout;
        let at = |gravity: Gravity| gravity.offset(turned, window, inner);
        at(self.variant.gravity)
            .or_else(|| at(Gravity::CENTER))
            .unwrap_or_default()
    }

    /// Effects, background and padding.
    fn finish(&self, picture: Picture) -> Result<Picture, ImageError> {
        let mut picture = effects::apply(picture, &self.variant.effects, self.cancel)?;
        for touch in &self.variant.touches {
            picture = effects::touch(picture, touch, self.cancel)?;
        }
        picture = self.overlaid(picture, true)?;
        let flat = match self.variant.background {
            Some(background) => effects::flatten(picture, background),
            None => picture,
        };
        let (width, height) = self.layout.canvas;
        let padded = if self.layout.canvas == self.layout.inner {
            flat
        } else {
            let surroundings = self.variant.surroundings;
            let background = match surroundings {
                Some(Surroundings::Mean) => effects::mean(&flat),
                _ => self.variant.background.unwrap_or(Colour::WHITE),
            };
            let (left, top) = self.layout.at;
            let (size, at) = (
                (width as usize, height as usize),
                (left as usize, top as usize),
            );
            match surroundings {
                Some(Surroundings::Blurred) => effects::pad_blurred(&flat, size, at, self.cancel)?,
                _ => effects::pad(flat, size, at, background),
            }
        };
        let overlaid = self.overlaid(padded, false)?;
        Ok(overlaid.without_idle_alpha())
    }

    /// With what is laid over it: over the picture itself, or over the canvas.
    fn overlaid(&self, picture: Picture, inside: bool) -> Result<Picture, ImageError> {
        let mut overlays = self.variant.overlays.iter();
        overlays.try_fold(picture, |picture, overlay| match overlay.inside == inside {
            true => overlay::draw(picture, overlay, self.limits, self.cancel),
            false => Ok(picture),
        })
    }
}

/// Width and height as they are before `turns`.
pub(crate) fn sides((width, height): (u32, u32), turns: Orientation) -> (u32, u32) {
    if turns.swaps_sides() {
        (height, width)
    } else {
        (width, height)
    }
}

impl Accepted {
    /// The best format for transparent pictures and graphics.
    pub(crate) const fn for_graphics(self) -> Format {
        if self.webp {
            Format::WebP
        } else if self.png || !self.jpeg {
            Format::Png
        } else {
            Format::Jpeg
        }
    }
}

#[cfg(test)]
mod rescue_tests;
#[cfg(test)]
mod tests;
