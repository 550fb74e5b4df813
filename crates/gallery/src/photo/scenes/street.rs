//! A street of painted houses.

use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::tone::{Tone, smooth};

/// House fronts in the afternoon sun.
pub fn street(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let pixel = frame.pixel();
    let aspect = frame.width as f32 / frame.height as f32;
    let houses = houses(noise, aspect);
    let canvas = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        if y < GROUND {
            return cobbles(noise, x, y);
        }
        let house = houses
            .iter()
            .find(|house| x >= house.left && x < house.right);
        match house {
            Some(house) if y < house.eaves + 0.10 => house.front(noise, x, y, pixel),
            _ => {
                let cloud = noise.other(70).fractal(x * 0.8, y * 2.0, 6, 0.52);
                Tone(0.20, 0.38, 0.74).mix(Tone(0.95, 0.96, 0.98), smooth(0.05, 0.75, cloud) * 0.8)
            }
        }
    });
    let camera = Camera {
        exposure: 0.92,
        vignette: 0.18,
        ..Camera::default()
    };
    (canvas, camera)
}

const GROUND: f32 = -0.78;

struct House {
    left: f32,
    right: f32,
    eaves: f32,
    index: i32,
    paint: Tone,
    shutters: Tone,
    bays: f32,
    storey: f32,
}

fn houses(noise: Noise, aspect: f32) -> Vec<House> {
    let mut houses = Vec::new();
    let mut left = -aspect - 0.2 * noise.unit(0, 1);
    let mut index = 0;
    while left < aspect {
        index += 1;
        let draw = |field: i32| noise.other(5).unit(index, field);
        let bays = 2.0 + (draw(1) * 1.99).floor();
        let right = left + bays * (0.215 + 0.03 * draw(2));
        let colour = (draw(3) * 3.0) as i32 + index * 3;
        houses.push(House {
            left,
            right,
            eaves: 0.52 + 0.36 * draw(4),
            index,
            paint: Tone::hex(
                [
                    0xd9a05b, 0xc9704e, 0xe3cda0, 0xcf8f86, 0xa9b89a, 0xe0b678, 0xb5563f, 0x9fb4c0,
                    0xead9bd,
                ][colour as usize % 9],
            ),
            shutters: Tone::hex(
                [0x2f5a4a, 0x3a5f86, 0x5b3a2a, 0x4d6b3c, 0x7d8c96][(draw(5) * 5.0) as usize % 5],
            ),
            bays,
            storey: 0.335 + 0.03 * draw(6),
        });
        left = right;
    }
    houses
}

/// A rectangle with an edge of a pixel: 1 inside, 0 outside.
fn inside(x: f32, y: f32, half: (f32, f32), pixel: f32) -> f32 {
    smooth(half.0 + pixel * 0.7, half.0 - pixel * 0.7, x.abs())
        * smooth(half.1 + pixel * 0.7, half.1 - pixel * 0.7, y.abs())
}

/// The sun stands upper left: a ledge at depth `deep` shades what is below it and to its right.
const SUN_ASIDE: f32 = 0.55;

impl House {
    fn front(&self, noise: Noise, x: f32, y: f32, pixel: f32) -> Tone {
        let noise = noise.other(self.index as u32 * 3 + 10);
        if y > self.eaves {
            return self.roof(noise, x, y, pixel);
        }
        let stain = noise.fractal(x * 2.2, y * 2.2, 6, 0.58);
        let rough = noise.other(1).fractal(x * 60.0, y * 60.0, 4, 0.8);
        let streak = noise.other(2).fractal(x * 26.0, y * 1.4, 4, 0.6);
        let mut wall = self.paint * (1.0 + 0.13 * stain + 0.07 * rough - 0.08 * streak.max(0.0));
        let damp = smooth(0.30, 0.0, y - GROUND + 0.12 * stain);
        wall = wall.mix(Tone(0.24, 0.20, 0.17), 0.55 * damp);
        let crack = smooth(
            0.66,
            0.74,
            noise.other(3).fractal(x * 3.1 + 5.0, y * 3.1, 5, 0.55) + 0.12 * stain,
        );
        wall = wall.mix(Tone(0.42, 0.30, 0.22) * (1.0 + 0.4 * rough), crack * 0.7);
        let mut sun: f32 = smooth(0.055, 0.085, self.eaves - y + 0.004 * stain);
        // The shadow of the houses across the street.
        let across = y - GROUND - 0.30 - 0.22 * x + 0.10 * ((x * 1.9).sin().signum() * 0.5 + 0.5);
        sun *= 0.18 + 0.82 * smooth(-0.012, 0.018, across);
        let (tone, shade) = self.bay(noise, x, y, pixel, wall);
        let light = Tone(1.55, 1.36, 1.08) * (sun * shade) + Tone(0.20, 0.25, 0.34);
        let party = smooth(0.0, 0.010, (x - self.left).min(self.right - x));
        tone * light * (0.72 + 0.28 * party)
    }

    fn roof(&self, noise: Noise, x: f32, y: f32, pixel: f32) -> Tone {
        let up = y - self.eaves;
        if up < 0.018 {
            return Tone(0.50, 0.46, 0.40) * (0.55 + 0.9 * smooth(0.004, 0.004 + pixel, up));
        }
        let row = (up * 42.0).floor();
        let tile = ((x * 34.0 + 0.5 * (row % 2.0)).fract() - 0.5).abs();
        let colour = noise.other(6).unit((x * 34.0) as i32, row as i32);
        let round = 0.55 + 0.75 * (1.0 - tile * 1.8).max(0.0);
        let lip = 0.65 + 0.35 * smooth(0.0, 0.35, (up * 42.0).fract());
        let clay = Tone::hex(0xb0623c).mix(Tone::hex(0x7e4a36), colour);
        clay * round * lip * (1.2 + 0.2 * noise.other(7).fractal(x * 20.0, y * 20.0, 3, 0.6))
    }

    /// A window with its shutters, or a door below; gives colour and the share of sunlight.
    fn bay(&self, noise: Noise, x: f32, y: f32, pixel: f32, wall: Tone) -> (Tone, f32) {
        let bay_width = (self.right - self.left) / self.bays;
        let place = (x - self.left) / bay_width;
        let column = place.floor() as i32;
        let storeys = ((self.eaves - GROUND - 0.10) / self.storey)
            .floor()
            .max(1.0);
        let storey = (self.eaves - GROUND - 0.06) / storeys;
        let level = ((y - GROUND) / storey).floor().clamp(0.0, storeys - 1.0);
        let u = (place.fract() - 0.5) * bay_width;
        let v = y - GROUND - (level + 0.50) * storey;
        let draw = |field: i32| noise.other(8).unit(column * 31 + level as i32, field);
        if level == 0.0 {
            return self.ground_floor(noise, u, v, storey, column, pixel, wall);
        }
        let half = (0.040, 0.082);
        let glass = inside(u, v, (half.0 - 0.007, half.1 - 0.007), pixel);
        let frame = inside(u, v, half, pixel);
        let cross = (1.0 - smooth(0.003, 0.003 + pixel, u.abs()))
            .max(1.0 - smooth(0.003, 0.003 + pixel, (v - 0.02).abs()));
        let mut tone = wall;
        let mut sun: f32 = 1.0;
        // Surround, sill and their shadows.
        let surround = inside(u, v, (half.0 + 0.012, half.1 + 0.012), pixel);
        tone = tone.mix(Tone(0.72, 0.68, 0.60) * (0.9 + 0.2 * draw(1)), surround);
        let sill = inside(u, v + half.1 + 0.016, (half.0 + 0.022, 0.007), pixel);
        let sill_shadow = inside(
            u - 0.012 * SUN_ASIDE,
            v + half.1 + 0.037,
            (half.0 + 0.022, 0.016),
            pixel * 3.0,
        );
        sun *= 1.0 - 0.75 * sill_shadow;
        // Shutters, open beside the window or closed over it.
        let closed = draw(2) < 0.16;
        let shutter_middle = if closed {
            half.0 * 0.5
        } else {
            half.0 * 1.52 + 0.012
        };
        let su = u.abs() - shutter_middle;
        let shutter = inside(su, v, (half.0 * 0.5, half.1 + 0.004), pixel);
        let slat = 0.72 + 0.45 * ((v * 150.0).sin() * 0.5 + 0.5);
        let rail = smooth(half.0 * 0.40, half.0 * 0.44, su.abs());
        let shadow = inside(
            su - 0.010,
            v + 0.012,
            (half.0 * 0.5, half.1 + 0.004),
            pixel * 2.0,
        );
        if !closed {
            sun *= 1.0 - 0.6 * shadow * (1.0 - shutter) * (1.0 - surround);
        }
        let paint = self.shutters
            * (slat + (1.1 - slat) * rail)
            * (1.0 + 0.25 * noise.other(9).fractal(x * 40.0, y * 40.0, 3, 0.7));
        let room = Tone(0.018, 0.022, 0.028).mix(
            Tone(0.20, 0.30, 0.44),
            0.6 * smooth(
                -0.3,
                0.9,
                noise.other(10).at(x * 6.0 + draw(3) * 9.0, y * 5.0),
            ),
        );
        let drape = draw(4) < 0.55 && u.abs() > half.0 * (0.25 + 0.4 * draw(5));
        let cloth = Tone(0.62, 0.58, 0.52) * (0.55 + 0.3 * (u * 700.0).sin());
        let pane = if drape { room.mix(cloth, 0.6) } else { room };
        let wood = Tone(0.70, 0.68, 0.64);
        if !closed {
            let recess = smooth(0.030, 0.0, half.1 - v).max(smooth(0.018, 0.0, half.0 + u));
            sun *= 1.0 - 0.8 * frame * recess;
            tone = tone.mix(wood, frame).mix(pane, glass * (1.0 - cross));
        }
        tone = tone.mix(paint, shutter);
        tone = tone.mix(Tone(0.66, 0.62, 0.55), sill);
        if draw(6) < 0.38 {
            (tone, sun) = flower_box(noise, (u, v + half.1 - 0.002), (x, y), tone, sun, draw(7));
        }
        if draw(8) < 0.20 && level > 1.0 {
            (tone, sun) = balcony(u, v + half.1 + 0.02, bay_width, pixel, tone, sun);
        }
        (tone, sun)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one place in one front; a struct would be used once"
    )]
    fn ground_floor(
        &self,
        noise: Noise,
        u: f32,
        v: f32,
        storey: f32,
        column: i32,
        pixel: f32,
        wall: Tone,
    ) -> (Tone, f32) {
        let draw = |field: i32| noise.other(11).unit(column, field);
        let base = v + storey * 0.5;
        let mut sun = 1.0;
        let mut tone = wall;
        let half = (0.058, storey * 0.35);
        let door = inside(u, base - half.1, half, pixel);
        let surround = inside(u, base - half.1, (half.0 + 0.014, half.1 + 0.014), pixel);
        tone = tone.mix(
            Tone(0.55, 0.51, 0.45)
                * (1.0 + 0.2 * noise.other(12).fractal(u * 50.0, base * 50.0, 3, 0.7)),
            surround,
        );
        if draw(1) < 0.5 {
            let panel = ((u.abs() * 36.0).fract() - 0.5)
                .abs()
                .min(((base * 14.0).fract() - 0.5).abs());
            let leaf = self.shutters * (0.55 + 0.6 * smooth(0.02, 0.10, panel));
            tone = tone.mix(leaf, door);
        } else {
            let shelf =
                noise
                    .other(13)
                    .fractal(u * 45.0 + column as f32 * 9.0, base * 32.0, 4, 0.6);
            let goods = Tone(0.10, 0.085, 0.07)
                .mix(Tone(0.55, 0.36, 0.20), (0.35 + 0.8 * shelf).clamp(0.0, 1.0));
            tone = tone.mix(goods * 0.8, door * smooth(0.05, 0.06, base));
        }
        sun *= 1.0 - 0.75 * door * smooth(half.1 * 2.0 - 0.05, half.1 * 2.0, base);
        if draw(2) < 0.55 {
            let awning = inside(
                u,
                base - half.1 * 2.0 - 0.012,
                (half.0 + 0.035, 0.036),
                pixel,
            );
            let stripe = smooth(-0.15, 0.15, (u * 130.0).sin());
            let cloth = Tone(0.80, 0.76, 0.68).mix(
                [
                    Tone(0.52, 0.09, 0.07),
                    Tone(0.07, 0.22, 0.36),
                    Tone(0.12, 0.30, 0.16),
                ][(draw(3) * 3.0) as usize % 3],
                stripe,
            );
            let below = inside(
                u - 0.02,
                base - half.1 * 2.0 + 0.075,
                (half.0 + 0.035, 0.052),
                pixel * 3.0,
            );
            sun *= 1.0 - 0.8 * below * (1.0 - awning);
            tone = tone.mix(cloth, awning);
        }
        (tone, sun)
    }
}

fn flower_box(
    noise: Noise,
    at: (f32, f32),
    place: (f32, f32),
    tone: Tone,
    sun: f32,
    kind: f32,
) -> (Tone, f32) {
    let (u, v) = at;
    let leaf = noise
        .other(20)
        .fractal(place.0 * 42.0, place.1 * 42.0, 4, 0.7);
    let mass = smooth(-0.012, 0.012, 0.030 - (v - 0.006).abs() + 0.016 * leaf)
        * smooth(0.062, 0.045, u.abs() + 0.010 * leaf);
    let (near, _, _) = noise.other(21).cells(place.0 * 95.0, place.1 * 95.0);
    let bloom = smooth(0.42, 0.30, near) * smooth(0.0, 0.4, leaf + 0.25);
    let petal = if kind < 0.5 {
        Tone(0.72, 0.04, 0.06)
    } else {
        Tone(0.80, 0.24, 0.42)
    };
    let green = Tone(0.06, 0.14, 0.03) * (1.1 + 1.1 * leaf).max(0.2);
    (
        tone.mix(green.mix(petal, bloom), mass),
        sun * (1.0 - 0.35 * smooth(0.03, -0.02, v + 0.02) * mass),
    )
}

fn balcony(u: f32, v: f32, width: f32, pixel: f32, tone: Tone, sun: f32) -> (Tone, f32) {
    let half = width * 0.46;
    let slab = inside(u, v + 0.006, (half, 0.011), pixel);
    let shadow = inside(u - 0.03 * SUN_ASIDE, v + 0.052, (half, 0.040), pixel * 4.0);
    let bar = smooth(0.20, 0.10, ((u * 78.0).fract() - 0.5).abs())
        * inside(u, v - 0.045, (half, 0.045), pixel);
    let hand = inside(u, v - 0.092, (half, 0.0045), pixel);
    let iron = Tone(0.030, 0.030, 0.034);
    let sun = sun * (1.0 - 0.72 * shadow * (1.0 - slab));
    (
        tone.mix(Tone(0.58, 0.54, 0.48), slab)
            .mix(iron, bar.max(hand) * 0.95),
        sun,
    )
}

/// The street itself, going away from the camera.
fn cobbles(noise: Noise, x: f32, y: f32) -> Tone {
    let down = GROUND - y;
    if down < 0.035 {
        let kerb = noise.other(60).fractal(x * 22.0, y * 60.0, 4, 0.6);
        let edge = smooth(0.026, 0.032, down);
        return Tone(0.46, 0.43, 0.39) * (1.0 + 0.18 * kerb) * (0.62 - 0.40 * edge);
    }
    let distance = 0.62 / (down + 0.36);
    let (u, v) = (x * distance * 13.0, distance * 26.0);
    let (near, second, owner) = noise.other(61).cells(u, v);
    let joint = smooth(0.02, 0.16, second - near);
    let stone = noise.other(62).unit(owner.0, owner.1);
    let grain = noise.other(63).fractal(u * 2.2, v * 2.2, 4, 0.75);
    let dome = 0.75 + 0.35 * smooth(0.6, 0.1, near);
    let tone = Tone::hex(0x6f6a66).mix(Tone::hex(0x8f8578), stone) * dome * (1.0 + 0.25 * grain);
    let sunny = 0.30 + 0.10 * noise.other(64).at(x * 1.5, 0.0);
    let wet = smooth(
        0.15,
        0.6,
        noise.other(65).fractal(x * 1.6, distance * 3.0, 4, 0.5),
    ) * 0.25;
    tone.mix(Tone(0.05, 0.05, 0.055), 1.0 - joint) * sunny * (1.0 - wet)
        + Tone(0.10, 0.13, 0.17) * wet * joint
}
