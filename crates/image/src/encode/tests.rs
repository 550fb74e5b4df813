//! Which format a picture gets.

use super::*;
use crate::samples::{self, pixel, pixels};
use crate::{Limits, PolicySettings};

const ALL: &str = "image/webp,*/*";
const OLD: &str = "*/*";

fn made(picture: Picture, photograph: bool, options: &str, accept: &'static str) -> Made {
    let variant = samples::variant(options, accept);
    let goal = Goal {
        variant: &variant,
        source_format: Format::Png,
        photograph,
        exif: None,
        found: None,
        avif: Encoders::default(),
        cancel: &|| false,
    };
    encode(picture, &goal).unwrap()
}

#[test]
fn the_picture_and_the_client_decide() {
    let photograph = || samples::photograph(400, 300);
    let drawing = || samples::drawing(400, 300);
    let cut_out = || samples::cut_out(400, 300);
    let small = || samples::photograph(60, 40);
    // A new case is a new line.
    let cases = [
        (photograph(), true, "", ALL, Format::Jpeg),
        (photograph(), true, "", OLD, Format::Jpeg),
        (photograph(), true, "", "image/webp", Format::WebP),
        (photograph(), true, "", "image/png", Format::Png),
        (photograph(), true, "f=avif", ALL, Format::WebP),
        // Too slow to wait for; whoever asks for it by name knows WebP.
        (photograph(), true, "f=avif", OLD, Format::WebP),
        (photograph(), true, "f=png", ALL, Format::Png),
        // No format asked: the source's, here PNG.
        (photograph(), true, "q=90", ALL, Format::Png),
        (small(), true, "", ALL, Format::WebP),
        (small(), true, "", OLD, Format::Jpeg),
        (drawing(), false, "", ALL, Format::WebP),
        (drawing(), false, "", OLD, Format::Png),
        (drawing(), false, "", "image/jpeg", Format::Jpeg),
        (drawing(), false, "f=jpeg", ALL, Format::Jpeg),
        (cut_out(), false, "", ALL, Format::WebP),
        (cut_out(), true, "", OLD, Format::Png),
        (cut_out(), true, "f=webp", OLD, Format::WebP),
    ];
    for (place, (picture, photograph, options, accept, format)) in cases.into_iter().enumerate() {
        let made = made(picture, photograph, options, accept);
        assert_eq!(made.format, format, "case {place}: {options} {accept}");
        assert_eq!(Format::sniff(&made.bytes), Some(format), "case {place}");
        assert_eq!(made.outline.length, made.bytes.len() as u64, "case {place}");
    }
}

#[test]
fn the_outline_of_a_jpeg_is_exact() {
    let made = made(samples::photograph(640, 480), true, "", OLD);
    // The map finds the scans again by walking the file.
    assert_eq!(made.outline, crate::outline_of(&made.bytes));
    let Outline {
        header,
        preview,
        good,
        length,
        scans,
    } = made.outline;
    assert!(
        header < preview && preview < good && good < length,
        "{header} {preview} {good}"
    );
    assert!(preview * 2 < length && scans.len() >= 4);
}

#[test]
fn other_outlines_show_at_their_end() {
    for options in ["f=png", "f=webp", "f=baseline-jpeg"] {
        let Outline {
            length,
            header,
            preview,
            ..
        } = made(samples::photograph(100, 100), true, options, ALL).outline;
        assert_eq!(preview, length, "{options}");
        assert!(header > 0 && header < length, "{options}");
    }
}

#[test]
fn baseline_and_progressive_are_what_was_asked() {
    let progressive = |options| {
        let made = made(samples::photograph(400, 300), true, options, ALL);
        made.outline.scans.len() > 1
    };
    assert!(progressive("f=jpeg"));
    assert!(!progressive("f=baseline-jpeg"));
}

#[test]
fn exact_files_keep_every_pixel() {
    for picture in [samples::drawing(61, 43), samples::photograph(61, 43)] {
        for options in ["f=png", "f=webp,q=100", "f=png,compression=fast"] {
            let made = made(picture.clone(), true, options, ALL);
            assert_eq!(pixels(&made.bytes), picture, "{options}");
        }
    }
    let picture = samples::cut_out(61, 43);
    let made = pixels(&made(picture.clone(), false, "f=png", ALL).bytes);
    for (x, y) in [(0, 0), (29, 42), (30, 0), (60, 42)] {
        let (before, after) = (pixel(&picture, x, y), pixel(&made, x, y));
        assert!(
            before == after || (before[3] == 0 && after[3] == 0),
            "{x} {y}"
        );
    }
}

#[test]
fn palettes_of_every_depth_keep_every_pixel() {
    for colours in [1_usize, 2, 3, 4, 5, 16, 17, 256, 257] {
        let data: Vec<u8> = (0..37 * 29)
            .map(|place| place % colours)
            .flat_map(|colour| [(colour * 7) as u8, (colour / 2) as u8, (colour % 251) as u8])
            .collect();
        let picture = Picture::new(37, 29, Channels::Rgb, data).unwrap();
        let made = made(picture.clone(), false, "f=png", ALL);
        assert_eq!(pixels(&made.bytes), picture, "{colours} colours");
    }
}

#[test]
fn grey_pictures_are_written_by_every_encoder() {
    let data = (0..=255).cycle().take(64 * 64).collect();
    let picture = Picture::new(64, 64, Channels::Grey, data).unwrap();
    for options in ["f=png", "f=jpeg", "f=webp", "f=auto"] {
        let made = pixels(&made(picture.clone(), true, options, ALL).bytes);
        let (before, after) = (pixel(&picture, 9, 9), pixel(&made, 9, 9));
        assert!(samples::near(before, after), "{options}");
    }
}

#[test]
fn jpeg_puts_transparent_pictures_on_white() {
    let made = made(samples::cut_out(64, 64), false, "f=jpeg,q=95", ALL);
    assert!(samples::near(pixel(&pixels(&made.bytes), 60, 30), [255; 4]));
    assert!(made.notes.iter().any(|note| note.contains("on white")));
}

#[test]
fn full_colour_from_quality_90_and_for_drawings() {
    let factors = |photograph, options: &str| {
        let made = made(samples::photograph(64, 64), photograph, options, ALL);
        let map = ::jpeg::map_scans(&made.bytes, &::jpeg::Limits::default()).unwrap();
        map.components[0].horizontal
    };
    assert_eq!(factors(true, "f=jpeg,q=89"), 2);
    assert_eq!(factors(true, "f=jpeg,q=90"), 1);
    assert_eq!(factors(false, "f=jpeg,q=50"), 1);
}

#[test]
fn what_webp_cannot_hold_becomes_png() {
    let long = samples::drawing(16_384, 2);
    assert_eq!(made(long.clone(), false, "f=webp", ALL).format, Format::Png);
    assert_eq!(made(long, false, "", ALL).format, Format::Png);
}

#[test]
fn encoding_is_called_off() {
    let limits = Limits::default();
    let source = samples::png(&samples::photograph(64, 64));
    for options in ["f=png", "f=jpeg", "f=webp"] {
        let policy = PolicySettings::default();
        let variant = samples::variant_by(options, ALL, &policy);
        let stopped = crate::render(&source, &variant, &limits, &|| true);
        assert_eq!(stopped.err(), Some(ImageError::Cancelled), "{options}");
    }
}
