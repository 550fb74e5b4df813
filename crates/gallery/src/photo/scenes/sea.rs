//! Water: a shore from above and the sea at sunset.

use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::tone::{Tone, smooth};

/// A beach from above: sand, foam, water that grows deeper, a reef.
pub fn shore(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let canvas = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let bend = 0.30 * noise.at(x * 0.45 + 1.0, y * 0.45)
            + 0.07 * noise.other(1).fractal(x * 1.6, y * 1.6, 3, 0.5);
        // Distance from the waterline, out to sea positive.
        let out = 0.62 * x + 0.42 * y + 0.28 + bend;
        let edge = out + 0.012 * noise.other(2).fractal(x * 9.0, y * 9.0, 4, 0.6);
        let grain = noise.other(3).fractal(x * 55.0, y * 55.0, 4, 0.8);
        let trodden = noise.other(4).fractal(x * 13.0, y * 13.0, 4, 0.6);
        let mut sand = Tone::hex(0xdcc39a) * (1.0 + 0.13 * grain + 0.16 * trodden);
        sand = sand * (1.0 - 0.42 * smooth(-0.22, -0.03, edge + 0.03 * trodden));
        let weed = smooth(
            0.22,
            0.5,
            noise.other(5).fractal(x * 7.0, y * 7.0, 5, 0.65) - 9.0 * (edge + 0.20).abs(),
        );
        sand = sand.mix(Tone(0.10, 0.075, 0.04), 0.75 * weed);
        if edge < -0.05 {
            return bushes(frame, x, y, edge, sand);
        }
        let depth = out.max(0.0);
        let bottom = noise.other(6).fractal(x * 2.6, y * 2.6, 6, 0.55);
        let reef = smooth(0.30, 0.62, depth)
            * smooth(
                0.05,
                0.40,
                bottom + 0.35 * noise.other(7).at(x * 1.1, y * 1.1),
            );
        let bed = Tone(0.78, 0.68, 0.48).mix(Tone(0.10, 0.115, 0.07) * (1.0 + bottom), reef);
        // Water takes red first, then green.
        let deep = depth * 2.3 + 0.05;
        let passed = Tone(
            (-deep * 2.7).exp(),
            (-deep * 0.62).exp(),
            (-deep * 0.42).exp(),
        );
        let body = Tone(0.004, 0.16, 0.22) * (1.0 - (-deep * 1.1).exp());
        let chop = noise
            .other(8)
            .fractal(x * 16.0 + 3.0 * out, y * 16.0 - 3.0 * out, 4, 0.62);
        let swell = noise.other(9).at(out * 15.0, (x - y) * 2.2) * smooth(0.1, 0.5, depth);
        let caustic = 1.0 - (noise.other(10).fractal(x * 15.0, y * 15.0, 2, 0.5) * 2.1).abs();
        let caustic = caustic.max(0.0).powi(4) * (-depth * 3.4).exp();
        let mut water = bed * passed * (0.92 + 0.55 * caustic) + body;
        water = water * (1.0 + 0.10 * chop + 0.07 * swell)
            + Tone(0.8, 0.9, 1.0) * (0.05 * smooth(0.45, 0.9, chop));
        let lace = 1.0 - (noise.other(11).fractal(x * 11.0, y * 11.0, 4, 0.6) * 2.4).abs();
        let mut foam = 0.0;
        for (index, (line, width)) in [(0.015, 0.030), (0.105, 0.020), (0.24, 0.011)]
            .into_iter()
            .enumerate()
        {
            let wander = 0.05 * noise.other(12 + index as u32).at(x * 1.3 - y, y * 1.3 + x);
            let off = edge - line - wander;
            let front = smooth(width * 0.35, 0.0, -off) * smooth(width * 3.4, 0.0, off);
            let broken = smooth(
                -0.25,
                0.25,
                noise.other(20 + index as u32).at((x - y) * 2.0, 3.0) + 0.35 - index as f32 * 0.25,
            );
            foam += front * broken * smooth(0.1, 0.75, lace + 0.55 * front);
        }
        foam += 0.25 * smooth(0.25, 0.0, depth) * smooth(0.55, 0.9, lace);
        water = water.mix(Tone(0.92, 0.95, 0.96), foam.clamp(0.0, 0.97));
        let wet = smooth(-0.012, 0.014, edge);
        (sand * 0.92).mix(water, wet)
    });
    let camera = Camera {
        exposure: 0.95,
        vignette: 0.12,
        glow: 0.03,
        ..Camera::default()
    };
    (canvas, camera)
}

/// Shrubs behind the beach, each a few crowns with a shadow to the lower right.
fn bushes(frame: &Frame, x: f32, y: f32, edge: f32, sand: Tone) -> Tone {
    let noise = frame.noise.other(40);
    let grown = |x: f32, y: f32| {
        let place = smooth(-0.50, -0.85, edge + 0.3 * noise.at(x * 1.5, y * 1.5));
        let (near, _, owner) = noise.other(1).cells(x * 14.0, y * 14.0);
        let size = noise.other(2).unit(owner.0, owner.1) * place * 0.75;
        (
            size * 0.75 - near + 0.10 * noise.other(3).fractal(x * 30.0, y * 30.0, 3, 0.6),
            near,
            owner,
        )
    };
    let (here, near, owner) = grown(x, y);
    let (shade, _, _) = grown(x - 0.022, y + 0.022);
    let leaf = noise.other(4).fractal(x * 44.0, y * 44.0, 4, 0.75);
    let kind = noise.other(5).unit(owner.0, owner.1);
    let green = Tone::hex(0x2c4a1e).mix(Tone::hex(0x6c8436), kind);
    let crown = green * (0.95 - 0.75 * near + 0.75 * leaf).max(0.12);
    let ground = sand * (1.0 - 0.62 * smooth(0.0, 0.06, shade));
    ground.mix(crown, smooth(-0.01, 0.02, here))
}

/// The sun just above the sea.
pub fn sunset(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let sun = (0.28_f32, 0.085_f32);
    let horizon = -0.12;
    let sky = |x: f32, y: f32| {
        let up = y.max(0.0);
        let away = (x - sun.0).hypot((y - sun.1) * 1.5);
        let mut light = Tone(1.15, 0.48, 0.16).mix(Tone(0.62, 0.30, 0.30), smooth(0.0, 0.42, up));
        light = light.mix(Tone(0.13, 0.18, 0.36), smooth(0.22, 1.15, up));
        light += Tone(1.5, 0.72, 0.22) * ((-away * 3.2).exp() * 0.75 + (-away * 11.0).exp() * 1.6);
        let depth = 1.0 / (up + 0.16);
        let (u, v) = (x * depth * 0.40, depth * 1.35);
        let cloud = noise.fractal(u, v, 7, 0.53);
        let cover = smooth(0.02, 0.55, cloud + 0.10 - 0.12 * up);
        let below = noise.fractal(u, v + 0.22, 5, 0.53);
        let relief = (0.5 + (cloud - below) * 1.5).clamp(0.0, 1.0);
        let near_sun = (-away * 1.7).exp();
        let lit = Tone(1.7, 0.62, 0.26).mix(Tone(1.0, 0.36, 0.34), smooth(0.1, 0.7, up))
            * (0.35 + 1.1 * near_sun);
        let dark = Tone(0.16, 0.12, 0.19).mix(Tone(0.42, 0.20, 0.18), near_sun);
        light = light.mix(dark.mix(lit, relief), cover * 0.9);
        light += Tone(9.0, 5.6, 2.6)
            * smooth(0.073, 0.068, (x - sun.0).hypot(y - sun.1))
            * (1.0 - 0.6 * cover);
        light
    };
    let canvas = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let y = y - horizon;
        if let Some(land) = headland(frame, x, y) {
            return land;
        }
        if y >= 0.0 {
            return sky(x, y);
        }
        let distance = 0.22 / (-y + 0.004);
        let (wx, wz) = (x * distance * 1.6, distance);
        let far = smooth(0.0, 0.5, -y);
        let detail = if far < 0.12 { 4 } else { 6 };
        let wave = noise.other(1).fractal(wx * 2.2, wz * 5.2, detail, 0.56);
        let chop = noise
            .other(2)
            .fractal(wx * 7.0 + wave, wz * 15.0, detail - 2, 0.6);
        let (tilt_y, tilt_x) = (0.30 * wave + 0.20 * chop, 0.16 * chop - 0.10 * wave);
        let rise = -y * 0.9 + tilt_y.abs() * 0.75 + 0.02;
        let mirrored = sky(x + tilt_x * 0.5, rise);
        let facing = (0.24 + 0.62 * (1.0 - far) - 0.25 * tilt_y).clamp(0.04, 0.95);
        let body = Tone(0.012, 0.030, 0.048) * (1.0 + 0.6 * wave);
        let path = (x - sun.0) / (0.045 + 0.20 * -y + 0.02 * chop.abs());
        let glint = smooth(0.08, 0.52, chop + 0.6 * wave + 0.12) * (-path * path).exp();
        body.mix(mirrored, facing) + Tone(4.6, 2.35, 0.85) * glint * (0.55 + 0.6 * (1.0 - far))
    });
    let camera = Camera {
        exposure: 0.88,
        glow: 0.13,
        vignette: 0.3,
        grain: 1.6,
        ..Camera::default()
    };
    (canvas, camera)
}

/// Rocks in the foreground and a cape at the horizon, against the light.
fn headland(frame: &Frame, x: f32, y: f32) -> Option<Tone> {
    let noise = frame.noise.other(60);
    let cape = 0.16 * smooth(-0.55, -1.35, x)
        + 0.035 * noise.fractal(x * 5.0, 1.0, 6, 0.55) * smooth(-0.45, -0.75, x);
    if y > 0.0 && y < cape - 0.01 {
        return Some(Tone(0.085, 0.050, 0.058).mix(Tone(0.34, 0.17, 0.13), smooth(-1.5, -0.4, x)));
    }
    let crag = noise.other(1).ridged(x * 1.6 + 4.0, 0.7, 7) * 0.55 * smooth(0.45, 1.25, x) - 0.02
        + 0.28 * smooth(0.7, 1.6, x);
    let top = -0.95 + crag;
    if y < top {
        let grain = noise.other(2).fractal(x * 14.0, y * 18.0, 6, 0.65);
        let lit = smooth(0.05, 0.0, top - y) * 0.22 + 0.05 * smooth(0.1, 0.5, grain);
        let rock = Tone(0.018, 0.015, 0.020) * (1.0 + grain);
        return Some(rock + Tone(1.2, 0.5, 0.2) * lit * 0.4);
    }
    None
}
