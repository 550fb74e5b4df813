//! From file to file.

use proptest::prelude::*;

use super::*;
use crate::picture::Picture;
use crate::samples::{self, kept, near, outcome, pixel, pixels, rendered};

const ALL: &str = "image/webp,*/*";
const OLD: &str = "*/*";

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const WHITE: [u8; 4] = [255; 4];

/// The colours in the middle of each quarter: top left, top right, bottom left, bottom right.
fn corners(bytes: &[u8]) -> [[u8; 4]; 4] {
    let picture = pixels(bytes);
    let (width, height) = (picture.width, picture.height);
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| pixel(&picture, width * x / 4, height * y / 4))
}

fn all_near(one: [[u8; 4]; 4], two: [[u8; 4]; 4]) -> bool {
    one.into_iter().zip(two).all(|(one, two)| near(one, two))
}

/// Where the quarters red, green, blue and white of a stored picture show, by EXIF number.
const TURNED: [[[u8; 4]; 4]; 8] = [
    [RED, GREEN, BLUE, WHITE],
    [GREEN, RED, WHITE, BLUE],
    [WHITE, BLUE, GREEN, RED],
    [BLUE, WHITE, RED, GREEN],
    [RED, BLUE, GREEN, WHITE],
    [BLUE, RED, WHITE, GREEN],
    [WHITE, GREEN, BLUE, RED],
    [GREEN, WHITE, RED, BLUE],
];

#[test]
fn exif_orientation_is_applied_once() {
    for (number, expected) in (1..=8).zip(TURNED) {
        let exif = samples::exif_orientation(number);
        let stored = samples::quarters(120, 80);
        let source = samples::jpeg_with(&stored, 95, true, None, Some(&exif));
        // Small enough for shrinking while decoding, exact, and cropped.
        for (options, size) in [
            ("w=30,f=png", None),
            ("w=36,f=jpeg,q=95", None),
            ("w=20,h=20,fit=cover,f=jpeg,q=95", Some((20, 20))),
            ("w=40,h=40,fit=squeeze,f=png", Some((40, 40))),
            ("w=1000,h=60,fit=contain,f=png,metadata=keep", None),
            (
                "q=95,f=jpeg,w=60,h=60,fit=cover,metadata=keep",
                Some((60, 60)),
            ),
        ] {
            let made = rendered(&source, options, ALL);
            assert!(
                all_near(corners(&made.bytes), expected),
                "orientation {number}, {options}"
            );
            let again = probe(&made.bytes, &Limits::default()).unwrap();
            assert_eq!(
                again.orientation,
                Orientation::UPRIGHT,
                "orientation {number}"
            );
            let (width, height) = size.unwrap_or((made.width, made.height));
            assert_eq!((again.width, again.height), (width, height));
            if size.is_none() {
                assert_eq!(
                    width > height,
                    number < 5,
                    "orientation {number}, {options}"
                );
            }
        }
    }
}

#[test]
fn rotation_and_flips_follow_orientation() {
    let source = samples::png(&samples::quarters(120, 80));
    for (options, number) in [
        ("rotate=90", 6),
        ("rotate=180", 3),
        ("rotate=270", 8),
        ("flip=h", 2),
        ("flip=v", 4),
        ("flip=h,rotate=90", 7),
        ("flip=h,rotate=270,w=60", 5),
    ] {
        let made = rendered(&source, options, ALL);
        assert_eq!(corners(&made.bytes), TURNED[number - 1], "{options}");
    }
    // Orientation 6 (a quarter clockwise), then three quarters: as stored.
    let exif = samples::exif_orientation(6);
    let source = samples::jpeg_with(&samples::quarters(120, 80), 95, true, None, Some(&exif));
    let made = rendered(&source, "rotate=270,f=png", ALL);
    assert!(all_near(corners(&made.bytes), TURNED[0]));
    assert_eq!((made.width, made.height), (120, 80));
}

#[test]
fn gravity_says_what_stays() {
    let source = samples::png(&samples::quarters(200, 100));
    for (options, left, right) in [
        ("w=100,h=100,fit=cover,g=left", RED, RED),
        ("w=100,h=100,fit=cover,g=right", GREEN, GREEN),
        ("w=100,h=100,fit=cover,g=1x0", GREEN, GREEN),
        ("w=100,h=100,fit=cover", RED, GREEN),
        ("w=100,h=100,fit=crop,g=0.5x0.9", RED, GREEN),
    ] {
        let [top_left, top_right, ..] = corners(&rendered(&source, options, ALL).bytes);
        assert_eq!((top_left, top_right), (left, right), "{options}");
    }
    let source = samples::png(&samples::quarters(100, 200));
    let made = rendered(&source, "w=100,h=100,fit=cover,g=bottom", ALL);
    assert_eq!(corners(&made.bytes), [BLUE, WHITE, BLUE, WHITE]);
}

#[test]
fn trimming_comes_first() {
    let source = samples::png(&samples::quarters(120, 80));
    let made = rendered(&source, "trim=40;0;0;60,rotate=90", ALL);
    assert_eq!((made.width, made.height), (40, 60));
    assert_eq!(corners(&made.bytes), [WHITE; 4]);
    // Trimmed upright, not as stored.
    let exif = samples::exif_orientation(6);
    let source = samples::jpeg_with(&samples::quarters(120, 80), 95, true, None, Some(&exif));
    let made = rendered(&source, "trim=0;40;60;0,f=png", ALL);
    assert_eq!((made.width, made.height), (40, 60));
    assert!(all_near(corners(&made.bytes), [BLUE; 4]));
}

#[test]
fn padding_and_backgrounds_are_filled() {
    let source = samples::png(&samples::quarters(120, 80));
    let made = rendered(&source, "w=60,h=60,fit=pad,background=red", ALL);
    let picture = pixels(&made.bytes);
    assert_eq!((picture.width, picture.height), (60, 60));
    assert_eq!(pixel(&picture, 30, 2), RED);
    assert_eq!(pixel(&picture, 5, 25), RED);
    assert_eq!(pixel(&picture, 55, 25), GREEN);
    let cut_out = samples::png(&samples::cut_out(80, 60));
    let made = rendered(&cut_out, "background=lime,f=png", ALL);
    assert_eq!(pixel(&pixels(&made.bytes), 70, 30), GREEN);
}

#[test]
fn alpha_is_kept() {
    let source = samples::png(&samples::cut_out(300, 200));
    for (accept, format) in [(ALL, Format::WebP), (OLD, Format::Png)] {
        let made = rendered(&source, "w=100,f=auto", accept);
        assert_eq!(made.format, format);
        let picture = pixels(&made.bytes);
        assert_eq!(pixel(&picture, 90, 30)[3], 0);
        assert_eq!(pixel(&picture, 10, 30)[3], 255);
    }
}

#[test]
fn colour_profiles_are_applied_and_dropped() {
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let even = crate::picture::Picture::new(
        64,
        64,
        crate::picture::Channels::Rgb,
        [200, 100, 100].repeat(64 * 64),
    );
    let source = samples::jpeg_with(&even.unwrap(), 95, true, Some(&icc), None);
    let made = rendered(&source, "w=32,f=jpeg", ALL);
    let [red, green, ..] = pixel(&pixels(&made.bytes), 9, 9);
    assert!(red > 206 && green < 102, "{red} {green}");
    let map = jpeg::map_scans(&made.bytes, &jpeg::Limits::default()).unwrap();
    assert!(map.icc.is_empty());
}

/// EXIF data with an orientation and a copyright notice.
fn exif_with_copyright() -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    exif.extend_from_slice(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    exif.extend_from_slice(b"\x82\x98\0\x02\0\0\0\x0B\0\0\0\x26");
    exif.extend_from_slice(b"\0\0\0\0(c) Nobody\0");
    exif
}

#[test]
fn metadata_is_kept_as_far_as_asked() {
    let exif = exif_with_copyright();
    let source = samples::jpeg_with(&samples::photograph(200, 100), 90, true, None, Some(&exif));
    let found = |options: &str| {
        let made = rendered(&source, options, ALL).bytes;
        let map = jpeg::map_scans(&made, &jpeg::Limits::default()).unwrap();
        map.exif.map(|range| made[range].to_vec())
    };
    let kept = found("w=50,metadata=keep").unwrap();
    assert_eq!(kept.len(), exif.len());
    assert_eq!(Orientation::from_exif_data(&kept), Orientation::UPRIGHT);
    let notice = found("w=50").unwrap();
    assert!(notice.ends_with(b"(c) Nobody\0") || notice.ends_with(b"(c) Nobody\0\0"));
    assert_eq!(found("w=50,metadata=none"), None);
    // Without metadata, the original will not do even where it is smaller; what is rewritten
    // without loss is not turned and keeps saying so.
    let bare = found("f=jpeg,q=100,metadata=none").unwrap();
    assert!(!bare.windows(6).any(|window| window == b"Nobody"));
    assert_eq!(
        Orientation::from_exif_data(&bare),
        Orientation::from_exif(6)
    );
}

#[test]
fn a_photograph_becomes_a_smaller_progressive_jpeg() {
    let source = samples::jpeg(&samples::photograph(640, 480), 97, false);
    let made = rendered(&source, "", ALL);
    assert_eq!(made.format, Format::Jpeg);
    assert_eq!((made.width, made.height), (640, 480));
    assert!(made.bytes.len() < source.len() / 2);
    assert!(made.outline.preview < made.outline.length / 2);
    assert!(made.notes.iter().any(|note| note.contains("photograph")));
}

#[test]
fn what_saves_nothing_stays_as_it_is() {
    let photograph = samples::photograph(640, 480);
    let low = samples::jpeg(&photograph, 50, true);
    let original = kept(&low, "", ALL);
    assert!(original.reason.contains("save only"), "{}", original.reason);
    assert_eq!(original.outline, outline_of(&low));
    assert!(original.outline.preview < original.outline.length);
    // Made here at the same quality: as good as the same.
    let same = rendered(&samples::jpeg(&photograph, 97, false), "", ALL).bytes;
    let original = kept(&same, "", ALL);
    assert_eq!(original.format, Format::Jpeg);
    // The same bytes as a PNG to a client that takes no PNG: it must be made anew.
    let png = samples::png(&samples::drawing(64, 64));
    assert_eq!(rendered(&png, "", "image/jpeg").format, Format::Jpeg);
}

/// The mean difference of two pictures of the same size.
fn difference(one: &Picture, two: &Picture) -> f64 {
    let (one, two) = (one.clone().into_rgba(), two.clone().into_rgba());
    assert_eq!((one.width, one.height), (two.width, two.height));
    let sum: u64 = one
        .data
        .iter()
        .zip(&two.data)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / one.data.len() as f64
}

#[test]
fn a_baseline_jpeg_that_saves_nothing_becomes_progressive_without_loss() {
    let exif = samples::exif_orientation(6);
    let photograph = samples::photograph(640, 480);
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let source = samples::jpeg_with(&photograph, 73, false, Some(&icc), Some(&exif));
    let made = rendered(&source, "", ALL);
    assert!(
        made.notes
            .iter()
            .any(|note| note.contains("without any loss")),
        "{:?}",
        made.notes
    );
    assert!(made.bytes.len() * 100 <= source.len() * 102);
    assert!(made.outline.preview < made.outline.length / 2);
    assert_eq!(pixels(&made.bytes), pixels(&source));
    // Nothing was turned or converted, so what says how to show it stays.
    assert_eq!(
        probe(&made.bytes, &Limits::default()).unwrap().orientation,
        Orientation::from_exif(6)
    );
    let map = jpeg::map_scans(&made.bytes, &jpeg::Limits::default()).unwrap();
    assert_eq!(map.icc(&made.bytes), Some(icc));
}

#[test]
fn the_way_over_planes_gives_the_same_as_the_way_over_rgb() {
    for (colour, options) in [
        ("q=95", "w=200"),
        ("q=95", "w=150,h=150,fit=cover,g=left"),
        ("q=80", "w=333,flip=h"),
        ("q=80", "w=900,fit=contain,rotate=270"),
        ("q=85", "w=99,h=77,fit=squeeze"),
    ] {
        for number in [1, 6] {
            let exif = samples::exif_orientation(number);
            let stored = samples::photograph(641, 479);
            let source = samples::jpeg_with(&stored, 95, true, None, Some(&exif));
            for format in ["jpeg", "webp"] {
                let options = format!("{options},{colour},f={format}");
                let planar = rendered(&source, &options, ALL);
                // A brightness that changes almost nothing takes the other way.
                let general = rendered(&source, &format!("{options},brightness=1.001"), ALL);
                assert_ne!(planar.bytes, general.bytes, "two ways");
                let off = difference(&pixels(&planar.bytes), &pixels(&general.bytes));
                assert!(off < 2.5, "{options} orientation {number}: {off}");
            }
        }
    }
}

#[test]
fn grey_becomes_webp_without_colour() {
    let planes = jpeg::gray_to_planes(vec![200; 301 * 203], 301, 203).unwrap();
    let source = jpeg::encode(&planes, &jpeg::EncodeOptions::default());
    let made = rendered(&source.unwrap().bytes, "w=151,f=webp", ALL);
    assert_eq!((made.format, made.width), (Format::WebP, 151));
    let shown = pixels(&made.bytes).data;
    assert!(shown.iter().all(|value| value.abs_diff(200) <= 1));
}

#[test]
fn a_size_that_was_asked_for_is_made_whatever_it_saves() {
    let low = samples::jpeg(&samples::photograph(640, 480), 20, true);
    assert_eq!(rendered(&low, "w=639,q=90", ALL).width, 639);
    assert_eq!(kept(&low, "w=640,q=90", ALL).format, Format::Jpeg);
    assert_eq!(rendered(&low, "q=90,f=webp", ALL).format, Format::WebP);
    assert_eq!(
        rendered(&low, "f=baseline-jpeg", ALL).outline.scans.len(),
        1
    );
}

#[test]
fn webp_stays_where_it_is_accepted() {
    let source = samples::webp(&samples::photograph(200, 150), false);
    assert_eq!(kept(&source, "", ALL).reason, "it is WebP already");
    assert_eq!(rendered(&source, "", OLD).format, Format::Jpeg);
    assert_eq!(rendered(&source, "w=100", OLD).format, Format::WebP);
}

#[test]
fn animations_stay_unless_their_first_frame_is_asked_for() {
    let frames = [vec![1; 64 * 64], vec![2; 64 * 64]];
    let source = samples::gif(64, 64, &frames);
    for (options, accept) in [("w=10", ALL), ("", "*/*"), ("f=png,w=10", ALL)] {
        let original = kept(&source, options, accept);
        assert!(
            original.reason.contains("animated GIF"),
            "{}",
            original.reason
        );
    }
    let made = rendered(&source, "anim=false,w=10", ALL);
    assert_eq!((made.format, made.width), (Format::Png, 10));
    assert_eq!(corners(&made.bytes), [RED; 4]);
    let made = rendered(&source, "anim=false,f=auto", ALL);
    assert_eq!(made.format, Format::WebP);
    let still = samples::gif(64, 64, &frames[..1]);
    assert_eq!(rendered(&still, "w=10", ALL).format, Format::Png);
}

#[test]
fn pictures_that_are_not_read_are_passed_on() {
    for (source, format) in [
        (&b"\0\0\0\x1Cftypheic\0\0\0\0mif1"[..], Format::Heic),
        (b"\0\0\0\x1Cftypavif\0\0\0\0mif1", Format::Avif),
    ] {
        let original = kept(source, "w=10", ALL);
        assert_eq!(original.format, format);
        assert!(original.reason.contains("passed on"));
    }
}

#[test]
fn jpeg_xl_becomes_what_the_client_reads() {
    let source = samples::jxl(&samples::photograph(300, 200));
    // At its own size, who reads JPEG XL gets the original.
    let original = kept(&source, "", "image/jxl,image/webp,*/*");
    assert_eq!(original.reason, "it is JPEG XL already");
    let made = rendered(&source, "f=auto", "image/webp,*/*");
    assert!(matches!(made.format, Format::Jpeg | Format::WebP));
    let made = rendered(&source, "w=150,f=jpeg", "*/*");
    assert_eq!(
        (made.format, made.width, made.height),
        (Format::Jpeg, 150, 100)
    );
    let made = rendered(&source, "w=150", "*/*");
    assert_eq!((made.width, made.height), (150, 100));
}

#[test]
fn facts_need_no_pixels_where_these_are_damaged() {
    let mut source = samples::png(&samples::drawing(120, 80));
    source.truncate(60);
    let Outcome::Facts(facts) = outcome(&source, "w=60,f=json", ALL) else {
        panic!("no facts");
    };
    assert_eq!(
        facts.to_json(),
        "{\"width\":60,\"height\":40,\"original\":{\"file_size\":60,\"width\":120,\"height\":80,\
         \"format\":\"image/png\"}}"
    );
}

#[test]
fn errors_say_whose_fault_they_are() {
    use base::{Failure, Fault};
    let limits = Limits::default();
    let tried = |source: &[u8], options: &str| {
        let variant = samples::variant(options, ALL);
        render(source, &variant, &limits, &|| false).unwrap_err()
    };
    let small = samples::png(&samples::drawing(8, 8));
    let cut = samples::png(&samples::photograph(64, 64));
    let cut = &cut[..cut.len() / 2];
    let cases = [
        (tried(b"<html>", ""), Fault::Origin, 415, 9412),
        (tried(cut, "w=4"), Fault::Origin, 422, 9516),
        (
            tried(&small, "w=20000,fit=contain"),
            Fault::Client,
            403,
            9413,
        ),
    ];
    for (error, fault, status, cf_code) in cases {
        assert_eq!(error.fault(), fault, "{error}");
        assert_eq!(error.status().as_u16(), status, "{error}");
        assert_eq!(error.cf_code(), cf_code, "{error}");
        assert!(error.code().starts_with("image."), "{error}");
    }
    let wrong: ImageError = crate::Transform::parse("w=x").unwrap_err().into();
    assert_eq!((wrong.cf_code(), wrong.status().as_u16()), (9401, 400));
}

#[test]
fn a_source_that_is_too_large_is_refused_before_it_is_read() {
    let source = samples::png(&samples::drawing(64, 64));
    let variant = samples::variant("", ALL);
    let limits = Limits {
        max_pixels: 64 * 63,
        ..Limits::default()
    };
    let refused = render(&source, &variant, &limits, &|| panic!("asked to go on"));
    assert!(matches!(refused, Err(ImageError::SourcePixels { .. })));
    let limits = Limits {
        max_output_side: 63,
        ..Limits::default()
    };
    let Outcome::Original(original) = render(&source, &variant, &limits, &|| false).unwrap() else {
        panic!("made anew");
    };
    assert!(original.reason.contains("too large"));
}

#[test]
fn cancelling_works_at_every_stage() {
    let source = samples::jpeg(&samples::photograph(300, 200), 90, true);
    let variant = samples::variant("w=100,blur=3,f=auto", ALL);
    let asked = std::cell::Cell::new(0);
    let mut stage = 0;
    // Calls the work off at the first question, then the second, and so on until none is left.
    loop {
        asked.set(0);
        let cancel = || {
            asked.set(asked.get() + 1);
            asked.get() > stage
        };
        match render(&source, &variant, &Limits::default(), &cancel) {
            Err(error) => assert_eq!(error, ImageError::Cancelled, "question {stage}"),
            Ok(_) => break,
        }
        stage += 1;
    }
    assert!(stage >= 4, "{stage} questions");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Files with flipped bytes give a picture or an error, never a panic.
    #[test]
    fn damaged_files_are_survived(
        kind in 0..5_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        options in prop::sample::select(vec!["", "w=10", "w=9,h=9,fit=cover,g=auto", "anim=false"]),
    ) {
        let picture = samples::photograph(40, 30);
        let mut source = match kind {
            0 => samples::jpeg(&picture, 80, true),
            1 => samples::jpeg(&picture, 80, false),
            2 => samples::png(&picture),
            3 => samples::webp(&picture, false),
            _ => samples::gif(8, 8, &[vec![1; 64], vec![2; 64]]),
        };
        for (place, value) in flips {
            let place = place.index(source.len());
            source[place] ^= value;
        }
        let input = [options.as_bytes(), b"\n", &source].concat();
        crate::fuzz::picture(&input);
    }

    #[test]
    fn results_have_the_size_that_was_asked(
        size in (1..60_usize, 1..60_usize),
        bounds in (1..80_u32, 1..80_u32),
        orientation in 1..=8_u8,
        gravity in prop::sample::select(vec!["auto", "left", "0.3x0.7"]),
    ) {
        let exif = samples::exif_orientation(orientation);
        let stored = samples::drawing(size.0, size.1);
        let source = samples::png_with(&stored, |info| info.exif_metadata = Some(exif.into()));
        let (width, height) = bounds;
        let options = format!("w={width},h={height},fit=cover,g={gravity},f=png");
        if let Outcome::Rendered(made) = outcome(&source, &options, ALL) {
            let picture = pixels(&made.bytes);
            prop_assert_eq!((picture.width as u32, picture.height as u32), bounds);
        } else {
            prop_assert_eq!((stored.width as u32, stored.height as u32), bounds);
        }
    }
}
