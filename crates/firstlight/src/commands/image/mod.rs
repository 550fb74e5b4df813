//! `firstlight image`: the server's engine on files.

mod gather;
mod made;
mod many;

use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use image::{FormatChoice, Limits, Policy, Signals, Transform};

use crate::output::{self, CommandError, Exit, Outcome};
use made::Made;

/// What `image` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Pictures, folders of pictures, and patterns such as 'photos/**/*.png'; `-` is stdin
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// Where the result goes; `-` is stdout. Its ending says the format where the options do not. A
    /// folder where there are several pictures
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
    /// How many pictures are made at once; as many as there are processors, unless given
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// Makes the picture, or the pictures, or keeps the originals where they are the better answer.
pub fn run(arguments: &Arguments) -> Outcome {
    let recipe = Recipe::new(arguments)?;
    match arguments.lone_input() {
        Some(input) => one(arguments, input, recipe),
        None => many::run(arguments, &recipe),
    }
}

impl Arguments {
    /// The picture where there is one alone, whose result is a file.
    fn lone_input(&self) -> Option<&Path> {
        let [input] = &self.inputs[..] else {
            return None;
        };
        let is_one = !gather::is_pattern(input) && !input.is_dir() && !is_folder(&self.output);
        is_one.then_some(input)
    }
}

/// Whether a path is that of a folder, or is written like one.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with(std::path::is_separator)
}

fn one(arguments: &Arguments, input: &Path, mut recipe: Recipe) -> Outcome {
    let to_stdout = arguments.output == Path::new("-");
    if to_stdout && arguments.json {
        return Err(CommandError::usage("`--json` and `-o -` both want stdout"));
    }
    recipe.follow_ending(&arguments.output);
    let source = super::read_picture(input)?;
    let (made, reasons) = recipe.make(input, &source)?;
    let written = match to_stdout {
        true => std::io::stdout().lock().write_all(&made.bytes),
        false => fs::write(&arguments.output, &made.bytes),
    };
    written.map_err(|error| cannot_write(&arguments.output, &error))?;
    if arguments.json {
        output::json(&made.describe_json(&reasons, source.len()));
    } else {
        output::talk(made.describe(source.len()));
        for note in reasons.iter().chain(&made.notes) {
            output::talk(format_args!("  {note}"));
        }
    }
    Ok(Exit::Done)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::because(format_args!("cannot write {}", path.display()), error)
}

/// What is to be made of a picture.
struct Recipe {
    transform: Transform,
    accept: String,
}

impl Recipe {
    fn new(arguments: &Arguments) -> Result<Self, CommandError> {
        let transform = match arguments.options.as_str() {
            "" => Transform::default(),
            options => Transform::parse(options).map_err(|error| {
                CommandError::usage(format_args!("`--options`: {error}")).hint(
                    "the options are those of /cdn-cgi/image/<options>/, such as 'width=640,fit=cover'",
                )
            })?,
        };
        Ok(Self {
            transform,
            accept: arguments.accept.clone(),
        })
    }

    /// Takes the format of the output's ending where the options name none.
    fn follow_ending(&mut self, output: &Path) {
        if self.transform.format.is_none() && self.transform.placeholder.is_none() {
            self.transform.format = format_by_ending(output);
        }
    }

    /// Makes the picture; here there is time to seek the quality that looks as wanted. Returns the
    /// reasons of the choice, too.
    fn make(&self, input: &Path, source: &[u8]) -> Result<(Made, Vec<String>), CommandError> {
        let signals = Signals::read(|name| (name == "accept").then_some(&*self.accept));
        let choice = image::choose(&self.transform, &signals, &Policy::default());
        let limits = Limits {
            max_avif_pixels: Limits::default().max_output_pixels,
            max_avif_pixels_at_once: 0,
            avif_program: host::AvifEncoder::Auto.program().unwrap_or_default(),
            decoders: server::decoders(),
            ..Limits::default()
        };
        let outcome = match image::search(source, &choice.variant, &limits, &|| false) {
            Ok(Some(searched)) => Ok(searched.outcome),
            Ok(None) => image::render(source, &choice.variant, &limits, &|| false),
            Err(error) => Err(error),
        };
        let outcome = outcome.map_err(|error| super::picture_error(input, &error))?;
        Ok((Made::new(outcome, source), choice.reasons))
    }
}

fn format_by_ending(path: &Path) -> Option<FormatChoice> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" => Some(FormatChoice::Jpeg),
        "png" => Some(FormatChoice::Png),
        "webp" => Some(FormatChoice::WebP),
        "avif" => Some(FormatChoice::Avif),
        "json" => Some(FormatChoice::Json),
        _ => None,
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
            ("c.avif", Some(FormatChoice::Avif)),
            ("-", None),
            ("a.txt", None),
        ] {
            assert_eq!(format_by_ending(Path::new(path)), format, "{path}");
        }
    }
}
