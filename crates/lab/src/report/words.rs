//! Figures as people read them; no line breaks between a number and its unit.

use std::time::Duration;

use crate::metrics::{Metric, Row, Spread, Unit, Verdict};

/// Seconds from milliseconds, `1.3 s`.
pub fn seconds(milliseconds: f64) -> String {
    format!("{:.1}\u{a0}s", milliseconds / 1000.0)
}

/// Two times, exact enough to be told apart where they differ by 5 ms or more.
pub fn two_times(one: f64, other: f64) -> (String, String) {
    let (short, shorter) = (seconds(one), seconds(other));
    if short != shorter || (one - other).abs() < 5.0 {
        return (short, shorter);
    }
    let long = |time: f64| format!("{:.2}\u{a0}s", time / 1000.0);
    (long(one), long(other))
}

/// A time since the navigation, `0.31 s`.
pub fn moment(time: Duration) -> String {
    format!("{:.2}\u{a0}s", time.as_secs_f64())
}

/// A number of bytes, `1.2 MB`.
pub fn bytes(count: f64) -> String {
    match count {
        ..1000.0 => format!("{count:.0}\u{a0}B"),
        ..100_000.0 => format!("{:.1}\u{a0}kB", count / 1000.0),
        ..1_000_000.0 => format!("{:.0}\u{a0}kB", count / 1000.0),
        _ => format!("{:.2}\u{a0}MB", count / 1_000_000.0),
    }
}

/// A figure with its unit.
pub fn figure(metric: Metric, value: f64) -> String {
    match metric.unit() {
        Unit::Milliseconds => format!("{value:.0}\u{a0}ms"),
        Unit::Bytes => bytes(value),
        Unit::Count => format!("{value}"),
    }
}

/// From the least to the greatest of a figure.
pub fn range(metric: Metric, spread: &Spread) -> String {
    let (min, max) = (figure(metric, spread.min), figure(metric, spread.max));
    if min == max {
        return format!("{max} in every run");
    }
    let unit = |text: &str| text.rsplit_once('\u{a0}').map(|(_, unit)| unit.to_owned());
    match min.rsplit_once('\u{a0}') {
        Some((number, same)) if unit(&max).as_deref() == Some(same) => format!("{number}–{max}"),
        _ => format!("{min}–{max}"),
    }
}

/// What a row comes to: `69 % sooner`, `2.5 times as late`, `no difference`.
pub fn outcome(row: &Row) -> String {
    let (less, more, much) = match row.metric {
        Metric::SpeedIndex | Metric::SimilarityIndex => ("lower", "higher", "high"),
        _ if row.metric.unit() == Unit::Milliseconds => ("sooner", "later", "late"),
        _ => ("fewer", "more", "many"),
    };
    match (row.verdict, row.ratio) {
        (Verdict::Better, Some(ratio)) => format!("{} {less}", share(1.0 - ratio)),
        (Verdict::Better, None) => less.into(),
        (Verdict::Worse, Some(ratio)) if ratio >= 2.0 => format!("{ratio:.1} times as {much}"),
        (Verdict::Worse, Some(ratio)) => format!("{} {more}", share(ratio - 1.0)),
        (Verdict::Worse, None) => more.into(),
        (Verdict::WithinNoise, Some(1.0)) => "the same".into(),
        (Verdict::WithinNoise, _) => "no difference".into(),
        (Verdict::Undecided, Some(_)) => "too few runs".into(),
        (Verdict::Undecided, None) => "not measured".into(),
    }
}

fn share(of_one: f64) -> String {
    if of_one < 0.1 {
        format!("{:.1}\u{a0}%", of_one * 100.0)
    } else {
        format!("{:.0}\u{a0}%", of_one * 100.0)
    }
}

/// The class that a verdict is painted by.
pub fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::WithinNoise | Verdict::Undecided => "same",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_apart_where_they_differ() {
        assert_eq!(
            two_times(1061.0, 3610.0),
            ("1.1\u{a0}s".into(), "3.6\u{a0}s".into())
        );
        assert_eq!(
            two_times(1010.0, 1040.0),
            ("1.01\u{a0}s".into(), "1.04\u{a0}s".into())
        );
        assert_eq!(
            two_times(1010.0, 1012.0),
            ("1.0\u{a0}s".into(), "1.0\u{a0}s".into())
        );
    }

    #[test]
    fn bytes_have_three_digits_or_so() {
        let shown = [12.0, 1234.0, 123_456.0, 1_234_567.0].map(bytes);
        assert_eq!(
            shown,
            ["12\u{a0}B", "1.2\u{a0}kB", "123\u{a0}kB", "1.23\u{a0}MB"]
        );
    }

    #[test]
    fn ranges_name_their_unit_once() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).unwrap();
        let range = |metric, values: &[f64]| range(metric, &spread(values));
        assert_eq!(range(Metric::Lcp, &[900.0, 1100.0]), "900–1100\u{a0}ms");
        assert_eq!(
            range(Metric::Bytes, &[900.0, 1100.0]),
            "900\u{a0}B–1.1\u{a0}kB"
        );
        assert_eq!(range(Metric::Requests, &[3.0, 3.0]), "3 in every run");
        assert_eq!(range(Metric::Requests, &[3.0, 4.0]), "3–4");
    }

    #[test]
    fn outcomes_are_told_in_fitting_words() {
        let say = |metric, ratio, verdict| {
            let row = Row {
                metric,
                without: None,
                with: None,
                ratio,
                difference: None,
                verdict,
            };
            outcome(&row).replace('\u{a0}', " ")
        };
        let (better, worse) = (Verdict::Better, Verdict::Worse);
        assert_eq!(say(Metric::Load, Some(0.31), better), "69 % sooner");
        assert_eq!(say(Metric::Bytes, Some(0.935), better), "6.5 % fewer");
        assert_eq!(say(Metric::SpeedIndex, Some(1.3), worse), "30 % higher");
        assert_eq!(say(Metric::Lcp, Some(4.61), worse), "4.6 times as late");
        assert_eq!(
            say(Metric::Lcp, Some(1.01), Verdict::WithinNoise),
            "no difference"
        );
        assert_eq!(say(Metric::Lcp, None, Verdict::Undecided), "not measured");
    }
}
