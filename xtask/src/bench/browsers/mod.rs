//! Pages of photographs as a real browser shows them over an emulated link: the same progressive
//! files from Firstlight and the peers, in turns.

mod driver;
mod pages;
mod photograph;
mod screen;
mod signals;

use std::net::SocketAddr;
use std::path::Path;

use lab::capture::{Capture, Http, Progress, Route, Side, Stage, Stop};
use lab::metrics::{Measured, Metric, measure};
use lab::run::Series;
use testkit::{Browser, Profile};
use tokio::runtime::Runtime;

use super::Options;
use super::ground::{self, Ground, Peer, median};
use super::peers::{Files, HTTP3};
use crate::packages;
use crate::shell::{self, Outcome};
use driver::Kind;
pub(super) use pages::Page;
pub use photograph::FIREFOX_HOST;
use signals::Signals;

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
    let browser = browser(&options.browser)?;
    let binary = ground::binary(options.binary.as_deref())?;
    let links = options.links(&["lab"])?;
    let wanted = options.chosen("page", &options.page, &pages::NAMES)?;
    let ground = Ground::new("browsers")?;
    let (pages, files) = pages::make(&wanted)?;
    let files = Files::new(&ground, files)?;
    // Who speaks HTTP/3 takes part where it is asked for by name, of a browser that speaks it.
    let among = match (browser, options.server.is_empty()) {
        (None | Some(Kind::Firefox), false) => [&SERVERS[..], &HTTP3].concat(),
        _ => SERVERS.to_vec(),
    };
    let peers = files.servers(&ground, &binary, &among, options)?;
    for (_, profile) in &links {
        for page in &pages {
            let (version, series) = film(browser, *profile, page, &peers, &ground, options)?;
            keep(page, &series, options.frames.as_deref())?;
            let title = format!(
                "{version}, {}: {}; {profile}; {}",
                page.name,
                page.about,
                ground::conditions()
            );
            report(&title, &version, page, &peers, &series, options)?;
        }
    }
    match (links.first(), pages.first()) {
        (Some((_, profile)), Some(page)) if !options.json => {
            listen(browser, *profile, page, &ground, options)
        }
        _ => Ok(()),
    }
}

/// Photographs a page of every server in turns; returns the browser's name and version, too.
pub(super) fn film(
    browser: Option<Kind>,
    profile: Profile,
    page: &Page,
    peers: &[Peer],
    ground: &Ground,
    options: &Options,
) -> Result<(String, Vec<Series>), String> {
    match browser {
        None => film_chromium(profile, page, peers, &ground.key, options),
        Some(kind) => photograph::film(kind, profile, page, peers, ground, options),
    }
}

/// Loads a page once from a server that writes down what the browser sends, and prints it.
fn listen(
    browser: Option<Kind>,
    profile: Profile,
    page: &Page,
    ground: &Ground,
    options: &Options,
) -> Outcome {
    let peers = match Peer::talkative(ground) {
        Ok(peer) => [peer],
        Err(why) => {
            shell::skip("what the browser says of the order it wants", &why);
            return Ok(());
        }
    };
    let once = Options {
        runs: 0,
        ..options.clone()
    };
    let (version, _) = film(browser, profile, page, &peers, ground, &once)?;
    drop(peers);
    let log = std::fs::read(ground.path("frames")).map_err(|error| error.to_string())?;
    if let Some(folder) = &options.frames {
        std::fs::write(folder.join("frames.log"), &log).map_err(|error| error.to_string())?;
    }
    let signals = Signals::parse(&String::from_utf8_lossy(&log));
    println!("\nWhat {version} says, {}: {signals}", page.name);
    Ok(())
}

/// Writes every picture into a folder: page, server, run and milliseconds are its name.
fn keep(page: &Page, series: &[Series], folder: Option<&Path>) -> Outcome {
    let Some(folder) = folder else { return Ok(()) };
    let shown = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(shown)?;
    for series in series {
        for (number, run) in series.runs.iter().enumerate() {
            let server = series.name.split(' ').next().unwrap_or_default();
            for frame in &run.frames {
                let at = frame.at.as_millis();
                let name = format!("{}-{server}-{number}-{at:05}.jpg", page.name);
                std::fs::write(folder.join(name), &frame.jpeg).map_err(shown)?;
            }
        }
    }
    Ok(())
}

/// The browser of a name; `None` is Chromium, which tells more of itself than the others.
pub(super) fn browser(name: &str) -> Result<Option<Kind>, String> {
    let (kind, needs) = match name {
        "chromium" => (None, vec![("chromium", "chromium")]),
        "firefox" => (Some(Kind::Firefox), Kind::Firefox.needs().to_vec()),
        "webkit" => (Some(Kind::WebKit), Kind::WebKit.needs().to_vec()),
        _ => {
            return Err(format!(
                "no browser `{name}`; there are: chromium, firefox, webkit"
            ));
        }
    };
    packages::want(&needs);
    match needs.iter().find(|(program, _)| !shell::exists(program)) {
        Some((program, package)) => Err(format!("no `{program}` on the path (package {package})")),
        None => Ok(kind),
    }
}

fn film_chromium(
    profile: Profile,
    page: &Page,
    peers: &[Peer],
    key: &str,
    options: &Options,
) -> Result<(String, Vec<Series>), String> {
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
            http: match peer.http3 {
                true => Http::Three,
                false => Http::Two,
            },
            features: Vec::new(),
        })
        .collect();
    let sides: Vec<&Side> = sides.iter().collect();
    let capture = Capture {
        runs: u32::try_from(options.runs).unwrap_or(u32::MAX),
        trusted_key: Some(key.to_owned()),
        ..Capture::default()
    };
    let mut tell = |progress: Progress<'_>| {
        if let Progress::Filmed { side, run } = progress {
            let seconds = run.load.unwrap_or_default().as_secs_f64();
            eprintln!("{}: {side}: loaded after {seconds:.2} s", page.name);
        }
    };
    let series = capture
        .in_turns(&stage, &sides, &Stop::default(), &mut tell)
        .map_err(|error| error.to_string())?;
    let browser = Browser::launch().map_err(|error| error.to_string())?;
    let version = browser.version().map_err(|error| error.to_string())?;
    browser.close();
    Ok((version, series))
}

fn report(
    title: &str,
    version: &str,
    page: &Page,
    peers: &[Peer],
    series: &[Series],
    options: &Options,
) -> Outcome {
    if !options.json {
        println!("\n{title}");
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
                "bench": "browsers", "browser": version, "page": page.name, "conditions": title,
                "server": peer.name, "version": peer.version,
            });
            for (metric, _) in FIGURES {
                line[metric.key()] = values(metric).into();
            }
            println!("{line}");
        } else {
            let cells = medians.map(|value| match value.is_nan() {
                true => "–".to_owned(),
                false => format!("{value:.0}"),
            });
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
