//! The same page of photographs in real browsers over a slow link and a better one, with client
//! hints and without: which variants they get, why, and how their bytes compare with one quality
//! for all.
//!
//! The page is as its author wrote it, and so are the pictures' addresses. What it is compared with
//! is what a careful site serves today: progressive JPEG, 4:2:0, quality 80, once at the width the
//! files have, once at the width that the visitor gets. Settings are the default ones, but that
//! pictures follow the width hint.
//!
//! On a slow link the page must keep to its share of these bytes, and every picture to the tier's
//! target; if not, the bench fails.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use image::{
    Format, Limits, Policy, Signals, Target, Tier, Transform, Variant, choose, usual_score,
};
use lab::Profile;
use serde_json::Value;
use testkit::photo::{Scene, baseline_jpeg, photograph};
use testkit::{Origin, Reply};
use tokio::runtime::Runtime;

use super::Options;
use super::browsers::{self, Page};
use super::ground::{self, Ground, Peer, median};
use super::pictures;
use crate::shell::{self, Outcome};

/// Photographs of the page, and their size at the source.
const PHOTOGRAPHS: usize = 6;
const SOURCE: (u32, u32) = (1200, 800);
/// How wide the page shows them, CSS pixels.
const SHOWN: u32 = 600;
/// Quality of the sources, and of what is compared with.
const QUALITIES: (u8, u8) = (92, 80);
/// Lines of text: with them the page has about 30 KB when compressed, as pages have.
const LINES: u64 = 2800;
/// How long a search may take before the first visitor comes: it gives way to all else.
const SEARCHES: Duration = Duration::from_secs(240);
/// On a slow link, the most bytes beside the page at one quality for all.
const SLOW_SHARE: f64 = 0.45;

/// Whether pages ask for hints.
const HINTS: [(&str, bool); 2] = [("none", false), ("hints", true)];

/// What browsers say of pictures, by the names of `--server`.
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
    let hint_names = HINTS.map(|(name, _)| name);
    let hints = options.chosen("page", &options.page, &hint_names)?;
    let links = options.links(&["3g-fast", "cable"])?;
    let binary = ground::binary(options.binary.as_deref())?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let sources = sources(options)?;
    let origin = origin(&runtime, &sources)?;
    println!("{}\n", ground::conditions());
    println!(
        "| browser | hints | link | connection | pictures | bytes / quality 80 | at the same width | \
         target | points of SSIMULACRA2: least, median |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let (mut reasons, mut broken) = (Vec::new(), Vec::new());
    for (page, asks) in HINTS.iter().filter(|(name, _)| hints.contains(name)) {
        let ground = Ground::new("devices")?;
        let server = Server::start(&ground, &binary, &origin.url(""), *asks)?;
        for browser in &wanted {
            for (name, profile) in &links {
                let case = Case {
                    browser,
                    hinted: *asks && *browser == "chromium",
                    page,
                    link: name,
                    profile: *profile,
                    tier: tier_of(*profile),
                };
                let (reason, promise) = case.load(&server, &sources, options)?;
                reasons.push(reason);
                broken.extend(promise);
            }
        }
    }
    println!("\nWhy, as `firstlight explain` says of the first picture of each:\n");
    for reason in reasons {
        println!("{reason}\n");
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(broken.join("\n")),
    }
}

/// What a link counts as, by the thresholds of the default settings.
fn tier_of(profile: Profile) -> Tier {
    match profile.down_kbit {
        ..2500 => Tier::Slow,
        2500..8000 => Tier::Medium,
        _ => Tier::Fast,
    }
}

/// A browser, whether it was asked for hints, and its link.
struct Case<'a> {
    browser: &'a str,
    hinted: bool,
    page: &'a str,
    link: &'a str,
    profile: Profile,
    tier: Tier,
}

impl Case<'_> {
    /// One load: a line of the table. Returns why the pictures are as they are, and what of the
    /// promises was not kept.
    fn load(
        &self,
        server: &Server<'_>,
        sources: &[Vec<u8>],
        options: &Options,
    ) -> Result<(String, Option<String>), String> {
        let Self {
            browser,
            page,
            link,
            ..
        } = self;
        let target = variant(self.tier).target;
        if target.is_some() {
            for place in 0..sources.len() {
                server.search(self, place)?;
            }
        }
        let (version, loads) = self.film(server, options)?;
        let tier = loads[0]["network"].as_str().unwrap_or("unknown");
        if loads
            .iter()
            .any(|line| line["network"] != loads[0]["network"])
        {
            return Err(format!("{browser} over {link}: a mixed page: {loads:?}"));
        }
        if tier != self.tier.word() {
            return Err(format!("{browser} over {link} counts as {tier}"));
        }
        let mut scores = Vec::new();
        let mut sums = [0; 3];
        for (place, source) in sources.iter().enumerate() {
            let path = path_of(place);
            let line = loads.iter().rfind(|line| line["path"] == path.as_str());
            let line = line.ok_or_else(|| format!("{browser} did not ask for {path}"))?;
            let file = server.ask(self, &path)?.1;
            let own = line["bytes"].as_u64().unwrap_or_default();
            if own != file.len() as u64 {
                return Err(format!("{path}: {own} bytes, and {} again", file.len()));
            }
            let width = width_of(&file)?;
            sums[0] += own;
            sums[1] += server.baseline(self, place, SOURCE.0)?;
            sums[2] += server.baseline(self, place, width)?;
            scores.push(score(source, &file)?);
        }
        let what = loads[0]["image"].as_str().unwrap_or_default();
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let [bytes, whole, narrow] = sums;
        let shares = [whole, narrow].map(|sum| bytes as f64 / sum as f64);
        println!(
            "| {version} | {page} | {link} | {tier} | {what} | {bytes} / {whole} = {:.3} | {:.3} | \
             {} | {least:.1}, {:.1} |",
            shares[0],
            shares[1],
            looks(self.tier),
            median(&scores)
        );
        let slow = self.tier == Tier::Slow;
        let points = f64::from(target.map_or(0, Target::points));
        let broken = (slow && (shares[0] > SLOW_SHARE || least < points)).then(|| {
            format!(
                "{browser}, {page}, {link}: {:.3} of the bytes, at most {SLOW_SHARE} promised; \
                 {least:.1} points, at least {points} promised",
                shares[0]
            )
        });
        let why = server.explain(self)?;
        Ok((format!("{browser}, {page}, {link}:\n\n{why}"), broken))
    }

    /// Loads the page once; the lines of the log about its pictures.
    fn film(&self, server: &Server<'_>, options: &Options) -> Result<(String, Vec<Value>), String> {
        let shown = Page {
            name: "photographs",
            about: "six photographs",
            file: "page.html",
        };
        let once = Options {
            runs: 0,
            ..options.clone()
        };
        let kind = browsers::browser(self.browser)?;
        let peers = std::slice::from_ref(&server.peer);
        let before = server.log()?.len();
        let (version, _) = browsers::film(kind, self.profile, &shown, peers, server.ground, &once)?;
        let mut log = server.log()?.split_off(before);
        log.retain(|line| {
            let path = line["path"].as_str().unwrap_or_default();
            path.ends_with(".jpg") && line["status"] == 200
        });
        match log.len() < PHOTOGRAPHS {
            true => Err(format!("{} asked for {log:?}", self.browser)),
            false => Ok((version, log)),
        }
    }

    fn headers(&self) -> Vec<String> {
        let accept = ACCEPTS.iter().find(|(name, _)| *name == self.browser);
        let accept = accept.map_or("*/*", |(_, accept)| accept);
        let mut headers = vec![
            format!("accept: {accept}"),
            "sec-fetch-dest: image".into(),
            format!("x-tier: {}", self.tier.word()),
        ];
        if self.hinted {
            headers.push(format!("sec-ch-width: {SHOWN}"));
            headers.push("sec-ch-dpr: 1".into());
            headers.push("sec-ch-viewport-width: 1280".into());
            headers.push("sec-ch-device-memory: 8".into());
        }
        headers
    }
}

fn path_of(place: usize) -> String {
    format!("/{place}.jpg")
}

fn width_of(file: &[u8]) -> Result<u32, String> {
    let probe = image::probe(file, &Limits::default()).map_err(|error| error.to_string())?;
    Ok(probe.width)
}

/// What a picture at its own address becomes over such a connection.
fn variant(tier: Tier) -> Variant {
    let signals = Signals::default().over(Some(tier));
    choose(&Transform::default(), &signals, &Policy::default()).variant
}

/// How good pictures for such a connection are to look.
fn looks(tier: Tier) -> String {
    let Variant {
        target, quality, ..
    } = variant(tier);
    match target {
        Some(target) => format!("{target} points"),
        None => {
            let usual = usual_score(Format::Jpeg, quality).unwrap_or_default();
            format!("quality {quality}, usually {usual:.0} points")
        }
    }
}

/// How good a file looks beside its source at its width, in points of SSIMULACRA2.
fn score(source: &[u8], file: &[u8]) -> Result<f64, String> {
    let limits = Limits::default();
    let choice = chosen(&format!("width={}", width_of(file)?))?;
    let scores = image::scores(source, &choice, &[file], &limits);
    let scores = scores.map_err(|error| error.to_string())?;
    let score = scores.first().copied().flatten();
    score
        .map(f64::from)
        .ok_or_else(|| "a picture that cannot be compared".to_owned())
}

fn chosen(options: &str) -> Result<Variant, String> {
    let transform = Transform::parse(options).map_err(|error| error.to_string())?;
    Ok(choose(&transform, &Signals::default(), &Policy::default()).variant)
}

/// The photographs of the page: of a folder, or made.
fn sources(options: &Options) -> Result<Vec<Vec<u8>>, String> {
    let Some(folder) = &options.pictures else {
        let made = |place: usize| {
            let photo = photograph(
                Scene::ALL[place % Scene::ALL.len()],
                SOURCE.0,
                SOURCE.1,
                2026,
            );
            baseline_jpeg(&photo, QUALITIES.0)
        };
        return Ok((0..PHOTOGRAPHS).map(made).collect());
    };
    let (width, height) = SOURCE;
    let quality = QUALITIES.0;
    let options = format!("width={width},height={height},fit=cover,quality={quality},format=jpeg");
    let variant = chosen(&options)?;
    let mut large = Vec::new();
    for path in pictures::find(folder)? {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let known = Format::sniff(&bytes).is_some();
        if known && width_of(&bytes)? >= width {
            large.push(bytes);
        }
    }
    let every = (large.len() / PHOTOGRAPHS).max(1);
    let some: Vec<_> = large.iter().step_by(every).take(PHOTOGRAPHS).collect();
    if some.len() < PHOTOGRAPHS {
        return Err(format!(
            "fewer than {PHOTOGRAPHS} pictures of {width} pixels or more"
        ));
    }
    let limits = Limits::default();
    let cut = |source: &&Vec<u8>| match image::render(source, &variant, &limits, &|| false) {
        Ok(image::Outcome::Rendered(made)) => Ok(made.bytes.to_vec()),
        Ok(_) => Ok(source.to_vec()),
        Err(error) => Err(error.to_string()),
    };
    some.iter().map(cut).collect()
}

fn origin(runtime: &Runtime, sources: &[Vec<u8>]) -> Result<Origin, String> {
    let origin = runtime
        .block_on(Origin::start())
        .map_err(|error| error.to_string())?;
    for (place, source) in sources.iter().enumerate() {
        let reply = Reply::ok("image/jpeg", source.clone()).header("cache-control", "max-age=3600");
        origin.reply(&path_of(place), reply);
    }
    let reply = Reply::ok("text/html; charset=utf-8", page());
    origin.reply("/page.html", reply.header("cache-control", "max-age=3600"));
    Ok(origin)
}

/// Six photographs, and as much text as pages have.
fn page() -> String {
    let height = SHOWN * SOURCE.1 / SOURCE.0;
    let mut page = String::from(
        "<!doctype html>\n<html lang=en>\n<title>Photographs</title>\n<link rel=icon href=\"data:,\">\n\
         <style>body { margin: 0 } img { display: inline-block; background: #ddd }</style>\n",
    );
    for place in 0..PHOTOGRAPHS {
        let (path, own) = (path_of(place), SOURCE.0);
        page.push_str(&format!(
            "<img src=\"{path}\" srcset=\"{path} {own}w\" sizes={SHOWN}px width={SHOWN} \
             height={height} alt=\"\">\n"
        ));
    }
    for number in 0..LINES {
        page.push_str(&format!(
            "<p>{:x}\n",
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ));
    }
    page
}

/// Firstlight as it is without settings, but for the width hint and a log.
struct Server<'a> {
    peer: Peer,
    ground: &'a Ground,
    binary: &'a Path,
}

impl<'a> Server<'a> {
    fn start(
        ground: &'a Ground,
        binary: &'a Path,
        origin: &str,
        asks: bool,
    ) -> Result<Self, String> {
        let port = ground::free_port()?;
        let configuration = format!(
            "[front]\nhttps = [\"0.0.0.0:{port}\"]\n\
             [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
             [workshop]\nimprove_share = 100\n\
             [[site]]\norigin = \"{origin}\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
             network.header = \"x-tier\"\nhints.enabled = {asks}\n\
             images.policy.width_hints = true\n\
             [site.access_log]\nform = \"json\"\ntarget = \"{log}\"\n",
            cert = ground.shown("cert.pem"),
            key = ground.shown("key.pem"),
            log = ground.shown("access.log"),
        );
        let file = ground.write("firstlight.toml", configuration)?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(file);
        let peer = Peer::start(ground, "Firstlight", String::new(), port, command)?;
        Ok(Self {
            peer,
            ground,
            binary,
        })
    }

    /// The lines of the log, as soon as no more come.
    fn log(&self) -> Result<Vec<Value>, String> {
        let read = || fs::read_to_string(self.ground.path("access.log")).unwrap_or_default();
        let mut text = read();
        loop {
            std::thread::park_timeout(Duration::from_millis(500));
            let now = read();
            if now == text {
                break;
            }
            text = now;
        }
        let lines = text.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    /// What such a browser gets over such a connection: the headers and the body.
    fn ask(&self, case: &Case<'_>, path: &str) -> Result<(String, Vec<u8>), String> {
        let body = self.ground.shown("body");
        let mut fetch = shell::command("curl", &["-ksSf", "--http2", "-D", "-", "-o", &body]);
        fetch.args(["-A", case.tier.word()]);
        for header in case.headers() {
            fetch.arg("-H").arg(header);
        }
        let port = self.peer.port;
        let host = match case.browser {
            "firefox" => browsers::FIREFOX_HOST,
            _ => "localhost",
        };
        fetch.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
        fetch.arg(format!("https://{host}:{port}{path}"));
        let headers = shell::output(fetch)?;
        let body = fs::read(&body).map_err(|error| error.to_string())?;
        Ok((headers, body))
    }

    /// Asks until the search for the quality is over. It may end with the source.
    fn search(&self, case: &Case<'_>, place: usize) -> Outcome {
        let since = Instant::now();
        loop {
            let (headers, _) = self.ask(case, &path_of(place))?;
            if headers.contains("score=") || headers.contains("original") {
                return Ok(());
            }
            if since.elapsed() > SEARCHES {
                let path = path_of(place);
                return Err(format!("no quality was found for {path}:\n{headers}"));
            }
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// Bytes of a picture at one quality for all.
    fn baseline(&self, case: &Case<'_>, place: usize, width: u32) -> Result<u64, String> {
        let quality = QUALITIES.1;
        let path =
            format!("/cdn-cgi/image/width={width},quality={quality},format=jpeg/{place}.jpg");
        Ok(self.ask(case, &path)?.1.len() as u64)
    }

    /// Every decision about a picture, without what it cost.
    fn explain(&self, case: &Case<'_>) -> Result<String, String> {
        let mut command = Command::new(self.binary);
        command.args(["explain", "--json", "--config"]);
        command.arg(self.ground.path("firstlight.toml"));
        for header in case.headers() {
            command.arg("-H").arg(header);
        }
        command.arg(format!(
            "https://localhost:{}{}",
            self.peer.port,
            path_of(0)
        ));
        let said = shell::output(command)?;
        let said: Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
        let events = said["events"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
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
