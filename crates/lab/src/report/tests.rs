//! Reports on values made here: what they say, and that nothing from outside gets through.

use std::time::Duration;

use super::*;
use crate::metrics::{Measured, Point, Side, Verdict};
use crate::run::{Conditions, Frame, Resource, Run, Series};

fn ms(at: u64) -> Duration {
    Duration::from_millis(at)
}

fn measured(complete: u64) -> Measured {
    let point = |at, percent| Point {
        at: ms(at),
        histogram: percent,
        similarity: percent,
    };
    Measured {
        points: vec![point(0, 0.0), point(complete, 100.0)],
        first_change: ms(complete),
        last_change: ms(complete),
        previews: vec![],
        fcp: Some(ms(complete)),
        lcp: None,
        load: Some(ms(complete)),
        bytes: 1000,
        requests: 1,
    }
}

fn comparison(without: &[u64], with: &[u64]) -> (Comparison, Summary) {
    let run = |complete: &u64| Run {
        frames: vec![Frame {
            at: ms(*complete),
            jpeg: vec![0xff, 0xd8, 0xff],
        }],
        resources: vec![Resource {
            url: "https://example/<script>alert(1)</script>".into(),
            times: [Some(ms(1)), Some(ms(2)), Some(ms(*complete))],
            ..Resource::default()
        }],
        viewport: (1280, 800),
        ..Run::default()
    };
    let series = |name: &str, times: &[u64]| Series {
        name: name.into(),
        url: "https://example/?a&b=<i>".into(),
        features: vec![("order".into(), "<on>".into())],
        runs: times.iter().map(run).collect(),
    };
    let side = |name: &str, times: &[u64]| Side {
        name: name.into(),
        url: "https://example/?a&b=<i>".into(),
        features: vec![("order".into(), "<on>".into())],
        runs: times.iter().map(|time| measured(*time)).collect(),
        median_run: times.len() / 2,
    };
    let conditions = Conditions {
        profile: "\"lab\" <b>".into(),
        browser: "</script><script>".into(),
        load_average: (0.5, 3.25),
        notes: vec!["<note>".into()],
        ..Conditions::default()
    };
    let name = "</script><b>without</b>";
    let comparison = Comparison {
        without: series(name, without),
        with: series("with", with),
        conditions: conditions.clone(),
    };
    (
        comparison,
        Summary::new(side(name, without), side("with", with), conditions),
    )
}

fn headline(without: &[u64], with: &[u64]) -> (Verdict, String) {
    let (_, summary) = comparison(without, with);
    let verdict = summary.row(crate::metrics::Metric::Complete85).verdict;
    let plain = headline::headline(&summary).plain;
    (verdict, plain.replace('\u{a0}', " "))
}

#[test]
fn the_headline_says_what_happened() {
    let base = [3600, 3610, 3650, 3620, 3640];
    assert_eq!(
        headline(&base, &[1050, 1061, 1080, 1055, 1070]),
        (
            Verdict::Better,
            "85 % of the page was visible after 1.1 s instead of 3.6 s".into()
        )
    );
    assert_eq!(
        headline(&base, &[4000, 4010, 4050, 4010, 4000]),
        (
            Verdict::Worse,
            "85 % of the page was visible only after 4.0 s instead of 3.6 s".into()
        )
    );
    let (verdict, same) = headline(&base, &[3580, 3590, 3640, 3600, 3630]);
    assert_eq!(verdict, Verdict::WithinNoise);
    assert!(
        same.starts_with("No difference that can be told apart: "),
        "{same}"
    );
    let (verdict, few) = headline(&base[..1], &[1000]);
    assert_eq!(verdict, Verdict::Undecided);
    assert!(few.starts_with("Too few runs to be sure: "), "{few}");
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let (comparison, summary) = comparison(&[2000, 2010, 2020], &[1000, 1010, 1020]);
    let page = page(&comparison, &summary);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    for forbidden in [
        "<b>without",
        "<script>alert",
        "<note>",
        "<on>",
        "\"lab\" <b>",
        "=<i>",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("&lt;note&gt;") && page.contains("&lt;on&gt;"));
    assert!(!page.contains("{{"), "a place was not filled");
}

#[test]
fn the_page_says_when_the_machine_was_busy() {
    let (comparison, mut summary) = comparison(&[2000, 2010, 2020], &[1000, 1010, 1020]);
    assert!(page(&comparison, &summary).contains("load average reached 3.2"));
    summary.conditions.load_average = (0.5, 1.9);
    assert!(!page(&comparison, &summary).contains("The machine was busy"));
}

#[test]
fn every_place_of_the_template_is_known() {
    let (comparison, summary) = comparison(&[2000, 2010, 2020], &[1000, 1010, 1020]);
    let page = page(&comparison, &summary);
    for place in PAGE.split("{{").skip(1) {
        let name = place.split_once("}}").unwrap().0;
        // Whatever stands there is there: only the chart of arrivals and the key of the server's log may be empty.
        let (before, after) = PAGE.split_once(&format!("{{{{{name}}}}}")).unwrap();
        let before: String = before.rsplit("}}").next().unwrap().into();
        let after: String = after.split("{{").next().unwrap().into();
        let empty = format!("{before}{after}");
        assert!(
            matches!(name, "arrivals" | "sent") || !page.contains(&empty) || empty.len() < 3,
            "{name}"
        );
    }
}

#[test]
fn the_film_has_each_picture_once() {
    let (mut comparison, summary) = comparison(&[2000, 2010, 2020], &[1000, 1010, 1020]);
    let run = &mut comparison.with.runs[1];
    run.frames.push(run.frames[0].clone());
    let runs = [&comparison.without.runs[1], &comparison.with.runs[1]];
    let film: serde_json::Value = serde_json::from_str(&film::film(&summary, runs)).unwrap();
    assert_eq!(
        film["sides"][1]["frames"],
        serde_json::json!([[1010.0, 100.0, "/9j/"]])
    );
    assert_eq!(film["sides"][1]["marks"][1][1], "85 %");
    assert_eq!(film["end"], 2310.0);
}
