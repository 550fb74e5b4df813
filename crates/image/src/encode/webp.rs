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
    let grey = picture.channels == Channels::Grey;
    let picture = if grey { picture.into_colour() } else { picture };
    let quality = goal.variant.quality.value();
    let options = WebPOptions {
        quality,
        lossless: false,
        method: if goal.variant.fast {
            FAST_METHOD
        } else {
            METHOD
        },
        sharp_colour: !goal.photograph,
    };
    let exact = WebPOptions {
        lossless: true,
        ..options
    };
    let run = |options| webp_encode::encode(&picture, options, goal.cancel);
    if quality == 100 {
        return Ok(made(run(exact)?).because("lossless, as quality is 100"));
    }
    let pixels = picture.width * picture.height;
    if goal.photograph || goal.variant.fast || pixels > BOTH_WAYS_PIXELS {
        return Ok(made(run(options)?));
    }
    let (exact, lossy) = (run(exact)?, run(options)?);
    Ok(if exact_is_worth_it(exact.len(), lossy.len()) {
        made(exact).because("lossless, as that costs little")
    } else {
        made(lossy)
    })
}

fn made(bytes: Vec<u8>) -> Made {
    Made {
        outline: of_made(Format::WebP, &bytes),
        bytes,
        format: Format::WebP,
        exact: false,
        notes: Vec::new(),
    }
}
