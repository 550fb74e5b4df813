//! From JPEG to JPEG or WebP without RGB in between: planes of brightness and colour are decoded,
//! resized, turned and encoded each on its own. Colour is half as wide and high, so this is half the
//! work, and colour that is not resized is not resampled either.

use jpeg::{DecodeOptions, JpegError, Plane, Planes};

use crate::encode::jpeg::{FULL_COLOUR_QUALITY, encode_planes};
use crate::encode::{FEW_BYTES, Made, PHOTOGRAPH, surely_jpeg, surely_webp, webp};
use crate::geometry::{Layout, Rectangle};
use crate::outline::jpeg_limits;
use crate::picture::Picture;
use crate::render::{Job, sides};
use crate::{Format, Gravity, ImageError, Output, colour, orient, resize};

/// What the planes become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Jpeg { progressive: bool },
    WebP,
}

/// Makes the variant; `None` if that takes RGB: for effects, padding, another profile, another
/// format, or a source whose planes are no YCbCr.
pub(crate) fn make(job: &Job<'_>) -> Result<Option<Made>, ImageError> {
    let Some(aim) = applies(job) else {
        return Ok(None);
    };
    let quality = job.variant.quality.value();
    let full_colour = aim != Aim::WebP && quality >= FULL_COLOUR_QUALITY;
    let options = DecodeOptions {
        limits: jpeg_limits(job.limits),
        min_size: job.wanted_size().unwrap_or((0, 0)),
        coarse: true,
        subsampled: !full_colour,
        cancel: job.cancel,
        ..DecodeOptions::default()
    };
    let planes = match jpeg::decode_planes(job.source, &options) {
        Ok(planes) => planes,
        Err(JpegError::Cancelled) => return Err(ImageError::Cancelled),
        Err(JpegError::Unsupported { .. }) => return Ok(None),
        Err(error) => return Err(ImageError::damaged(Format::Jpeg, error)),
    };
    job.go_on()?;
    let planes = place(planes, full_colour, job)?;
    job.go_on()?;
    let (made, because) = match aim {
        Aim::Jpeg { progressive } => (to_jpeg(&planes, progressive, job)?, PHOTOGRAPH),
        Aim::WebP => (
            webp::encode_planes(planes, &job.goal(true, None))?,
            FEW_BYTES,
        ),
    };
    Ok(Some(match job.variant.output {
        Output::Auto { .. } => made.because(because),
        _ => made,
    }))
}

fn to_jpeg(planes: &Planes, progressive: bool, job: &Job<'_>) -> Result<Made, ImageError> {
    let exif = job
        .jpeg_map()
        .and_then(|map| job.exif(map.exif(job.source)?));
    let quality = job.variant.quality_for(Format::Jpeg).value();
    encode_planes(planes, quality, progressive, exif.as_deref())
}

/// Whether this way can be taken, and if so, where to.
fn applies(job: &Job<'_>) -> Option<Aim> {
    let Layout {
        turned,
        window,
        inner,
        canvas,
        ..
    } = job.layout;
    // A window between colour samples moves colour against brightness, which shrinking hides.
    let whole = window == turned;
    let shrunk = inner.0 <= window.0 / 2 && inner.1 <= window.1 / 2;
    let placed = !matches!(job.variant.gravity, Gravity::Salient | Gravity::Face);
    let plain = !job.variant.alters_pixels()
        && job.layout.untrimmed
        && canvas == inner
        && (whole || (shrunk && placed));
    let map = job.jpeg_map().filter(|_| plain)?;
    let icc = map.icc(job.source);
    let grey = map.components.len() == 1;
    if icc.is_some_and(|icc| grey || !colour::passes_for_srgb(&icc)) {
        return None;
    }
    match surely_jpeg(job.variant, canvas.0, canvas.1) {
        Some(progressive) => Some(Aim::Jpeg { progressive }),
        None => surely_webp(job.variant, canvas).then_some(Aim::WebP),
    }
}

/// Crops, resizes and turns each plane; colour keeps the resolution of brightness if it may, and
/// the source has it.
fn place(planes: Planes, full_colour: bool, job: &Job<'_>) -> Result<Planes, ImageError> {
    let turns = job.probe.orientation.then(job.layout.turn);
    let (left, top) = job.point_offset();
    let window = Rectangle {
        left,
        top,
        width: job.layout.window.0,
        height: job.layout.window.1,
    };
    let window = orient::undo(window, job.layout.turned, turns);
    let full = sides(job.layout.turned, turns);
    let inner = sides(job.layout.inner, turns);
    let full_colour = full_colour && has_full_colour(&planes);
    let components = planes
        .components
        .into_iter()
        .enumerate()
        .map(|(place, plane)| {
            let halved = place > 0 && !full_colour;
            let size = if halved {
                (inner.0.div_ceil(2), inner.1.div_ceil(2))
            } else {
                inner
            };
            let picture = Picture::from_plane(plane.width, plane.height, plane.stride, plane.data)
                .ok_or_else(|| ImageError::damaged(Format::Jpeg, "a plane is too short"))?;
            let scaled = resize::part_to_size(picture, full, window, size)?;
            let factor = if place == 0 && !full_colour { 2 } else { 1 };
            Ok(wrap(orient::apply(scaled, turns), factor))
        });
    let mut components = components.collect::<Result<Vec<_>, ImageError>>()?;
    if let [grey] = components.as_mut_slice() {
        (grey.horizontal, grey.vertical) = (1, 1);
    }
    Ok(Planes {
        width: job.layout.inner.0 as usize,
        height: job.layout.inner.1 as usize,
        components,
    })
}

fn wrap(picture: Picture, factor: u8) -> Plane {
    Plane {
        width: picture.width,
        height: picture.height,
        stride: picture.width,
        horizontal: factor,
        vertical: factor,
        data: picture.data,
    }
}

/// Whether colour has the resolution of brightness.
fn has_full_colour(planes: &Planes) -> bool {
    let [luma, colour, ..] = planes.components.as_slice() else {
        return true;
    };
    colour.width == luma.width && colour.height == luma.height
}
