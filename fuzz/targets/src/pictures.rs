//! Files that claim to be pictures.

use image::{Limits, Outcome, Policy, Signals, Transform};
use jpeg::{DecodeOptions, EncodeOptions, Script, Subsampling, TranscodeOptions, WriteOptions};

use zune_core::bit_depth::BitDepth;
use zune_core::colorspace::ColorSpace;
use zune_core::options::EncoderOptions;
use zune_jpegxl::JxlSimpleEncoder;

use crate::Seeds;

/// Small enough that no input can be slow for its size alone.
const JPEG_LIMITS: jpeg::Limits = jpeg::Limits {
    max_bytes: 1 << 17,
    max_pixels: 1 << 18,
    max_side: 4096,
    max_scans: 20,
};

fn limits() -> Limits {
    Limits {
        max_bytes: 1 << 17,
        max_pixels: 1 << 18,
        max_side: 4096,
        max_output_side: 512,
        max_output_pixels: 1 << 18,
        max_scans: 20,
        // So few pixels that one run takes milliseconds.
        max_frames: 8,
        max_animation_pixels: 1 << 18,
        max_avif_pixels: 1 << 10,
        max_avif_pixels_at_once: 1 << 10,
        avif_program: None,
        decoders: image::Decoders::NONE,
    }
}

/// Maps the scans of a JPEG: offsets lie in the file and in order.
pub fn map_jpeg(input: &[u8]) {
    let Ok(map) = jpeg::map_scans(input, &JPEG_LIMITS) else {
        return;
    };
    assert!(map.length <= input.len() && map.header_end <= map.length);
    let mut before = 0;
    for scan in &map.scans {
        let offsets = [
            before,
            scan.start,
            scan.data,
            scan.end,
            scan.shown_at,
            map.length,
        ];
        assert!(offsets.is_sorted(), "{offsets:?}");
        before = scan.end;
    }
    let outline = map.outline();
    assert!(
        [
            outline.header,
            outline.preview,
            outline.good,
            outline.length
        ]
        .is_sorted()
    );
    assert!(jpeg::scan_previews(input, &map).len() == map.scans.len());
}

/// Decodes a JPEG, whole or damaged: as many pixels as it says.
pub fn decode_jpeg(input: &[u8]) {
    for lenient in [false, true] {
        let options = DecodeOptions {
            limits: JPEG_LIMITS,
            lenient,
            ..DecodeOptions::default()
        };
        let Ok(decoded) = jpeg::decode(input, &options) else {
            continue;
        };
        let area = decoded.width as usize * decoded.height as usize;
        let bytes = match &decoded.pixels {
            jpeg::Pixels::Gray8(pixels) => pixels.len(),
            jpeg::Pixels::Rgb8(pixels) => pixels.len() / 3,
            jpeg::Pixels::Cmyk8(pixels) => pixels.len() / 4,
        };
        assert_eq!(bytes, area);
    }
}

/// Brings a JPEG into progressive order: what can be decoded shows the same pixels afterwards.
pub fn transcode_jpeg(input: &[u8]) {
    let how = TranscodeOptions {
        limits: JPEG_LIMITS,
        write: WriteOptions {
            script: Script::Quick,
            ..WriteOptions::default()
        },
        cancel: &|| false,
    };
    let Ok(rescued) = jpeg::transcode(input, &how) else {
        return;
    };
    let decode = |file: &[u8]| {
        let limits = jpeg::Limits {
            max_bytes: 1 << 20,
            ..JPEG_LIMITS
        };
        let options = DecodeOptions {
            limits,
            ..DecodeOptions::default()
        };
        jpeg::decode(file, &options).map(|decoded| decoded.pixels)
    };
    let after = decode(&rescued.bytes);
    assert!(after.is_ok(), "{after:?}");
    if let Ok(before) = decode(input) {
        assert!(after == Ok(before), "the pixels are others");
    }
}

/// Options that take every way through the engine; the first byte of the input picks one.
const OPTIONS: [&str; 8] = [
    "width=64",
    "width=100,height=50,fit=cover,format=auto",
    "width=40,height=40,fit=pad,background=red,format=webp",
    "rotate=90,flip=h,format=jpeg,quality=40",
    "width=80,blur=4,sharpen=1,format=png",
    "trim=2;3;4;5,format=jpeg",
    "format=json",
    "brightness=1.2,contrast=1.1,gamma=0.9,saturation=0.5,format=webp",
];

/// Makes a variant of any picture: its file is one, of the size that was said.
pub fn render(input: &[u8]) {
    let Some((first, source)) = input.split_first() else {
        return;
    };
    let options = OPTIONS[*first as usize % OPTIONS.len()];
    let Ok(transform) = Transform::parse(options) else {
        unreachable!("`{options}` is well formed");
    };
    let signals = Signals::read(|name| (name == "accept").then_some("image/webp,*/*"));
    let choice = image::choose(&transform, &signals, &Policy::default());
    let limits = limits();
    if let Ok(Outcome::Rendered(made)) = image::render(source, &choice.variant, &limits, &|| false)
    {
        let probe = image::probe(&made.bytes, &Limits::default());
        let said = (made.format, made.width, made.height);
        assert_eq!(
            probe.map(|probe| (probe.format, probe.width, probe.height)),
            Ok(said)
        );
        assert_eq!(made.outline.length, made.bytes.len() as u64);
    }
}

/// A picture of a few shapes and a gradient, `width`×`height` RGB.
fn pixels(width: usize, height: usize) -> Vec<u8> {
    let pixel = |place: usize| {
        let (x, y) = (place % width, place / width);
        let disc = (x * 2).abs_diff(width).pow(2) + (y * 2).abs_diff(height).pow(2);
        let inside = disc < (width * height) / 3;
        [
            (x * 255 / width) as u8,
            (y * 255 / height) as u8,
            if inside { 200 } else { 30 },
        ]
    };
    (0..width * height).flat_map(pixel).collect()
}

fn encode(width: usize, height: usize, subsampling: Subsampling, progressive: bool) -> Vec<u8> {
    let options = EncodeOptions {
        progressive,
        baseline_below: 0,
        ..EncodeOptions::default()
    };
    jpeg::rgb_to_planes(&pixels(width, height), width, height, subsampling)
        .and_then(|planes| jpeg::encode(&planes, &options))
        .map(|encoded| encoded.bytes)
        .unwrap_or_default()
}

fn grey() -> Vec<u8> {
    let options = EncodeOptions {
        icc: Some(b"no profile"),
        ..EncodeOptions::default()
    };
    jpeg::gray_to_planes(pixels(4, 4), 8, 6)
        .and_then(|planes| jpeg::encode(&planes, &options))
        .map(|encoded| encoded.bytes)
        .unwrap_or_default()
}

/// JPEG files of every kind we write.
pub fn jpeg_seeds() -> Seeds {
    vec![
        (
            "progressive-444.jpg",
            encode(24, 17, Subsampling::Full, true),
        ),
        (
            "progressive-420.jpg",
            encode(33, 40, Subsampling::Quarter, true),
        ),
        (
            "baseline-420.jpg",
            encode(16, 16, Subsampling::Quarter, false),
        ),
        ("grey.jpg", grey()),
    ]
}

/// Files of every format we write.
fn image_seeds() -> Seeds {
    let mut seeds = jpeg_seeds();
    let source = encode(33, 40, Subsampling::Full, true);
    for (name, options) in [
        ("small.png", "width=12,format=png"),
        ("small.webp", "width=12,format=webp"),
    ] {
        let made = Transform::parse(options).ok().and_then(|transform| {
            let choice = image::choose(&transform, &Signals::default(), &Policy::default());
            image::render(&source, &choice.variant, &Limits::default(), &|| false).ok()
        });
        if let Some(Outcome::Rendered(made)) = made {
            seeds.push((name, made.bytes.to_vec()));
        }
    }
    if let Some(moving) = animated_webp(&gif()) {
        seeds.push(("two-frames.webp", moving));
    }
    seeds.push(("two-frames.gif", gif()));
    seeds
}

/// The same with a line of options before.
pub fn picture_seeds() -> Seeds {
    let seeds = image_seeds().into_iter().zip(OPTIONS);
    seeds
        .map(|((name, bytes), options)| (name, [options.as_bytes(), b"\n", &bytes].concat()))
        .collect()
}

/// Reads the boxes of an AVIF: all that is said to lie in the file lies there, and is no more than
/// the file.
pub fn avif_boxes(input: &[u8]) {
    let Ok(still) = avif::Still::read(input) else {
        return;
    };
    assert!((1..=8).contains(&still.orientation));
    for pieces in still.alpha.iter().chain([&still.colour]) {
        let total: usize = pieces.iter().map(ExactSizeIterator::len).sum();
        assert!(!pieces.is_empty() && total <= input.len());
        assert!(pieces.iter().all(|piece| piece.end <= input.len()));
    }
    for range in still.profile.iter().chain(&still.exif) {
        assert!(range.start <= range.end && range.end <= input.len());
    }
}

/// Files of our own writer.
pub fn avif_seeds() -> Seeds {
    let options = avif::Options {
        quantizer: 200,
        alpha_quantizer: 200,
        full_colour: false,
        effort: avif::Effort::Quick,
        outside: None,
        shown: false,
    };
    let kinds = [
        ("grey.avif", avif::Channels::Grey),
        ("colour.avif", avif::Channels::Rgb),
        ("transparent.avif", avif::Channels::Rgba),
    ];
    let made = kinds.into_iter().filter_map(|(name, channels)| {
        let pixels: Vec<u8> = (0..16 * 16 * channels.count())
            .map(|place| (place * 5 % 256) as u8)
            .collect();
        let made = avif::encode(&pixels, channels, (16, 16), &options, &|| false).ok()?;
        Some((name, made.bytes))
    });
    made.collect()
}

/// An SVG with what must go, and what may stay.
const DRAWING: &[u8] = b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY e '<g/>'>]><svg \
    xmlns='http://www.w3.org/2000/svg' xmlns:x='http://www.w3.org/1999/xlink' width='1in' \
    viewBox='0 0 9 4' onload='a()'><style>g{fill:url(http://a.example/)}</style><script>b()</script>\
    <g id='c'>&e;<use x:href='#c'/><image href='data:image/png;base64,AAAA'/></g>\
    <text>d</text></svg>";

/// Files of formats that are read and not written, or only without movement, with a line of options before.
pub fn format_seeds() -> Seeds {
    let named =
        |(name, bytes): (&'static str, Vec<u8>)| (name, [b"width=9\n", &bytes[..]].concat());
    vec![
        ("colour.jxl", jxl(ColorSpace::RGB, 21, 13)),
        ("transparent.jxl", jxl(ColorSpace::RGBA, 9, 30)),
        ("grey.jxl", jxl(ColorSpace::Luma, 260, 3)),
        ("colour.bmp", bmp(5, 3)),
        ("grey.tiff", tiff(12, 2)),
        ("colour.ico", ico(6)),
        ("drawing.svg", DRAWING.to_vec()),
        ("two-frames.png", apng()),
    ]
    .into_iter()
    .map(named)
    .collect()
}

/// A Windows bitmap of 24 bits a pixel.
fn bmp(width: u32, height: u32) -> Vec<u8> {
    let length = (width * 3).next_multiple_of(4) * height;
    let mut bytes = b"BM".to_vec();
    let header = [54 + length, 0, 54, 40, width, height, 24 << 16 | 1];
    for number in header.into_iter().chain([0; 6]) {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend((0..length).map(|place| (place * 7 % 256) as u8));
    bytes
}

/// A Windows icon of 24 bits a pixel, its mask behind it.
fn ico(side: u32) -> Vec<u8> {
    let rows = (side * 3).next_multiple_of(4) * side + 4 * side;
    let mut bytes = vec![0, 0, 1, 0, 1, 0, side as u8, side as u8, 0, 0, 1, 0, 24, 0];
    let header = [40 + rows, 22, 40, side, 2 * side, 24 << 16 | 1];
    for number in header.into_iter().chain([0; 6]) {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend((0..rows).map(|place| (place * 13 % 256) as u8));
    bytes
}

/// An animated PNG, its second frame over a part of the first.
fn apng() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 6);
    encoder.set_color(png::ColorType::Rgba);
    let frames = encoder.set_animated(2, 0).and_then(|()| {
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&[7; 8 * 6 * 4])?;
        writer.set_frame_dimension(3, 2)?;
        writer.set_blend_op(png::BlendOp::Over)?;
        writer.write_image_data(&[9; 3 * 2 * 4])?;
        writer.finish()
    });
    debug_assert!(frames.is_ok());
    bytes
}

/// A TIFF of grey without packing, its directory behind its one strip.
fn tiff(width: u32, height: u32) -> Vec<u8> {
    let length = width * height;
    let mut bytes = b"II*\0".to_vec();
    bytes.extend_from_slice(&(8 + length).to_le_bytes());
    bytes.extend((0..length).map(|place| (place * 11 % 256) as u8));
    // Width, height, bits, packing, meaning, where the strip is, channels, rows, bytes.
    let entries = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, length),
    ];
    bytes.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        bytes.extend_from_slice(&[tag as u16, 4].map(u16::to_le_bytes).concat());
        bytes.extend_from_slice(&[1, value].map(u32::to_le_bytes).concat());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// A lossless JPEG XL.
fn jxl(space: ColorSpace, width: usize, height: usize) -> Vec<u8> {
    let count = width * height * space.num_components();
    let data: Vec<u8> = (0..count).map(|place| (place * 7 % 256) as u8).collect();
    let options = EncoderOptions::new(width, height, space, BitDepth::Eight).set_num_threads(1);
    let mut bytes = Vec::new();
    // An encoder that fails gives an empty seed, which the test sees.
    let _ = JxlSimpleEncoder::new(&data, options).encode(&mut bytes);
    bytes
}

/// The same with the byte before that picks options.
pub fn render_seeds() -> Seeds {
    let seeds = image_seeds().into_iter().enumerate();
    seeds
        .map(|(place, (name, mut bytes))| {
            bytes.insert(0, place as u8);
            (name, bytes)
        })
        .collect()
}

/// The same as an animated WebP.
fn animated_webp(gif: &[u8]) -> Option<Vec<u8>> {
    let transform = Transform::parse("width=1,format=webp").ok()?;
    let choice = image::choose(&transform, &Signals::default(), &Policy::default());
    match image::render(gif, &choice.variant, &Limits::default(), &|| false) {
        Ok(Outcome::Rendered(made)) => Some(made.bytes.to_vec()),
        _ => None,
    }
}

/// A GIF89a of two frames of 2×2 pixels, one of them transparent (GIF89a specification,
/// appendix A; the pixels are written as uncompressed LZW codes).
fn gif() -> Vec<u8> {
    let mut bytes = b"GIF89a\x02\0\x02\0\x80\0\0\xff\0\0\0\0\xff".to_vec();
    for control in [b"\x21\xf9\x04\0\x0a\0\0\0", b"\x21\xf9\x04\x01\x0a\0\x01\0"] {
        bytes.extend_from_slice(control);
        bytes.extend_from_slice(b"\x2c\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x02\x05\0");
    }
    bytes.push(b';');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_open_and_every_seed_is_a_picture() {
        for options in OPTIONS {
            assert!(Transform::parse(options).is_ok(), "{options}");
        }
        for (name, bytes) in image_seeds() {
            assert!(image::probe(&bytes, &limits()).is_ok(), "{name}");
        }
        assert_eq!(image_seeds().len(), 8);
        assert_eq!(avif_seeds().len(), 3);
        for (name, bytes) in avif_seeds() {
            assert!(avif::Still::read(&bytes).is_ok(), "{name}");
        }
        for (name, bytes) in format_seeds() {
            let source = bytes.strip_prefix(b"width=9\n").unwrap_or_default();
            assert!(image::probe(source, &limits()).is_ok(), "{name}");
        }
    }
}
