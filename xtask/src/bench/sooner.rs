//! What a visitor sees and when: whole sites behind Firstlight and from the peers, filmed in a
//! browser over emulated links, in turns.
//!
//! The peers serve the sites' own files with compression on. Firstlight stands in front of an
//! origin with the same files and may do what it does without settings.

mod pages;
mod servers;

use std::net::SocketAddr;
use std::time::Duration;

use lab::Profile;
use lab::capture::{Capture, Emulation, Http, Patience, Progress, Route, Side, Stage, Stop};
use lab::metrics::{self, Difference, Metric, Verdict};
use lab::run::Series;
use testkit::Browser;
use tokio::runtime::Runtime;

use super::Options;
use super::ground::{self, Ground, Peer, median};
use crate::shell::Outcome;
use pages::Page;

/// The links, fastest first, so that the first rows come soon.
const LINKS: [&str; 4] = ["cable", "4g", "3g-fast", "slow-3g"];

/// The figures of the tables.
const FIGURES: [(Metric, &str); 6] = [
    (Metric::SpeedIndex, "Speed Index"),
    (Metric::SimilarityIndex, "by SSIM"),
    (Metric::Complete85, "85 % visible"),
    (Metric::PreviewAll, "all recognisable"),
    (Metric::Lcp, "LCP"),
    (Metric::Load, "load"),
];

/// The host of every page: a name that leads nowhere but where the browser is told.
const HOST: &str = "sooner.test";

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    if !Browser::is_installed() {
        return Err("no Chromium on the path (package chromium)".into());
    }
    let binary = ground::binary(options.binary.as_deref())?;
    let links = options.links(&LINKS)?;
    for name in options.chosen("page", &options.page, &pages::NAMES)? {
        let ground = Ground::new(&format!("sooner-{name}"))?;
        let page = match pages::make(name, &ground) {
            Ok(page) => page,
            Err(why) => {
                crate::shell::skip(&format!("the page `{name}`"), &why);
                continue;
            }
        };
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let origin = runtime.block_on(pages::serve(&ground))?;
        let peers = servers::start(&ground, &binary, &origin.url(""), options)?;
        warm(&runtime, &page, &peers)?;
        heading(&page, options);
        for (link, profile) in &links {
            let series = film(&runtime, *profile, &page, &peers, options)?;
            report(link, &page, &peers, &series, options)?;
        }
    }
    Ok(())
}

/// Loads the page once from each server, over no link at all: what is kept is kept then.
fn warm(runtime: &Runtime, page: &Page, peers: &[Peer]) -> Outcome {
    let stage = Stage::set(Profile::HUNDRED_MBIT, Some(Emulation::None)).map_err(told)?;
    let capture = Capture {
        runs: 1,
        discarded: 0,
        ..Capture::default()
    };
    in_turns(runtime, &stage, page, peers, &capture).map(drop)
}

fn film(
    runtime: &Runtime,
    profile: Profile,
    page: &Page,
    peers: &[Peer],
    options: &Options,
) -> Result<Vec<Series>, String> {
    let stage = Stage::set(profile, None).map_err(told)?;
    let capture = Capture {
        runs: u32::try_from(options.runs).unwrap_or(u32::MAX),
        discarded: 0,
        patience: Patience {
            load: Duration::from_secs(300),
            ..Patience::default()
        },
        ..Capture::default()
    };
    in_turns(runtime, &stage, page, peers, &capture)
}

fn in_turns(
    runtime: &Runtime,
    stage: &Stage,
    page: &Page,
    peers: &[Peer],
    capture: &Capture,
) -> Result<Vec<Series>, String> {
    let routes: Result<Vec<Route>, _> = peers
        .iter()
        .map(|peer| {
            let server = SocketAddr::new(stage.server_address(), peer.port);
            runtime.block_on(stage.route(server))
        })
        .collect();
    let routes = routes.map_err(told)?;
    let sides: Vec<Side> = peers
        .iter()
        .zip(&routes)
        .map(|(peer, route)| Side {
            name: peer.name.to_owned(),
            url: format!("https://{HOST}{}", page.path),
            server: route.address(),
            http: Http::Two,
            features: Vec::new(),
        })
        .collect();
    let sides: Vec<&Side> = sides.iter().collect();
    let mut tell = |progress: Progress<'_>| {
        if let Progress::Filmed { side, run } = progress {
            let seconds = run.load.unwrap_or_default().as_secs_f64();
            let failed = run
                .resources
                .iter()
                .filter(|seen| seen.status >= 400)
                .count();
            eprintln!(
                "{}: {side}: loaded after {seconds:.2} s, {} requests, {failed} failed",
                page.name,
                run.resources.len()
            );
        }
    };
    capture
        .in_turns(stage, &sides, &Stop::default(), &mut tell)
        .map_err(told)
}

fn told(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn heading(page: &Page, options: &Options) {
    if options.json {
        return;
    }
    println!("\n{}: {}; {}", page.name, page.about, ground::conditions());
    let names: Vec<_> = FIGURES.iter().map(|(_, name)| *name).collect();
    let columns = names.join(" | ");
    println!("\n| link | server | {columns} | kB | Firstlight / it | verdict |");
    println!("|---|---|{}---|---|---|", "---|".repeat(FIGURES.len()));
}

fn report(
    link: &str,
    page: &Page,
    peers: &[Peer],
    series: &[Series],
    options: &Options,
) -> Outcome {
    let sides: Result<Vec<metrics::Side>, _> = series.iter().map(metrics::Side::of).collect();
    let sides = sides.map_err(told)?;
    for (peer, side) in peers.iter().zip(&sides) {
        let values = |metric: Metric| -> Vec<f64> {
            side.runs.iter().filter_map(|run| metric.of(run)).collect()
        };
        let (ratio, verdict) = beside(&sides[0], side);
        let kilobytes = median(&values(Metric::Bytes)) / 1000.0;
        if options.json {
            let mut line = serde_json::json!({
                "bench": "sooner", "page": page.name, "link": link, "server": peer.name,
                "version": peer.version, "ratio": ratio, "verdict": verdict.word(),
                "bytes": values(Metric::Bytes),
            });
            for (metric, _) in FIGURES {
                line[metric.key()] = values(metric).into();
            }
            println!("{line}");
        } else {
            let cells = FIGURES.map(|(metric, _)| format!("{:.0}", median(&values(metric))));
            let (ratio, verdict) = if std::ptr::eq(side, &raw const sides[0]) {
                ("1".to_owned(), "")
            } else {
                (format!("{ratio:.2}"), said(verdict))
            };
            println!(
                "| {link} | {} | {} | {kilobytes:.0} | {ratio} | {verdict} |",
                peer.name,
                cells.join(" | "),
            );
        }
    }
    Ok(())
}

/// Speed Index of Firstlight over a peer's, run by run, and what the difference amounts to.
fn beside(ours: &metrics::Side, its: &metrics::Side) -> (f64, Verdict) {
    let index = |run| Metric::SpeedIndex.of(run);
    let pairs: Vec<(f64, f64)> = its
        .runs
        .iter()
        .zip(&ours.runs)
        .filter_map(|(its, ours)| index(its).zip(index(ours)))
        .collect();
    let ratios: Vec<f64> = pairs.iter().map(|(its, ours)| ours / its).collect();
    let difference = Difference::of(Metric::SpeedIndex, &pairs);
    let verdict = difference.map_or(Verdict::Undecided, |apart| apart.verdict);
    (median(&ratios), verdict)
}

fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "sooner",
        Verdict::Worse => "**later**",
        Verdict::WithinNoise => "no difference",
        Verdict::Undecided => "too few runs",
    }
}
