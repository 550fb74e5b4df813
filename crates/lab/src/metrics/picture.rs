//! A decoded frame.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Longest side of a frame that is decoded, pixels.
const MAX_SIDE: usize = 8192;

/// A frame as pixels: rows from the top, each pixel red, green, blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// Takes pixels as they are; what lacks at the end is white.
    pub fn new(width: usize, height: usize, mut rgb: Vec<u8>) -> Self {
        rgb.resize(width * height * 3, 255);
        Self { width, height, rgb }
    }

    /// A white page.
    pub fn white(width: usize, height: usize) -> Self {
        Self::new(width, height, Vec::new())
    }

    /// Reads a JPEG file of at most 8192 pixels a side.
    ///
    /// # Errors
    /// What is wrong with the file, in the decoder's words.
    pub fn decode(jpeg: &[u8]) -> Result<Self, String> {
        let options = DecoderOptions::default()
            .set_max_width(MAX_SIDE)
            .set_max_height(MAX_SIDE)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let rgb = decoder.decode().map_err(|error| error.to_string())?;
        let info = decoder.info().ok_or("a file without a header")?;
        Ok(Self::new(info.width.into(), info.height.into(), rgb))
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The pixels, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = [u8; 3]> + '_ {
        self.rgb.as_chunks::<3>().0.iter().copied()
    }

    /// The pixels of a row from `left` on, at most `width` of them; none outside the picture.
    pub fn row(&self, y: usize, left: usize, width: usize) -> &[[u8; 3]] {
        let right = (left + width).min(self.width);
        if y >= self.height || left >= right {
            return &[];
        }
        let (start, end) = (y * self.width + left, y * self.width + right);
        &self.rgb.as_chunks::<3>().0[start..end]
    }
}

/// Brightness of a pixel, 0–255 (ITU-R BT.709, on the values as they are).
pub fn luma([red, green, blue]: [u8; 3]) -> f32 {
    0.212_655 * f32::from(red) + 0.715_158 * f32::from(green) + 0.072_187 * f32::from(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_ends_where_the_picture_does() {
        let picture = Picture::new(3, 2, (0..18).collect());
        assert_eq!(picture.row(1, 1, 9), [[12, 13, 14], [15, 16, 17]]);
        assert_eq!(picture.row(0, 0, 1), [[0, 1, 2]]);
        assert!(picture.row(2, 0, 1).is_empty());
        assert!(picture.row(0, 3, 1).is_empty());
    }

    #[test]
    fn white_is_as_bright_as_can_be() {
        assert!((luma([255; 3]) - 255.0).abs() < 0.01);
        assert_eq!(luma([0; 3]), 0.0);
    }

    #[test]
    fn what_is_no_jpeg_is_refused() {
        assert!(Picture::decode(b"").is_err());
        assert!(Picture::decode(b"\xff\xd8\xff\xd9").is_err());
        assert!(Picture::decode(b"not a picture at all").is_err());
    }
}
