//! How many variants of one picture a day of visitors asks for: browsers as they are in use, with
//! displays and windows of all sizes, over connections of all kinds.

use std::collections::HashSet;

use image::{Policy, PolicySettings, Signals, Tier, Transform, choose};

use super::Options;
use crate::shell::Outcome;

/// Visitors of the log.
const VISITORS: usize = 20_000;

/// A browser: how many in a hundred visitors have it, what it accepts for pictures, whether it
/// sends hints, and whether it is on a phone.
struct Browser {
    share: u32,
    accept: &'static str,
    hints: bool,
    phone: bool,
}

const BROWSERS: [Browser; 7] = [
    // Chromium, today and some years ago, on desks and phones.
    Browser {
        share: 28,
        accept: "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        hints: true,
        phone: false,
    },
    Browser {
        share: 34,
        accept: "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        hints: true,
        phone: true,
    },
    Browser {
        share: 8,
        accept: "image/webp,image/apng,image/*,*/*;q=0.8",
        hints: true,
        phone: true,
    },
    // Safari, today and before WebP.
    Browser {
        share: 18,
        accept: "image/jxl,image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
        hints: false,
        phone: true,
    },
    Browser {
        share: 2,
        accept: "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
        hints: false,
        phone: true,
    },
    // Firefox.
    Browser {
        share: 7,
        accept: "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
        hints: false,
        phone: false,
    },
    // Readers of feeds, robots, programs.
    Browser {
        share: 3,
        accept: "*/*",
        hints: false,
        phone: false,
    },
];

/// Device pixels to a CSS pixel: on phones and on desks.
const PHONES: [&str; 5] = ["2", "2.625", "2.75", "3", "3.5"];
const DESKS: [&str; 5] = ["1", "1", "1.25", "1.5", "2"];
/// Memory of phones and of desks in gibibytes, as browsers say it: never more than 8.
const PHONE_MEMORY: [&str; 6] = ["1", "2", "4", "4", "8", "8"];
const DESK_MEMORY: [&str; 3] = ["4", "8", "8"];

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let hints = PolicySettings {
        width_hints: true,
        ..PolicySettings::default()
    };
    let plain = Policy::default();
    let cases = [
        ("at its own URL", "", &plain),
        ("at its own URL, `width_hints`", "", &hints),
        ("`format=auto,width=640`", "format=auto,width=640", &plain),
        ("`format=auto,width=auto`", "format=auto,width=auto", &plain),
        (
            "`format=auto,width=auto,quality=auto`",
            "format=auto,width=auto,quality=auto",
            &plain,
        ),
    ];
    let log = log();
    let distinct: HashSet<_> = log.iter().map(|visit| &visit.headers).collect();
    if !options.json {
        println!(
            "{} visits, {} different sets of headers\n",
            log.len(),
            distinct.len()
        );
        println!(
            "| a picture | variants | most used: share of visits | nine tenths of visits: variants |"
        );
        println!("|---|---|---|---|");
    }
    for (name, text, policy) in cases {
        let transform = match text {
            "" => Transform::default(),
            text => Transform::parse(text).map_err(|error| error.to_string())?,
        };
        let counts = counts(&log, &transform, policy);
        let first = counts.first().copied().unwrap_or_default() as f64 / log.len() as f64;
        let most = nine_tenths(&counts, log.len());
        if options.json {
            println!(
                "{{\"bench\":\"variants\",\"picture\":\"{name}\",\"variants\":{},\"first\":{first:.3},\"nine_tenths\":{most}}}",
                counts.len()
            );
        } else {
            println!(
                "| {name} | {} | {:.0} % | {most} |",
                counts.len(),
                first * 100.0
            );
        }
    }
    Ok(())
}

/// How often each variant is asked for, the most used first.
fn counts(log: &[Visit], transform: &Transform, policy: &Policy) -> Vec<usize> {
    let mut counts = std::collections::HashMap::<String, usize>::new();
    for visit in log {
        let header = |name: &'static str| {
            let mut lines = visit.headers.iter();
            lines
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.as_str())
        };
        let signals = Signals::read(header).over(visit.tier);
        *counts
            .entry(choose(transform, &signals, policy).variant.key())
            .or_default() += 1;
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|one, two| two.cmp(one));
    counts
}

/// How many of the most used variants serve nine visits of ten.
fn nine_tenths(counts: &[usize], visits: usize) -> usize {
    let mut served = 0;
    let needed = counts.iter().take_while(|count| {
        let go_on = served * 10 < visits * 9;
        served += **count;
        go_on
    });
    needed.count()
}

struct Visit {
    headers: Vec<(&'static str, String)>,
    tier: Option<Tier>,
}

/// The same log in every run.
fn log() -> Vec<Visit> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u32| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as u32) % below
    };
    (0..VISITORS).map(|_| visit(&mut random)).collect()
}

fn visit(random: &mut impl FnMut(u32) -> u32) -> Visit {
    let mut place = random(100);
    let browser = BROWSERS.iter().find(|browser| {
        let here = place < browser.share;
        place = place.saturating_sub(browser.share);
        here
    });
    let browser = browser.unwrap_or(&BROWSERS[0]);
    let tier = match random(10) {
        0 => Some(Tier::Slow),
        1 | 2 => Some(Tier::Medium),
        3 => None,
        _ => Some(Tier::Fast),
    };
    let mut headers = vec![("accept", browser.accept.to_owned())];
    let agent = if browser.phone { "Mobile" } else { "Desktop" };
    headers.push((
        "user-agent",
        format!("Mozilla/5.0 ({agent}; {})", random(40)),
    ));
    if browser.hints {
        let dprs = if browser.phone { PHONES } else { DESKS };
        let dpr = dprs[random(dprs.len() as u32) as usize];
        let viewport = match browser.phone {
            true => 340 + random(110),
            false => 900 + random(1660),
        };
        // Pictures take a third, a half or the whole of the window.
        let shown = viewport as f64 * [0.33, 0.5, 1.0][random(3) as usize];
        let width = shown * dpr.parse().unwrap_or(1.0);
        headers.push(("sec-ch-dpr", dpr.to_owned()));
        headers.push(("sec-ch-viewport-width", viewport.to_string()));
        headers.push(("sec-ch-width", format!("{width:.0}")));
        let memory: &[&str] = match browser.phone {
            true => &PHONE_MEMORY,
            false => &DESK_MEMORY,
        };
        let memory = memory[random(memory.len() as u32) as usize];
        headers.push(("sec-ch-device-memory", memory.to_owned()));
        headers.push(("rtt", (random(8) * 50).to_string()));
        headers.push(("downlink", format!("{}.{}", random(10), random(10))));
        headers.push((
            "ect",
            ["4g", "4g", "4g", "3g"][random(4) as usize].to_owned(),
        ));
    }
    if random(30) == 0 {
        headers.push(("save-data", "on".to_owned()));
    }
    Visit { headers, tier }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few, so that each is used often.
    #[test]
    fn a_log_of_visits_asks_for_few_variants() {
        let log = log();
        let most = |options: &str, policy: &Policy| {
            let transform = match options {
                "" => Transform::default(),
                options => Transform::parse(options).unwrap(),
            };
            counts(&log, &transform, policy).len()
        };
        // Three classes of `Accept`, three qualities; where AVIF is one of the formats, also
        // whether the way is quick.
        assert_eq!(most("", &Policy::default()), 10);
        assert!(most("width=auto,format=auto", &Policy::default()) <= 72);
    }
}
