//! Pages that are made from the code, so that they cannot lie.

use std::fs;

use crate::shell::{Outcome, root};

/// Path from the root, and what writes the page.
type Page = (&'static str, fn() -> String);

const PAGES: [Page; 1] = [("docs/configuration.md", server::reference)];

/// Writes every page, or with `check` compares only.
///
/// # Errors
/// A page could not be written; with `check`, the pages that are out of date.
pub fn run(check: bool) -> Outcome {
    let mut stale = Vec::new();
    for (path, write) in PAGES {
        let (file, text) = (root().join(path), write());
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            println!("{path}: as the code says");
        } else if check {
            stale.push(path);
        } else {
            fs::write(&file, text).map_err(|error| format!("{path}: {error}"))?;
            println!("{path}: written");
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "out of date: {} (run `cargo xtask docs`)",
            stale.join(", ")
        ))
    }
}
