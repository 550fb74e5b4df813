//! A budget: what a page may take, as a file that a build can be checked by.

use base::settings::Report;

use crate::metrics::{Metric, Row, Summary, Unit};

base::settings! {
    /// What the page with Firstlight may take at most; what is not set is not checked. Limits are
    /// of the median of the runs. Times are in milliseconds, ratios are with over without.
    pub struct Budget {
        /// Speed Index, milliseconds.
        max_speed_index: Option<f64> = None,
        /// Speed Index over that of the page as it is.
        max_speed_index_ratio: Option<f64> = None,
        /// Speed Index by structural similarity, milliseconds.
        max_ssim_speed_index: Option<f64> = None,
        /// Speed Index by structural similarity over that of the page as it is.
        max_ssim_speed_index_ratio: Option<f64> = None,
        /// First visual change, milliseconds.
        max_first_visual_change: Option<f64> = None,
        /// First visual change over that of the page as it is.
        max_first_visual_change_ratio: Option<f64> = None,
        /// When 85 % of the page is visible, milliseconds.
        max_visually_complete_85: Option<f64> = None,
        /// When 85 % of the page is visible, over that of the page as it is.
        max_visually_complete_85_ratio: Option<f64> = None,
        /// When 95 % of the page is visible, milliseconds.
        max_visually_complete_95: Option<f64> = None,
        /// When 95 % of the page is visible, over that of the page as it is.
        max_visually_complete_95_ratio: Option<f64> = None,
        /// When 99 % of the page is visible, milliseconds.
        max_visually_complete_99: Option<f64> = None,
        /// When 99 % of the page is visible, over that of the page as it is.
        max_visually_complete_99_ratio: Option<f64> = None,
        /// When nothing changes any more, milliseconds.
        max_last_visual_change: Option<f64> = None,
        /// When nothing changes any more, over that of the page as it is.
        max_last_visual_change_ratio: Option<f64> = None,
        /// When half of the pictures in view can be recognised, milliseconds.
        max_preview_half: Option<f64> = None,
        /// When half of the pictures in view can be recognised, over that of the page as it is.
        max_preview_half_ratio: Option<f64> = None,
        /// When every picture in view can be recognised, milliseconds.
        max_preview_all: Option<f64> = None,
        /// When every picture in view can be recognised, over that of the page as it is.
        max_preview_all_ratio: Option<f64> = None,
        /// First contentful paint, milliseconds.
        max_fcp: Option<f64> = None,
        /// First contentful paint over that of the page as it is.
        max_fcp_ratio: Option<f64> = None,
        /// Largest contentful paint, milliseconds.
        max_lcp: Option<f64> = None,
        /// Largest contentful paint over that of the page as it is.
        max_lcp_ratio: Option<f64> = None,
        /// The load event, milliseconds.
        max_load: Option<f64> = None,
        /// The load event over that of the page as it is.
        max_load_ratio: Option<f64> = None,
        /// Bytes of all resources.
        max_bytes: Option<f64> = None,
        /// Bytes over those of the page as it is.
        max_bytes_ratio: Option<f64> = None,
        /// Number of requests.
        max_requests: Option<f64> = None,
        /// Number of requests over that of the page as it is.
        max_requests_ratio: Option<f64> = None,
    }
}

/// How the keys of ratios end.
const RATIO: &str = "_ratio";

/// A limit of the budget that the page does not keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The key of the limit, `max_speed_index_ratio`.
    pub key: String,
    /// The limit.
    pub limit: f64,
    /// What was measured; `None` where no run has the figure.
    pub measured: Option<f64>,
    /// All of it as a sentence.
    pub sentence: String,
}

impl Budget {
    /// Reads a budget from TOML; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it: unknown keys, values that are no positive numbers, and
    /// a budget without a limit.
    pub fn parse(file: &str, source: &str) -> Result<Self, Report> {
        base::settings::read_and_check(file, source, Self::validate).map(|(budget, _)| budget)
    }

    fn validate(&self, report: &mut Report) {
        let limits = Metric::ALL.iter().flat_map(|metric| self.limits(*metric));
        let mut empty = true;
        for (key, limit) in limits {
            empty = false;
            if limit <= 0.0 {
                report.reject(&key, limit.to_string(), "a number above 0");
            }
        }
        if empty && report.is_clean() {
            report.reject("max_speed_index_ratio", "", "at least one limit");
        }
    }

    /// The limits that a comparison does not keep, in the order of the report. A figure that was
    /// not measured keeps no limit.
    pub fn check(&self, summary: &Summary) -> Vec<Violation> {
        let check = |metric: &Metric| {
            let row = summary.row(*metric);
            self.limits(*metric)
                .into_iter()
                .filter_map(move |(key, limit)| violation(&row, key, limit))
        };
        Metric::ALL.iter().flat_map(check).collect()
    }

    /// The limits set for a figure: key and value.
    fn limits(&self, metric: Metric) -> Vec<(String, f64)> {
        let [limit, ratio] = self.fields(metric);
        let key = metric.key();
        let limit = limit.map(|limit| (format!("max_{key}"), limit));
        let ratio = ratio.map(|limit| (format!("max_{key}{RATIO}"), limit));
        limit.into_iter().chain(ratio).collect()
    }

    fn fields(&self, metric: Metric) -> [Option<f64>; 2] {
        match metric {
            Metric::SpeedIndex => [self.max_speed_index, self.max_speed_index_ratio],
            Metric::SimilarityIndex => [self.max_ssim_speed_index, self.max_ssim_speed_index_ratio],
            Metric::FirstChange => [
                self.max_first_visual_change,
                self.max_first_visual_change_ratio,
            ],
            Metric::Complete85 => [
                self.max_visually_complete_85,
                self.max_visually_complete_85_ratio,
            ],
            Metric::Complete95 => [
                self.max_visually_complete_95,
                self.max_visually_complete_95_ratio,
            ],
            Metric::Complete99 => [
                self.max_visually_complete_99,
                self.max_visually_complete_99_ratio,
            ],
            Metric::LastChange => [
                self.max_last_visual_change,
                self.max_last_visual_change_ratio,
            ],
            Metric::PreviewHalf => [self.max_preview_half, self.max_preview_half_ratio],
            Metric::PreviewAll => [self.max_preview_all, self.max_preview_all_ratio],
            Metric::Fcp => [self.max_fcp, self.max_fcp_ratio],
            Metric::Lcp => [self.max_lcp, self.max_lcp_ratio],
            Metric::Load => [self.max_load, self.max_load_ratio],
            Metric::Bytes => [self.max_bytes, self.max_bytes_ratio],
            Metric::Requests => [self.max_requests, self.max_requests_ratio],
        }
    }
}

fn violation(row: &Row, key: String, limit: f64) -> Option<Violation> {
    let is_ratio = key.ends_with(RATIO);
    let measured = if is_ratio {
        row.ratio
    } else {
        row.with.map(|spread| spread.median)
    };
    if measured.is_some_and(|value| value <= limit) {
        return None;
    }
    let label = row.metric.label();
    let sentence = match measured {
        None => format!("{label} was not measured, so `{key} = {limit}` cannot be kept"),
        Some(value) if is_ratio => {
            format!("{label} is {value:.3} of the page as it is; `{key}` allows {limit}")
        }
        Some(value) => {
            let (value, limit) = (amount(row.metric, value), amount(row.metric, limit));
            format!("{label} is {value}; `{key}` allows {limit}")
        }
    };
    Some(Violation {
        key,
        limit,
        measured,
        sentence,
    })
}

/// A figure with its unit.
fn amount(metric: Metric, value: f64) -> String {
    match metric.unit() {
        Unit::Milliseconds => format!("{} ms", (value * 10.0).round() / 10.0),
        Unit::Bytes => format!("{value:.0} bytes"),
        Unit::Count => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::settings::Settings;

    use super::*;
    use crate::metrics::{Measured, Point, Side};
    use crate::run::Conditions;

    fn measured(complete: u64, bytes: u64) -> Measured {
        let point = |at, percent| Point {
            at: Duration::from_millis(at),
            histogram: percent,
            similarity: percent,
        };
        Measured {
            points: vec![point(0, 0.0), point(complete, 100.0)],
            first_change: Duration::from_millis(complete),
            last_change: Duration::from_millis(complete),
            previews: vec![],
            fcp: None,
            lcp: None,
            load: None,
            bytes,
            requests: 3,
        }
    }

    fn side(run: Measured) -> Side {
        Side {
            name: String::new(),
            url: String::new(),
            features: vec![],
            runs: vec![run],
            median_run: 0,
        }
    }

    fn summary() -> Summary {
        let (without, with) = (measured(2000, 1000), measured(900, 800));
        Summary::new(side(without), side(with), Conditions::default())
    }

    #[test]
    fn limits_that_are_kept_say_nothing() {
        let source = "max_speed_index = 900\nmax_speed_index_ratio = 0.45\nmax_bytes_ratio = 0.8\n";
        let budget = Budget::parse("budget.toml", source).unwrap();
        assert_eq!(budget.check(&summary()), []);
    }

    #[test]
    fn limits_that_are_not_kept_are_told_in_sentences() {
        let source = "max_visually_complete_85_ratio = 0.35\nmax_speed_index = 899.5\n\
                      max_bytes = 700\nmax_lcp = 1000\n";
        let budget = Budget::parse("budget.toml", source).unwrap();
        let sentences: Vec<String> = budget
            .check(&summary())
            .into_iter()
            .map(|violation| violation.sentence)
            .collect();
        assert_eq!(
            sentences,
            [
                "Speed Index is 900 ms; `max_speed_index` allows 899.5 ms",
                "85 % visible is 0.450 of the page as it is; `max_visually_complete_85_ratio` \
                 allows 0.35",
                "Largest contentful paint (LCP) was not measured, so `max_lcp = 1000` cannot be kept",
                "Bytes is 800 bytes; `max_bytes` allows 700 bytes",
            ]
        );
    }

    #[test]
    fn a_budget_that_says_nothing_or_nonsense_is_refused() {
        assert!(Budget::parse("budget.toml", "").is_err());
        let source = "max_sped_index = 3\nmax_lcp = -1\nmax_load = 'soon'\n";
        let report = Budget::parse("budget.toml", source)
            .unwrap_err()
            .to_string();
        assert!(
            report.contains("did you mean `max_speed_index`?"),
            "{report}"
        );
        assert!(
            report.contains("budget.toml:2: `max_lcp`: found `-1`"),
            "{report}"
        );
        assert!(report.contains("budget.toml:3: `max_load`"), "{report}");
    }

    #[test]
    fn every_figure_can_be_limited_by_its_own_key() {
        for (metric, setting) in Metric::ALL.iter().zip(Budget::describe().chunks(2)) {
            let key = format!("max_{}", metric.key());
            assert_eq!(setting[0].name, key);
            assert_eq!(setting[1].name, format!("{key}_ratio"));
            let source = format!("{key} = 0.25\n{key}_ratio = 0.75\n");
            let budget = Budget::parse("budget.toml", &source).unwrap();
            assert_eq!(budget.fields(*metric), [Some(0.25), Some(0.75)]);
        }
        assert_eq!(Budget::describe().len(), 2 * Metric::ALL.len());
    }
}
