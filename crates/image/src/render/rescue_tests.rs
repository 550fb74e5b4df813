//! Pictures that keep every pixel.

use super::*;
use crate::PolicySettings;
use crate::samples::{self, pixels};

const ALL: &str = "image/webp,*/*";

fn exactly(source: &[u8], options: &str) -> Outcome {
    let policy = PolicySettings {
        lossy: false,
        ..PolicySettings::default()
    };
    let variant = samples::variant_by(options, ALL, &policy);
    render(source, &variant, &Limits::default(), &|| false).unwrap()
}

fn rescued(outcome: Outcome) -> Rendered {
    match outcome {
        Outcome::Rendered(rendered) if rendered.rescued => rendered,
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_no_pixel_may_change_a_jpeg_becomes_progressive() {
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let exif = samples::exif_orientation(6);
    let photograph = samples::photograph(640, 480);
    // Far better than the quality of the settings, which would make it smaller.
    let source = samples::jpeg_with(&photograph, 98, false, Some(&icc), Some(&exif));
    let made = rescued(exactly(&source, ""));
    assert_eq!(pixels(&made.bytes), pixels(&source));
    assert!(made.outline.preview < made.outline.length / 2);
    assert!(made.bytes.len() <= source.len() * 101 / 100);
    let map = jpeg::map_scans(&made.bytes, &jpeg::Limits::default()).unwrap();
    assert_eq!(map.icc(&made.bytes), Some(icc));
    let probe = probe(&made.bytes, &Limits::default()).unwrap();
    assert_eq!(probe.orientation, Orientation::from_exif(6));
}

#[test]
fn others_are_passed_on_and_sizes_are_made_all_the_same() {
    let photograph = samples::photograph(200, 150);
    let progressive = samples::jpeg(&photograph, 98, true);
    for source in [&progressive, &samples::png(&photograph)] {
        match exactly(source, "") {
            Outcome::Original(original) => {
                assert_eq!(original.reason, "no pixel of it may change");
                let scans = original.outline.scans.len();
                assert_eq!(scans > 1, original.format == Format::Jpeg);
            }
            other => panic!("{other:?}"),
        }
    }
    let baseline = samples::jpeg(&photograph, 98, false);
    for options in ["w=100", "q=50", "f=png"] {
        match exactly(&baseline, options) {
            Outcome::Rendered(made) => assert!(!made.rescued, "{options}"),
            other => panic!("{options}: {other:?}"),
        }
    }
}

#[test]
fn metadata_that_must_go_goes() {
    let exif = samples::exif_orientation(1);
    let photograph = samples::photograph(300, 200);
    for progressive in [false, true] {
        let source = samples::jpeg_with(&photograph, 90, progressive, None, Some(&exif));
        let made = rescued(exactly(&source, "metadata=none"));
        assert_eq!(pixels(&made.bytes), pixels(&source));
        let map = jpeg::map_scans(&made.bytes, &jpeg::Limits::default()).unwrap();
        assert_eq!(map.exif, None);
    }
}

#[test]
fn a_second_picture_behind_the_first_is_not_lost() {
    let photograph = samples::photograph(300, 200);
    let mut source = samples::jpeg(&photograph, 90, false);
    let second = samples::jpeg(&samples::photograph(75, 50), 70, false);
    source.extend_from_slice(&second);
    assert!(matches!(exactly(&source, ""), Outcome::Original(_)));
}
