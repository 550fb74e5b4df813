//! Laying a picture over another.

use super::{MAX_OVERLAY_BYTES, MAX_PIXELS, Overlay};
use crate::effects::over;
use crate::picture::{Channels, Picture};
use crate::render::Job;
use crate::{
    Colour, Factor, Fit, ImageError, Limits, PolicySettings, Signals, Transform, Width, choose,
    probe,
};

/// What is wrong with overlays before anything is read; `None` if nothing is.
pub(crate) fn missing(overlays: &[Overlay]) -> Option<ImageError> {
    let lacks = overlays.iter().any(|overlay| overlay.file.is_none());
    lacks.then(|| wrong("it could not be had"))
}

/// Lays an overlay over a picture.
///
/// # Errors
/// [`ImageError::Overlay`], [`ImageError::Cancelled`].
pub(crate) fn draw(
    picture: Picture,
    overlay: &Overlay,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let size = (picture.width as u32, picture.height as u32);
    let layer = layer(overlay, size, limits, cancel)?;
    let lefts = overlay.across.places(size.0, layer.width as u32);
    let tops = overlay.down.places(size.1, layer.height as u32);
    let mut picture = picture.into_colour();
    for top in tops {
        if cancel() {
            return Err(ImageError::Cancelled);
        }
        for left in &lefts {
            stamp(&mut picture, &layer, (*left, top));
        }
    }
    Ok(picture)
}

/// The overlay as it lies on a picture of this size: with alpha, as much of it as is seen.
fn layer(
    overlay: &Overlay,
    size: (u32, u32),
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let file = overlay.file.as_ref();
    let file = file.ok_or_else(|| wrong("it could not be had"))?;
    let limits = Limits {
        max_bytes: limits.max_bytes.min(MAX_OVERLAY_BYTES),
        max_pixels: limits.max_pixels.min(MAX_PIXELS),
        max_output_pixels: limits.max_output_pixels.min(MAX_PIXELS),
        ..*limits
    };
    let made = || {
        // Before anything is made of it: a kind that is not read, or too many pixels.
        probe(file.bytes(), &limits)?;
        let choice = choose(
            &fitted(overlay, size),
            &Signals::default(),
            &PolicySettings::default(),
        );
        let job = Job::new(file.bytes(), &choice.variant, &limits, cancel)?;
        job.pixels()
    };
    let picture = made().map_err(|error| match error {
        ImageError::Cancelled => error,
        other => wrong(other),
    })?;
    Ok(faded(picture.picture.into_rgba(), overlay.opacity))
}

/// What makes an overlay fit on a picture of this size.
fn fitted(overlay: &Overlay, (width, height): (u32, u32)) -> Transform {
    let share = |share: Option<Factor>, side: u32| share.map(|share| share.of(side));
    Transform {
        width: share(overlay.width, width).map(Width::Pixels),
        height: share(overlay.height, height),
        fit: Some(Fit::Contain),
        animation: Some(false),
        ..Transform::default()
    }
}

/// The same, less of it to be seen.
fn faded(mut picture: Picture, opacity: Factor) -> Picture {
    let opacity = opacity.thousandths().min(1000);
    for pixel in picture.data.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]) * opacity;
        pixel[3] = ((alpha + 500) / 1000) as u8;
    }
    picture
}

/// Lays a layer over a picture in colour, its left top corner at `left` and `top`. What reaches out
/// is cut off.
fn stamp(picture: &mut Picture, layer: &Picture, (left, top): (i64, i64)) {
    let depth = picture.channels.count();
    let length = picture.row_length();
    // Where the layer begins to be seen, and from which of its pixels on.
    let begin = |at: i64| (at.max(0) as usize, (-at).max(0) as usize);
    let ((x, from), (y, above)) = (begin(left), begin(top));
    if x >= picture.width || y >= picture.height {
        return;
    }
    let rows = picture.data.chunks_exact_mut(length).skip(y);
    for (row, line) in rows.zip(layer.rows().skip(above)) {
        let pixels = row.chunks_exact_mut(depth).skip(x);
        for (below, front) in pixels.zip(line.chunks_exact(4).skip(from)) {
            lay(below, front, picture.channels);
        }
    }
}

/// A pixel in place of the one below it.
fn lay(below: &mut [u8], front: &[u8], channels: Channels) {
    if front[3] == 0 {
        return;
    }
    let colour = Colour {
        red: below[0],
        green: below[1],
        blue: below[2],
        alpha: if channels == Channels::Rgba {
            below[3]
        } else {
            255
        },
    };
    let mut pixel = [front[0], front[1], front[2], front[3]];
    over(&mut pixel, colour);
    below.copy_from_slice(&pixel[..below.len()]);
}

/// An overlay that cannot be laid.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers hand over errors they are done with"
)]
fn wrong(reason: impl ToString) -> ImageError {
    ImageError::Overlay {
        reason: reason.to_string(),
    }
}
