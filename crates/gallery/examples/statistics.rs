//! Compares the computed photographs with camera photographs, by the numbers that codecs feel:
//!
//! ```text
//! cargo run --release -p firstlight-gallery --example statistics -- [WIDTHxHEIGHT] [PHOTO…]
//! ```
//!
//! Photographs are cut and scaled to the size asked for; smaller ones are left as they are.

use std::error::Error;
use std::f64::consts::PI;
use std::path::Path;

use firstlight_gallery::{Picture, Scene, photograph};
use image::{Limits, Outcome, Policy, Signals, Transform};
use jpeg::{EncodeOptions, Subsampling, Tables};

/// Side of the square whose spectrum is taken.
const WINDOW: usize = 512;

/// What is measured of one picture.
struct Measures {
    bits_per_pixel: f64,
    webp_share: f64,
    spectrum: f64,
    kurtosis: f64,
    preview_share: f64,
    detail_share: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let size = arguments
        .next_if(|argument| !Path::new(argument).exists())
        .unwrap_or_else(|| "1600x1067".into());
    let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    println!("| picture | bits/pixel | WebP/JPEG | spectrum | kurtosis | preview | detail |");
    println!("|---|---|---|---|---|---|---|");
    let mut computed = Vec::new();
    for scene in Scene::ALL {
        let picture = photograph(*scene, width, height, scene.take());
        let measures = measure(&picture)?;
        print_row(scene.name(), &measures);
        computed.push(measures);
    }
    print_summary("computed", &computed);
    let mut taken = Vec::new();
    for path in arguments {
        let measures = measure(&read(&path, width, height)?)?;
        let name = Path::new(&path).file_stem().unwrap_or_default();
        print_row(&name.to_string_lossy(), &measures);
        taken.push(measures);
    }
    print_summary("by camera", &taken);
    Ok(())
}

fn print_row(name: &str, measures: &Measures) {
    let values = columns(measures);
    println!(
        "| {name} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} % | {:.1} % |",
        values[0], values[1], values[2], values[3], values[4], values[5]
    );
}

fn columns(measures: &Measures) -> [f64; 6] {
    [
        measures.bits_per_pixel,
        measures.webp_share,
        measures.spectrum,
        measures.kurtosis,
        measures.preview_share * 100.0,
        measures.detail_share * 100.0,
    ]
}

fn print_summary(name: &str, all: &[Measures]) {
    if all.is_empty() {
        return;
    }
    let cells: Vec<String> = (0..6)
        .map(|column| {
            let mut values: Vec<f64> = all.iter().map(|one| columns(one)[column]).collect();
            values.sort_by(f64::total_cmp);
            let (least, most) = (values[0], values[values.len() - 1]);
            format!("{:.2} ({least:.2}–{most:.2})", values[values.len() / 2])
        })
        .collect();
    println!("| **{name}**, median (range) | {} |", cells.join(" | "));
}

/// A photograph from a file, cut and scaled.
fn read(path: &str, width: u32, height: u32) -> Result<Picture, Box<dyn Error>> {
    let source = std::fs::read(path)?;
    let limits = Limits::default();
    let probe = image::probe(&source, &limits)?;
    let mut options = "format=png-force".to_owned();
    if probe.width >= width && probe.height >= height {
        options = format!("width={width},height={height},fit=cover,format=png-force");
    }
    read_png(&converted(&source, &options)?)
}

fn converted(source: &[u8], options: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let choice = image::choose(
        &Transform::parse(options)?,
        &Signals::default(),
        &Policy::default(),
    );
    match image::render(source, &choice.variant, &Limits::default(), &|| false)? {
        Outcome::Rendered(rendered) => Ok(rendered.bytes.to_vec()),
        Outcome::Original(original) if original.format == image::Format::Png => Ok(source.to_vec()),
        other => Err(format!("not converted: {other:?}").into()),
    }
}

fn read_png(bytes: &[u8]) -> Result<Picture, Box<dyn Error>> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader.next_frame(&mut pixels)?;
    pixels.truncate(frame.buffer_size());
    let pixels = match frame.color_type {
        png::ColorType::Rgb => pixels,
        png::ColorType::Rgba => pixels
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect(),
        png::ColorType::Grayscale => pixels.iter().flat_map(|value| [*value; 3]).collect(),
        other => return Err(format!("a PNG of {other:?}").into()),
    };
    Ok(Picture {
        width: frame.width,
        height: frame.height,
        pixels,
    })
}

fn write_png(picture: &Picture) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fastest);
    encoder.write_header()?.write_image_data(&picture.pixels)?;
    Ok(bytes)
}

fn measure(picture: &Picture) -> Result<Measures, Box<dyn Error>> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let planes = jpeg::rgb_to_planes(&picture.pixels, width, height, Subsampling::Quarter)?;
    let options = EncodeOptions {
        quality: 80,
        tables: Tables::AnnexK,
        ..EncodeOptions::default()
    };
    let file = jpeg::encode(&planes, &options)?;
    let length = file.bytes.len() as f64;
    let detail = file
        .scans
        .iter()
        .find(|scan| scan.band_start > 0 && scan.components.contains(&0))
        .ok_or("no scan has detail")?;
    let webp = converted(&write_png(picture)?, "format=webp,quality=80")?;
    let brightness: Vec<f64> = picture
        .pixels
        .chunks_exact(3)
        .map(|pixel| {
            0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])
        })
        .collect();
    Ok(Measures {
        bits_per_pixel: length * 8.0 / (width * height) as f64,
        webp_share: webp.len() as f64 / length,
        spectrum: spectral_slope(&brightness, width, height)?,
        kurtosis: gradient_kurtosis(&brightness, width),
        preview_share: file.outline().preview as f64 / length,
        detail_share: detail.shown_at as f64 / length,
    })
}

/// Fourth moment of the differences between neighbours over the square of the second: 3 for
/// normal noise, far more for pictures with edges and calm places.
fn gradient_kurtosis(brightness: &[f64], width: usize) -> f64 {
    let differences: Vec<f64> = brightness
        .chunks_exact(width)
        .flat_map(|row| row.windows(2).map(|pair| pair[1] - pair[0]))
        .collect();
    let count = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / count;
    let moment = |power: i32| {
        let sum: f64 = differences
            .iter()
            .map(|value| (value - mean).powi(power))
            .sum();
        sum / count
    };
    moment(4) / moment(2).powi(2)
}

/// α of a power spectrum that falls as 1/f^α: the slope of logarithms, by least squares, over
/// rings of 4 to 160 cycles in the middle square of the picture under a Hann window.
fn spectral_slope(brightness: &[f64], width: usize, height: usize) -> Result<f64, Box<dyn Error>> {
    let left = width
        .checked_sub(WINDOW)
        .ok_or("narrower than the window")?
        / 2;
    let top = height.checked_sub(WINDOW).ok_or("lower than the window")? / 2;
    let hann = |place: usize| 0.5 - 0.5 * (2.0 * PI * (place as f64 + 0.5) / WINDOW as f64).cos();
    let mut cells: Vec<(f64, f64)> = Vec::with_capacity(WINDOW * WINDOW);
    let square = |x: usize, y: usize| brightness[(top + y) * width + left + x];
    let mut mean = 0.0;
    for y in 0..WINDOW {
        mean += (0..WINDOW).map(|x| square(x, y)).sum::<f64>();
    }
    mean /= (WINDOW * WINDOW) as f64;
    for y in 0..WINDOW {
        for x in 0..WINDOW {
            cells.push(((square(x, y) - mean) * hann(x) * hann(y), 0.0));
        }
    }
    for _ in 0..2 {
        cells.chunks_exact_mut(WINDOW).for_each(transform);
        cells = (0..WINDOW * WINDOW)
            .map(|index| cells[(index % WINDOW) * WINDOW + index / WINDOW])
            .collect();
    }
    let mut rings = vec![(0.0, 0.0); WINDOW];
    for (index, cell) in cells.iter().enumerate() {
        let frequency = |place: usize| place.min(WINDOW - place) as f64;
        let radius = frequency(index % WINDOW).hypot(frequency(index / WINDOW));
        let ring = &mut rings[radius.round() as usize];
        ring.0 += cell.0 * cell.0 + cell.1 * cell.1;
        ring.1 += 1.0;
    }
    // Each octave weighs the same: a ring at frequency f stands for 1/f of the axis.
    let points = (4..=160).map(|radius| {
        let (power, count) = rings[radius];
        (
            (radius as f64).ln(),
            (power / count).ln(),
            1.0 / radius as f64,
        )
    });
    Ok(-slope(points))
}

fn slope(points: impl Iterator<Item = (f64, f64, f64)>) -> f64 {
    let (mut weight, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (px, py, w) in points {
        weight += w;
        x += w * px;
        y += w * py;
        xx += w * px * px;
        xy += w * px * py;
    }
    (weight * xy - x * y) / (weight * xx - x * x)
}

/// The discrete Fourier transform in place (Cooley and Tukey); the length is a power of two.
fn transform(values: &mut [(f64, f64)]) {
    let count = values.len();
    let bits = count.ilog2();
    for index in 0..count {
        let mirrored = index.reverse_bits() >> (usize::BITS - bits);
        if index < mirrored {
            values.swap(index, mirrored);
        }
    }
    let mut half = 1;
    while half < count {
        for start in (0..count).step_by(2 * half) {
            for offset in 0..half {
                let (sine, cosine) = (-PI * offset as f64 / half as f64).sin_cos();
                let (a, b) = (values[start + offset], values[start + offset + half]);
                let turned = (b.0 * cosine - b.1 * sine, b.0 * sine + b.1 * cosine);
                values[start + offset] = (a.0 + turned.0, a.1 + turned.1);
                values[start + offset + half] = (a.0 - turned.0, a.1 - turned.1);
            }
        }
        half *= 2;
    }
}
