//! The frames of both median runs, once, for the strips and the player.

use std::borrow::Cow;

use jpeg::{DecodeOptions, EncodeOptions};
use serde_json::{Value, json};

use crate::metrics::{Measured, Metric, Side, Summary};
use crate::run::{Frame, Run};

/// Time that is shown after the last change, milliseconds.
const AFTER: f64 = 300.0;

/// Frames of more bytes than this together are shown smaller, so that the report can be sent.
const MOST: usize = 3 << 20;
/// Their quality then.
const QUALITY: u8 = 60;

/// Frames, percents and marks as JSON that may stand in a script element. Times are in
/// milliseconds; a frame is `[at, percent, JPEG in base64]`, a mark `[at, label, meaning]`; both
/// are in order.
pub fn film(summary: &Summary, runs: [&Run; 2]) -> String {
    let sides = [&summary.without, &summary.with];
    let ends = sides.map(|side| end(side.median()));
    let bytes = |run: &Run| {
        run.frames
            .iter()
            .map(|frame| frame.jpeg.len())
            .sum::<usize>()
    };
    let smaller = runs.into_iter().map(bytes).sum::<usize>() > MOST;
    let poster = Metric::Complete85.of(summary.with.median()).unwrap_or(0.0);
    let film = json!({
        "end": ends[0].max(ends[1]) + AFTER,
        "poster": poster,
        "sides": [side(sides[0], runs[0], smaller), side(sides[1], runs[1], smaller)],
    });
    // Nothing in it can end the script element.
    film.to_string().replace('<', "\\u003c")
}

/// The last moment a run has anything to show at.
pub fn end(run: &Measured) -> f64 {
    [Metric::LastChange, Metric::Lcp, Metric::Load]
        .iter()
        .filter_map(|metric| metric.of(run))
        .fold(0.0, f64::max)
}

fn side(side: &Side, run: &Run, smaller: bool) -> Value {
    let measured = side.median();
    // The first point is the white page, which has no frame.
    let percents = measured.points.iter().skip(1).map(|point| point.histogram);
    let mut last: &[u8] = &[];
    let mut frames = Vec::new();
    for (frame, percent) in run.frames.iter().zip(percents) {
        if frame.jpeg != last {
            let at = frame.at.as_secs_f64() * 1000.0;
            let jpeg = picture(frame, run.viewport, smaller);
            frames.push(json!([at.round(), percent, base64(&jpeg)]));
            last = &frame.jpeg;
        }
    }
    let marks = [
        (Metric::Fcp, "FCP"),
        (Metric::Complete85, "85 %"),
        (Metric::Lcp, "LCP"),
        (Metric::Load, "load"),
    ];
    let marks = marks.iter().filter_map(|(metric, label)| {
        let at = metric.of(measured)?.round();
        Some((at, json!([at, label, metric.label()])))
    });
    let mut marks: Vec<(f64, Value)> = marks.collect();
    marks.sort_by(|one, other| one.0.total_cmp(&other.0));
    json!({
        "name": side.name,
        "frames": frames,
        "marks": marks.into_iter().map(|(_, mark)| mark).collect::<Vec<Value>>(),
    })
}

/// A frame as it is shown: where it is to be smaller, at half its size.
fn picture(frame: &Frame, (width, height): (u32, u32), smaller: bool) -> Cow<'_, [u8]> {
    let options = DecodeOptions {
        min_size: (width / 2, height / 2),
        ..DecodeOptions::default()
    };
    let finish = EncodeOptions {
        quality: QUALITY,
        progressive: false,
        ..EncodeOptions::default()
    };
    let half = || {
        let planes = jpeg::decode_planes(&frame.jpeg, &options).ok()?;
        Some(jpeg::encode(&planes, &finish).ok()?.bytes)
    };
    let half = if smaller { half() } else { None };
    half.filter(|half| half.len() < frame.jpeg.len())
        .map_or(Cow::Borrowed(&frame.jpeg[..]), Cow::Owned)
}

/// Base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= group.len() {
                let digit = word >> (18 - 6 * place) & 63;
                text.push(char::from(DIGITS[digit as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jpeg::{Subsampling, rgb_to_planes};

    use super::*;

    #[test]
    fn frames_that_are_too_many_are_shown_at_half_their_size() {
        for subsampling in [Subsampling::Full, Subsampling::Quarter] {
            let pixels: Vec<u8> = (0..64 * 48 * 3).map(|at| (at * at % 251) as u8).collect();
            let planes = rgb_to_planes(&pixels, 64, 48, subsampling).unwrap();
            let made = jpeg::encode(&planes, &EncodeOptions::default());
            let frame = Frame {
                at: Duration::ZERO,
                jpeg: made.unwrap().bytes,
            };
            assert_eq!(picture(&frame, (64, 48), false), frame.jpeg);
            let half = picture(&frame, (64, 48), true);
            let decoded = jpeg::decode(&half, &DecodeOptions::default()).unwrap();
            assert_eq!((decoded.width, decoded.height), (32, 24), "{subsampling:?}");
            let broken = Frame {
                jpeg: frame.jpeg[..50].to_vec(),
                ..frame
            };
            assert_eq!(picture(&broken, (64, 48), true), broken.jpeg);
        }
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = texts.map(|text| base64(text.as_bytes()));
        let expected = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        assert_eq!(coded, expected);
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
