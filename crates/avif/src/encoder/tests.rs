//! What comes back of what was put in.

use super::*;

/// Soft shapes and an edge.
fn picture(width: usize, height: usize, channels: Channels) -> Vec<u8> {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places
        .flat_map(|(x, y)| {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let light = 120.0 + 80.0 * (u * 5.0 + v * 3.0).sin() + 30.0 * (v - u).signum();
            let pixel = [light, light * 0.8, 255.0 - light, 255.0 * u];
            let pixel = pixel.map(|value| value.clamp(0.0, 255.0) as u8);
            pixel.into_iter().take(channels.count())
        })
        .collect()
}

const OPTIONS: Options = Options {
    quantizer: 60,
    alpha_quantizer: 60,
    full_colour: true,
    effort: Effort::Quick,
    outside: None,
    shown: true,
};

fn made(pixels: &[u8], channels: Channels, size: (usize, usize), options: &Options) -> Encoded {
    encode(pixels, channels, size, options, &|| false).unwrap()
}

fn seen(encoded: &Encoded) -> Vec<u8> {
    encoded.shown.clone().unwrap()
}

/// The mean difference of a channel's values.
fn off(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let sum: u64 = one
        .iter()
        .zip(other)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / one.len() as f64
}

#[test]
fn every_form_comes_back_nearly_as_it_was() {
    for channels in [Channels::Grey, Channels::Rgb] {
        for full_colour in [true, false] {
            let options = Options {
                full_colour,
                ..OPTIONS
            };
            let pixels = picture(65, 47, channels);
            let encoded = made(&pixels, channels, (65, 47), &options);
            let off = off(&pixels, &seen(&encoded));
            assert!(off < 3.0, "{channels:?} {full_colour} {off}");
            assert!(encoded.bytes.len() < pixels.len() / 2);
        }
    }
}

#[test]
fn transparency_comes_back() {
    let pixels = picture(64, 48, Channels::Rgba);
    let shown = seen(&made(&pixels, Channels::Rgba, (64, 48), &OPTIONS));
    for (before, after) in pixels.chunks_exact(4).zip(shown.chunks_exact(4)) {
        assert!(before[3].abs_diff(after[3]) < 16, "{before:?} {after:?}");
    }
}

#[test]
fn a_coarser_step_costs_quality_and_saves_bytes() {
    let pixels = picture(96, 64, Channels::Rgb);
    let at = |quantizer| {
        let options = Options {
            quantizer,
            ..OPTIONS
        };
        let encoded = made(&pixels, Channels::Rgb, (96, 64), &options);
        (encoded.bytes.len(), off(&pixels, &seen(&encoded)))
    };
    let ((fine_bytes, fine_off), (coarse_bytes, coarse_off)) = (at(30), at(200));
    assert!(fine_bytes > coarse_bytes && fine_off < coarse_off);
}

#[test]
fn the_smallest_and_the_oddest_sizes_are_made() {
    for size in [(1, 1), (1, 9), (17, 3), (5, 33)] {
        for channels in [Channels::Grey, Channels::Rgb, Channels::Rgba] {
            for effort in [Effort::Quick, Effort::Thorough] {
                let options = Options {
                    full_colour: false,
                    effort,
                    ..OPTIONS
                };
                let pixels = picture(size.0, size.1, channels);
                let encoded = made(&pixels, channels, size, &options);
                assert_eq!(seen(&encoded).len(), pixels.len(), "{size:?} {channels:?}");
            }
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused =
        |pixels: &[u8], size| encode(pixels, Channels::Rgb, size, &OPTIONS, &|| false).unwrap_err();
    assert_eq!(refused(&[], (0, 1)), AvifError::Side(0));
    assert_eq!(
        refused(&[0; 3], (MAX_SIDE + 1, 1)),
        AvifError::Side(MAX_SIDE + 1)
    );
    assert_eq!(refused(&[0; 4], (1, 1)), AvifError::Mismatch);
    let called_off = encode(&[0; 3], Channels::Rgb, (1, 1), &OPTIONS, &|| true);
    assert_eq!(called_off.unwrap_err(), AvifError::Cancelled);
}
