//! Effects on few pixels.

use super::*;
use crate::samples;

fn factor(thousandths: u32) -> Option<Factor> {
    Some(Factor::from_thousandths(thousandths))
}

fn grey(data: &[u8], width: usize) -> Picture {
    Picture::new(width, data.len() / width, Channels::Grey, data.to_vec()).unwrap()
}

fn applied(picture: Picture, effects: Effects) -> Picture {
    apply(picture, &effects, &|| false).unwrap()
}

#[test]
fn tones_change_as_their_factors_say() {
    let tones = |effects| applied(grey(&[0, 64, 128, 200, 255], 5), effects).data;
    let brightness = Effects {
        brightness: factor(500),
        ..Effects::default()
    };
    assert_eq!(tones(brightness), [0, 32, 64, 100, 128]);
    let contrast = Effects {
        contrast: factor(2000),
        ..Effects::default()
    };
    assert_eq!(tones(contrast), [0, 1, 129, 255, 255]);
    let gamma = Effects {
        gamma: factor(2000),
        ..Effects::default()
    };
    assert_eq!(tones(gamma), [0, 128, 181, 226, 255]);
    assert_eq!(tones(Effects::default()), [0, 64, 128, 200, 255]);
}

#[test]
fn saturation_moves_between_grey_and_colour() {
    let red = Picture::new(1, 1, Channels::Rgba, vec![200, 100, 100, 9]).unwrap();
    let saturated = |thousandths| {
        let effects = Effects {
            saturation: factor(thousandths),
            ..Effects::default()
        };
        applied(red.clone(), effects).data
    };
    assert_eq!(saturated(0), [130, 130, 130, 9]);
    assert_eq!(saturated(1000), red.data);
    assert_eq!(saturated(2000), [255, 70, 70, 9]);
}

/// A Gaussian blur the slow way: each pixel by weighing all.
fn slow_blur(picture: &Picture, deviation: f32) -> Vec<f32> {
    let weight = |distance: usize| {
        let distance = distance as f32 / deviation;
        (-distance * distance / 2.0).exp()
    };
    let (width, height) = (picture.width as i32, picture.height as i32);
    let reach = (deviation * 4.0) as i32;
    let one = |x: i32, y: i32| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let weight =
                    weight(dx.unsigned_abs() as usize) * weight(dy.unsigned_abs() as usize);
                let (x, y) = ((x + dx).clamp(0, width - 1), (y + dy).clamp(0, height - 1));
                sum += weight * f32::from(picture.data[(y * width + x) as usize]);
                weights += weight;
            }
        }
        sum / weights
    };
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| one(x, y))
        .collect()
}

#[test]
fn a_blur_is_nearly_a_gaussian() {
    let data: Vec<u8> = (0..40 * 30)
        .map(|place| if (place / 7) % 3 == 0 { 230 } else { 20 })
        .collect();
    let picture = grey(&data, 40);
    for radius in [1, 2, 4, 8] {
        let effects = Effects {
            blur: factor(radius * 1000),
            ..Effects::default()
        };
        let fast = applied(picture.clone(), effects).data;
        let slow = slow_blur(&picture, radius as f32 / 2.0);
        let squares = fast
            .iter()
            .zip(&slow)
            .map(|(fast, slow)| (f32::from(*fast) - slow).powi(2));
        let error = (squares.sum::<f32>() / fast.len() as f32).sqrt();
        // Of a contrast of 210.
        assert!(error < 5.0, "radius {radius}: {error}");
    }
}

#[test]
fn a_blur_wider_than_the_picture_is_even() {
    let effects = Effects {
        blur: factor(250_000),
        ..Effects::default()
    };
    let made = applied(grey(&[0, 0, 255, 255], 2), effects);
    assert!(
        made.data.iter().all(|value| value.abs_diff(128) < 6),
        "{:?}",
        made.data
    );
}

#[test]
fn a_blur_takes_no_colour_from_what_is_transparent() {
    let row = [[255, 0, 0, 255].repeat(8), [0, 255, 0, 0].repeat(8)].concat();
    let picture = Picture::new(16, 4, Channels::Rgba, row.repeat(4)).unwrap();
    let effects = Effects {
        blur: factor(4000),
        ..Effects::default()
    };
    for pixel in applied(picture, effects).data.chunks_exact(4) {
        assert!(
            pixel[3] < 8 || (pixel[0] > 230 && pixel[1] < 25),
            "{pixel:?}"
        );
    }
}

#[test]
fn sharpening_steepens_edges_and_keeps_flat_areas() {
    let row = [100, 100, 100, 100, 150, 150, 150, 150];
    let effects = Effects {
        sharpen: factor(2000),
        ..Effects::default()
    };
    let made = applied(grey(&row.repeat(3), 8), effects);
    let middle = &made.data[8..16];
    assert_eq!((middle[0], middle[7]), (100, 150));
    assert!(middle[3] < 100 && middle[4] > 150, "{middle:?}");
    let colour = samples::cut_out(30, 20);
    let alpha = |picture: &Picture| {
        picture
            .data
            .iter()
            .skip(3)
            .step_by(4)
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(alpha(&applied(colour.clone(), effects)), alpha(&colour));
}

#[test]
fn a_background_shows_through() {
    let pixels = vec![255, 0, 0, 255, 255, 0, 0, 0, 255, 0, 0, 128];
    let picture = Picture::new(3, 1, Channels::Rgba, pixels).unwrap();
    let flat = flatten(picture.clone(), Colour::WHITE);
    assert_eq!(flat.channels, Channels::Rgb);
    assert_eq!(flat.data, [255, 0, 0, 255, 255, 255, 255, 127, 127]);
    let faint = Colour {
        alpha: 128,
        ..Colour::WHITE
    };
    let half = flatten(picture, faint);
    assert_eq!(half.data[..8], [255, 0, 0, 255, 255, 255, 255, 128]);
    assert_eq!(half.data[11], 192);
}

#[test]
fn padding_centres_the_picture() {
    let padded = pad(grey(&[7; 4], 2), (4, 4), (1, 1), Colour::WHITE);
    assert_eq!(padded.channels, Channels::Grey);
    let middle = [
        255, 255, 255, 255, 255, 7, 7, 255, 255, 7, 7, 255, 255, 255, 255, 255,
    ];
    assert_eq!(padded.data, middle);
    let red = Colour::parse("red").unwrap();
    let padded = pad(grey(&[7; 4], 2), (3, 2), (0, 0), red);
    assert_eq!(
        padded.data,
        [7, 7, 7, 7, 7, 7, 255, 0, 0, 7, 7, 7, 7, 7, 7, 255, 0, 0]
    );
    let clear = pad(
        grey(&[7], 1),
        (3, 1),
        (1, 0),
        Colour::parse("transparent").unwrap(),
    );
    assert_eq!(clear.data, [0, 0, 0, 0, 7, 7, 7, 255, 0, 0, 0, 0]);
}

#[test]
fn effects_are_called_off() {
    for effects in [
        Effects {
            blur: factor(3000),
            ..Effects::default()
        },
        Effects {
            sharpen: factor(3000),
            ..Effects::default()
        },
    ] {
        let stopped = apply(grey(&[1; 9], 3), &effects, &|| true);
        assert_eq!(stopped, Err(ImageError::Cancelled));
    }
}
