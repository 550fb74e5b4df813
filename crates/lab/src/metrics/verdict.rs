//! Whether a difference between two sides means anything.
//!
//! Runs are made in turns, A B A B, so that each pair of neighbours had the same machine. What is
//! reported is the median of the pairs' ratios, and beside it the spread: the widest of three
//! intervals, what the pairs' ratios span, and what the runs of either side span. A difference
//! counts only where it is larger. All of it is in ratios, as noise is: a slow side is noisier in
//! milliseconds. No shape of the noise is assumed.
//!
//! From nine pairs on the intervals leave out extremes, so that a run that went astray does not hide
//! what all others show.

use super::{Metric, Unit};

/// Fewest pairs of runs from which a spread says something: fewer than five may agree by chance.
pub const ENOUGH_PAIRS: usize = 5;
/// A difference of less than one frame of the screen cannot be told from none, milliseconds.
const FRAME: f64 = 17.0;
/// What a difference between two sides amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The second side has less: sooner, or fewer bytes.
    Better,
    /// The second side has more.
    Worse,
    /// No difference that can be told from the spread of the runs.
    WithinNoise,
    /// Too few pairs of runs to say, or no figure.
    Undecided,
}

/// How far two sides are apart, and how far runs of the same side are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Median over the pairs of the second side's figure over the first's, less 1: −0.25 is a
    /// quarter less.
    pub change: f64,
    /// What the change has to exceed to count, as a share too: 0.1 means that runs of the same side
    /// were up to a tenth apart. Never negative.
    pub spread: f64,
    /// The same change in the figure's unit: the median of the pairs' differences.
    pub amount: f64,
    /// Pairs of runs that both have the figure.
    pub pairs: usize,
    /// What it amounts to.
    pub verdict: Verdict,
}

impl Difference {
    /// Compares runs in the order they were made: the first of one side with the first of the
    /// other, and so on. `None` where there are no pairs.
    pub fn of(metric: Metric, pairs: &[(f64, f64)]) -> Option<Self> {
        let amount = middle(&sorted(pairs.iter().map(|(one, other)| other - one)))?;
        // One more of the unit keeps nothing at all from being infinitely less than something.
        let scale = |value: f64| (value.max(0.0) + 1.0).ln();
        let apart = sorted(pairs.iter().map(|(one, other)| scale(*other) - scale(*one)));
        let one = sorted(pairs.iter().map(|pair| scale(pair.0)));
        let other = sorted(pairs.iter().map(|pair| scale(pair.1)));
        let spread = width(&apart).max(width(&one)).max(width(&other));
        let change = middle(&apart)?;
        let least = match metric.unit() {
            Unit::Milliseconds => FRAME,
            Unit::Bytes | Unit::Count => 0.0,
        };
        let counts = change.abs() > spread && change.abs() > LEAST && amount.abs() > least;
        Some(Self {
            change: change.exp_m1(),
            spread: spread.exp_m1(),
            amount,
            pairs: pairs.len(),
            verdict: match (pairs.len() >= ENOUGH_PAIRS, counts) {
                (false, _) => Verdict::Undecided,
                (true, false) => Verdict::WithinNoise,
                (true, true) if change < 0.0 => Verdict::Better,
                (true, true) => Verdict::Worse,
            },
        })
    }
}

/// A difference of less than a thousandth is none: headers alone may differ by that.
const LEAST: f64 = 0.001;

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// From the least to the greatest that are not left out; 0 where there is nothing.
fn width(sorted: &[f64]) -> f64 {
    let left_out = left_out(sorted.len());
    let low = sorted.get(left_out);
    let high = sorted.len().checked_sub(1 + left_out);
    let high = high.and_then(|index| sorted.get(index));
    low.zip(high).map_or(0.0, |(low, high)| high - low)
}

/// How many extremes at either end may be left out so that what remains still holds the true median
/// in 95 of 100 cases: the interval of the sign test, which asks nothing of the distribution. None
/// of fewer than nine.
fn left_out(count: usize) -> usize {
    // Probability that so many of `count` values lie below the median, and that at most so many do.
    let mut exactly = 0.5_f64.powi(count as i32);
    let mut at_most = exactly;
    let mut left_out = 0;
    while left_out < count {
        exactly *= (count - left_out) as f64 / (left_out + 1) as f64;
        at_most += exactly;
        if at_most > 0.025 {
            break;
        }
        left_out += 1;
    }
    left_out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(one: &[f64], other: &[f64]) -> Verdict {
        let pairs: Vec<(f64, f64)> = one.iter().copied().zip(other.iter().copied()).collect();
        Difference::of(Metric::SpeedIndex, &pairs)
            .map_or(Verdict::Undecided, |difference| difference.verdict)
    }

    #[test]
    fn a_difference_must_be_more_than_the_spread() {
        let base = [1000.0, 1050.0, 1100.0, 1020.0, 1080.0];
        let times = |factor: f64| base.map(|value| value * factor);
        assert_eq!(judge(&base, &times(0.90)), Verdict::Better);
        assert_eq!(judge(&base, &times(1.11)), Verdict::Worse);
        assert_eq!(judge(&base, &times(0.92)), Verdict::WithinNoise);
        assert_eq!(judge(&[1000.0; 5], &[984.0; 5]), Verdict::WithinNoise);
        assert_eq!(judge(&[1000.0; 5], &[982.0; 5]), Verdict::Better);
        assert_eq!(judge(&base[..4], &[10.0; 4]), Verdict::Undecided);
        assert_eq!(judge(&[], &[]), Verdict::Undecided);
    }

    #[test]
    fn a_side_that_is_slow_and_noisy_is_still_slow() {
        let noisy = [3300.0, 4500.0, 6300.0, 4400.0, 6000.0];
        let quick = [1500.0, 1560.0, 1540.0, 1550.0, 1520.0];
        assert_eq!(judge(&noisy, &quick), Verdict::Better);
        assert_eq!(judge(&quick, &noisy), Verdict::Worse);
    }

    #[test]
    fn one_run_that_went_astray_is_left_out_where_there_are_many() {
        let base: Vec<f64> = (0..9)
            .map(|run| 1000.0 + f64::from(run % 3) * 10.0)
            .collect();
        let mut other: Vec<f64> = base.iter().map(|value| value * 0.9).collect();
        other[4] = 2900.0;
        assert_eq!(judge(&base, &other), Verdict::Better);
        assert_eq!(judge(&base[1..8], &other[1..8]), Verdict::WithinNoise);
    }

    #[test]
    fn as_many_are_left_out_as_the_sign_test_allows() {
        // Tables of the binomial distribution with p = 1/2, two-sided 95 %.
        for (count, expected) in [(0, 0), (5, 0), (8, 0), (9, 1), (12, 2), (20, 5), (25, 7)] {
            assert_eq!(left_out(count), expected, "{count}");
        }
    }

    /// Noise of a shape, around 1000.
    fn noisy(random: &mut fastrand::Rng, shape: usize) -> f64 {
        let normal = |random: &mut fastrand::Rng| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        1000.0
            + match shape {
                0 => 40.0 * normal(random),
                // Now and then a start that takes much longer.
                1 if random.f64() < 0.07 => 150.0 + 250.0 * random.f64(),
                1 => 30.0 * normal(random),
                // On the grid of the screen.
                2 => (normal(random) * 12.0 / 16.7).round() * 16.7,
                _ => 60.0 * (0.5 * normal(random)).exp(),
            }
    }

    /// How many of 20,000 comparisons say that there is a difference.
    fn claims(shape: usize, pairs: usize, factor: f64) -> usize {
        let mut random = fastrand::Rng::with_seed(26);
        let mut claims = 0;
        for _ in 0..20_000 {
            // The machine gets slower or faster while it goes on.
            let drift = if shape == 0 {
                20.0 * (random.f64() - 0.5)
            } else {
                0.0
            };
            let pair = |index: usize, random: &mut fastrand::Rng| {
                let drift = drift * index as f64;
                (
                    noisy(random, shape) + drift,
                    (noisy(random, shape) + drift) * factor,
                )
            };
            let pairs: Vec<(f64, f64)> = (0..pairs).map(|index| pair(index, &mut random)).collect();
            let difference = Difference::of(Metric::SpeedIndex, &pairs).unwrap();
            claims += usize::from(difference.verdict != Verdict::WithinNoise);
        }
        claims
    }

    #[test]
    fn what_is_the_same_is_called_different_less_than_three_times_in_a_thousand() {
        for shape in 0..4 {
            let wrong = claims(shape, 5, 1.0);
            assert!(wrong <= 60, "{wrong} of 20000 with noise of shape {shape}");
            for pairs in [7, 10] {
                let wrong = claims(shape, pairs, 1.0);
                assert!(
                    wrong <= 20,
                    "{wrong} of 20000, {pairs} pairs, shape {shape}"
                );
            }
        }
    }

    #[test]
    fn what_is_a_third_less_is_found() {
        for shape in [0, 2] {
            let found = claims(shape, 5, 0.667);
            assert!(
                found >= 19_600,
                "{found} of 20000 with noise of shape {shape}"
            );
        }
        // One run of 14 goes astray here, so that every other comparison of five pairs has one.
        for (pairs, least) in [(5, 9_000), (12, 18_000)] {
            let found = claims(1, pairs, 0.667);
            assert!(found >= least, "{found} of 20000 with {pairs} pairs");
        }
    }

    proptest! {
        #[test]
        fn sides_are_treated_alike(
            values in prop::collection::vec((1.0..5000.0_f64, 1.0..5000.0_f64), 1..30),
        ) {
            let swapped: Vec<(f64, f64)> = values.iter().map(|(one, other)| (*other, *one)).collect();
            let there = Difference::of(Metric::SpeedIndex, &values).unwrap();
            let back = Difference::of(Metric::SpeedIndex, &swapped).unwrap();
            prop_assert!((there.amount + back.amount).abs() < 1e-6);
            let whole = (1.0 + there.change) * (1.0 + back.change);
            prop_assert!((whole - 1.0).abs() < 1e-6, "{whole}");
            prop_assert!((there.spread - back.spread).abs() < 1e-6 && there.spread >= 0.0);
            let opposite = match there.verdict {
                Verdict::Better => Verdict::Worse,
                Verdict::Worse => Verdict::Better,
                same => same,
            };
            prop_assert_eq!(back.verdict, opposite);
            let itself: Vec<(f64, f64)> = values.iter().map(|(one, _)| (*one, *one)).collect();
            let nothing = Difference::of(Metric::SpeedIndex, &itself).unwrap();
            prop_assert!(!matches!(nothing.verdict, Verdict::Better | Verdict::Worse));
        }
    }
}
