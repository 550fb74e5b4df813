//! Charts of two step curves over one time axis, as SVG that stretches; the labels are text.

use std::fmt::Write as _;
use std::time::Duration;

use super::film;
use super::headline::curves_in_words;
use super::html::escape;
use super::words;
use crate::metrics::{Measured, Point, Summary};
use crate::run::Run;

/// A value that holds from a moment on: milliseconds, share of the height 0–1.
type Step = (f64, f64);

/// Width and height of the drawing's own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 300.0;
/// Most steps of a curve of arrivals: more cannot be seen.
const STEPS: f64 = 400.0;

struct Chart<'a> {
    /// The class of a chart whose labels need more room.
    class: &'a str,
    /// What it shows, for those who cannot see it.
    says: String,
    /// Both sides: name and curve.
    curves: [(&'a str, Vec<Step>); 2],
    /// Lines across with their labels: share of the height.
    lines: Vec<(f64, String)>,
    /// The end of the time axis, milliseconds.
    end: f64,
}

/// The curves of visual progress by histograms.
pub fn progress(summary: &Summary) -> String {
    let says = format!(
        "Share of the page that is visible over time: {}.",
        curves_in_words(summary)
    );
    percents(summary, says, |point| point.histogram)
}

/// The curves of visual progress by structural similarity.
pub fn similarity(summary: &Summary) -> String {
    let says = "Structural similarity to the final page over time.".to_owned();
    percents(summary, says, |point| point.similarity)
}

fn percents(summary: &Summary, says: String, percent: impl Fn(&Point) -> f64) -> String {
    let curve = |run: &Measured| -> Vec<Step> {
        let step = |point: &Point| (point.at.as_secs_f64() * 1000.0, percent(point) / 100.0);
        run.points.iter().map(step).collect()
    };
    let lines = [0.0, 25.0, 50.0, 85.0, 100.0];
    draw(&Chart {
        class: "",
        says,
        curves: [
            (&summary.without.name, curve(summary.without.median())),
            (&summary.with.name, curve(summary.with.median())),
        ],
        lines: lines
            .map(|line| (line / 100.0, format!("{line}\u{a0}%")))
            .to_vec(),
        end: end(summary),
    })
}

/// The curves of what the link had delivered, with their heading; nothing where no link counted.
pub fn arrivals(summary: &Summary, runs: [&Run; 2]) -> String {
    let total = |run: &Run| run.arrivals.last().map_or(0, |(_, bytes)| *bytes);
    let most = total(runs[0]).max(total(runs[1]));
    if most == 0 {
        return String::new();
    }
    let end = end(summary);
    let curve = |run: &Run| -> Vec<Step> {
        let step = |(at, bytes): &(Duration, u64)| {
            (at.as_secs_f64() * 1000.0, *bytes as f64 / most as f64)
        };
        thin(run.arrivals.iter().map(step), end / STEPS)
    };
    let says = format!(
        "Bytes that had come out of the link over time: {} in the end, without {}.",
        words::bytes(total(runs[1]) as f64),
        words::bytes(total(runs[0]) as f64),
    );
    let line = |share: f64| (share, words::bytes(share * most as f64));
    let chart = draw(&Chart {
        class: " wide",
        says,
        curves: [
            (&summary.without.name, curve(runs[0])),
            (&summary.with.name, curve(runs[1])),
        ],
        lines: vec![line(0.0), line(0.5), line(1.0)],
        end,
    });
    format!(
        "<details><summary>Bytes that came out of the link</summary>\
         <p>Packet headers included. What is steep is the link at its limit.</p>{chart}</details>"
    )
}

/// A curve from nothing, of whose steps within `least` milliseconds only the last is kept.
fn thin(steps: impl Iterator<Item = Step>, least: f64) -> Vec<Step> {
    let mut curve = vec![(0.0, 0.0)];
    for step in steps {
        match curve.last_mut() {
            Some(last) if last.0 > 0.0 && step.0 - last.0 < least => last.1 = step.1,
            _ => curve.push(step),
        }
    }
    curve
}

fn end(summary: &Summary) -> f64 {
    film::end(summary.without.median()).max(film::end(summary.with.median())) * 1.04
}

fn draw(chart: &Chart<'_>) -> String {
    let [(without, first), (with, second)] = &chart.curves;
    let (ahead, behind) = between(first, second, chart.end);
    let mut html = format!(
        "<figure class=\"chart{class}\"><figcaption class=\"legend\"><span class=\"without\">{}</span>\
         <span class=\"with\">{}</span></figcaption><div class=\"plot\">\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{}\">",
        escape(without),
        escape(with),
        escape(&chart.says),
        class = chart.class,
    );
    let mut labels = String::new();
    for (share, label) in &chart.lines {
        let y = HEIGHT * (1.0 - share);
        let _ = write!(html, "<path class=\"line\" d=\"M0 {y:.1}H{WIDTH}\"/>");
        let _ = write!(
            labels,
            "<b class=\"y\" style=\"bottom:{:.1}%\">{label}</b>",
            share * 100.0
        );
    }
    for (place, label) in ticks(chart.end) {
        let x = place * WIDTH;
        let _ = write!(html, "<path class=\"line\" d=\"M{x:.1} 0V{HEIGHT}\"/>");
        let _ = write!(
            labels,
            "<b class=\"x\" style=\"left:{:.2}%\">{label}</b>",
            place * 100.0
        );
    }
    let _ = write!(
        html,
        "<path class=\"ahead\" d=\"{ahead}\"/><path class=\"behind\" d=\"{behind}\"/>\
         <path class=\"curve without\" d=\"{}\"/><path class=\"curve with\" d=\"{}\"/></svg>\
         <div class=\"labels\" aria-hidden=\"true\">{labels}</div></div></figure>",
        outline(first, chart.end),
        outline(second, chart.end),
    );
    html
}

/// Whole or half seconds, or longer steps where there would be too many: place 0–1 and label.
pub fn ticks(end: f64) -> Vec<(f64, String)> {
    let steps = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
    let fits = |step: &&f64| end / (**step * 1000.0) <= 8.0;
    let step = steps.iter().find(fits).unwrap_or(&120.0);
    (0..)
        .map(|count| f64::from(count) * step)
        .take_while(|second| second * 1000.0 <= end)
        .map(|second| {
            let place = second * 1000.0 / end.max(f64::MIN_POSITIVE);
            (place, format!("{}\u{a0}s", (second * 10.0).round() / 10.0))
        })
        .collect()
}

fn outline(curve: &[Step], end: f64) -> String {
    let mut path = String::new();
    for (index, (at, value)) in curve.iter().enumerate() {
        let (x, y) = place(*at, *value, end);
        let _ = match index {
            0 => write!(path, "M{x:.1} {y:.1}"),
            _ => write!(path, "H{x:.1}V{y:.1}"),
        };
    }
    let _ = write!(path, "H{WIDTH}");
    path
}

/// The areas where the second curve is above the first, and below.
fn between(first: &[Step], second: &[Step], end: f64) -> (String, String) {
    let mut moments: Vec<f64> = first.iter().chain(second).map(|step| step.0).collect();
    moments.push(end);
    moments.sort_by(f64::total_cmp);
    let (mut ahead, mut behind) = (String::new(), String::new());
    for pair in moments.windows(2) {
        let (low, high) = (value(first, pair[0]), value(second, pair[0]));
        let (left, top) = place(pair[0], high, end);
        let (right, bottom) = place(pair[1], low, end);
        if left < right && low != high {
            let path = if high > low { &mut ahead } else { &mut behind };
            let _ = write!(
                path,
                "M{left:.1} {top:.1}H{right:.1}V{bottom:.1}H{left:.1}Z"
            );
        }
    }
    (ahead, behind)
}

fn value(curve: &[Step], at: f64) -> f64 {
    let after = curve.partition_point(|step| step.0 <= at);
    after
        .checked_sub(1)
        .and_then(|index| curve.get(index))
        .map_or(0.0, |step| step.1)
}

fn place(at: f64, value: f64, end: f64) -> (f64, f64) {
    let x = (WIDTH * at / end.max(f64::MIN_POSITIVE)).clamp(0.0, WIDTH);
    (x, HEIGHT * (1.0 - value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_right_angles() {
        let curve = [(0.0, 0.0), (500.0, 0.5)];
        assert_eq!(outline(&curve, 1000.0), "M0.0 300.0H500.0V150.0H1000");
    }

    #[test]
    fn the_area_between_knows_who_is_ahead() {
        let first = [(0.0, 0.0), (500.0, 1.0)];
        let second = [(0.0, 0.0), (250.0, 0.5)];
        let (ahead, behind) = between(&first, &second, 1000.0);
        assert_eq!(ahead, "M250.0 150.0H500.0V300.0H250.0Z");
        assert_eq!(behind, "M500.0 150.0H1000.0V0.0H500.0Z");
    }

    #[test]
    fn steps_too_near_to_see_become_one() {
        let steps = [(5.0, 0.1), (6.0, 0.2), (9.0, 0.3), (16.0, 1.0)];
        let thinned = thin(steps.into_iter(), 10.0);
        assert_eq!(thinned, [(0.0, 0.0), (5.0, 0.3), (16.0, 1.0)]);
    }

    #[test]
    fn ticks_are_few_and_round() {
        let labels = |end| -> Vec<String> {
            let tick = |tick: (f64, String)| tick.1.replace('\u{a0}', " ");
            ticks(end).into_iter().map(tick).collect()
        };
        assert_eq!(labels(2000.0), ["0 s", "0.5 s", "1 s", "1.5 s", "2 s"]);
        assert_eq!(labels(9000.0), ["0 s", "2 s", "4 s", "6 s", "8 s"]);
        for end in [0.0, 1.0, 700.0, 90_000.0, 1e6] {
            assert!((1..=9).contains(&ticks(end).len()), "{end}");
        }
    }
}
