//! Many runs as few numbers: medians, spreads, ratios, and whether a difference means anything.

use super::{Difference, Measured, Metric, MetricsError, Verdict, measure};
use crate::run::{Comparison, Conditions, Series};

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
    /// How far the sides are apart; `None` where one is missing.
    pub difference: Option<Difference>,
    /// What the difference amounts to.
    pub verdict: Verdict,
}

impl Row {
    fn of(metric: Metric, without: &Side, with: &Side) -> Self {
        let pairs = without.runs.iter().zip(&with.runs);
        let pairs: Vec<(f64, f64)> = pairs
            .filter_map(|(without, with)| metric.of(without).zip(metric.of(with)))
            .collect();
        let difference = Difference::of(metric, &pairs);
        let (without, with) = (without.spread(metric), with.spread(metric));
        let medians = without.zip(with).map(|(a, b)| (a.median, b.median));
        Self {
            metric,
            without,
            with,
            ratio: medians.filter(|(a, _)| *a > 0.0).map(|(a, b)| b / a),
            difference,
            verdict: difference.map_or(Verdict::Undecided, |apart| apart.verdict),
        }
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
}
