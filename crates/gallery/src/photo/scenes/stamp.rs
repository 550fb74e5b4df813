//! Many overlapping things, each painted where it lies: leaves, stones, petals, drops.

use crate::photo::Frame;
use crate::photo::canvas::{Canvas, for_each_row};
use crate::photo::tone::Tone;

/// A thing in the picture.
#[derive(Clone, Copy)]
pub struct Stamp {
    /// Its middle, in the units of [`Frame::place`].
    pub place: (f32, f32),
    /// The radius of the circle that holds it.
    pub size: f32,
    /// The direction of its first axis, in radians.
    pub angle: f32,
    /// What makes it differ from the others.
    pub seed: u32,
}

impl Stamp {
    /// A number of its own in 0..1, another for each `index`.
    pub fn unit(&self, index: u32) -> f32 {
        let mut word = self.seed ^ index.wrapping_mul(0x9e37_79b1);
        word = (word ^ (word >> 15)).wrapping_mul(0x2c1b_3c6d);
        word = (word ^ (word >> 12)).wrapping_mul(0x297a_2d39);
        ((word ^ (word >> 15)) >> 8) as f32 / 16_777_216.0
    }
}

/// A point of a stamp.
pub struct Spot {
    /// Along its first axis, −1..1.
    pub u: f32,
    /// Across, −1..1.
    pub v: f32,
    /// The size of a pixel in the same units.
    pub pixel: f32,
    /// Where it is in the picture.
    pub place: (f32, f32),
}

/// Lays stamps over a picture, the first in the list on top. `shade` gives the light that a spot
/// sends and the share, 0..1, of what lies below that it hides; none of the light below passes a
/// share of 1, and what is hidden is not computed.
pub fn lay(
    frame: &Frame,
    ground: &Canvas,
    stamps: &[Stamp],
    shade: impl Fn(&Stamp, &Spot) -> (Tone, f32) + Sync,
) -> Canvas {
    let mut pixels = ground.pixels.clone();
    for_each_row(&mut pixels, frame.width, |y, row| {
        let mut seen = vec![Tone::default(); frame.width];
        let mut clear = vec![1.0_f32; frame.width];
        for stamp in stamps {
            lay_row(frame, y, stamp, &shade, &mut seen, &mut clear);
        }
        for ((pixel, seen), clear) in row.iter_mut().zip(&seen).zip(&clear) {
            *pixel = *seen + *pixel * *clear;
        }
    });
    Canvas {
        width: frame.width,
        height: frame.height,
        pixels,
    }
}

fn lay_row(
    frame: &Frame,
    y: usize,
    stamp: &Stamp,
    shade: &impl Fn(&Stamp, &Spot) -> (Tone, f32),
    seen: &mut [Tone],
    clear: &mut [f32],
) {
    let (_, row) = frame.place(0, y);
    let dy = row - stamp.place.1;
    let chord = stamp.size * stamp.size - dy * dy;
    if chord <= 0.0 {
        return;
    }
    let half = frame.height as f32 / 2.0;
    let middle = stamp.place.0 * half + frame.width as f32 / 2.0;
    let reach = chord.sqrt() * half;
    let first = (middle - reach).max(0.0) as usize;
    let last = ((middle + reach).max(0.0) as usize + 1).min(frame.width);
    let (sine, cosine) = stamp.angle.sin_cos();
    let scale = 1.0 / stamp.size;
    for x in first..last {
        if clear[x] < 0.004 {
            continue;
        }
        let dx = (x as f32 + 0.5 - frame.width as f32 / 2.0) / half - stamp.place.0;
        let spot = Spot {
            u: (dx * cosine + dy * sine) * scale,
            v: (dy * cosine - dx * sine) * scale,
            pixel: frame.pixel() * scale,
            place: (stamp.place.0 + dx, row),
        };
        let (light, hides) = shade(stamp, &spot);
        seen[x] += light * clear[x];
        clear[x] *= 1.0 - hides;
    }
}

/// Scatters stamps over the whole picture and its margins: `count` of them, each of a size from
/// `sizes` that small ones have more often.
pub fn scatter(frame: &Frame, count: u32, sizes: (f32, f32), lean: f32) -> Vec<Stamp> {
    let aspect = frame.width as f32 / frame.height as f32;
    let noise = frame.noise.other(901);
    (0..count as i32)
        .map(|index| {
            let draw = |field: i32| noise.unit(index, field);
            let size = sizes.0 + (sizes.1 - sizes.0) * draw(2).powf(lean);
            Stamp {
                place: (
                    (draw(0) * 2.0 - 1.0) * (aspect + sizes.1),
                    (draw(1) * 2.0 - 1.0) * (1.0 + sizes.1),
                ),
                size,
                angle: draw(3) * std::f32::consts::TAU,
                seed: noise.word(index, 4),
            }
        })
        .collect()
}
