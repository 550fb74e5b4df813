//! What two servers answered to the same request, side by side.

use image::{Limits, Policy, Signals, Transform};
use serde_json::{Value, json};
use server::{AskError, Asked};

use crate::output::grouped;

/// What a server answered, as far as it is compared.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// The status; absent where it did not answer.
    pub status: Option<u16>,
    /// Format, width and height of the picture, if it is one that can be read.
    pub picture: Option<(&'static str, u32, u32)>,
    /// Bytes of the body.
    pub bytes: u64,
    /// Why it could not be asked.
    pub error: Option<String>,
}

/// Both, and what is to be said of them.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub url: String,
    /// What the request said it accepts, in a word.
    pub accept: &'static str,
    /// How often the log has it.
    pub count: u64,
    pub old: Side,
    pub new: Side,
    /// How much alike they look, by structural similarity: 1 is the same. Absent where they have
    /// other dimensions, or one is of a format that is not decoded.
    pub alike: Option<f64>,
    /// How good the new one looks beside the old one, to the eye, in points of SSIMULACRA2: 100 is
    /// the same. Absent as the above, and for pictures too small or transparent.
    pub points: Option<f32>,
    pub problem: Option<String>,
}

type Answer = Result<Asked, AskError>;

/// Compares two answers. Decodes both pictures: costs as much. `least` is the score below which
/// they count as different.
pub fn compare(
    (url, count, accept): (String, u64, &'static str),
    old: &Answer,
    new: &Answer,
    least: f64,
) -> Comparison {
    let sides = [old, new].map(side);
    let (alike, points) = match (old, new, &sides) {
        (Ok(old), Ok(new), [one, other]) if one.size().is_some() && one.size() == other.size() => {
            let limits = Limits::default();
            let alike = image::similarity(&old.body, &new.body, &limits).ok();
            (alike.flatten(), points(&old.body, &new.body, &limits))
        }
        _ => (None, None),
    };
    let [old, new] = sides;
    let problem = problem(&old, &new, alike, least);
    Comparison {
        url,
        accept,
        count,
        old,
        new,
        alike,
        points,
        problem,
    }
}

/// How good the new picture looks beside the old one.
fn points(old: &[u8], new: &[u8], limits: &Limits) -> Option<f32> {
    let as_it_is = Transform::default();
    let choice = image::choose(&as_it_is, &Signals::default(), &Policy::default());
    let scores = image::scores(old, &choice.variant, &[new], limits).ok()?;
    scores.first().copied().flatten()
}

fn side(answer: &Answer) -> Side {
    match answer {
        Ok(asked) => {
            let probe = image::probe(&asked.body, &Limits::default()).ok();
            Side {
                status: Some(asked.status.as_u16()),
                picture: probe.map(|probe| {
                    let (width, height) = (probe.width, probe.height);
                    match probe.orientation.swaps_sides() {
                        true => (probe.format.word(), height, width),
                        false => (probe.format.word(), width, height),
                    }
                }),
                bytes: asked.body.len() as u64,
                error: None,
            }
        }
        Err(error) => Side {
            error: Some(base::failure::chain(error)),
            ..Side::default()
        },
    }
}

impl Side {
    fn size(&self) -> Option<(u32, u32)> {
        self.picture.map(|(_, width, height)| (width, height))
    }

    fn is_well(&self) -> bool {
        matches!(self.status, Some(200..=299))
    }

    /// `300×200 webp, 12 345 bytes`, or what there is instead.
    pub fn describe(&self) -> String {
        let bytes = grouped(self.bytes);
        match (&self.error, self.status, self.picture) {
            (Some(error), ..) => error.clone(),
            (_, Some(200..=299), Some((format, width, height))) => {
                format!("{width}×{height} {format}, {bytes} bytes")
            }
            (_, Some(status), _) => format!("status {status}, no picture, {bytes} bytes"),
            _ => "nothing".into(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "status": self.status,
            "format": self.picture.map(|(format, ..)| format),
            "width": self.size().map(|(width, _)| width),
            "height": self.size().map(|(_, height)| height),
            "bytes": self.bytes,
            "error": self.error,
        })
    }
}

fn problem(old: &Side, new: &Side, alike: Option<f64>, least: f64) -> Option<String> {
    if !old.is_well() {
        return Some("the old server does not answer it".into());
    }
    if !new.is_well() {
        return Some(match new.status {
            Some(status) => format!("status {status}"),
            None => "no answer".into(),
        });
    }
    match (old.size(), new.size()) {
        (Some(old), Some(new)) if old != new => Some("other dimensions".into()),
        (Some(_), None) => Some("no picture".into()),
        _ => alike
            .filter(|alike| *alike < least)
            .map(|alike| format!("looks different: {alike:.2}")),
    }
}

impl Comparison {
    /// As an object.
    pub fn json(&self) -> Value {
        json!({
            "url": self.url,
            "accept": self.accept,
            "count": self.count,
            "old": self.old.json(),
            "new": self.new.json(),
            "alike": self.alike,
            "points": self.points,
            "problem": self.problem,
        })
    }

    /// A few lines.
    pub fn describe(&self) -> String {
        let alike = self
            .alike
            .map(|alike| format!(", alike {alike:.3}"))
            .unwrap_or_default();
        let points = self
            .points
            .map(|points| format!(", {points:.1} points"))
            .unwrap_or_default();
        let problem = self
            .problem
            .as_deref()
            .map(|problem| format!("\n  problem: {problem}"))
            .unwrap_or_default();
        format!(
            "{} (×{}, {})\n  old {}\n  new {}{alike}{points}{problem}\n",
            self.url,
            self.count,
            self.accept,
            self.old.describe(),
            self.new.describe(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let side = |status, size: Option<(u32, u32)>| Side {
            status: Some(status),
            picture: size.map(|(width, height)| ("jpeg", width, height)),
            ..Side::default()
        };
        let good = side(200, Some((300, 200)));
        for (old, new, alike, expected) in [
            (&good, &good, Some(0.97), None),
            (&good, &good, None, None),
            (&good, &good, Some(0.2), Some("looks different: 0.20")),
            (
                &good,
                &side(200, Some((300, 201))),
                None,
                Some("other dimensions"),
            ),
            (&good, &side(200, None), None, Some("no picture")),
            (&good, &side(403, None), None, Some("status 403")),
            (&good, &Side::default(), None, Some("no answer")),
            (
                &side(404, None),
                &good,
                None,
                Some("the old server does not answer it"),
            ),
        ] {
            assert_eq!(problem(old, new, alike, 0.9).as_deref(), expected);
        }
    }
}
