//! Landscapes: height fields in perspective under a sky.

use super::landscape::{Lit, firs, haze, landscape, octaves};
use super::sky::Sky;
use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::terrain::{Hit, Relief, View};
use crate::photo::tone::{Tone, smooth};

/// Dunes in low light, their crests casting shadows.
pub fn dunes(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let view = View {
        eye: 0.62,
        lens: 1.25,
        horizon: 0.30,
        reach: (0.35, 40.0),
        steps: 1100,
        water: false,
    };
    let land = |x: f32, z: f32, footprint: f32| {
        let bend = 0.55 * noise.other(1).at(x * 0.23, z * 0.23);
        let crest = |scale: f32, k: u32| {
            let value = noise.other(k).at(x * scale + bend, z * scale * 1.5 - bend);
            // As round as the survey's steps are long, so that crests do not show them.
            let edge = 1.0 - 1.25 * value.hypot(footprint * scale * 14.0);
            edge.max(0.0).powf(1.35)
        };
        let broad = noise.other(2).at(x * 0.08, z * 0.08);
        let mut height = 0.55 * crest(0.21, 3) + 0.16 * crest(0.5, 4) + 0.5 * broad;
        height += 0.0012
            * noise
                .other(6)
                .fractal(x * 9.0, z * 9.0, octaves(0.1, footprint, 6), 0.6);
        if footprint < 0.004 {
            let warp = 1.7 * noise.other(5).fractal(x * 1.1, z * 1.1, 4, 0.5);
            let wave = ((x * 0.55 + z) * 62.0 + warp * 9.0).sin();
            height += 0.0016 * wave * smooth(0.004, 0.0012, footprint);
        }
        height - 0.25
    };
    let sun = Tone(-0.80, 0.30, 0.42).unit();
    let sky = Sky {
        sun,
        zenith: Tone(0.10, 0.20, 0.44),
        horizon: Tone(0.80, 0.66, 0.52),
        light: Tone(1.25, 1.0, 0.74),
        cloud: 0.16,
        noise: noise.other(20),
    };
    let shade = |lit: &Lit| {
        let Hit { x, z, .. } = lit.hit;
        let patch = noise
            .other(7)
            .fractal(x * 1.7, z * 1.7, octaves(0.5, lit.footprint, 7), 0.62);
        let grain = noise.other(8).at(x * 190.0, z * 190.0) * smooth(0.006, 0.0015, lit.footprint);
        let sand = Tone::hex(0xc98a4e).mix(Tone::hex(0xe0ac6e), 0.5 + patch) * (1.0 + 0.13 * grain);
        let bright = lit.normal.dot(sun).max(0.0) * lit.sun;
        let light =
            Tone(2.5, 1.95, 1.35) * bright + Tone(0.16, 0.20, 0.30) * (0.5 + 0.5 * lit.normal.1);
        haze(sand * light, Tone(0.80, 0.62, 0.46), z, 0.024)
    };
    let relief = Relief::survey(frame, &view, land);
    let canvas = landscape(frame, &view, &relief, sun, shade, |s, u| sky.at(s, u));
    (
        canvas,
        Camera {
            exposure: 0.95,
            ..Camera::default()
        },
    )
}

/// Wooded ridges against the light, mist in the valleys.
pub fn mist(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let view = View {
        eye: 1.30,
        lens: 1.6,
        horizon: 0.33,
        reach: (0.9, 30.0),
        steps: 520,
        water: false,
    };
    let land = |x: f32, z: f32, footprint: f32| {
        let base = noise.ridged(x * 0.20 + 0.7, z * 0.24, octaves(3.0, footprint, 7));
        let fall = 0.9 * smooth(2.5, 0.9, z);
        let height = base * 2.3 - 1.15 - fall * 0.35 + 0.012 * z;
        if footprint > 0.02 {
            return height + 0.03;
        }
        height
            + firs(noise.other(3), x, z, 0.050, 0.14)
            + 0.5 * firs(noise.other(4), x, z, 0.031, 0.11)
    };
    let sun = Tone(0.32, 0.22, 0.92).unit();
    let glow = |sideways: f32, upward: f32| {
        let direction = Tone(sideways, upward, 1.0).unit();
        direction.dot(sun).max(0.0)
    };
    let air = |sideways: f32, upward: f32| {
        let toward = glow(sideways, upward);
        Tone(0.33, 0.37, 0.46).mix(Tone(1.15, 0.72, 0.38), toward.powf(7.0))
            + Tone(1.2, 0.8, 0.4) * toward.powf(70.0) * 0.8
    };
    let sky = |sideways: f32, upward: f32| {
        let high = Tone(0.30, 0.40, 0.56);
        let depth = 1.0 / (upward + 0.12);
        let streak = noise
            .other(9)
            .fractal(sideways * depth * 0.5, depth * 1.6, 6, 0.5);
        let clear = air(sideways, upward).mix(high, 1.0 - (-upward.max(0.0) * 2.4).exp());
        clear.mix(Tone(1.25, 0.95, 0.76), smooth(0.1, 0.8, streak) * 0.35)
    };
    let shade = |lit: &Lit| {
        let Hit { x, y, z, .. } = lit.hit;
        let grain =
            noise
                .other(5)
                .fractal(x * 14.0, z * 14.0, octaves(0.07, lit.footprint, 5), 0.6);
        let wood = Tone::hex(0x1f2d1c).mix(Tone::hex(0x47512a), 0.4 + 0.8 * grain);
        let bright = (lit.normal.dot(sun) * 0.7 + 0.3).max(0.0) * (0.35 + 0.65 * lit.sun);
        let light =
            Tone(1.5, 1.05, 0.62) * bright + Tone(0.28, 0.34, 0.42) * (0.3 + 0.7 * lit.normal.1);
        let pool = (-(y + 0.25).max(0.0) * 2.6).exp();
        let drift = 0.75 + 0.5 * noise.other(6).fractal(x * 0.5, z * 0.5, 4, 0.5);
        let slope = (y - view.eye) / z;
        haze(
            wood * light,
            air(x / z, slope),
            z,
            0.055 + 0.34 * pool * drift,
        )
    };
    let relief = Relief::survey(frame, &view, land);
    let canvas = landscape(frame, &view, &relief, sun, shade, sky);
    (
        canvas,
        Camera {
            exposure: 0.95,
            glow: 0.10,
            ..Camera::default()
        },
    )
}

/// Farmland with lines of cypresses, cloud shadows on it.
pub fn hills(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let view = View {
        eye: 0.80,
        lens: 1.7,
        horizon: 0.27,
        reach: (0.9, 45.0),
        steps: 560,
        water: false,
    };
    let roll = |x: f32, z: f32| {
        0.62 * noise.at(x * 0.21 + 5.0, z * 0.26)
            + 0.20 * noise.other(1).at(x * 0.55, z * 0.6)
            + 0.05 * noise.other(2).at(x * 1.4, z * 1.4)
            + 0.25
                * smooth(14.0, 40.0, z)
                * (1.0 + noise.other(3).fractal(x * 0.12, z * 0.05, 4, 0.5))
                * 3.0
    };
    let trees = |x: f32, z: f32| {
        // Lines of cypresses follow the contours of slow noise.
        let contour = noise.other(4).at(x * 0.17, z * 0.2) * 7.0;
        let line = 1.0 - (contour - contour.round()).abs() * 16.0;
        let groups = noise.other(5).at(x * 0.4, z * 0.4);
        if line <= 0.0 || groups < -0.05 {
            return 0.0;
        }
        let (near, _, owner) = noise.other(6).cells(x / 0.055, z / 0.055);
        let grown = 0.5 + 0.5 * noise.other(7).unit(owner.0, owner.1);
        let body = (1.0 - near * 2.6).max(0.0);
        body.powf(0.45) * 0.17 * grown
    };
    let land = |x: f32, z: f32, footprint: f32| {
        roll(x, z)
            + trees(x, z)
            + 0.0016
                * noise
                    .other(8)
                    .fractal(x * 22.0, z * 22.0, octaves(0.05, footprint, 5), 0.6)
    };
    let sun = Tone(-0.72, 0.36, 0.22).unit();
    let sky = Sky {
        sun,
        zenith: Tone(0.12, 0.27, 0.56),
        horizon: Tone(0.68, 0.76, 0.84),
        light: Tone(1.3, 1.18, 1.0),
        cloud: 0.55,
        noise: noise.other(20),
    };
    let shade = |lit: &Lit| {
        let Hit { x, y, z, .. } = lit.hit;
        let warp = 0.5 * noise.other(11).fractal(x * 0.5, z * 0.5, 3, 0.5);
        let (_, _, field) = noise.other(12).cells(x * 0.42 + warp, z * 0.42 - warp);
        let kind = noise.other(13).unit(field.0, field.1);
        let turn = noise.other(14).unit(field.0, field.1) * 6.3;
        let rows =
            ((x * turn.cos() + z * turn.sin()) * 95.0).sin() * smooth(0.020, 0.006, lit.footprint);
        let grain =
            noise
                .other(15)
                .fractal(x * 12.0, z * 12.0, octaves(0.08, lit.footprint, 6), 0.65);
        let base = match (kind * 6.0) as u32 {
            0 => Tone::hex(0xb79a55),
            1 => Tone::hex(0x8a8a3c),
            2 => Tone::hex(0x7d6a4a),
            3 => Tone::hex(0x4f7030),
            _ => Tone::hex(0x5f8436),
        };
        let mut ground = base * (1.0 + 0.35 * grain + 0.16 * rows);
        let tree = smooth(0.006, 0.02, y - roll(x, z));
        ground = ground.mix(Tone::hex(0x1d2c15) * (1.0 + 0.6 * grain), tree);
        let cloud_shadow = smooth(
            -0.15,
            0.25,
            noise.other(16).fractal(x * 0.11, z * 0.09, 3, 0.5) + 0.12,
        );
        let sunny = lit.sun * (0.22 + 0.78 * cloud_shadow);
        let bright = lit.normal.dot(sun).max(0.0) * sunny;
        let light =
            Tone(2.35, 2.0, 1.45) * bright + Tone(0.22, 0.28, 0.36) * (0.4 + 0.6 * lit.normal.1);
        haze(ground * light, Tone(0.56, 0.66, 0.78), z, 0.030)
    };
    let relief = Relief::survey(frame, &view, land);
    let canvas = landscape(frame, &view, &relief, sun, shade, |s, u| sky.at(s, u));
    (
        canvas,
        Camera {
            exposure: 1.0,
            ..Camera::default()
        },
    )
}

/// Peaks over a sea of clouds, toward the sun.
pub fn clouds(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let view = View {
        eye: 0.98,
        lens: 1.35,
        horizon: 0.37,
        reach: (0.6, 45.0),
        steps: 460,
        water: false,
    };
    let cloud = |x: f32, z: f32, footprint: f32| {
        let swell = 0.30 * noise.at(x * 0.35, z * 0.25);
        let billow = noise
            .other(1)
            .billow(x * 0.85, z * 0.85, octaves(1.1, footprint, 7));
        swell + 0.46 * billow - 0.12
    };
    let peak = |x: f32, z: f32, footprint: f32| {
        // The camera floats over cloud; peaks keep their distance.
        let mass = smooth(2.2, 4.2, z)
            * smooth(
                0.15,
                0.75,
                noise.other(2).at(x * 0.16 + 2.3, z * 0.13) + 0.25,
            );
        noise
            .other(3)
            .ridged(x * 0.45, z * 0.45, octaves(2.0, footprint, 10))
            * 2.5
            * mass
            - 0.30
    };
    let land = |x: f32, z: f32, footprint: f32| cloud(x, z, footprint).max(peak(x, z, footprint));
    let sun = Tone(0.42, 0.17, 0.88).unit();
    let sky = Sky {
        sun,
        zenith: Tone(0.07, 0.13, 0.34),
        horizon: Tone(0.92, 0.56, 0.42),
        light: Tone(1.4, 0.90, 0.56),
        cloud: 0.34,
        noise: noise.other(20),
    };
    let shade = |lit: &Lit| {
        let Hit { x, y, z, .. } = lit.hit;
        let toward = Tone(x / z, 0.0, 1.0).unit().dot(sun).max(0.0);
        let stone = smooth(
            -0.01,
            0.015,
            peak(x, z, lit.footprint) - cloud(x, z, lit.footprint),
        );
        let facing = lit.normal.dot(sun);
        let soft = (facing * 0.6 + 0.4).max(0.0) * (0.4 + 0.6 * lit.sun);
        let white = Tone(1.45, 0.95, 0.68) * soft * (0.75 + 0.6 * toward.powf(4.0))
            + Tone(0.22, 0.28, 0.46) * (0.55 + 0.45 * lit.normal.1);
        let grain =
            noise
                .other(5)
                .fractal(x * 9.0, (z + y) * 9.0, octaves(0.1, lit.footprint, 6), 0.6);
        let rock = Tone::hex(0x4a4541).mix(Tone::hex(0x77695c), 0.5 + grain);
        let snow = smooth(0.55, 0.75, lit.normal.1 + 0.12 * grain);
        let rock = rock.mix(Tone(0.8, 0.82, 0.88), snow * 0.85);
        let hard = rock * (Tone(1.7, 1.1, 0.7) * facing.max(0.0) * lit.sun + Tone(0.2, 0.26, 0.4));
        let air = Tone(0.78, 0.60, 0.56).mix(Tone(1.6, 1.05, 0.66), toward.powf(10.0));
        haze(white.mix(hard, stone), air, z, 0.040)
    };
    let relief = Relief::survey(frame, &view, land);
    let canvas = landscape(frame, &view, &relief, sun, shade, |s, u| sky.at(s, u));
    (
        canvas,
        Camera {
            exposure: 0.9,
            glow: 0.08,
            ..Camera::default()
        },
    )
}
