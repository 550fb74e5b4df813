//! BlurHash: a picture as a few cosine waves of linear light, in printable characters. The format
//! is that of <https://github.com/woltapp/blurhash/blob/master/Algorithm.md>.

use std::f32::consts::PI;

use crate::picture::Picture;

const DIGITS: &[u8; 83] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
/// Waves along the longer side and along the shorter one.
const WAVES: (usize, usize) = (4, 3);

/// The hash of a picture; what is transparent counts as white.
pub(super) fn encode(picture: &Picture) -> String {
    let flat = crate::effects::flatten(picture.clone(), crate::Colour::WHITE).into_colour();
    let (across, down) = match flat.width >= flat.height {
        true => WAVES,
        false => (WAVES.1, WAVES.0),
    };
    let linear: Vec<[f32; 3]> = flat
        .data
        .chunks_exact(3)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]].map(to_linear))
        .collect();
    let factors: Vec<[f32; 3]> = (0..down)
        .flat_map(|y| (0..across).map(move |x| (x, y)))
        .map(|(x, y)| factor(&linear, flat.width, flat.height, x, y))
        .collect();
    let (mean, waves) = factors
        .split_first()
        .map_or(([0.0; 3], &[][..]), |(m, w)| (*m, w));
    let most = waves.iter().flatten().map(|v| v.abs()).fold(0.0, f32::max);
    let quantised = (most * 166.0 - 0.5).floor().clamp(0.0, 82.0);
    let scale = (quantised + 1.0) / 166.0;
    let mut hash = String::with_capacity(6 + 2 * waves.len());
    digits(&mut hash, (across - 1 + (down - 1) * 9) as u32, 1);
    digits(&mut hash, quantised as u32, 1);
    let [red, green, blue] = mean.map(|value| u32::from(to_srgb(value)));
    digits(&mut hash, red << 16 | green << 8 | blue, 4);
    for wave in waves {
        let [red, green, blue] = wave.map(|value| {
            let root = (value / scale).abs().sqrt().copysign(value);
            (root * 9.0 + 9.5).floor().clamp(0.0, 18.0) as u32
        });
        digits(&mut hash, red * 19 * 19 + green * 19 + blue, 2);
    }
    hash
}

/// How strong one wave is, in each colour.
fn factor(linear: &[[f32; 3]], width: usize, height: usize, x: usize, y: usize) -> [f32; 3] {
    let cosine = |number: usize, at: usize, length: usize| {
        (PI * number as f32 * at as f32 / length as f32).cos()
    };
    let across: Vec<f32> = (0..width).map(|at| cosine(x, at, width)).collect();
    let mut sum = [0.0; 3];
    for (row, pixels) in linear.chunks_exact(width).enumerate() {
        let down = cosine(y, row, height);
        for (pixel, across) in pixels.iter().zip(&across) {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += value * across * down;
            }
        }
    }
    let weight = if x == 0 && y == 0 { 1.0 } else { 2.0 };
    sum.map(|sum| sum * weight / (width * height) as f32)
}

/// A number in so many digits of base 83.
fn digits(hash: &mut String, number: u32, count: u32) {
    for place in (0..count).rev() {
        let digit = number / 83_u32.pow(place) % 83;
        hash.push(char::from(DIGITS[digit as usize]));
    }
}

/// sRGB to linear light (IEC 61966-2-1).
fn to_linear(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    match value <= 0.04045 {
        true => value / 12.92,
        false => ((value + 0.055) / 1.055).powf(2.4),
    }
}

fn to_srgb(value: f32) -> u8 {
    let value = value.clamp(0.0, 1.0);
    let coded = match value <= 0.003_130_8 {
        true => value * 12.92,
        false => 1.055 * value.powf(1.0 / 2.4) - 0.055,
    };
    (coded * 255.0 + 0.5) as u8
}
