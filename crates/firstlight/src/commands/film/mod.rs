//! `firstlight film`: a page as it loads, with and without.

mod address;
mod bytes;
mod part;
mod scene;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use lab::budget::{Budget, Violation};
use lab::capture::{Capture, CaptureError, Emulation, Progress, Stage, Stop};
use lab::metrics::{Metric, Summary, Unit};
use lab::run::Comparison;
use lab::{Browser, BrowserError, Profile};
use server::Handle;
use server::byte_log::Entry;

use self::part::Part;
use self::scene::Scene;
use super::running::{self, Signals};
use crate::output::{self, CommandError, Exit, Outcome};

/// What `film` takes.
#[derive(Clone, clap::Args)]
pub struct Arguments {
    /// The page; `demo` is the sample site
    ///
    /// Firstlight is put before its site and compared with the site as it is. A site that speaks
    /// plain HTTP is served over HTTPS and HTTP/2 on both sides, to be fair.
    #[arg(value_name = "URL", default_value = "demo")]
    url: String,
    /// Compare with this page, both as they are, with no Firstlight put before them
    #[arg(long, value_name = "URL", conflicts_with_all = ["without", "width"])]
    against: Option<String>,
    /// Compare Firstlight with Firstlight less this; may be repeated
    #[arg(long, value_name = "FEATURE", value_delimiter = ',', value_parser = part::parser())]
    without: Vec<Part>,
    /// The link; `none` is this machine's own network
    #[arg(long, value_name = "NAME", default_value = "3g-fast", value_parser = profiles())]
    profile: String,
    /// What emulates the link; by default `tun` where that is possible, which needs root
    #[arg(long, value_name = "KIND", value_parser = ["tun", "relay"])]
    link: Option<String>,
    /// Loads of each side that count; one more is made and does not
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Leave out what the page takes from other hosts
    #[arg(long)]
    own_host_only: bool,
    /// Size of the window in CSS pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x800", value_parser = viewport)]
    viewport: (u32, u32),
    /// Width of the sample site's photographs in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1600, value_parser = clap::value_parser!(u32).range(16..=8000))]
    width: u32,
    /// File for the report
    #[arg(short, long, value_name = "FILE", default_value = "film.html")]
    output: PathBuf,
    /// File for the figures as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Limits to check the figures against (TOML); the exit code is 2 where one is not kept
    #[arg(long, value_name = "FILE")]
    budget: Option<PathBuf>,
}

fn profiles() -> PossibleValuesParser {
    let named = Profile::NAMES.into_iter().map(|name| {
        let link = Profile::named(name).map(|link| link.to_string());
        let words = link.unwrap_or_default();
        let words = words.split_once(": ").map_or("", |(_, words)| words);
        PossibleValue::new(name).help(words.to_owned())
    });
    PossibleValuesParser::new(named.chain([PossibleValue::new(NO_LINK)]))
}

/// The profile that is none.
const NO_LINK: &str = "none";

fn viewport(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (64..=8192).contains(side));
    text.split_once('x')
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| "two numbers from 64 to 8192, such as `1280x800`".into())
}

/// Films, writes the report, says what it shows.
pub fn run(arguments: &Arguments) -> Outcome {
    let budget = arguments.budget.as_deref().map(read_budget).transpose()?;
    if !Browser::is_installed() {
        return Err(CaptureError::Browser(BrowserError::NotInstalled).into());
    }
    let comparison = film_where_it_is(arguments)?;
    let summary = Summary::of(&comparison)
        .map_err(|error| CommandError::because("the film cannot be measured", &error))?;
    write(&arguments.output, &lab::report::page(&comparison, &summary))?;
    output::talk(format_args!("report: {}", arguments.output.display()));
    let figures = summary.to_json();
    match arguments.json.as_deref() {
        Some(path) if path == Path::new("-") => output::json(&figures),
        Some(path) => write(path, &format!("{figures:#}\n"))?,
        None => {}
    }
    if arguments.json.as_deref() != Some(Path::new("-")) {
        output::data(table(&summary));
    }
    let violations = budget.map(|budget| budget.check(&summary));
    Ok(judged(&violations.unwrap_or_default()))
}

/// Films the page; where it leads its visitors to another host, films what is there.
fn film_where_it_is(arguments: &Arguments) -> Result<Comparison, CommandError> {
    let mut arguments = arguments.clone();
    for _ in 0..MOST_HOPS {
        match running::block_on(None, film(&arguments))? {
            Ok(comparison) => return Ok(comparison),
            Err(CaptureError::Elsewhere { url, to }) if arguments.against.is_none() => {
                output::talk(format_args!("{url} leads to {to}: that is filmed instead"));
                arguments.url = to;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(CommandError::new(format_args!(
        "{} leads from host to host",
        arguments.url
    )))
}

/// From how many hosts a page may lead on to the next.
const MOST_HOPS: usize = 4;

fn judged(violations: &[Violation]) -> Exit {
    for violation in violations {
        output::talk(format_args!("over budget: {}", violation.sentence));
    }
    if violations.is_empty() {
        Exit::Done
    } else {
        Exit::Problems
    }
}

/// A budget that is wrong is wrong usage: exit code 2 is for pages over it.
fn read_budget(path: &Path) -> Result<Budget, CommandError> {
    let source =
        fs::read_to_string(path).map_err(|error| CommandError::because(path.display(), &error))?;
    Budget::parse(&path.display().to_string(), &source).map_err(|report| {
        output::talk(report.to_string().trim_end());
        CommandError::usage("the budget is wrong")
    })
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    fs::write(path, text).map_err(|error| CommandError::because(path.display(), &error))
}

/// Sets up the network and the servers, and films. Nothing of it is left when it returns. The
/// inner error is the camera's.
async fn film(arguments: &Arguments) -> Result<Result<Comparison, CaptureError>, CommandError> {
    let mut signals = Signals::listen()?;
    let (profile, emulation) = link(arguments);
    let round_trip = match emulation {
        Some(Emulation::None) => Duration::ZERO,
        _ => profile.rtt,
    };
    let mut stage = tokio::task::block_in_place(|| Stage::set(profile, emulation))?;
    if !arguments.own_host_only {
        stage.reach_others().await?;
    }
    let scene = tokio::select! {
        scene = Scene::set(arguments, &stage) => scene?,
        () = signals.told_to_stop() => return Err(CaptureError::Stopped.into()),
    };
    let Scene {
        sides: [without, with],
        servers,
        notes,
        held,
    } = scene;
    let capture = Capture {
        runs: arguments.runs,
        viewport: arguments.viewport,
        ..Capture::default()
    };
    announce(&stage, &without.url, &with.url);
    let stop = Arc::new(Stop::default());
    let stopper = Arc::clone(&stop);
    let mut listener = Listener::new(servers);
    let mut filming = tokio::task::spawn_blocking(move || {
        let mut hear = |progress: Progress<'_>| {
            listener.hear(&progress);
            tell(progress);
        };
        let mut comparison = capture.compare(&stage, [&without, &with], &stopper, &mut hear)?;
        listener.attach(&mut comparison, round_trip);
        Ok::<_, CaptureError>(comparison)
    });
    let filmed = tokio::select! {
        filmed = &mut filming => filmed,
        () = signals.told_to_stop() => {
            output::talk("stopping…");
            stop.stop();
            filming.await
        }
    };
    drop(held);
    let filmed = filmed.map_err(|error| CommandError::because("filming failed", &error))?;
    Ok(filmed.map(|mut comparison| {
        comparison.conditions.notes.splice(0..0, notes);
        comparison
    }))
}

/// Keeps what our servers say of each load that counts.
struct Listener {
    /// The sides that are served by us.
    servers: Vec<(String, Handle)>,
    counts: bool,
    /// What was said of each load, with its side, in order.
    heard: Vec<(String, Vec<Entry>)>,
}

impl Listener {
    fn new(servers: Vec<(String, Handle)>) -> Self {
        Self {
            servers,
            counts: false,
            heard: Vec::new(),
        }
    }

    fn hear(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Begins { number, .. } => self.counts = *number > 0,
            Progress::Filmed { side, .. } => {
                for (name, server) in self.servers.iter().filter(|(name, _)| name == side) {
                    let said = server.take_byte_log();
                    if self.counts {
                        self.heard.push((name.clone(), said));
                    }
                }
            }
        }
    }

    /// Gives every run what was said of it.
    fn attach(&self, comparison: &mut Comparison, round_trip: Duration) {
        for series in [&mut comparison.without, &mut comparison.with] {
            let said = self.heard.iter().filter(|(name, _)| *name == series.name);
            for (run, (_, log)) in series.runs.iter_mut().zip(said) {
                bytes::attach(run, log, round_trip);
            }
        }
    }
}

fn link(arguments: &Arguments) -> (Profile, Option<Emulation>) {
    let emulation = match arguments.link.as_deref() {
        Some("tun") => Some(Emulation::Tun),
        Some(_) => Some(Emulation::Relay),
        None => None,
    };
    match Profile::named(&arguments.profile) {
        Some(profile) => (profile, emulation),
        // The rates are of no meaning then.
        None => (Profile::HUNDRED_MBIT, Some(Emulation::None)),
    }
}

fn announce(stage: &Stage, without: &str, with: &str) {
    let over = match stage.emulation() {
        Emulation::None => "this machine's own network".to_owned(),
        Emulation::Tun => format!("{} (TUN)", stage.profile()),
        Emulation::Relay => format!("{} (relay: times are about 10 % off)", stage.profile()),
    };
    output::talk(format_args!("filming {with} over {over}"));
    if with != without {
        output::talk(format_args!("against {without}"));
    }
}

fn tell(progress: Progress<'_>) {
    match progress {
        Progress::Begins {
            side, number: 0, ..
        } => {
            output::talk(format_args!("{side}: first load, not counted…"));
        }
        Progress::Begins { side, number, of } => {
            output::talk(format_args!("{side}: load {number} of {of}…"));
        }
        Progress::Filmed { side, run } => {
            let seconds = run.load.unwrap_or_default().as_secs_f64();
            let (frames, resources) = (run.frames.len(), run.resources.len());
            output::talk(format_args!(
                "{side}: loaded after {seconds:.2} s, {resources} requests, {frames} frames"
            ));
        }
    }
}

/// Medians of both sides on a line for each figure.
fn table(summary: &Summary) -> String {
    let line = |metric: &Metric| {
        let row = summary.row(*metric);
        let median = |spread: Option<lab::metrics::Spread>| match spread {
            Some(spread) => shown(*metric, spread.median),
            None => "–".into(),
        };
        format!(
            "{:<32} {:>12} {:>12}\n",
            metric.label(),
            median(row.without),
            median(row.with)
        )
    };
    let head = format!("{:<32} {:>12} {:>12}\n", "median", "without", "with");
    std::iter::once(head)
        .chain(Metric::ALL.iter().map(line))
        .collect()
}

fn shown(metric: Metric, value: f64) -> String {
    match metric.unit() {
        Unit::Milliseconds => format!("{:.2} s", value / 1000.0),
        Unit::Bytes | Unit::Count => output::grouped(value.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_a_size() {
        assert_eq!(viewport("1280x800"), Ok((1280, 800)));
        for wrong in ["", "1280", "1280x", "x", "63x800", "800x9000", "a x b"] {
            assert!(viewport(wrong).is_err(), "{wrong}");
        }
    }
}
