//! The order of bytes over an emulated link: twenty progressive pictures of 100 KB, and a critical
//! stylesheet of 20 KB asked for three seconds later, beside plain HTTP/2 and the peers; and the
//! public priority test.

pub(super) mod frames;
mod pictures;
mod times;

use std::time::Duration;

use testkit::link::Passage;
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
/// Links of the tables.
const LINKS: [&str; 3] = ["3g-fast", "10mbit", "100mbit"];
/// Losses of the tables, percent.
const LOSSES: [f64; 2] = [0.0, 1.0];
/// The link over which throughput counts.
const FAST: &str = "100mbit";
/// The columns behind those of times.
const MORE: [&str; 5] = [
    "inversion, KB",
    "as it left, KB",
    "previews / limit",
    "previews / one file",
    "total / plain",
];
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
            queue_bytes: options.queue * 1024,
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
    drop(peers);
    match options.loss.as_slice() {
        [] => super::priority::run(options),
        // One part of the tables is asked for.
        _ => Ok(()),
    }
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

/// What was measured over one link: for each server its runs, and for each run the references.
struct Runs {
    times: Vec<Vec<Times>>,
    references: Vec<Reference>,
}

/// How soon the bytes of all previews came as one file from the soonest server without an order,
/// in seconds; of HTTP/2 and of HTTP/3, where somebody without an order takes part.
#[derive(Clone, Copy, Debug)]
struct Reference([f64; 2]);

impl Reference {
    fn of(self, peer: &Peer) -> f64 {
        self.0[usize::from(peer.http3)]
    }
}

impl Bench<'_> {
    /// Twenty pictures and a late stylesheet: a table of times.
    fn order(&self, title: &str, profile: Profile) -> Outcome {
        let mut runs = Runs {
            times: vec![Vec::new(); self.peers.len()],
            references: Vec::new(),
        };
        for _ in 0..self.options.runs {
            for (peer, times) in self.peers.iter().zip(&mut runs.times) {
                let (recording, passages) = watch(profile, peer, &requests())?;
                if let Some(folder) = &self.options.frames {
                    frames::write(folder, &format!("order-{}", peer.key), &recording)?;
                }
                let read = times::of(&recording, &passages, self.pictures, profile.rtt);
                times.push(read.ok_or_else(|| unanswered(peer, &recording))?);
            }
            runs.references.push(self.reference(profile)?);
        }
        self.report(title, profile, &runs);
        Ok(())
    }

    /// The limit that slow start, TLS and the protocol leave: one file, and nothing else to send.
    fn reference(&self, profile: Profile) -> Result<Reference, String> {
        let mut soonest = [f64::NAN; 2];
        for peer in self.peers.iter().filter(|peer| !peer.is_ordered()) {
            let request = Request::get(format!("/{}", pictures::ONE_FILE));
            let recording = record(profile, peer, &[request])?;
            if let Some(folder) = &self.options.frames {
                frames::write(folder, &format!("one-file-{}", peer.key), &recording)?;
            }
            let total = recording.total();
            let total = total.ok_or_else(|| unanswered(peer, &recording))?;
            let kept = &mut soonest[usize::from(peer.http3)];
            *kept = kept.min(total.as_secs_f64());
        }
        Ok(Reference(soonest))
    }

    fn report(&self, title: &str, profile: Profile, runs: &Runs) {
        let limit = profile.rtt + profile.limit(pictures::previews(self.pictures));
        let limit = limit.as_secs_f64();
        if !self.options.json {
            println!("\n{title}; {}", ground::conditions());
            println!(
                "| server | {} | {} |",
                Times::NAMES.join(" | "),
                MORE.join(" | ")
            );
            println!("|---|{}", "---|".repeat(Times::NAMES.len() + MORE.len()));
        }
        for (peer, times) in self.peers.iter().zip(&runs.times) {
            let column = |of: fn(&Times) -> f64| times.iter().map(of).collect::<Vec<f64>>();
            let medians = Times::COLUMNS.map(|of| median(&column(of)));
            let kilobytes = |of: fn(&Times) -> f64| median(&column(of)) / 1000.0;
            let inversion = kilobytes(|times| times.inversion as f64);
            let left = kilobytes(|times| times.inversion_left as f64);
            let previews = column(Times::previews);
            let of_limit = median(&previews) / limit;
            let one_file: Vec<f64> = runs.references.iter().map(|it| it.of(peer)).collect();
            let of_one_file = ratio(&previews, Some(&one_file)).filter(|ratio| !ratio.is_nan());
            let totals = column(|times| times.total);
            let plain = self.of_plain(peer, &runs.times, |times| times.total);
            let of_plain = ratio(&totals, plain.as_deref());
            if self.options.json {
                let line = serde_json::json!({
                    "bench": "order", "link": title, "server": peer.name, "version": peer.version,
                    "headers_s": medians[0], "previews_s": medians[1], "good_s": medians[2],
                    "total_s": medians[3], "late_critical_s": medians[4],
                    "inversion_kb": inversion, "inversion_left_kb": left,
                    "previews_of_limit": of_limit, "previews_of_one_file": of_one_file,
                    "total_of_plain": of_plain,
                });
                println!("{line}");
            } else {
                let cells = medians.map(|seconds| format!("{seconds:.2}")).join(" | ");
                let [of_one_file, of_plain] =
                    [(of_one_file, 2), (of_plain, 3)].map(|(ratio, digits)| {
                        ratio.map_or_else(String::new, |it| format!("{it:.digits$}"))
                    });
                let name = peer.name;
                println!(
                    "| {name} | {cells} | {inversion:.0} | {left:.0} | {of_limit:.2} | {of_one_file} | {of_plain} |"
                );
            }
        }
        if !self.options.json {
            let empty = "| ".repeat(Times::NAMES.len() + MORE.len() - 2);
            println!("| the link's limit | | {limit:.2} {empty}|");
            for (place, name) in ["one file of as many bytes", "the same over HTTP/3"]
                .into_iter()
                .enumerate()
            {
                let times: Vec<f64> = runs.references.iter().map(|it| it.0[place]).collect();
                let time = median(&times);
                if !time.is_nan() {
                    println!("| {name} | | {time:.2} {empty}|");
                }
            }
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
    watch(profile, peer, requests).map(|(recording, _)| recording)
}

/// The same, and when each packet to the client had left the server.
fn watch(
    profile: Profile,
    peer: &Peer,
    requests: &[Request],
) -> Result<(Recording, Vec<Passage>), String> {
    let link = Link::new(profile).map_err(|error| error.to_string())?;
    let passages = link.passages();
    let recorder = Recorder::new(
        (link.server_address(), peer.port).into(),
        format!("localhost:{}", peer.port),
    )
    .limit(Duration::from_secs(60));
    let recorder = match peer.http3 {
        true => recorder.http3(),
        false => recorder,
    };
    let recording = link
        .run(|| recorder.record_blocking(requests))
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("{}: {error}", peer.name))?;
    Ok((recording, passages.taken()))
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
