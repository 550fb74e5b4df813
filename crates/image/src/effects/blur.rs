//! Gaussian blur at any radius.

use super::ROWS_BETWEEN;
use crate::ImageError;
use crate::picture::{Channels, Picture};

/// From this standard deviation on, in pixels, three box blurs pass for a Gaussian.
const BOXES_FROM: f32 = 3.0;

/// Blurs a picture. A small deviation takes a true Gaussian; a larger one three box blurs, which
/// the eye cannot tell from it and whose cost does not depend on the deviation.
pub(super) fn blur(
    picture: Picture,
    deviation: f32,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let mut picture = premultiplied(picture);
    if deviation < BOXES_FROM {
        let weights = gaussian(deviation);
        weigh_rows(&mut picture, &weights, cancel)?;
        weigh_columns(&mut picture, &weights, cancel)?;
    } else {
        for radius in box_radii(deviation) {
            blur_rows(&mut picture, radius, cancel)?;
            blur_columns(&mut picture, radius, cancel)?;
        }
    }
    Ok(unpremultiplied(picture))
}

/// Weights of a Gaussian from its middle outwards, over three deviations; the middle counts once,
/// all others twice, and together they make 1.
fn gaussian(deviation: f32) -> Vec<f32> {
    let reach = (deviation * 3.0).ceil() as usize;
    let weights: Vec<f32> = (0..=reach)
        .map(|distance| (-0.5 * (distance as f32 / deviation).powi(2)).exp())
        .collect();
    let sum = weights.iter().sum::<f32>() * 2.0 - 1.0;
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn weigh_rows(
    picture: &mut Picture,
    weights: &[f32],
    cancel: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let (depth, width, length) = (
        picture.channels.count(),
        picture.width,
        picture.row_length(),
    );
    let mut source = vec![0; length];
    for (y, row) in picture.data.chunks_exact_mut(length).enumerate() {
        if y % ROWS_BETWEEN == 0 && cancel() {
            return Err(ImageError::Cancelled);
        }
        source.copy_from_slice(row);
        for (place, target) in row.iter_mut().enumerate() {
            let (x, channel) = (place / depth, place % depth);
            let at = |x: usize| f32::from(source[x.min(width - 1) * depth + channel]);
            let mut sum = at(x) * weights[0];
            for (distance, weight) in weights.iter().enumerate().skip(1) {
                sum += (at(x.saturating_sub(distance)) + at(x + distance)) * weight;
            }
            *target = sum.round() as u8;
        }
    }
    Ok(())
}

fn weigh_columns(
    picture: &mut Picture,
    weights: &[f32],
    cancel: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let (length, height) = (picture.row_length(), picture.height);
    let source = picture.data.clone();
    let row = |y: usize| &source[y.min(height - 1) * length..][..length];
    let mut sums = vec![0.0_f32; length];
    for (y, target) in picture.data.chunks_exact_mut(length).enumerate() {
        if y % ROWS_BETWEEN == 0 && cancel() {
            return Err(ImageError::Cancelled);
        }
        for (sum, value) in sums.iter_mut().zip(row(y)) {
            *sum = f32::from(*value) * weights[0];
        }
        for (distance, weight) in weights.iter().enumerate().skip(1) {
            let pairs = row(y.saturating_sub(distance))
                .iter()
                .zip(row(y + distance));
            for (sum, (above, below)) in sums.iter_mut().zip(pairs) {
                *sum += (f32::from(*above) + f32::from(*below)) * weight;
            }
        }
        for (target, sum) in target.iter_mut().zip(&sums) {
            *target = sum.round() as u8;
        }
    }
    Ok(())
}

/// Radii of three boxes whose variances add up to the Gaussian's.
fn box_radii(deviation: f32) -> [usize; 3] {
    let variance = 12.0 * deviation * deviation;
    let ideal = (variance / 3.0 + 1.0).sqrt();
    let small = (((ideal - 1.0) / 2.0).floor() as usize) * 2 + 1;
    let width = small as f32;
    let count = (variance - 3.0 * width * width - 12.0 * width - 9.0) / (-4.0 * width - 4.0);
    let small_ones = count.round().clamp(0.0, 3.0) as usize;
    [0, 1, 2].map(|place| {
        if place < small_ones {
            small / 2
        } else {
            small / 2 + 1
        }
    })
}

fn blur_rows(
    picture: &mut Picture,
    radius: usize,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let (depth, width) = (picture.channels.count(), picture.width);
    let length = picture.row_length();
    let mut source = vec![0; length];
    for (y, row) in picture.data.chunks_exact_mut(length).enumerate() {
        if y % ROWS_BETWEEN == 0 && cancel() {
            return Err(ImageError::Cancelled);
        }
        source.copy_from_slice(row);
        for channel in 0..depth {
            let at = |x: usize| u32::from(source[x.min(width - 1) * depth + channel]);
            let mut sum = at(0) * radius as u32 + (0..=radius).map(at).sum::<u32>();
            for x in 0..width {
                row[x * depth + channel] = mean(sum, radius);
                sum += at(x + radius + 1);
                sum -= at(x.saturating_sub(radius));
            }
        }
    }
    Ok(())
}

fn blur_columns(
    picture: &mut Picture,
    radius: usize,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let (length, height) = (picture.row_length(), picture.height);
    let source = picture.data.clone();
    let row = |y: usize| &source[y.min(height - 1) * length..][..length];
    let mut sums: Vec<u32> = row(0)
        .iter()
        .map(|value| u32::from(*value) * radius as u32)
        .collect();
    for y in 0..=radius {
        for (sum, value) in sums.iter_mut().zip(row(y)) {
            *sum += u32::from(*value);
        }
    }
    for (y, target) in picture.data.chunks_exact_mut(length).enumerate() {
        if y % ROWS_BETWEEN == 0 && cancel() {
            return Err(ImageError::Cancelled);
        }
        let (entering, leaving) = (row(y + radius + 1), row(y.saturating_sub(radius)));
        let values = entering.iter().zip(leaving);
        for ((target, sum), (enter, leave)) in target.iter_mut().zip(&mut sums).zip(values) {
            *target = mean(*sum, radius);
            *sum += u32::from(*enter);
            *sum -= u32::from(*leave);
        }
    }
    Ok(())
}

fn mean(sum: u32, radius: usize) -> u8 {
    let count = 2 * radius as u32 + 1;
    ((sum + count / 2) / count) as u8
}

fn premultiplied(mut picture: Picture) -> Picture {
    if picture.channels == Channels::Rgba {
        for pixel in picture.data.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]);
            for value in pixel.iter_mut().take(3) {
                *value = ((u32::from(*value) * alpha + 127) / 255) as u8;
            }
        }
    }
    picture
}

fn unpremultiplied(mut picture: Picture) -> Picture {
    if picture.channels == Channels::Rgba {
        for pixel in picture.data.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]).max(1);
            for value in pixel.iter_mut().take(3) {
                *value = ((u32::from(*value) * 255 + alpha / 2) / alpha).min(255) as u8;
            }
        }
    }
    picture
}
