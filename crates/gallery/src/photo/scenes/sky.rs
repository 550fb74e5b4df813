//! Skies.

use crate::photo::noise::Noise;
use crate::photo::tone::{Tone, smooth};

/// A day sky: blue overhead, pale near the horizon, with a sun and fair-weather clouds.
pub struct Sky {
    /// Direction to the sun, length 1.
    pub sun: Tone,
    /// Colour overhead.
    pub zenith: Tone,
    /// Colour at the horizon.
    pub horizon: Tone,
    /// Colour of sunlight.
    pub light: Tone,
    /// Share of the sky under cloud, 0..1.
    pub cloud: f32,
    /// The clouds' pattern.
    pub noise: Noise,
}

impl Sky {
    /// Light from a direction given by its slopes: sideways, and upward (0 at the horizon).
    pub fn at(&self, sideways: f32, upward: f32) -> Tone {
        let upward = upward.max(0.0);
        let direction = Tone(sideways, upward, 1.0).unit();
        let height = 1.0 - (-upward * 3.2).exp();
        let toward = direction.dot(self.sun).max(0.0);
        let mut light = self.horizon.mix(self.zenith, height);
        light += self.light * (0.25 * toward.powf(8.0) + 0.5 * toward.powf(64.0)) * 0.6;
        light += self.light * smooth(0.999_80, 0.999_88, toward) * 12.0;
        self.veil(light, sideways, upward, toward)
    }

    fn veil(&self, clear: Tone, sideways: f32, upward: f32, toward: f32) -> Tone {
        if self.cloud <= 0.0 {
            return clear;
        }
        let depth = 1.0 / (upward + 0.10);
        let (u, v) = (sideways * depth * 0.55, depth * 0.8);
        let density = self.noise.fractal(u, v, 7, 0.52);
        let cover = smooth(0.55 - self.cloud, 1.05 - self.cloud, density);
        if cover <= 0.0 {
            return clear;
        }
        // Clouds are bright where they thin out toward the sun.
        let sunward =
            self.noise
                .fractal(u + self.sun.0 * 0.16, v - 0.14 - self.sun.1 * 0.1, 4, 0.52);
        let relief = (0.55 + (density - sunward) * 1.5).clamp(0.0, 1.2);
        let shade = self.horizon.mix(self.zenith, 0.25) * 0.75;
        let lit = self.light * (0.95 + toward.powf(6.0) * 0.8);
        let cloud = shade.mix(lit, relief);
        let far = (-depth * 0.12).exp();
        clear.mix(
            self.horizon.mix(cloud, 0.35 + 0.65 * far),
            cover * (0.25 + 0.75 * far),
        )
    }
}
