//! ThumbHash: a picture as the lowest frequencies of its brightness, colour and transparency, in
//! about 25 bytes. The format is that of <https://evanw.github.io/thumbhash/>.

use std::f32::consts::PI;

use crate::picture::Picture;

/// One channel as frequencies.
struct Waves {
    /// Its mean.
    mean: f32,
    /// The others, between 0 and 1, 0.5 being none.
    waves: Vec<f32>,
    /// What 1 stands for.
    scale: f32,
}

/// The hash of a picture with no side longer than 100 pixels.
pub(super) fn encode(picture: &Picture) -> Vec<u8> {
    let (width, height) = (picture.width, picture.height);
    let longer = width.max(height) as f32;
    let rgba = picture.clone().into_rgba();
    let channels = Channels::of(&rgba.data);
    let limit = if channels.has_alpha { 5.0 } else { 7.0 };
    let along = |side: usize| ((limit * side as f32 / longer).round() as usize).max(1);
    let (across, down) = (along(width), along(height));
    let waves = |channel: &[f32], nx, ny| waves(channel, width, height, nx, ny);
    let light = waves(&channels.light, across.max(3), down.max(3));
    let yellow_blue = waves(&channels.yellow_blue, 3, 3);
    let red_green = waves(&channels.red_green, 3, 3);
    let alpha = channels.has_alpha.then(|| waves(&channels.alpha, 5, 5));
    let landscape = width > height;
    let whole = |value: f32| value.round().max(0.0) as u32;
    let first = whole(63.0 * light.mean)
        | whole(31.5 + 31.5 * yellow_blue.mean) << 6
        | whole(31.5 + 31.5 * red_green.mean) << 12
        | whole(31.0 * light.scale) << 18
        | u32::from(channels.has_alpha) << 23;
    let second = (if landscape { down } else { across }) as u32
        | whole(63.0 * yellow_blue.scale) << 3
        | whole(63.0 * red_green.scale) << 9
        | u32::from(landscape) << 15;
    let mut hash = first.to_le_bytes()[..3].to_vec();
    hash.extend_from_slice(&second.to_le_bytes()[..2]);
    if let Some(alpha) = &alpha {
        hash.push((whole(15.0 * alpha.mean) | whole(15.0 * alpha.scale) << 4) as u8);
    }
    let all = [
        Some(&light),
        Some(&yellow_blue),
        Some(&red_green),
        alpha.as_ref(),
    ];
    let nibbles: Vec<u8> = all
        .into_iter()
        .flatten()
        .flat_map(|waves| &waves.waves)
        .map(|wave| whole(15.0 * wave) as u8)
        .collect();
    hash.extend(
        nibbles
            .chunks(2)
            .map(|pair| pair[0] | pair.get(1).copied().unwrap_or_default() << 4),
    );
    hash
}

/// A picture in brightness, two pairs of opposite colours, and opacity.
struct Channels {
    light: Vec<f32>,
    yellow_blue: Vec<f32>,
    red_green: Vec<f32>,
    alpha: Vec<f32>,
    has_alpha: bool,
}

impl Channels {
    fn of(rgba: &[u8]) -> Self {
        let pixels = rgba.len() / 4;
        let part = |value: u8| f32::from(value) / 255.0;
        let seen: f32 = rgba.chunks_exact(4).map(|pixel| part(pixel[3])).sum();
        let mean = |place: usize| {
            let sum: f32 = rgba
                .chunks_exact(4)
                .map(|pixel| part(pixel[3]) * part(pixel[place]))
                .sum();
            if seen > 0.0 { sum / seen } else { 0.0 }
        };
        let means = [mean(0), mean(1), mean(2)];
        let mut channels = Self {
            light: Vec::with_capacity(pixels),
            yellow_blue: Vec::with_capacity(pixels),
            red_green: Vec::with_capacity(pixels),
            alpha: Vec::with_capacity(pixels),
            has_alpha: rgba.chunks_exact(4).any(|pixel| pixel[3] < 255),
        };
        for pixel in rgba.chunks_exact(4) {
            let alpha = part(pixel[3]);
            // What cannot be seen has the mean colour.
            let over = |place: usize| means[place] * (1.0 - alpha) + alpha * part(pixel[place]);
            let (red, green, blue) = (over(0), over(1), over(2));
            channels.light.push((red + green + blue) / 3.0);
            channels.yellow_blue.push((red + green) / 2.0 - blue);
            channels.red_green.push(red - green);
            channels.alpha.push(alpha);
        }
        channels
    }
}

/// The lowest frequencies of a channel: a triangle of `nx` across and `ny` down.
fn waves(channel: &[f32], width: usize, height: usize, nx: usize, ny: usize) -> Waves {
    let cosines = |count: usize, length: usize| -> Vec<Vec<f32>> {
        let wave = |number: usize| {
            let cosine = |at: usize| (PI / length as f32 * number as f32 * (at as f32 + 0.5)).cos();
            (0..length).map(cosine).collect()
        };
        (0..count).map(wave).collect()
    };
    let (across, down) = (cosines(nx, width), cosines(ny, height));
    let mut all = Vec::new();
    for (cy, down) in down.iter().enumerate() {
        // A triangle: the finer one way, the coarser the other.
        let triangle = across.iter().enumerate();
        for (_, across) in triangle.take_while(|(cx, _)| cx * ny < nx * (ny - cy)) {
            let rows = channel.chunks_exact(width).zip(down);
            let sum: f32 = rows
                .map(|(row, fy)| {
                    let sum: f32 = row.iter().zip(across).map(|(v, fx)| v * fx).sum();
                    sum * fy
                })
                .sum();
            all.push(sum / (width * height) as f32);
        }
    }
    let mean = all.remove(0);
    let scale = all.iter().map(|wave| wave.abs()).fold(0.0, f32::max);
    if scale > 0.0 {
        for wave in &mut all {
            *wave = 0.5 + 0.5 / scale * *wave;
        }
    }
    Waves {
        mean,
        waves: all,
        scale,
    }
}
