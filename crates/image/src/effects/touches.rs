//! Changes to the pixels that only other servers' URLs ask for.

use super::{ROWS_BETWEEN, blur};
use crate::picture::{Channels, Picture};
use crate::{Colour, ImageError, Kernel, Touch, resize};

/// Makes one change.
pub(crate) fn touch(
    picture: Picture,
    touch: &Touch,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    if cancel() {
        return Err(ImageError::Cancelled);
    }
    Ok(match touch {
        Touch::Pixelate(size) => pixelate(picture, *size as usize),
        Touch::Shift(by) => shift(picture, *by),
        Touch::Noise(amount) => noise(picture, *amount),
        Touch::Equalize => equalize(picture),
        Touch::Kernel(kernel) => convolve(&picture, kernel, cancel)?,
        Touch::Round {
            across,
            down,
            outside,
        } => round(picture, (*across, *down), *outside),
    })
}

/// Each square of `size` pixels becomes the mean of what it holds.
fn pixelate(mut picture: Picture, size: usize) -> Picture {
    let (depth, length) = (picture.channels.count(), picture.row_length());
    if size < 2 {
        return picture;
    }
    for band in picture.data.chunks_mut(length.saturating_mul(size)) {
        let rows = band.len() / length;
        for left in (0..picture.width).step_by(size) {
            let right = (left + size).min(picture.width);
            let count = ((right - left) * rows) as u64;
            for channel in 0..depth {
                let places =
                    || (left..right).flat_map(|x| (0..rows).map(move |y| y * length + x * depth));
                let sum: u64 = places().map(|at| u64::from(band[at + channel])).sum();
                let mean = ((sum + count / 2) / count) as u8;
                for at in places() {
                    band[at + channel] = mean;
                }
            }
        }
    }
    picture
}

fn shift(picture: Picture, by: [i16; 3]) -> Picture {
    let mut picture = picture.into_colour();
    let depth = picture.channels.count();
    for pixel in picture.data.chunks_exact_mut(depth) {
        for (value, by) in pixel.iter_mut().zip(by) {
            *value = (i16::from(*value) + by).clamp(0, 255) as u8;
        }
    }
    picture
}

/// Adds the same to all colours of a pixel: up to half the amount, either way.
fn noise(mut picture: Picture, amount: u8) -> Picture {
    let amount = u32::from(amount);
    if amount == 0 {
        return picture;
    }
    let depth = picture.channels.count();
    // A generator of Marsaglia's with a seed of its own: equal variants have equal bytes.
    let mut state = 0x9e37_79b9_u32;
    for pixel in picture.data.chunks_exact_mut(depth) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let by = (state % (amount + 1)) as i16 - (amount / 2) as i16;
        for value in pixel.iter_mut().take(3) {
            *value = (i16::from(*value) + by).clamp(0, 255) as u8;
        }
    }
    picture
}

/// Each colour by how many pixels have less of it.
fn equalize(mut picture: Picture) -> Picture {
    let depth = picture.channels.count();
    for channel in 0..depth.min(3) {
        let mut counts = [0_u64; 256];
        for pixel in picture.data.chunks_exact(depth) {
            counts[usize::from(pixel[channel])] += 1;
        }
        let last = counts.iter().rev().find(|count| **count > 0);
        let step = (counts.iter().sum::<u64>() - last.copied().unwrap_or_default()) / 255;
        if step == 0 {
            continue;
        }
        let mut table = [0_u8; 256];
        let mut below = step / 2;
        for (entry, count) in table.iter_mut().zip(counts) {
            *entry = (below / step).min(255) as u8;
            below += count;
        }
        for pixel in picture.data.chunks_exact_mut(depth) {
            pixel[channel] = table[usize::from(pixel[channel])];
        }
    }
    picture
}

/// Sums of the surroundings; what lies beyond an edge is as the edge.
fn convolve(
    picture: &Picture,
    kernel: &Kernel,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let (depth, length) = (picture.channels.count(), picture.row_length());
    let (columns, rows) = kernel.size();
    let near = |at: usize, off: usize, half: usize, side: usize| {
        (at + off).saturating_sub(half).min(side - 1)
    };
    let mut data = Vec::with_capacity(picture.data.len());
    for y in 0..picture.height {
        if y % ROWS_BETWEEN == 0 && cancel() {
            return Err(ImageError::Cancelled);
        }
        for x in 0..picture.width {
            for channel in 0..depth {
                if channel == 3 {
                    data.push(picture.data[y * length + x * depth + channel]);
                    continue;
                }
                let mut sum = 0_i64;
                for (place, weight) in kernel.weights().iter().enumerate() {
                    let column = near(x, place % columns, columns / 2, picture.width);
                    let row = near(y, place / columns, rows / 2, picture.height);
                    let value = picture.data[row * length + column * depth + channel];
                    sum += i64::from(*weight) * i64::from(value);
                }
                data.push(((sum + 500_000).div_euclid(1_000_000)).clamp(0, 255) as u8);
            }
        }
    }
    Ok(Picture { data, ..*picture })
}

/// Lays the corners outside an ellipse's quarters in a colour, or clears them.
fn round(picture: Picture, (across, down): (u32, u32), outside: Colour) -> Picture {
    let clear = outside.alpha < 255;
    let mut picture = match clear {
        true => picture.into_rgba(),
        false => picture.into_colour(),
    };
    let (width, height, depth) = (picture.width, picture.height, picture.channels.count());
    let (across, down) = (
        (across as usize).min(width / 2),
        (down as usize).min(height / 2),
    );
    let under = [outside.red, outside.green, outside.blue];
    for y in 0..down {
        for x in 0..across {
            let share = coverage((x, y), (across, down));
            if share >= 1.0 {
                continue;
            }
            for (x, y) in [
                (x, y),
                (width - 1 - x, y),
                (x, height - 1 - y),
                (width - 1 - x, height - 1 - y),
            ] {
                let pixel = &mut picture.data[(y * width + x) * depth..][..depth];
                if clear {
                    pixel[3] = (f32::from(pixel[3]) * share).round() as u8;
                    continue;
                }
                for (value, under) in pixel.iter_mut().zip(under) {
                    let mixed = f32::from(*value) * share + f32::from(under) * (1.0 - share);
                    *value = mixed.round() as u8;
                }
                if let Some(alpha) = pixel.get_mut(3) {
                    let mixed = f32::from(*alpha) * share + 255.0 * (1.0 - share);
                    *alpha = mixed.round() as u8;
                }
            }
        }
    }
    picture
}

/// How much of a pixel of a left upper corner lies inside the ellipse, at four by four points.
fn coverage((x, y): (usize, usize), (across, down): (usize, usize)) -> f32 {
    let off = |at: usize, point: usize, half: usize| {
        1.0 - (at as f32 + (point as f32 + 0.5) / 4.0) / half as f32
    };
    let points = (0..16).filter(|point| {
        let (dx, dy) = (off(x, point % 4, across), off(y, point / 4, down));
        dx * dx + dy * dy <= 1.0
    });
    points.count() as f32 / 16.0
}

/// The mean of a picture's colours, each pixel as far as it is seen; white where none is.
pub(crate) fn mean(picture: &Picture) -> Colour {
    let depth = picture.channels.count();
    let mut sums = [0_u64; 3];
    let mut weight = 0;
    for pixel in picture.data.chunks_exact(depth) {
        let (rgb, seen) = match *pixel {
            [red, green, blue, alpha] => ([red, green, blue], u64::from(alpha)),
            [red, green, blue] => ([red, green, blue], 255),
            [grey, ..] => ([grey; 3], 255),
            [] => continue,
        };
        weight += seen;
        for (sum, value) in sums.iter_mut().zip(rgb) {
            *sum += u64::from(value) * seen;
        }
    }
    if weight == 0 {
        return Colour::WHITE;
    }
    let [red, green, blue] = sums.map(|sum| ((sum + weight / 2) / weight) as u8);
    Colour {
        red,
        green,
        blue,
        alpha: 255,
    }
}

/// How much wider than its blur's radius a canvas is.
const BLUR_SHARE: f32 = 20.0;
/// The canvas is blurred at this size at most, on its longer side: nothing finer is left of it.
const BLUR_SIDE: usize = 320;

/// Places a picture on a larger canvas that shows the picture itself, filling it and blurred.
pub(crate) fn pad_blurred(
    picture: &Picture,
    (width, height): (usize, usize),
    (left, top): (usize, usize),
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let shrink = (width.max(height) as f32 / BLUR_SIDE as f32).max(1.0);
    let small = |side: usize| ((side as f32 / shrink) as usize).max(1);
    let (small_width, small_height) = (small(width), small(height));
    let part = filling(picture, (small_width, small_height));
    let filled = resize::to_size(&part, small_width, small_height)?;
    let deviation = small_width.max(small_height) as f32 / BLUR_SHARE;
    let blurred = blur(filled, deviation.max(1.0), cancel)?;
    let mut canvas = resize::to_size(&blurred, width, height)?;
    let (depth, length) = (canvas.channels.count(), canvas.row_length());
    let rows = canvas.data.chunks_exact_mut(length).skip(top);
    for (target, row) in rows.zip(picture.rows()) {
        let target = &mut target[left * depth..][..row.len()];
        if canvas.channels != Channels::Rgba {
            target.copy_from_slice(row);
            continue;
        }
        for (under, over) in target.chunks_exact_mut(4).zip(row.chunks_exact(4)) {
            let [red, green, blue, alpha] = [under[0], under[1], under[2], under[3]];
            let below = Colour {
                red,
                green,
                blue,
                alpha,
            };
            under.copy_from_slice(over);
            super::over(under, below);
        }
    }
    Ok(canvas)
}

/// The middle of a picture in the shape of a canvas.
fn filling(picture: &Picture, (width, height): (usize, usize)) -> Picture {
    let wide = picture.width * height > width * picture.height;
    let (kept_width, kept_height) = match wide {
        true => (width * picture.height / height, picture.height),
        false => (picture.width, height * picture.width / width),
    };
    let kept = (
        kept_width.clamp(1, picture.width),
        kept_height.clamp(1, picture.height),
    );
    let (left, top) = ((picture.width - kept.0) / 2, (picture.height - kept.1) / 2);
    picture.part(left, top, kept.0, kept.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, channels: Channels, data: Vec<u8>) -> Picture {
        Picture::new(width, height, channels, data).unwrap()
    }

    fn touched(picture: &Picture, change: &Touch) -> Vec<u8> {
        touch(picture.clone(), change, &|| false).unwrap().data
    }

    #[test]
    fn squares_have_the_mean_of_what_they_held_up_to_the_edges() {
        let three = picture(
            3,
            3,
            Channels::Grey,
            vec![0, 10, 20, 30, 40, 50, 60, 70, 80],
        );
        let coarse = touched(&three, &Touch::Pixelate(2));
        assert_eq!(coarse, [20, 20, 35, 20, 20, 35, 65, 65, 80]);
        assert_eq!(touched(&three, &Touch::Pixelate(1)), three.data);
        assert_eq!(touched(&three, &Touch::Pixelate(60_000)), [40; 9]);
    }

    #[test]
    fn colours_shift_and_stay_in_range() {
        let pixel = picture(1, 1, Channels::Rgba, vec![250, 5, 100, 7]);
        assert_eq!(
            touched(&pixel, &Touch::Shift([20, -20, 40])),
            [255, 0, 140, 7]
        );
    }

    #[test]
    fn noise_is_bounded_and_always_the_same() {
        let grey = picture(40, 25, Channels::Grey, vec![128; 1000]);
        let noisy = touched(&grey, &Touch::Noise(40));
        assert!(noisy.iter().all(|value| value.abs_diff(128) <= 20));
        assert!(noisy.iter().any(|value| value.abs_diff(128) > 10));
        assert_eq!(noisy, touched(&grey, &Touch::Noise(40)));
    }

    #[test]
    fn equal_shares_of_every_colour_stay_and_few_colours_spread() {
        let all = picture(
            256,
            2,
            Channels::Grey,
            (0..=255).cycle().take(512).collect(),
        );
        let spread = touched(&all, &Touch::Equalize);
        assert!(
            spread
                .iter()
                .zip(&all.data)
                .all(|(a, b)| a.abs_diff(*b) <= 1)
        );
        let dull = (0..1024).map(|place| 100 + (place % 4) as u8).collect();
        let dull = picture(32, 32, Channels::Grey, dull);
        let spread = touched(&dull, &Touch::Equalize);
        assert_eq!((spread[0], spread[3]), (0, 255));
    }

    #[test]
    fn kernels_keep_flat_pictures_and_find_edges() {
        let flat = picture(5, 4, Channels::Rgb, vec![90; 60]);
        let mean = Kernel::new(3, &[1.0; 9], true).unwrap();
        let near = touched(&flat, &Touch::Kernel(mean));
        assert!(near.iter().all(|value| value.abs_diff(90) <= 1), "{near:?}");
        let edges = [-1.0, -1.0, -1.0, -1.0, 8.0, -1.0, -1.0, -1.0, -1.0];
        let edges = Touch::Kernel(Kernel::new(3, &edges, false).unwrap());
        assert_eq!(touched(&flat, &edges), [0; 60]);
        let step = picture(4, 1, Channels::Grey, vec![0, 0, 100, 100]);
        assert_eq!(touched(&step, &edges), [0, 0, 255, 0]);
    }

    #[test]
    fn corners_are_rounded_in_a_colour_or_cleared() {
        let white = picture(8, 6, Channels::Rgb, vec![255; 144]);
        let black = Colour {
            red: 0,
            green: 0,
            blue: 0,
            alpha: 255,
        };
        let change = |outside| Touch::Round {
            across: 4,
            down: 3,
            outside,
        };
        let cornered = touched(&white, &change(black));
        assert_eq!(&cornered[..3], [0; 3]);
        assert_eq!(&cornered[141..], [0; 3]);
        let middle = (3 * 8 + 4) * 3;
        assert_eq!(&cornered[middle..middle + 3], [255; 3]);
        let clear = touched(&white, &change(Colour { alpha: 0, ..black }));
        assert_eq!((clear[3], clear[(3 * 8 + 4) * 4 + 3]), (0, 255));
        let huge = Touch::Round {
            across: u32::MAX,
            down: u32::MAX,
            outside: black,
        };
        assert_eq!(touched(&white, &huge), cornered, "at most an ellipse");
    }

    #[test]
    fn the_mean_is_of_what_is_seen() {
        let half = picture(2, 1, Channels::Rgba, vec![200, 0, 0, 255, 0, 90, 0, 0]);
        assert_eq!(mean(&half).red, 200);
        let none = picture(1, 1, Channels::Rgba, vec![9, 9, 9, 0]);
        assert_eq!(mean(&none), Colour::WHITE);
    }

    #[test]
    fn a_picture_lies_on_its_own_blur() {
        for (channels, depth) in [(Channels::Grey, 1), (Channels::Rgb, 3), (Channels::Rgba, 4)] {
            let small = picture(10, 5, channels, vec![200; 50 * depth]);
            let canvas = pad_blurred(&small, (10, 11), (0, 3), &|| false).unwrap();
            assert_eq!((canvas.width, canvas.height), (10, 11));
            // Where one alpha lies on another, both cover.
            let expected = |at: usize| match (depth == 4 && at % 4 == 3, at / 40) {
                (true, 3..8) => 243_u8,
                _ => 200,
            };
            let mut values = canvas.data.iter().enumerate();
            let near = values.all(|(at, value)| value.abs_diff(expected(at)) <= 1);
            assert!(near, "{channels:?}: {:?}", canvas.data);
        }
    }
}
