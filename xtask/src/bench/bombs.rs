//! Small files that claim to be huge: how long `firstlight image` takes to refuse each, and how much
//! memory, beside a picture of sixteen pixels. Processes are timed as a whole; what a file costs is
//! the difference.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::Options;
use super::ground::{self, Ground, median};
use crate::shell::{self, Outcome};

/// What measures: the kernel tells a parent what its child took.
const METER: &str = include_str!("bombs.py");
/// Longest time that a refusal may take, in milliseconds.
const MOST_TIME: f64 = 50.0;
/// Most memory of the whole process, in MB.
const MOST_MEMORY: f64 = 64.0;

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    if !shell::exists("python3") {
        shell::skip("the bench `bombs`", "`python3` is missing");
        return Ok(());
    }
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("bombs")?;
    let mut meter = Meter::start(&binary, &ground)?;
    println!("{}", ground::conditions());
    let plain = meter.measure(&ground, "plain.png", &png(16, 16, true), options.runs)?;
    println!(
        "a picture of 16 × 16: {:.1} ms, {:.0} MB, {}",
        plain.time, plain.memory, plain.said
    );
    println!("\n| file | bytes | time, ms | memory, MB | what is said |\n|---|---|---|---|---|");
    let mut over = Vec::new();
    for (name, bytes) in files()? {
        let cost = meter.measure(&ground, name, &bytes, options.runs)?;
        let time = (cost.time - plain.time).max(0.0);
        println!(
            "| {name} | {} | {time:.1} | {:.0} | {} |",
            bytes.len(),
            cost.memory,
            cost.said
        );
        if time > MOST_TIME || cost.memory > MOST_MEMORY {
            over.push(name);
        }
    }
    match over.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "over {MOST_TIME} ms or {MOST_MEMORY} MB: {}",
            over.join(", ")
        )),
    }
}

/// What a file took: medians.
struct Cost {
    /// In milliseconds.
    time: f64,
    /// In MB.
    memory: f64,
    said: String,
}

struct Meter {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Meter {
    fn start(binary: &std::path::Path, ground: &Ground) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("python3: {error}");
        let mut child = Command::new("python3")
            .args(["-c", METER])
            .arg(binary)
            .arg(ground.path("result.webp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let to = child.stdin.take().ok_or("a pipe that was asked for")?;
        let from = child.stdout.take().ok_or("a pipe that was asked for")?;
        let from = BufReader::new(from);
        Ok(Self { child, to, from })
    }

    fn measure(
        &mut self,
        ground: &Ground,
        name: &str,
        bytes: &[u8],
        runs: usize,
    ) -> Result<Cost, String> {
        let path = ground.write(name, bytes)?;
        let (mut times, mut memories, mut said) = (Vec::new(), Vec::new(), String::new());
        for _ in 0..runs.max(1) {
            writeln!(self.to, "{}", path.display()).map_err(|error| error.to_string())?;
            let mut line = String::new();
            self.from
                .read_line(&mut line)
                .map_err(|error| error.to_string())?;
            let mut parts = line.trim_end_matches('\n').split('\t');
            let mut number = || parts.next()?.parse::<f64>().ok();
            let (Some(time), Some(memory), Some(code)) = (number(), number(), number()) else {
                return Err(format!("{name}: the meter said {line:?}"));
            };
            times.push(time);
            memories.push(memory / 1000.0);
            said = match parts.next() {
                Some(text) if !text.is_empty() => text.replace(&path.display().to_string(), name),
                _ => format!("status {code}"),
            };
        }
        Ok(Cost {
            time: median(&times),
            memory: median(&memories),
            said,
        })
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The files, each with its name.
fn files() -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    Ok(vec![
        ("huge.png", png(65_535, 65_535, false)),
        ("huge.avif", avif(17_000)?),
        ("lying.avif", avif(9_000)?),
        ("frames.gif", gif(10_000)),
        ("scans.jpg", jpeg(8_000, 8_000)),
        ("huge.jpg", jpeg(65_535, 1)),
        ("huge.webp", webp()),
        ("huge.bmp", bmp()),
        ("huge.tiff", tiff()),
        ("huge.ico", ico()),
        (
            "huge.jxl",
            vec![0xFF, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ),
        ("nested.svg", nested()),
        ("laughs.svg", laughs()),
        ("huge.svg", svg("width='2000000' height='2000000'", "<g/>")),
    ])
}

fn number<const N: usize>(numbers: [u32; N]) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// A PNG of grey with or without its pixels.
fn png(width: u32, height: u32, whole: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let writer = png::Encoder::new(&mut bytes, width, height).write_header();
    if let (Ok(mut writer), true) = (writer, whole) {
        let pixels = vec![90; width as usize * height as usize];
        let written = writer.write_image_data(&pixels);
        debug_assert!(written.is_ok());
    }
    if !whole {
        bytes.extend_from_slice(&number([65_536]));
        bytes.extend_from_slice(b"IDAT\x78\xDA");
        bytes.resize(bytes.len() + 65_536, 0);
    }
    bytes
}

/// An AVIF of 16 pixels that claims other sides.
fn avif(side: u32) -> Result<Vec<u8>, String> {
    let transform = image::Transform::parse("format=avif").map_err(|error| error.to_string())?;
    let choice = image::choose(
        &transform,
        &image::Signals::default(),
        &image::PolicySettings::default(),
    );
    let limits = image::Limits::default();
    let made = image::render(&png(16, 16, true), &choice.variant, &limits, &|| false);
    let Ok(image::Outcome::Rendered(made)) = made else {
        return Err("no AVIF could be made".to_owned());
    };
    let mut bytes = made.bytes.to_vec();
    let place = bytes.windows(4).position(|name| name == b"ispe");
    let place = place.ok_or("an AVIF without its size")?;
    bytes[place + 8..place + 16].copy_from_slice(&number([side, side]));
    Ok(bytes)
}

/// A GIF of so many frames of one pixel on a large screen.
fn gif(frames: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a\x10\x27\x10\x27\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
    for _ in 0..frames {
        bytes.extend_from_slice(b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    bytes.push(0x3B);
    bytes
}

/// A progressive JPEG of grey with so many scans, each of which says nothing about any block.
fn jpeg(side: u16, scans: usize) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend_from_slice(&[1; 64]);
    let [high, low] = side.to_be_bytes();
    bytes.extend_from_slice(&[0xFF, 0xC2, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0]);
    // One code of one bit: the next 16,384 blocks and more have no more coefficients.
    bytes.extend_from_slice(&[
        0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    bytes.extend_from_slice(&[0, 0, 0xE0]);
    let blocks = usize::from(side).div_ceil(8).pow(2);
    let codes = vec![0; (blocks.div_ceil(1 << 14) * 15).div_ceil(8)];
    for _ in 0..scans {
        bytes.extend_from_slice(&[0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0]);
        bytes.extend_from_slice(&codes);
    }
    bytes.extend_from_slice(&[0xFF, 0xD9]);
    bytes
}

/// A lossless WebP of the largest sides there are, and no pixels.
fn webp() -> Vec<u8> {
    b"RIFF\x16\0\0\0WEBPVP8L\x0A\0\0\0\x2F\xFF\xFF\xFF\x0F\0\0\0\0\0".to_vec()
}

fn bmp() -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    for number in [
        54,
        0,
        54,
        40,
        65_535,
        65_535,
        24 << 16 | 1,
        0,
        0,
        0,
        0,
        0,
        0_u32,
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn tiff() -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    let entries = [
        (256, 65_535),
        (257, 65_535),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (279, 1),
    ];
    bytes.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        bytes.extend_from_slice(&[tag, 4_u16].map(u16::to_le_bytes).concat());
        bytes.extend_from_slice(&[1, value].map(u32::to_le_bytes).concat());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

fn ico() -> Vec<u8> {
    let mut bytes = vec![0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 24, 0];
    for number in [
        40,
        22,
        40,
        65_535,
        131_070,
        24 << 16 | 1,
        0,
        0,
        0,
        0,
        0,
        0_u32,
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn svg(attributes: &str, inner: &str) -> Vec<u8> {
    format!("<svg xmlns='http://www.w3.org/2000/svg' {attributes}>{inner}</svg>").into_bytes()
}

/// A hundred thousand elements, each in the one before.
fn nested() -> Vec<u8> {
    let inner = ["<g>".repeat(100_000), "</g>".repeat(100_000)].concat();
    svg("width='9' height='9'", &inner)
}

/// Entities of entities of entities.
fn laughs() -> Vec<u8> {
    let mut text = "<!DOCTYPE svg [<!ENTITY e0 '<g/>'>".to_owned();
    for level in 1..13 {
        let before = format!("&e{};", level - 1).repeat(5);
        text.push_str(&format!("<!ENTITY e{level} '{before}'>"));
    }
    text.push_str("]>");
    [text.into_bytes(), svg("", "&e12;")].concat()
}
