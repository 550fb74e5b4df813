//! `firstlight inspect`: what a picture file shows at which byte.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use delivery::{Kind, Outline, Plan, Priority};
use image::{Format, ImageError};
use jpeg::{Process, Scan, ScanMap};
use serde_json::{Value, json};

use crate::output::{self, CommandError, Exit, Outcome, grouped};

/// What `inspect` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The picture
    #[arg(value_name = "FILE", required_unless_present = "log")]
    file: Option<PathBuf>,
    /// Draw a byte log instead: which response got its bytes when
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "previews"])]
    log: Option<PathBuf>,
    /// Write what each scan shows as a picture into this directory (progressive JPEG only)
    #[arg(long, value_name = "DIRECTORY")]
    previews: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Columns of the bar that shows where in the file things are.
const BAR: usize = 48;

/// Prints the structure of the file and the order in which its bytes would leave, or draws a log.
pub fn run(arguments: &Arguments) -> Outcome {
    match (&arguments.log, &arguments.file) {
        (Some(log), _) => super::byte_log::run(log, arguments.json),
        (None, Some(file)) => inspect(file, arguments),
        (None, None) => Err(CommandError::usage("no file is given")),
    }
}

fn inspect(file: &Path, arguments: &Arguments) -> Outcome {
    let bytes = super::read_picture(file)?;
    let picture = Picture::of(file, &bytes)?;
    let map = match picture.format {
        Format::Jpeg => Some(map(file, &bytes)?),
        _ => None,
    };
    let outline = image::outline_of(&bytes);
    let visible = Priority {
        visible: true,
        ..Priority::assumed(Kind::Image)
    };
    let plan = Plan::new(Kind::Image, Some(&outline), visible);
    let previews = match (&arguments.previews, &map) {
        (Some(folder), Some(map)) => write_previews(folder, &bytes, map)?,
        (Some(_), None) => {
            return Err(CommandError::new("only a JPEG has scans to preview"));
        }
        (None, _) => Vec::new(),
    };
    if arguments.json {
        output::json(&describe_json(
            &picture,
            &outline,
            map.as_ref(),
            &plan,
            &previews,
        ));
    } else {
        output::data(describe(&picture, &outline, map.as_ref(), &plan));
        for path in &previews {
            output::talk(format_args!("wrote {}", path.display()));
        }
    }
    let damaged = map.is_some_and(|map| !map.complete);
    if damaged {
        output::talk("the file ends inside its picture");
    }
    Ok(if damaged { Exit::Problems } else { Exit::Done })
}

fn map(file: &Path, bytes: &[u8]) -> Result<ScanMap, CommandError> {
    jpeg::map_scans(bytes, &jpeg::Limits::default())
        .map_err(|error| CommandError::because(file.display(), &error))
}

/// What is known of a picture by its first bytes.
struct Picture {
    format: Format,
    /// Width and height; none for formats that are passed on unread.
    size: Option<(u32, u32)>,
}

impl Picture {
    fn of(file: &Path, bytes: &[u8]) -> Result<Self, CommandError> {
        match image::probe(bytes, &image::Limits::default()) {
            Ok(probe) => Ok(Self {
                format: probe.format,
                size: Some((probe.width, probe.height)),
            }),
            Err(ImageError::Unsupported { format }) => Ok(Self { format, size: None }),
            Err(error) => Err(super::picture_error(file, &error)),
        }
    }
}

fn write_previews(
    folder: &Path,
    bytes: &[u8],
    map: &ScanMap,
) -> Result<Vec<PathBuf>, CommandError> {
    let failed =
        |error| CommandError::because(format_args!("cannot write to {}", folder.display()), &error);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut paths = Vec::with_capacity(map.scans.len());
    for (place, picture) in jpeg::scan_previews(bytes, map).enumerate() {
        let path = folder.join(format!("scan-{:02}.jpg", place + 1));
        fs::write(&path, picture).map_err(failed)?;
        paths.push(path);
    }
    Ok(paths)
}

fn describe(picture: &Picture, outline: &Outline, map: Option<&ScanMap>, plan: &Plan) -> String {
    let mut text = String::new();
    let size = picture
        .size
        .map(|(width, height)| format!(" {width}×{height}"))
        .unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{}{size}, {} bytes{}",
        picture.format,
        grouped(outline.length),
        map.map(|map| format!(", {}", process(map.process)))
            .unwrap_or_default(),
    );
    match map {
        Some(map) => describe_scans(&mut text, map),
        None => describe_steps(&mut text, picture.format, outline),
    }
    describe_points(&mut text, outline);
    super::explain::describe_plan(&mut text, plan, outline.length);
    text
}

fn describe_scans(text: &mut String, map: &ScanMap) {
    text.push_str("\nscan     shown at   share  what it shows\n");
    for (place, scan) in map.scans.iter().enumerate() {
        let share = share(scan.shown_at as u64, map.length as u64);
        let _ = writeln!(
            text,
            "{:>4}{:>13}{:>6} %  {}",
            place + 1,
            grouped(scan.shown_at as u64),
            share,
            shows(scan, map),
        );
    }
    let ends: Vec<_> = map.scans.iter().map(|scan| scan.shown_at as u64).collect();
    let _ = writeln!(text, "\n{}", bar(&ends, map.length as u64));
}

/// The steps of a file without scans, as far as it has any.
fn describe_steps(text: &mut String, format: Format, outline: &Outline) {
    let steps = steps(format, outline);
    text.push_str("\nstep     shown at   share  what it shows\n");
    for (place, (end, what)) in steps.iter().enumerate() {
        let share = share(*end, outline.length);
        let _ = writeln!(
            text,
            "{:>4}{:>13}{share:>6} %  {what}",
            place + 1,
            grouped(*end)
        );
    }
    let ends: Vec<_> = steps.iter().map(|(end, _)| *end).collect();
    let _ = writeln!(text, "\n{}", bar(&ends, outline.length));
}

/// Where each step of a file without scans ends, and what it shows.
fn steps(format: Format, outline: &Outline) -> Vec<(u64, &'static str)> {
    let [first, then, last] = match format {
        Format::Jxl => ["the whole picture, coarsely", "first details", "everything"],
        Format::Avif => ["the first layer", "further layers", "everything"],
        _ => ["the first frame", "further frames", "the other frames"],
    };
    let mut steps = Vec::new();
    if outline.preview < outline.length {
        steps.push((outline.preview, first));
        if outline.preview < outline.good && outline.good < outline.length {
            steps.push((outline.good, then));
        }
        steps.push((outline.length, last));
    } else {
        steps.push((
            outline.length,
            "everything, at its end or from top to bottom",
        ));
    }
    steps
}

fn describe_points(text: &mut String, outline: &Outline) {
    for (name, offset) in [
        ("size known", outline.header),
        ("preview", outline.preview),
        ("good", outline.good),
    ] {
        let share = share(offset, outline.length);
        let _ = writeln!(text, "{name:<11}{:>10} bytes, {share} %", grouped(offset));
    }
}

/// The file as a bar: each scan or step has its digit (a letter from the tenth on), as wide as its
/// bytes.
fn bar(ends: &[u64], length: u64) -> String {
    let mark = |column: usize| {
        let offset = (column as u64 * length + length / 2) / BAR as u64;
        let step = ends.iter().position(|end| offset < *end);
        let digit = step.unwrap_or(ends.len().saturating_sub(1)) as u32 + 1;
        char::from_digit(digit.min(35), 36).unwrap_or('?')
    };
    let marks: String = (0..BAR).map(mark).collect();
    format!("|{marks}|")
}

fn share(part: u64, whole: u64) -> u64 {
    (part * 100 + whole / 2).checked_div(whole).unwrap_or(0)
}

fn shows(scan: &Scan, map: &ScanMap) -> String {
    let components: Vec<&str> = scan
        .components
        .iter()
        .map(|place| component(*place, map.components.len()))
        .collect();
    let components = components.join(" ");
    if map.process != Process::Progressive {
        return format!("{components}: everything, from top to bottom");
    }
    let band = match (scan.band_start, scan.band_end) {
        (0, 0) => "average colour of each block".to_owned(),
        (start, end) => format!("coefficients {start}–{end}"),
    };
    let bits = match (scan.high_bit, scan.low_bit) {
        (0, 0) => String::new(),
        (0, low) => format!(", without the last {}", bits(low)),
        (_, 0) => ", the last bit".to_owned(),
        (_, low) => format!(", one bit more, {} to come", bits(low)),
    };
    format!("{components}: {band}{bits}")
}

fn bits(count: u8) -> String {
    if count == 1 {
        "1 bit".into()
    } else {
        format!("{count} bits")
    }
}

fn component(place: usize, count: usize) -> &'static str {
    match (count, place) {
        (1, _) => "grey",
        (3, 0) => "Y",
        (3, 1) => "Cb",
        (3, 2) => "Cr",
        (4, 0) => "C",
        (4, 1) => "M",
        (4, 2) => "Y",
        (4, 3) => "K",
        _ => "?",
    }
}

fn process(process: Process) -> &'static str {
    match process {
        Process::Baseline => "baseline",
        Process::Extended => "extended sequential",
        Process::Progressive => "progressive",
        Process::Other => "a rare process",
    }
}

fn describe_json(
    picture: &Picture,
    outline: &Outline,
    map: Option<&ScanMap>,
    plan: &Plan,
    previews: &[PathBuf],
) -> Value {
    let scans = |map: &ScanMap| -> Vec<Value> {
        map.scans
            .iter()
            .map(|scan| {
                json!({
                    "start": scan.start,
                    "data": scan.data,
                    "end": scan.end,
                    "shown_at": scan.shown_at,
                    "components": scan.components,
                    "band": [scan.band_start, scan.band_end],
                    "high_bit": scan.high_bit,
                    "low_bit": scan.low_bit,
                    "shows": shows(scan, map),
                })
            })
            .collect()
    };
    let step = |(end, what): (u64, &str)| json!({ "shown_at": end, "shows": what });
    let steps = steps(picture.format, outline).into_iter().map(step);
    json!({
        "format": picture.format.word(),
        "width": picture.size.map(|(width, _)| width),
        "height": picture.size.map(|(_, height)| height),
        "bytes": outline.length,
        "process": map.map(|map| process(map.process)),
        "complete": map.map(|map| map.complete),
        "points": { "header": outline.header, "preview": outline.preview, "good": outline.good },
        "scans": map.map(scans),
        "steps": map.is_none().then(|| steps.collect::<Vec<_>>()),
        "plan": super::plan_json(plan),
        "previews": previews.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    })
}
