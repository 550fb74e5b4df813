//! Measures decoding of files, whole and reduced, beside `zune-jpeg`; and how close the reduced
//! pictures are to the whole one averaged down.
//!
//! `cargo run --release -p firstlight-jpeg --example measure_decode -- PHOTO.jpg…`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a tool for the bench, not for requests"
)]

use std::time::Instant;

use firstlight_jpeg::{
    DecodeOptions, Limits, Pixels, WriteOptions, decode, map_scans, read_coefficients, write,
};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

fn main() {
    println!(
        "{:24} {:>5} {:>6} | {:>6} {:>6} {:>6} {:>6} {:>6} | {:>6} {:>6} {:>6} {:>6} {:>6} | {:>6}",
        "photo",
        "MP",
        "kB",
        "zune",
        "1/1",
        "1/2",
        "1/4",
        "1/8",
        "p zune",
        "p 1/1",
        "p 1/2",
        "p 1/4",
        "p 1/8",
        "trans"
    );
    for path in std::env::args().skip(1) {
        let file = std::fs::read(&path).unwrap();
        let name = path.rsplit('/').next().unwrap_or_default();
        let map = map_scans(&file, &Limits::default()).unwrap();
        let how = WriteOptions::default();
        let transcode = || {
            let coefficients = read_coefficients(&file, &DecodeOptions::default()).unwrap();
            write(&coefficients, &how).unwrap()
        };
        let (progressive, transcoding) = timed(transcode);
        print!(
            "{:24} {:>5.1} {:>6} |",
            &name[..name.len().min(24)],
            f64::from(map.width * map.height) / 1e6,
            file.len() / 1000
        );
        sizes(&file, (map.width, map.height));
        print!(" |");
        sizes(&progressive.bytes, (map.width, map.height));
        println!(
            " | {transcoding:>6.1} ms, {} kB",
            progressive.bytes.len() / 1000
        );
        for eighths in [4, 2, 1] {
            print!(" 1/{}: {:.2} dB", 8 / eighths, likeness(&file, eighths));
        }
        println!();
    }
}

fn sizes(file: &[u8], (width, height): (u32, u32)) {
    print!(" {:>6.1}", timed(|| zune(file)).1);
    for divisor in [1, 2, 4, 8] {
        let min_size = (width / divisor, height / divisor);
        let options = DecodeOptions {
            min_size,
            ..DecodeOptions::default()
        };
        print!(" {:>6.1}", timed(|| decode(file, &options).unwrap()).1);
    }
}

fn zune(file: &[u8]) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    JpegDecoder::new_with_options(ZCursor::new(file), options)
        .decode()
        .unwrap()
}

/// The reduced picture against the whole one averaged over squares.
fn likeness(file: &[u8], eighths: u32) -> f64 {
    let rgb = |min_size| {
        let options = DecodeOptions {
            min_size,
            ..DecodeOptions::default()
        };
        let decoded = decode(file, &options).unwrap();
        match decoded.pixels {
            Pixels::Rgb8(rgb) => (rgb, decoded.width as usize, decoded.height as usize),
            Pixels::Gray8(gray) => (
                gray.iter().flat_map(|v| [*v; 3]).collect(),
                decoded.width as usize,
                decoded.height as usize,
            ),
            Pixels::Cmyk8(_) => panic!("four components are not measured"),
        }
    };
    let (whole, width, height) = rgb((0, 0));
    let side = 8 / eighths as usize;
    let (small, small_width, _) = rgb(((width / side) as u32, (height / side) as u32));
    let mut error = 0.0;
    for y in 0..height / side {
        for x in 0..width / side {
            for c in 0..3 {
                let mut sum = 0u32;
                for dy in 0..side {
                    for dx in 0..side {
                        sum += u32::from(whole[((y * side + dy) * width + x * side + dx) * 3 + c]);
                    }
                }
                let average = f64::from(sum) / (side * side) as f64;
                error += (average - f64::from(small[(y * small_width + x) * 3 + c])).powi(2);
            }
        }
    }
    let count = (width / side * (height / side) * 3) as f64;
    10.0 * (255.0 * 255.0 * count / error).log10()
}

/// The median of seven runs, in milliseconds.
fn timed<T>(work: impl Fn() -> T) -> (T, f64) {
    let mut times = Vec::new();
    let mut result = None;
    for _ in 0..7 {
        let start = Instant::now();
        result = Some(std::hint::black_box(work()));
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    (result.unwrap(), times[3])
}
