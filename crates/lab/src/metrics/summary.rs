//! Many runs as few numbers: medians, spreads, ratios, and whether a difference means anything.

use super::{Measured, Metric, MetricsError, Unit, measure};
use crate::run::{Comparison, Conditions, Series};

/// Fewest runs a side from which a spread says something.
const ENOUGH_RUNS: usize = 3;
/// A difference of less than one frame of the screen cannot be told from none, milliseconds.
const FRAME: f64 = 17.0;

/// A figure over the runs of a side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The value in the middle; between the two in the middle where they are even in number.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many runs have the figure.
    pub runs: usize,
}

impl Spread {
    /// The spread of values; `None` where there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = values[(values.len() - 1) / 2];
        Some(Self {
            median: f64::midpoint(lower, upper),
            min: *values.first()?,
            max: *values.last()?,
            runs: values.len(),
        })
    }

    /// From the least to the greatest.
    pub fn width(&self) -> f64 {
        self.max - self.min
    }
}

/// What a difference between two sides amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The second side has less: sooner, or fewer bytes.
    Better,
    /// The second side has more.
    Worse,
    /// The medians differ by no more than the runs of one side among themselves.
    WithinNoise,
    /// Too few runs to say, or no figure.
    Undecided,
}

/// A figure of both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub metric: Metric,
    /// The page as it is; `None` where no run has the figure.
    pub without: Option<Spread>,
    /// The page with what is being tried.
    pub with: Option<Spread>,
    /// Median with, over median without; `None` where one is missing or the latter is 0.
    pub ratio: Option<f64>,
    /// What the difference amounts to.
    pub verdict: Verdict,
}

impl Row {
    fn of(metric: Metric, without: &Side, with: &Side) -> Self {
        let (without, with) = (without.spread(metric), with.spread(metric));
        let medians = without.zip(with).map(|(a, b)| (a.median, b.median));
        Self {
            metric,
            without,
            with,
            ratio: medians.filter(|(a, _)| *a > 0.0).map(|(a, b)| b / a),
            verdict: without
                .zip(with)
                .map_or(Verdict::Undecided, |(a, b)| judge(metric, a, b)),
        }
    }
}

fn judge(metric: Metric, without: Spread, with: Spread) -> Verdict {
    let difference = with.median - without.median;
    let mut noise = without.width().max(with.width());
    if metric.unit() == Unit::Milliseconds {
        noise = noise.max(FRAME);
    }
    if without.runs.min(with.runs) < ENOUGH_RUNS {
        Verdict::Undecided
    } else if difference.abs() <= noise {
        Verdict::WithinNoise
    } else if difference < 0.0 {
        Verdict::Better
    } else {
        Verdict::Worse
    }
}

/// The runs of a side in numbers.
#[derive(Clone, Debug)]
pub struct Side {
    /// What it is called.
    pub name: String,
    /// The address that was loaded.
    pub url: String,
    /// What was switched on and off, in words.
    pub features: Vec<(String, String)>,
    /// Its runs, in the order they were made; at least one.
    pub runs: Vec<Measured>,
    /// Which of them is the median by Speed Index; the quicker of two in the middle.
    pub median_run: usize,
}

impl Side {
    /// Measures every run of a series.
    ///
    /// # Errors
    /// Those of [`measure`], and [`MetricsError::NoRuns`].
    pub fn of(series: &Series) -> Result<Self, MetricsError> {
        let runs: Result<Vec<Measured>, _> = series.runs.iter().map(measure).collect();
        let runs = runs?;
        Ok(Self {
            name: series.name.clone(),
            url: series.url.clone(),
            features: series.features.clone(),
            median_run: median_run(&runs)
                .ok_or_else(|| MetricsError::NoRuns(series.name.clone()))?,
            runs,
        })
    }

    /// The run in the middle by Speed Index.
    pub fn median(&self) -> &Measured {
        &self.runs[self.median_run]
    }

    /// A figure over all runs.
    pub fn spread(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|run| metric.of(run)).collect())
    }
}

fn median_run(runs: &[Measured]) -> Option<usize> {
    let index = |run: &Measured| Metric::SpeedIndex.of(run).unwrap_or_default();
    let mut order: Vec<(f64, usize)> = runs.iter().map(index).zip(0..).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0));
    let middle = order.len().checked_sub(1)? / 2;
    order.get(middle).map(|(_, run)| *run)
}

/// A comparison in numbers.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The page as it is.
    pub without: Side,
    /// The page with what is being tried.
    pub with: Side,
    /// Every figure of both, in the order of [`Metric::ALL`].
    pub rows: Vec<Row>,
    /// What both were measured under.
    pub conditions: Conditions,
}

impl Summary {
    /// Measures every run of both sides, one side beside the other.
    ///
    /// # Errors
    /// Those of [`measure`], and [`MetricsError::NoRuns`].
    pub fn of(comparison: &Comparison) -> Result<Self, MetricsError> {
        let (without, with) = std::thread::scope(|scope| {
            let without = scope.spawn(|| Side::of(&comparison.without));
            let with = Side::of(&comparison.with);
            match without.join() {
                Ok(without) => (without, with),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        Ok(Self::new(without?, with?, comparison.conditions.clone()))
    }

    /// Compares two sides that have been measured.
    pub fn new(without: Side, with: Side, conditions: Conditions) -> Self {
        let row = |metric: &Metric| Row::of(*metric, &without, &with);
        Self {
            rows: Metric::ALL.iter().map(row).collect(),
            without,
            with,
            conditions,
        }
    }

    /// One figure of both sides.
    pub fn row(&self, metric: Metric) -> Row {
        Row::of(metric, &self.without, &self.with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let spread = Spread::of(vec![9.0, 1.0, 4.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (4.0, 1.0, 9.0));
        let even = Spread::of(vec![8.0, 1.0, 4.0, 2.0]).unwrap();
        assert_eq!((even.median, even.width(), even.runs), (3.0, 7.0, 4));
        assert_eq!(Spread::of(vec![]), None);
    }

    #[test]
    fn a_difference_must_be_more_than_the_spread() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).unwrap();
        let judge = |a: &[f64], b: &[f64]| judge(Metric::SpeedIndex, spread(a), spread(b));
        let base = [1000.0, 1050.0, 1100.0];
        assert_eq!(judge(&base, &[900.0, 949.0, 990.0]), Verdict::Better);
        assert_eq!(judge(&base, &[1140.0, 1151.0, 1160.0]), Verdict::Worse);
        assert_eq!(judge(&base, &[900.0, 950.0, 990.0]), Verdict::WithinNoise);
        assert_eq!(judge(&base, &[100.0, 900.0, 1000.0]), Verdict::WithinNoise);
        assert_eq!(judge(&[1000.0; 3], &[984.0; 3]), Verdict::WithinNoise);
        assert_eq!(judge(&[1000.0; 3], &[982.0; 3]), Verdict::Better);
        assert_eq!(judge(&base[..2], &[10.0, 11.0]), Verdict::Undecided);
    }
}
