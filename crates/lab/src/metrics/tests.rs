//! Runs of pages painted here, from JPEG files to figures.

use jpeg::{EncodeOptions, Subsampling, encode, rgb_to_planes};
use proptest::prelude::*;

use super::*;
use crate::run::{Comparison, Conditions, Frame, Resource, Series};

const SIDE: usize = 64;

fn ms(at: u64) -> Duration {
    Duration::from_millis(at)
}

/// A frame whose columns of 16 pixels have the given values, white where there are none.
fn frame(at: u64, columns: &[[u8; 3]]) -> Frame {
    let value = |x: usize| columns.get(x / 16).copied().unwrap_or([255; 3]);
    let rgb: Vec<u8> = (0..SIDE * SIDE)
        .flat_map(|pixel| value(pixel % SIDE))
        .collect();
    let planes = rgb_to_planes(&rgb, SIDE, SIDE, Subsampling::Full).unwrap();
    let options = EncodeOptions {
        quality: 100,
        progressive: false,
        ..EncodeOptions::default()
    };
    Frame {
        at: ms(at),
        jpeg: encode(&planes, &options).unwrap().bytes,
    }
}

const COLUMNS: [[u8; 3]; 4] = [[0; 3], [64; 3], [128; 3], [192; 3]];

/// A page whose columns come one after another.
fn run(times: [u64; 4]) -> Run {
    let frames = times
        .iter()
        .zip(1..)
        .map(|(at, count)| frame(*at, &COLUMNS[..count]));
    Run {
        frames: frames.collect(),
        resources: vec![
            Resource {
                bytes: 700,
                ..Resource::default()
            };
            3
        ],
        fcp: Some(ms(times[0])),
        pictures: vec![[0.0, 0.0, 32.0, 64.0], [32.0, 0.0, 32.0, 64.0]],
        viewport: (64, 64),
        ..Run::default()
    }
}

fn series(name: &str, runs: Vec<Run>) -> Series {
    Series {
        name: name.into(),
        runs,
        ..Series::default()
    }
}

#[test]
fn a_page_in_four_steps_has_the_figures_one_computes_by_hand() {
    let measured = measure(&run([100, 200, 300, 500])).unwrap();
    let of = |metric: Metric| metric.of(&measured);
    // White until 100, then a quarter less missing at each step: 100 + 75 + 50 + 2 · 25.
    assert_eq!(of(Metric::SpeedIndex), Some(275.0));
    assert_eq!(of(Metric::FirstChange), Some(100.0));
    assert_eq!(of(Metric::Complete85), Some(500.0));
    assert_eq!(of(Metric::LastChange), Some(500.0));
    assert_eq!(measured.previews, [Some(ms(200)), Some(ms(500))]);
    assert_eq!(
        (of(Metric::PreviewHalf), of(Metric::PreviewAll)),
        (Some(200.0), Some(500.0))
    );
    assert_eq!(
        (of(Metric::Bytes), of(Metric::Requests)),
        (Some(2100.0), Some(3.0))
    );
    assert_eq!((of(Metric::Fcp), of(Metric::Lcp)), (Some(100.0), None));
}

#[test]
fn a_window_may_take_its_size_after_the_first_frame() {
    let mut odd = run([100, 200, 300, 500]);
    let planes = rgb_to_planes(&[0; 48], 4, 4, Subsampling::Full).unwrap();
    odd.frames[0].jpeg = encode(&planes, &EncodeOptions::default()).unwrap().bytes;
    let even = measure(&run([100, 200, 300, 500])).unwrap();
    // The white page at 0 is a point of its own.
    assert_eq!(measure(&odd).unwrap().points.len() + 1, even.points.len());
}

#[test]
fn runs_that_cannot_be_measured_are_refused_by_name() {
    let mut broken = run([100, 200, 300, 500]);
    broken.frames[1].jpeg.truncate(20);
    assert!(matches!(
        measure(&broken),
        Err(MetricsError::Frame { index: 1, .. })
    ));
    broken.frames.clear();
    assert!(matches!(measure(&broken), Err(MetricsError::NoFrames)));
    let mut odd = run([100, 200, 300, 500]);
    let planes = rgb_to_planes(&[0; 48], 4, 4, Subsampling::Full).unwrap();
    odd.frames[2].jpeg = encode(&planes, &EncodeOptions::default()).unwrap().bytes;
    let expected = (SIDE, SIDE);
    match measure(&odd) {
        Err(MetricsError::Size {
            index,
            given,
            expected: found,
        }) => {
            assert_eq!((index, given, found), (2, (4, 4), expected));
        }
        other => panic!("{other:?}"),
    }
    let empty = Comparison {
        with: series("with", vec![]),
        without: series("without", vec![run([1, 2, 3, 4])]),
        conditions: Conditions::default(),
    };
    assert!(matches!(Summary::of(&empty), Err(MetricsError::NoRuns(name)) if name == "with"));
}

#[test]
fn a_summary_compares_medians_and_shows_the_median_run() {
    let runs = |starts: [u64; 5]| {
        starts
            .map(|at| run([at, at + 10, at + 20, at + 30]))
            .to_vec()
    };
    let comparison = Comparison {
        without: series("without", runs([1010, 1000, 1050, 1020, 1005])),
        with: series("with", runs([400, 420, 410, 405, 415])),
        conditions: Conditions::default(),
    };
    let summary = Summary::of(&comparison).unwrap();
    assert_eq!(
        (summary.without.median_run, summary.with.median_run),
        (0, 2)
    );
    let row = summary.row(Metric::FirstChange);
    assert_eq!(row.ratio, Some(410.0 / 1010.0));
    let apart = row.difference.unwrap();
    // Pairs: 610, 580, 640, 615 and 590 less.
    assert_eq!((apart.amount, apart.pairs), (-610.0, 5));
    // Ratios from 0.3905 to 0.42, 0.397 in the middle.
    assert!((-0.605..-0.58).contains(&apart.change), "{apart:?}");
    assert!((0.075..0.076).contains(&apart.spread), "{apart:?}");
    assert_eq!(
        (row.without.unwrap().width(), row.verdict),
        (50.0, Verdict::Better)
    );
    assert_eq!(summary.row(Metric::Bytes).verdict, Verdict::WithinNoise);
    assert_eq!(summary.row(Metric::Lcp).verdict, Verdict::Undecided);

    let json = summary.to_json();
    assert_eq!(
        json["metrics"]["first_visual_change"]["with"]["median"],
        410.0
    );
    assert_eq!(json["metrics"]["first_visual_change"]["verdict"], "better");
    assert_eq!(json["metrics"]["lcp"]["ratio"], serde_json::Value::Null);
    assert_eq!(
        json["with"]["runs"][0]["progress"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(
        json["with"]["runs"][1]["metrics"]["first_visual_change"],
        420.0
    );
    assert_eq!(json["with"]["runs"][1]["previews"][1], 450.0);
}

#[test]
fn a_page_against_itself_differs_by_nothing() {
    let runs = vec![
        run([100, 200, 300, 400]),
        run([90, 190, 290, 390]),
        run([110, 200, 310, 410]),
        run([100, 190, 300, 400]),
        run([95, 195, 305, 405]),
    ];
    let comparison = Comparison {
        without: series("one", runs.clone()),
        with: series("other", runs),
        conditions: Conditions::default(),
    };
    for row in Summary::of(&comparison).unwrap().rows {
        assert!(
            !matches!(row.verdict, Verdict::Better | Verdict::Worse),
            "{row:?}"
        );
        assert!(row.ratio.is_none_or(|ratio| ratio == 1.0), "{row:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn progress_is_a_share_and_ends_whole(
        frames in prop::collection::vec(
            (0..2000_u64, prop::collection::vec(any::<[u8; 3]>(), 0..5)), 1..6,
        ),
    ) {
        let mut frames: Vec<Frame> = frames.iter().map(|(at, columns)| frame(*at, columns)).collect();
        frames.sort_by_key(|frame| frame.at);
        let end = frames.last().unwrap().at;
        let measured = measure(&Run { frames, ..Run::default() }).unwrap();
        for point in &measured.points {
            prop_assert!((0.0..=100.0).contains(&point.histogram), "{point:?}");
            prop_assert!((0.0..=100.0).contains(&point.similarity), "{point:?}");
        }
        let last = measured.points.last().unwrap();
        prop_assert_eq!((last.histogram, last.at), (100.0, end));
        prop_assert!(last.similarity > 99.999);
        prop_assert!(measured.first_change <= end && measured.last_change <= end);
        let end = end.as_secs_f64() * 1000.0;
        for metric in [Metric::SpeedIndex, Metric::SimilarityIndex] {
            let index = metric.of(&measured).unwrap();
            prop_assert!((0.0..=end + 1e-6).contains(&index), "{index} of {end}");
        }
        let times = [Metric::Complete85, Metric::Complete95, Metric::Complete99]
            .map(|metric| metric.of(&measured).unwrap());
        prop_assert!(times[0] <= times[1] && times[1] <= times[2] && times[2] <= end);
    }

    #[test]
    fn what_comes_later_never_lowers_the_index(
        times in prop::array::uniform4(0..1000_u64), delays in prop::array::uniform4(0..500_u64),
    ) {
        let mut early = times;
        early.sort_unstable();
        let mut late = early;
        let mut delay = 0;
        for (time, more) in late.iter_mut().zip(delays) {
            delay += more;
            *time += delay;
        }
        let index = |times| Metric::SpeedIndex.of(&measure(&run(times)).unwrap()).unwrap();
        prop_assert!(index(late) >= index(early));
    }
}
