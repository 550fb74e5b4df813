//! The order of bytes over an emulated link: twenty progressive pictures of 100 KB, and a critical
//! stylesheet of 20 KB asked for three seconds later, beside plain HTTP/2 and the peers.

mod pictures;
mod times;

use std::time::Duration;

use testkit::recorder::{Recorder, Recording, Request};
use testkit::{Link, Profile};

use super::Options;
use super::ground::{self, Ground, Peer, median};
use super::peers::{Files, HTTP3, SERVERS};
use crate::shell::Outcome;
use pictures::Picture;
use times::Times;

const PICTURES: usize = 20;
const LATE: Duration = Duration::from_secs(3);
/// What waits at the narrow end of the link, bytes.
const QUEUE: usize = 65_536;
/// Links of the tables.
const LINKS: [&str; 3] = ["3g-fast", "10mbit", "100mbit"];
/// Losses of the tables, percent.
const LOSSES: [f64; 2] = [0.0, 1.0];
/// The link over which throughput counts.
const FAST: &str = "100mbit";
/// How often each picture is asked for where throughput is measured: all at once, within the
/// streams that every server allows.
const REPEATS: usize = 4;

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let links = options.links(&LINKS)?;
    let losses = match options.loss.as_slice() {
        [] => LOSSES.to_vec(),
        losses => losses.to_vec(),
    };
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("order")?;
    let pictures = pictures::pictures(PICTURES)?;
    let files = Files::new(&ground, pictures::files(&pictures))?;
    let among = [&SERVERS[..], &HTTP3].concat();
    let peers = files.servers(&ground, &binary, &among, options)?;
    let bench = Bench {
        peers: &peers,
        pictures: &pictures,
        options,
    };
    for (name, profile) in links {
        let profile = Profile {
            queue_bytes: QUEUE,
            ..profile
        };
        for loss in &losses {
            let title = format!("{name}: {}, {loss} % loss", words(profile));
            bench.order(&title, profile.with_loss(loss / 100.0))?;
        }
        if name == FAST {
            bench.throughput(&words(profile), profile)?;
        }
    }
    Ok(())
}

fn words(profile: Profile) -> String {
    let rate = f64::from(profile.down_kbit) / 1000.0;
    format!("{rate} Mbit/s, {} ms", profile.rtt.as_millis())
}

struct Bench<'a> {
    peers: &'a [Peer],
    pictures: &'a [Picture],
    options: &'a Options,
}

impl Bench<'_> {
    /// Twenty pictures and a late stylesheet: a table of times.
    fn order(&self, title: &str, profile: Profile) -> Outcome {
        let mut times = vec![Vec::new(); self.peers.len()];
        for _ in 0..self.options.runs {
            for (peer, times) in self.peers.iter().zip(&mut times) {
                let recording = record(profile, peer, &requests())?;
                times.push(self.times(peer, &recording, profile)?);
            }
        }
        self.report(title, profile, &times);
        Ok(())
    }

    fn times(&self, peer: &Peer, recording: &Recording, link: Profile) -> Result<Times, String> {
        times::of(recording, self.pictures, link.rtt).ok_or_else(|| unanswered(peer, recording))
    }

    fn report(&self, title: &str, profile: Profile, times: &[Vec<Times>]) {
        let previews: u64 = self.pictures.iter().map(|picture| picture.preview).sum();
        let limit = profile.rtt.as_secs_f64() + profile.limit(previews).as_secs_f64();
        if !self.options.json {
            println!("\n{title}; {}", ground::conditions());
            println!(
                "| server | {} | inversion, KB | previews / limit | total / plain |",
                Times::NAMES.join(" | ")
            );
            println!("|---|---|---|---|---|---|---|---|---|");
        }
        let plain = |peer: &Peer| self.of_plain(peer, times, |times| times.total);
        for (peer, times) in self.peers.iter().zip(times) {
            let column = |of: fn(&Times) -> f64| times.iter().map(of).collect::<Vec<f64>>();
            let medians = Times::COLUMNS.map(|of| median(&column(of)));
            let inversion = median(&column(|times| times.inversion as f64 / 1000.0));
            let of_limit = medians[1] / limit;
            let of_plain = ratio(&column(|times| times.total), plain(peer).as_deref());
            if self.options.json {
                let line = serde_json::json!({
                    "bench": "order", "link": title, "server": peer.name, "version": peer.version,
                    "headers_s": medians[0], "previews_s": medians[1], "good_s": medians[2],
                    "total_s": medians[3], "late_critical_s": medians[4],
                    "inversion_kb": inversion,
                    "previews_of_limit": of_limit, "total_of_plain": of_plain,
                });
                println!("{line}");
            } else {
                let cells = medians.map(|seconds| format!("{seconds:.2}")).join(" | ");
                let of_plain = of_plain.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
                let name = peer.name;
                println!("| {name} | {cells} | {inversion:.0} | {of_limit:.2} | {of_plain} |");
            }
        }
        if !self.options.json {
            println!("| the link's limit | | {limit:.2} | | | | | | |");
        }
    }

    /// Every picture several times at once over the fast link: how much comes through.
    fn throughput(&self, link: &str, profile: Profile) -> Outcome {
        let requests: Vec<Request> = (0..PICTURES * REPEATS)
            .map(|place| picture(place % PICTURES))
            .collect();
        let mut seconds = vec![Vec::new(); self.peers.len()];
        let mut bytes = 0;
        for _ in 0..self.options.runs {
            for (peer, seconds) in self.peers.iter().zip(&mut seconds) {
                let recording = record(profile, peer, &requests)?;
                let total = recording.total();
                let total = total.ok_or_else(|| unanswered(peer, &recording))?;
                bytes = recording.bytes();
                seconds.push(total.as_secs_f64());
            }
        }
        if !self.options.json {
            let megabytes = bytes as f64 / 1e6;
            println!(
                "\nThroughput, {megabytes:.1} MB over {link}; {}",
                ground::conditions()
            );
            println!("| server | Mbit/s | share of plain |\n|---|---|---|");
        }
        let plain = |peer: &Peer| self.of_plain(peer, &seconds, |seconds| *seconds);
        for (peer, seconds) in self.peers.iter().zip(&seconds) {
            let rate = bytes as f64 * 8.0 / 1e6 / median(seconds);
            let share = ratio(seconds, plain(peer).as_deref()).map(|ratio| 1.0 / ratio);
            if self.options.json {
                let line = serde_json::json!({
                    "bench": "order", "link": link, "server": peer.name, "version": peer.version,
                    "throughput_mbit": rate, "share_of_plain": share,
                });
                println!("{line}");
            } else {
                let share = share.map_or_else(String::new, |share| format!("{share:.3}"));
                println!("| {} | {rate:.1} | {share} |", peer.name);
            }
        }
        Ok(())
    }

    /// A figure of the same protocol without order in each run, if it takes part.
    fn of_plain<T>(&self, peer: &Peer, runs: &[Vec<T>], of: fn(&T) -> f64) -> Option<Vec<f64>> {
        let plain = if peer.http3 { "plain-http3" } else { "plain" };
        let place = self.peers.iter().position(|peer| peer.key == plain)?;
        Some(runs[place].iter().map(of).collect())
    }
}

/// The median of the ratios of runs made side by side.
fn ratio(its: &[f64], plain: Option<&[f64]>) -> Option<f64> {
    let ratios: Vec<f64> = its
        .iter()
        .zip(plain?)
        .map(|(its, plain)| its / plain)
        .collect();
    Some(median(&ratios))
}

/// One session over a link of its own.
pub(super) fn record(
    profile: Profile,
    peer: &Peer,
    requests: &[Request],
) -> Result<Recording, String> {
    let link = Link::new(profile).map_err(|error| error.to_string())?;
    let recorder = Recorder::new(
        (link.server_address(), peer.port).into(),
        format!("localhost:{}", peer.port),
    )
    .limit(Duration::from_secs(60));
    let recorder = match peer.http3 {
        true => recorder.http3(),
        false => recorder,
    };
    link.run(|| recorder.record_blocking(requests))
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("{}: {error}", peer.name))
}

fn unanswered(peer: &Peer, recording: &Recording) -> String {
    let statuses: Vec<_> = recording
        .answers
        .iter()
        .map(|answer| answer.status)
        .collect();
    format!("{} did not answer everything: {statuses:?}", peer.name)
}

/// Asks as Chromium does: the first five pictures before the others, the stylesheet above all.
fn requests() -> Vec<Request> {
    let late = Request::get("/late.css")
        .priority("u=0")
        .weight(256)
        .after(LATE);
    (0..PICTURES).map(picture).chain([late]).collect()
}

fn picture(place: usize) -> Request {
    let request = Request::get(format!("/{place}.jpg")).header("accept", "image/*,*/*;q=0.8");
    if place < 5 {
        request.priority("u=2, i").weight(183)
    } else {
        request.priority("i").weight(147)
    }
}
