//! How land is painted: seen through a lens, lit by a sun, in air.

use crate::photo::Frame;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::terrain::{Hit, Relief, View};
use crate::photo::tone::Tone;

/// A point of the land and the light on it.
pub struct Lit {
    /// The point.
    pub hit: Hit,
    /// The ground's normal there.
    pub normal: Tone,
    /// Share of sunlight that reaches it.
    pub sun: f32,
    /// Size of a pixel there.
    pub footprint: f32,
}

impl Lit {
    /// Roughens the ground by noise of `scale` per unit, down to the size of a pixel.
    pub fn rough(&self, noise: Noise, scale: f32, strength: f32) -> Tone {
        let Hit { x, y, z, .. } = self.hit;
        let (mut u, mut v) = ((x + 0.4 * y) * scale, (z + 0.9 * y) * scale);
        let (mut dx, mut dz) = (0.0, 0.0);
        for octave in 0..octaves(1.0 / scale, self.footprint, 5) {
            let (_, across, along) = noise.other(octave).slope(u, v);
            dx += across;
            dz += along;
            (u, v) = (u * 2.03 + 7.7, v * 2.03 - 3.1);
        }
        (self.normal + Tone(-dx, 0.0, -dz) * strength).unit()
    }
}

/// Paints surveyed land under a sky.
pub fn landscape(
    frame: &Frame,
    view: &View,
    relief: &Relief,
    sun: Tone,
    shade: impl Fn(&Lit) -> Tone + Sync,
    sky: impl Fn(f32, f32) -> Tone + Sync,
) -> Canvas {
    let pixel = view.pixel(frame);
    let look = |hit: Hit, sun: f32| {
        shade(&Lit {
            hit,
            normal: relief.normal(&hit),
            sun,
            footprint: hit.z * pixel,
        })
    };
    Canvas::paint_columns(frame.width, frame.height, |x, column| {
        let seen = relief.column(frame, view, x);
        let (mut lit, mut lit_at, mut age) = (1.0, 0.0_f32, 0);
        for (y, place) in column.iter_mut().enumerate() {
            match seen.hits[y] {
                // Deeper than the shore blends into water.
                Some(hit) if view.water && hit.y < -0.004 => {}
                Some(hit) => {
                    age += 1;
                    // Shadows are soft: one look serves two rows of the same slope.
                    if age >= 2 || (hit.z - lit_at).abs() > lit_at * 0.03 {
                        lit = relief.sunlight(&hit, sun);
                        (lit_at, age) = (hit.z, 0);
                    }
                    *place = look(hit, lit);
                }
                None => {
                    let (sideways, upward) = view.ray(frame, x, y as f32);
                    *place = sky(sideways, upward);
                }
            }
            if let Some((hit, cover)) = seen.rims[y] {
                *place = place.mix(look(hit, relief.sunlight(&hit, sun)), cover);
            }
        }
    })
}

/// How many octaves of noise are larger than a pixel.
pub fn octaves(largest: f32, footprint: f32, most: u32) -> u32 {
    ((largest / footprint.max(1e-6)).log2().max(1.0) as u32).min(most)
}

/// Air between here and there: distant land takes the colour of the sky.
pub fn haze(light: Tone, air: Tone, distance: f32, thickness: f32) -> Tone {
    air.mix(light, (-distance * thickness).exp())
}

/// Height added by conifers: pointed cones, one to a cell of `size`.
pub fn firs(noise: Noise, x: f32, z: f32, size: f32, tall: f32) -> f32 {
    let (u, v) = (x / size, z / size);
    let (near, _, owner) = noise.cells(u, v);
    let grown = 0.45 + 0.55 * noise.other(9).unit(owner.0, owner.1);
    (1.0 - near * 1.7).max(0.0) * tall * grown
}
