//! WebP, lossy or exact.

use super::{Goal, Made, exact_is_worth_it};
use crate::outline::of_made;
use crate::picture::{Channels, Picture};
use crate::webp_encode::{self, WebPOptions};
use crate::{Format, ImageError};

/// Effort of the encoder: 4 takes a third more bytes off than 2 at twice the time.
const METHOD: u8 = 4;
/// The same when speed counts more.
const FAST_METHOD: u8 = 1;
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
