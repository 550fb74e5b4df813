//! What something is kept under.

use std::sync::Arc;

/// What something is kept under: the URL, and which of its variants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The URL: scheme, host, path and query. A purge names this.
    pub primary: Arc<str>,
    /// Which of the things kept for it; empty for the plain response.
    pub variant: Arc<str>,
}

impl Key {
    /// The key as a look-up takes it.
    pub fn as_lookup(&self) -> Lookup<'_> {
        Lookup {
            primary: &self.primary,
            variant: &self.variant,
        }
    }
}

/// A [`Key`] by reference, so that a look-up allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lookup<'a> {
    /// The URL.
    pub primary: &'a str,
    /// Which of the things kept for it.
    pub variant: &'a str,
}

impl Lookup<'_> {
    /// The owned key.
    pub fn to_key(&self) -> Key {
        Key {
            primary: self.primary.into(),
            variant: self.variant.into(),
        }
    }
}

/// A key in one piece, as the index holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    both: Box<str>,
    split: u32,
}

impl Name {
    pub(super) fn new(key: &Lookup<'_>) -> Self {
        let mut both = String::with_capacity(key.primary.len() + key.variant.len());
        both.push_str(key.primary);
        both.push_str(key.variant);
        Self {
            split: u32::try_from(key.primary.len()).unwrap_or(u32::MAX),
            both: both.into(),
        }
    }

    pub(super) fn as_lookup(&self) -> Lookup<'_> {
        let (primary, variant) = self.both.split_at(self.split as usize);
        Lookup { primary, variant }
    }
}
