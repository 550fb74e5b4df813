//! Finding what surrounds a picture in one colour.

use crate::decode::decode;
use crate::picture::Picture;
use crate::{Colour, Format, ImageError, Limits, Trim, Variant, orient, probe};

/// The variant with the area inside the border in the border's place. A picture that is all border,
/// or of a kind that is not read, keeps everything.
///
/// Costs decoding the source at full size.
///
/// # Errors
/// As for [`probe()`](crate::probe()) and decoding.
pub(crate) fn found(
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
    }) = variant.trim
    else {
        return Ok(without);
    };
    let probe = match probe(source, limits) {
        Ok(probe) => probe,
        Err(ImageError::Unsupported { .. }) => return Ok(without),
        Err(error) => return Err(error),
    };
    if probe.animated && !variant.first_frame && probe.format != Format::Jpeg {
        return Ok(without);
    }
    let stored = decode(source, &probe, None, limits, cancel)?.picture;
    let picture = orient::apply(stored.into_rgba(), probe.orientation);
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
        trim: inside(&picture, border, tolerance),
        ..without
    })
}

/// The smallest part that holds every pixel unlike the border.
fn inside(picture: &Picture, border: [u8; 4], tolerance: u8) -> Option<Trim> {
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
    let top = top?;
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
        assert_eq!(inside(&framed(), corner, 1), area(2, 1, 5, 4));
        assert_eq!(inside(&framed(), corner, 0), area(1, 0, 7, 6));
        assert_eq!(
            inside(&framed(), corner, 255),
            None,
            "nothing would be left"
        );
    }
}
