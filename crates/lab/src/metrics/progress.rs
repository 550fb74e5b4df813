//! Visual progress of a run: how near each frame is to the last.

use std::time::Duration;

use super::picture::{Picture, luma};

/// Channel values from which on a pixel counts as white and is left out of the histograms, as
/// browsertime does: what JPEG makes of white is not content.
const NEAR_WHITE: u8 = 250;
/// Side of the windows in which similarity is judged, pixels.
const WINDOW: usize = 8;

/// How much of the page was visible from a moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Since the start of the navigation.
    pub at: Duration,
    /// By histograms, whole percent, 0–100: kind to blur, blind to places.
    pub histogram: f64,
    /// By structural similarity, percent, 0–100: what is blurred or misplaced counts less.
    pub similarity: f64,
}

/// Follows the frames of a run towards the last.
pub struct Tracker<'a> {
    goal: &'a Picture,
    histogram: Histogram,
    similarity_of_white: f64,
    points: Vec<Point>,
    first_change: Option<Duration>,
    same_since: Option<Duration>,
}

impl<'a> Tracker<'a> {
    /// Starts with a white page at 0.
    pub fn new(goal: &'a Picture) -> Self {
        let (width, height) = goal.size();
        let white = Picture::white(width, height);
        let mut tracker = Self {
            goal,
            histogram: Histogram::of(goal),
            similarity_of_white: similarity(&white, goal),
            points: Vec::new(),
            first_change: None,
            same_since: None,
        };
        tracker.add(Duration::ZERO, &white);
        tracker
    }

    /// Takes the next frame, which must be as large as the last one of the run.
    pub fn add(&mut self, at: Duration, frame: &Picture) {
        let histogram = Histogram::of(frame);
        if self.first_change.is_none() && !histogram.is_empty() {
            self.first_change = Some(at);
        }
        self.same_since = (frame == self.goal).then(|| self.same_since.unwrap_or(at));
        self.points.push(Point {
            at,
            histogram: histogram.progress(&self.histogram),
            similarity: self.similar(frame),
        });
    }

    /// When the page was first not white; the end where it never was anything else.
    pub fn first_change(&self) -> Duration {
        self.first_change.unwrap_or_else(|| self.last_change())
    }

    /// Since when nothing has changed.
    pub fn last_change(&self) -> Duration {
        let end = self.points.last().map(|point| point.at);
        self.same_since.or(end).unwrap_or_default()
    }

    /// The curve.
    pub fn into_points(self) -> Vec<Point> {
        self.points
    }

    fn similar(&self, frame: &Picture) -> f64 {
        let room = 1.0 - self.similarity_of_white;
        if room <= f64::EPSILON || frame == self.goal {
            return 100.0;
        }
        let way = similarity(frame, self.goal) - self.similarity_of_white;
        (100.0 * way / room).clamp(0.0, 100.0)
    }
}

/// Area above a curve of percents until its last point, in milliseconds: the mean moment at which
/// what is seen was seen (the Speed Index).
pub fn speed_index(points: &[Point], percent: impl Fn(&Point) -> f64) -> f64 {
    points
        .windows(2)
        .map(|pair| {
            let lasted = pair[1].at.saturating_sub(pair[0].at).as_secs_f64() * 1000.0;
            lasted * (1.0 - percent(&pair[0]) / 100.0)
        })
        .sum()
}

/// The first moment from which on a curve stays at `goal` percent or above; `None` where it ends
/// below.
pub fn complete(points: &[Point], percent: impl Fn(&Point) -> f64, goal: f64) -> Option<Duration> {
    let there = |point: &&Point| percent(point) >= goal;
    let since = points.iter().rev().take_while(there).last();
    since.map(|point| point.at)
}

/// How often each value occurs in each channel.
struct Histogram(Box<[[u32; 256]; 3]>);

impl Histogram {
    fn of(picture: &Picture) -> Self {
        let mut counts = Box::new([[0; 256]; 3]);
        for pixel in picture.pixels() {
            if pixel.iter().all(|value| *value >= NEAR_WHITE) {
                continue;
            }
            for (channel, value) in counts.iter_mut().zip(pixel) {
                channel[usize::from(value)] += 1;
            }
        }
        Self(counts)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(|count| *count == 0)
    }

    /// How much of `goal` is there, starting from white (whose histogram is empty): whole percent,
    /// rounded down. A goal that is white itself is reached from the start.
    fn progress(&self, goal: &Self) -> f64 {
        let pairs = || self.0.iter().flatten().zip(goal.0.iter().flatten());
        let matched: u64 = pairs().map(|(now, end)| u64::from(*now.min(end))).sum();
        let total: u64 = pairs().map(|(_, end)| u64::from(*end)).sum();
        (matched * 100)
            .checked_div(total)
            .map_or(100.0, |percent| percent as f64)
    }
}

/// Structural similarity of two pictures of one size, by brightness in windows of 8 by 8 pixels
/// side by side: 1 for the same picture, down to −1.
///
/// The form is that of Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error
/// Visibility to Structural Similarity", 2004, with the window and the unbiased variances that
/// speedline uses.
fn similarity(one: &Picture, other: &Picture) -> f64 {
    let (width, height) = one.size();
    let mut sum = 0.0;
    let mut windows = 0_u32;
    for y in (0..height).step_by(WINDOW) {
        for x in (0..width).step_by(WINDOW) {
            sum += window_similarity(one, other, x, y);
            windows += 1;
        }
    }
    if windows == 0 {
        1.0
    } else {
        sum / f64::from(windows)
    }
}

fn window_similarity(one: &Picture, other: &Picture, x: usize, y: usize) -> f64 {
    const C1: f32 = (0.01 * 255.0) * (0.01 * 255.0);
    const C2: f32 = (0.03 * 255.0) * (0.03 * 255.0);
    let mut values = [(0.0_f32, 0.0_f32); WINDOW * WINDOW];
    let mut count = 0;
    for row in y..y + WINDOW {
        let pairs = one
            .row(row, x, WINDOW)
            .iter()
            .zip(other.row(row, x, WINDOW));
        for (slot, (a, b)) in values[count..].iter_mut().zip(pairs) {
            *slot = (luma(*a), luma(*b));
            count += 1;
        }
    }
    let values = &values[..count];
    let number = count as f32;
    let (sum_a, sum_b) = values
        .iter()
        .fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
    let (mean_a, mean_b) = (sum_a / number, sum_b / number);
    let (mut var_a, mut var_b, mut both) = (0.0, 0.0, 0.0);
    for (a, b) in values {
        let (a, b) = (a - mean_a, b - mean_b);
        var_a += a * a;
        var_b += b * b;
        both += a * b;
    }
    // A window of one pixel at the corner has no variance.
    let freedom = (number - 1.0).max(1.0);
    let (var_a, var_b, both) = (var_a / freedom, var_b / freedom, both / freedom);
    let brightness = (2.0 * mean_a * mean_b + C1) / (mean_a * mean_a + mean_b * mean_b + C1);
    let structure = (2.0 * both + C2) / (var_a + var_b + C2);
    f64::from(brightness * structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_and_half(left: [u8; 3], right: [u8; 3]) -> Picture {
        let row = [left.repeat(8), right.repeat(8)].concat();
        Picture::new(16, 8, row.repeat(8))
    }

    fn ms(at: u64) -> Duration {
        Duration::from_millis(at)
    }

    fn point(at: u64, percent: f64) -> Point {
        Point {
            at: ms(at),
            histogram: percent,
            similarity: percent,
        }
    }

    #[test]
    fn half_of_the_page_is_half_of_the_progress() {
        let goal = half_and_half([10, 20, 30], [200, 100, 50]);
        let half = half_and_half([10, 20, 30], [255; 3]);
        let wrong = half_and_half([11, 21, 31], [255; 3]);
        let mut tracker = Tracker::new(&goal);
        tracker.add(ms(100), &wrong);
        tracker.add(ms(200), &half);
        tracker.add(ms(300), &goal);
        tracker.add(ms(900), &goal);
        assert_eq!(
            (tracker.first_change(), tracker.last_change()),
            (ms(100), ms(300))
        );
        let points = tracker.into_points();
        let percents: Vec<f64> = points.iter().map(|point| point.histogram).collect();
        assert_eq!(percents, [0.0, 0.0, 50.0, 100.0, 100.0]);
        // 200 ms of nothing, 100 ms of a half, the whole from then on.
        assert_eq!(speed_index(&points, |point| point.histogram), 250.0);
        assert_eq!(points[0].similarity, 0.0);
        assert_eq!(points[3].similarity, 100.0);
        assert!(
            points[1].similarity > 40.0,
            "a colour almost right is almost similar"
        );
    }

    #[test]
    fn near_white_is_not_content() {
        let goal = half_and_half([0; 3], [252, 250, 255]);
        let mut tracker = Tracker::new(&goal);
        tracker.add(ms(50), &half_and_half([255; 3], [251; 3]));
        tracker.add(ms(80), &half_and_half([0; 3], [255; 3]));
        tracker.add(ms(90), &goal);
        assert_eq!(
            (tracker.first_change(), tracker.last_change()),
            (ms(80), ms(90))
        );
        let percents: Vec<f64> = tracker.into_points().iter().map(|p| p.histogram).collect();
        assert_eq!(percents, [0.0, 0.0, 100.0, 100.0]);
    }

    #[test]
    fn a_page_that_stays_white_is_complete_from_the_start() {
        let white = Picture::white(16, 16);
        let mut tracker = Tracker::new(&white);
        tracker.add(ms(70), &white);
        assert_eq!(
            (tracker.first_change(), tracker.last_change()),
            (ms(0), ms(0))
        );
        let points = tracker.into_points();
        assert!(
            points
                .iter()
                .all(|p| p.histogram == 100.0 && p.similarity == 100.0)
        );
        assert_eq!(speed_index(&points, |point| point.histogram), 0.0);
    }

    #[test]
    fn a_page_that_falls_back_is_complete_only_when_it_stays() {
        let points = [
            point(0, 0.0),
            point(10, 90.0),
            point(20, 40.0),
            point(30, 100.0),
        ];
        let percent = |point: &Point| point.histogram;
        assert_eq!(complete(&points, percent, 85.0), Some(ms(30)));
        assert_eq!(complete(&points, percent, 40.0), Some(ms(10)));
        assert_eq!(complete(&points[..3], percent, 85.0), None);
        assert_eq!(speed_index(&points, percent), 10.0 + 1.0 + 6.0);
    }

    #[test]
    fn similarity_follows_its_formula() {
        // Flat windows: 2ab + C1 over a² + b² + C1.
        let (a, b) = (
            Picture::new(8, 8, vec![100; 192]),
            Picture::new(8, 8, vec![50; 192]),
        );
        let expected = (2.0 * 100.0 * 50.0 + 6.5025) / (10_000.0 + 2500.0 + 6.5025);
        assert!((similarity(&a, &b) - expected).abs() < 1e-4);
        assert!((similarity(&a, &a) - 1.0).abs() < 1e-6);
        // Stripes against their negative: no brightness differs, the structure is opposite.
        let stripes = |first: u8, second: u8| {
            let row = [[first; 3], [second; 3]].concat().repeat(4);
            Picture::new(8, 8, row.repeat(8))
        };
        let opposite = similarity(&stripes(0, 255), &stripes(255, 0));
        assert!(opposite < -0.99, "{opposite}");
    }

    #[test]
    fn odd_sizes_have_smaller_windows_at_the_edges() {
        let picture = Picture::new(9, 9, (0..243).collect());
        assert!((similarity(&picture, &picture) - 1.0).abs() < 1e-6);
        assert!(similarity(&picture, &Picture::white(9, 9)) < 0.5);
    }
}
