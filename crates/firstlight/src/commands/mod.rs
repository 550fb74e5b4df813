//! The commands, a file each.

mod byte_log;
pub mod check;
pub mod demo;
pub mod explain;
pub mod film;
pub mod image;
pub mod inspect;
pub mod manual;
pub mod migrate;
pub mod serve;

mod environment;
mod running;

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use crate::output::CommandError;

/// Reads a picture from a file, or from stdin where the path is `-`; no more than the engine's
/// limit on bytes.
fn read_picture(path: &Path) -> Result<Vec<u8>, CommandError> {
    let limit = ::image::Limits::default().max_bytes;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(limit + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        CommandError::because(format_args!("cannot read {}", path.display()), &error)
    })?;
    if bytes.len() as u64 > limit {
        let limit = base::ByteSize(limit);
        return Err(CommandError::new(format_args!(
            "{}: more than {limit}",
            path.display()
        )));
    }
    Ok(bytes)
}

/// What the engine says of a picture file.
fn picture_error(path: &Path, error: &::image::ImageError) -> CommandError {
    use ::image::ImageError::{NotAPicture, Unsupported};
    let said = CommandError::because(path.display(), error);
    match error {
        NotAPicture | Unsupported { .. } => {
            said.hint("JPEG, JPEG XL, AVIF, PNG, WebP and GIF files are read")
        }
        _ => said,
    }
}

/// A plan of delivery as JSON.
fn plan_json(plan: &delivery::Plan) -> Value {
    plan.phases()
        .iter()
        .map(|phase| {
            json!({
                "offset": phase.offset,
                "level": phase.level.value(),
                "concurrency": phase.concurrency.to_string(),
                "whole": phase.whole,
            })
        })
        .collect()
}
