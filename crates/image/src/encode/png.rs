//! PNG: with a palette where 256 colours are enough, grey where there is no colour.

use std::collections::HashMap;

use ::png::{BitDepth, ColorType, Compression, Encoder, Filter};

use super::{Goal, Made};
use crate::census::PALETTE;
use crate::outline::of_made;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError};

/// Pictures of more pixels are compressed quickly: the best compression would take seconds.
const LARGE_PIXELS: usize = 4_000_000;

pub(super) fn encode(picture: &Picture, goal: &Goal<'_>) -> Result<Made, ImageError> {
    let large = picture.width * picture.height > LARGE_PIXELS;
    let compression = if goal.variant.fast || large {
        Compression::Fast
    } else {
        Compression::Balanced
    };
    let indexed = Indexed::new(picture);
    let bytes = match &indexed {
        Some(indexed) => indexed.write(picture, compression),
        None => write(picture, compression),
    };
    let bytes = bytes.map_err(|error| ImageError::encode(Format::Png, error))?;
    if (goal.cancel)() {
        return Err(ImageError::Cancelled);
    }
    Ok(Made {
        outline: of_made(Format::Png, &bytes),
        bytes,
        format: Format::Png,
        exact: false,
        found: None,
        shown: None,
        notes: Vec::new(),
    })
}

fn write(picture: &Picture, compression: Compression) -> Result<Vec<u8>, ::png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, picture.width as u32, picture.height as u32);
    encoder.set_color(match picture.channels {
        Channels::Grey => ColorType::Grayscale,
        Channels::Rgb => ColorType::Rgb,
        Channels::Rgba => ColorType::Rgba,
    });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(compression);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.data)?;
    writer.finish()?;
    Ok(bytes)
}

/// A picture as places in a palette.
struct Indexed {
    /// Three bytes a colour.
    palette: Vec<u8>,
    /// Alpha of the first colours; the rest is opaque.
    alpha: Vec<u8>,
    /// One byte a pixel.
    places: Vec<u8>,
}

impl Indexed {
    /// `None` if a palette does not hold the colours, or would save nothing over grey.
    fn new(picture: &Picture) -> Option<Self> {
        if picture.channels == Channels::Grey {
            return None;
        }
        let depth = picture.channels.count();
        let colour = |pixel: &[u8]| {
            let alpha = pixel.get(3).copied().unwrap_or(255);
            // Colours that cannot be seen are all the same.
            if alpha == 0 {
                [0; 4]
            } else {
                [alpha, pixel[0], pixel[1], pixel[2]]
            }
        };
        let mut seen: HashMap<[u8; 4], u8> = HashMap::new();
        let mut previous = None;
        for pixel in picture.data.chunks_exact(depth) {
            if previous == Some(pixel) {
                continue;
            }
            previous = Some(pixel);
            seen.insert(colour(pixel), 0);
            if seen.len() > PALETTE {
                return None;
            }
        }
        // Transparent colours first, so that few alpha values need to be listed.
        let mut colours: Vec<[u8; 4]> = seen.keys().copied().collect();
        colours.sort_unstable();
        for (place, colour) in (0..=255).zip(&colours) {
            seen.insert(*colour, place);
        }
        let mut last: (Option<&[u8]>, u8) = (None, 0);
        let places = picture.data.chunks_exact(depth).map(|pixel| {
            if last.0 != Some(pixel) {
                let place = seen.get(&colour(pixel)).copied();
                last = (Some(pixel), place.unwrap_or_default());
            }
            last.1
        });
        let places = places.collect();
        Some(Self {
            palette: colours
                .iter()
                .flat_map(|colour| [colour[1], colour[2], colour[3]])
                .collect(),
            alpha: colours
                .iter()
                .map(|colour| colour[0])
                .filter(|alpha| *alpha < 255)
                .collect(),
            places,
        })
    }

    fn depth(&self) -> BitDepth {
        match self.palette.len() / 3 {
            0..=2 => BitDepth::One,
            3..=4 => BitDepth::Two,
            5..=16 => BitDepth::Four,
            _ => BitDepth::Eight,
        }
    }

    fn write(
        &self,
        picture: &Picture,
        compression: Compression,
    ) -> Result<Vec<u8>, ::png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, picture.width as u32, picture.height as u32);
        let depth = self.depth();
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(depth);
        encoder.set_palette(&self.palette);
        if !self.alpha.is_empty() {
            encoder.set_trns(&self.alpha);
        }
        encoder.set_compression(compression);
        // Neighbouring places in a palette mean nothing to each other (PNG 3rd edition §12.7).
        encoder.set_filter(Filter::NoFilter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pack(&self.places, picture.width, depth as usize))?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// Packs places of `depth` bits, each row starting on a byte (PNG 3rd edition §7.2).
fn pack(places: &[u8], width: usize, depth: usize) -> Vec<u8> {
    if depth == 8 {
        return places.to_vec();
    }
    let in_byte = 8 / depth;
    let rows = places.chunks_exact(width);
    rows.flat_map(|row| row.chunks(in_byte))
        .map(|few| {
            let shifts = (0..in_byte).map(|place| 8 - depth * (place + 1));
            few.iter()
                .zip(shifts)
                .fold(0, |byte, (place, shift)| byte | (place << shift))
        })
        .collect()
}
