//! Files as a camera or an ordinary content management system makes them.

use jpeg::{EncodeOptions, Subsampling, Tables};

use crate::photo::Picture;

/// A baseline JPEG of the picture: one scan, 4:2:0, standard tables.
///
/// `quality` is 1–100, taken to the nearest of these. A picture without pixels, or with a side
/// over 65,535, gives no bytes: JPEG cannot hold it.
pub fn baseline_jpeg(picture: &Picture, quality: u8) -> Vec<u8> {
    let options = EncodeOptions {
        quality: quality.clamp(1, 100),
        progressive: false,
        tables: Tables::AnnexK,
        ..EncodeOptions::default()
    };
    let (width, height) = (picture.width as usize, picture.height as usize);
    jpeg::rgb_to_planes(&picture.pixels, width, height, Subsampling::Quarter)
        .and_then(|planes| jpeg::encode(&planes, &options))
        .map(|encoded| encoded.bytes)
        .unwrap_or_default()
}

/// A PNG of RGBA pixels, 8 bits a channel; no bytes if `pixels` does not fit the sides.
pub fn png_with_alpha(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(pixels));
    if written.is_err() {
        bytes.clear();
    }
    bytes
}
