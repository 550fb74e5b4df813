//! What lens and sensor do to light on its way to a file.

use super::canvas::{Canvas, for_each_row};
use super::noise::Noise;
use super::tone::Tone;

/// A camera's settings.
pub struct Camera {
    /// Multiplies all light; 1.0 leaves 18 % grey at 18 %.
    pub exposure: f32,
    /// How much darker the corners are, 0..1.
    pub vignette: f32,
    /// Noise of the sensor: 1.0 is a small camera at base sensitivity, 4.0 one at night.
    pub grain: f32,
    /// Light that strays around bright places, 0..1.
    pub glow: f32,
    /// Multiplies the distance of colours from grey.
    pub saturation: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            exposure: 1.0,
            vignette: 0.22,
            grain: 1.0,
            glow: 0.04,
            saturation: 0.97,
        }
    }
}

impl Camera {
    /// Takes the photograph: RGB, 8 bits, three bytes per pixel.
    pub fn develop(&self, canvas: &Canvas, noise: Noise) -> Vec<u8> {
        let (width, height) = (canvas.width, canvas.height);
        let scale = width.min(height) as f32;
        // Stray light has no detail: a quarter of the size is enough.
        let soft = canvas.reduced(4).blurred((scale * 0.0045).max(1.0));
        let curve = Curve::new();
        let mut bytes = vec![0; width * height * 3];
        for_each_row(&mut bytes, width * 3, |y, row| {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let (xi, yi) = (x as isize, y as isize);
                let light = optics(canvas, xi, yi).mix(soft.at(xi / 4, yi / 4), self.glow);
                let light = light * self.falloff(x, y, width, height) * self.exposure;
                let light = self.expose(light, noise, xi as i32, yi as i32);
                pixel.copy_from_slice(&self.print(light, &curve));
            }
        });
        bytes
    }

    fn falloff(&self, x: usize, y: usize, width: usize, height: usize) -> f32 {
        let dx = (x as f32 + 0.5) / width as f32 - 0.5;
        let dy = (y as f32 + 0.5) / height as f32 - 0.5;
        let radius = (dx * dx + dy * dy) * 2.0;
        1.0 - self.vignette * radius * (0.4 + 0.6 * radius)
    }

    /// Photons arrive at random: the noise of light grows with its square root, that of the
    /// electronics is constant. Neighbours share some of it, as after demosaicing.
    fn expose(&self, light: Tone, noise: Noise, x: i32, y: i32) -> Tone {
        let draw = |dx: i32, dy: i32| {
            let word = noise.word(x + dx, y + dy);
            let byte = |shift: u32| ((word >> shift) & 1023) as f32 / 512.0 - 1.0;
            Tone(byte(0), byte(10), byte(20))
        };
        let shared = (draw(1, 0) + draw(0, 1) + draw(1, 1)) * 0.45;
        let grain = draw(0, 0) + shared;
        let grey = Tone::grey(grain.luminance());
        let grain = grey.mix(grain, 0.45) * (0.0066 * self.grain);
        Tone(
            light.0 + grain.0 * (light.0.max(0.0).sqrt() + 0.05),
            light.1 + grain.1 * (light.1.max(0.0).sqrt() + 0.05),
            light.2 + grain.2 * (light.2.max(0.0).sqrt() + 0.05),
        )
    }

    fn print(&self, light: Tone, curve: &Curve) -> [u8; 3] {
        let grey = light.luminance();
        let light = Tone::grey(grey).mix(light, self.saturation);
        [curve.at(light.0), curve.at(light.1), curve.at(light.2)]
    }
}

/// The lens and the sensor's low-pass filter: a blur of about a third of a pixel.
fn optics(canvas: &Canvas, x: isize, y: isize) -> Tone {
    let sides =
        canvas.at(x - 1, y) + canvas.at(x + 1, y) + canvas.at(x, y - 1) + canvas.at(x, y + 1);
    let corners = canvas.at(x - 1, y - 1)
        + canvas.at(x + 1, y - 1)
        + canvas.at(x - 1, y + 1)
        + canvas.at(x + 1, y + 1);
    canvas.at(x, y) * 0.80 + sides * 0.045 + corners * 0.005
}

/// The photographic curve: contrast in the middle, a long shoulder before white, then sRGB.
struct Curve(Vec<u8>);

const CURVE_STEPS: f32 = 4096.0;
/// Light at which the curve reaches white.
const CURVE_WHITE: f32 = 8.0;

impl Curve {
    fn new() -> Self {
        let table = (0..=CURVE_STEPS as usize).map(|step| {
            // Square-root steps: fine where the eye is.
            let root = step as f32 / CURVE_STEPS;
            let light = root * root * CURVE_WHITE;
            // Narkowicz's fit of the ACES film curve.
            let film = (light * 0.72 * (2.51 * light * 0.72 + 0.03))
                / (light * 0.72 * (2.43 * light * 0.72 + 0.59) + 0.14);
            let film = film.clamp(0.0, 1.0);
            let value = if film <= 0.003_130_8 {
                film * 12.92
            } else {
                1.055 * film.powf(1.0 / 2.4) - 0.055
            };
            (value * 255.0 + 0.5) as u8
        });
        Self(table.collect())
    }

    fn at(&self, light: f32) -> u8 {
        let root = (light.clamp(0.0, CURVE_WHITE) / CURVE_WHITE).sqrt();
        self.0[(root * CURVE_STEPS) as usize]
    }
}
