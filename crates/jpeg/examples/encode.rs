//! Encodes a PPM file again and again, as pictures are encoded for visitors: what the bench
//! `jpeg` measures.
//!
//! `cargo run --release -p firstlight-jpeg --example encode -- TIMES QUALITY IN.ppm OUT.jpg`
#![expect(clippy::unwrap_used, reason = "a tool for the bench, not for requests")]

use firstlight_jpeg::{EncodeOptions, Subsampling, encode, rgb_to_planes};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [times, quality, from, to] = &arguments[..] else {
        eprintln!("TIMES QUALITY IN.ppm OUT.jpg");
        std::process::exit(64);
    };
    let ppm = std::fs::read(from).unwrap();
    let mut lines = ppm.splitn(4, |byte| *byte == b'\n');
    let size = std::str::from_utf8(lines.nth(1).unwrap()).unwrap();
    let (width, height) = size.split_once(' ').unwrap();
    let (width, height): (usize, usize) = (width.parse().unwrap(), height.parse().unwrap());
    let pixels = lines.nth(1).unwrap();
    let options = EncodeOptions {
        quality: quality.parse().unwrap(),
        ..EncodeOptions::default()
    };
    let mut file = Vec::new();
    for _ in 0..times.parse::<usize>().unwrap() {
        let planes = rgb_to_planes(pixels, width, height, Subsampling::Quarter).unwrap();
        file = encode(&planes, &options).unwrap().bytes;
    }
    std::fs::write(to, file).unwrap();
}
