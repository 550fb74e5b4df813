//! Resizing, Lanczos over three lobes.
//!
//! By `pic-scale`: on one thread it is the faster of the two mature crates for RGB at every size
//! we make, knows grey, RGB and RGBA with premultiplied alpha, and checks its buffers.

use pic_scale::{
    ImageSize, ImageStore, ImageStoreMut, PicScaleError, ResamplingFunction, ResamplingPlan, Scaler,
};

use crate::ImageError;
use crate::geometry::Rectangle;
use crate::picture::{Channels, Picture};

/// Cuts `window` out of a picture and brings it to `size`. The window is given in pixels of a
/// picture of the size `full`, which the picture may be a smaller version of.
pub(crate) fn part_to_size(
    picture: Picture,
    full: (u32, u32),
    window: Rectangle,
    size: (u32, u32),
) -> Result<Picture, ImageError> {
    let (left, width) = span(window.left, window.width, full.0, picture.width);
    let (top, height) = span(window.top, window.height, full.1, picture.height);
    let part = if (width, height) == (picture.width, picture.height) {
        picture
    } else {
        picture.part(left, top, width, height)
    };
    let (width, height) = (size.0 as usize, size.1 as usize);
    if (part.width, part.height) == (width, height) {
        return Ok(part);
    }
    to_size(&part, width, height)
}

/// Where a stretch of a side of `full` pixels lies on a side of `actual` pixels.
fn span(start: u32, length: u32, full: u32, actual: usize) -> (usize, usize) {
    let place = |at: u32| {
        let full = u64::from(full.max(1));
        ((u64::from(at) * actual as u64 + full / 2) / full) as usize
    };
    let from = place(start).min(actual - 1);
    let to = place(start + length).clamp(from + 1, actual);
    (from, to - from)
}

/// Brings a picture to a size.
pub(crate) fn to_size(
    picture: &Picture,
    width: usize,
    height: usize,
) -> Result<Picture, ImageError> {
    let scaler = Scaler::new(ResamplingFunction::Lanczos3);
    let from = ImageSize::new(picture.width, picture.height);
    let to = ImageSize::new(width, height);
    let data = match picture.channels {
        Channels::Grey => scaler
            .plan_planar_resampling(from, to)
            .and_then(|plan| run::<1>(&*plan, picture, to)),
        Channels::Rgb => scaler
            .plan_rgb_resampling(from, to)
            .and_then(|plan| run::<3>(&*plan, picture, to)),
        Channels::Rgba => scaler
            .plan_rgba_resampling(from, to, true)
            .and_then(|plan| run::<4>(&*plan, picture, to)),
    };
    let data = data.map_err(|error| ImageError::Resize {
        reason: format!("{error:?}"),
    })?;
    Ok(Picture {
        width,
        height,
        channels: picture.channels,
        data,
    })
}

fn run<const N: usize>(
    plan: &(dyn ResamplingPlan<u8, N> + Send + Sync),
    picture: &Picture,
    to: ImageSize,
) -> Result<Vec<u8>, PicScaleError> {
    let source = ImageStore::<u8, N>::borrow(&picture.data, picture.width, picture.height)?;
    let mut data = vec![0; to.width * to.height * N];
    let mut target = ImageStoreMut::<u8, N>::borrow(&mut data, to.width, to.height)?;
    plan.resample(&source, &mut target)?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_picture_stays_even() {
        for (channels, pixel) in [
            (Channels::Grey, vec![90]),
            (Channels::Rgb, vec![10, 200, 90]),
            (Channels::Rgba, vec![10, 200, 90, 255]),
        ] {
            let data = pixel.repeat(40 * 30);
            let even = Picture::new(40, 30, channels, data).unwrap();
            for (width, height) in [(7, 9), (100, 60), (40, 10), (1, 1)] {
                let made = to_size(&even, width, height).unwrap();
                assert_eq!(made.data.len(), width * height * channels.count());
                for (value, expected) in made.data.iter().zip(pixel.iter().cycle()) {
                    assert!(value.abs_diff(*expected) <= 1, "{value} {expected}");
                }
            }
        }
    }

    #[test]
    fn transparent_colour_does_not_bleed() {
        // Opaque red beside transparent green.
        let row = [[255, 0, 0, 255].repeat(8), [0, 255, 0, 0].repeat(8)].concat();
        let picture = Picture::new(16, 16, Channels::Rgba, row.repeat(16)).unwrap();
        let small = to_size(&picture, 5, 5).unwrap();
        for pixel in small.data.chunks_exact(4).filter(|pixel| pixel[3] > 8) {
            assert!(pixel[0] > 240 && pixel[1] < 15, "{pixel:?}");
        }
    }

    #[test]
    fn a_window_is_found_in_a_smaller_version() {
        // The right half of a picture of 1000 pixels, decoded at an eighth.
        assert_eq!(span(500, 500, 1000, 125), (63, 62));
        assert_eq!(span(0, 1000, 1000, 125), (0, 125));
        assert_eq!(span(999, 1, 1000, 125), (124, 1));
    }
}
