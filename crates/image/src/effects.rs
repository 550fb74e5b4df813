//! What is done to the pixels of the result: tones, blur, sharpening, background, padding.

mod blur;
mod touches;

use blur::blur;
pub(crate) use touches::{mean, pad_blurred, touch};

use crate::picture::{Channels, Picture};
use crate::{Colour, Effects, Factor, ImageError};

/// Rows between two questions whether the work is still wanted.
const ROWS_BETWEEN: usize = 64;

/// Applies effects: tones first, then blur, then sharpening.
pub(crate) fn apply(
    picture: Picture,
    effects: &Effects,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let mut picture = picture;
    if let Some(table) = tone_table(effects) {
        each_colour(&mut picture, |value| *value = table[usize::from(*value)]);
    }
    if let Some(factor) = effects.saturation {
        saturate(&mut picture, factor.value());
    }
    if let Some(radius) = effects.blur {
        picture = blur(picture, radius.value() / 2.0, cancel)?;
    }
    if let Some(strength) = effects.sharpen {
        picture = sharpen(&picture, strength.value(), cancel)?;
    }
    Ok(picture)
}

/// Calls `change` for each value but alpha.
fn each_colour(picture: &mut Picture, change: impl Fn(&mut u8)) {
    let depth = picture.channels.count();
    for pixel in picture.data.chunks_exact_mut(depth) {
        pixel.iter_mut().take(3).for_each(&change);
    }
}

/// Brightness, lift, contrast and gamma in one table; `None` if nothing changes.
fn tone_table(effects: &Effects) -> Option<[u8; 256]> {
    let Effects {
        brightness,
        contrast,
        gamma,
        lift,
        ..
    } = effects;
    if brightness.is_none() && contrast.is_none() && gamma.is_none() && *lift == 0 {
        return None;
    }
    let factor = |factor: &Option<Factor>| factor.map_or(1.0, Factor::value);
    let (brightness, contrast, gamma) = (factor(brightness), factor(contrast), factor(gamma));
    let mut table = [0; 256];
    for (value, entry) in table.iter_mut().enumerate() {
        let bright = (value as f32 * brightness + f32::from(*lift)) / 255.0;
        let bright = if *lift == 0 {
            bright
        } else {
            bright.clamp(0.0, 1.0)
        };
        let contrasted = ((bright - 0.5) * contrast + 0.5).clamp(0.0, 1.0);
        *entry = (contrasted.powf(1.0 / gamma) * 255.0).round() as u8;
    }
    Some(table)
}

fn saturate(picture: &mut Picture, factor: f32) {
    if picture.channels == Channels::Grey {
        return;
    }
    let depth = picture.channels.count();
    for pixel in picture.data.chunks_exact_mut(depth) {
        let grey = luma(pixel);
        for value in pixel.iter_mut().take(3) {
            let moved = grey + (f32::from(*value) - grey) * factor;
            *value = moved.round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Brightness of an RGB pixel (ITU-R BT.601).
pub(crate) fn luma(pixel: &[u8]) -> f32 {
    match *pixel {
        [red, green, blue, ..] => {
            0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)
        }
        [grey, ..] => f32::from(grey),
        [] => 0.0,
    }
}

/// Adds to each value half its distance from a 3 × 3 binomial blur, times the strength.
fn sharpen(
    picture: &Picture,
    strength: f32,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let (depth, length) = (picture.channels.count(), picture.row_length());
    let (width, height) = (picture.width, picture.height);
    let row = |y: usize| &picture.data[y.min(height - 1) * length..][..length];
    let mut data = Vec::with_capacity(picture.data.len());
    let mut sums = vec![0_i32; length];
    for y in 0..height {
        if y % ROWS_BETWEEN == 0 && cancel() {
            return Err(ImageError::Cancelled);
        }
        let (above, middle, below) = (row(y.saturating_sub(1)), row(y), row(y + 1));
        for (place, sum) in sums.iter_mut().enumerate() {
            let at = |row: &[u8]| i32::from(row[place]);
            *sum = at(above) + 2 * at(middle) + at(below);
        }
        for (place, value) in middle.iter().enumerate() {
            if depth == 4 && place % 4 == 3 {
                data.push(*value);
                continue;
            }
            let before = if place < depth { place } else { place - depth };
            let after = if place + depth < width * depth {
                place + depth
            } else {
                place
            };
            let blurred = (sums[before] + 2 * sums[place] + sums[after]) as f32 / 16.0;
            let value = f32::from(*value);
            let sharp = value + (value - blurred) * strength * 0.5;
            data.push(sharp.round().clamp(0.0, 255.0) as u8);
        }
    }
    Ok(Picture {
        width,
        height,
        channels: picture.channels,
        data,
    })
}

/// Lays a picture over a background. An opaque background leaves no alpha.
pub(crate) fn flatten(picture: Picture, background: Colour) -> Picture {
    if picture.channels != Channels::Rgba {
        return picture;
    }
    let mut picture = picture;
    for pixel in picture.data.chunks_exact_mut(4) {
        over(pixel, background);
    }
    picture.without_idle_alpha()
}

/// A pixel over a background, neither premultiplied (W3C Compositing §5.1, `source-over`).
pub(crate) fn over(pixel: &mut [u8], background: Colour) {
    let (front, back) = (u32::from(pixel[3]), u32::from(background.alpha));
    // Shares of the two in 255 × 255ths.
    let (front, back) = (front * 255, back * (255 - front));
    let whole = front + back;
    if whole == 0 {
        return;
    }
    let under = [background.red, background.green, background.blue];
    for (value, under) in pixel.iter_mut().zip(under) {
        let sum = u32::from(*value) * front + u32::from(under) * back;
        *value = ((sum + whole / 2) / whole) as u8;
    }
    pixel[3] = ((whole + 127) / 255) as u8;
}

/// Places a picture on a larger canvas, its left top corner at `at`.
pub(crate) fn pad(
    picture: Picture,
    (width, height): (usize, usize),
    (left, top): (usize, usize),
    background: Colour,
) -> Picture {
    let Colour {
        red,
        green,
        blue,
        alpha,
    } = background;
    let grey = red == green && green == blue && alpha == 255;
    let picture = match picture.channels {
        Channels::Grey if grey => picture,
        _ if alpha < 255 => picture.into_rgba(),
        _ => picture.into_colour(),
    };
    let depth = picture.channels.count();
    let fill = [red, green, blue, alpha];
    let mut canvas = Picture {
        width,
        height,
        channels: picture.channels,
        data: fill[..depth].repeat(width * height),
    };
    let rows = canvas.data.chunks_exact_mut(width * depth).skip(top);
    for (target, row) in rows.zip(picture.rows()) {
        target[left * depth..][..row.len()].copy_from_slice(row);
    }
    canvas
}

#[cfg(test)]
mod tests;
