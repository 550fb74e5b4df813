//! What may be read and made, checked before anything is allocated.

use avif::Outside;

use crate::{Decoders, Format, ImageError};

/// The limits of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest source file, in bytes.
    pub max_bytes: u64,
    /// Largest source area, in pixels.
    pub max_pixels: u64,
    /// Longest side of a source, in pixels.
    pub max_side: u32,
    /// Longest side of a result, in pixels.
    pub max_output_side: u32,
    /// Largest area of a result, in pixels.
    pub max_output_pixels: u64,
    /// Most scans of a progressive JPEG; each one costs a pass over the picture.
    pub max_scans: usize,
    /// Most frames of an animation that is made again.
    pub max_frames: usize,
    /// Most pixels of all its frames, in the source or in the result, whichever is larger.
    pub max_animation_pixels: u64,
    /// Largest area of an AVIF that is made, in pixels.
    pub max_avif_pixels: u64,
    /// The same while somebody waits.
    pub max_avif_pixels_at_once: u64,
    /// The program of the host that makes AVIF; `None`: the encoder that is built in does.
    pub avif_program: Option<Outside>,
    /// Who decodes what is not decoded here.
    pub decoders: Decoders,
}

/// How many times the pixels a program makes into an AVIF in the time of the encoder that is built
/// in.
const PROGRAM_IS_FASTER: u64 = 8;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 100 << 20,
            max_pixels: 100_000_000,
            max_side: 32_768,
            max_output_side: 12_000,
            max_output_pixels: 50_000_000,
            max_scans: 100,
            max_frames: 1000,
            max_animation_pixels: 50_000_000,
            max_avif_pixels: 2_000_000,
            max_avif_pixels_at_once: 300_000,
            avif_program: None,
            decoders: Decoders::NONE,
        }
    }
}

impl Limits {
    /// Largest area of an AVIF that a program makes while somebody waits, in pixels; 0 without one.
    pub(crate) fn avif_pixels_at_once_by_program(&self) -> u64 {
        let pixels = self
            .max_avif_pixels_at_once
            .saturating_mul(PROGRAM_IS_FASTER);
        match self.avif_program {
            Some(_) => pixels.min(self.max_avif_pixels),
            None => 0,
        }
    }

    /// Largest area of an AVIF that is made while somebody waits, in pixels.
    pub(crate) fn avif_pixels_at_once(&self) -> u64 {
        let program = self.avif_pixels_at_once_by_program();
        program.max(self.max_avif_pixels_at_once)
    }

    /// Checks the size of a source file.
    ///
    /// # Errors
    /// [`ImageError::SourceBytes`] if it is over the limit.
    pub fn check_bytes(&self, bytes: u64) -> Result<(), ImageError> {
        if bytes > self.max_bytes {
            return Err(ImageError::SourceBytes {
                bytes,
                limit: self.max_bytes,
            });
        }
        Ok(())
    }

    /// Checks the dimensions a source's header declares.
    ///
    /// # Errors
    /// [`ImageError::Damaged`] if a side is 0, [`ImageError::SourcePixels`] if a side or the area
    /// is over its limit.
    pub fn check_source(&self, format: Format, width: u32, height: u32) -> Result<(), ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::damaged(format, "a side is 0 pixels long"));
        }
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > self.max_side || pixels > self.max_pixels {
            return Err(ImageError::SourcePixels {
                width,
                height,
                max_side: self.max_side,
                max_pixels: self.max_pixels,
            });
        }
        Ok(())
    }

    /// Checks the dimensions of a result.
    ///
    /// # Errors
    /// [`ImageError::OutputPixels`] if a side or the area is over its limit.
    pub fn check_output(&self, width: u32, height: u32) -> Result<(), ImageError> {
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > self.max_output_side || pixels > self.max_output_pixels {
            return Err(ImageError::OutputPixels {
                width,
                height,
                max_side: self.max_output_side,
                max_pixels: self.max_output_pixels,
            });
        }
        Ok(())
    }
}
