//! JPEG.

use ::jpeg::{DecodeOptions, JpegError, Pixels};

use super::Parts;
use crate::outline::jpeg_limits;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Limits, colour};

pub(super) fn decode(
    source: &[u8],
    wanted: Option<(u32, u32)>,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Parts, ImageError> {
    let options = DecodeOptions {
        limits: jpeg_limits(limits),
        lenient: false,
        min_size: wanted.unwrap_or((0, 0)),
        subsampled: false,
        coarse: true,
        cancel,
    };
    let decoded = ::jpeg::decode(source, &options).map_err(|error| match error {
        JpegError::Cancelled => ImageError::Cancelled,
        error => ImageError::damaged(Format::Jpeg, error),
    })?;
    let (width, height) = (decoded.width as usize, decoded.height as usize);
    let picture = |channels, data| {
        Picture::new(width, height, channels, data)
            .ok_or_else(|| ImageError::damaged(Format::Jpeg, "too few pixels"))
    };
    let icc = decoded.icc.as_deref();
    let picture = match decoded.pixels {
        Pixels::Gray8(data) => colour::to_srgb(picture(Channels::Grey, data)?, icc, cancel)?,
        Pixels::Rgb8(data) => colour::to_srgb(picture(Channels::Rgb, data)?, icc, cancel)?,
        Pixels::Cmyk8(data) => picture(
            Channels::Rgb,
            colour::cmyk_to_rgb(&data, width, icc, cancel)?,
        )?,
    };
    Ok((picture, decoded.exif))
}
