//! The lab on trial: the sample page against itself. Both sides are the same address of the same
//! server, so whatever difference is reported is wrong.

use std::net::SocketAddr;
use std::sync::Arc;

use gallery::Site;
use lab::Profile;
use lab::capture::{Capture, Emulation, Http, Side, Stage, Stop};
use lab::metrics::{Metric, Summary, Verdict};
use server::{Config, Server};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::Options;
use super::ground;
use crate::shell::Outcome;

/// Photographs as large as on many sites.
const WIDTH: u32 = 800;

/// Runs it.
///
/// # Errors
/// A difference was reported where there is none.
pub fn run(options: &Options) -> Outcome {
    let runtime = Runtime::new().map_err(told)?;
    let server = runtime.block_on(serve())?;
    let addresses = server.addresses();
    let port = addresses.first().ok_or("the server has no address")?;
    let port = port.0.socket.port();
    let mut wrong = 0;
    for (link, profile) in options.links(&["cable"])? {
        warm(port)?;
        if !options.json {
            println!("\n{profile}; {}\n", ground::conditions());
            println!(
                "| | Speed Index, ms | change | spread | verdict | other figures that differ | load |"
            );
            println!("|---|---|---|---|---|---|---|");
        }
        for number in 1..=options.times {
            let summary = film(profile, port, options.runs)?;
            wrong += report(&link, number, &summary, options.json);
        }
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(format!(
            "{wrong} figures of a page differ from those of the same page"
        )),
    }
}

/// Firstlight in front of the sample site, on every address of the machine.
async fn serve() -> Result<Server, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(told)?;
    let address = listener.local_addr().map_err(told)?;
    let site = Arc::new(Site::new(WIDTH, WIDTH * 2 / 3, 2026));
    site.warm();
    tokio::spawn(gallery::serve(listener, site));
    let mut config = Config::for_origin(&format!("http://{address}")).map_err(told)?;
    config.front.https = vec![SocketAddr::from(([0, 0, 0, 0], 0))];
    for site in &mut config.site {
        site.access_log.enabled = false;
    }
    Server::start(config).map_err(told)
}

/// One load over no link, so that everything is kept.
fn warm(port: u16) -> Outcome {
    let stage = Stage::set(Profile::HUNDRED_MBIT, Some(Emulation::None)).map_err(told)?;
    let capture = Capture {
        runs: 1,
        discarded: 1,
        ..Capture::default()
    };
    let side = side("warm", &stage, port);
    let filmed = capture.in_turns(&stage, &[&side], &Stop::default(), &mut |_| {});
    filmed.map(drop).map_err(told)
}

fn side(name: &str, stage: &Stage, port: u16) -> Side {
    Side {
        name: name.to_owned(),
        url: "https://self.test/".to_owned(),
        server: SocketAddr::new(stage.server_address(), port),
        http: Http::Two,
        features: Vec::new(),
    }
}

fn film(profile: Profile, port: u16, runs: usize) -> Result<Summary, String> {
    let stage = Stage::set(profile, Some(Emulation::Tun)).map_err(told)?;
    let [one, other] = ["one", "other"].map(|name| side(name, &stage, port));
    let capture = Capture {
        runs: u32::try_from(runs).unwrap_or(u32::MAX),
        discarded: 0,
        ..Capture::default()
    };
    let filmed = capture.compare(&stage, [&one, &other], &Stop::default(), &mut |_| {});
    Summary::of(&filmed.map_err(told)?).map_err(told)
}

/// Prints a comparison, and returns how many of its figures are said to differ.
fn report(link: &str, number: usize, summary: &Summary, json: bool) -> usize {
    let differs = |verdict| matches!(verdict, Verdict::Better | Verdict::Worse);
    let differing: Vec<&str> = summary
        .rows
        .iter()
        .filter(|row| differs(row.verdict))
        .map(|row| row.metric.label())
        .collect();
    let row = summary.row(Metric::SpeedIndex);
    let (change, spread) = row
        .difference
        .map_or((0.0, 0.0), |apart| (apart.change, apart.spread));
    let medians = [row.without, row.with].map(|side| side.map_or(0.0, |side| side.median));
    let (_, load) = summary.conditions.load_average;
    if json {
        let line = serde_json::json!({
            "bench": "self", "link": link, "number": number, "speed_index": medians,
            "change": change, "spread": spread, "verdict": row.verdict.word(),
            "differing": differing, "load_average": load,
        });
        println!("{line}");
    } else {
        println!(
            "| {number} | {:.0} and {:.0} | {:+.1} % | {:.1} % | {} | {} | {load:.1} |",
            medians[0],
            medians[1],
            change * 100.0,
            spread * 100.0,
            row.verdict.word().replace('_', " "),
            if differing.is_empty() {
                "none".to_owned()
            } else {
                differing.join(", ")
            },
        );
    }
    differing.len()
}

fn told(error: impl std::error::Error) -> String {
    error.to_string()
}
