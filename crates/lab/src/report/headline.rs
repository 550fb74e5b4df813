//! What the report says first: one sentence that is true, and the figures behind it.

use std::fmt::Write as _;

use super::BUSY;
use super::html::escape;
use super::words::{class, figure, outcome, seconds, two_times};
use crate::metrics::{Metric, Row, Summary, Unit, Verdict};

/// The first sentence.
pub struct Headline {
    /// As text.
    pub plain: String,
    /// As HTML, with the figures marked.
    pub html: String,
}

/// The sentence about 85 % of the page, in words that fit the outcome.
pub fn headline(summary: &Summary) -> Headline {
    let row = summary.row(Metric::Complete85);
    let Some((without, with)) = row.without.zip(row.with) else {
        let plain = "The page was never visible to 85\u{a0}%".to_owned();
        return Headline {
            html: plain.clone(),
            plain,
        };
    };
    let (with, without) = two_times(with.median, without.median);
    let sentence = |with: &str, without: &str| match row.verdict {
        Verdict::Better => {
            format!("85\u{a0}% of the page was visible after {with} instead of {without}")
        }
        Verdict::Worse => {
            format!("85\u{a0}% of the page was visible only after {with} instead of {without}")
        }
        Verdict::WithinNoise => format!(
            "No difference that can be told apart: 85\u{a0}% of the page was visible after {with}, \
             and after {without} without"
        ),
        Verdict::Undecided => format!(
            "Too few runs to be sure: 85\u{a0}% of the page was visible after {with} instead of {without}"
        ),
    };
    Headline {
        plain: sentence(&with, &without),
        html: sentence(
            &format!("<strong class=\"with\">{with}</strong>"),
            &format!("<strong class=\"without\">{without}</strong>"),
        ),
    }
}

/// The paragraph below: where, over what, how often, and the Speed Index whichever way it went.
pub fn lead(summary: &Summary) -> String {
    let row = summary.row(Metric::SpeedIndex);
    let mut lead = format!("<code>{}</code>", escape(&summary.with.url));
    if summary.without.url != summary.with.url {
        let _ = write!(
            lead,
            " against <code>{}</code>",
            escape(&summary.without.url)
        );
    }
    let _ = write!(lead, " over {}. ", escape(&summary.conditions.profile));
    if let Some((without, with)) = row.without.zip(row.with) {
        let [now, before] = [with, without].map(|side| figure(row.metric, side.median));
        let outcome = outcome(&row);
        let _ = match row.verdict {
            Verdict::Better => write!(
                lead,
                "The Speed Index fell from {before} to {now}: {outcome}. "
            ),
            Verdict::Worse => write!(
                lead,
                "The Speed Index rose from {before} to {now}: {outcome}. "
            ),
            Verdict::WithinNoise | Verdict::Undecided => {
                write!(
                    lead,
                    "The Speed Index was {now}, and {before} without: {outcome}. "
                )
            }
        };
    }
    let (one, other) = (summary.without.runs.len(), summary.with.runs.len());
    let runs = |count: usize| format!("{count} {}", if count == 1 { "run" } else { "runs" });
    if one == other {
        let _ = write!(lead, "{} of each side, the median one is shown.", runs(one));
    } else {
        let _ = write!(
            lead,
            "{} without, {} with; the median ones are shown.",
            runs(one),
            runs(other)
        );
    }
    lead
}

/// A warning where the machine was too busy to be trusted; nothing otherwise.
pub fn warning(summary: &Summary) -> String {
    let (before, after) = summary.conditions.load_average;
    let load = before.max(after);
    if load <= BUSY {
        return String::new();
    }
    format!(
        "<p class=\"warning\" role=\"note\"><strong>The machine was busy.</strong> \
         Its load average reached {load:.1}: small differences may be chance.</p>"
    )
}

/// The figures that say most, each with a bar for either side.
pub fn tiles(summary: &Summary) -> String {
    let shown = [
        Metric::Complete85,
        Metric::SpeedIndex,
        Metric::PreviewAll,
        Metric::Bytes,
    ];
    shown
        .iter()
        .map(|metric| tile(&summary.row(*metric)))
        .collect()
}

fn tile(row: &Row) -> String {
    let Some((without, with)) = row.without.zip(row.with) else {
        return String::new();
    };
    let [now, before] = [with, without].map(|side| figure(row.metric, side.median));
    let (now, before) = match row.metric.unit() {
        Unit::Milliseconds if row.metric != Metric::SpeedIndex => {
            two_times(with.median, without.median)
        }
        _ => (now, before),
    };
    let most = with.median.max(without.median).max(f64::MIN_POSITIVE);
    let bar = |side: &str, value: f64| {
        format!(
            "<i class=\"{side}\" style=\"width:{:.1}%\"></i>",
            100.0 * value / most
        )
    };
    format!(
        "<li><h3>{label}</h3><p class=\"value\">{now}</p><p class=\"before\">instead of {before}</p>\
         <span class=\"bars\" aria-hidden=\"true\">{}{}</span>\
         <p class=\"chip {}\">{}</p></li>",
        bar("with", with.median),
        bar("without", without.median),
        class(row.verdict),
        outcome(row),
        label = row.metric.label(),
    )
}

/// The sentence for those who cannot see the curves.
pub fn curves_in_words(summary: &Summary) -> String {
    let at = |metric: Metric| {
        let (one, other) = (
            metric.of(summary.without.median()),
            metric.of(summary.with.median()),
        );
        one.zip(other)
            .map(|(one, other)| (seconds(one), seconds(other)))
    };
    let steps = [
        (Metric::FirstChange, "first change"),
        (Metric::Complete85, "85 % visible"),
        (Metric::LastChange, "last change"),
    ];
    let step = |(metric, label): &(Metric, &str)| {
        let (without, with) = at(*metric)?;
        Some(format!("{label} after {with}, without after {without}"))
    };
    steps.iter().filter_map(step).collect::<Vec<_>>().join("; ")
}
