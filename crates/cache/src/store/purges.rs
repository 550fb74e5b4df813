//! What was purged of late, so that nothing fetched before comes back after it.

use std::collections::VecDeque;

use super::Mark;

/// What was purged of late in one part of the index, by the hashes of the URLs.
#[derive(Default)]
pub(super) struct Purges {
    count: u64,
    recent: VecDeque<u64>,
}

/// How many purges a part remembers by URL. What is fetched while there are more is not kept.
pub(super) const REMEMBERED: usize = 256;

impl Purges {
    pub(super) fn mark(&self) -> Mark {
        Mark(self.count)
    }

    pub(super) fn one(&mut self, hash: u64) {
        self.count += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(hash);
    }

    pub(super) fn all(&mut self) {
        self.count += 1;
        self.recent.clear();
    }

    /// Whether a URL was purged since the mark, or may have been, as that is forgotten.
    pub(super) fn touched(&self, mark: Mark, hash: u64) -> bool {
        let since = usize::try_from(self.count.saturating_sub(mark.0)).unwrap_or(usize::MAX);
        since > self.recent.len() || self.recent.iter().rev().take(since).any(|own| *own == hash)
    }
}
