//! Baseline JPEG files brought into progressive order without loss: every kind of file keeps its
//! pixels, as `djpeg` and our own decoder see them, and megabytes of input for each second of
//! processor time, beside libjpeg-turbo's `jpegtran -progressive -optimize`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::ground::{self, Ground, median};
use super::pictures::{self, piped};
use crate::shell::{self, Outcome};

/// Sides of the photographs that are made where no files are given.
const SIDES: (u32, u32) = (2400, 1600);
/// Bytes of input that are brought into order for a picture's rate: a clock of ten milliseconds
/// tells it well enough.
const ENOUGH: usize = 16_000_000;
/// The same for the peer, which takes longer.
const ENOUGH_FOR_PEER: usize = 4_000_000;

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
    INK,
    &["-sample", "2x1", "-quality", "80"],
    &["-sample", "1x2", "-quality", "80", "-restart", "5B"],
    &["-sample", "2x2", "-quality", "30"],
    &["-sample", "4x1", "-quality", "85"],
    &["-sample", "2x2,1x2,2x1", "-quality", "70"],
    &["-rgb", "-quality", "85"],
    &["-sample", "1x1", "-quality", "100"],
    &["-quality", "2"],
];
/// Of this, a file of four components is made, too.
const INK: &[&str] = &["-sample", "1x1", "-quality", "95"];
/// What is to be refused.
const REFUSED: &[&str] = &["-arithmetic"];

/// Files of one kind.
struct Kind {
    name: String,
    files: Vec<PathBuf>,
}

/// What was measured of a kind.
struct Found {
    /// MB of input for each second of processor time, of each picture.
    rates: Vec<f64>,
    /// Those of the peer.
    theirs: Vec<f64>,
    /// Ours over theirs.
    ratios: Vec<f64>,
    /// Bytes afterwards for one before.
    shares: Vec<f64>,
    input: usize,
    output: usize,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let ground = Ground::new("rescue")?;
    let paths = match &options.pictures {
        Some(folder) => pictures::find(folder)?,
        None => photographs(&ground)?,
    };
    let ours = example("jpeg", "rescue")?;
    if !shell::exists("djpeg") {
        let why = "`djpeg` (package libjpeg-turbo-progs) is missing: only our own decoder looks";
        shell::skip("what libjpeg-turbo sees in the bench `rescue`", why);
    }
    if !shell::exists("jpegtran") || !shell::exists("cjpeg") {
        let why = "`jpegtran` and `cjpeg` (package libjpeg-turbo-progs) are missing";
        shell::skip(
            "most kinds of files and the peer of the bench `rescue`",
            why,
        );
    }
    let checked = check(&ours, &paths, &ground)?;
    let kinds = kinds(&paths, &ground)?;
    if !options.json {
        println!("{}", ground::conditions());
        println!("{checked}\n");
        println!("MB of input for each second of processor time:");
        println!(
            "| files | pictures | MB | median | least | most | jpegtran, median | ours / it | bytes after / before | most |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
    }
    let mut rows = Vec::new();
    for kind in &kinds {
        let found = measure(&ours, kind, options.runs)?;
        if !options.json {
            println!("| {} | {} | {found} |", kind.name, kind.files.len());
        }
        rows.push(format!("{{\"kind\":\"{}\",{}}}", kind.name, found.json()));
    }
    if options.json {
        println!(
            "{{\"bench\":\"rescue\",{},\"kinds\":[{}]}}",
            checked.json(),
            rows.join(",")
        );
    }
    checked.verdict()
}

/// Measures the pictures of a kind.
fn measure(ours: &Path, kind: &Kind, runs: usize) -> Result<Found, String> {
    let mut found = Found {
        rates: Vec::new(),
        theirs: Vec::new(),
        ratios: Vec::new(),
        shares: Vec::new(),
        input: 0,
        output: 0,
    };
    for file in &kind.files {
        let (before, after) = sizes(ours, file)?;
        found.input += before;
        found.output += after;
        found.shares.push(share(before, after));
        let rate = |enough: usize, script: &dyn Fn(usize) -> String| {
            let times = enough.div_ceil(before);
            let took = seconds(&script(times))?;
            Ok::<_, String>((before * times) as f64 / 1e6 / took)
        };
        let (mut rates, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            rates.push(rate(ENOUGH, &|times| by_us(ours, file, times))?);
            if shell::exists("jpegtran") {
                theirs.push(rate(ENOUGH_FOR_PEER, &|times| by_jpegtran(file, times))?);
            }
        }
        let ratios: Vec<_> = rates
            .iter()
            .zip(&theirs)
            .map(|(ours, its)| ours / its)
            .collect();
        found.rates.push(median(&rates));
        if !theirs.is_empty() {
            found.theirs.push(median(&theirs));
            found.ratios.push(median(&ratios));
        }
    }
    Ok(found)
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let least = self.rates.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.rates.iter().copied().fold(0.0, f64::max);
        let largest = self.shares.iter().copied().fold(0.0, f64::max);
        write!(
            f,
            "{:.1} | {:.0} | {least:.0} | {most:.0} | {:.1} | {:.1} | {:.3} | {largest:.3}",
            self.input as f64 / 1e6,
            median(&self.rates),
            median(&self.theirs),
            median(&self.ratios),
            share(self.input, self.output),
        )
    }
}

impl Found {
    fn json(&self) -> String {
        format!(
            "\"bytes\":{},\"mb_per_second\":{:.1},\"jpegtran\":{:.1},\"ratio\":{:.2},\"size\":{:.4}",
            self.input,
            median(&self.rates),
            median(&self.theirs),
            median(&self.ratios),
            share(self.input, self.output),
        )
    }
}

fn share(before: usize, after: usize) -> f64 {
    after as f64 / before as f64
}

/// How the files of the check fared.
#[derive(Default)]
struct Checked {
    all: usize,
    /// Those with the same pixels as our own decoder sees them.
    equal: usize,
    /// Those that `djpeg` has looked at.
    looked: usize,
    /// Those of them with the same pixels.
    seen_equal: usize,
    /// Those that would become larger than they may be, and are not brought into order.
    stay: usize,
    /// The largest share of the bytes before.
    largest: f64,
    refused: usize,
    to_refuse: usize,
    /// What was wrong.
    wrong: Vec<String>,
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let brought = self.all - self.stay;
        write!(
            f,
            "{} files, {} of them stay as they are; pixels equal by our decoder: {} of {brought}, by \
             djpeg: {} of {}; largest file: {:.4} of the one before\n\
             refused, arithmetic coding: {} of {}",
            self.all,
            self.stay,
            self.equal,
            self.seen_equal,
            self.looked,
            self.largest,
            self.refused,
            self.to_refuse
        )?;
        self.wrong
            .iter()
            .try_for_each(|wrong| write!(f, "\nwrong: {wrong}"))
    }
}

impl Checked {
    fn json(&self) -> String {
        format!(
            "\"files\":{},\"stay\":{},\"equal\":{},\"djpeg_equal\":{},\"largest\":{:.4}",
            self.all, self.stay, self.equal, self.seen_equal, self.largest
        )
    }

    fn verdict(&self) -> Outcome {
        match self.wrong.is_empty() {
            true => Ok(()),
            false => Err("pixels changed, or a file was taken for what it is not".to_owned()),
        }
    }

    /// Brings a file into order and compares.
    fn file(&mut self, ours: &Path, at: &Path, file: &[u8], name: &str) -> Result<(), String> {
        self.all += 1;
        let verdict = rescued(ours, at)?;
        if verdict == "stays" {
            self.stay += 1;
            return Ok(());
        }
        match verdict.as_str() {
            "equal" => self.equal += 1,
            _ => self.wrong.push(format!("{name}: {verdict}")),
        }
        if verdict.starts_with("refused") {
            return Ok(());
        }
        let written = PathBuf::from(format!("{}.rescued", at.display()));
        let after = fs::read(written).map_err(|error| error.to_string())?;
        self.largest = self.largest.max(share(file.len(), after.len()));
        if shell::exists("djpeg") {
            self.looked += 1;
            let [before, later] = [file, &after].map(|file| piped("djpeg", &["-pnm"], file));
            match before? == later? {
                true => self.seen_equal += 1,
                false => self.wrong.push(format!("{name}: djpeg sees a difference")),
            }
        }
        Ok(())
    }
}

/// Brings files of many kinds into order, made from each picture, and compares what is seen.
fn check(ours: &Path, paths: &[PathBuf], ground: &Ground) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let programs = ["cjpeg", "djpeg", "jpegtran"]
        .into_iter()
        .all(shell::exists);
    for path in paths {
        let mut files = Vec::new();
        if pictures::is(path, "jpg") {
            let file = fs::read(path).map_err(|error| error.to_string())?;
            for arguments in TURNED.iter().filter(|_| programs) {
                // A crop beyond a small picture is no file.
                let turned = piped("jpegtran", arguments, &file);
                files.extend(
                    turned.map(|turned| (format!("jpegtran {}", arguments.join(" ")), turned)),
                );
            }
            files.push(("as it is".to_owned(), file));
        }
        let ppm = if programs {
            Some(pictures::ppm(path)?)
        } else {
            None
        };
        for (ppm, arguments) in ppm
            .iter()
            .flat_map(|ppm| ENCODED.iter().map(move |arguments| (ppm, arguments)))
        {
            let file = piped("cjpeg", arguments, ppm)?;
            if *arguments == INK {
                let [from, to] = ["colour.jpg", "ink.jpg"].map(|name| ground.path(name));
                fs::write(&from, &file).map_err(|error| error.to_string())?;
                let mut command = Command::new(ours);
                command.arg("ink").args([&from, &to]);
                shell::run(command)?;
                let ink = fs::read(&to).map_err(|error| error.to_string())?;
                files.push(("four components".to_owned(), ink));
            }
            files.push((format!("cjpeg {}", arguments.join(" ")), file));
        }
        for (place, (kind, file)) in files.iter().enumerate() {
            let at = ground.write(&format!("check-{place}.jpg"), file)?;
            checked.file(ours, &at, file, &format!("{}, {kind}", path.display()))?;
        }
        // Not every build of cjpeg writes it.
        let arithmetic = ppm.and_then(|ppm| piped("cjpeg", REFUSED, &ppm).ok());
        if let Some(file) = arithmetic {
            let at = ground.write("refused.jpg", file)?;
            let verdict = rescued(ours, &at)?;
            checked.to_refuse += 1;
            match verdict.starts_with("refused") && verdict.contains("arithmetic") {
                true => checked.refused += 1,
                false => checked.wrong.push(format!("arithmetic coding: {verdict}")),
            }
        }
    }
    Ok(checked)
}

/// What becomes of a file, in a word, and why if it is refused.
fn rescued(ours: &Path, file: &Path) -> Result<String, String> {
    let mut command = Command::new(ours);
    command.arg("check").arg(file);
    Ok(shell::output(command)?.trim().to_owned())
}

/// The files whose rates are measured: photographs as they are but sequential, with the usual
/// codes and with the best ones, and pictures without loss at usual qualities.
fn kinds(paths: &[PathBuf], ground: &Ground) -> Result<Vec<Kind>, String> {
    let all = ["jpegtran", "cjpeg"].into_iter().all(shell::exists);
    let mut kinds = Vec::new();
    let mut add = |name: String, ending: &str, make: &dyn Fn(&Path) -> Result<Vec<u8>, String>| {
        let kind = kinds.len();
        let chosen = paths.iter().filter(|path| pictures::is(path, ending));
        let files = chosen
            .enumerate()
            .map(|(place, path)| ground.write(&format!("kind-{kind}-{place}.jpg"), make(path)?));
        let files = files.collect::<Result<Vec<_>, String>>()?;
        if !files.is_empty() {
            kinds.push(Kind { name, files });
        }
        Ok::<_, String>(())
    };
    let read = |path: &Path| fs::read(path).map_err(|error| error.to_string());
    if !all {
        add("photographs as they are".to_owned(), "jpg", &read)?;
        return Ok(kinds);
    }
    add("photographs, the usual codes".to_owned(), "jpg", &|path| {
        piped("jpegtran", &[], &read(path)?)
    })?;
    add("photographs, the best codes".to_owned(), "jpg", &|path| {
        piped("jpegtran", &["-optimize"], &read(path)?)
    })?;
    for quality in ["75", "85", "92"] {
        let name = format!("PNG files by cjpeg -quality {quality}");
        add(name, "png", &|path| {
            piped("cjpeg", &["-quality", quality], &pictures::ppm(path)?)
        })?;
    }
    Ok(kinds)
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

/// The release build of an example of a room.
pub(super) fn example(room: &str, name: &str) -> Result<PathBuf, String> {
    let package = format!("firstlight-{room}");
    shell::run(shell::cargo(&[
        "build",
        "--release",
        "--package",
        &package,
        "--example",
        name,
    ]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| shell::root().join("target"), PathBuf::from);
    Ok(target.join("release/examples").join(name))
}

/// Brings a file into order once; gives the bytes before and after.
fn sizes(ours: &Path, file: &Path) -> Result<(usize, usize), String> {
    let mut command = Command::new(ours);
    command.arg("1").arg(file);
    let text = shell::output(command)?;
    let mut words = text.split(' ').map(str::parse);
    match (words.next(), words.next()) {
        (Some(Ok(before)), Some(Ok(after))) => Ok((before, after)),
        _ => Err(format!("`{text}` is not what was expected")),
    }
}

fn by_us(ours: &Path, file: &Path, times: usize) -> String {
    format!("{} {times} '{}'", ours.display(), file.display())
}

fn by_jpegtran(file: &Path, times: usize) -> String {
    format!(
        "for i in {}; do jpegtran -progressive -optimize -outfile /dev/null '{}'; done",
        vec!["x"; times].join(" "),
        file.display()
    )
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
