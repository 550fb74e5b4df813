//! The figures that are reported, each with its name and meaning.

use std::time::Duration;

use super::{Measured, Point, complete, speed_index};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
}

macro_rules! metrics {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $key:literal, $label:literal, $unit:ident; )+) => {
        /// A figure of a run; less is better for all of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric { $( $(#[doc = $doc])+ $variant ),+ }

        impl Metric {
            /// Every figure, in the order of the report.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in JSON and in budgets.
            pub fn key(self) -> &'static str {
                match self { $( Self::$variant => $key ),+ }
            }

            /// Its name for people.
            pub fn label(self) -> &'static str {
                match self { $( Self::$variant => $label ),+ }
            }

            /// What it says, in one paragraph.
            pub fn meaning(self) -> &'static str {
                match self { $( Self::$variant => concat!($($doc),+).trim_ascii() ),+ }
            }

            /// What it counts.
            pub fn unit(self) -> Unit {
                match self { $( Self::$variant => Unit::$unit ),+ }
            }
        }
    };
}

metrics! {
    /// The mean moment at which what is seen was seen, by histograms of the frames, as browsertime
    /// and speedline count it.
    SpeedIndex = "speed_index", "Speed Index", Milliseconds;
    /// The same by structural similarity to the final page: what is still blurred counts less.
    SimilarityIndex = "ssim_speed_index", "Speed Index by SSIM", Milliseconds;
    /// The first frame that is not white.
    FirstChange = "first_visual_change", "First visual change", Milliseconds;
    /// 85 % of the page is visible and stays so.
    Complete85 = "visually_complete_85", "85 % visible", Milliseconds;
    /// 95 % of the page is visible and stays so.
    Complete95 = "visually_complete_95", "95 % visible", Milliseconds;
    /// 99 % of the page is visible and stays so.
    Complete99 = "visually_complete_99", "99 % visible", Milliseconds;
    /// Nothing changes any more.
    LastChange = "last_visual_change", "Last visual change", Milliseconds;
    /// Half of the pictures in view can be recognised, sharp or not.
    PreviewHalf = "preview_half", "Half of the pictures recognisable", Milliseconds;
    /// Every picture in view can be recognised, sharp or not.
    PreviewAll = "preview_all", "All pictures recognisable", Milliseconds;
    /// First contentful paint, as the browser reports it.
    Fcp = "fcp", "First contentful paint (FCP)", Milliseconds;
    /// Largest contentful paint, as the browser reports it: for a picture, the paint after its
    /// last byte.
    Lcp = "lcp", "Largest contentful paint (LCP)", Milliseconds;
    /// The load event: every resource the page asked for at first has arrived whole.
    Load = "load", "Load event", Milliseconds;
    /// Bytes of all resources on the wire.
    Bytes = "bytes", "Bytes", Bytes;
    /// Number of requests.
    Requests = "requests", "Requests", Count;
}

impl Metric {
    /// The figure of a run, in its unit; `None` where the run has none.
    pub fn of(self, run: &Measured) -> Option<f64> {
        match self {
            Self::SpeedIndex => Some(speed_index(&run.points, by_histogram)),
            Self::SimilarityIndex => Some(speed_index(&run.points, |point| point.similarity)),
            Self::FirstChange => Some(milliseconds(run.first_change)),
            Self::Complete85 => complete(&run.points, by_histogram, 85.0).map(milliseconds),
            Self::Complete95 => complete(&run.points, by_histogram, 95.0).map(milliseconds),
            Self::Complete99 => complete(&run.points, by_histogram, 99.0).map(milliseconds),
            Self::LastChange => Some(milliseconds(run.last_change)),
            Self::PreviewHalf => preview(run, |count| count.div_ceil(2)),
            Self::PreviewAll => preview(run, |count| count),
            Self::Fcp => run.fcp.map(milliseconds),
            Self::Lcp => run.lcp.map(milliseconds),
            Self::Load => run.load.map(milliseconds),
            Self::Bytes => Some(run.bytes as f64),
            Self::Requests => Some(run.requests as f64),
        }
    }
}

fn by_histogram(point: &Point) -> f64 {
    point.histogram
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// When as many pictures as `enough` says of their number could be recognised.
fn preview(run: &Measured, enough: impl Fn(usize) -> usize) -> Option<f64> {
    let mut times: Vec<Duration> = run.previews.iter().flatten().copied().collect();
    times.sort();
    let last = enough(times.len()).checked_sub(1)?;
    times.get(last).copied().map(milliseconds)
}
