//! Baseline JPEG files brought into progressive order without loss: every kind of file keeps its
//! pixels, as `djpeg` sees them, and megabytes of input for each second of processor time, beside
//! libjpeg-turbo's `jpegtran -progressive -optimize`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::ground::{self, Ground, median};
use super::pictures::{self, piped};
use crate::shell::{self, Outcome};

/// Sides of the photographs that are made where no files are given.
const SIDES: (u32, u32) = (2400, 1600);
/// Times that each file is brought into order in one run.
const TIMES: usize = 8;

/// What `jpegtran` makes of a file: odd sides, restart markers, grey, and what cameras write.
const TURNED: &[&[&str]] = &[
    &[],
    &["-optimize"],
    &["-progressive"],
    &["-grayscale"],
    &["-restart", "1"],
    &["-restart", "3B", "-optimize"],
    &["-crop", "333x211+0+0"],
    &["-crop", "17x9+16+16", "-grayscale"],
];
/// What `cjpeg` makes of pixels: samplings, and qualities from one end to the other.
const ENCODED: &[&[&str]] = &[
    &["-sample", "1x1", "-quality", "95"],
    &["-sample", "2x1", "-quality", "80"],
    &["-sample", "1x2", "-quality", "80", "-restart", "5B"],
    &["-sample", "2x2", "-quality", "30"],
    &["-sample", "4x1", "-quality", "85"],
    &["-sample", "2x2,1x2,2x1", "-quality", "70"],
    &["-rgb", "-quality", "85"],
    &["-sample", "1x1", "-quality", "100"],
    &["-quality", "2"],
];
/// What is to be refused.
const REFUSED: &[&str] = &["-arithmetic"];

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let ground = Ground::new("rescue")?;
    let paths = match &options.pictures {
        Some(folder) => pictures::find(folder)?,
        None => photographs(&ground)?,
    };
    let ours = example("rescue")?;
    let checked = match shell::exists("djpeg") && shell::exists("cjpeg") {
        true => Some(check(&ours, &paths, &ground)?),
        false => {
            let why = "`djpeg` (package libjpeg-turbo-progs) is missing";
            shell::skip("the pixels of the bench `rescue`", why);
            None
        }
    };
    let files = baseline(&paths, &ground)?;
    if files.is_empty() {
        return Err("no JPEG to time".to_owned());
    }
    let sizes = sizes(&ours, &files)?;
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
    if let Some(checked) = checked {
        println!("{checked}");
        return checked.verdict();
    }
    Ok(())
}

fn share((before, after): &(usize, usize)) -> f64 {
    *after as f64 / *before as f64
}

/// How the files of the check fared.
struct Checked {
    equal: usize,
    all: usize,
    /// The largest share of the bytes before.
    largest: f64,
    refused: usize,
    to_refuse: usize,
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "pixels equal by djpeg: {} of {}; largest file: {:.4} of the one before\n\
             refused, arithmetic coding: {} of {}",
            self.equal, self.all, self.largest, self.refused, self.to_refuse
        )
    }
}

impl Checked {
    fn verdict(&self) -> Outcome {
        match (self.equal, self.refused) == (self.all, self.to_refuse) {
            true => Ok(()),
            false => Err("pixels changed, or a file was taken for what it is not".to_owned()),
        }
    }
}

/// Brings files of many kinds into order, made from each picture, and compares what `djpeg` sees.
fn check(ours: &Path, paths: &[PathBuf], ground: &Ground) -> Result<Checked, String> {
    let mut checked = Checked {
        equal: 0,
        all: 0,
        largest: 0.0,
        refused: 0,
        to_refuse: 0,
    };
    for path in paths {
        let ppm = pictures::ppm(path)?;
        let mut files = Vec::new();
        if pictures::is(path, "jpg") {
            let file = fs::read(path).map_err(|error| error.to_string())?;
            for arguments in TURNED {
                // A crop beyond a small picture is no file.
                files.extend(piped("jpegtran", arguments, &file));
            }
            files.push(file);
        }
        for arguments in ENCODED {
            files.push(piped("cjpeg", arguments, &ppm)?);
        }
        for (place, file) in files.iter().enumerate() {
            let at = ground.write(&format!("check-{place}.jpg"), file)?;
            let rescued = rescued(ours, &at)?;
            checked.all += 1;
            let Ok(after) = rescued else {
                continue;
            };
            let [before, later] = [file, &after].map(|file| piped("djpeg", &["-pnm"], file));
            checked.equal += usize::from(before? == later?);
            checked.largest = checked.largest.max(share(&(file.len(), after.len())));
        }
        // Not every build of cjpeg writes it.
        if let Ok(file) = piped("cjpeg", REFUSED, &ppm) {
            let at = ground.write("refused.jpg", file)?;
            checked.to_refuse += 1;
            checked.refused += usize::from(rescued(ours, &at)?.is_err());
        }
    }
    Ok(checked)
}

/// A file in progressive order, or why it is refused.
fn rescued(ours: &Path, file: &Path) -> Result<Result<Vec<u8>, String>, String> {
    let mut command = Command::new(ours);
    command.arg("0").arg(file);
    let text = shell::output(command)?;
    if let Some(reason) = text.strip_prefix("refused ") {
        return Ok(Err(reason.to_owned()));
    }
    let written = PathBuf::from(format!("{}.rescued", file.display()));
    fs::read(written).map(Ok).map_err(|error| error.to_string())
}

/// The JPEG files among the pictures as cameras write them: sequential, with the usual codes.
fn baseline(paths: &[PathBuf], ground: &Ground) -> Result<Vec<PathBuf>, String> {
    let jpegs = paths.iter().filter(|path| pictures::is(path, "jpg"));
    let files = jpegs.enumerate().map(|(place, path)| {
        let file = fs::read(path).map_err(|error| error.to_string())?;
        let sequential = match shell::exists("jpegtran") {
            true => piped("jpegtran", &[], &file)?,
            false => file,
        };
        ground.write(&format!("baseline-{place}.jpg"), sequential)
    });
    files.collect()
}

/// Photographs as a content management system saves them.
pub(super) fn photographs(ground: &Ground) -> Result<Vec<PathBuf>, String> {
    let site = gallery::Site::new(SIDES.0, SIDES.1, 1);
    let paths = gallery::Site::photograph_paths();
    let made = paths.iter().take(6).enumerate().map(|(place, path)| {
        let photograph = site.get(path).ok_or("the gallery lacks a photograph")?;
        ground.write(&format!("{place}.jpg"), &photograph.body)
    });
    made.collect()
}

/// The release build of an example of the crate `jpeg`.
pub(super) fn example(name: &str) -> Result<PathBuf, String> {
    shell::run(shell::cargo(&[
        "build",
        "--release",
        "--package",
        "firstlight-jpeg",
        "--example",
        name,
    ]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| shell::root().join("target"), PathBuf::from);
    Ok(target.join("release/examples").join(name))
}

/// Brings each file into order once; gives the bytes before and after.
fn sizes(ours: &Path, files: &[PathBuf]) -> Result<Vec<(usize, usize)>, String> {
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
pub(super) fn seconds(script: &str) -> Result<f64, String> {
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
