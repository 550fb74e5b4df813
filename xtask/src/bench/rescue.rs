//! Baseline JPEG files brought into progressive order without loss: megabytes of input for each
//! second of processor time, beside libjpeg-turbo's `jpegtran -progressive -optimize`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::ground::{self, Ground, median};
use crate::shell::{self, Outcome};

/// Sides of the photographs that are made where no files are given.
const SIDES: (u32, u32) = (2400, 1600);
/// Times that each file is brought into order in one run.
const TIMES: usize = 8;

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let ground = Ground::new("rescue")?;
    let files = match &options.pictures {
        Some(folder) => jpegs(folder)?,
        None => photographs(&ground)?,
    };
    let ours = example()?;
    let sizes = check(&ours, &files)?;
    let input: usize = sizes.iter().map(|(before, _)| before).sum();
    let megabytes = (input * TIMES) as f64 / 1e6;
    let peer = shell::exists("jpegtran");
    if !peer {
        let why = "`jpegtran` (package libjpeg-turbo-progs) is missing";
        shell::skip("a peer of the bench `rescue`", why);
    }
    let (mut rates, mut ratios, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let rate = megabytes / seconds(&by_us(&ours, &files))?;
        rates.push(rate);
        if peer {
            let other = megabytes / seconds(&by_jpegtran(&files))?;
            theirs.push(other);
            ratios.push(rate / other);
        }
    }
    let worst = sizes.iter().map(share).fold(0.0, f64::max);
    let after: usize = sizes.iter().map(|(_, after)| after).sum();
    let all = share(&(input, after));
    if options.json {
        println!(
            "{{\"bench\":\"rescue\",\"files\":{},\"bytes\":{input},\"mb_per_second\":{:.1},\
             \"jpegtran\":{:.1},\"ratio\":{:.2},\"size\":{all:.4},\"largest\":{worst:.4}}}",
            files.len(),
            median(&rates),
            median(&theirs),
            median(&ratios),
        );
        return Ok(());
    }
    println!("{}", ground::conditions());
    println!("{} files, {:.1} MB", files.len(), input as f64 / 1e6);
    println!("| program | MB of input per processor second | ours / it |");
    println!("|---|---|---|");
    println!("| **Firstlight** | {:.1} | 1 |", median(&rates));
    if peer {
        println!(
            "| jpegtran -progressive -optimize | {:.1} | {:.2} |",
            median(&theirs),
            median(&ratios)
        );
    }
    println!("\nbytes: {all:.4} of the input; of the file that gains least {worst:.4}");
    Ok(())
}

fn share((before, after): &(usize, usize)) -> f64 {
    *after as f64 / *before as f64
}

/// The JPEG files of a folder.
fn jpegs(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jpg"))
        .collect();
    files.sort();
    match files.is_empty() {
        true => Err(format!("no `.jpg` in {}", folder.display())),
        false => Ok(files),
    }
}

/// Photographs as a content management system saves them.
fn photographs(ground: &Ground) -> Result<Vec<PathBuf>, String> {
    let site = gallery::Site::new(SIDES.0, SIDES.1, 1);
    let paths = gallery::Site::photograph_paths();
    let made = paths.iter().take(6).enumerate().map(|(place, path)| {
        let photograph = site.get(path).ok_or("the gallery lacks a photograph")?;
        ground.write(&format!("{place}.jpg"), &photograph.body)
    });
    made.collect()
}

/// The release build of the example that brings files into order.
fn example() -> Result<PathBuf, String> {
    shell::run(shell::cargo(&[
        "build",
        "--release",
        "--package",
        "firstlight-jpeg",
        "--example",
        "rescue",
    ]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| shell::root().join("target"), PathBuf::from);
    Ok(target.join("release/examples/rescue"))
}

/// Brings each file into order once and looks at the pixels; gives the bytes before and after.
fn check(ours: &Path, files: &[PathBuf]) -> Result<Vec<(usize, usize)>, String> {
    let mut command = Command::new(ours);
    command.arg("1").args(files);
    let text = shell::output(command)?;
    let sizes = text.lines().map(|line| {
        let mut words = line.split(' ').map(str::parse);
        match (words.next(), words.next()) {
            (Some(Ok(before)), Some(Ok(after))) => Ok((before, after)),
            _ => Err(format!("`{line}` is not what was expected")),
        }
    });
    sizes.collect()
}

fn by_us(ours: &Path, files: &[PathBuf]) -> String {
    format!("{} {TIMES} {}", ours.display(), quoted(files))
}

fn by_jpegtran(files: &[PathBuf]) -> String {
    let files = quoted(files);
    format!(
        "for f in {files}; do for i in {}; do \
         jpegtran -progressive -optimize -outfile /dev/null \"$f\"; done; done",
        ["x"; TIMES].join(" ")
    )
}

fn quoted(files: &[PathBuf]) -> String {
    let quoted = files.iter().map(|file| format!("'{}'", file.display()));
    quoted.collect::<Vec<_>>().join(" ")
}

/// The processor time of what a shell runs, its children's included.
fn seconds(script: &str) -> Result<f64, String> {
    let script = format!("({script}) > /dev/null; times");
    let text = shell::output(shell::command("sh", &["-c", &script]))?;
    let children = text.lines().last().unwrap_or_default();
    let parts = children.split_whitespace().map(|time| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    });
    let sum: Option<f64> = parts.sum();
    sum.filter(|seconds| *seconds > 0.0)
        .ok_or_else(|| format!("`times` said `{children}`"))
}
