//! Decoding at full size, by `zune-jpeg`. What it is given has passed the limits and is known to
//! be one picture of 8 bits with Huffman codes.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::{JpegError, Pixels, ScanMap};

/// The pixels of a mapped file.
///
/// # Errors
/// [`JpegError::Corrupt`] and [`JpegError::Unsupported`].
pub(crate) fn pixels(bytes: &[u8], map: &ScanMap) -> Result<Pixels, JpegError> {
    let (colour, depth) = match map.components.len() {
        1 => (ColorSpace::Luma, 1),
        3 => (ColorSpace::RGB, 3),
        4 if map.adobe == Some(2) => (ColorSpace::YCCK, 4),
        4 => (ColorSpace::CMYK, 4),
        _ => {
            return Err(JpegError::Unsupported {
                what: "a frame of two components",
            });
        }
    };
    let options = DecoderOptions::default()
        .set_max_width(map.width as usize)
        .set_max_height(map.height as usize)
        .jpeg_set_max_scans(map.scans.len())
        .jpeg_set_out_colorspace(colour);
    let picture = bytes.get(..map.length).unwrap_or(bytes);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
    let data = decoder
        .decode()
        .map_err(|error| JpegError::Corrupt(format!("{error:?}")))?;
    if data.len() != map.width as usize * map.height as usize * depth {
        return Err(JpegError::Corrupt(
            "the decoder gave fewer pixels than stated".into(),
        ));
    }
    Ok(match depth {
        1 => Pixels::Gray8(data),
        3 => Pixels::Rgb8(data),
        _ => Pixels::Cmyk8(ink(data, map.adobe)),
    })
}

/// Turns four stored components into ink. Adobe's files store what is left of white.
fn ink(mut data: Vec<u8>, adobe: Option<u8>) -> Vec<u8> {
    if adobe == Some(2) {
        data.chunks_exact_mut(4).for_each(from_ycck);
    }
    if adobe.is_some() {
        data.iter_mut().for_each(|value| *value = 255 - *value);
    }
    data
}

/// YCCK to CMYK: the first three as YCbCr (BT.601), black as it is.
fn from_ycck(pixel: &mut [u8]) {
    let [y, cb, cr, _] = pixel else { return };
    let luma = (i32::from(*y) << 16) + (1 << 15);
    let (blue, red) = (i32::from(*cb) - 128, i32::from(*cr) - 128);
    let clamped = |value: i32| (value >> 16).clamp(0, 255) as u8;
    *y = clamped(luma + 91_881 * red);
    *cb = clamped(luma - 22_554 * blue - 46_802 * red);
    *cr = clamped(luma + 116_130 * blue);
}
