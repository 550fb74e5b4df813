use super::*;
use crate::samples;

fn flat(width: usize, height: usize, pixel: [u8; 3]) -> Picture {
    Picture::new(width, height, Channels::Rgb, pixel.repeat(width * height)).unwrap()
}

/// Left half one colour, right half another.
fn halves(left: [u8; 3], right: [u8; 3]) -> Picture {
    let row = [left.repeat(40), right.repeat(20)].concat();
    Picture::new(60, 30, Channels::Rgb, row.repeat(30)).unwrap()
}

#[test]
fn the_dominant_colour_is_the_most_common_one() {
    assert_eq!(color(&flat(9, 7, [12, 200, 90])), "#0cc85a");
    assert_eq!(color(&halves([200, 10, 20], [0, 0, 255])), "#c80a14");
    let unseen = Picture::new(2, 2, Channels::Rgba, vec![0; 16]).unwrap();
    assert_eq!(color(&unseen), "#ffffff");
}

#[test]
fn a_black_picture_has_the_known_blurhash() {
    let hash = blurhash::encode(&flat(32, 24, [0; 3]));
    assert_eq!(hash, "L00000fQfQfQfQfQfQfQfQfQfQfQ");
}

/// The value of digits of base 83.
fn number(digits: &str) -> u32 {
    let all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
    digits
        .chars()
        .fold(0, |sum, digit| sum * 83 + all.find(digit).unwrap() as u32)
}

#[test]
fn a_blurhash_holds_the_mean_and_which_side_is_brighter() {
    let hash = blurhash::encode(&flat(30, 40, [10, 120, 250]));
    assert_eq!(number(&hash[2..6]), 10 << 16 | 120 << 8 | 250);
    assert_eq!(number(&hash[..1]), 2 + 3 * 9, "three across and four down");
    // The first wave across is brightest at the left.
    let red = |picture| number(&blurhash::encode(&picture)[6..8]) / (19 * 19);
    assert!(red(halves([250; 3], [5; 3])) > 9);
    assert!(red(halves([5; 3], [250; 3])) < 9);
}

/// What a reader of ThumbHash takes the mean colour for.
fn mean(hash: &[u8]) -> [u8; 3] {
    let header = u32::from(hash[0]) | u32::from(hash[1]) << 8 | u32::from(hash[2]) << 16;
    let part = |shift: u32| (header >> shift & 63) as f32;
    let (l, p, q) = (part(0) / 63.0, part(6) / 31.5 - 1.0, part(12) / 31.5 - 1.0);
    let blue = l - 2.0 / 3.0 * p;
    let red = (3.0 * l - blue + q) / 2.0;
    [red, red - q, blue].map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
}

#[test]
fn a_thumbhash_holds_mean_shape_and_transparency() {
    let hash = thumbhash::encode(&flat(64, 48, [40, 120, 200]));
    for (value, expected) in mean(&hash).iter().zip([40, 120, 200]) {
        assert!(value.abs_diff(expected) <= 6, "{:?}", mean(&hash));
    }
    let landscape = |hash: &[u8]| hash[4] & 128 != 0;
    assert!(landscape(&hash));
    assert!(!landscape(&thumbhash::encode(&flat(48, 64, [9; 3]))));
    assert_eq!(hash[2] & 128, 0, "opaque");
    let clear = Picture::new(8, 8, Channels::Rgba, [90, 90, 90, 0].repeat(64)).unwrap();
    assert_ne!(thumbhash::encode(&clear)[2] & 128, 0, "transparent");
    // 7 by 5 waves of brightness, 3 by 3 of each pair of colours.
    assert_eq!(thumbhash::encode(&halves([9; 3], [250; 3])).len(), 5 + 14);
}

#[test]
fn all_of_a_photograph_fits_in_a_page() {
    let source = samples::jpeg(&samples::photograph(300, 200), 90, false);
    let variant = crate::choose(
        &crate::Transform::parse("format=json").unwrap(),
        &crate::Signals::default(),
        &crate::Policy::default(),
    )
    .variant;
    let never = &|| false;
    let (picture, photograph) = small(&source, &variant, 400, &Limits::default(), never).unwrap();
    let all = Placeholders::of(&picture, photograph, &variant, never).unwrap();
    assert!(all.lqip.len() < 700, "{}", all.lqip.len());
    assert!(
        all.thumbhash.len() <= 36 && all.blurhash.len() == 28,
        "{all:?}"
    );
}
