//! From pixels to a file, in the format that suits the picture.

pub(crate) mod avif;
pub(crate) mod jpeg;
mod png;
pub(crate) mod webp;

use ::avif::Outside;
use delivery::Outline;

use crate::picture::{Channels, Picture};
use crate::{Accepted, Format, Found, ImageError, Limits, Output, Prefer, Variant, webp_encode};

/// A result under this many bytes appears at once in any format, so the smaller one is taken.
const SMALL_BYTES: usize = 8 << 10;
/// Results of more pixels are not expected to be that small.
const SMALL_PIXELS: usize = 250 * 250;
/// The same for a picture with sides under this many pixels.
const SMALL_SIDE: usize = 100;
/// A drawing is kept exact as long as that costs at most this much more than a lossy file, in
/// percent.
const EXACT_PREMIUM_PERCENT: usize = 150;

/// Why a photograph is a JPEG.
pub(crate) const PHOTOGRAPH: &str = "JPEG, as a photograph appears early in it";

/// Why a photograph is a WebP.
pub(crate) const FEW_BYTES: &str = "WebP, as few bytes are preferred";

/// What is to be made.
pub(crate) struct Goal<'a> {
    pub(crate) variant: &'a Variant,
    /// Kind of the source.
    pub(crate) source_format: Format,
    /// Whether the source is a photograph.
    pub(crate) photograph: bool,
    /// EXIF data for results that carry any.
    pub(crate) exif: Option<&'a [u8]>,
    /// What a search found to be best.
    pub(crate) found: Option<Found>,
    /// Who makes an AVIF of it.
    pub(crate) avif: Encoders,
    pub(crate) cancel: &'a dyn Fn() -> bool,
}

/// Who makes AVIF.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Encoders {
    /// A program of the host.
    pub(crate) program: Option<Outside>,
    /// Whether it makes one here and now, while somebody waits.
    pub(crate) program_at_once: bool,
    /// Whether the encoder that is built in does.
    pub(crate) at_once: bool,
}

impl Encoders {
    /// Those for a picture of so many pixels that somebody waits for.
    pub(crate) fn for_a_visitor(limits: &Limits, pixels: u64) -> Self {
        Self {
            program: limits.avif_program,
            program_at_once: pixels <= limits.avif_pixels_at_once_by_program(),
            at_once: pixels <= limits.max_avif_pixels_at_once,
        }
    }

    /// Those for what nobody waits for.
    pub(crate) fn in_the_background(limits: &Limits) -> Self {
        Self {
            program: limits.avif_program,
            ..Self::default()
        }
    }
}

/// A finished file.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: Format,
    pub(crate) outline: Outline,
    /// Whether it has the very pixels of its source.
    pub(crate) exact: bool,
    /// What a search found, where it was made so.
    pub(crate) found: Option<Found>,
    /// What a reader will see, for a kind of file that is not read here.
    pub(crate) shown: Option<Picture>,
    /// How it came about.
    pub(crate) notes: Vec<String>,
}

impl Made {
    pub(crate) fn because(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Whether a photograph of this size, taken from a JPEG, becomes a JPEG, and if so, whether a
/// progressive one. `None` also where that is known only after trying.
pub(crate) fn surely_jpeg(variant: &Variant, width: u32, height: u32) -> Option<bool> {
    match variant.output {
        Output::Jpeg | Output::Source => Some(true),
        Output::BaselineJpeg => Some(false),
        Output::Auto { accepted, prefer } => {
            let small = is_small(width as usize, height as usize);
            let rival = accepted.webp && !variant.fast && (small || prefer == Prefer::Bytes);
            (accepted.jpeg && !rival).then_some(true)
        }
        Output::WebP | Output::Avif | Output::Png | Output::Facts | Output::Placeholder { .. } => {
            None
        }
    }
}

/// Whether a photograph of this size, taken from a JPEG, becomes a lossy WebP.
pub(crate) fn surely_webp(variant: &Variant, (width, height): (u32, u32)) -> bool {
    let wanted = match variant.output {
        Output::WebP => true,
        Output::Auto { accepted, prefer } => {
            accepted.webp && prefer == Prefer::Bytes && !variant.fast
        }
        _ => false,
    };
    let fits = width.max(height) as usize <= webp_encode::MAX_SIDE;
    wanted && fits && variant.quality_for(Format::WebP).value() < 100
}

/// Whether a photograph of this size may be so small a file that a preview is of no use.
pub(crate) fn is_small(width: usize, height: usize) -> bool {
    width * height <= SMALL_PIXELS
}

/// Whether it is.
pub(crate) fn is_small_file(width: usize, height: usize, bytes: usize) -> bool {
    let small_sides = width < SMALL_SIDE && height < SMALL_SIDE;
    is_small(width, height) && (small_sides || bytes < SMALL_BYTES)
}

/// Encodes a picture with loss: as this kind of file, at this quality, and with colour at its full
/// resolution or not where the format has the choice.
pub(crate) fn encode_as(
    picture: &Picture,
    format: Format,
    (quality, full_colour): (u8, bool),
    goal: &Goal<'_>,
) -> Result<Made, ImageError> {
    match format {
        Format::Jpeg => {
            let progressive = goal.variant.output != Output::BaselineJpeg;
            jpeg::encode_at(picture.clone(), goal, quality, full_colour, progressive)
        }
        Format::Avif => avif::encode_at(picture, goal, quality, full_colour),
        _ => webp::encode_at(picture, goal, quality),
    }
}

/// Encodes a picture without loss.
pub(crate) fn exact_as(
    picture: &Picture,
    format: Format,
    goal: &Goal<'_>,
) -> Result<Made, ImageError> {
    match format {
        Format::WebP => webp::encode_exactly(picture, goal),
        _ => png::encode(picture, goal),
    }
}

/// Encodes as a search found it best.
fn encode_found(
    picture: &Picture,
    found: Found,
    goal: &Goal<'_>,
) -> Result<Option<Made>, ImageError> {
    let mut made = match found {
        Found::Lossy {
            format,
            quality,
            full_colour,
            ..
        } => encode_as(picture, format, (quality.value(), full_colour), goal)?,
        Found::Exact { format } => exact_as(picture, format, goal)?,
        Found::Source => return Ok(None),
    };
    made.found = Some(found);
    Ok(Some(made.because(format!("as found before: {found}"))))
}

/// Encodes a picture.
pub(crate) fn encode(picture: Picture, goal: &Goal<'_>) -> Result<Made, ImageError> {
    if let Some(found) = goal.found
        && let Some(made) = encode_found(&picture, found, goal)?
    {
        return Ok(made);
    }
    match goal.variant.output {
        Output::Auto { accepted, prefer } => auto(picture, goal, accepted, prefer),
        Output::Jpeg => jpeg::encode(picture, goal, true),
        Output::BaselineJpeg => jpeg::encode(picture, goal, false),
        Output::Png => png::encode(&picture, goal),
        Output::WebP => webp_or_png(picture, goal),
        Output::Avif => avif_or_less(picture, goal),
        Output::Source | Output::Facts | Output::Placeholder { .. } => match goal.source_format {
            Format::Jpeg => jpeg::encode(picture, goal, true),
            Format::WebP => webp_or_png(picture, goal),
            Format::Png => png::encode(&picture, goal),
            format => common(picture, goal, format),
        },
    }
}

/// JPEG or PNG, which every client reads, in place of a format that is not written, or not for
/// whoever waits.
fn common(picture: Picture, goal: &Goal<'_>, format: Format) -> Result<Made, ImageError> {
    let photograph = goal.photograph && picture.channels != Channels::Rgba;
    let made = if photograph && format != Format::Gif {
        jpeg::encode(picture, goal, true)?
    } else {
        png::encode(&picture, goal)?
    };
    let because = format!("{}, as {format} is not written", made.format);
    Ok(made.because(because))
}

/// AVIF, where that does not take too long.
fn avif_or_less(picture: Picture, goal: &Goal<'_>) -> Result<Made, ImageError> {
    if avif::fits(&picture)
        && let Some(made) = avif::encode_quickly(&picture, goal)?
    {
        return Ok(made);
    }
    let made = webp_or_png(picture, goal)?;
    let said = format!("{}, as AVIF takes too long to wait for", made.format);
    Ok(made.because(said))
}

fn webp_or_png(picture: Picture, goal: &Goal<'_>) -> Result<Made, ImageError> {
    if picture.width.max(picture.height) > webp_encode::MAX_SIDE {
        let made = png::encode(&picture, goal)?;
        return Ok(made.because("PNG, as WebP cannot hold sides this long"));
    }
    webp::encode(picture, goal)
}

/// Finds the format by what the picture is.
fn auto(
    picture: Picture,
    goal: &Goal<'_>,
    accepted: Accepted,
    prefer: Prefer,
) -> Result<Made, ImageError> {
    let accepted = Accepted {
        webp: accepted.webp && picture.width.max(picture.height) <= webp_encode::MAX_SIDE,
        ..accepted
    };
    if picture.channels == Channels::Rgba || !goal.photograph {
        return drawing(picture, goal, accepted);
    }
    if accepted.webp && prefer == Prefer::Bytes && !goal.variant.fast {
        let made = webp::encode(picture, goal)?;
        return Ok(made.because(FEW_BYTES));
    }
    if !accepted.jpeg {
        return drawing(picture, goal, accepted);
    }
    photograph(picture, goal, accepted)
}

/// A photograph as JPEG, or as WebP when it is so small that a preview is of no use.
fn photograph(picture: Picture, goal: &Goal<'_>, accepted: Accepted) -> Result<Made, ImageError> {
    let (width, height) = (picture.width, picture.height);
    let small = is_small(width, height) && accepted.webp && !goal.variant.fast;
    let spare = small.then(|| picture.clone());
    let made = jpeg::encode(picture, goal, true)?;
    if let Some(picture) = spare
        && is_small_file(width, height, made.bytes.len())
    {
        let webp = webp::encode(picture, goal)?;
        if webp.bytes.len() < made.bytes.len() {
            return Ok(webp.because("WebP, as it is too small to need a preview"));
        }
    }
    Ok(made.because(PHOTOGRAPH))
}

/// A drawing, or anything with alpha.
fn drawing(picture: Picture, goal: &Goal<'_>, accepted: Accepted) -> Result<Made, ImageError> {
    let what = if picture.channels == Channels::Rgba {
        "transparent"
    } else {
        "a drawing"
    };
    match accepted.for_graphics() {
        Format::WebP => {
            let made = webp::encode(picture, goal)?;
            Ok(made.because(format!("WebP, as it is {what}")))
        }
        Format::Jpeg => {
            let made = jpeg::encode(picture, goal, true)?;
            Ok(made.because("JPEG, as the client accepts nothing else"))
        }
        _ => {
            let made = png::encode(&picture, goal)?;
            if picture.channels == Channels::Rgba || !accepted.jpeg {
                return Ok(made.because(format!("PNG, as it is {what}")));
            }
            let lossy = jpeg::encode(picture, goal, true)?;
            Ok(if exact_is_worth_it(made.bytes.len(), lossy.bytes.len()) {
                made.because("PNG, as it is a drawing")
            } else {
                lossy.because("JPEG, as PNG would be much larger")
            })
        }
    }
}

/// Whether an exact file of so many bytes is better than a lossy one.
pub(crate) fn exact_is_worth_it(exact: usize, lossy: usize) -> bool {
    exact * 100 <= lossy * EXACT_PREMIUM_PERCENT
}

#[cfg(test)]
mod tests;
