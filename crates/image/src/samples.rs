//! Pictures for tests, made on the spot.

use std::io::Cursor;

use crate::picture::{Channels, Picture};
use crate::webp_encode::{self, WebPOptions};
use crate::{
    Limits, Original, Outcome, PolicySettings, Rendered, Signals, Transform, Variant, choose,
    render,
};
use ::tiff::encoder::colortype::ColorType;
use ::tiff::encoder::{Compression, TiffEncoder, TiffValue};
use ::tiff::tags::Tag;

/// Something like a photograph: smooth light, soft shapes, grain.
pub(crate) fn photograph(width: usize, height: usize) -> Picture {
    let mut state = 0x2545_F491_u32;
    let mut data = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let grain = (state % 17) as f32 - 8.0;
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let hill = ((u * 9.0).sin() * 0.15 + 0.55 - v).signum() * 30.0;
            let light = 110.0 + 60.0 * (u * 3.0 + v * 2.0).sin() + hill + grain;
            for tint in [1.0, 0.9, 0.7 + 0.5 * v] {
                data.push((light * tint).clamp(0.0, 255.0) as u8);
            }
        }
    }
    Picture::new(width, height, Channels::Rgb, data).unwrap()
}

/// Something like a drawing: a few flat colours with sharp edges.
pub(crate) fn drawing(width: usize, height: usize) -> Picture {
    let colours = [[255, 255, 255], [200, 30, 40], [20, 90, 160], [0, 0, 0]];
    let data = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| colours[(x / 13 + (y / 17) * 3) % 4])
        .collect();
    Picture::new(width, height, Channels::Rgb, data).unwrap()
}

/// A drawing that is transparent on its right half.
pub(crate) fn cut_out(width: usize, height: usize) -> Picture {
    let mut picture = drawing(width, height).into_rgba();
    for row in picture.data.chunks_exact_mut(width * 4) {
        for pixel in row.chunks_exact_mut(4).skip(width / 2) {
            pixel[3] = 0;
        }
    }
    picture
}

/// Four quarters: red, green over blue, white.
pub(crate) fn quarters(width: usize, height: usize) -> Picture {
    let data = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| match (x < width / 2, y < height / 2) {
            (true, true) => [255, 0, 0],
            (false, true) => [0, 255, 0],
            (true, false) => [0, 0, 255],
            (false, false) => [255, 255, 255],
        })
        .collect();
    Picture::new(width, height, Channels::Rgb, data).unwrap()
}

pub(crate) fn png(picture: &Picture) -> Vec<u8> {
    png_with(picture, |_| {})
}

/// A PNG whose encoder was adjusted.
pub(crate) fn png_with(picture: &Picture, adjust: impl FnOnce(&mut png::Info<'static>)) -> Vec<u8> {
    let mut info = png::Info::with_size(picture.width as u32, picture.height as u32);
    info.color_type = match picture.channels {
        Channels::Grey => png::ColorType::Grayscale,
        Channels::Rgb => png::ColorType::Rgb,
        Channels::Rgba => png::ColorType::Rgba,
    };
    adjust(&mut info);
    png_of(info, &picture.data)
}

/// A PNG of raw samples.
pub(crate) fn png_of(info: png::Info<'static>, samples: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    bytes
}

pub(crate) fn jpeg(picture: &Picture, quality: u8, progressive: bool) -> Vec<u8> {
    jpeg_with(picture, quality, progressive, None, None)
}

pub(crate) fn jpeg_with(
    picture: &Picture,
    quality: u8,
    progressive: bool,
    icc: Option<&[u8]>,
    exif: Option<&[u8]>,
) -> Vec<u8> {
    let (width, height) = (picture.width, picture.height);
    let planes = match picture.channels {
        Channels::Grey => jpeg::gray_to_planes(picture.data.clone(), width, height),
        _ => jpeg::rgb_to_planes(&picture.data, width, height, jpeg::Subsampling::Full),
    };
    let options = jpeg::EncodeOptions {
        quality,
        progressive,
        icc,
        exif,
        ..jpeg::EncodeOptions::default()
    };
    jpeg::encode(&planes.unwrap(), &options).unwrap().bytes
}

pub(crate) fn webp(picture: &Picture, lossless: bool) -> Vec<u8> {
    let options = WebPOptions {
        quality: 90,
        lossless,
        method: 2,
        sharp_colour: false,
    };
    webp_encode::encode(picture, options, &|| false).unwrap()
}

/// A lossless JPEG XL without a box around it; sides have at least two pixels.
pub(crate) fn jxl(picture: &Picture) -> Vec<u8> {
    use zune_core::bit_depth::BitDepth;
    use zune_core::colorspace::ColorSpace;
    use zune_core::options::EncoderOptions;
    let space = match picture.channels {
        Channels::Grey => ColorSpace::Luma,
        Channels::Rgb => ColorSpace::RGB,
        Channels::Rgba => ColorSpace::RGBA,
    };
    let options = EncoderOptions::new(picture.width, picture.height, space, BitDepth::Eight)
        .set_num_threads(1);
    let mut bytes = Vec::new();
    let encoder = zune_jpegxl::JxlSimpleEncoder::new(&picture.data, options);
    encoder.encode(&mut bytes).unwrap();
    bytes
}

/// A JPEG XL in boxes, with EXIF data before the pixels.
pub(crate) fn jxl_in_boxes(codestream: &[u8], exif: &[u8]) -> Vec<u8> {
    let boxed = |name: &[u8; 4], content: &[u8]| {
        let length = (content.len() as u32 + 8).to_be_bytes();
        [&length[..], name, content].concat()
    };
    [
        b"\0\0\0\x0CJXL \r\n\x87\n".to_vec(),
        boxed(b"ftyp", b"jxl \0\0\0\0jxl "),
        boxed(b"Exif", &[&[0; 4][..], exif].concat()),
        boxed(b"jxlc", codestream),
    ]
    .concat()
}

/// A Windows bitmap with rows from below, of 24 or 32 bits a pixel.
pub(crate) fn bmp(picture: &Picture) -> Vec<u8> {
    let depth = picture.channels.count();
    let stride = (picture.width * depth).next_multiple_of(4);
    let mut bytes = b"BM".to_vec();
    let mut header = vec![54 + stride * picture.height, 0, 54, 40];
    header.extend([picture.width, picture.height, 1 | (depth * 8) << 16, 0]);
    header.extend([0; 5]);
    for number in header {
        bytes.extend_from_slice(&(number as u32).to_le_bytes());
    }
    for row in picture.data.chunks_exact(picture.width * depth).rev() {
        for pixel in row.chunks_exact(depth) {
            bytes.extend([pixel[2], pixel[1], pixel[0]]);
            bytes.extend(pixel.get(3));
        }
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        let padded = (bytes.len() - 54).next_multiple_of(stride);
        bytes.resize(54 + padded, 0);
    }
    bytes
}

/// A TIFF packed by LZW, turned by this orientation.
pub(crate) fn tiff<C: ColorType>(picture: &Picture, samples: &[C::Inner], turned: u16) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut bytes).unwrap();
    let mut encoder = encoder.with_compression(Compression::Lzw);
    let (width, height) = (picture.width as u32, picture.height as u32);
    let mut image = encoder.new_image::<C>(width, height).unwrap();
    let tags = image.encoder();
    tags.write_tag(Tag::Orientation, turned).unwrap();
    image.write_data(samples).unwrap();
    bytes.into_inner()
}

/// A GIF of black, red, green and transparent places, one frame each.
pub(crate) fn gif(width: u16, height: u16, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette = [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 0];
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &palette).unwrap();
    for places in frames {
        let frame = gif::Frame {
            width,
            height,
            transparent: Some(3),
            buffer: places.clone().into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// A Windows icon with two pictures: red ones of 16 pixels, and blue ones of 32, as PNG or not.
pub(crate) fn ico(as_png: bool) -> Vec<u8> {
    let mut directory = ico::IconDir::new(ico::ResourceType::Icon);
    for (side, colour) in [(16, [255, 0, 0, 255]), (32, [0, 0, 255, 255])] {
        let pixels = colour.repeat((side * side) as usize);
        let image = ico::IconImage::from_rgba_data(side, side, pixels);
        directory.add_entry(match as_png {
            true => ico::IconDirEntry::encode_as_png(&image).unwrap(),
            false => ico::IconDirEntry::encode_as_bmp(&image).unwrap(),
        });
    }
    let mut bytes = Vec::new();
    directory.write(&mut bytes).unwrap();
    bytes
}

/// An animated PNG of 40 × 30 pixels, shown twice: red; then a green square of ten pixels in its
/// corner that goes again; then a half transparent blue one beside it. The picture for those who see
/// no animations is grey, and none of the frames.
pub(crate) fn apng() -> Vec<u8> {
    use png::{BlendOp, DisposeOp};
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 40, 30);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(3, 2).unwrap();
    encoder.set_sep_def_img(true).unwrap();
    let mut writer = encoder.write_header().unwrap();
    let of = |pixel: [u8; 4], pixels: usize| pixel.repeat(pixels);
    writer
        .write_image_data(&of([90, 90, 90, 255], 1200))
        .unwrap();
    writer.set_frame_delay(1, 4).unwrap();
    writer.set_blend_op(BlendOp::Source).unwrap();
    writer
        .write_image_data(&of([255, 0, 0, 255], 1200))
        .unwrap();
    writer.set_frame_dimension(10, 10).unwrap();
    writer.set_frame_delay(30, 0).unwrap();
    writer.set_dispose_op(DisposeOp::Previous).unwrap();
    writer.write_image_data(&of([0, 255, 0, 255], 100)).unwrap();
    writer.set_frame_position(20, 10).unwrap();
    writer.set_frame_delay(0, 1).unwrap();
    writer.set_blend_op(BlendOp::Over).unwrap();
    writer.write_image_data(&of([0, 0, 255, 128], 100)).unwrap();
    writer.finish().unwrap();
    bytes
}

/// EXIF data with nothing but an orientation.
pub(crate) fn exif_orientation(number: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend_from_slice(&[number, 0, 0, 0, 0, 0, 0]);
    exif
}

pub(crate) fn variant(options: &str, accept: &'static str) -> Variant {
    variant_by(options, accept, &PolicySettings::default())
}

pub(crate) fn variant_by(options: &str, accept: &'static str, policy: &PolicySettings) -> Variant {
    let transform = if options.is_empty() {
        Transform::default()
    } else {
        Transform::parse(options).unwrap()
    };
    let signals = Signals::read(|name| (name == "accept").then_some(accept));
    choose(&transform, &signals.of_jxl(true), policy).variant
}

/// What becomes of a source, with the default settings and limits.
pub(crate) fn outcome(source: &[u8], options: &str, accept: &'static str) -> Outcome {
    render(
        source,
        &variant(options, accept),
        &Limits::default(),
        &|| false,
    )
    .unwrap()
}

/// The source, which is kept; that anything is made of it fails the test.
pub(crate) fn kept(source: &[u8], options: &str, accept: &'static str) -> Original {
    match outcome(source, options, accept) {
        Outcome::Original(original) => original,
        other => panic!("{options}: {other:?}"),
    }
}

/// What is made of a source; that it is kept fails the test.
pub(crate) fn rendered(source: &[u8], options: &str, accept: &'static str) -> Rendered {
    match outcome(source, options, accept) {
        Outcome::Rendered(rendered) => rendered,
        other => panic!("{options}: {other:?}"),
    }
}

/// Pixels of a file, upright or not as stored.
pub(crate) fn pixels(bytes: &[u8]) -> Picture {
    let limits = Limits::default();
    let probe = crate::probe(bytes, &limits).unwrap();
    crate::decode::decode(bytes, &probe, None, &limits, &|| false)
        .unwrap()
        .picture
}

/// The pixel at a place, as RGBA.
pub(crate) fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 4] {
    let picture = picture.clone().into_rgba();
    let at = (y * picture.width + x) * 4;
    picture.data[at..at + 4].try_into().unwrap()
}

/// Whether two pixels are the same but for what a good lossy file may change.
pub(crate) fn near(one: [u8; 4], two: [u8; 4]) -> bool {
    one.iter().zip(two).all(|(one, two)| one.abs_diff(two) < 16)
}
