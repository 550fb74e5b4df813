//! The badge of the sample page: a lens on a transparent ground, with soft edges and a shadow.

use crate::photo::tone::{Tone, smooth};

/// RGBA pixels of the badge, `side × side`.
pub fn lens(side: u32) -> Vec<u8> {
    let mut pixels = Vec::with_capacity((side * side * 4) as usize);
    for y in 0..side {
        for x in 0..side {
            let place = |value: u32| (value as f32 + 0.5) / side as f32 * 2.0 - 1.0;
            let (light, alpha) = glass(place(x), place(y), 2.0 / side as f32);
            for channel in [light.0, light.1, light.2, alpha] {
                pixels.push((channel.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        }
    }
    pixels
}

/// Colour and opacity at a place, −1..1 from the left and from the top.
fn glass(x: f32, y: f32, pixel: f32) -> (Tone, f32) {
    let radius = x.hypot(y);
    let inside = |limit: f32| smooth(limit + pixel, limit - pixel, radius);
    let shadow = smooth(0.98, 0.60, x.hypot(y - 0.10)) * 0.45;
    let body = inside(0.82);
    let barrel = 0.22 + 0.10 * (y * -1.2 + x * -0.5);
    let mut light = Tone(barrel, barrel * 1.02, barrel * 1.08);
    light = light.mix(Tone(0.95, 0.56, 0.28), inside(0.72) - inside(0.69));
    let deep = Tone(0.05, 0.07, 0.12).mix(Tone(0.16, 0.26, 0.48), smooth(0.6, 0.0, radius));
    light = light.mix(deep, inside(0.64));
    // The aperture: six blades.
    let angle = y.atan2(x);
    let sector = std::f32::consts::FRAC_PI_3;
    let blade = radius * ((angle.rem_euclid(sector)) - sector / 2.0).cos();
    light = light.mix(
        Tone(1.0, 0.62, 0.26),
        smooth(0.31 + pixel, 0.31 - pixel, blade) * 0.95,
    );
    light = light.mix(
        Tone(1.0, 0.90, 0.70),
        smooth(0.30, 0.05, (x + 0.04).hypot(y + 0.05)),
    );
    let shine = smooth(0.34, 0.10, (x + 0.26).hypot((y + 0.34) * 1.3)) * inside(0.64);
    light = light.mix(Tone::grey(1.0), shine * 0.6);
    let alpha = body + (1.0 - body) * shadow;
    (light * (body / alpha.max(1e-3)), alpha)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_badge_is_opaque_in_the_middle_and_clear_in_the_corners() {
        let pixels = super::lens(60);
        let alpha = |x: usize, y: usize| pixels[(y * 60 + x) * 4 + 3];
        assert_eq!(pixels.len(), 60 * 60 * 4);
        assert_eq!((alpha(30, 30), alpha(0, 0)), (255, 0));
        assert!(
            pixels.chunks(4).any(|pixel| (1..255).contains(&pixel[3])),
            "no soft edge"
        );
    }
}
