//! Colour profiles: whatever a file says, pixels end up in sRGB or grey.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ParsingOptions, Transform8BitExecutor, TransformOptions,
};

use crate::ImageError;
use crate::picture::{Channels, Picture};

/// Largest colour profile that is read, in bytes; larger ones count as absent.
const MAX_PROFILE: usize = 4 << 20;
/// Largest difference of a channel that passes for none: profiles that call themselves sRGB differ
/// by rounding.
const UNSEEN: u8 = 2;
/// Pixels between two questions whether the work is still wanted.
const PIXELS_BETWEEN: usize = 1 << 16;

type Converter = Arc<Transform8BitExecutor>;

/// Converts a picture to sRGB by its profile. A profile that is absent, unreadable or of another
/// colour space counts as sRGB; one that differs from sRGB by nothing one sees is dropped.
pub(crate) fn to_srgb(
    mut picture: Picture,
    icc: Option<&[u8]>,
    cancel: &dyn Fn() -> bool,
) -> Result<Picture, ImageError> {
    let Some(icc) = icc else {
        return Ok(picture);
    };
    match picture.channels {
        Channels::Grey => {
            if let Some(table) = guarded(|| grey_table(icc)) {
                for value in &mut picture.data {
                    *value = table[usize::from(*value)];
                }
            }
        }
        Channels::Rgb => {
            if let Some(converter) = guarded(|| rgb_converter(icc, Layout::Rgb)) {
                convert(&*converter, &mut picture.data, 3, cancel)?;
            }
        }
        Channels::Rgba => {
            if let Some(converter) = guarded(|| rgb_converter(icc, Layout::Rgba)) {
                convert(&*converter, &mut picture.data, 4, cancel)?;
            }
        }
    }
    Ok(picture)
}

/// Whether RGB pixels with this profile are shown as they are.
pub(crate) fn passes_for_srgb(icc: &[u8]) -> bool {
    guarded(|| rgb_converter(icc, Layout::Rgb)).is_none()
}

/// Converts ink (0 none, 255 full) to sRGB by its profile, or by plain subtraction without one.
pub(crate) fn cmyk_to_rgb(
    data: &[u8],
    width: usize,
    icc: Option<&[u8]>,
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<u8>, ImageError> {
    let converter = icc.and_then(|icc| guarded(|| cmyk_converter(icc)));
    let mut rgb = vec![0; data.len() / 4 * 3];
    let rows = data.chunks(width.max(1) * 4);
    for (inks, pixels) in rows.zip(rgb.chunks_mut(width.max(1) * 3)) {
        if cancel() {
            return Err(ImageError::Cancelled);
        }
        let converted = converter
            .as_ref()
            .is_some_and(|converter| guarded(|| converter.transform(inks, pixels).ok()).is_some());
        if !converted {
            subtract(inks, pixels);
        }
    }
    Ok(rgb)
}

fn subtract(inks: &[u8], pixels: &mut [u8]) {
    for (ink, pixel) in inks.chunks_exact(4).zip(pixels.chunks_exact_mut(3)) {
        let white = 255 - u16::from(ink[3]);
        for (channel, ink) in pixel.iter_mut().zip(ink) {
            *channel = ((255 - u16::from(*ink)) * white / 255) as u8;
        }
    }
}

/// Profiles are outside bytes: code that panics on one has met a profile it did not expect.
fn guarded<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}

fn read(icc: &[u8], space: DataColorSpace) -> Option<ColorProfile> {
    if icc.len() > MAX_PROFILE {
        return None;
    }
    let options = ParsingOptions {
        max_profile_size: MAX_PROFILE,
        ..ParsingOptions::default()
    };
    let profile = ColorProfile::new_from_slice_with_options(icc, options).ok()?;
    (profile.color_space == space).then_some(profile)
}

/// The converter; `None` also if it would change nothing one sees.
fn rgb_converter(icc: &[u8], layout: Layout) -> Option<Converter> {
    let profile = read(icc, DataColorSpace::Rgb)?;
    let options = TransformOptions::default();
    let srgb = ColorProfile::new_srgb();
    let probe = profile
        .create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, options)
        .ok()?;
    if changes_nothing(&*probe)? {
        return None;
    }
    if layout == Layout::Rgb {
        return Some(probe);
    }
    profile
        .create_transform_8bit(layout, &srgb, layout, options)
        .ok()
}

fn changes_nothing(converter: &Transform8BitExecutor) -> Option<bool> {
    let steps = [0_u8, 64, 128, 192, 255];
    let grid: Vec<u8> = steps
        .into_iter()
        .flat_map(|red| steps.map(|green| (red, green)))
        .flat_map(|(red, green)| steps.map(|blue| [red, green, blue]))
        .flatten()
        .collect();
    let mut converted = vec![0; grid.len()];
    converter.transform(&grid, &mut converted).ok()?;
    let mut pairs = grid.iter().zip(&converted);
    Some(pairs.all(|(before, after)| before.abs_diff(*after) <= UNSEEN))
}

/// What becomes of each grey value.
fn grey_table(icc: &[u8]) -> Option<[u8; 256]> {
    let profile = read(icc, DataColorSpace::Gray)?;
    let converter = profile
        .create_transform_8bit(
            Layout::Gray,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
        .ok()?;
    let values: Vec<u8> = (0..=255).collect();
    let mut converted = vec![0; 3 * 256];
    converter.transform(&values, &mut converted).ok()?;
    let mut table = [0; 256];
    for (entry, pixel) in table.iter_mut().zip(converted.chunks_exact(3)) {
        *entry = pixel[1];
    }
    Some(table)
}

fn cmyk_converter(icc: &[u8]) -> Option<Converter> {
    read(icc, DataColorSpace::Cmyk)?
        .create_transform_8bit(
            Layout::Rgba,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
        .ok()
}

/// Converts in place, in stretches short enough to be called off between them.
fn convert(
    converter: &Transform8BitExecutor,
    data: &mut [u8],
    channels: usize,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let mut buffer = vec![0; PIXELS_BETWEEN * channels];
    for stretch in data.chunks_mut(PIXELS_BETWEEN * channels) {
        if cancel() {
            return Err(ImageError::Cancelled);
        }
        let target = &mut buffer[..stretch.len()];
        if guarded(|| converter.transform(stretch, target).ok()).is_some() {
            stretch.copy_from_slice(target);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
