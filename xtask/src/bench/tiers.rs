//! How fast the visitor's connection counts as: links at half and at twice each threshold, a new
//! visitor each time, a small page of pictures. Right is what the link is; a page whose pictures
//! are for different connections is mixed.
//!
//! Half of the visitors ask for the pictures when the page is there, half as soon as its first
//! bytes are, as browsers do.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::photo::{Scene, baseline_jpeg, photograph};
use testkit::recorder::{Recorder, Recording, Request};
use testkit::{Link, Origin, Profile, Reply};
use tokio::runtime::Runtime;

use super::Options;
use super::ground::{self, Ground, Peer};
use crate::shell::{self, Outcome};

/// Pictures of the page.
const PICTURES: usize = 6;
/// Bytes of a page that says how fast the link is, and of one that is too short to.
const PAGES: [(&str, usize); 2] = [("/", 14_000), ("/short", 1_500)];
/// Round trips of the links whose rate is what matters.
const TRIPS: [u32; 3] = [25, 50, 90];
/// What a link has whose round trip is what matters, in kbit/s.
const WIDE: u32 = 20_000;
/// Server's processor time and the browser's, between the first bytes of a page and the request.
const PARSING: Duration = Duration::from_millis(10);

/// A link and what it is.
struct Case {
    name: &'static str,
    /// Kbit/s; absent: the round trip decides.
    rate: Option<u32>,
    trip: u32,
    tier: &'static str,
}

/// Half and twice 2.5 and 8 Mbit/s, 300 and 120 ms: the thresholds of the default settings.
const CASES: [Case; 8] = [
    by_rate("1.25 Mbit/s", 1250, "slow"),
    by_rate("5 Mbit/s", 5000, "medium"),
    by_rate("4 Mbit/s", 4000, "medium"),
    by_rate("16 Mbit/s", 16_000, "fast"),
    by_trip("600 ms", 600, "slow"),
    by_trip("150 ms", 150, "medium"),
    by_trip("240 ms", 240, "medium"),
    by_trip("60 ms", 60, "fast"),
];

const fn by_rate(name: &'static str, rate: u32, tier: &'static str) -> Case {
    Case {
        name,
        rate: Some(rate),
        trip: 0,
        tier,
    }
}

const fn by_trip(name: &'static str, trip: u32, tier: &'static str) -> Case {
    Case {
        name,
        rate: None,
        trip,
        tier,
    }
}

impl Case {
    fn profile(&self, run: usize) -> Profile {
        match self.rate {
            Some(rate) => Profile::new(rate, (rate / 2).max(768), TRIPS[run % TRIPS.len()]),
            None => Profile::new(WIDE, WIDE, self.trip),
        }
    }
}

/// How the runs over a link went.
#[derive(Default)]
struct Tally {
    right: usize,
    mixed: usize,
    runs: usize,
    wrong: Vec<String>,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    let wanted = options.chosen("link", &options.link, &names)?;
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("tiers")?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let origin = origin(&runtime)?;
    let peer = firstlight(&ground, &binary, &origin.url(""))?;
    if !options.json {
        println!("{}", ground::conditions());
        println!("\n| link | is | protocol | right | mixed pages | what else was said |");
        println!("|---|---|---|---|---|---|");
    }
    let mut sum = Tally::default();
    for case in CASES.iter().filter(|case| wanted.contains(&case.name)) {
        for http3 in [false, true] {
            let mut tally = Tally::default();
            for run in 0..options.runs {
                visit(&peer, case, run, http3, &mut tally)?;
            }
            tally.print(case, http3, options);
            sum.right += tally.right;
            sum.mixed += tally.mixed;
            sum.runs += tally.runs;
        }
    }
    if !options.json {
        let (right, runs, mixed) = (sum.right, sum.runs, sum.mixed);
        println!("\n{right} of {runs} right, {mixed} pages mixed.");
    }
    Ok(())
}

impl Tally {
    fn print(&self, case: &Case, http3: bool, options: &Options) {
        let Self {
            right,
            mixed,
            runs,
            wrong,
        } = self;
        let protocol = if http3 { "HTTP/3" } else { "HTTP/2" };
        if options.json {
            let line = serde_json::json!({
                "bench": "tiers", "link": case.name, "tier": case.tier, "protocol": protocol,
                "runs": runs, "right": right, "mixed": mixed, "wrong": wrong,
            });
            println!("{line}");
        } else {
            let (name, tier, wrong) = (case.name, case.tier, wrong.join(", "));
            println!("| {name} | {tier} | {protocol} | {right} of {runs} | {mixed} | {wrong} |");
        }
    }
}

/// One visitor, over a link of its own.
fn visit(peer: &Peer, case: &Case, run: usize, http3: bool, tally: &mut Tally) -> Outcome {
    let profile = case.profile(run);
    let page = PAGES[usize::from(case.rate.is_none())].0;
    let eager = run % 2 == 1;
    let protocol = if http3 { 3 } else { 2 };
    let agent = format!("visitor {run} of {} over {protocol}", case.name);
    let html = Request::get(page)
        .header("accept", "text/html,*/*;q=0.8")
        .header("sec-fetch-dest", "document")
        .header("user-agent", &agent);
    let pictures = (0..PICTURES).map(|place| {
        let request = Request::get(format!("/{place}.jpg"))
            .header("accept", "image/webp,image/*,*/*;q=0.8")
            .header("sec-fetch-dest", "image")
            .header("user-agent", &agent)
            .priority("u=3, i");
        match eager {
            true => request.after(profile.rtt + PARSING),
            false => request.after_answers(1),
        }
    });
    let requests: Vec<Request> = std::iter::once(html).chain(pictures).collect();
    let recording = record(profile, peer, &requests, http3)?;
    let tiers: Vec<&str> = recording.answers[1..].iter().map(tier).collect();
    if tiers.contains(&"") {
        return Err(format!("{agent}: a picture says nothing: {tiers:?}"));
    }
    tally.runs += 1;
    tally.mixed += usize::from(tiers.iter().any(|tier| *tier != tiers[0]));
    if tiers[0] == case.tier {
        tally.right += 1;
    } else {
        let when = if eager { "early" } else { "late" };
        tally.wrong.push(format!(
            "{} ({} ms, {when})",
            tiers[0],
            profile.rtt.as_millis()
        ));
    }
    Ok(())
}

fn record(
    profile: Profile,
    peer: &Peer,
    requests: &[Request],
    http3: bool,
) -> Result<Recording, String> {
    let link = Link::new(profile).map_err(|error| error.to_string())?;
    let address = (link.server_address(), peer.port).into();
    let recorder = Recorder::new(address, format!("localhost:{}", peer.port));
    let recorder = if http3 { recorder.http3() } else { recorder };
    link.run(|| recorder.record_blocking(requests))
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

/// What the answer says of the connection: `network` of `Server-Timing`.
fn tier(answer: &testkit::recorder::Answer) -> &str {
    let timing = answer.header("server-timing").unwrap_or_default();
    let (_, rest) = timing.split_once("network;desc=").unwrap_or_default();
    rest.split([',', ' ']).next().unwrap_or_default()
}

fn origin(runtime: &Runtime) -> Result<Origin, String> {
    let origin = runtime
        .block_on(Origin::start())
        .map_err(|error| error.to_string())?;
    for (path, bytes) in PAGES {
        let reply = Reply::ok("text/html", page(bytes)).header("cache-control", "max-age=3600");
        origin.reply(path, reply);
    }
    for place in 0..PICTURES {
        let scene = Scene::ALL[place % Scene::ALL.len()];
        let photo = photograph(scene, 480, 320, place as u64);
        let reply = Reply::ok("image/jpeg", baseline_jpeg(&photo, 85))
            .header("cache-control", "max-age=3600");
        origin.reply(&format!("/{place}.jpg"), reply);
    }
    Ok(origin)
}

/// A page of so many bytes.
fn page(bytes: usize) -> String {
    let mut page = String::from("<!doctype html><title>Pictures</title>\n");
    for place in 0..PICTURES {
        page.push_str(&format!(
            "<img src=\"/{place}.jpg\" width=480 height=320>\n"
        ));
    }
    for number in 0_u64.. {
        if page.len() >= bytes {
            break;
        }
        page.push_str(&format!(
            "<p>{:x}\n",
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ));
    }
    page
}

/// As it is without settings, with everything in its cache before the first visitor.
fn firstlight(ground: &Ground, binary: &Path, origin: &str) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttps = [\"0.0.0.0:{port}\"]\n\
         [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
         [[site]]\norigin = \"{origin}\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
         network.header = \"x-tier\"\n[site.access_log]\nenabled = false\n",
        cert = ground.shown("cert.pem"),
        key = ground.shown("key.pem"),
    );
    let file = ground.write("firstlight.toml", configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    let peer = Peer::start(ground, "Firstlight", String::new(), port, command)?;
    let ask = |path: &str, tier: &str| {
        let mut fetch = shell::command("curl", &["-ksSf", "--http2", "-o", "/dev/null"]);
        fetch.args(["-H", "accept: image/webp,image/*,*/*;q=0.8", "-H"]);
        fetch.arg(format!("x-tier: {tier}"));
        fetch.args(["-A", tier]);
        fetch.arg(format!("https://localhost:{port}{path}"));
        shell::run(fetch)
    };
    for (path, _) in PAGES {
        ask(path, "fast")?;
    }
    for tier in ["slow", "medium", "fast"] {
        for place in 0..PICTURES {
            ask(&format!("/{place}.jpg"), tier)?;
        }
    }
    Ok(peer)
}
