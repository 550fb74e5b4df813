//! What frames say: how much of the page was visible when, in numbers that others use too.
//!
//! Pure: frames and times in, numbers out. Visual progress and the Speed Index follow the
//! definition that browsertime and speedline share, so that figures can be compared with theirs.

mod catalogue;
mod json;
mod picture;
mod preview;
mod progress;
mod summary;
mod verdict;

use std::time::Duration;

use crate::run::Run;

pub use catalogue::{Metric, Unit};
pub use picture::Picture;
pub use progress::{Point, complete, speed_index};
pub use summary::{Row, Side, Spread, Summary};
pub use verdict::{Difference, ENOUGH_PAIRS, Verdict};

/// Why a run could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A side has no runs.
    #[error("there is no run to measure of `{0}`")]
    NoRuns(String),
    /// A run has no frames.
    #[error("the browser sent no frames of the page")]
    NoFrames,
    /// A frame is no JPEG that can be read.
    #[error("frame {index} of the page cannot be read: {reason}")]
    Frame {
        /// Its place, counted from 0.
        index: usize,
        /// In the decoder's words.
        reason: String,
    },
    /// A frame is not as large as the last.
    #[error("frame {index} of the page has {given:?} pixels, the last one {expected:?}")]
    Size {
        /// Its place, counted from 0.
        index: usize,
        /// Its width and height.
        given: (usize, usize),
        /// Those of the last frame.
        expected: (usize, usize),
    },
}

/// One run in numbers. All times count from the start of the navigation.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// How much was visible from when on; the first point is the white page at 0.
    pub points: Vec<Point>,
    /// The first frame that is not white.
    pub first_change: Duration,
    /// The first frame from which on nothing changed any more.
    pub last_change: Duration,
    /// When each picture in the viewport was first recognisable, in the order of
    /// [`Run::pictures`]; `None` for one that is hardly in view.
    pub previews: Vec<Option<Duration>>,
    /// First contentful paint, as the browser reports it.
    pub fcp: Option<Duration>,
    /// Largest contentful paint, as the browser reports it.
    pub lcp: Option<Duration>,
    /// The load event.
    pub load: Option<Duration>,
    /// Bytes of all resources on the wire.
    pub bytes: u64,
    /// Number of requests.
    pub requests: usize,
}

/// Measures a run. Decodes every frame: about 15 ms each at 1280 by 800.
///
/// # Errors
/// [`MetricsError::NoFrames`]; [`MetricsError::Frame`] and [`MetricsError::Size`] for a frame that
/// cannot be compared with the last.
pub fn measure(run: &Run) -> Result<Measured, MetricsError> {
    let (last, earlier) = run.frames.split_last().ok_or(MetricsError::NoFrames)?;
    let decode = |index: usize, jpeg: &[u8]| {
        Picture::decode(jpeg).map_err(|reason| MetricsError::Frame { index, reason })
    };
    let goal = decode(earlier.len(), &last.jpeg)?;
    let mut tracker = progress::Tracker::new(&goal);
    let mut previews = preview::Watch::new(&goal, &run.pictures, run.viewport);
    for (index, frame) in earlier.iter().enumerate() {
        let picture = decode(index, &frame.jpeg)?;
        // The window may take its size only after its first frame.
        if index == 0 && picture.size() != goal.size() {
            continue;
        }
        if picture.size() != goal.size() {
            return Err(MetricsError::Size {
                index,
                given: picture.size(),
                expected: goal.size(),
            });
        }
        tracker.add(frame.at, &picture);
        previews.add(frame.at, &picture);
    }
    tracker.add(last.at, &goal);
    previews.add(last.at, &goal);
    Ok(Measured {
        first_change: tracker.first_change(),
        last_change: tracker.last_change(),
        points: tracker.into_points(),
        previews: previews.times(),
        fcp: run.fcp,
        lcp: run.lcp,
        load: run.load,
        bytes: run.resources.iter().map(|resource| resource.bytes).sum(),
        requests: run.resources.len(),
    })
}

#[cfg(test)]
mod tests;
