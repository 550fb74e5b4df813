//! Which kept body has which hash, and the making of deltas from one to the next. Runs in the
//! background, but for one look.
//!
//! The index lies in the store itself, so that it outlives a restart: an entry for each dictionary,
//! found by origin and hash, that leads to where the body is kept. Where that is purged, the entry
//! leads nowhere, and nothing is made from it any more.

use std::sync::Arc;

use ::cache::{Key, Lookup, Sought, Store};
use http::Uri;
use workshop::Cancel;

use super::super::best;
use super::available::Digest;
use super::delta::{LARGEST, smallest};
use crate::behind::Shared;
use crate::kept::{Delta, Dictionary, Entry, Kept};

/// What the primary keys of the index begin with.
pub const PREFIX: &str = "dictionary ";

/// A body to be made a dictionary of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is kept.
    pub key: Key,
    /// The pattern of its address.
    pub pattern: Arc<str>,
}

/// A delta to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where what it leads to is kept.
    pub body: Candidate,
    /// What it leads from.
    pub dictionary: Digest,
}

/// The place of a hash in the index: of one origin, since a dictionary is for its own alone.
pub fn place(uri: &Uri, dictionary: Digest) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri.authority().map_or("", |authority| authority.as_str());
    format!("{PREFIX}{scheme}://{host}/{}", dictionary.to_hex())
}

/// What the index has at a place.
pub enum Indexed {
    /// This.
    Here(Arc<Entry>),
    /// Something, on disk.
    OnDisk,
    /// Nothing.
    Nothing,
}

/// Looks a hash up.
pub fn find(store: &Store<Entry>, place: &str) -> Indexed {
    match store.seek(&lookup(place)) {
        Sought::Kept(entry) => Indexed::Here(entry),
        Sought::OnDisk => Indexed::OnDisk,
        Sought::Nothing => Indexed::Nothing,
    }
}

/// Whether something is still kept under a key.
pub fn is_kept(store: &Store<Entry>, key: &Key) -> bool {
    !matches!(store.seek(&key.as_lookup()), Sought::Nothing)
}

/// Takes a kept body into the index.
pub fn index(store: &Store<Entry>, candidate: &Candidate) {
    let Some(entry) = load(store, &candidate.key) else {
        return;
    };
    let Some(kept) = body_of(&entry) else {
        return;
    };
    let Ok(uri) = candidate.key.primary.parse::<Uri>() else {
        return;
    };
    let place = place(&uri, Digest::of(&kept.body));
    let dictionary = Dictionary {
        key: candidate.key.clone(),
        pattern: candidate.pattern.clone(),
    };
    let key = lookup(&place).to_key();
    store.insert(key, Arc::new(Entry::Dictionary(dictionary)));
}

/// Makes a delta and keeps it with the body, unless that is gone or another by then.
pub fn make(store: &Store<Entry>, shared: &Shared, wanted: &Wanted, best: u64, cancel: &Cancel) {
    let key = &wanted.body.key;
    // A delta is worth it if it is smaller than the best form, so that has to be there.
    best::improve(store, shared, key, best, cancel);
    let (Some(entry), Some(from)) = (load(store, key), source(store, wanted)) else {
        return;
    };
    let (Some(kept), Some(dictionary)) = (body_of(&entry), body_of(&from.entry)) else {
        return;
    };
    let Some(forms) = &kept.forms else {
        return;
    };
    if from.key == *key || forms.delta(wanted.dictionary).is_some() {
        return;
    }
    let since = std::time::Instant::now();
    let Some((coding, bytes)) = smallest(&dictionary.body, &kept.body, cancel) else {
        return;
    };
    tracing::debug!(
        key = %key.primary,
        from = %from.key.primary,
        bytes = kept.body.len(),
        delta = bytes.len(),
        coding = coding.token(),
        milliseconds = since.elapsed().as_millis() as u64,
        "made a delta"
    );
    let delta = Delta {
        dictionary: wanted.dictionary,
        from: from.key,
        coding,
        bytes,
    };
    let forms = forms.with_delta(delta, kept.body.len());
    let better = kept.with_forms(Arc::new(forms), since.elapsed());
    if !store.replace(key, &entry, Arc::new(Entry::Response(better))) {
        tracing::debug!(key = %key.primary, "it changed meanwhile, or is too large with its delta");
    }
}

struct Earlier {
    key: Key,
    entry: Arc<Entry>,
}

/// The dictionary of a wanted delta, if it is kept, of the same pattern, and the very bytes.
fn source(store: &Store<Entry>, wanted: &Wanted) -> Option<Earlier> {
    let uri: Uri = wanted.body.key.primary.parse().ok()?;
    let place = place(&uri, wanted.dictionary);
    let place = lookup(&place).to_key();
    let indexed = load(store, &place)?;
    let Entry::Dictionary(dictionary) = &*indexed else {
        return None;
    };
    if dictionary.pattern != wanted.body.pattern {
        return None;
    }
    let entry = load(store, &dictionary.key);
    let same = entry
        .as_deref()
        .and_then(body_of)
        .is_some_and(|kept| Digest::of(&kept.body) == wanted.dictionary);
    if !same {
        // It was purged, or there is another body now: the index says nothing true.
        store.remove(&place.as_lookup());
        return None;
    }
    Some(Earlier {
        key: dictionary.key.clone(),
        entry: entry?,
    })
}

fn load(store: &Store<Entry>, key: &Key) -> Option<Arc<Entry>> {
    let key = key.as_lookup();
    store.peek(&key).or_else(|| store.load_now(&key))
}

/// A body that is in memory and not too large.
fn body_of(entry: &Entry) -> Option<&Kept> {
    let kept = entry.response()?;
    (kept.file.is_none() && !kept.body.is_empty() && kept.body.len() <= LARGEST).then_some(kept)
}

fn lookup(place: &str) -> Lookup<'_> {
    Lookup {
        primary: place,
        variant: "",
    }
}
