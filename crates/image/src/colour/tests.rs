//! Profiles.

use moxcms::ColorProfile;

use super::*;
use crate::samples::{self, near, pixel, pixels};

fn rgb(data: &[u8]) -> Picture {
    Picture::new(data.len() / 3, 1, Channels::Rgb, data.to_vec()).unwrap()
}

fn converted(picture: Picture, icc: &[u8]) -> Picture {
    to_srgb(picture, Some(icc), &|| false).unwrap()
}

#[test]
fn srgb_changes_nothing() {
    let icc = ColorProfile::new_srgb().encode().unwrap();
    let picture = rgb(&[200, 30, 90, 12, 13, 14]);
    assert_eq!(converted(picture.clone(), &icc), picture);
}

#[test]
fn a_wide_profile_is_converted() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    // Display P3 (200, 100, 100) is about sRGB (213, 96, 98): the red is stronger.
    let made = converted(rgb(&[200, 100, 100, 128, 128, 128]), &icc);
    let red = &made.data[..3];
    assert!(red[0] > 206 && red[0] < 220 && red[1] < 100, "{red:?}");
    // Grey is grey in both.
    assert!(
        made.data[3..].iter().all(|value| value.abs_diff(128) <= 1),
        "{made:?}"
    );
}

#[test]
fn alpha_passes_a_conversion() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let picture = Picture::new(1, 1, Channels::Rgba, vec![200, 100, 100, 77]).unwrap();
    let made = converted(picture, &icc);
    assert_eq!(made.data[3], 77);
    assert!(made.data[0] > 206);
}

#[test]
fn a_profile_of_a_file_is_respected() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let even = Picture::new(32, 32, Channels::Rgb, [200, 100, 100].repeat(1024)).unwrap();
    let jpeg = samples::jpeg_with(&even, 95, true, Some(&icc), None);
    let expected = pixel(&converted(even.clone(), &icc), 0, 0);
    assert!(near(pixel(&pixels(&jpeg), 9, 9), expected));
    assert!(!near(pixel(&even, 9, 9), expected) || expected[0] > 206);
    let png = samples::png_with(&even, |info| info.icc_profile = Some(icc.into()));
    assert_eq!(pixel(&pixels(&png), 9, 9), expected);
}

#[test]
fn grey_profiles_change_grey() {
    let icc = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let picture = Picture::new(3, 1, Channels::Grey, vec![0, 55, 255]).unwrap();
    let made = converted(picture, &icc);
    assert_eq!(made.channels, Channels::Grey);
    // Linear 55/255 is about 128 in sRGB.
    assert!(made.data[1].abs_diff(128) < 4, "{:?}", made.data);
    assert_eq!((made.data[0], made.data[2]), (0, 255));
}

#[test]
fn unreadable_and_foreign_profiles_count_as_absent() {
    let picture = rgb(&[200, 30, 90]);
    let grey = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    for icc in [
        &b""[..],
        b"nonsense",
        &grey,
        &p3[..p3.len() / 2],
        &vec![0; MAX_PROFILE + 1],
    ] {
        assert_eq!(converted(picture.clone(), icc), picture);
    }
}

#[test]
fn ink_becomes_light() {
    let inks = [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 128, 0, 128];
    for icc in [None, Some(&b"nonsense"[..])] {
        let light = cmyk_to_rgb(&inks, 2, icc, &|| false).unwrap();
        assert_eq!(light, [255, 255, 255, 0, 255, 255, 0, 0, 0, 127, 63, 127]);
    }
}

#[test]
fn conversion_is_called_off() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let stopped = to_srgb(rgb(&[1, 2, 3]), Some(&icc), &|| true);
    assert_eq!(stopped, Err(ImageError::Cancelled));
    assert_eq!(
        cmyk_to_rgb(&[0; 4], 1, None, &|| true),
        Err(ImageError::Cancelled)
    );
}
