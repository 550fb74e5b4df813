//! WebP, lossy or exact.

use super::{Goal, Made, exact_is_worth_it};
use ::jpeg::{Plane, Planes};

use crate::outline::of_made;
use crate::picture::{Channels, Picture};
use crate::webp_encode::{self, WebPOptions};
use crate::{Format, ImageError};

/// Effort of the encoder: 4 takes a third more bytes off than 2 at twice the time.
const METHOD: u8 = 4;
/// The same when speed counts more.
const FAST_METHOD: u8 = 1;
/// The range of brightness, see [`narrow`]: 16 to 235.
const LUMA: (u32, u32) = (219, 16 * 255);
/// The range of colour: 112 steps to either side of 128.
const COLOUR: (u32, u32) = (224, 128 * (255 - 224));
/// Colour that is none.
const NO_COLOUR: u8 = 128;
/// Drawings up to this many pixels are tried both ways.
const BOTH_WAYS_PIXELS: usize = 4_000_000;

pub(super) fn encode(picture: Picture, goal: &Goal<'_>) -> Result<Made, ImageError> {
    let picture = coloured(picture);
    let quality = goal.variant.quality_for(Format::WebP).value();
    if quality == 100 {
        let made = encode_exactly(&picture, goal)?;
        return Ok(made.because("lossless, as quality is 100"));
    }
    let pixels = picture.width * picture.height;
    if goal.photograph || goal.variant.fast || pixels > BOTH_WAYS_PIXELS {
        return encode_at(&picture, goal, quality);
    }
    let exact = encode_exactly(&picture, goal)?;
    let lossy = encode_at(&picture, goal, quality)?;
    let worth = exact_is_worth_it(exact.bytes.len(), lossy.bytes.len());
    Ok(if worth {
        exact.because("lossless, as that costs little")
    } else {
        lossy
    })
}

/// Encodes with loss, at a quality.
pub(super) fn encode_at(
    picture: &Picture,
    goal: &Goal<'_>,
    quality: u8,
) -> Result<Made, ImageError> {
    run(picture, goal, options(goal, quality))
}

/// Encodes planes of a JPEG with loss; colour is half as wide and high as brightness.
pub(crate) fn encode_planes(planes: Planes, goal: &Goal<'_>) -> Result<Made, ImageError> {
    let quality = goal.variant.quality_for(Format::WebP).value();
    let mut planes = planes.components.into_iter();
    let luma = planes.next();
    let mut luma = luma.ok_or_else(|| ImageError::encode(Format::WebP, "no brightness"))?;
    let (width, height) = (luma.width.div_ceil(2), luma.height.div_ceil(2));
    let grey = || Plane {
        width,
        height,
        stride: width,
        horizontal: 1,
        vertical: 1,
        data: vec![NO_COLOUR; width * height],
    };
    narrow(&mut luma.data, LUMA);
    let colour = [(); 2].map(|()| {
        let mut plane = planes.next().unwrap_or_else(grey);
        narrow(&mut plane.data, COLOUR);
        plane
    });
    webp_encode::encode_planes(&luma, &colour, options(goal, quality), goal.cancel).map(made)
}

/// Brings samples from all of a byte's range (ITU-T T.871 §7) into the range of video that WebP
/// has (ITU-R BT.601): so many steps, and where 0 comes to lie, times 255.
fn narrow(samples: &mut [u8], (steps, lowest): (u32, u32)) {
    let mut narrowed = [0; 256];
    for (value, place) in (0..).zip(&mut narrowed) {
        *place = ((value * steps + lowest + 127) / 255) as u8;
    }
    for sample in samples {
        *sample = narrowed[usize::from(*sample)];
    }
}

/// Encodes without loss.
pub(super) fn encode_exactly(picture: &Picture, goal: &Goal<'_>) -> Result<Made, ImageError> {
    let exact = WebPOptions {
        lossless: true,
        ..options(goal, 100)
    };
    run(picture, goal, exact)
}

fn run(picture: &Picture, goal: &Goal<'_>, options: WebPOptions) -> Result<Made, ImageError> {
    let grey = picture.channels == Channels::Grey;
    let coloured = grey.then(|| coloured(picture.clone()));
    let picture = coloured.as_ref().unwrap_or(picture);
    webp_encode::encode(picture, options, goal.cancel).map(made)
}

fn options(goal: &Goal<'_>, quality: u8) -> WebPOptions {
    let method = if goal.variant.fast {
        FAST_METHOD
    } else {
        METHOD
    };
    WebPOptions {
        quality,
        lossless: false,
        method,
        sharp_colour: !goal.photograph,
    }
}

/// The encoder takes no grey.
fn coloured(picture: Picture) -> Picture {
    match picture.channels {
        Channels::Grey => picture.into_colour(),
        _ => picture,
    }
}

fn made(bytes: Vec<u8>) -> Made {
    Made {
        outline: of_made(Format::WebP, &bytes),
        bytes,
        format: Format::WebP,
        exact: false,
        found: None,
        shown: None,
        notes: Vec::new(),
    }
}
