//! What the recorder asks for.

use std::time::Duration;

/// A request and when to send it.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) weight: Option<u16>,
    pub(crate) after: Duration,
    pub(crate) after_answers: usize,
    pub(crate) reweigh: Vec<(Duration, u16)>,
    pub(crate) updates: Vec<(Duration, String)>,
}

impl Request {
    /// A GET for a path, sent at once.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.into(),
            headers: Vec::new(),
            weight: None,
            after: Duration::ZERO,
            after_answers: 0,
            reweigh: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// With another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Adds a header field; the name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a `priority` field (RFC 9218 §4), for example `u=2, i`.
    #[must_use]
    pub fn priority(self, value: &str) -> Self {
        self.header("priority", value)
    }

    /// Gives HEADERS a weight of 1–256, exclusive under the root, as Chromium does.
    #[must_use]
    pub fn weight(mut self, weight: u16) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Sends the request this long after the first.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Sends the request once so many others have been answered in full, and those planned for
    /// later not before it.
    #[must_use]
    pub fn after_answers(mut self, count: usize) -> Self {
        self.after_answers = count;
        self
    }

    /// Sends a PRIORITY frame with a new weight at a time after the first request, as Chromium
    /// does for images that turned out to be visible.
    #[must_use]
    pub fn reweigh(mut self, at: Duration, weight: u16) -> Self {
        self.reweigh.push((at, weight));
        self
    }

    /// Sends a PRIORITY_UPDATE frame (RFC 9218 §7.1) at a time after the first request.
    #[must_use]
    pub fn update(mut self, at: Duration, priority: &str) -> Self {
        self.updates.push((at, priority.to_owned()));
        self
    }
}
