//! Mountains and their image in a lake.

use super::landscape::{Lit, firs, haze, landscape, octaves};
use super::sky::Sky;
use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::terrain::{Hit, Relief, View};
use crate::photo::tone::{Tone, smooth};

/// Snowy mountains over a calm lake.
pub fn lake(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let view = View {
        eye: 0.055,
        lens: 1.05,
        horizon: 0.585,
        reach: (0.25, 16.0),
        steps: 900,
        water: true,
    };
    let land = |x: f32, z: f32, footprint: f32| {
        let rise = smooth(2.3, 7.5, z + x.abs() * 0.35);
        let valley = smooth(0.1, 2.6, (x + 0.35 + 0.12 * z * (z * 0.35).sin()).abs());
        let crest = noise.ridged(x * 0.34 + 3.1, z * 0.34, octaves(2.4, footprint, 10));
        let shore = 0.10
            * noise
                .other(1)
                .fractal(x * 1.3, z * 1.3, octaves(0.7, footprint, 6), 0.5);
        let bank = smooth(
            1.9,
            2.6,
            z + 0.5 * noise.other(2).at(x * 0.9, 0.5) + x.abs() * 0.5,
        );
        let wood = bank * smooth(0.75, 0.45, crest * rise * (0.35 + valley) * 2.2);
        let trees = if footprint < 0.02 && wood > 0.0 {
            firs(noise.other(3), x, z, 0.035, 0.075 * wood)
        } else {
            0.03 * wood
        };
        -0.03 + bank * (0.05 + shore * 0.6) + rise * crest * (0.35 + 0.9 * valley) * 2.5 + trees
    };
    let sun = Tone(-0.62, 0.42, -0.25).unit();
    let sky = Sky {
        sun,
        zenith: Tone(0.10, 0.24, 0.58),
        horizon: Tone(0.58, 0.72, 0.88),
        light: Tone(1.25, 1.16, 1.02),
        cloud: 0.42,
        noise: noise.other(20),
    };
    let shade = |lit: &Lit| {
        let Hit { x, y, z, .. } = lit.hit;
        let grain =
            noise
                .other(5)
                .fractal(x * 9.0, (z + y) * 9.0, octaves(0.1, lit.footprint, 6), 0.6);
        let rock = Tone::hex(0x6d675f).mix(Tone::hex(0x8f8172), 0.5 + grain);
        let grass = Tone::hex(0x3c4a1f).mix(Tone::hex(0x6d6a31), 0.5 + 0.6 * grain);
        let fir = Tone::hex(0x16261a).mix(Tone::hex(0x2f4424), 0.5 + grain);
        let normal = lit.rough(noise.other(40), 11.0, 0.22);
        let steep = normal.1;
        let mut ground = rock.mix(
            grass,
            smooth(0.55, 0.8, steep) * smooth(1.0, 0.5, y + 0.2 * grain),
        );
        ground = ground.mix(fir, smooth(0.86, 0.54, y + 0.30 * grain));
        let snow = smooth(0.95, 1.35, y + 0.45 * grain) * smooth(0.38, 0.62, steep + 0.1 * grain);
        ground = ground.mix(Tone(0.86, 0.89, 0.95), snow);
        let bright = normal.dot(sun).max(0.0) * lit.sun;
        let light = Tone(1.75, 1.6, 1.35) * bright + Tone(0.24, 0.33, 0.46) * (0.45 + 0.55 * steep);
        haze(ground * light, Tone(0.50, 0.64, 0.82), z, 0.045)
    };
    let relief = Relief::survey(frame, &view, land);
    let scene = landscape(frame, &view, &relief, sun, shade, |s, u| sky.at(s, u));
    let mirror_view = View {
        eye: -view.eye,
        ..view
    };
    let mirror = landscape(frame, &mirror_view, &relief, sun, shade, |s, u| {
        sky.at(s, u)
    });
    let canvas = still_water(frame, &view, &scene, &mirror, &relief, noise.other(30));
    let camera = Camera {
        exposure: 1.0,
        ..Camera::default()
    };
    (canvas, camera)
}

/// Replaces what lies under height zero by water that mirrors `mirror`, the land as seen from as
/// far below the surface as the eye is above.
fn still_water(
    frame: &Frame,
    view: &View,
    scene: &Canvas,
    mirror: &Canvas,
    relief: &Relief,
    noise: Noise,
) -> Canvas {
    let horizon = view.horizon * frame.height as f32;
    Canvas::paint(frame.width, frame.height, |x, y| {
        let here = scene.pixels[y * frame.width + x];
        let (sideways, upward) = view.ray(frame, x, y as f32);
        if upward >= -1e-4 {
            return here;
        }
        let z = view.eye / -upward;
        let depth = -relief.at(sideways * z, z);
        let water = smooth(-0.002, 0.001, depth);
        if water <= 0.0 || z > 9.0 {
            return here;
        }
        let calm = smooth(
            0.1,
            0.45,
            noise.other(1).fractal(sideways * z * 1.2, z * 0.5, 3, 0.5) + 0.3,
        );
        let ripple = |k: u32| {
            let fine = noise.other(2 + k).at(sideways * z * 26.0, z * 60.0);
            let broad = noise.other(4 + k).at(sideways * z * 7.0, z * 19.0);
            (fine * 0.5 + broad) * (0.3 + 0.9 * calm)
        };
        let lens = frame.height as f32;
        let row = 2.0 * horizon - y as f32 + ripple(0) * lens * 0.008 - lens * 0.004 * calm;
        let reflected = mirror.sample(x as f32 + ripple(1) * lens * 0.0018, row.min(horizon - 1.0));
        let grazing = (1.0 + upward * 2.2).clamp(0.0, 1.0);
        let share = 0.25 + 0.67 * grazing * grazing;
        let bed = Tone(0.030, 0.075, 0.078);
        here.mix(bed.mix(reflected, share) * 0.93, water)
    })
}
