//! What a recording saw, frame by frame, to be read by eye.

use std::fmt::Write as _;
use std::path::Path;

use testkit::recorder::{DataFrame, Recording};

use crate::shell::Outcome;

/// Writes when which request was asked for and every frame came, a line each.
///
/// # Errors
/// The file cannot be written.
pub fn write(folder: &Path, name: &str, recording: &Recording) -> Outcome {
    let mut text = String::new();
    for (request, answer) in recording.answers.iter().enumerate() {
        let at = answer.asked_at.as_millis();
        let _ = writeln!(text, "{at:>6} ms: request {request} is asked for");
    }
    for frame in &recording.frames {
        let DataFrame {
            request,
            bytes,
            offset,
            ..
        } = frame;
        let at = frame.at.as_millis();
        let _ = writeln!(
            text,
            "{at:>6} ms: {bytes} bytes of {request}, up to {offset}"
        );
    }
    let file = folder.join(format!("{name}.txt"));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, text))
        .map_err(|error| format!("{}: {error}", file.display()))
}
