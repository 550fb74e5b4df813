//! Things close up.

use super::stamp::{Spot, Stamp, lay, scatter};
use crate::photo::Frame;
use crate::photo::camera::Camera;
use crate::photo::canvas::Canvas;
use crate::photo::noise::Noise;
use crate::photo::tone::{Tone, smooth};

/// A dahlia: petals on a spiral by the golden angle, the outer ones opened wide.
pub fn dahlia(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let garden = garden(frame);
    const PETALS: i32 = 210;
    let middle = (-0.12, 0.02);
    let mut stamps = Vec::new();
    for index in 0..PETALS {
        let open = (index as f32 / PETALS as f32).sqrt();
        let angle = index as f32 * 2.399_963 + 0.10 * (noise.unit(index, 1) - 0.5);
        let length = (0.035 + 0.215 * open) * (0.92 + 0.16 * noise.unit(index, 2));
        let reach = 0.012 + 0.56 * open.powf(1.15) + 0.02 * (noise.unit(index, 3) - 0.5);
        let petal = Stamp {
            place: (
                middle.0 + angle.cos() * reach,
                middle.1 + angle.sin() * reach * 0.94,
            ),
            size: length,
            angle: angle + 0.16 * (noise.unit(index, 4) - 0.5),
            seed: index as u32,
        };
        stamps.push(petal);
        stamps.push(Stamp {
            place: (petal.place.0 + 0.010, petal.place.1 - 0.016),
            size: petal.size * 1.08,
            seed: petal.seed | SHADOW,
            ..petal
        });
    }
    let flower = lay(frame, &garden, &stamps, |stamp, spot| {
        petal(noise, stamp, spot, PETALS)
    });
    // The camera is focused on the middle; the outer petals lie behind it.
    let soft = flower.blurred(frame.height as f32 * 0.0022);
    let canvas = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let away = (x - middle.0).hypot(y - middle.1);
        let index = py * frame.width + px;
        flower.pixels[index].mix(soft.pixels[index], smooth(0.40, 0.72, away))
    });
    let camera = Camera {
        exposure: 1.05,
        vignette: 0.32,
        glow: 0.06,
        ..Camera::default()
    };
    (canvas, camera)
}

const SHADOW: u32 = 1 << 31;

fn petal(noise: Noise, stamp: &Stamp, spot: &Spot, petals: i32) -> (Tone, f32) {
    let shadow = stamp.seed & SHADOW != 0;
    let index = stamp.seed & !SHADOW;
    let open = (index as f32 / petals as f32).sqrt();
    let along = (spot.u + 1.0) / 2.0;
    let width = 0.62 * along.max(0.0).powf(0.75) * (1.0 - along).max(0.0).powf(0.48);
    let offset = index as f32 * 3.7;
    let wave = 0.030
        * noise
            .other(3)
            .at(spot.u * 2.3 + offset, spot.v.signum() * 2.0);
    let inside = width + wave * along - spot.v.abs();
    if shadow {
        return (Tone::default(), 0.62 * smooth(-0.07, 0.16, inside));
    }
    let cover = smooth(-spot.pixel, spot.pixel, inside);
    if cover <= 0.0 {
        return (Tone::default(), 0.0);
    }
    let across = spot.v / width.max(0.05);
    // Petals are spoons: the sides stand up, the tip turns to the light.
    let (sine, cosine) = stamp.angle.sin_cos();
    let lean = (0.55 * along - 0.30) * open;
    let normal = Tone(
        -across * 0.55 * -sine + lean * cosine,
        -across * 0.55 * cosine + lean * sine,
        0.85,
    )
    .unit();
    let bright = normal.dot(Tone(-0.45, 0.62, 0.64)).max(0.0);
    let through = 0.28 * along * (1.0 - bright);
    let vein = noise
        .other(4)
        .at(spot.v * 17.0 + offset, along * 1.7 + offset);
    let fine = noise.other(5).at(spot.v * 46.0 + offset, along * 3.0);
    let blotch = noise
        .other(6)
        .fractal(spot.u * 1.6 + offset, spot.v * 1.6, 4, 0.55);
    let heart = Tone::hex(0x8e0f2e).mix(Tone::hex(0xc22f5c), smooth(0.15, 0.85, open));
    let tip = Tone::hex(0xe2607c).mix(Tone::hex(0xeba0ae), smooth(0.2, 0.9, open));
    let mut tone = heart.mix(tip, smooth(0.30, 0.98, along + 0.12 * blotch));
    tone = tone * (1.0 + 0.14 * vein + 0.08 * fine + 0.10 * blotch);
    let shade = smooth(-0.05, 0.55, along) * (1.0 - 0.30 * across * across);
    let rim = smooth(0.045, 0.0, inside) * 0.16;
    let lit = tone * (0.22 + 1.25 * bright + through) * (0.28 + 0.72 * shade);
    (
        (lit + Tone(1.0, 0.86, 0.84) * (rim * bright)) * cover,
        cover,
    )
}

/// A garden far out of focus.
fn garden(frame: &Frame) -> Canvas {
    let noise = frame.noise.other(50);
    let green = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let depth = noise.fractal(x * 1.1, y * 1.1, 4, 0.5);
        let warm = noise.other(1).fractal(x * 0.7 + 3.0, y * 0.7, 3, 0.5);
        let leaf =
            Tone::hex(0x1c3216).mix(Tone::hex(0x5d7f2c), (0.5 + 0.9 * depth).clamp(0.0, 1.0));
        leaf.mix(Tone::hex(0xb7a04e), (0.55 * warm).clamp(0.0, 0.5)) * (0.75 + 0.3 * y)
    });
    let discs = scatter(frame, 70, (0.05, 0.15), 1.3);
    let lit = lay(frame, &green, &discs, |disc, spot| {
        let radius = spot.u.hypot(spot.v) * 1.05;
        let body = smooth(1.0, 0.86, radius) * (0.7 + 0.35 * smooth(0.6, 0.95, radius));
        let tone = match (disc.unit(1) * 4.0) as u32 {
            0 => Tone(0.55, 0.62, 0.22),
            1 => Tone(0.80, 0.72, 0.42),
            2 => Tone(0.25, 0.42, 0.16),
            _ => Tone(0.60, 0.20, 0.28),
        };
        (tone * (body * 0.32 * disc.unit(2)), 0.0)
    });
    lit.blurred(frame.height as f32 * 0.008)
}

struct Ball {
    middle: Tone,
    radius: f32,
    seed: f32,
}

/// Peaches on a table beside a window.
pub fn peaches(frame: &Frame) -> (Canvas, Camera) {
    let noise = frame.noise;
    let balls: Vec<Ball> = [
        (-1.20, 0.55, 0.50, 0.56),
        (0.02, 0.60, 0.10, 0.60),
        (1.18, 0.53, 0.62, 0.53),
        (0.60, 0.50, -0.82, 0.50),
        (-0.62, 0.47, -0.78, 0.47),
        (0.10, 1.32, 0.52, 0.50),
        (2.15, 0.52, -0.35, 0.52),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (x, y, z, radius))| Ball {
        middle: Tone(x, y, z),
        radius,
        seed: index as f32 * 17.0 + noise.unit(index as i32, 5) * 9.0,
    })
    .collect();
    let eye = Tone(0.15, 1.75, -5.6);
    let canvas = Canvas::paint(frame.width, frame.height, |px, py| {
        let (x, y) = frame.place(px, py);
        let ray = Tone(x * 0.36, y * 0.36 - 0.205, 1.0).unit();
        let blur = frame.pixel() * 0.36;
        look(noise, &balls, eye, ray, blur, true)
    });
    let camera = Camera {
        exposure: 1.1,
        vignette: 0.35,
        glow: 0.05,
        grain: 1.2,
        ..Camera::default()
    };
    (canvas, camera)
}

const WINDOW: Tone = Tone(-0.62, 0.64, -0.45);

/// The light a ray brings back; `mirrors` lets the varnish of the table show the fruit.
fn look(noise: Noise, balls: &[Ball], eye: Tone, ray: Tone, blur: f32, mirrors: bool) -> Tone {
    let mut hits: Vec<(f32, f32, &Ball)> = balls
        .iter()
        .filter_map(|ball| {
            let way = (ball.middle - eye).dot(ray);
            let off = ball.middle - (eye + ray * way);
            let miss = off.dot(off).sqrt();
            let soft = blur * way.max(0.1);
            let cover = smooth(ball.radius + soft, ball.radius - soft, miss);
            let inward = (ball.radius * ball.radius - miss * miss).max(0.0).sqrt();
            (cover > 0.0 && way > inward).then_some((way - inward, cover, ball))
        })
        .collect();
    hits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut light, mut clear) = (Tone::default(), 1.0);
    for (way, cover, ball) in hits {
        light += peach(noise, balls, ball, eye + ray * way, ray) * (cover * clear);
        clear *= 1.0 - cover;
        if clear < 0.01 {
            return light;
        }
    }
    light + behind(noise, balls, eye, ray, blur, mirrors) * clear
}

fn peach(noise: Noise, balls: &[Ball], ball: &Ball, point: Tone, ray: Tone) -> Tone {
    let normal = (point - ball.middle) * (1.0 / ball.radius);
    let normal = normal.unit();
    // The fruit's own axes: each lies another way.
    let turn = ball.seed;
    let axis = Tone(turn.sin() * 0.55, 0.8, turn.cos() * 0.45 - 0.25).unit();
    let side = axis.cross(Tone(turn.cos(), 0.2, turn.sin())).unit();
    let front = axis.cross(side);
    let (a, b, c) = (normal.dot(side), normal.dot(axis), normal.dot(front));
    let seam = (-(a / 0.085).powi(2)).exp() * smooth(-0.45, 0.2, c);
    let dimple = smooth(0.90, 1.0, b);
    let (u, v) = (a * 2.0 + turn, b * 2.0 + c * 1.3);
    let cheek = noise.other(1).fractal(a * 1.1 + turn, b * 1.1 + c, 4, 0.5);
    let fleck = noise
        .other(2)
        .fractal(a * 9.0 + turn, (b + 0.7 * c) * 9.0, 4, 0.7);
    let down = noise.other(3).at(u * 60.0, v * 60.0);
    let blush = smooth(-0.75, 0.95, 0.85 * cheek + 0.65 * c + 0.20 * fleck + 0.10);
    let mut skin = Tone::hex(0xdd9c58).mix(Tone::hex(0xa83c2c), blush * 0.92);
    skin = skin.mix(
        Tone::hex(0x8c1a1c),
        smooth(0.55, 1.0, blush + 0.3 * fleck) * 0.55,
    );
    skin = skin * (1.0 + 0.10 * fleck + 0.05 * down) * (1.0 - 0.22 * seam) * (1.0 - 0.75 * dimple);
    let bent = (normal + side * (0.22 * seam * (a * 20.0).clamp(-1.0, 1.0))).unit();
    let facing = bent.dot(WINDOW);
    let open = shadow(balls, Some(ball), point, WINDOW);
    let key = smooth(-0.25, 1.0, facing) * (0.08 + 0.92 * open);
    let red_edge = smooth(0.35, 0.0, (facing + 0.05).abs()) * 0.10 * open;
    let near = smooth(0.0, 0.5, point.1);
    let bounce = Tone(0.30, 0.17, 0.09) * (0.5 - 0.5 * normal.1) * near;
    let room = Tone(0.10, 0.115, 0.14) * (0.5 + 0.5 * normal.1);
    let rim = (1.0 + normal.dot(ray)).clamp(0.0, 1.0).powi(3);
    let fuzz = Tone(0.95, 0.86, 0.74) * (rim * (0.06 + 0.40 * key) * (1.0 + 0.3 * down));
    let crowd = 0.45 + 0.55 * smooth(0.0, 0.55, point.1) * neighbours(balls, ball, point);
    skin * (Tone(1.85, 1.72, 1.5) * key + (room + bounce) * crowd)
        + Tone(0.7, 0.12, 0.04) * red_edge
        + fuzz * crowd
}

/// How much neighbours leave open around a point of a fruit.
fn neighbours(balls: &[Ball], own: &Ball, point: Tone) -> f32 {
    balls
        .iter()
        .filter(|ball| !std::ptr::eq(*ball, own))
        .map(|ball| {
            let off = ball.middle - point;
            smooth(ball.radius * 0.95, ball.radius * 1.6, off.dot(off).sqrt())
        })
        .product()
}

/// Share of the window seen from a point: 0 in the core of a shadow.
fn shadow(balls: &[Ball], own: Option<&Ball>, point: Tone, toward: Tone) -> f32 {
    let mut open = 1.0_f32;
    for ball in balls {
        if own.is_some_and(|own| std::ptr::eq(own, ball)) {
            continue;
        }
        let way = (ball.middle - point).dot(toward);
        if way <= 0.0 {
            continue;
        }
        let off = ball.middle - (point + toward * way);
        let miss = off.dot(off).sqrt();
        let soft = 0.10 + 0.22 * way;
        open *= smooth(ball.radius - soft, ball.radius + soft, miss);
    }
    open
}

/// The table, or the room behind it.
fn behind(noise: Noise, balls: &[Ball], eye: Tone, ray: Tone, blur: f32, mirrors: bool) -> Tone {
    let way = -eye.1 / ray.1.min(-1e-4);
    let point = eye + ray * way;
    if ray.1 >= -1e-4 || point.2 > 3.4 {
        return room(noise, ray);
    }
    let plank = (point.2 * 1.25 + 10.0).floor();
    let edge = (point.2 * 1.25 + 10.0).fract();
    let shift = noise.other(11).unit(plank as i32, 1) * 30.0;
    let sharp = smooth(3.2, 0.2, point.2);
    let bow = 0.06 * noise.other(12).at(point.0 * 0.5 + shift, point.2);
    let grain = noise
        .other(13)
        .fractal(point.0 * 0.9 + shift, (point.2 + bow) * 15.0, 6, 0.62);
    let ring = ((point.2 + bow) * 34.0 + 3.0 * grain + shift).sin() * 0.5;
    let pore = noise
        .other(14)
        .fractal(point.0 * 5.0 + shift, point.2 * 120.0, 3, 0.7)
        * sharp;
    let mut wood = Tone::hex(0x6b4427).mix(
        Tone::hex(0xa9743f),
        (0.5 + 0.5 * grain + 0.15 * ring).clamp(0.0, 1.0),
    );
    wood = wood * (1.0 + 0.22 * pore) * (0.85 + 0.3 * noise.other(15).unit(plank as i32, 2));
    let gap = smooth(0.012, 0.0, edge.min(1.0 - edge));
    wood = wood * (1.0 - 0.8 * gap);
    let open = shadow(balls, None, point, WINDOW);
    let contact: f32 = balls
        .iter()
        .map(|ball| {
            let off = Tone(ball.middle.0 - point.0, 0.0, ball.middle.2 - point.2);
            1.0 - 0.75 * smooth(ball.radius * 1.25, ball.radius * 0.1, off.dot(off).sqrt())
        })
        .product();
    let pool = 0.45 + 0.75 * smooth(4.5, 0.3, (point.0 + 1.1).hypot(point.2 + 0.2));
    let light = Tone(1.5, 1.38, 1.18) * (0.70 * open * pool) + Tone(0.12, 0.13, 0.15) * contact;
    let mut seen = wood * light;
    if mirrors {
        let mirrored = look(
            noise,
            balls,
            point + Tone(0.0, 1e-3, 0.0),
            Tone(ray.0, -ray.1, ray.2),
            blur,
            false,
        );
        let share = 0.05 + 0.30 * (1.0 + ray.1).powi(5);
        seen = seen.mix(mirrored, share * (1.0 - 0.5 * grain.abs()));
    }
    seen.mix(room(noise, ray), smooth(2.6, 3.4, point.2))
}

/// A dim room with a bright window, far out of focus.
fn room(noise: Noise, ray: Tone) -> Tone {
    let (x, y) = (ray.0 / ray.2, ray.1 / ray.2);
    let wall = Tone(0.115, 0.105, 0.095)
        * (1.1 - 0.9 * smooth(-0.3, 0.6, x))
        * (1.0 + 0.25 * noise.other(20).at(x * 4.0, y * 4.0));
    let pane = smooth(0.16, 0.05, (x + 0.34).abs()) * smooth(0.02, 0.14, y + 0.13);
    let bar = 1.0 - 0.6 * smooth(0.03, 0.012, (x + 0.34).abs());
    let plant = smooth(
        0.02,
        0.16,
        0.12 - (x - 0.26).hypot((y + 0.01) * 0.8) + 0.03 * noise.other(21).at(x * 14.0, y * 14.0),
    );
    wall.mix(Tone(0.045, 0.085, 0.035), plant) + Tone(0.85, 0.95, 1.05) * (pane * bar * 0.85)
}
