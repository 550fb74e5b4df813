//! What only the pixels tell of a picture's geometry: where a border of one colour ends, and where
//! in it lies what stands out.

use crate::decode::decode;
use crate::picture::Picture;
use crate::{
    Colour, Crop, Format, Gravity, ImageError, Length, Limits, Orientation, Trim, Variant,
    geometry, orient, probe, saliency,
};

/// The variant with numbers in place of the next thing that only the pixels tell; `None` if all of
/// it is numbers.
///
/// Costs decoding the source at full size, if there is such a thing.
///
/// # Errors
/// As for [`probe()`](crate::probe()) and decoding.
pub(crate) fn seen(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<Variant>, ImageError> {
    if let Some(Trim::Border { .. }) = variant.trim {
        return found(source, variant, limits, cancel).map(Some);
    }
    match variant.crop {
        Some(Crop::Placed {
            width,
            height,
            at: Gravity::Salient | Gravity::Face,
        }) => salient(source, variant, (width, height), limits, cancel).map(Some),
        _ => Ok(None),
    }
}

/// The variant with a crop where most of what stands out stays; in the middle of pictures that are
/// not read.
fn salient(
    source: &[u8],
    variant: &Variant,
    (width, height): (Length, Length),
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Variant, ImageError> {
    let crop = match upright(source, variant, limits, cancel)? {
        None => Crop::Placed {
            width,
            height,
            at: Gravity::CENTER,
        },
        Some(picture) => {
            let whole = (picture.width as u32, picture.height as u32);
            let part = geometry::trim(whole, variant.trim);
            let size = (part.width, part.height);
            let kept = (width.on(size.0).max(1), height.on(size.1).max(1));
            let picture = picture.part(
                part.left as usize,
                part.top as usize,
                part.width as usize,
                part.height as usize,
            );
            let (left, top) = saliency::window_offset(&picture, Orientation::UPRIGHT, size, kept);
            Crop::Between {
                left: Length::Pixels(left),
                top: Length::Pixels(top),
                right: Length::Pixels(left + kept.0),
                bottom: Length::Pixels(top + kept.1),
            }
        }
    };
    Ok(Variant {
        crop: Some(crop),
        ..variant.clone()
    })
}

/// The source as it stands; `None` for kinds and animations that are passed on.
fn upright(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<Picture>, ImageError> {
    let probe = match probe(source, limits) {
        Ok(probe) => probe,
        Err(ImageError::Unsupported { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if probe.animated && !variant.first_frame && probe.format != Format::Jpeg {
        return Ok(None);
    }
    let stored = decode(source, &probe, None, limits, cancel)?.picture;
    Ok(Some(orient::apply(stored, probe.orientation)))
}

/// The variant with the area inside the border in the border's place. A picture that is all border,
/// or of a kind that is not read, keeps everything.
fn found(
    source: &[u8],
    variant: &Variant,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Variant, ImageError> {
    let without = Variant {
        trim: None,
        ..variant.clone()
    };
    let Some(Trim::Border {
        tolerance,
        colour,
        bottom_right,
        even,
    }) = variant.trim
    else {
        return Ok(without);
    };
    let Some(picture) = upright(source, variant, limits, cancel)? else {
        return Ok(without);
    };
    let picture = picture.into_rgba();
    let corner = if bottom_right {
        picture.data.last_chunk::<4>()
    } else {
        picture.data.first_chunk::<4>()
    };
    let Some(corner) = corner else {
        return Ok(without);
    };
    let border = colour.map_or(*corner, |colour| {
        let Colour {
            red,
            green,
            blue,
            alpha,
        } = colour;
        [red, green, blue, alpha]
    });
    Ok(Variant {
        trim: inside(&picture, border, tolerance, even),
        ..without
    })
}

/// The smallest part that holds every pixel unlike the border; where sides are to be even, the
/// wider border loses no more than the narrower one.
fn inside(picture: &Picture, border: [u8; 4], tolerance: u8, even: (bool, bool)) -> Option<Trim> {
    let differs = |pixel: &[u8]| {
        let both = pixel.iter().zip(border);
        both.clone()
            .any(|(ours, theirs)| ours.abs_diff(theirs) > tolerance)
    };
    let (mut left, mut right) = (picture.width, 0);
    let (mut top, mut bottom) = (None, 0);
    for (y, row) in picture.rows().enumerate() {
        let mut columns = row.chunks_exact(4).enumerate();
        let Some((first, _)) = columns.find(|(_, pixel)| differs(pixel)) else {
            continue;
        };
        let last = columns.rfind(|(_, pixel)| differs(pixel));
        let last = last.map_or(first, |(last, _)| last);
        left = left.min(first);
        right = right.max(last + 1);
        top.get_or_insert(y);
        bottom = y + 1;
    }
    let pixels = |length: usize| u32::try_from(length).ok();
    let mut top = top?;
    if even.0 {
        left = left.min(picture.width - right);
        right = picture.width - left;
    }
    if even.1 {
        top = top.min(picture.height - bottom);
        bottom = picture.height - top;
    }
    Some(Trim::Area {
        left: pixels(left)?,
        top: pixels(top)?,
        width: Some(pixels(right - left)?),
        height: Some(pixels(bottom - top)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Channels;

    /// A frame of 10s, two wide at the left and one elsewhere, around 200s.
    fn framed() -> Picture {
        let mut data = Vec::new();
        for y in 0..6 {
            for x in 0..8 {
                let within = (2..7).contains(&x) && (1..5).contains(&y);
                let value = if within { 200 } else { 10 + (x % 2) as u8 };
                data.extend_from_slice(&[value, value, value, 255]);
            }
        }
        Picture::new(8, 6, Channels::Rgba, data).unwrap()
    }

    #[test]
    fn the_border_is_what_is_like_the_corner() {
        let area = |left, top, width, height| {
            Some(Trim::Area {
                left,
                top,
                width: Some(width),
                height: Some(height),
            })
        };
        let corner = [10, 10, 10, 255];
        assert_eq!(
            inside(&framed(), corner, 1, (false, false)),
            area(2, 1, 5, 4)
        );
        assert_eq!(
            inside(&framed(), corner, 0, (false, false)),
            area(1, 0, 7, 6)
        );
        assert_eq!(
            inside(&framed(), corner, 255, (false, false)),
            None,
            "nothing would be left"
        );
        let even = |across, down| inside(&framed(), corner, 1, (across, down));
        assert_eq!(even(true, false), area(1, 1, 6, 4));
        assert_eq!(even(false, true), area(2, 1, 5, 4));
    }
}
