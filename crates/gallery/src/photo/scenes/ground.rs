//! What lies on the ground.

use super::stamp::{Spot, Stamp, lay, scatter};
use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::tone::{Tone, smooth};

/// Autumn leaves on one another.
pub fn leaves(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let soil = Canvas::paint(frame.width, frame.height, |x, y| {
        let (x, y) = frame.place(x, y);
        let crumb = noise.other(1).fractal(x * 12.0, y * 12.0, 5, 0.6);
        Tone(0.035, 0.026, 0.018) * (1.0 + crumb)
    });
    let mut stamps = Vec::new();
    for leaf in scatter(frame, 1000, (0.12, 0.28), 1.5) {
        stamps.push(leaf);
        stamps.push(Stamp {
            place: (leaf.place.0 + 0.016, leaf.place.1 - 0.022),
            seed: leaf.seed | SHADOW,
            ..leaf
        });
    }
    let canvas = lay(frame, &soil, &stamps, |stamp, spot| {
        leaf(noise, stamp, spot)
    });
    let camera = Camera {
        exposure: 1.15,
        vignette: 0.35,
        ..Camera::default()
    };
    (canvas, camera)
}

/// Marks a leaf's shadow; the other bits are the leaf's.
const SHADOW: u32 = 1 << 31;

fn leaf(noise: Noise, stamp: &Stamp, spot: &Spot) -> (Tone, f32) {
    let shadow = stamp.seed & SHADOW != 0;
    let own = Stamp {
        seed: stamp.seed & !SHADOW,
        ..*stamp
    };
    let (u, v) = (spot.u, spot.v);
    let lobed = own.unit(1) < 0.45;
    let inside = if lobed { maple(u, v) } else { beech(u, v) };
    if shadow {
        return (Tone::default(), 0.34 * smooth(-0.07, 0.12, inside));
    }
    let offset = own.unit(2) * 90.0;
    let rough = noise.other(3).at(u * 9.0 + offset, v * 9.0) * 0.02;
    let cover = smooth(-spot.pixel, spot.pixel, inside + rough);
    if cover <= 0.0 {
        return (Tone::default(), 0.0);
    }
    let mottle = noise.other(4).fractal(u * 2.2 + offset, v * 2.2, 5, 0.58);
    let vein = if lobed {
        maple_veins(u, v)
    } else {
        beech_veins(u, v)
    };
    let (light, dark) = colours(own.unit(5));
    let mut tone = dark.mix(light, (0.5 + 0.75 * mottle).clamp(0.0, 1.0));
    let rim = smooth(0.16, 0.0, inside) * (0.35 + 0.4 * mottle);
    tone = tone.mix(Tone(0.10, 0.05, 0.025), rim.clamp(0.0, 0.8));
    let spots = smooth(0.42, 0.60, noise.other(5).at(u * 7.0 - offset, v * 7.0));
    tone = tone.mix(Tone(0.05, 0.03, 0.02), 0.6 * spots);
    tone = tone.mix(light * 1.35 + Tone::grey(0.02), vein * 0.55);
    // A leaf is bent along its middle and curls; each half meets the light in its own way.
    let (sine, cosine) = own.angle.sin_cos();
    let bend = 0.55 * (v * 5.0).clamp(-1.0, 1.0) + 0.5 * v - 0.3 * u;
    let swell = noise.other(6).at(u * 1.7 + offset, v * 1.7 + 3.0);
    let facing = 0.95 + 0.34 * bend * (cosine * 0.8 - sine * 0.5) + 0.55 * swell;
    let gloss = smooth(1.15, 1.7, facing + 0.25 * vein) * (0.08 + 0.10 * own.unit(8));
    (
        (tone * (0.78 * facing.max(0.15)) + Tone(0.8, 0.9, 1.0) * gloss) * cover,
        cover,
    )
}

/// Distance inside the edge of an egg-shaped, pointed leaf with fine teeth; negative outside.
fn beech(u: f32, v: f32) -> f32 {
    let along = (u + 0.9) / 1.8;
    if !(0.0..=1.0).contains(&along) {
        // The stalk.
        return if u < 0.0 { 0.018 - v.abs() } else { -1.0 };
    }
    let width = 0.46
        * (std::f32::consts::PI * along.powf(0.8))
            .sin()
            .max(0.0)
            .powf(0.85);
    let teeth = 0.012 * ((u * 46.0).fract() - 0.5).abs();
    (width - teeth - v.abs()).max(if along < 0.3 { 0.016 - v.abs() } else { -1.0 })
}

fn beech_veins(u: f32, v: f32) -> f32 {
    let middle = (-(v / 0.014) * (v / 0.014)).exp();
    let side = ((u - v.abs() * 0.85) * 8.5).fract();
    let side = (side.abs().min(1.0 - side.abs()) / 0.06).powi(2);
    middle + 0.7 * (-side).exp()
}

/// Distance inside a leaf of five lobes.
fn maple(u: f32, v: f32) -> f32 {
    let (u, radius) = (u + 0.12, (u + 0.12).hypot(v));
    let angle = v.atan2(u);
    let lobe = (2.5 * angle).cos().abs();
    let teeth = 0.05 * ((angle * 9.0).sin() * 1.7).sin();
    let size = 0.36 + 0.50 * lobe * (1.0 - 0.10 * angle.abs()) + teeth;
    let blade = if angle.abs() > 2.75 { 0.2 } else { size } - radius;
    let stalk = if u < 0.0 { 0.016 - v.abs() } else { -1.0 };
    (blade * 0.6).max(stalk)
}

fn maple_veins(u: f32, v: f32) -> f32 {
    let (u, radius) = (u + 0.12, (u + 0.12).hypot(v));
    let angle = v.atan2(u);
    let sector = std::f32::consts::TAU / 5.0;
    let off = (angle / sector).round() * sector - angle;
    let main = (-(off * radius / 0.013).powi(2)).exp();
    let side = ((radius - off.abs() * radius * 1.4) * 9.0).fract();
    let side = (-(side.min(1.0 - side) / 0.07).powi(2)).exp();
    main + 0.4 * side
}

/// The light and the dark colour of a leaf.
fn colours(kind: f32) -> (Tone, Tone) {
    let (light, dark) = match (kind * 10.0) as u32 {
        0 | 1 => (0xd9a02b, 0xa8641a),
        2 | 3 => (0xc4541f, 0x7d2413),
        4 => (0xa3241c, 0x5c1212),
        5 | 6 => (0x9a6a3c, 0x5a3820),
        7 => (0xe0b84a, 0xb98427),
        8 => (0x8a7b32, 0x51551f),
        _ => (0x6e4a30, 0x3c2619),
    };
    (Tone::hex(light), Tone::hex(dark))
}
