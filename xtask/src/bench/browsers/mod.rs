//! Pages of photographs as a real browser shows them over an emulated link: the same progressive
//! files from Firstlight and the peers, in turns.

mod pages;

use std::net::SocketAddr;

use lab::capture::{Capture, Progress, Route, Side, Stage, Stop};
use lab::metrics::{Measured, Metric, measure};
use lab::run::Series;
use testkit::{Browser, Profile};
use tokio::runtime::Runtime;

use super::Options;
use super::ground::{self, Ground, Peer, median};
use super::peers::Files;
use crate::shell::Outcome;
use pages::Page;

/// Who takes part unless the options say otherwise.
const SERVERS: [&str; 6] = ["firstlight", "plain", "nginx", "h2o", "caddy", "nghttpd"];

/// The figures of the tables.
const FIGURES: [(Metric, &str); 7] = [
    (Metric::SpeedIndex, "Speed Index"),
    (Metric::SimilarityIndex, "by SSIM"),
    (Metric::PreviewHalf, "half recognisable"),
    (Metric::PreviewAll, "all recognisable"),
    (Metric::Complete85, "85 % visible"),
    (Metric::Lcp, "LCP"),
    (Metric::Load, "load"),
];

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    match options.browser.as_str() {
        "chromium" => {}
        other => {
            return Err(format!(
                "no browser `{other}`; there are: chromium, firefox, webkit"
            ));
        }
    }
    if !Browser::is_installed() {
        return Err("no Chromium on the path (package chromium)".into());
    }
    let binary = ground::binary(options.binary.as_deref())?;
    let links = options.links(&["lab"])?;
    let wanted = options.chosen("page", &options.page, &pages::NAMES)?;
    let ground = Ground::new("browsers")?;
    let (pages, files) = pages::make(&wanted)?;
    let files = Files::new(&ground, files)?;
    let peers = files.servers(&ground, &binary, &SERVERS, options)?;
    for (_, profile) in links {
        for page in &pages {
            let series = film(profile, page, &peers, options)?;
            report(profile, page, &peers, &series, options)?;
        }
    }
    Ok(())
}

/// Films a page of every server in turns.
fn film(
    profile: Profile,
    page: &Page,
    peers: &[Peer],
    options: &Options,
) -> Result<Vec<Series>, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let stage = Stage::set(profile, None).map_err(|error| error.to_string())?;
    let routes: Result<Vec<Route>, _> = peers
        .iter()
        .map(|peer| {
            let server = SocketAddr::new(stage.server_address(), peer.port);
            runtime.block_on(stage.route(server))
        })
        .collect();
    let routes = routes.map_err(|error| error.to_string())?;
    let sides: Vec<Side> = peers
        .iter()
        .zip(&routes)
        .map(|(peer, route)| Side {
            name: peer.name.to_owned(),
            url: format!("https://localhost:{}/{}", peer.port, page.file),
            server: route.address(),
            features: Vec::new(),
        })
        .collect();
    let sides: Vec<&Side> = sides.iter().collect();
    let capture = Capture {
        runs: u32::try_from(options.runs).unwrap_or(u32::MAX),
        ..Capture::default()
    };
    let mut tell = |progress: Progress<'_>| {
        if let Progress::Filmed { side, run } = progress {
            let seconds = run.load.unwrap_or_default().as_secs_f64();
            eprintln!("{}: {side}: loaded after {seconds:.2} s", page.name);
        }
    };
    capture
        .in_turns(&stage, &sides, &Stop::default(), &mut tell)
        .map_err(|error| error.to_string())
}

fn report(
    profile: Profile,
    page: &Page,
    peers: &[Peer],
    series: &[Series],
    options: &Options,
) -> Outcome {
    if !options.json {
        println!(
            "\n{}: {}; {profile}; {}",
            page.name,
            page.about,
            ground::conditions()
        );
        let names: Vec<_> = FIGURES.iter().map(|(_, name)| *name).collect();
        println!(
            "| server | {} | Speed Index of each run |",
            names.join(" | ")
        );
        println!("|---|{}---|", "---|".repeat(FIGURES.len()));
    }
    for (peer, series) in peers.iter().zip(series) {
        let measured: Result<Vec<Measured>, _> = series.runs.iter().map(measure).collect();
        let measured = measured.map_err(|error| error.to_string())?;
        let values = |metric: Metric| -> Vec<f64> {
            measured.iter().filter_map(|run| metric.of(run)).collect()
        };
        let medians = FIGURES.map(|(metric, _)| median(&values(metric)));
        if options.json {
            let mut line = serde_json::json!({
                "bench": "browsers", "browser": "chromium", "page": page.name,
                "link": profile.to_string(), "server": peer.name, "version": peer.version,
            });
            for (metric, _) in FIGURES {
                line[metric.key()] = values(metric).into();
            }
            println!("{line}");
        } else {
            let cells = medians.map(|value| format!("{value:.0}"));
            let runs: Vec<_> = values(Metric::SpeedIndex)
                .iter()
                .map(|value| format!("{value:.0}"))
                .collect();
            println!(
                "| {} | {} | {} |",
                peer.name,
                cells.join(" | "),
                runs.join(", ")
            );
        }
    }
    Ok(())
}
