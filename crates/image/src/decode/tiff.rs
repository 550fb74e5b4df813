//! TIFF: the first picture of a file, of grey or RGB with 8 or 16 bits, as it is or packed by LZW,
//! Deflate or PackBits. Others are passed on.

use std::io::Cursor;

use ::tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};
use ::tiff::tags::Tag;
use ::tiff::{ColorType, TiffError};

use super::{Parts, spread_grey};
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits, Orientation, Probe, colour};

/// Most bytes of what the directory holds in one place: offsets of strips, a colour profile.
const MOST_IN_AN_ENTRY: usize = 4 << 20;
/// Bytes of a pixel at most: four channels of 16 bits.
const DEEPEST: u64 = 8;
/// `ExtraSamples`: colours are multiplied by alpha already (TIFF 6.0, section 18).
const ASSOCIATED: u32 = 1;

type Open<'a> = Decoder<Cursor<&'a [u8]>>;

/// Reads the directory of the first picture.
pub(crate) fn probe(source: &[u8], limits: &Limits) -> Result<Probe, ImageError> {
    super::guard(Format::Tiff, || {
        let mut decoder = open(source, limits)?;
        let (width, height) = decoder.dimensions().map_err(damaged)?;
        let turned = decoder.find_tag_unsigned::<u16>(Tag::Orientation);
        let turned = turned.map_err(damaged)?.unwrap_or(1);
        let colours = decoder.colortype().map_err(damaged)?;
        Ok(Probe {
            format: Format::Tiff,
            width,
            height,
            orientation: Orientation::from_exif(turned),
            has_alpha: matches!(colours, ColorType::GrayA(_) | ColorType::RGBA(_)),
            animated: false,
        })
    })
}

pub(super) fn decode(
    source: &[u8],
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Parts, ImageError> {
    let mut decoder = open(source, limits)?;
    let (width, height) = decoder.dimensions().map_err(damaged)?;
    limits.check_source(Format::Tiff, width, height)?;
    let unsupported = ImageError::Unsupported {
        format: Format::Tiff,
    };
    let samples = match decoder.colortype().map_err(damaged)? {
        ColorType::Gray(8 | 16) => 1,
        ColorType::GrayA(8 | 16) => 2,
        ColorType::RGB(8 | 16) => 3,
        ColorType::RGBA(8 | 16) => 4,
        _ => return Err(unsupported),
    };
    let order = decoder.find_tag_unsigned::<u16>(Tag::FillOrder);
    if order.map_err(damaged)?.is_some_and(|order| order != 1) {
        // Bits from the other end; the decoder takes no notice.
        return Err(unsupported);
    }
    let extra = decoder
        .find_tag_unsigned_vec::<u32>(Tag::ExtraSamples)
        .map_err(damaged)?;
    if extra.is_some_and(|extra| extra.contains(&ASSOCIATED)) {
        return Err(unsupported);
    }
    let profile = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
    let data = match decoder.read_image().map_err(damaged)? {
        DecodingResult::U8(data) => data,
        DecodingResult::U16(data) => data.into_iter().map(|value| (value >> 8) as u8).collect(),
        _ => return Err(unsupported),
    };
    if cancel() {
        return Err(ImageError::Cancelled);
    }
    let (channels, data) = match samples {
        1 => (Channels::Grey, data),
        2 => (Channels::Rgba, spread_grey(&data)),
        3 => (Channels::Rgb, data),
        _ => (Channels::Rgba, data),
    };
    let picture = Picture::new(width as usize, height as usize, channels, data)
        .ok_or_else(|| ImageError::damaged(Format::Tiff, "too few pixels"))?;
    let picture = colour::to_srgb(picture, profile.as_deref(), cancel)?;
    Ok((picture.without_idle_alpha(), None))
}

fn open<'a>(source: &'a [u8], limits: &Limits) -> Result<Open<'a>, ImageError> {
    let most = limits.max_pixels.saturating_mul(DEEPEST);
    let mut bounds = TiffLimits::default();
    bounds.ifd_value_size = MOST_IN_AN_ENTRY;
    bounds.decoding_buffer_size = usize::try_from(most).unwrap_or(usize::MAX);
    let decoder = Decoder::new(Cursor::new(source)).map_err(damaged)?;
    Ok(decoder.with_limits(bounds))
}

fn damaged(error: TiffError) -> ImageError {
    match error {
        TiffError::UnsupportedError(_) => ImageError::Unsupported {
            format: Format::Tiff,
        },
        error => ImageError::damaged(Format::Tiff, error),
    }
}
