//! Photographs for tests: computed, so that none is stored.

pub use gallery::{Picture, Scene, baseline_jpeg, photograph};

use jpeg::{EncodeOptions, Encoded, JpegError, Subsampling};

/// A progressive file of a photograph with the offsets of its scans.
///
/// # Errors
/// [`JpegError::InvalidInput`] for a side of 0 or over 65,535 or a quality outside 1–100.
pub fn progressive_jpeg(picture: &Picture, quality: u8) -> Result<Encoded, JpegError> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let planes = jpeg::rgb_to_planes(&picture.pixels, width, height, Subsampling::Quarter)?;
    let options = EncodeOptions {
        quality,
        ..EncodeOptions::default()
    };
    jpeg::encode(&planes, &options)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_photograph_becomes_a_file_of_several_scans() {
        let picture = super::photograph(super::Scene::Lake, 320, 214, 1);
        let encoded = super::progressive_jpeg(&picture, 80).unwrap();
        assert!(encoded.scans.len() > 2 && encoded.header_end < encoded.bytes.len());
    }
}
