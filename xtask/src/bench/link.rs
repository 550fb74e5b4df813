//! The emulated link against what its profile says: round trip and goodput, each way.

use lab::link::{Direction, measure_goodput, measure_round_trip};
use testkit::{Link, Profile};

use super::Options;
use super::ground::{self, median};
use crate::shell::Outcome;

/// Round trips of a run, of which the best counts: a link that is too slow is so for all of them,
/// a machine that is busy is not.
const TRIPS: u32 = 20;
/// Seconds of the link for what TCP needs to begin, and for what is measured.
const BEGIN: f64 = 1.5;
const MEASURED: f64 = 5.0;

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    if !options.json {
        println!("{}", ground::conditions());
        println!(
            "| link | round trip asked for | measured | goodput down: share of the rate | up | rates in Mbit/s, less headers |"
        );
        println!("|---|---|---|---|---|---|");
    }
    for (name, profile) in options.links(&Profile::NAMES)? {
        let mut runs = Vec::new();
        for _ in 0..options.runs {
            runs.push(measure(profile)?);
        }
        let [trip, down, up] = [0, 1, 2].map(|which| {
            let values: Vec<f64> = runs.iter().map(|run| run[which]).collect();
            median(&values)
        });
        let asked = profile.rtt.as_secs_f64() * 1000.0;
        if options.json {
            let line = serde_json::json!({
                "bench": "link", "link": name, "round_trip_asked_ms": asked,
                "round_trip_ms": trip, "down_share": down, "up_share": up,
            });
            println!("{line}");
        } else {
            let [wide, narrow] =
                [profile.down_kbit, profile.up_kbit].map(|kbit| Profile::goodput(kbit) / 1e6);
            println!(
                "| {name} | {asked:.0} ms | {trip:.2} ms | {down:.4} | {up:.4} | {wide:.2} / {narrow:.2} |"
            );
        }
    }
    Ok(())
}

/// Round trip in milliseconds; goodput down and up as a share of what the profile allows.
fn measure(profile: Profile) -> Result<[f64; 3], String> {
    let link = Link::new(profile).map_err(|error| error.to_string())?;
    let trip = measure_round_trip(&link, TRIPS).map_err(|error| error.to_string())?;
    let share = |direction, kbit| {
        let goodput = Profile::goodput(kbit);
        let bytes = |seconds: f64| (goodput * seconds / 8.0) as usize;
        measure_goodput(&link, direction, bytes(BEGIN), bytes(MEASURED))
            .map(|measured| measured / goodput)
            .map_err(|error| error.to_string())
    };
    let down = share(Direction::Down, profile.down_kbit)?;
    let up = share(Direction::Up, profile.up_kbit)?;
    Ok([trip.as_secs_f64() * 1000.0, down, up])
}
