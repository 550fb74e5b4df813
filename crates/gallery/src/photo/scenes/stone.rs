//! Stone: a canyon's walls and a beach.

use super::stamp::{Spot, Stamp, lay, scatter};
use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::tone::{Tone, smooth};

/// A slot canyon: walls that water has smoothed, lit from above and by one another.
pub fn canyon(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    // The height of the folded wall toward the camera.
    let wall = |x: f32, y: f32| {
        let warp_x = noise.other(1).fractal(x * 0.55, y * 0.35 + 4.0, 2, 0.45);
        let warp_y = noise.other(2).fractal(x * 0.5 - 3.0, y * 0.45, 2, 0.45);
        let (u, v) = (x + 0.75 * warp_x + 0.25 * y, y + 0.6 * warp_y);
        let fold = (u * 3.3 + 1.3 * noise.other(3).at(u * 0.8, v * 0.9)).sin();
        let edge = 1.0 - (noise.other(4).at(u * 1.1 + 7.0, v * 0.55) * 1.6).abs();
        (0.30 * fold + 0.42 * edge * edge, u, v)
    };
    let canvas = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let step = 0.012;
        let (here, u, v) = wall(x, y);
        let (right, _, _) = wall(x + step, y);
        let (above, _, _) = wall(x, y + step);
        let strata_at = v * 1.0 + 0.35 * here;
        let strata = noise.other(5).fractal(u * 0.35, strata_at * 13.0, 5, 0.62);
        let grain = noise.other(6).fractal(x * 30.0, y * 42.0, 4, 0.7);
        let (dx, dy) = ((right - here) / step, (above - here) / step);
        let normal = Tone(-dx * 0.9, -dy * 0.9 + 0.10 * strata, 0.8).unit();
        let top = smooth(-1.1, 1.15, y + 0.25 * here);
        let key = normal.dot(Tone(0.25, 0.85, 0.35).unit()).max(0.0);
        let bounce = normal.dot(Tone(-0.75, -0.1, 0.55).unit()).max(0.0);
        let crease = smooth(-0.35, 0.45, here);
        let energy = (0.02 + 1.15 * key * key * (0.15 + 1.35 * top * top) + 0.34 * bounce)
            * (0.25 + 0.75 * crease);
        let energy = energy * (1.0 + 0.22 * strata + 0.10 * grain);
        glow(energy) * (0.9 + 0.2 * strata)
    });
    let camera = Camera {
        exposure: 1.25,
        glow: 0.10,
        vignette: 0.4,
        grain: 1.4,
        ..Camera::default()
    };
    (canvas, camera)
}

/// Light among red walls: what has bounced often is dark and purple, then red, then gold.
fn glow(energy: f32) -> Tone {
    let stops = [
        (0.0, Tone(0.012, 0.006, 0.012)),
        (0.10, Tone(0.085, 0.020, 0.022)),
        (0.30, Tone(0.36, 0.085, 0.028)),
        (0.60, Tone(0.86, 0.30, 0.075)),
        (1.0, Tone(1.35, 0.70, 0.24)),
        (1.8, Tone(1.9, 1.45, 0.85)),
    ];
    let mut tone = stops[0].1;
    for pair in stops.windows(2) {
        tone = tone.mix(pair[1].1, smooth(pair[0].0, pair[1].0, energy));
    }
    tone
}

/// Wet round stones.
pub fn pebbles(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let gap = Canvas::paint(frame.width, frame.height, |x, y| {
        let (x, y) = frame.place(x, y);
        let sand = noise.other(1).fractal(x * 40.0, y * 40.0, 4, 0.75);
        Tone(0.050, 0.046, 0.042) * (1.0 + 0.9 * sand)
    });
    let mut stones = scatter(frame, 3000, (0.035, 0.23), 3.2);
    // Large stones lie mostly on top; small ones fill the gaps.
    let rank = |stone: &Stamp| stone.size * (0.65 + 0.7 * stone.unit(20));
    stones.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let mut stamps = Vec::new();
    for stone in stones {
        stamps.push(stone);
        stamps.push(Stamp {
            place: (
                stone.place.0 + stone.size * 0.13,
                stone.place.1 - stone.size * 0.17,
            ),
            size: stone.size * 1.12,
            seed: stone.seed | SHADOW,
            ..stone
        });
    }
    let canvas = lay(frame, &gap, &stamps, |stamp, spot| {
        pebble(noise, stamp, spot)
    });
    let camera = Camera {
        exposure: 1.1,
        ..Camera::default()
    };
    (canvas, camera)
}

const SHADOW: u32 = 1 << 31;

fn pebble(noise: Noise, stamp: &Stamp, spot: &Spot) -> (Tone, f32) {
    let shadow = stamp.seed & SHADOW != 0;
    let own = Stamp {
        seed: stamp.seed & !SHADOW,
        ..*stamp
    };
    let offset = own.unit(1) * 300.0;
    let (u, v) = (spot.u * 1.06, spot.v * (1.15 + 0.45 * own.unit(2)));
    let lumps = noise.other(2).at(u * 1.1 + offset, v * 1.1) * 0.16;
    let square = (u.abs().powf(2.3) + v.abs().powf(2.3)) * (1.0 + lumps) * 1.08;
    if shadow {
        return (Tone::default(), 0.50 * smooth(1.10, 0.60, square));
    }
    let cover = smooth(1.0 + 2.0 * spot.pixel, 1.0 - 2.0 * spot.pixel, square);
    if cover <= 0.0 {
        return (Tone::default(), 0.0);
    }
    let dome = (1.0 - square.min(1.0)).max(0.0).powf(0.42);
    let (sine, cosine) = own.angle.sin_cos();
    let scale = own.size * 26.0;
    let (tu, tv) = (spot.u * scale * 0.5 + offset, spot.v * scale * 0.5 - offset);
    let (_, bump_u, bump_v) = noise.other(3).slope(tu * 2.0, tv * 2.0);
    let (across, along) = (
        u * (1.2 - dome) + 0.06 * bump_u,
        v * (1.2 - dome) + 0.06 * bump_v,
    );
    let normal = Tone(
        across * cosine - along * sine,
        across * sine + along * cosine,
        0.35 + 0.75 * dome,
    )
    .unit();
    let speckle = noise.other(4).fractal(tu * 5.0, tv * 5.0, 4, 0.8);
    let cloud = noise.other(5).fractal(tu * 0.8, tv * 0.8, 4, 0.55);
    let mut tone = stone_colour(own.unit(6)) * (1.0 + 0.55 * cloud + 0.38 * speckle);
    let band = noise.other(6).at(tu * 0.3 + tv * 0.5, tv * 0.2) + 0.12 * cloud;
    if own.unit(7) < 0.3 {
        let vein = smooth(0.05, 0.0, (band - 0.1).abs());
        tone = tone.mix(Tone(0.62, 0.60, 0.55), vein * 0.8);
    } else if own.unit(7) > 0.75 {
        tone = tone * (1.0 + 0.35 * (band * 26.0).sin());
    }
    let light = Tone(-0.48, 0.58, 0.66);
    let bright = normal.dot(light).max(0.0);
    let half = (light + Tone(0.0, 0.0, 1.0)).unit();
    let shine = normal.dot(half).max(0.0).powf(70.0) * (0.5 + 1.6 * own.unit(8));
    let sky = Tone(0.42, 0.52, 0.64) * (0.20 + 0.30 * normal.1.max(0.0)) * (0.3 + 0.7 * dome);
    let lit = tone * (Tone(1.5, 1.38, 1.2) * bright + sky) + Tone(1.0, 0.97, 0.9) * shine;
    (lit * cover, cover)
}

fn stone_colour(kind: f32) -> Tone {
    Tone::hex(match (kind * 11.0) as u32 {
        0 | 1 => 0x5d6468,
        2 | 3 => 0x7d7a74,
        4 => 0xa8a296,
        5 => 0x8a6f58,
        6 => 0x4a4c50,
        7 => 0x96604a,
        8 => 0xc9c1b2,
        9 => 0x5f6b5c,
        _ => 0x6f5d54,
    })
}
