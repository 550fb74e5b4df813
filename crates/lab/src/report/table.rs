//! All figures, and what they were measured under.

use std::fmt::Write as _;

use super::BUSY;
use super::html::escape;
use super::words::{class, figure, outcome, range};
use crate::metrics::{Metric, Row, Side, Spread, Summary};

/// The rows of the table of figures.
pub fn figures(summary: &Summary) -> String {
    summary.rows.iter().map(row).collect()
}

fn row(row: &Row) -> String {
    let ratio = row
        .ratio
        .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
    format!(
        "<tr><th scope=\"row\">{}<small>{}</small></th>{}{}<td class=\"number\">{ratio}</td>\
         <td><span class=\"chip {}\">{}</span></td></tr>",
        row.metric.label(),
        row.metric.meaning(),
        cell(row.metric, row.without),
        cell(row.metric, row.with),
        class(row.verdict),
        outcome(row),
    )
}

fn cell(metric: Metric, spread: Option<Spread>) -> String {
    match spread {
        None => "<td class=\"number\">–</td>".into(),
        Some(spread) => format!(
            "<td class=\"number\">{}<small>{}</small></td>",
            figure(metric, spread.median),
            range(metric, &spread),
        ),
    }
}

/// The conditions as a list of terms.
pub fn conditions(summary: &Summary) -> String {
    let conditions = &summary.conditions;
    let (before, after) = conditions.load_average;
    let mut load = format!("{before:.2} at the start, {after:.2} at the end");
    if before.max(after) > BUSY {
        let _ = write!(load, " – more than {BUSY}: the machine was busy");
    }
    let runs = format!(
        "{} without, {} with, in turns; the median by Speed Index is shown",
        summary.without.runs.len(),
        summary.with.runs.len(),
    );
    let mut list = String::new();
    for (term, words) in [
        ("Link", conditions.profile.as_str()),
        ("Emulated by", link(&conditions.link)),
        ("Browser", &conditions.browser),
        ("Congestion control", &conditions.congestion_control),
        ("Runs", &runs),
        ("Load average", &load),
    ] {
        let words = if words.is_empty() { "not known" } else { words };
        let _ = write!(list, "<div><dt>{term}</dt><dd>{}</dd></div>", escape(words));
    }
    for side in [&summary.without, &summary.with] {
        let name = escape(&side.name);
        let _ = write!(
            list,
            "<div><dt>{name}</dt><dd>{}</dd></div>",
            features(side)
        );
    }
    if !conditions.notes.is_empty() {
        let notes = conditions
            .notes
            .iter()
            .map(|note| format!("<li>{}</li>", escape(note)));
        let notes: String = notes.collect();
        let _ = write!(list, "<div><dt>Notes</dt><dd><ul>{notes}</ul></dd></div>");
    }
    list
}

fn link(word: &str) -> &str {
    match word {
        "tun" => "two TUN devices and a program between them: packets, real TCP at both ends",
        "relay" => "a relay of TCP connections, for want of root: figures are 5–10 % off",
        "none" => "nothing: the network as it is",
        other => other,
    }
}

fn features(side: &Side) -> String {
    let mut list = format!("<code>{}</code>", escape(&side.url));
    if side.features.is_empty() {
        return list;
    }
    list.push_str("<ul>");
    for (name, value) in &side.features {
        let _ = write!(list, "<li>{}: {}</li>", escape(name), escape(value));
    }
    list.push_str("</ul>");
    list
}
