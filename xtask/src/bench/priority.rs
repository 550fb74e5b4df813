//! The public priority test: two requests warm the connection up, thirty of low priority follow,
//! and two of high priority once two of those have been answered. Scored against the same
//! high request alone on a warm connection.

use std::path::Path;
use std::time::Duration;

use testkit::Profile;
use testkit::photo::{Scene, baseline_jpeg, photograph};
use testkit::recorder::{Recording, Request};

use super::Options;
use super::ground::{self, Ground, Peer, median};
use super::order::{frames, record};
use super::peers::{File, Files, HTTP3, SERVERS};
use crate::shell::Outcome;

const WARM: usize = 2;
const LOW: usize = 30;
const HIGH: usize = 2;
/// What is answered when the high ones are asked for: the warm-ups and two low ones.
const ANSWERED: usize = WARM + 2;
/// Links of the tables.
const LINKS: [&str; 2] = ["3g-fast", "10mbit"];

/// What one run showed, in seconds.
struct Times {
    /// The high request alone.
    reference: f64,
    /// Each of the two.
    high: [f64; HIGH],
    /// Bytes of low answers that came between the two being asked for and the last of them
    /// being there.
    between: u64,
    /// As in [`score`].
    score: f64,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let links = options.links(&LINKS)?;
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("priority")?;
    let files = Files::new(&ground, files())?;
    let among = [&SERVERS[..], &HTTP3].concat();
    let peers = files.servers(&ground, &binary, &among, options)?;
    for (name, profile) in links {
        let profile = Profile {
            queue_bytes: options.queue * 1024,
            ..profile
        };
        let mut times: Vec<Vec<Times>> = peers.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.runs {
            for (peer, times) in peers.iter().zip(&mut times) {
                times.push(one_run(profile, peer, options.frames.as_deref())?);
            }
        }
        report(&name, &peers, &times, options.json);
    }
    Ok(())
}

fn one_run(profile: Profile, peer: &Peer, folder: Option<&Path>) -> Result<Times, String> {
    let alone = record(profile, peer, &requests(0, 1))?;
    let among = record(profile, peer, &requests(LOW, HIGH))?;
    if let Some(folder) = folder {
        frames::write(folder, &format!("priority-{}", peer.key), &among)?;
    }
    let unanswered = || format!("{} did not answer everything", peer.name);
    let took = |recording: &Recording, request: usize| {
        let good = recording.answers.get(request)?.status == 200;
        recording.took(request).filter(|_| good)
    };
    let reference = took(&alone, WARM).ok_or_else(unanswered)?;
    let first = took(&among, WARM + LOW).ok_or_else(unanswered)?;
    let second = took(&among, WARM + LOW + 1).ok_or_else(unanswered)?;
    let bytes = alone
        .answers
        .get(WARM)
        .map_or(0, |answer| answer.body.len());
    Ok(Times {
        reference: reference.as_secs_f64(),
        high: [first.as_secs_f64(), second.as_secs_f64()],
        between: between(&among),
        score: score(reference, profile.limit(bytes as u64), first.max(second)),
    })
}

/// How near the later of the two high answers came to what is possible, percent: the time of one
/// alone, and what the link needs for the other.
fn score(reference: Duration, other: Duration, later: Duration) -> f64 {
    100.0 * (reference + other).as_secs_f64() / later.as_secs_f64()
}

fn between(recording: &Recording) -> u64 {
    let high = recording.answers.get(WARM + LOW..).unwrap_or_default();
    let asked = high.iter().map(|answer| answer.asked_at).min();
    let there = high.iter().filter_map(|answer| answer.complete_at).max();
    let (Some(asked), Some(there)) = (asked, there) else {
        return 0;
    };
    let low = recording
        .frames
        .iter()
        .filter(|frame| frame.request < WARM + LOW && frame.at > asked && frame.at <= there);
    low.map(|frame| frame.bytes as u64).sum()
}

fn report(link: &str, peers: &[Peer], times: &[Vec<Times>], json: bool) {
    if !json {
        println!("\n{link}; {}", ground::conditions());
        println!(
            "| server | reference, s | first high | second high | low bytes between, KB | score |"
        );
        println!("|---|---|---|---|---|---|");
    }
    for (peer, times) in peers.iter().zip(times) {
        let column = |of: fn(&Times) -> f64| median(&times.iter().map(of).collect::<Vec<f64>>());
        let reference = column(|times| times.reference);
        let first = column(|times| times.high[0]);
        let second = column(|times| times.high[1]);
        let between = column(|times| times.between as f64 / 1000.0);
        let score = column(|times| times.score);
        if json {
            let line = serde_json::json!({
                "bench": "priority", "link": link, "server": peer.name, "version": peer.version,
                "reference_s": reference, "first_high_s": first, "second_high_s": second,
                "low_kb_between": between, "score": score,
            });
            println!("{line}");
        } else {
            println!(
                "| {} | {reference:.2} | {first:.2} | {second:.2} | {between:.0} | {score:.0} |",
                peer.name
            );
        }
    }
}

/// The warm-ups one after the other, the low ones at once, the high ones at once.
fn requests(low: usize, high: usize) -> Vec<Request> {
    let picture = |name: &str, number: usize, priority: &str, weight: u16| {
        Request::get(format!("/{name}{number}.jpg"))
            .header("accept", "image/*,*/*;q=0.8")
            .priority(priority)
            .weight(weight)
    };
    let warm = (0..WARM).map(|number| picture("warm", number, "u=2, i", 183).after_answers(number));
    let low_ones = (0..low).map(|number| picture("low", number, "i", 147).after_answers(WARM));
    let answered = if low == 0 { WARM } else { ANSWERED };
    let high_ones =
        (0..high).map(|number| picture("high", number, "u=1, i", 220).after_answers(answered));
    warm.chain(low_ones).chain(high_ones).collect()
}

/// The same baseline photograph under every name: nothing but priorities tells them apart.
fn files() -> Vec<File> {
    let bytes = baseline_jpeg(&photograph(Scene::ALL[0], 540, 360, 2026), 90);
    let named = |(name, count): (&'static str, usize)| {
        let bytes = bytes.clone();
        (0..count).map(move |number| File {
            name: format!("{name}{number}.jpg"),
            content_type: "image/jpeg",
            bytes: bytes.clone(),
        })
    };
    let names = [("warm", WARM), ("low", LOW), ("high", HIGH)];
    names.into_iter().flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_fast_as_the_link_scores_a_hundred() {
        let second = Duration::from_secs(1);
        assert_eq!(score(second, second, 2 * second), 100.0);
        assert_eq!(score(second, second, 8 * second), 25.0);
    }

    #[test]
    fn the_high_ones_wait_for_two_low_ones() {
        assert_eq!(requests(LOW, HIGH).len(), WARM + LOW + HIGH);
        assert_eq!(requests(0, 1).len(), WARM + 1);
    }
}
