//! `firstlight image`: the server's engine on a file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use image::{
    Format, FormatChoice, Found, ImageError, Limits, Original, Policy, Rendered, Signals,
    Transform, Variant,
};
use serde_json::{Value, json};

use crate::output::{self, CommandError, Exit, Outcome, grouped};

/// What `image` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The picture; `-` is stdin
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where the result goes; `-` is stdout. Its ending says the format where the options do not
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// What a URL would say between /cdn-cgi/image/ and the source: 'width=640,quality=75'
    #[arg(long, value_name = "OPTIONS", default_value = "")]
    options: String,
    /// What the visitor's browser would send as `Accept`; matters for format=auto
    #[arg(
        long,
        value_name = "VALUE",
        default_value = "image/webp,image/*,*/*;q=0.8"
    )]
    accept: String,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// Makes the picture, or keeps the original where that is the better answer.
pub fn run(arguments: &Arguments) -> Outcome {
    let to_stdout = arguments.output == Path::new("-");
    if to_stdout && arguments.json {
        return Err(CommandError::usage("`--json` and `-o -` both want stdout"));
    }
    let transform = transform(arguments)?;
    let source = super::read_picture(&arguments.input)?;
    let signals = Signals::read(|name| (name == "accept").then_some(&*arguments.accept));
    let choice = image::choose(&transform, &signals, &Policy::default());
    let outcome = make(&source, &choice.variant)
        .map_err(|error| super::picture_error(&arguments.input, &error))?;
    let made = Made::new(outcome, &source);
    write(&arguments.output, &made.bytes)?;
    if arguments.json {
        output::json(&made.describe_json(&choice.reasons, source.len()));
    } else {
        output::talk(made.describe(source.len()));
        for note in choice.reasons.iter().chain(&made.notes) {
            output::talk(format_args!("  {note}"));
        }
    }
    Ok(Exit::Done)
}

/// Makes the picture; here there is time to seek the quality that looks as wanted.
fn make(source: &[u8], variant: &Variant) -> Result<image::Outcome, ImageError> {
    let limits = Limits::default();
    match image::search(source, variant, &limits, &|| false)? {
        Some(searched) => Ok(searched.outcome),
        None => image::render(source, variant, &limits, &|| false),
    }
}

/// The options, with the format of the output's ending where they name none.
fn transform(arguments: &Arguments) -> Result<Transform, CommandError> {
    let mut transform = match arguments.options.as_str() {
        "" => Transform::default(),
        options => Transform::parse(options).map_err(|error| {
            CommandError::usage(format_args!("`--options`: {error}")).hint(
                "the options are those of /cdn-cgi/image/<options>/, such as 'width=640,fit=cover'",
            )
        })?,
    };
    if transform.format.is_none() && transform.placeholder.is_none() {
        transform.format = format_by_ending(&arguments.output);
    }
    Ok(transform)
}

fn format_by_ending(path: &Path) -> Option<FormatChoice> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" => Some(FormatChoice::Jpeg),
        "png" => Some(FormatChoice::Png),
        "webp" => Some(FormatChoice::WebP),
        "json" => Some(FormatChoice::Json),
        _ => None,
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let written = if path == Path::new("-") {
        std::io::stdout().lock().write_all(bytes)
    } else {
        fs::write(path, bytes)
    };
    written.map_err(|error| {
        CommandError::because(format_args!("cannot write {}", path.display()), &error)
    })
}

/// What the engine answered.
#[derive(Default)]
struct Made {
    bytes: Vec<u8>,
    what: String,
    format: Option<Format>,
    size: Option<(u32, u32)>,
    kept: bool,
    rescued: bool,
    found: Option<Found>,
    preview: Option<u64>,
    notes: Vec<String>,
}

impl Made {
    fn new(outcome: image::Outcome, source: &[u8]) -> Self {
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

    fn describe(&self, before: usize) -> String {
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

    fn describe_json(&self, reasons: &[String], before: usize) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_format() {
        for (path, format) in [
            ("a.JPG", Some(FormatChoice::Jpeg)),
            ("b/c.webp", Some(FormatChoice::WebP)),
            ("-", None),
            ("a.txt", None),
        ] {
            assert_eq!(format_by_ending(Path::new(path)), format, "{path}");
        }
    }
}
