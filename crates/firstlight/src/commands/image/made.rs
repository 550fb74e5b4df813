//! What the engine answered, for people and for programs.

use image::{Format, Found, Original, Rendered};
use serde_json::{Value, json};

use crate::output::grouped;

/// What the engine answered.
#[derive(Default)]
pub struct Made {
    pub bytes: Vec<u8>,
    /// What it is, in a few words.
    pub what: String,
    /// The format of a picture.
    pub format: Option<Format>,
    size: Option<(u32, u32)>,
    kept: bool,
    rescued: bool,
    found: Option<Found>,
    preview: Option<u64>,
    pub notes: Vec<String>,
}

impl Made {
    /// What the engine made of a source.
    pub fn new(outcome: image::Outcome, source: &[u8]) -> Self {
        match outcome {
            image::Outcome::Rendered(rendered) => Self::rendered(rendered),
            image::Outcome::Original(original) => Self::original(original, source),
            image::Outcome::Facts(facts) => Self {
                bytes: facts.to_json().into_bytes(),
                what: "facts".into(),
                size: Some((facts.width, facts.height)),
                ..Self::default()
            },
            image::Outcome::Text(text) => Self {
                bytes: text.into_bytes(),
                what: "a placeholder".into(),
                ..Self::default()
            },
        }
    }

    fn rendered(rendered: Rendered) -> Self {
        let Rendered {
            bytes,
            format,
            width,
            height,
            outline,
            rescued,
            found,
            notes,
        } = rendered;
        Self {
            bytes: bytes.to_vec(),
            what: format!("{format} {width}×{height}"),
            format: Some(format),
            size: Some((width, height)),
            kept: false,
            rescued,
            found,
            preview: Some(outline.preview).filter(|at| *at < outline.length),
            notes,
        }
    }

    fn original(original: Original, source: &[u8]) -> Self {
        let Original {
            format,
            reason,
            outline,
        } = original;
        Self {
            bytes: source.to_vec(),
            what: format!("the original {format}"),
            format: Some(format),
            size: None,
            kept: true,
            rescued: false,
            found: None,
            preview: Some(outline.preview).filter(|at| *at < outline.length),
            notes: vec![reason],
        }
    }

    /// Whether it is facts of a picture as JSON.
    pub fn is_facts(&self) -> bool {
        self.format.is_none() && self.size.is_some()
    }

    /// In a line, beside the bytes of the source.
    pub fn describe(&self, before: usize) -> String {
        let after = self.bytes.len();
        let share = (after * 100).checked_div(before).unwrap_or(0);
        let preview = self
            .preview
            .map(|at| format!(", whole preview after {} bytes", grouped(at)))
            .unwrap_or_default();
        let (after, before) = (grouped(after as u64), grouped(before as u64));
        format!(
            "{}, {after} bytes, {share} % of {before}{preview}",
            self.what
        )
    }

    /// As JSON, with the reasons of the choice.
    pub fn describe_json(&self, reasons: &[String], before: usize) -> Value {
        let (quality, score) = match self.found {
            Some(Found::Lossy { quality, score, .. }) => {
                let tenths = (f64::from(score) * 10.0).round() / 10.0;
                (Some(quality.value()), Some(tenths))
            }
            _ => (None, None),
        };
        json!({
            "format": self.format.map(Format::word),
            "width": self.size.map(|(width, _)| width),
            "height": self.size.map(|(_, height)| height),
            "bytes": self.bytes.len(),
            "source_bytes": before,
            "kept_original": self.kept,
            "rescued": self.rescued,
            "quality": quality,
            "score": score,
            "preview": self.preview,
            "reasons": reasons,
            "notes": self.notes,
        })
    }
}
