//! Pictures to test with, made here, and how alike two of them are.

use firstlight_jpeg::{DecodeOptions, Pixels, decode};

/// A picture with natural statistics: noise whose amplitude falls with its frequency, over a
/// gradient, with an edge through it. The same for the same arguments.
pub fn natural(width: usize, height: usize, seed: u32) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let texture = octaves(x, y, seed, 8);
            let colour = octaves(x, y, seed ^ 0x5555, 3);
            let sky = 40.0 * y as f32 / height as f32;
            let edge = if x * 2 > y + width / 3 { 25.0 } else { -10.0 };
            let light = 110.0 + sky + edge + texture;
            for tint in [0.9, 0.1, -0.8] {
                rgb.push((light + tint * colour).clamp(0.0, 255.0) as u8);
            }
        }
    }
    rgb
}

/// Smoothly interpolated noise, each octave of twice the frequency and less strength.
fn octaves(x: usize, y: usize, seed: u32, count: u32) -> f32 {
    let mut sum = 0.0;
    let mut strength = 60.0;
    for octave in 0..count {
        let cell = 256usize >> octave;
        let (fx, fy) = (
            (x % cell) as f32 / cell as f32,
            (y % cell) as f32 / cell as f32,
        );
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let corner = |dx: usize, dy: usize| hash(x / cell + dx, y / cell + dy, seed + octave);
        let top = corner(0, 0) + smooth(fx) * (corner(1, 0) - corner(0, 0));
        let bottom = corner(0, 1) + smooth(fx) * (corner(1, 1) - corner(0, 1));
        sum += strength * (top + smooth(fy) * (bottom - top));
        strength *= 0.7;
    }
    sum
}

/// A number from −1 to 1 that looks random.
fn hash(x: usize, y: usize, seed: u32) -> f32 {
    let mut value = (x as u32).wrapping_mul(0x9E37_79B1)
        ^ (y as u32).wrapping_mul(0x85EB_CA77)
        ^ seed.wrapping_mul(0xC2B2_AE3D);
    value ^= value >> 15;
    value = value.wrapping_mul(0x2C1B_3C6D);
    value ^= value >> 12;
    value = value.wrapping_mul(0x297A_2D39);
    value ^= value >> 15;
    value as f32 / (u32::MAX / 2) as f32 - 1.0
}

/// Peak signal to noise in decibels; infinite for equal pixels.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len(), "pictures of different sizes");
    let error: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / error).log10()
}

/// The pixels of a file that must decode to RGB or grey.
pub fn pixels(file: &[u8], options: &DecodeOptions<'_>) -> Vec<u8> {
    match decode(file, options).expect("decodes").pixels {
        Pixels::Rgb8(data) | Pixels::Gray8(data) => data,
        Pixels::Cmyk8(_) => panic!("no test here makes four components"),
    }
}
