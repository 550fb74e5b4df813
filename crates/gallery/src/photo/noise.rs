//! Noise: the same everywhere and every time for the same seed.

const STRIDE_X: u32 = 0x9e37_79b1;
const STRIDE_Y: u32 = 0x85eb_ca77;

/// Slopes of the lattice points: 256 vectors spread over the square −1..1.
static GRADIENTS: [(f32, f32); 256] = {
    let mut table = [(0.0, 0.0); 256];
    let mut index = 0;
    while index < 256 {
        let word = scramble(index as u32 ^ 0x51f0_a73b);
        table[index] = (
            (word & 0xffff) as f32 / 32_768.0 - 1.0,
            (word >> 16) as f32 / 32_768.0 - 1.0,
        );
        index += 1;
    }
    table
};

/// A source of noise; seeds give unrelated patterns.
#[derive(Clone, Copy, Debug)]
pub struct Noise(u32);

impl Noise {
    /// The pattern of a seed.
    pub fn new(seed: u64) -> Self {
        Self((seed ^ (seed >> 32)) as u32 ^ 0x5bd1_e995)
    }

    /// Another pattern, unrelated to this one.
    pub fn other(self, index: u32) -> Self {
        Self(scramble(
            self.0 ^ index.wrapping_mul(0x9e37_79b1) ^ 0x1b87_3593,
        ))
    }

    /// A random word for a lattice point.
    pub fn word(self, x: i32, y: i32) -> u32 {
        scramble(
            (x as u32).wrapping_mul(0x9e37_79b1)
                ^ (y as u32).wrapping_mul(0x85eb_ca77).rotate_left(13)
                ^ self.0,
        )
    }

    /// A random number in 0..1 for a lattice point.
    pub fn unit(self, x: i32, y: i32) -> f32 {
        (self.word(x, y) >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Gradient noise: about −1..1, mean 0, features of size 1.
    #[inline]
    pub fn at(self, x: f32, y: f32) -> f32 {
        let square = Square::new(self, x, y);
        let [a, b, c, d] = square.corners.map(|corner| corner.2);
        let (ux, uy) = (fade(square.x), fade(square.y));
        let (top, bottom) = (a + ux * (b - a), c + ux * (d - c));
        1.4 * (top + uy * (bottom - top))
    }

    /// Gradient noise and its two derivatives.
    #[inline]
    pub fn slope(self, x: f32, y: f32) -> (f32, f32, f32) {
        let square = Square::new(self, x, y);
        let [a, b, c, d] = square.corners;
        let (ux, uy) = (fade(square.x), fade(square.y));
        let (dux, duy) = (fade_slope(square.x), fade_slope(square.y));
        let twist = a.2 - b.2 - c.2 + d.2;
        let blend = |a: f32, b: f32, c: f32, d: f32| {
            a + ux * (b - a) + uy * (c - a) + ux * uy * (a - b - c + d)
        };
        (
            1.4 * blend(a.2, b.2, c.2, d.2),
            1.4 * (blend(a.0, b.0, c.0, d.0) + dux * (b.2 - a.2 + uy * twist)),
            1.4 * (blend(a.1, b.1, c.1, d.1) + duy * (c.2 - a.2 + ux * twist)),
        )
    }

    /// Fractal noise: `octaves` of [`Noise::at`], each twice as fine and `gain` as strong; about
    /// −1..1. A gain of 0.5 has the 1/f amplitude spectrum of clouds and coasts.
    pub fn fractal(self, x: f32, y: f32, octaves: u32, gain: f32) -> f32 {
        let (mut x, mut y) = (x, y);
        let (mut sum, mut strength) = (0.0, 1.0 - gain.min(0.9));
        for octave in 0..octaves {
            sum += strength * self.other_octave(octave).at(x, y);
            strength *= gain;
            // Turning each octave hides the lattice.
            (x, y) = (1.6 * x + 1.2 * y, 1.6 * y - 1.2 * x);
        }
        2.0 * sum
    }

    /// Ridged fractal noise, 0..1: sharp crests, as mountains have.
    pub fn ridged(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut x, mut y) = (x, y);
        let (mut sum, mut strength, mut carry) = (0.0, 0.5, 1.0);
        for octave in 0..octaves {
            let crest = 1.0 - self.other_octave(octave).at(x, y).abs();
            let crest = crest * crest * carry;
            sum += strength * crest;
            carry = (crest * 1.6).clamp(0.0, 1.0);
            strength *= 0.5;
            (x, y) = (1.6 * x + 1.2 * y, 1.6 * y - 1.2 * x);
        }
        sum
    }

    /// Billowing fractal noise, about 0..1: round tops and sharp valleys, as heaped clouds have.
    pub fn billow(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut x, mut y) = (x, y);
        let (mut sum, mut strength) = (0.0, 0.9);
        for octave in 0..octaves {
            sum += strength * self.other_octave(octave).at(x, y).abs();
            strength *= 0.48;
            (x, y) = (1.6 * x + 1.2 * y, 1.6 * y - 1.2 * x);
        }
        sum
    }

    /// Cells scattered one to a lattice square: distance to the nearest centre, to the second
    /// nearest, and the nearest one's lattice point.
    pub fn cells(self, x: f32, y: f32) -> (f32, f32, (i32, i32)) {
        let (ix, iy) = (split(x).0, split(y).0);
        let (mut first, mut second, mut owner) = (f32::MAX, f32::MAX, (ix, iy));
        for cell_y in iy - 1..=iy + 1 {
            for cell_x in ix - 1..=ix + 1 {
                let (px, py) = self.centre(cell_x, cell_y);
                let distance = (px - x) * (px - x) + (py - y) * (py - y);
                if distance < first {
                    second = first;
                    first = distance;
                    owner = (cell_x, cell_y);
                } else if distance < second {
                    second = distance;
                }
            }
        }
        (first.sqrt(), second.sqrt(), owner)
    }

    /// Where the cell of a lattice square has its centre.
    pub fn centre(self, cell_x: i32, cell_y: i32) -> (f32, f32) {
        let word = self.word(cell_x, cell_y);
        (
            cell_x as f32 + 0.1 + 0.8 * (word & 0xffff) as f32 / 65_536.0,
            cell_y as f32 + 0.1 + 0.8 * (word >> 16) as f32 / 65_536.0,
        )
    }

    fn other_octave(self, octave: u32) -> Self {
        Self(self.0.wrapping_add(octave.wrapping_mul(0x632b_e5ab)))
    }
}

/// The lattice square around a point: the place within it, and for each corner its slope (x, y)
/// and what that slope gives at the point.
struct Square {
    x: f32,
    y: f32,
    corners: [(f32, f32, f32); 4],
}

impl Square {
    #[inline(always)]
    fn new(noise: Noise, x: f32, y: f32) -> Self {
        let ((ix, x), (iy, y)) = (split(x), split(y));
        let place = (ix as u32)
            .wrapping_mul(STRIDE_X)
            .wrapping_add((iy as u32).wrapping_mul(STRIDE_Y))
            .wrapping_add(noise.0);
        let corner = |word: u32, x: f32, y: f32| {
            let word = (word ^ (word >> 15)).wrapping_mul(0x2c1b_3c6d);
            let (gx, gy) = GRADIENTS[(word >> 24) as usize];
            (gx, gy, gx * x + gy * y)
        };
        let below = place.wrapping_add(STRIDE_Y);
        Self {
            x,
            y,
            corners: [
                corner(place, x, y),
                corner(place.wrapping_add(STRIDE_X), x - 1.0, y),
                corner(below, x, y - 1.0),
                corner(below.wrapping_add(STRIDE_X), x - 1.0, y - 1.0),
            ],
        }
    }
}

/// The quintic that joins lattice squares without a seam.
fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

fn fade_slope(t: f32) -> f32 {
    30.0 * t * t * (t * (t - 2.0) + 1.0)
}

/// The largest whole number not above `value`, and the rest, 0..=1.
///
/// Adding 1.5 × 2²³ leaves the whole part in the low bits of a float: a third of the time of
/// `f32::floor`, a library call on processors' baseline. Good to ±2²² , far beyond any scene.
#[inline(always)]
fn split(value: f32) -> (i32, f32) {
    const SHIFT: f32 = 12_582_912.0;
    let shifted = value - 0.5 + SHIFT;
    let whole = shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i32;
    (whole, value - (shifted - SHIFT))
}

const fn scramble(word: u32) -> u32 {
    let mut word = word;
    word ^= word >> 16;
    word = word.wrapping_mul(0x7feb_352d);
    word ^= word >> 15;
    word = word.wrapping_mul(0x846c_a68b);
    word ^ (word >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_noise_is_centred_and_bounded() {
        let noise = Noise::new(5);
        let values: Vec<f32> = (0..20_000)
            .map(|step| noise.at(step as f32 * 0.37, step as f32 * 0.11 - 900.0))
            .collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!(values.iter().all(|value| value.abs() < 1.6));
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        let noise = Noise::new(11);
        let step = 1e-2;
        for index in 0..500 {
            let (x, y) = (index as f32 * 0.173 - 40.0, index as f32 * -0.091 + 7.0);
            let (value, dx, dy) = noise.slope(x, y);
            let across = (noise.at(x + step, y) - noise.at(x - step, y)) / (2.0 * step);
            let along = (noise.at(x, y + step) - noise.at(x, y - step)) / (2.0 * step);
            assert!((value - noise.at(x, y)).abs() < 1e-4);
            assert!((dx - across).abs() < 0.03, "{dx} {across} at {x} {y}");
            assert!((dy - along).abs() < 0.03, "{dy} {along} at {x} {y}");
        }
    }

    #[test]
    fn the_split_of_a_number_is_its_floor() {
        for value in [-3.75_f32, -1.0, -0.25, 0.0, 0.5, 1.0, 2.999, 1000.5] {
            let (whole, rest) = split(value);
            assert!((0.0..=1.0).contains(&rest), "{value}: {rest}");
            assert!((whole as f32 + rest - value).abs() < 1e-4, "{value}");
        }
    }

    #[test]
    fn the_nearest_cell_is_the_nearest() {
        let noise = Noise::new(3);
        for index in 0..200 {
            let (x, y) = (index as f32 * 0.29, index as f32 * 0.41 - 30.0);
            let (first, second, owner) = noise.cells(x, y);
            let (px, py) = noise.centre(owner.0, owner.1);
            assert!(((px - x).hypot(py - y) - first).abs() < 1e-4 && second >= first);
        }
    }
}
