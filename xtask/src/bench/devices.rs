//! The same page of photographs in real browsers over a slow link and a better one, with client
//! hints and without: which variants they get, why, and how their bytes compare with one quality
//! for all.
//!
//! The baseline is what a careful site serves today: progressive JPEG, 4:2:0, quality 80, at the
//! width at which the page shows it.

use std::fs;
use std::path::Path;
use std::process::Command;

use image::{Limits, Policy, Signals, Transform, choose};
use lab::Profile;
use serde_json::Value;
use testkit::photo::{Scene, baseline_jpeg, photograph};
use testkit::{Origin, Reply};
use tokio::runtime::Runtime;

use super::Options;
use super::browsers::{self, Page};
use super::ground::{self, Ground, Peer, median};
use crate::shell::{self, Outcome};

/// Photographs of the page, and their size at the source.
const PHOTOGRAPHS: usize = 6;
const SOURCE: (u32, u32) = (1800, 1200);
/// How wide the page shows them, CSS pixels.
const SHOWN: u32 = 600;
/// Quality of the sources, and of the baseline.
const QUALITIES: (u8, u8) = (92, 80);

/// A page, and what its pictures' addresses say before the name.
const PAGES: [(&str, &str); 2] = [("none", "width=600"), ("hints", "width=auto")];

/// What browsers say of pictures, by the names of `--browser`.
const ACCEPTS: [(&str, &str); 2] = [
    (
        "chromium",
        "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    ),
    (
        "firefox",
        "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    ),
];

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let browser_names = ACCEPTS.map(|(name, _)| name);
    let wanted = options.chosen("browser", &options.server, &browser_names)?;
    let page_names = PAGES.map(|(name, _)| name);
    let pages = options.chosen("page", &options.page, &page_names)?;
    let links = options.links(&["3g-fast", "cable"])?;
    let binary = ground::binary(options.binary.as_deref())?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let sources = sources();
    let origin = origin(&runtime, &sources)?;
    println!("{}\n", ground::conditions());
    println!(
        "| browser | hints | link | connection | pictures | bytes / baseline | least and median \
         points of SSIMULACRA2 |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut reasons = Vec::new();
    for browser in &wanted {
        for page in &pages {
            for (name, profile) in &links {
                let ground = Ground::new("devices")?;
                let bench = Bench {
                    server: Server::start(&ground, &binary, &origin.url(""))?,
                    ground: &ground,
                    sources: &sources,
                };
                reasons.push(bench.case(browser, page, (name, *profile), options)?);
            }
        }
    }
    println!("\nWhy, as `firstlight explain` says of one picture of each:\n");
    for reason in reasons {
        println!("{reason}");
    }
    Ok(())
}

struct Bench<'a> {
    server: Server<'a>,
    ground: &'a Ground,
    sources: &'a [Vec<u8>],
}

impl Bench<'_> {
    /// One load: a line of the table. Returns why.
    fn case(
        &self,
        browser: &str,
        page: &str,
        (link, profile): (&str, Profile),
        options: &Options,
    ) -> Result<String, String> {
        let file: &'static str = if page == "hints" { "hints.html" } else { "none.html" };
        let shown = Page {
            name: "photographs",
            about: "six photographs",
            file,
        };
        let once = Options {
            runs: 0,
            browser: browser.to_owned(),
            ..options.clone()
        };
        let kind = browsers::browser(browser)?;
        let peers = std::slice::from_ref(&self.server.peer);
        let before = self.server.log()?.len();
        let (version, _) = browsers::film(kind, profile, &shown, peers, self.ground, &once)?;
        let log = self.server.log()?;
        let loads = log.get(before..).unwrap_or_default();
        let pictures: Vec<&Value> = loads.iter().filter(|line| is_picture(line)).collect();
        if pictures.len() < PHOTOGRAPHS {
            return Err(format!("{browser} asked for {} pictures", pictures.len()));
        }
        let tier = pictures[0]["network"].as_str().unwrap_or("unknown").to_owned();
        if pictures.iter().any(|line| line["network"] != pictures[0]["network"]) {
            return Err(format!("{browser} over {link}: a mixed page"));
        }
        let mut scores = Vec::new();
        let (mut bytes, mut baseline) = (0, 0);
        let mut why = String::new();
        for (place, source) in self.sources.iter().enumerate() {
            let ending = format!("/{place}.jpg");
            let found = pictures
                .iter()
                .find(|line| line["path"].as_str().is_some_and(|path| path.ends_with(&ending)));
            let line = found.ok_or_else(|| format!("{browser} did not ask for {ending}"))?;
            let path = line["path"].as_str().unwrap_or_default();
            let hinted = page == "hints" && browser == "chromium";
            let file = self.server.same(path, browser, &tier, hinted)?;
            let own = line["bytes"].as_u64().unwrap_or_default();
            if own != file.len() as u64 {
                return Err(format!("{path}: {own} bytes, and {} again", file.len()));
            }
            bytes += own;
            baseline += self.server.baseline(place)?.len() as u64;
            scores.push(score(source, &file)?);
            if place == 0 {
                why = self.server.explain(path, browser, &tier, hinted)?;
            }
        }
        let what = pictures[0]["image"].as_str().unwrap_or_default();
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let share = bytes as f64 / baseline as f64;
        println!(
            "| {version} | {page} | {link} | {tier} | {what} | {bytes} / {baseline} = {share:.2} | \
             {least:.1}, {:.1} |",
            median(&scores)
        );
        Ok(format!("{browser}, {page}, {link}:\n{why}"))
    }
}

fn is_picture(line: &Value) -> bool {
    let path = line["path"].as_str().unwrap_or_default();
    path.ends_with(".jpg") && line["status"] == 200
}

/// How good a file looks beside its source at its width, in points of SSIMULACRA2.
fn score(source: &[u8], file: &[u8]) -> Result<f64, String> {
    let limits = Limits::default();
    let probe = image::probe(file, &limits).map_err(|error| error.to_string())?;
    let width = format!("width={}", probe.width);
    let transform = Transform::parse(&width).map_err(|error| error.to_string())?;
    let choice = choose(&transform, &Signals::default(), &Policy::default());
    let scores = image::scores(source, &choice.variant, &[file], &limits);
    let scores = scores.map_err(|error| error.to_string())?;
    let score = scores.first().copied().flatten();
    score.map(f64::from).ok_or_else(|| "a picture that cannot be compared".to_owned())
}

fn sources() -> Vec<Vec<u8>> {
    (0..PHOTOGRAPHS)
        .map(|place| {
            let scene = Scene::ALL[place % Scene::ALL.len()];
            let photo = photograph(scene, SOURCE.0, SOURCE.1, 2026);
            baseline_jpeg(&photo, QUALITIES.0)
        })
        .collect()
}

fn origin(runtime: &Runtime, sources: &[Vec<u8>]) -> Result<Origin, String> {
    let origin = runtime
        .block_on(Origin::start())
        .map_err(|error| error.to_string())?;
    for (place, source) in sources.iter().enumerate() {
        let reply = Reply::ok("image/jpeg", source.clone()).header("cache-control", "max-age=3600");
        origin.reply(&format!("/{place}.jpg"), reply);
    }
    for (name, options) in PAGES {
        let reply = Reply::ok("text/html; charset=utf-8", page(options));
        origin.reply(&format!("/{name}.html"), reply.header("cache-control", "max-age=3600"));
    }
    Ok(origin)
}

/// Six photographs, and as much text as pages have.
fn page(options: &str) -> String {
    let height = SHOWN * SOURCE.1 / SOURCE.0;
    let mut page = String::from(
        "<!doctype html>\n<html lang=en>\n<title>Photographs</title>\n<link rel=icon href=\"data:,\">\n\
         <style>body { margin: 0 } img { display: inline-block; background: #ddd }</style>\n",
    );
    for place in 0..PHOTOGRAPHS {
        page.push_str(&format!(
            "<img src=\"/cdn-cgi/image/{options},format=auto/{place}.jpg\" sizes={SHOWN}px \
             srcset=\"/cdn-cgi/image/{options},format=auto/{place}.jpg {SHOWN}w\" \
             width={SHOWN} height={height} alt=\"\">\n"
        ));
    }
    for number in 0_u64..600 {
        page.push_str(&format!("<p>{:x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    }
    page
}

/// Firstlight, as it is without settings, with a log.
struct Server<'a> {
    peer: Peer,
    ground: &'a Ground,
    binary: &'a Path,
}

impl<'a> Server<'a> {
    fn start(ground: &'a Ground, binary: &'a Path, origin: &str) -> Result<Self, String> {
        let port = ground::free_port()?;
        let configuration = format!(
            "[front]\nhttps = [\"0.0.0.0:{port}\"]\n\
             [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
             [[site]]\norigin = \"{origin}\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
             network.header = \"x-tier\"\n\
             [site.access_log]\nform = \"json\"\ntarget = \"{log}\"\n",
            cert = ground.shown("cert.pem"),
            key = ground.shown("key.pem"),
            log = ground.shown("access.log"),
        );
        let file = ground.write("firstlight.toml", configuration)?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(file);
        let peer = Peer::start(ground, "Firstlight", String::new(), port, command)?;
        let server = Self {
            peer,
            ground,
            binary,
        };
        // Everything is made before the first visitor comes.
        for (browser, _) in ACCEPTS {
            for (page, options) in PAGES {
                for tier in ["slow", "medium", "fast"] {
                    for place in 0..PHOTOGRAPHS {
                        let path = format!("/cdn-cgi/image/{options},format=auto/{place}.jpg");
                        server.same(&path, browser, tier, page == "hints" && browser == "chromium")?;
                    }
                }
            }
        }
        Ok(server)
    }

    /// The lines of the log so far.
    fn log(&self) -> Result<Vec<Value>, String> {
        let text = fs::read_to_string(self.ground.path("access.log"));
        let text = text.map_err(|error| error.to_string())?;
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    /// What such a browser gets over such a connection.
    fn same(&self, path: &str, browser: &str, tier: &str, hinted: bool) -> Result<Vec<u8>, String> {
        let mut fetch = shell::command("curl", &["-ksSf", "--http2", "-A", tier]);
        for header in headers(browser, tier, hinted) {
            fetch.arg("-H").arg(header);
        }
        fetch.arg(format!("https://localhost:{}{path}", self.peer.port));
        bytes_of(fetch)
    }

    fn baseline(&self, place: usize) -> Result<Vec<u8>, String> {
        let quality = QUALITIES.1;
        let path = format!("/cdn-cgi/image/width={SHOWN},quality={quality},format=jpeg/{place}.jpg");
        self.same(&path, "firefox", "fast", false)
    }

    /// Every decision about a picture, without what it cost.
    fn explain(&self, path: &str, browser: &str, tier: &str, hinted: bool) -> Result<String, String> {
        let mut command = Command::new(self.binary);
        command.args(["explain", "--json", "--config"]);
        command.arg(self.ground.path("firstlight.toml"));
        for header in headers(browser, tier, hinted) {
            command.arg("-H").arg(header);
        }
        command.arg(format!("https://localhost:{}{path}", self.peer.port));
        let said = shell::output(command)?;
        let said: Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
        let events = said["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let told = |module: &'static str| {
            events
                .iter()
                .filter(move |event| event["module"] == module)
                .filter_map(|event| event["why"].as_array())
                .flatten()
                .filter_map(Value::as_str)
        };
        let lines: Vec<String> = told("network")
            .chain(told("images"))
            .map(|line| format!("- {line}"))
            .collect();
        Ok(lines.join("\n"))
    }
}

fn headers(browser: &str, tier: &str, hinted: bool) -> Vec<String> {
    let accept = ACCEPTS.iter().find(|(name, _)| *name == browser);
    let accept = accept.map_or("*/*", |(_, accept)| accept);
    let mut headers = vec![format!("accept: {accept}"), format!("x-tier: {tier}")];
    if hinted {
        headers.push(format!("sec-ch-width: {SHOWN}"));
        headers.push("sec-ch-dpr: 1".into());
        headers.push("sec-ch-viewport-width: 1280".into());
    }
    headers
}

/// Runs a program and returns what it says, bytes as they are.
fn bytes_of(mut command: Command) -> Result<Vec<u8>, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
