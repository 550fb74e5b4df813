//! Pictures that are to look as good as wanted: the first visitors get the quality that usually
//! does, and the next ones what a search in the background has found for this very picture.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use ::cache::{Key, Store};
use ::image::{Found, ImageError, Limits, Outcome, Searched, Variant, probe, render_found, search};
use http::header::{CONTENT_SECURITY_POLICY, ETAG, LAST_MODIFIED, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use workshop::Cancel;

use super::reply;
use crate::behind::Shared;
use crate::kept::{Entry, Kept};

/// Sources of more pixels are not worth the memory that a search would take.
const MOST_PIXELS: u64 = 25_000_000;
/// Most findings remembered: at 32 bytes each, a quarter of a megabyte.
const MOST_FINDINGS: usize = 8192;

/// What a picture that is kept is to become.
#[derive(Debug)]
pub struct Wish {
    /// What it is called among improvements.
    pub name: Arc<str>,
    /// Where the picture is kept.
    pub picture: Key,
    /// Where its source is.
    pub source: Key,
    /// What is wanted.
    pub variant: Variant,
    /// Whether the source is another site's.
    pub foreign: bool,
}

/// What searches found, by source and variant: a picture that fell out of the store is made anew
/// without another one.
#[derive(Default)]
pub struct Findings {
    hasher: RandomState,
    known: Mutex<HashMap<u64, Found>>,
}

impl Findings {
    /// What was found for a picture of a source with these headers. Sources that cannot be told
    /// apart by their headers have nothing remembered.
    pub fn of(&self, picture: &Key, source: &HeaderMap) -> Option<Found> {
        let name = self.name(picture, source)?;
        self.known.lock().get(&name).copied()
    }

    fn remember(&self, picture: &Key, source: &HeaderMap, found: Found) {
        if let Some(name) = self.name(picture, source) {
            let mut known = self.known.lock();
            if known.len() >= MOST_FINDINGS {
                known.clear();
            }
            known.insert(name, found);
        }
    }

    fn name(&self, picture: &Key, source: &HeaderMap) -> Option<u64> {
        let said = |name: HeaderName| source.get(name).map(HeaderValue::as_bytes);
        let identity = (said(ETAG), said(LAST_MODIFIED));
        if identity == (None, None) {
            return None;
        }
        let named = (&picture.primary, &picture.variant, identity);
        Some(self.hasher.hash_one(named))
    }
}

/// Seeks what a picture is to become and keeps it in its place, unless that is gone or another by
/// then, or the source is.
pub fn perfect(
    store: &Store<Entry>,
    shared: &Shared,
    findings: &Findings,
    wish: &Wish,
    limits: &Limits,
    cancel: &Cancel,
) {
    // Before it is known that both are there: nothing that came before has purged them.
    let moment = shared.since();
    let Some(entry) = store.peek(&wish.picture.as_lookup()) else {
        return;
    };
    let place = wish.source.as_lookup();
    let Some(source) = store.peek(&place).or_else(|| store.load_now(&place)) else {
        return;
    };
    let (Some(kept), Some(source)) = (entry.response(), source.response()) else {
        return;
    };
    let same = |identity| reply::is_identity(identity, &source.headers, &source.body);
    if kept.wish.is_none() || !kept.source.as_ref().is_some_and(same) {
        return;
    }
    // What is too large for memory is too large for a search.
    if source.file.is_some() || kept.file.is_some() {
        return;
    }
    let since = Instant::now();
    let known = findings.of(&wish.picture, &source.headers);
    let mut better = match sought(wish, &source.body, known, limits, cancel) {
        Err(ImageError::Cancelled) => return,
        Ok(Some(searched)) => {
            tracing::debug!(
                key = %wish.name,
                encodes = searched.encodes,
                found = %searched.found,
                "the best quality was found"
            );
            findings.remember(&wish.picture, &source.headers, searched.found);
            remade(kept, source, wish, searched)
        }
        // There is nothing to seek, or it cannot be: what is there stays.
        Ok(None) | Err(_) => settled(kept),
    };
    better.cost = kept.cost + since.elapsed();
    let better = Arc::new(Entry::Response(better));
    if store.replace(&wish.picture, &entry, better.clone()) {
        shared.keep_picture(&wish.picture, moment, &better);
    } else {
        tracing::debug!(key = %wish.name, "it changed meanwhile");
    }
}

/// Seeks the best, or makes what was found before and took too long for the visitor.
fn sought(
    wish: &Wish,
    source: &[u8],
    known: Option<Found>,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Option<Searched>, ImageError> {
    if probe(source, limits)?.pixels() > MOST_PIXELS {
        return Ok(None);
    }
    let cancel = || cancel.is_cancelled();
    if let Some(found) = known.filter(Found::is_slow) {
        let outcome = render_found(source, &wish.variant, known, limits, &cancel)?;
        return Ok(Some(Searched {
            outcome,
            found,
            encodes: 1,
            sizes: Vec::new(),
        }));
    }
    search(source, &wish.variant, limits, &cancel)
}

/// The picture as it was found best, under the headers it had.
fn remade(kept: &Kept, source: &Kept, wish: &Wish, searched: Searched) -> Kept {
    let (headers, body, outline) = match searched.outcome {
        Outcome::Rendered(made) => {
            let headers = reply::of_picture(kept.headers.clone(), &made, source.body.len());
            (headers, made.bytes, made.outline)
        }
        Outcome::Original(original) => {
            let headers = original_headers(kept, source, wish, &original.reason);
            (headers, source.body.clone(), original.outline)
        }
        Outcome::Facts(_) | Outcome::Text(_) => return settled(kept),
    };
    let mut better = Kept::new(kept.status, headers, body, kept.freshness);
    better.outline = Some(Arc::new(outline));
    better.source.clone_from(&kept.source);
    better
}

fn original_headers(kept: &Kept, source: &Kept, wish: &Wish, reason: &str) -> HeaderMap {
    let mut headers = source.headers.clone();
    for name in [VARY, CONTENT_SECURITY_POLICY] {
        if let Some(value) = kept.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    reply::confine(&mut headers, wish.foreign);
    reply::mark_original(&mut headers, reason, None);
    headers
}

/// The same, with nothing more to seek.
fn settled(kept: &Kept) -> Kept {
    Kept {
        wish: None,
        ..kept.twin()
    }
}
