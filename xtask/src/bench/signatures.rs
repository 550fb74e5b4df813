//! Does the time that a wrong signature takes say how wrong it is? URLs of image servers whose
//! signature differs in its first character or in its last one, read in turns.

use std::hint::black_box;
use std::time::{Duration, Instant};

use base::Failure;
use image::grammar::{Grammars, Request};

use super::Options;
use super::ground::{self, median};
use crate::shell::Outcome;

/// Reads of one measurement.
const READS: usize = 2000;
/// Measurements of each, for each run that is asked for.
const ROUNDS: usize = 40;
/// A difference of so much, as a share of the time, is none.
const NOISE: f64 = 0.02;

const SETTINGS: &str = "imgproxy = { enabled = true, keys = [\"736563726574\"], salts = [\"68656c6c6f\"] }\n\
                        imagor = { enabled = true, key = \"mysecret\" }\n";

/// A server, a URL with a right signature, and where in it the signature is.
const URLS: [(&str, &str, &str); 2] = [
    (
        "imgproxy",
        "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8",
        "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png",
    ),
    (
        "imagor",
        "cST4Ko5_FqwT3BDn-Wf4gO3RFSk=",
        "/500x500/top/raw.githubusercontent.com/cshum/imagor/master/testdata/gopher.png",
    ),
];

/// Runs it.
///
/// # Errors
/// A wrong signature is not refused, or the time tells which one was nearly right.
pub fn run(options: &Options) -> Outcome {
    let settings = base::settings::read("signatures", SETTINGS);
    let grammars = Grammars::new(&settings.map_err(|report| report.to_string())?.0);
    println!("{}\n", ground::conditions());
    println!("| server | wrong in its first character, ns | in its last, ns | last / first |");
    println!("|---|---|---|---|");
    let mut told = Vec::new();
    for (server, signature, rest) in URLS {
        let right = format!("/{signature}{rest}");
        if !matches!(grammars.read(&request(&right)), Some(Ok(_))) {
            return Err(format!("{server}: its own signature is not right"));
        }
        let [first, last] = wrong(signature).map(|signature| format!("/{signature}{rest}"));
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS * options.runs {
            for (url, times) in [&first, &last].into_iter().zip(&mut times) {
                times.push(time(&grammars, url)?.as_secs_f64() * 1e9 / READS as f64);
            }
        }
        // Of each pair, as what else the machine does comes and goes.
        let ratios: Vec<f64> = times[0].iter().zip(&times[1]).map(|(a, b)| b / a).collect();
        let ratio = median(&ratios);
        println!(
            "| {server} | {:.0} | {:.0} | {ratio:.4} |",
            median(&times[0]),
            median(&times[1])
        );
        if (ratio - 1.0).abs() > NOISE {
            told.push(format!("{server}: {ratio:.4}"));
        }
    }
    match told.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "the time tells of the signature: {}",
            told.join(", ")
        )),
    }
}

fn request(path: &str) -> Request<'_> {
    Request {
        path,
        query: None,
        picture: true,
        now: 0,
    }
}

/// The signature with another first letter, and with another last one.
fn wrong(signature: &str) -> [String; 2] {
    let padding = signature.len() - signature.trim_end_matches('=').len();
    // The last letter but one: of the last, some bits may say nothing.
    [0, signature.len() - padding - 2].map(|place| {
        let letter = |at: usize, letter: char| match (at == place, letter) {
            (true, 'A') => 'B',
            (true, _) => 'A',
            (false, letter) => letter,
        };
        signature
            .char_indices()
            .map(|(at, c)| letter(at, c))
            .collect()
    })
}

fn time(grammars: &Grammars, url: &str) -> Result<Duration, String> {
    let since = Instant::now();
    for _ in 0..READS {
        let read = grammars.read(&request(black_box(url)));
        let refused = matches!(&read, Some(Err(error)) if error.status().as_u16() == 403);
        if !refused {
            return Err(format!("{url} is not refused: {read:?}"));
        }
    }
    Ok(since.elapsed())
}
