//! The report: one HTML file that needs nothing else, for people who want to see it.
//!
//! Text from outside (addresses, names, the browser's words) is escaped;
//! a content security policy in the page forbids every request.

mod chart;
mod film;
mod headline;
mod html;
mod table;
mod waterfall;
mod words;

use crate::metrics::Summary;
use crate::run::Comparison;
use html::{escape, fill};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const PLAYER: &str = include_str!("player.js");

/// Load average from which on figures are told with a warning.
pub const BUSY: f64 = 2.0;

/// The report on a comparison as one HTML file that asks for nothing else; `summary` must be its
/// own. About 1.4 times as large as the frames of the two median runs; where those are many, they
/// are shown at half their size.
pub fn page(comparison: &Comparison, summary: &Summary) -> String {
    let runs = [
        &comparison.without.runs[summary.without.median_run],
        &comparison.with.runs[summary.with.median_run],
    ];
    let headline = headline::headline(summary);
    let (width, height) = runs[1].viewport;
    fill(
        PAGE,
        &[
            ("title", &escape(&headline.plain)),
            ("style", STYLE),
            ("aspect", &format!("{} / {}", width.max(1), height.max(1))),
            ("headline", &headline.html),
            ("lead", &headline::lead(summary)),
            ("warning", &headline::warning(summary)),
            ("tiles", &headline::tiles(summary)),
            ("name_without", &escape(&summary.without.name)),
            ("name_with", &escape(&summary.with.name)),
            ("progress", &chart::progress(summary)),
            ("similarity", &chart::similarity(summary)),
            ("arrivals", &chart::arrivals(summary, runs)),
            ("sent", &waterfall::key(runs)),
            ("waterfalls", &waterfall::waterfalls(summary, runs)),
            ("figures", &table::figures(summary)),
            ("conditions", &table::conditions(summary)),
            ("film", &film::film(summary, runs)),
            ("player", PLAYER),
        ],
    )
}

#[cfg(test)]
mod tests;
