//! The search for a quality: over a folder of photographs (JPEG and PNG, also in folders inside),
//! how near to its target it ends, in how many encodes, and how many bytes that takes beside one
//! quality for all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::{
    Format, Found, ImageError, Limits, Outcome, Policy, Searched, Signals, TOLERANCE, Transform,
    Variant, choose, render, score, search,
};

use super::Options;
use super::ground::{self, Ground, median};
use crate::shell::Outcome as Done;

/// Widths that pictures are made at.
const WIDTHS: [u32; 2] = [480, 1200];
/// What is sought, as URLs say it.
const NAMES: [&str; 5] = ["high", "auto", "medium-high", "medium-low", "low"];
/// One quality for all, to compare with.
const FIXED: u8 = 80;
/// Sides of the photographs that are made where no files are given.
const SIDES: (u32, u32) = (2400, 1600);

/// Runs it.
pub fn run(options: &Options) -> Done {
    let files = files(options)?;
    println!("{}", ground::conditions());
    println!("{} pictures at widths {WIDTHS:?}\n", files.len());
    println!(
        "| format | quality | points | within {TOLERANCE} | median off | encodes, mean | most | \
         seconds each | bytes / quality {FIXED} | points at quality {FIXED}: least, median, most |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut all = Tally::default();
    for format in ["jpeg", "webp"] {
        for name in NAMES {
            let tally = tally(&files, format, name)?;
            println!("{}", tally.row(format, name));
            all.join(tally);
        }
    }
    println!(
        "\nall: {} searches, {:.1} % within {TOLERANCE} points, {:.2} encodes on average, at most {}",
        all.missed.len(),
        all.share() * 100.0,
        all.mean_encodes(),
        all.encodes.iter().max().unwrap_or(&0),
    );
    let missed: Vec<String> = all.outside.iter().take(20).cloned().collect();
    if !missed.is_empty() {
        println!("outside:\n  {}", missed.join("\n  "));
    }
    Ok(())
}

/// Prints the median score of every fifth quality.
pub fn usual(options: &Options) -> Done {
    let files = files(options)?;
    println!("| quality | JPEG | JPEG, full colour | WebP | JPEG shown at half its size |");
    println!("|---|---|---|---|---|");
    for quality in [5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 88, 90, 92, 95, 98] {
        let mut columns = [const { Vec::new() }; 4];
        for file in &files {
            for width in WIDTHS {
                measure(&file.1, width, quality, &mut columns)?;
            }
        }
        let cells = columns.map(|scores| match scores.is_empty() {
            true => "-".to_owned(),
            false => format!("{:.1}", median(&scores)),
        });
        println!("| {quality} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// Adds the scores of one picture at a quality.
fn measure(
    source: &[u8],
    width: u32,
    quality: u8,
    columns: &mut [Vec<f64>; 4],
) -> Result<(), String> {
    let limits = Limits::default();
    let shown = |width: u32| variant(&format!("width={width},quality={quality},format=jpeg"));
    let seen = |file: &[u8], as_variant: &Variant| {
        score(source, as_variant, file, &limits).map_err(|error| error.to_string())
    };
    let jpeg = variant(&format!("width={width},quality={quality},format=jpeg"))?;
    let webp = variant(&format!("width={width},quality={},format=webp", quality.min(99)))?;
    let made = made(source, &jpeg)?;
    // From this quality on the encoder keeps colour at its full resolution by itself.
    let column = usize::from(quality >= 90);
    columns[column].extend(seen(&made, &jpeg)?.map(f64::from));
    let smaller = self::made(source, &webp)?;
    columns[2].extend(seen(&smaller, &webp)?.map(f64::from));
    // The same file as a display of twice the pixels shows it to the eye: at half its size.
    let half = shown(width / 2)?;
    let exact = variant(&format!("width={},format=png", width / 2))?;
    let halved = self::made(&made, &exact)?;
    columns[3].extend(seen(&halved, &half)?.map(f64::from));
    Ok(())
}

fn made(source: &[u8], variant: &Variant) -> Result<Vec<u8>, String> {
    let outcome = render(source, variant, &Limits::default(), &|| false);
    match outcome.map_err(|error| error.to_string())? {
        Outcome::Rendered(rendered) => Ok(rendered.bytes.to_vec()),
        _ => Ok(source.to_vec()),
    }
}

fn variant(options: &str) -> Result<Variant, String> {
    let transform = Transform::parse(options).map_err(|error| error.to_string())?;
    Ok(choose(&transform, &Signals::default(), &Policy::default()).variant)
}

/// What searches came to.
#[derive(Default)]
struct Tally {
    missed: Vec<f64>,
    encodes: Vec<usize>,
    times: Vec<Duration>,
    /// Logarithms of the sizes beside those at one quality.
    sizes: Vec<f64>,
    fixed: Vec<f64>,
    outside: Vec<String>,
}

impl Tally {
    fn join(&mut self, other: Self) {
        self.missed.extend(other.missed);
        self.encodes.extend(other.encodes);
        self.outside.extend(other.outside);
    }

    fn share(&self) -> f64 {
        let within = self.missed.iter().filter(|off| **off <= f64::from(TOLERANCE));
        within.count() as f64 / self.missed.len().max(1) as f64
    }

    fn mean_encodes(&self) -> f64 {
        self.encodes.iter().sum::<usize>() as f64 / self.encodes.len().max(1) as f64
    }

    fn row(&self, format: &str, name: &str) -> String {
        let times: Vec<f64> = self.times.iter().map(Duration::as_secs_f64).collect();
        let target = variant(&format!("quality={name}")).ok();
        let target = target.and_then(|variant| variant.target);
        let points = target.map_or(0, image::Target::points);
        let mean = self.sizes.iter().sum::<f64>() / self.sizes.len().max(1) as f64;
        let least = self.fixed.iter().copied().fold(f64::MAX, f64::min);
        let most = self.fixed.iter().copied().fold(f64::MIN, f64::max);
        format!(
            "| {format} | {name} | {points} | {:.1} % | {:.2} | {:.2} | {} | {:.2} | {:.3} | \
             {least:.1}, {:.1}, {most:.1} |",
            self.share() * 100.0,
            median(&self.missed),
            self.mean_encodes(),
            self.encodes.iter().max().unwrap_or(&0),
            median(&times),
            mean.exp(),
            median(&self.fixed),
        )
    }
}

fn tally(files: &[(PathBuf, Vec<u8>)], format: &str, name: &str) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (path, source) in files {
        for width in WIDTHS {
            add(&mut tally, source, width, format, name)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            if tally.missed.last().is_some_and(|off| *off > f64::from(TOLERANCE)) {
                let file = path.file_stem().unwrap_or_default().to_string_lossy();
                let off = tally.missed.last().copied().unwrap_or_default();
                tally
                    .outside
                    .push(format!("{file} {width} {format} {name}: off by {off:.2}"));
            }
        }
    }
    Ok(tally)
}

fn add(
    tally: &mut Tally,
    source: &[u8],
    width: u32,
    format: &str,
    name: &str,
) -> Result<(), String> {
    let limits = Limits::default();
    let wanted = variant(&format!("width={width},format={format},quality={name}"))?;
    let since = Instant::now();
    let found = search(source, &wanted, &limits, &|| false);
    let found: Result<Option<Searched>, ImageError> = found;
    let Some(Searched {
        outcome: Outcome::Rendered(made),
        found: Found::Lossy { .. },
        encodes,
        ..
    }) = found.map_err(|error| error.to_string())?
    else {
        return Ok(());
    };
    tally.times.push(since.elapsed());
    tally.encodes.push(encodes);
    // Not what the search says of itself: the file is looked at again.
    let seen = |file: &[u8]| -> Result<f64, String> {
        let seen = score(source, &wanted, file, &limits).map_err(|error| error.to_string())?;
        Ok(f64::from(seen.unwrap_or_default()))
    };
    let target = wanted.target.map_or(0, image::Target::points);
    tally.missed.push((seen(&made.bytes)? - f64::from(target)).abs());
    let fixed = variant(&format!("width={width},format={format},quality={FIXED}"))?;
    let fixed = self::made(source, &fixed)?;
    tally.fixed.push(seen(&fixed)?);
    let ratio = made.bytes.len() as f64 / fixed.len() as f64;
    tally.sizes.push(ratio.ln());
    Ok(())
}

/// The pictures of a folder and of those inside it, or photographs that are made.
fn files(options: &Options) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let mut files = Vec::new();
    match &options.pictures {
        Some(folder) => collect(folder, &mut files)?,
        None => {
            let ground = Ground::new("quality")?;
            let site = gallery::Site::new(SIDES.0, SIDES.1, 1);
            for (place, path) in gallery::Site::photograph_paths().iter().take(8).enumerate() {
                let photograph = site.get(path).ok_or("the gallery lacks a photograph")?;
                let path = ground.write(&format!("{place}.jpg"), &photograph.body)?;
                files.push((path, photograph.body.to_vec()));
            }
        }
    }
    files.retain(|(_, bytes)| {
        let format = Format::sniff(bytes);
        format == Some(Format::Jpeg) || format == Some(Format::Png)
    });
    files.sort();
    match files.is_empty() {
        true => Err("no pictures".into()),
        false => Ok(files),
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            let bytes = fs::read(&path).map_err(failed)?;
            files.push((path, bytes));
        }
    }
    Ok(())
}
