//! Headers.

use proptest::prelude::*;

use super::*;
use crate::samples;

const TINY: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 10_000,
    max_side: 200,
    max_output_side: 200,
    max_output_pixels: 10_000,
    max_scans: 10,
    max_frames: 8,
    max_animation_pixels: 1 << 18,
    max_avif_pixels: 1 << 10,
    max_avif_pixels_at_once: 1 << 10,
    avif_program: None,
    decoders: crate::Decoders::NONE,
};

fn read(bytes: &[u8]) -> Probe {
    probe(bytes, &Limits::default()).unwrap()
}

/// A PNG of 100 bytes that claims `width` × `height`.
fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR".to_vec();
    bytes.extend_from_slice(&width.to_be_bytes());
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&[8, 6, 0, 0, 0]);
    bytes.resize(100, 0);
    bytes
}

#[test]
fn a_bomb_is_refused_from_its_header() {
    let limits = Limits::default();
    for (width, height) in [
        (65_535, 65_535),
        (32_769, 1),
        (u32::MAX, u32::MAX),
        (20_000, 20_000),
    ] {
        let refused = probe(&png_bomb(width, height), &limits);
        assert!(
            matches!(refused, Err(ImageError::SourcePixels { .. })),
            "{refused:?}"
        );
    }
    let empty = probe(&png_bomb(0, 5), &limits);
    assert!(
        matches!(empty, Err(ImageError::Damaged { .. })),
        "{empty:?}"
    );
    let jpeg = b"\xFF\xD8\xFF\xC0\0\x11\x08\xFF\xFF\xFF\xFF\x03";
    assert!(matches!(
        probe(jpeg, &limits),
        Err(ImageError::SourcePixels { .. })
    ));
    let gif = b"GIF89a\xFF\xFF\xFF\xFF\0\0\0";
    assert!(matches!(
        probe(gif, &limits),
        Err(ImageError::SourcePixels { .. })
    ));
    let webp = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF";
    assert!(matches!(
        probe(webp, &limits),
        Err(ImageError::SourcePixels { .. })
    ));
}

#[test]
fn a_file_over_the_byte_limit_is_refused_unread() {
    let refused = probe(&vec![0; (1 << 20) + 1], &TINY);
    assert!(matches!(refused, Err(ImageError::SourceBytes { .. })));
}

#[test]
fn sizes_are_read_from_every_format() {
    let picture = samples::drawing(61, 43);
    let files = [
        (Format::Png, samples::png(&picture)),
        (Format::Jpeg, samples::jpeg(&picture, 80, true)),
        (Format::Jpeg, samples::jpeg(&picture, 80, false)),
        (Format::WebP, samples::webp(&picture, true)),
        (Format::WebP, samples::webp(&picture, false)),
        (Format::Gif, samples::gif(61, 43, &[vec![1; 61 * 43]])),
    ];
    for (format, bytes) in files {
        let probe = read(&bytes);
        assert_eq!((probe.format, probe.width, probe.height), (format, 61, 43));
        assert!(!probe.animated, "{format}");
        for length in [0, 3, 9] {
            let cut = bytes.get(..length).unwrap();
            assert!(
                super::probe(cut, &Limits::default()).is_err(),
                "{format} cut at {length}"
            );
        }
    }
}

#[test]
fn alpha_is_seen() {
    let picture = samples::cut_out(40, 30);
    for bytes in [
        samples::png(&picture),
        samples::webp(&picture, true),
        samples::webp(&picture, false),
        samples::gif(40, 30, &[vec![3; 1200]]),
    ] {
        assert!(read(&bytes).has_alpha);
    }
    assert!(!read(&samples::png(&samples::drawing(4, 4))).has_alpha);
}

#[test]
fn animations_are_seen() {
    let frames = [vec![1; 12], vec![2; 12]];
    assert!(read(&samples::gif(4, 3, &frames)).animated);
    assert!(!read(&samples::gif(4, 3, &frames[..1])).animated);
    let still = samples::png(&samples::drawing(4, 4));
    let mut animated = still[..33].to_vec();
    animated.extend_from_slice(b"\0\0\0\x08acTL\0\0\0\x02\0\0\0\0crc.");
    animated.extend_from_slice(&still[33..]);
    assert!(read(&animated).animated);
    let webp = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\x02\0\0\0\x03\0\0\x02\0\0";
    let probe = read(webp);
    assert!(probe.animated);
    assert_eq!((probe.width, probe.height), (4, 3));
}

#[test]
fn orientation_swaps_the_upright_sides() {
    for number in 1..=8 {
        let exif = samples::exif_orientation(number);
        let bytes = samples::jpeg_with(&samples::drawing(40, 30), 80, true, None, Some(&exif));
        let probe = read(&bytes);
        assert_eq!(probe.orientation, Orientation::from_exif(number.into()));
        let upright = if number < 5 { (40, 30) } else { (30, 40) };
        assert_eq!(probe.upright_size(), upright);
    }
}

/// Bits, the lowest of each byte first, behind the mark of a codestream.
fn codestream(parts: &[(u32, u32)]) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0x0A];
    let mut place = 0;
    for (value, count) in parts {
        for bit in 0..*count {
            if place % 8 == 0 {
                bytes.push(0);
            }
            *bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (place % 8);
            place += 1;
        }
    }
    bytes
}

/// A header of 4000 × 3000 pixels, up to the channels; the rest comes behind.
fn jpeg_xl_header(parts: &[(u32, u32)]) -> Vec<u8> {
    let size = [(0, 1), (1, 2), (2999, 13), (3, 3)];
    codestream(&[&size[..], parts].concat())
}

#[test]
fn jpeg_xl_headers_are_read() {
    let plain = read(&jpeg_xl_header(&[(1, 1)]));
    assert_eq!((plain.width, plain.height), (4000, 3000));
    assert_eq!(plain.orientation, Orientation::UPRIGHT);
    assert!(!plain.has_alpha && !plain.animated);
    for number in 1..=8 {
        // Metadata of its own; extra fields: orientation, no size on paper, no preview, no
        // animation. Then 8 bits, and one channel of the usual kind, transparency.
        let (own, extra, no) = ((0, 1), (1, 1), (0, 1));
        let fields = [own, extra, (number - 1, 3), no, no, no];
        let depth = [no, (0, 2), (1, 1), (1, 2), (1, 1)];
        let probe = read(&jpeg_xl_header(&[&fields[..], &depth].concat()));
        assert_eq!(probe.orientation, Orientation::from_exif(number as u16));
        assert!(probe.has_alpha && !probe.animated);
    }
    // A preview of 64 × 64 pixels and animation, ten ticks a second.
    let moving = read(&jpeg_xl_header(&[
        (0, 1),
        (1, 1),
        (0, 3),
        (0, 1),
        (1, 1),
        (0, 1),
        (0, 2),
        (63, 6),
        (1, 3),
        (1, 1),
        (2, 2),
        (9, 10),
        (0, 2),
        (0, 2),
        (0, 1),
        (0, 1),
        (0, 2),
        (1, 1),
        (0, 2),
    ]));
    assert!(moving.animated && !moving.has_alpha);
    let cut = probe(b"\xFF\x0A\0", &Limits::default());
    assert!(matches!(cut, Err(ImageError::Damaged { .. })), "{cut:?}");
}

#[test]
fn a_jpeg_xl_bomb_is_refused_from_its_header() {
    // A billion pixels a side.
    let bomb = codestream(&[(0, 1), (3, 2), ((1 << 20) - 1, 30), (1, 3), (1, 1), (0, 32)]);
    assert_eq!(
        probe(&bomb, &Limits::default()),
        Err(ImageError::SourcePixels {
            width: 1 << 20,
            height: 1 << 20,
            max_side: 32_768,
            max_pixels: 100_000_000,
        })
    );
}

#[test]
fn other_pictures_are_known_by_name() {
    for (bytes, format) in [
        (b"\0\0\0\x1Cftypavif\0\0\0\0".as_slice(), Format::Avif),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", Format::Heic),
    ] {
        let refused = probe(bytes, &Limits::default());
        assert_eq!(refused, Err(ImageError::Unsupported { format }));
    }
    assert_eq!(
        probe(b"<html>", &Limits::default()),
        Err(ImageError::NotAPicture)
    );
}

#[test]
fn a_webp_frame_larger_than_its_picture_is_seen() {
    let lossy = samples::webp(&samples::drawing(61, 43), false);
    let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x03\0\0\x02\0\0".to_vec();
    file.extend_from_slice(&lossy[12..]);
    let probe = read(&file);
    assert_eq!((probe.width, probe.height), (4, 3));
    assert!(!webp_frames_fit(&file, &probe));
    assert!(webp_frames_fit(&lossy, &read(&lossy)));
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic(
        magic in prop::sample::select(vec![
            &b"\xFF\xD8\xFF"[..], b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR", b"GIF89a",
            b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L", b"RIFF\0\0\0\0WEBPVP8 ",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [magic, &rest].concat();
        if let Ok(probe) = probe(&bytes, &TINY) {
            prop_assert!(probe.width <= 200 && probe.height <= 200);
            prop_assert!(probe.pixels() <= 10_000);
        }
    }
}
