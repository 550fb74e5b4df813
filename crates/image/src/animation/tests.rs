//! Frames in, frames out.

use std::io::Cursor;

use super::*;
use crate::samples::{self, near, pixel};
use crate::{Limits, Outcome, Rendered, probe, render};

const ALL: &str = "image/webp,*/*";
/// Red, green and black in the palette of [`samples::gif`], and its transparent place.
const BLACK: u8 = 0;
const RED: u8 = 1;
const GREEN: u8 = 2;
const NOTHING: u8 = 3;

/// A picture of one colour with a square of another.
fn squared(ground: u8, square: u8, left: usize) -> Vec<u8> {
    let places = (0..30).flat_map(|y| (0..40).map(move |x| (x, y)));
    places
        .map(
            |(x, y)| match (left..left + 8).contains(&x) && (10..18).contains(&y) {
                true => square,
                false => ground,
            },
        )
        .collect()
}

/// A square that moves from left to right.
fn moving() -> Vec<u8> {
    let frames: Vec<_> = (0..4)
        .map(|step| squared(BLACK, RED, 4 + step * 8))
        .collect();
    samples::gif(40, 30, &frames)
}

fn rendered(source: &[u8], options: &str) -> Rendered {
    samples::rendered(source, options, ALL)
}

/// The frames of an animated WebP, and how long each is shown.
fn frames(file: &[u8]) -> Vec<(Picture, u32)> {
    let header = probe(file, &Limits::default()).unwrap();
    assert!(header.animated);
    let mut frames = webp::open(file, &header).unwrap();
    let mut all = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        all.push((frame.picture, frame.duration));
    }
    all
}

fn reason(source: &[u8], options: &str, accept: &'static str, limits: &Limits) -> String {
    let variant = samples::variant(options, accept);
    match render(source, &variant, limits, &|| false).unwrap() {
        Outcome::Original(original) => original.reason,
        other => panic!("{options}: {other:?}"),
    }
}

#[test]
fn every_frame_of_a_gif_is_made() {
    let made = rendered(&moving(), "width=20,format=webp");
    assert_eq!((made.width, made.height), (20, 15));
    let frames = frames(&made.bytes);
    assert_eq!(frames.len(), 4);
    for (step, (picture, duration)) in frames.iter().enumerate() {
        assert_eq!((picture.width, picture.height, *duration), (20, 15, 100));
        for place in 0..4 {
            let expected = if place == step {
                [255, 0, 0, 255]
            } else {
                [0, 0, 0, 255]
            };
            let seen = pixel(picture, 4 + place * 4, 7);
            assert!(
                seen.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 60),
                "{step} {place} {seen:?}"
            );
        }
    }
    assert_eq!(made.outline, outline_of(&made.bytes));
    assert!(
        made.outline.preview < made.outline.length,
        "the first frame shows first"
    );
}

#[test]
fn every_frame_of_an_animated_png_is_made() {
    let source = samples::apng();
    let made = rendered(&source, "width=20,format=webp");
    let frames = frames(&made.bytes);
    let durations: Vec<_> = frames.iter().map(|(_, duration)| *duration).collect();
    assert_eq!(durations, [250, 300, 100]);
    let (red, green, mixed) = ([255, 0, 0, 255], [0, 255, 0, 255], [127, 0, 128, 255]);
    for ((picture, _), [corner, beside]) in
        frames.iter().zip([[red, red], [green, red], [red, mixed]])
    {
        for (seen, expected) in [
            (pixel(picture, 2, 2), corner),
            (pixel(picture, 12, 7), beside),
        ] {
            let near = seen.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 40);
            assert!(near, "{seen:?} {expected:?}");
        }
    }
    let still = rendered(&source, "width=20,anim=false,format=png");
    let header = probe(&still.bytes, &Limits::default()).unwrap();
    assert!(!header.animated);
    // One that is cut off stays.
    let cut = &source[..source.len() - 20];
    let said = reason(cut, "width=20,format=webp", ALL, &Limits::default());
    assert_eq!(said, "the animation is cut off");
}

#[test]
fn only_what_changed_is_written() {
    let busy = |left| -> Vec<u8> {
        let places = squared(NOTHING, RED, left).into_iter().enumerate();
        let ground = |place: usize| (place * place / 7 % 3) as u8;
        places
            .map(|(place, value)| {
                if value == NOTHING {
                    ground(place)
                } else {
                    value
                }
            })
            .collect()
    };
    let pictures: Vec<_> = (0..4).map(|step| busy(4 + step * 8)).collect();
    let made = |frames: &[Vec<u8>]| {
        let source = samples::gif(40, 30, frames);
        rendered(&source, "width=36,format=webp").bytes.len()
    };
    let (first, all) = (made(&pictures[..1]), made(&pictures));
    assert!(all < 3 * first, "{all} {first}");
    // A frame that changes nothing prolongs the one before.
    let same = vec![squared(BLACK, RED, 4); 3];
    let made = rendered(&samples::gif(40, 30, &same), "width=36,format=webp");
    let frames = frames(&made.bytes);
    assert_eq!(
        frames
            .iter()
            .map(|(_, duration)| *duration)
            .collect::<Vec<_>>(),
        [300]
    );
}

#[test]
fn transparent_places_show_what_is_below() {
    let files = [squared(GREEN, GREEN, 4), squared(NOTHING, RED, 4)];
    let made = rendered(&samples::gif(40, 30, &files), "width=38,format=webp");
    let second = &frames(&made.bytes)[1].0;
    assert!(
        near(pixel(second, 30, 4), [0, 255, 0, 255]),
        "{:?}",
        pixel(second, 30, 4)
    );
    assert!(
        near(pixel(second, 8, 14), [255, 0, 0, 255]),
        "{:?}",
        pixel(second, 8, 14)
    );
}

#[test]
fn an_animated_webp_becomes_a_smaller_one() {
    let first = rendered(&moving(), "width=30,format=webp").bytes;
    for options in ["width=16", "width=16,format=auto", "width=16,rotate=90"] {
        let made = rendered(&first, options);
        assert_eq!(frames(&made.bytes).len(), 4, "{options}");
    }
    // At its own size it stays.
    assert!(reason(&first, "format=auto", ALL, &Limits::default()).contains("passed on"));
}

#[test]
fn who_knows_no_webp_gets_the_original() {
    let limits = Limits::default();
    for (options, accept) in [
        ("width=16,format=auto", "*/*"),
        ("width=16", ALL),
        ("width=16,format=jpeg", ALL),
    ] {
        let said = reason(&moving(), options, accept, &limits);
        assert!(said.contains("an animated GIF is passed on"), "{said}");
    }
    let still = rendered(&moving(), "width=16,format=webp,anim=false");
    assert!(!probe(&still.bytes, &limits).unwrap().animated);
}

#[test]
fn too_much_is_not_begun() {
    let frames: Vec<_> = (0..30).map(|_| squared(BLACK, RED, 4)).collect();
    let source = samples::gif(40, 30, &frames);
    let few = Limits {
        max_frames: 20,
        ..Limits::default()
    };
    assert!(reason(&source, "width=16,format=webp", ALL, &few).contains("more than 20 frames"));
    let small = Limits {
        max_animation_pixels: 30_000,
        ..Limits::default()
    };
    assert!(
        reason(&source, "width=16,format=webp", ALL, &small).contains("more than 30000 pixels")
    );
    let cut = &source[..source.len() - 9];
    assert!(reason(cut, "width=16,format=webp", ALL, &Limits::default()).contains("cut off"));
}

#[test]
fn loops_are_kept() {
    for (again, plays) in [(::gif::Repeat::Infinite, 0), (::gif::Repeat::Finite(4), 5)] {
        let mut bytes = Vec::new();
        let palette = [0, 0, 0, 255, 0, 0];
        let mut encoder = ::gif::Encoder::new(&mut bytes, 4, 4, &palette).unwrap();
        encoder.set_repeat(again).unwrap();
        for value in [0, 1] {
            let frame = ::gif::Frame {
                width: 4,
                height: 4,
                delay: 5,
                buffer: vec![value; 16].into(),
                ..::gif::Frame::default()
            };
            encoder.write_frame(&frame).unwrap();
        }
        drop(encoder);
        let made = rendered(&bytes, "width=2,format=webp");
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(&made.bytes)).unwrap();
        let times = match decoder.loop_count() {
            image_webp::LoopCount::Forever => 0,
            image_webp::LoopCount::Times(times) => times.get(),
        };
        assert_eq!(times, plays);
        let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
        assert_eq!(decoder.read_frame(&mut pixels).unwrap(), 50);
    }
}

#[test]
fn the_changed_part_is_found() {
    let blank = Picture::new(9, 7, Channels::Rgba, vec![0; 9 * 7 * 4]).unwrap();
    assert_eq!(changed(&blank, &blank), None);
    let mut dotted = blank.clone();
    for (x, y) in [(3, 5), (7, 3)] {
        dotted.data[(y * 9 + x) * 4] = 1;
    }
    assert_eq!(changed(&blank, &dotted), Some((2, 2, 6, 4)));
}
