//! Files of our own writer, and what hostile ones are made of.

use super::*;
use crate::{Channels, Effort, Options, encode};

fn made(channels: Channels) -> Vec<u8> {
    let options = Options {
        quantizer: 100,
        alpha_quantizer: 100,
        full_colour: false,
        effort: Effort::Quick,
        outside: None,
        shown: true,
    };
    let mut pixels = vec![90; 24 * 16 * channels.count()];
    for (place, value) in pixels.iter_mut().enumerate().step_by(7) {
        *value = (place % 256) as u8;
    }
    encode(&pixels, channels, (24, 16), &options, &|| false)
        .unwrap()
        .bytes
}

fn find(file: &[u8], name: &[u8]) -> usize {
    file.windows(name.len())
        .position(|part| part == name)
        .unwrap()
}

#[test]
fn our_own_files_are_read() {
    let file = made(Channels::Rgba);
    let still = Still::read(&file).unwrap();
    assert_eq!((still.width, still.height, still.orientation), (24, 16, 1));
    let numbers = Numbers {
        primaries: 1,
        transfer: 13,
        matrix: 6,
        full_range: true,
    };
    assert_eq!(still.numbers, Some(numbers));
    assert_eq!((still.profile, still.exif), (None, None));
    assert!(!still.animated && !still.premultiplied);
    let alpha = still.alpha.unwrap();
    // A sequence header begins each.
    for pieces in [&still.colour, &alpha] {
        assert_eq!(pieces.len(), 1);
        assert_eq!(file[pieces[0].start] >> 3, 1);
    }
    assert_eq!(still.colour[0].end, file.len());
    assert_eq!(alpha[0].end, still.colour[0].start);
    assert_eq!(Still::read(&made(Channels::Grey)).unwrap().alpha, None);
}

#[test]
fn what_is_cut_off_is_refused() {
    let file = made(Channels::Rgba);
    for end in 0..file.len() {
        assert!(Still::read(&file[..end]).is_err(), "{end}");
    }
}

#[test]
fn places_outside_of_the_file_are_refused() {
    let mut file = made(Channels::Rgb);
    let length = find(&file, b"iloc") + 4 + 4 + 2 + 2 + 6 + 4;
    file[length] = 0x7F;
    assert_eq!(Still::read(&file), Err(Damaged("it is cut off")));
}

#[test]
fn tiles_and_other_codings_are_refused() {
    let mut file = made(Channels::Rgb);
    let kind = find(&file, b"av01");
    file[kind..kind + 4].copy_from_slice(b"grid");
    assert_eq!(Still::read(&file), Err(Unsupported("made of tiles")));
    file[kind..kind + 4].copy_from_slice(b"hvc1");
    assert_eq!(Still::read(&file), Err(Unsupported("not coded as AV1")));
}

#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    let mut file = made(Channels::Rgb);
    let name = find(&file, b"pixi");
    file[name..name + 4].copy_from_slice(b"clap");
    assert_eq!(Still::read(&file), Err(Unsupported("cut out")));
    file[name..name + 4].copy_from_slice(b"new!");
    assert!(Still::read(&file).is_ok(), "it need not be understood");
    let name = find(&file, b"av1C");
    file[name..name + 4].copy_from_slice(b"new!");
    assert_eq!(
        Still::read(&file),
        Err(Unsupported("described in an unknown way"))
    );
}

/// Where a pixel of a picture of 3 × 2 is after turns to the left and a mirror.
fn turned(quarters: u64, mirror: Option<u64>, (mut x, mut y): (i32, i32)) -> (i32, i32) {
    let (mut width, mut height) = (3, 2);
    for _ in 0..quarters {
        (x, y) = (y, width - 1 - x);
        (width, height) = (height, width);
    }
    match mirror {
        None => (x, y),
        Some(0) => (x, height - 1 - y),
        Some(_) => (width - 1 - x, y),
    }
}

/// The same by EXIF (Exif 3.0 §4.6.4): where the first row and the first column are.
fn by_exif(number: u16, (x, y): (i32, i32)) -> (i32, i32) {
    let (right, bottom) = (2 - x, 1 - y);
    match number {
        1 => (x, y),
        2 => (right, y),
        3 => (right, bottom),
        4 => (x, bottom),
        5 => (y, x),
        6 => (bottom, x),
        7 => (bottom, right),
        _ => (y, right),
    }
}

#[test]
fn turns_and_mirrors_are_those_of_exif() {
    for quarters in 0..4 {
        for mirror in [None, Some(0), Some(1)] {
            let number = orientation(quarters, mirror);
            for place in [(0, 0), (2, 0), (0, 1), (1, 1)] {
                assert_eq!(
                    turned(quarters, mirror, place),
                    by_exif(number, place),
                    "{quarters} {mirror:?} {number}"
                );
            }
        }
    }
}
