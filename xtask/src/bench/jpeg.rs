//! JPEG files of photographs beside libjpeg-turbo's `cjpeg -progressive -optimize`: bytes at equal
//! SSIMULACRA2, and processor time.

use std::fs;
use std::path::{Path, PathBuf};

use super::Options;
use super::ground::{self, Ground, median};
use super::pictures;
use super::rescue::{example, photographs, seconds};
use crate::shell::{self, Outcome};

/// The peer's qualities, at whose scores bytes are compared.
const THEIRS: [u8; 4] = [60, 75, 85, 92];
/// Ours, close enough to read between them.
const OURS: [u8; 10] = [35, 45, 55, 65, 72, 78, 84, 89, 93, 96];

/// A file: its bytes and its score.
type Point = (f64, f64);

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    for program in ["cjpeg", "djpeg"] {
        if !shell::exists(program) {
            let why = format!("`{program}` (package libjpeg-turbo-progs) is missing");
            shell::skip("the bench `jpeg`", &why);
            return Ok(());
        }
    }
    let ground = Ground::new("jpeg")?;
    let paths = match &options.pictures {
        Some(folder) => pictures::find(folder)?,
        None => photographs(&ground)?,
    };
    let ours = example("jpeg", "encode")?;
    let (mut ratios, mut sources) = (vec![Vec::new(); THEIRS.len()], Vec::new());
    for (place, path) in paths.iter().enumerate() {
        let ppm = pictures::ppm(path)?;
        let source = ground.write(&format!("{place}.ppm"), &ppm)?;
        let curve = curve(&ours, &source, &ppm, &ground)?;
        for (quality, ratios) in THEIRS.into_iter().zip(&mut ratios) {
            let quality = quality.to_string();
            let peer = ["-quality", &quality, "-progressive", "-optimize"];
            let file = pictures::piped("cjpeg", &peer, &ppm)?;
            let (bytes, score) = (file.len() as f64, score(&ppm, &file)?);
            ratios.extend(at(&curve, score).map(|needed| needed / bytes));
        }
        sources.push(source);
    }
    let mut times = Vec::new();
    for _ in 0..options.runs {
        let peer = seconds(&by_cjpeg(&sources))?;
        times.push(seconds(&by_us(&ours, &sources, &ground))? / peer);
    }
    report(options, &ratios, median(&times), paths.len());
    Ok(())
}

fn report(options: &Options, ratios: &[Vec<f64>], time: f64, pictures: usize) {
    let all = median(&ratios.concat());
    if options.json {
        println!(
            "{{\"bench\":\"jpeg\",\"pictures\":{pictures},\"bytes\":{all:.4},\"time\":{time:.3}}}"
        );
        return;
    }
    println!("{}", ground::conditions());
    println!("{pictures} pictures; bytes at the SSIMULACRA2 of cjpeg -progressive -optimize");
    println!("| cjpeg -quality | our bytes / its bytes, median | largest |");
    println!("|---|---|---|");
    for (quality, ratios) in THEIRS.iter().zip(ratios) {
        let largest = ratios.iter().copied().fold(0.0, f64::max);
        println!("| {quality} | {:.3} | {largest:.3} |", median(ratios));
    }
    println!("\nall: {all:.3}; processor time, ours / its: {time:.2}");
}

/// Our files of a picture at several qualities.
fn curve(ours: &Path, source: &Path, ppm: &[u8], ground: &Ground) -> Result<Vec<Point>, String> {
    let points = OURS.into_iter().map(|quality| {
        let out = ground.path("ours.jpg");
        let quality = quality.to_string();
        let mut command = shell::command(&ours.display().to_string(), &["1", &quality]);
        command.args([source, &out]);
        shell::run(command)?;
        let file = fs::read(&out).map_err(|error| error.to_string())?;
        Ok((file.len() as f64, score(ppm, &file)?))
    });
    points.collect()
}

/// The SSIMULACRA2 of a file beside its source.
fn score(ppm: &[u8], file: &[u8]) -> Result<f64, String> {
    let decoded = pictures::piped("djpeg", &["-rgb", "-pnm"], file)?;
    pictures::score(ppm, &decoded)
}

/// The bytes at a score, between the two points around it; none beyond the ends.
fn at(curve: &[Point], score: f64) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let [(less, low), (more, high)] = *pair else {
            return None;
        };
        if !(low..=high).contains(&score) {
            return None;
        }
        let share = (score - low) / (high - low).max(f64::EPSILON);
        Some((less.ln() + share * (more.ln() - less.ln())).exp())
    })
}

fn by_us(ours: &Path, sources: &[PathBuf], ground: &Ground) -> String {
    let out = ground.shown("timed.jpg");
    let line = |source: &PathBuf| {
        let qualities = THEIRS.map(|quality| {
            format!(
                "{} 1 {quality} '{}' '{out}'",
                ours.display(),
                source.display()
            )
        });
        qualities.join("; ")
    };
    sources.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn by_cjpeg(sources: &[PathBuf]) -> String {
    let line = |source: &PathBuf| {
        let qualities = THEIRS.map(|quality| {
            let how = format!("-quality {quality} -progressive -optimize -outfile /dev/null");
            format!("cjpeg {how} '{}'", source.display())
        });
        qualities.join("; ")
    };
    sources.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn bytes_between_two_points_are_read_on_a_curve() {
        let curve = [(100.0, 50.0), (400.0, 60.0), (500.0, 70.0)];
        let between = at(&curve, 55.0).expect("between the first two");
        assert!((between - 200.0).abs() < 1e-9);
        assert_eq!(at(&curve, 45.0), None);
        assert_eq!(at(&curve, 75.0), None);
    }
}
