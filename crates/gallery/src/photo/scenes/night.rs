//! Scenes without the sun.

use super::landscape::{Lit, landscape};
use super::stamp::{Stamp, lay, scatter};
use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::terrain::{Relief, View};
use crate::photo::tone::{Tone, smooth};

/// Northern lights over firs in snow.
pub fn aurora(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let view = View {
        eye: 0.22,
        lens: 0.95,
        horizon: 0.80,
        reach: (0.30, 22.0),
        steps: 560,
        water: false,
    };
    let floor = |x: f32, z: f32| {
        let hills = noise.ridged(x * 0.20 + 2.0, z * 0.20, 6);
        0.10 * noise.other(1).at(x * 0.8, z * 0.8) + hills * smooth(3.0, 12.0, z) * 1.3
    };
    let tree = |x: f32, z: f32| {
        let wood =
            smooth(-0.10, 0.18, noise.other(2).at(x * 0.5 + 0.4, z * 0.42)) * smooth(0.75, 1.35, z);
        let (near, _, owner) = noise.other(3).cells(x / 0.13, z / 0.13);
        let grown = 0.35 + 0.65 * noise.other(4).unit(owner.0, owner.1);
        // Branches in tiers.
        let cone = (1.0 - near * 2.1).max(0.0);
        let tiers = 0.85 + 0.15 * (cone * 26.0).sin();
        cone * tiers * 0.46 * grown * wood
    };
    let land = |x: f32, z: f32, _: f32| floor(x, z) + tree(x, z);
    let glow = |x: f32, y: f32| curtains(noise.other(30), x, y);
    let sky = |x: f32, y: f32| {
        let night = Tone(0.020, 0.042, 0.075).mix(Tone(0.006, 0.011, 0.030), smooth(0.0, 0.8, y));
        let star = stars(noise.other(40), x * 520.0, y * 520.0);
        let milk = smooth(
            -0.1,
            0.7,
            noise.other(41).fractal(x * 1.6 + y, y * 1.6 - x, 5, 0.55),
        ) * 0.012;
        night + star + Tone(0.9, 0.95, 1.1) * milk + glow(x, y)
    };
    let shade = |lit: &Lit| {
        let (x, z) = (lit.hit.x, lit.hit.z);
        let needle = noise
            .other(6)
            .fractal(x * 46.0, (z + lit.hit.y) * 46.0, 4, 0.7);
        let high = lit.hit.y - floor(x, z);
        let wood = smooth(0.012, 0.04, high);
        let snow = smooth(0.30, 0.75, lit.normal.1 + 0.35 * needle);
        let ground = Tone(0.62, 0.66, 0.74) * (1.0 + 0.06 * needle);
        let fir = Tone(0.018, 0.030, 0.026).mix(Tone(0.42, 0.46, 0.52), snow * 0.62);
        let green = Tone(0.040, 0.155, 0.085) * (0.35 + 0.65 * lit.normal.1.max(0.0));
        let moon = Tone(0.055, 0.065, 0.085) * lit.normal.dot(MOON).max(0.0) * lit.sun;
        let tone = ground.mix(fir, wood) * (green + moon * 1.6);
        tone.mix(Tone(0.020, 0.060, 0.055), 1.0 - (-z * 0.05).exp())
    };
    let relief = Relief::survey(frame, &view, land);
    let canvas = landscape(frame, &view, &relief, MOON, shade, sky);
    let camera = Camera {
        exposure: 2.1,
        grain: 2.4,
        glow: 0.09,
        vignette: 0.35,
        ..Camera::default()
    };
    (canvas, camera)
}

const MOON: Tone = Tone(0.55, 0.45, -0.70);

/// Curtains of light: a wandering lower hem, rays upward, green below and violet above.
fn curtains(noise: Noise, x: f32, y: f32) -> Tone {
    let mut light = Tone::default();
    for (index, (height, strength)) in [(0.20, 1.0), (0.30, 0.8), (0.46, 0.45)]
        .into_iter()
        .enumerate()
    {
        let noise = noise.other(index as u32);
        let lean = x + 0.22 * y;
        let hem =
            height + 0.13 * noise.at(lean * 1.9, 0.3) + 0.045 * noise.other(1).at(lean * 4.2, 0.0);
        let up = y - hem;
        let ray = 0.55
            + 0.45
                * noise.other(2).fractal(
                    lean * 15.0 + 2.0 * noise.at(lean * 3.0, 4.0),
                    y * 0.5,
                    4,
                    0.6,
                );
        let bright = smooth(-0.35, 0.40, noise.other(3).at(lean * 1.6 + 3.0, 1.7));
        let body = smooth(-0.03, 0.05, up) * (-up.max(0.0) * (6.2 - 2.4 * ray)).exp();
        let energy = body * (0.35 + ray) * (0.03 + bright) * strength;
        let green = Tone(0.055, 0.36, 0.135);
        let violet = Tone(0.15, 0.055, 0.24);
        light += green.mix(violet, smooth(0.06, 0.46, up)) * energy;
        light += Tone(0.30, 0.05, 0.14) * (smooth(0.02, 0.0, up.abs()) * energy * 0.25);
    }
    light
}

fn stars(noise: Noise, x: f32, y: f32) -> Tone {
    let (near, _, owner) = noise.cells(x * 0.11, y * 0.11);
    let bright = noise.other(1).unit(owner.0, owner.1).powf(14.0);
    let warm = noise.other(2).unit(owner.0, owner.1);
    let size = 0.07 + 0.08 * bright;
    Tone(0.75 + 0.4 * warm, 0.85, 1.15 - 0.4 * warm) * (smooth(size, 0.0, near) * bright * 0.9)
}

/// A street at night through a rainy window, the street out of focus.
pub fn lights(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let dusk = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let haze = noise.fractal(x * 0.8, y * 0.8, 3, 0.5);
        let sky =
            Tone(0.020, 0.028, 0.052).mix(Tone(0.075, 0.050, 0.040), smooth(0.9, 0.0, y.abs()));
        let house = smooth(0.25, 0.55, x.abs() - 0.35 * y + 0.2 * haze);
        sky.mix(
            Tone(0.012, 0.012, 0.018),
            0.75 * house * smooth(-0.2, 0.1, y),
        ) * (1.0 + 0.35 * haze)
    });
    let mut lamps: Vec<(Stamp, Tone)> = street_lamps(noise.other(1));
    let streaks: Vec<(Stamp, Tone)> = lamps
        .iter()
        .map(|(lamp, tone)| {
            let place = (lamp.place.0, -0.28 - 0.55 * (lamp.place.1 + 0.1).max(0.05));
            (
                Stamp {
                    place,
                    size: lamp.size * 3.2,
                    angle: f32::NAN,
                    ..*lamp
                },
                *tone * 0.20,
            )
        })
        .collect();
    lamps.extend(streaks);
    let stamps: Vec<Stamp> = lamps
        .iter()
        .enumerate()
        .map(|(index, (lamp, _))| Stamp {
            seed: index as u32,
            ..*lamp
        })
        .collect();
    let street = lay(frame, &dusk, &stamps, |stamp, spot| {
        let tone = lamps[stamp.seed as usize].1;
        if stamp.angle.is_nan() {
            let (dx, dy) = (spot.place.0 - stamp.place.0, spot.place.1 - stamp.place.1);
            let (u, v) = (dx / stamp.size * 3.4, dy / stamp.size);
            let ripple = noise
                .other(5)
                .fractal(spot.place.0 * 3.0, spot.place.1 * 22.0, 3, 0.6);
            let body = smooth(1.0, 0.2, u.hypot(v) + 0.35 * ripple);
            return (tone * body, 0.0);
        }
        let radius = spot.u.hypot(spot.v);
        // Near the corners the lens barrel cuts the discs.
        let (cx, cy) = (stamp.place.0 * 0.20, stamp.place.1 * 0.20);
        let cut = (spot.place.0 - stamp.place.0) / stamp.size + cx;
        let cut = cut.hypot((spot.place.1 - stamp.place.1) / stamp.size + cy);
        let edge = radius.max(cut * 0.95) * 1.06;
        let disc = smooth(1.0, 1.0 - 0.05 - 1.5 * spot.pixel, edge);
        let ring = 0.72 + 0.45 * smooth(0.72, 0.97, edge);
        let dust = 1.0
            + 0.08
                * noise
                    .other(6)
                    .fractal(spot.u * 4.0 + stamp.seed as f32, spot.v * 4.0, 3, 0.6);
        (tone * (disc * ring * dust), 0.0)
    });
    let street = street.blurred(frame.height as f32 * 0.0016);
    let drops = scatter(frame, 760, (0.006, 0.055), 5.5);
    let canvas = lay(frame, &street, &drops, |drop, spot| {
        rain(frame, &street, noise, drop, spot)
    });
    let camera = Camera {
        exposure: 1.5,
        grain: 2.6,
        glow: 0.12,
        vignette: 0.3,
        ..Camera::default()
    };
    (canvas, camera)
}

/// Street lamps above, head lights and tail lights below, windows at the sides.
fn street_lamps(noise: Noise) -> Vec<(Stamp, Tone)> {
    let mut lamps = Vec::new();
    for index in 0..150_i32 {
        let draw = |field: i32| noise.unit(index, field);
        let far = 1.0 + draw(0).powf(1.6) * 11.0;
        let side = if draw(1) < 0.5 { -1.0 } else { 1.0 };
        let (x, y, tone) = match index % 5 {
            0 => (side * 2.6 / far, 1.9 / far, Tone(1.0, 0.58, 0.20)),
            1 => (-(0.7 + draw(2)) / far, -0.55 / far, Tone(1.0, 0.92, 0.74)),
            2 => ((0.6 + draw(2)) / far, -0.55 / far, Tone(1.0, 0.055, 0.035)),
            3 => (
                side * (2.7 + 1.5 * draw(2)) / far,
                (2.6 * draw(3) - 0.2) / far,
                if draw(4) < 0.75 {
                    Tone(0.9, 0.62, 0.32)
                } else {
                    Tone(0.25, 0.55, 0.95)
                },
            ),
            _ => (
                (draw(2) * 4.0 - 2.0) / far,
                (0.8 + 0.4 * draw(3)) / far,
                if draw(4) < 0.5 {
                    Tone(0.05, 0.85, 0.45)
                } else {
                    Tone(1.0, 0.32, 0.05)
                },
            ),
        };
        let stamp = Stamp {
            place: (x + 0.06, y + 0.04),
            size: 0.055 + 0.075 * (1.0 - 1.0 / far),
            angle: 0.0,
            seed: 0,
        };
        lamps.push((stamp, tone * (0.18 + 0.75 * draw(5) * draw(5))));
    }
    lamps
}

/// A drop on the glass: a lens that shows the street upside down.
fn rain(
    frame: &Frame,
    street: &Canvas,
    noise: Noise,
    drop: &Stamp,
    spot: &super::stamp::Spot,
) -> (Tone, f32) {
    let lump = 0.16
        * noise
            .other(7)
            .at(spot.u * 1.3 + drop.seed as f32 * 0.001, spot.v * 1.3);
    let radius = (spot.u.hypot(spot.v) + lump) * 1.15;
    let cover = smooth(1.0 + spot.pixel, 1.0 - spot.pixel, radius);
    if cover <= 0.0 {
        return (Tone::default(), 0.0);
    }
    let bend = radius * radius;
    let (dx, dy) = (spot.place.0 - drop.place.0, spot.place.1 - drop.place.1);
    let seen = (
        drop.place.0 - dx / drop.size * (0.35 + 0.5 * bend),
        drop.place.1 - dy / drop.size * (0.35 + 0.5 * bend),
    );
    let half = frame.height as f32 / 2.0;
    let light = street.sample(
        seen.0 * half + frame.width as f32 / 2.0,
        half - seen.1 * half,
    );
    let rim = 1.0 - 0.55 * smooth(0.70, 1.0, radius);
    let shine = smooth(
        0.16,
        0.05,
        (dx / drop.size + 0.32).hypot(dy / drop.size - 0.38),
    );
    (
        (light * 1.15 * rim + Tone(0.5, 0.45, 0.4) * shine) * cover,
        cover,
    )
}
