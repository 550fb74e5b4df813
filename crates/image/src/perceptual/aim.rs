//! Which step is tried next (pure): by what pictures usually look like, corrected by what this one
//! did.

/// So near to the target nothing more is tried, in points.
const CLOSE: f32 = 0.75;

/// A step that was tried, and how it looked.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tried {
    step: usize,
    score: f32,
}

/// A search for the step at which the score meets a target. Scores rise with steps, more or less.
pub(super) struct Aim<'a> {
    /// What each step usually looks like.
    usual: &'a [f32],
    target: f32,
    most: usize,
    tried: Vec<Tried>,
}

impl<'a> Aim<'a> {
    /// A search of at most `most` tries.
    pub(super) fn new(usual: &'a [f32], target: f32, most: usize) -> Self {
        Self {
            usual,
            target,
            most,
            tried: Vec::with_capacity(most),
        }
    }

    /// Takes note of how a step looked.
    pub(super) fn note(&mut self, step: usize, score: f32) {
        self.tried.push(Tried { step, score });
    }

    /// The step to try next; `None` if another try would not help.
    pub(super) fn next(&self) -> Option<usize> {
        let close = |tried: &Tried| (tried.score - self.target).abs() <= CLOSE;
        if self.tried.len() >= self.most || self.tried.iter().any(close) {
            return None;
        }
        let tried = || self.tried.iter().copied();
        let low = tried().filter(|tried| tried.score < self.target);
        let low = low.max_by_key(|tried| tried.step);
        let high = tried().filter(|tried| tried.score >= self.target);
        let high = high.min_by_key(|tried| tried.step);
        let from = low.map_or(0, |low| low.step + 1);
        let to = high.map_or(self.usual.len(), |high| high.step);
        // Between steps in the wrong order nothing is to be found.
        let between = self.usual.get(from..to)?;
        let expected = |step: usize| self.usual[step] + self.correction(step, low, high);
        let misses = (from..from + between.len()).map(|step| (step, expected(step) - self.target));
        misses
            .min_by(|(_, one), (_, two)| one.abs().total_cmp(&two.abs()))
            .map(|(step, _)| step)
    }

    /// By how much this picture is expected to look better at a step than pictures usually do:
    /// as seen at the steps on both sides, or on the one that was tried.
    fn correction(&self, step: usize, low: Option<Tried>, high: Option<Tried>) -> f32 {
        let seen = |tried: Tried| tried.score - self.usual[tried.step];
        match (low, high) {
            (Some(low), Some(high)) => {
                let share = (step - low.step) as f32 / (high.step - low.step) as f32;
                seen(low) + (seen(high) - seen(low)) * share
            }
            (Some(one), None) | (None, Some(one)) => seen(one),
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches where the scores are known; the tries it took, and the score it ended with.
    fn found(usual: &[f32], scores: &[f32], target: f32) -> (usize, f32) {
        let mut aim = Aim::new(usual, target, 6);
        let mut tries = 0;
        while let Some(step) = aim.next() {
            tries += 1;
            aim.note(step, scores[step]);
        }
        let miss = |tried: &&Tried| (tried.score - target).abs();
        let best = aim
            .tried
            .iter()
            .min_by(|one, two| miss(one).total_cmp(&miss(two)));
        (tries, best.unwrap().score)
    }

    fn usual() -> Vec<f32> {
        (0..100).map(|step| 20.0 + step as f32 * 0.75).collect()
    }

    #[test]
    fn what_looks_as_usual_is_found_at_once() {
        assert_eq!(found(&usual(), &usual(), 50.0), (1, 50.0));
    }

    #[test]
    fn targets_out_of_reach_end_at_the_nearest_step() {
        let scores: Vec<f32> = usual().iter().map(|score| score / 2.0).collect();
        assert_eq!(found(&usual(), &scores, 90.0).1, scores[99]);
        let scores: Vec<f32> = usual().iter().map(|score| score + 60.0).collect();
        assert_eq!(found(&usual(), &scores, 30.0).1, scores[0]);
    }

    proptest! {
        /// Curves of another height and slope, with noise as encoders have it, are met within the
        /// tolerance, as the nearest of all steps would.
        #[test]
        fn the_target_is_met(
            start in -20.0..40.0_f32,
            slope in 0.6..1.2_f32,
            bend in 0.7..1.4_f32,
            noise in prop::collection::vec(-0.2..0.2_f32, 100),
            target in 30.0..90.0_f32,
        ) {
            let scores: Vec<f32> = (0..100)
                .map(|step| {
                    let along = (step as f32 / 99.0).powf(bend) * 99.0;
                    (start + along * slope).min(99.0) + noise[step]
                })
                .collect();
            let (tries, score) = found(&usual(), &scores, target);
            let nearest = scores
                .iter()
                .map(|score| (score - target).abs())
                .fold(f32::MAX, f32::min);
            prop_assert!(tries <= 6);
            prop_assert!(
                (score - target).abs() <= nearest.max(super::super::TOLERANCE) + 0.5,
                "{score} for {target}, nearest {nearest}"
            );
        }

        /// Scores in no order at all end the search all the same.
        #[test]
        fn disorder_ends(scores in prop::collection::vec(-10.0..100.0_f32, 100), target in 10.0..95.0_f32) {
            let (tries, _) = found(&usual(), &scores, target);
            prop_assert!(tries <= 6);
        }
    }
}
