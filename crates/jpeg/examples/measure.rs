//! Measures the encoder on files: bytes beside `cjpeg -progressive` and `jpegtran -progressive`
//! where they are installed, speed, first scans.
//!
//! `cargo run --release -p firstlight-jpeg --example measure -- PHOTO.jpg…`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a tool for the bench, not for requests"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use firstlight_jpeg::{
    DecodeOptions, EncodeOptions, Encoded, Pixels, Subsampling, Tables, decode, encode,
    rgb_to_planes,
};

struct Photo {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
}

fn main() {
    println!(
        "{:24} {:>9} {:>2} | {:>7} {:>7} {:>7} {:>6} | {:>7} {:>6} | {:>6} {:>2} {:>5} {:>5} | {:>5} {:>5} {:>5}",
        "photo",
        "size",
        "q",
        "ours",
        "tran",
        "cjpeg",
        "PSNR",
        "robid",
        "PSNR",
        "first",
        "al",
        "prev%",
        "good%",
        "conv",
        "ms",
        "ms/MP"
    );
    for path in std::env::args().skip(1) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let photo = halved(load(&path));
        for quality in [60, 80, 90] {
            measure(&name[..name.len().min(24)], &photo, quality);
        }
    }
}

fn load(path: &str) -> Photo {
    let decoded = decode(&std::fs::read(path).unwrap(), &DecodeOptions::default()).unwrap();
    let rgb = match decoded.pixels {
        Pixels::Rgb8(rgb) => rgb,
        Pixels::Gray8(gray) => gray.iter().flat_map(|value| [*value; 3]).collect(),
        Pixels::Cmyk8(_) => panic!("four components are not measured"),
    };
    Photo {
        rgb,
        width: decoded.width as usize,
        height: decoded.height as usize,
    }
}

/// Halves until the picture has at most 3 megapixels, about what a page shows.
fn halved(mut photo: Photo) -> Photo {
    while photo.width * photo.height > 3_000_000 {
        let (width, height) = (photo.width / 2, photo.height / 2);
        let at = |x: usize, y: usize, c: usize| u32::from(photo.rgb[(y * photo.width + x) * 3 + c]);
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                for c in 0..3 {
                    let sum = at(2 * x, 2 * y, c)
                        + at(2 * x + 1, 2 * y, c)
                        + at(2 * x, 2 * y + 1, c)
                        + at(2 * x + 1, 2 * y + 1, c);
                    rgb.push(((sum + 2) / 4) as u8);
                }
            }
        }
        photo = Photo { rgb, width, height };
    }
    photo
}

fn measure(name: &str, photo: &Photo, quality: u8) {
    let convert =
        || rgb_to_planes(&photo.rgb, photo.width, photo.height, Subsampling::Quarter).unwrap();
    let (planes, conversion) = timed(convert);
    let standard = EncodeOptions {
        quality,
        tables: Tables::AnnexK,
        ..EncodeOptions::default()
    };
    let ours = encode(&planes, &standard).unwrap();
    let baseline = encode(
        &planes,
        &EncodeOptions {
            progressive: false,
            ..standard
        },
    )
    .unwrap();
    let transformed = piped("jpegtran", &["-progressive"], &baseline.bytes);
    let turbo = piped(
        "cjpeg",
        &["-progressive", "-quality", &quality.to_string()],
        &ppm(photo),
    );
    let tuned = EncodeOptions {
        quality,
        ..EncodeOptions::default()
    };
    let (robidoux, time) = timed(|| encode(&planes, &tuned).unwrap());
    let megapixels = (photo.width * photo.height) as f64 / 1e6;
    let outline = ours.outline();
    let percent = |at: usize| 100.0 * at as f64 / outline.length as f64;
    println!(
        "{name:24} {:>4}x{:<4} {quality:>2} | {:>7} {:>7} {:>7} {:>6.2} | {:>7} {:>6.2} | {:>6} {:>2} {:>5.1} {:>5.1} | {:>5.1} {:>5.1} {:>5.1}",
        photo.width,
        photo.height,
        ours.bytes.len(),
        transformed.map_or(0, |bytes| bytes.len()),
        turbo.map_or(0, |bytes| bytes.len()),
        psnr(photo, &ours),
        robidoux.bytes.len(),
        psnr(photo, &robidoux),
        ours.scans[0].shown_at,
        ours.scans[0].low_bit,
        percent(outline.preview),
        percent(outline.good),
        conversion,
        time,
        time / megapixels,
    );
}

/// The median of nine runs, in milliseconds.
fn timed<T>(work: impl Fn() -> T) -> (T, f64) {
    let mut times = Vec::new();
    let mut result = None;
    for _ in 0..9 {
        let start = Instant::now();
        result = Some(std::hint::black_box(work()));
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    (result.unwrap(), times[4])
}

fn psnr(photo: &Photo, encoded: &Encoded) -> f64 {
    let decoded = decode(&encoded.bytes, &DecodeOptions::default()).unwrap();
    let Pixels::Rgb8(rgb) = decoded.pixels else {
        panic!("RGB expected")
    };
    let error: f64 = rgb
        .iter()
        .zip(&photo.rgb)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * rgb.len() as f64 / error).log10()
}

fn ppm(photo: &Photo) -> Vec<u8> {
    let mut file = format!("P6\n{} {}\n255\n", photo.width, photo.height).into_bytes();
    file.extend_from_slice(&photo.rgb);
    file
}

/// What a program makes of the input, if the program is there.
fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().ok()?;
    feeder.join().ok()?.ok()?;
    output.status.success().then_some(output.stdout)
}
