//! A city after sunset.

use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::tone::{Tone, smooth};

/// A skyline after sunset and its image in a river.
pub fn city(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let bank = -0.30;
    let pixel = frame.pixel();
    let above = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        skyline(noise, x, y - bank, pixel)
    });
    let half = frame.height as f32 / 2.0;
    let canvas = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let down = bank - y;
        if down < 0.0 {
            return above.pixels[py * frame.width + px];
        }
        if down < 0.022 {
            let stone = noise.other(90).fractal(x * 20.0, y * 50.0, 4, 0.6);
            return Tone(0.020, 0.020, 0.026) * (1.0 + 0.5 * stone);
        }
        let distance = 0.30 / (down + 0.02);
        let swell = noise
            .other(91)
            .fractal(x * distance * 1.5, distance * 9.0, 4, 0.55);
        let chop = noise
            .other(92)
            .fractal(x * distance * 5.0, distance * 30.0, 3, 0.6);
        let mut light = Tone::default();
        // A rough surface mirrors a column of places at once.
        for tap in 0..6 {
            let spread = (tap as f32 - 2.5) * 0.35;
            let lift =
                down * (1.0 + 0.24 * spread + 0.42 * swell + 0.25 * chop) + 0.02 * spread * down;
            let aside = x + (0.020 * swell + 0.014 * chop) * (0.4 + down);
            let row = half - (bank + lift.max(0.001)) * half;
            light += above.sample(aside * half + frame.width as f32 / 2.0, row);
        }
        let share = 0.80 - 0.42 * smooth(0.0, 0.75, down);
        Tone(0.006, 0.012, 0.024) + light * (share / 6.0) * Tone(0.88, 0.94, 1.0)
    });
    let camera = Camera {
        exposure: 1.55,
        glow: 0.10,
        grain: 2.0,
        vignette: 0.28,
        ..Camera::default()
    };
    (canvas, camera)
}

/// Sky and towers; `y` counts from the water.
fn skyline(noise: Noise, x: f32, y: f32, pixel: f32) -> Tone {
    let cloud = noise.other(80).fractal(x * 0.9, y * 3.4, 6, 0.52);
    let mut sky = Tone(0.62, 0.30, 0.17).mix(Tone(0.20, 0.19, 0.32), smooth(0.0, 0.42, y));
    sky = sky.mix(Tone(0.028, 0.055, 0.145), smooth(0.25, 1.2, y));
    sky = sky.mix(
        Tone(0.42, 0.20, 0.20).mix(Tone(0.055, 0.065, 0.13), smooth(0.1, 0.8, y)),
        smooth(0.05, 0.7, cloud) * 0.75,
    );
    let mut light = sky;
    for layer in 0..4_i32 {
        if let Some((tower, cover)) = towers(noise, layer, x, y, pixel) {
            let far = [0.62, 0.40, 0.20, 0.05][layer as usize];
            light = light.mix(tower.mix(Tone(0.26, 0.17, 0.17), far), cover);
        }
    }
    light
}

fn towers(noise: Noise, layer: i32, x: f32, y: f32, pixel: f32) -> Option<(Tone, f32)> {
    let noise = noise.other(layer as u32 * 7 + 1);
    let width = [0.105, 0.135, 0.165, 0.150][layer as usize];
    let place = x / width + layer as f32 * 0.37 + 40.0;
    let column = place.floor() as i32;
    let draw = |field: i32| noise.unit(column, field);
    let crowd = (-(x - 0.25 + 0.2 * layer as f32).powi(2) * 0.9).exp();
    let reach = [0.62, 0.58, 0.42, 0.20][layer as usize];
    let mut top = (0.10 + reach * draw(1) * (0.45 + 0.75 * crowd)).max(0.07);
    let inset = 0.04 + 0.14 * draw(2);
    let mut across = (place.fract() - inset) / (1.0 - 2.0 * inset);
    if draw(3) < 0.35 && y > top * 0.72 {
        // A narrower top.
        across = (across - 0.2) / 0.6;
    }
    if draw(4) > 0.72 && (across - 0.5).abs() * width < pixel * 1.2 {
        top += 0.10 * draw(5);
    }
    let soft = pixel / width * 0.8;
    let cover = smooth(-soft, soft, across)
        * smooth(1.0 + soft, 1.0 - soft, across)
        * smooth(top + pixel, top - pixel * 0.2, y);
    if cover <= 0.0 {
        return None;
    }
    let tint = Tone(0.040, 0.046, 0.064).mix(Tone(0.070, 0.058, 0.054), draw(6));
    let side = 0.75 + 0.5 * smooth(0.3, 0.7, across);
    let mut tone = tint * side * (1.0 + 0.15 * noise.other(3).fractal(x * 30.0, y * 6.0, 3, 0.6));
    let columns = (3.0 + (draw(7) * 7.0).floor()) * (0.8 + 0.07 * layer as f32);
    let columns = columns.round();
    let floor = 0.017 + 0.007 * draw(8);
    let (u, v) = (across * columns, (top - y) / floor);
    let (iu, iv) = (u.floor() as i32, v.floor() as i32);
    let (fu, fv) = (u.fract(), v.fract());
    let band = draw(9) < 0.3;
    let margin = if band { 0.02 } else { 0.20 };
    let (su, sv) = (pixel / width * columns * 0.8, pixel / floor * 0.8);
    let glass = smooth(margin - su, margin + su, fu)
        * smooth(1.0 - margin + su, 1.0 - margin - su, fu)
        * smooth(0.22 - sv, 0.22 + sv, fv)
        * smooth(0.86 + sv, 0.86 - sv, fv);
    let pane = noise.other(4).other(column as u32);
    let lit = pane.unit(iu, iv);
    let share = 0.22 + 0.45 * draw(10);
    let reflect = Tone(0.10, 0.10, 0.15) + Tone(0.35, 0.18, 0.10) * smooth(0.5, 0.0, y);
    let mut window = reflect * 0.55;
    if lit < share && iv >= 1 {
        let warm = pane.other(1).unit(iu, iv);
        let lamp = Tone(1.0, 0.60, 0.24).mix(Tone(0.85, 0.88, 0.95), smooth(0.62, 0.9, warm));
        let blind = 0.55 + 0.45 * smooth(0.2, 0.8, fv + 0.5 * pane.other(2).unit(iu, iv));
        window = lamp * ((0.30 + 1.25 * pane.other(3).unit(iu, iv).powi(2)) * blind);
    }
    tone = tone.mix(window, glass * 0.95);
    if draw(4) > 0.72 && y > top - 0.012 {
        tone += Tone(1.6, 0.08, 0.05) * smooth(0.008, 0.0, (across - 0.5).abs() * width);
    }
    Some((tone, cover))
}
