//! What waits to be improved, in a file: so that an end of the process forgets nothing for long.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shortest time between two writings.
const APART: Duration = Duration::from_secs(1);
/// The largest file that is believed.
const LARGEST: u64 = 16 << 20;

/// A file with a line for each improvement: how often it was asked for, and its key.
pub(super) struct Ledger {
    path: PathBuf,
    written: Option<Instant>,
    /// Something changed since then.
    pub(super) dirty: bool,
}

impl Ledger {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            written: None,
            dirty: false,
        }
    }

    /// What is in the file, the first `most` of it; nothing if there is none.
    pub(super) fn read(&self, most: usize) -> Vec<(u64, Arc<str>)> {
        let size = fs::metadata(&self.path).map_or(0, |file| file.len());
        let bytes = match size <= LARGEST {
            true => fs::read(&self.path).unwrap_or_default(),
            false => Vec::new(),
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter_map(|line| {
            let (asked, key) = line.split_once(' ')?;
            Some((asked.parse().ok()?, key.into()))
        });
        lines.take(most).collect()
    }

    /// Whether it is time to write.
    pub(super) fn is_due(&self) -> bool {
        let long_ago = self
            .written
            .is_none_or(|written| written.elapsed() >= APART);
        self.dirty && long_ago
    }

    /// Whether this process has anything to say: what is in the file is else another's.
    pub(super) fn is_ours(&self) -> bool {
        self.dirty || self.written.is_some()
    }

    /// What is to be written for these, to be handed to the returned path by [`write`].
    pub(super) fn page<'a>(
        &mut self,
        waiting: impl Iterator<Item = (u64, &'a Arc<str>)>,
    ) -> (PathBuf, String) {
        self.dirty = false;
        self.written = Some(Instant::now());
        let mut page = String::new();
        for (asked, key) in waiting.filter(|(_, key)| !key.contains(['\n', '\r'])) {
            page.push_str(&format!("{asked} {key}\n"));
        }
        (self.path.clone(), page)
    }
}

/// Puts a page in the place of the one before, as a whole.
pub(super) fn write((path, page): (PathBuf, String)) {
    let new = path.with_extension("new");
    let written = fs::write(&new, page).and_then(|()| fs::rename(&new, &path));
    if let Err(error) = written {
        tracing::debug!(%error, "what waits to be improved is not noted");
    }
}
