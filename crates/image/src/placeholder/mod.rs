//! What stands in a picture's place until it comes: a few bytes that a page can carry itself.

mod blurhash;
mod thumbhash;

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::encode::{Encoders, Goal, Made, encode_as};
use crate::picture::{Channels, Picture};
use crate::render::{Job, Pixels};
use crate::{Accepted, Effects, Fit, Format, ImageError, Limits, Variant, resize};

base::choices! {
    /// `placeholder`: what stands in the picture's place until it comes.
    pub enum Placeholder {
        /// A picture of at most 32 pixels on its longer side, in a few hundred bytes.
        Lqip = "lqip",
        /// ThumbHash in base64, as text: about 25 bytes that become a blurred picture, with shape
        /// and transparency.
        Thumbhash = "thumbhash",
        /// BlurHash, as text: about 28 characters that become a blurred picture.
        Blurhash = "blurhash",
        /// The dominant colour as text, such as `#8a6f4d`.
        Color = "color",
    }
}

/// Longer side of a picture that stands in place, in pixels.
const LQIP_SIDE: usize = 32;
/// Quality of such a picture.
const LQIP_QUALITY: u8 = 35;
/// Longer side of what hashes are made of, in pixels: the most that ThumbHash takes.
const HASH_SIDE: usize = 100;

/// All that stands in a picture's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholders {
    /// The dominant colour, such as `#8a6f4d`.
    pub color: String,
    /// ThumbHash in base64.
    pub thumbhash: String,
    /// BlurHash.
    pub blurhash: String,
    /// A small WebP as a `data:` address.
    pub lqip: String,
}

impl Placeholders {
    /// The stand-ins of a picture.
    ///
    /// # Errors
    /// [`ImageError::Resize`], [`ImageError::Encode`], [`ImageError::Cancelled`].
    pub(crate) fn of(
        picture: &Picture,
        photograph: bool,
        variant: &Variant,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Self, ImageError> {
        let small = within(picture, HASH_SIDE)?;
        let lqip = lqip(picture, photograph, variant, Format::WebP, cancel)?;
        Ok(Self {
            color: color(&small),
            thumbhash: STANDARD.encode(thumbhash::encode(&small)),
            blurhash: blurhash::encode(&small),
            lqip: format!("data:image/webp;base64,{}", STANDARD.encode(lqip.bytes)),
        })
    }
}

/// What comes of a request for one.
pub(crate) enum Stand {
    Picture(Made, (u32, u32)),
    Text(String),
}

/// Makes the one that is asked for.
///
/// # Errors
/// As for [`render`](crate::render).
pub(crate) fn make(
    source: &[u8],
    variant: &Variant,
    kind: Placeholder,
    accepted: Accepted,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Stand, ImageError> {
    let side = match kind {
        Placeholder::Lqip => LQIP_SIDE,
        _ => HASH_SIDE,
    };
    let (picture, photograph) = small(source, variant, side, limits, cancel)?;
    Ok(match kind {
        Placeholder::Lqip => {
            let format = match accepted.webp {
                true => Format::WebP,
                false if picture.channels == Channels::Rgba && accepted.png => Format::Png,
                false => Format::Jpeg,
            };
            let made = lqip(&picture, photograph, variant, format, cancel)?;
            let shown = fitted(&picture, LQIP_SIDE);
            Stand::Picture(made, (shown.0 as u32, shown.1 as u32))
        }
        Placeholder::Thumbhash => Stand::Text(STANDARD.encode(thumbhash::encode(&picture))),
        Placeholder::Blurhash => Stand::Text(blurhash::encode(&picture)),
        Placeholder::Color => Stand::Text(color(&picture)),
    })
}

/// The variant with no side longer than `side`; where the URL asks no size, a JPEG is decoded small.
pub(crate) fn small(
    source: &[u8],
    variant: &Variant,
    side: usize,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<(Picture, bool), ImageError> {
    let unsized_ = variant.width.is_none()
        && variant.height.is_none()
        && variant.relative_width.is_none()
        && variant.relative_height.is_none()
        && variant.effects == Effects::default()
        && variant.padding.is_zero()
        && variant.min_width.is_none()
        && variant.min_height.is_none();
    let mut variant = variant.clone();
    if unsized_ {
        (variant.width, variant.height) = (Some(side as u32), Some(side as u32));
        variant.fit = Fit::ScaleDown;
    }
    let Pixels {
        picture,
        photograph,
        ..
    } = Job::new(source, &variant, limits, cancel)?.pixels()?;
    Ok((within(&picture, side)?, photograph))
}

fn lqip(
    picture: &Picture,
    photograph: bool,
    variant: &Variant,
    format: Format,
    cancel: &dyn Fn() -> bool,
) -> Result<Made, ImageError> {
    let small = within(picture, LQIP_SIDE)?;
    let goal = Goal {
        variant,
        source_format: format,
        photograph,
        exif: None,
        found: None,
        avif: Encoders::default(),
        cancel,
    };
    match format {
        Format::Png => crate::encode::exact_as(&small, format, &goal),
        _ => encode_as(&small, format, (LQIP_QUALITY, false), &goal),
    }
}

/// The picture with no side longer than `side`.
fn within(picture: &Picture, side: usize) -> Result<Picture, ImageError> {
    let (width, height) = fitted(picture, side);
    if (width, height) == (picture.width, picture.height) {
        return Ok(picture.clone());
    }
    resize::to_size(picture, width, height)
}

fn fitted(picture: &Picture, side: usize) -> (usize, usize) {
    let longer = picture.width.max(picture.height);
    if longer <= side {
        return (picture.width, picture.height);
    }
    let fit = |length: usize| ((length * side + longer / 2) / longer).max(1);
    (fit(picture.width), fit(picture.height))
}

/// The mean of the most common colours that are alike; white where nothing can be seen.
fn color(picture: &Picture) -> String {
    /// Bits of each channel by which colours are alike.
    const BITS: u32 = 3;
    let mut bins: HashMap<[u8; 3], ([u64; 3], u64)> = HashMap::new();
    let rgba = picture.clone().into_rgba();
    for pixel in rgba.data.chunks_exact(4).filter(|pixel| pixel[3] >= 128) {
        let colour = [pixel[0], pixel[1], pixel[2]];
        let (sums, count) = bins
            .entry(colour.map(|value| value >> (8 - BITS)))
            .or_default();
        for (sum, value) in sums.iter_mut().zip(colour) {
            *sum += u64::from(value);
        }
        *count += 1;
    }
    // Equal ones in the order of their colours, so that equal pictures have equal answers.
    let most = bins.iter().max_by_key(|(bin, (_, count))| (*count, **bin));
    let [red, green, blue] = most.map_or([255; 3], |(_, (sums, count))| {
        sums.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX))
    });
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests;
