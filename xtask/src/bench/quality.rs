//! The search for a quality: over a folder of photographs (JPEG and PNG, also in folders inside),
//! how near to its target it ends, in how many encodes, and how many bytes that takes beside one
//! quality for all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::{
    Format, Found, ImageError, Limits, Outcome, Policy, Searched, Signals, TOLERANCE, Transform,
    Variant, choose, render, scores, search,
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
    let names = options.chosen("quality", &options.page, &NAMES)?;
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
        for name in &names {
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
    let all = files(options)?;
    let every = all.len().div_ceil(USUAL_FILES);
    let files: Vec<_> = all.into_iter().step_by(every).collect();
    println!("| quality | JPEG | JPEG, full colour | WebP | JPEG shown at half its size |");
    println!("|---|---|---|---|---|");
    for quality in QUALITIES {
        let mut columns = [const { Vec::new() }; 4];
        for scores in in_parallel(&files, |file| measure(&file.1, quality))? {
            for (column, score) in columns.iter_mut().zip(scores) {
                column.extend(score);
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

/// Pictures that the usual scores are taken from, at most about so many.
const USUAL_FILES: usize = 20;
/// The width they are taken at.
const USUAL_WIDTH: u32 = 800;
const QUALITIES: [u8; 13] = [5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95, 98];

/// The scores of one picture at a quality: as JPEG, as JPEG with colour at its full resolution, as
/// WebP, and as JPEG shown at half its size.
fn measure(source: &[u8], quality: u8) -> Result<[Option<f64>; 4], String> {
    let limits = Limits::default();
    let seen = |files: &[&[u8]], variant: &Variant| {
        let scores = scores(source, variant, files, &limits).map_err(|error| error.to_string())?;
        Ok::<_, String>(
            scores
                .into_iter()
                .map(|score| score.map(f64::from))
                .collect::<Vec<_>>(),
        )
    };
    let options = |width: u32, rest: &str| variant(&format!("width={width},{rest}"));
    let jpeg = options(USUAL_WIDTH, &format!("quality={quality},format=jpeg"))?;
    let webp = options(
        USUAL_WIDTH,
        &format!("quality={},format=webp", quality.min(99)),
    )?;
    let (as_jpeg, as_webp) = (made(source, &jpeg)?, made(source, &webp)?);
    let both = seen(&[&as_jpeg, &as_webp], &jpeg)?;
    // As a display of twice the pixels shows it to the eye.
    let exact = options(USUAL_WIDTH / 2, "format=png")?;
    let halved = made(&as_jpeg, &exact)?;
    let half = seen(&[&halved], &exact)?.first().copied().flatten();
    // From this quality on the encoder keeps colour at its full resolution by itself.
    let [quarter, full] = match quality >= 90 {
        true => [None, both[0]],
        false => [both[0], None],
    };
    Ok([quarter, full, both[1], half])
}

/// Does something with each of many things, on all processors.
fn in_parallel<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one = |first: usize| -> Result<Vec<R>, String> {
        all.iter().skip(first).step_by(threads).map(&work).collect()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn({
                    let one = &one;
                    move || one(first)
                })
            })
            .collect();
        let mut results = Vec::with_capacity(all.len());
        for thread in running {
            results.extend(
                thread
                    .join()
                    .map_err(|_| "a thread panicked".to_owned())??,
            );
        }
        Ok(results)
    })
}

fn made(source: &[u8], variant: &Variant) -> Result<Vec<u8>, String> {
    let outcome = render(source, variant, &Limits::default(), &|| false);
    match outcome.map_err(|error| error.to_string())? {
        Outcome::Rendered(rendered) => Ok(rendered.bytes.to_vec()),
        _ => Ok(source.to_vec()),
    }
}

/// A picture as these options make it.
///
/// # Errors
/// It cannot be read, or the options are none.
pub(super) fn made_as(source: &[u8], options: &str) -> Result<Vec<u8>, String> {
    made(source, &variant(options)?)
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
        self.times.extend(other.times);
        self.sizes.extend(other.sizes);
        self.fixed.extend(other.fixed);
    }

    fn share(&self) -> f64 {
        let within = self
            .missed
            .iter()
            .filter(|off| **off <= f64::from(TOLERANCE));
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
    let of_one = |(path, source): &(PathBuf, Vec<u8>)| {
        let mut tally = Tally::default();
        for width in WIDTHS {
            let off = add(&mut tally, source, width, format, name)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            if off > f64::from(TOLERANCE) {
                let file = path.file_stem().unwrap_or_default().to_string_lossy();
                let said = format!("{file} {width} {format} {name}: off by {off:.2}");
                tally.outside.push(said);
            }
        }
        Ok(tally)
    };
    let mut tally = Tally::default();
    for one in in_parallel(files, of_one)? {
        tally.join(one);
    }
    Ok(tally)
}

/// One search; how far from the target it ended.
fn add(
    tally: &mut Tally,
    source: &[u8],
    width: u32,
    format: &str,
    name: &str,
) -> Result<f64, String> {
    let limits = Limits::default();
    let wanted = variant(&format!("width={width},format={format},quality={name}"))?;
    let since = Instant::now();
    let found: Result<Option<Searched>, ImageError> = search(source, &wanted, &limits, &|| false);
    let Some(Searched {
        outcome: Outcome::Rendered(made),
        found: Found::Lossy { .. },
        encodes,
        ..
    }) = found.map_err(|error| error.to_string())?
    else {
        return Ok(0.0);
    };
    tally.times.push(since.elapsed());
    tally.encodes.push(encodes);
    let fixed = variant(&format!("width={width},format={format},quality={FIXED}"))?;
    let fixed = self::made(source, &fixed)?;
    // Not what the search says of itself: the file is looked at again.
    let files: [&[u8]; 2] = [&made.bytes, &fixed];
    let seen = scores(source, &wanted, &files, &limits).map_err(|error| error.to_string())?;
    let seen: Vec<f64> = seen.into_iter().flatten().map(f64::from).collect();
    let &[found, at_fixed] = seen.as_slice() else {
        return Err("a result cannot be compared".into());
    };
    let off = (found - f64::from(wanted.target.map_or(0, image::Target::points))).abs();
    tally.missed.push(off);
    tally.fixed.push(at_fixed);
    let ratio = made.bytes.len() as f64 / fixed.len() as f64;
    tally.sizes.push(ratio.ln());
    Ok(off)
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
