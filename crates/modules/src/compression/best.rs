//! The best forms of a text, made in the background: Brotli at its slowest, and gzip as small as
//! it gets.

use std::io::Write;
use std::sync::Arc;

use ::cache::{Key, Lookup, Store};
use brotli::CompressorWriter;
use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use workshop::{Cancel, Offered, Workshop};

use super::Coding;
use super::coding::{brotli_parameters, window};
use super::dictionary::index::{self, Candidate};
use crate::behind::Shared;
use crate::kept::{Entry, Forms};

/// How much is encoded between two looks at the flag.
const STEP: usize = 64 << 10;
/// Brotli's quality for what is too large for the best.
const GOOD: u32 = 9;
/// Brotli's best quality.
pub const BEST: u32 = 11;

/// What an improvement is called; all that is needed to begin it again. `-` stands for no pattern.
pub(super) fn name(key: &Key, pattern: Option<&str>, best: u64) -> String {
    let Key { primary, variant } = key;
    let pattern = pattern.unwrap_or("-");
    format!("compress {best} {pattern} {primary}\u{1f}{variant}")
}

/// Goes on with what waited to be improved when an earlier process ended. Returns how much that is.
pub fn resume(store: &Arc<Store<Entry>>, shared: &Shared, workshop: &Workshop) -> usize {
    let left = workshop.left_over();
    let resumed = left.iter().filter(|(asked, name)| {
        if let Some(job) = super::dictionary::resumed(name) {
            let (store, shared) = (store.clone(), shared.clone());
            let job = move |cancel: &Cancel| job(&store, &shared, cancel);
            return workshop.improve_again(*asked, name, job) == Offered::Waits;
        }
        let Some((best, key, pattern)) = read_name(name) else {
            return false;
        };
        let (store, shared) = (store.clone(), shared.clone());
        let job = move |cancel: &Cancel| {
            all(&store, &shared, &key, pattern.as_ref(), best, cancel);
        };
        workshop.improve_again(*asked, name, job) == Offered::Waits
    });
    resumed.count()
}

fn read_name(name: &str) -> Option<(u64, Key, Option<Arc<str>>)> {
    let (best, rest) = name.strip_prefix("compress ")?.split_once(' ')?;
    let (pattern, key) = rest.split_once(' ')?;
    let (primary, variant) = key.split_once('\u{1f}')?;
    let pattern = (pattern != "-").then(|| pattern.into());
    let key = Lookup { primary, variant }.to_key();
    Some((best.parse().ok()?, key, pattern))
}

/// Makes the best forms of what is kept under `key`, and a dictionary of it where it has a pattern.
pub(super) fn all(
    store: &Store<Entry>,
    shared: &Shared,
    key: &Key,
    pattern: Option<&Arc<str>>,
    best: u64,
    cancel: &Cancel,
) {
    improve(store, shared, key, best, cancel);
    if let Some(pattern) = pattern {
        let candidate = Candidate {
            key: key.clone(),
            pattern: pattern.clone(),
        };
        index::index(store, &candidate);
    }
}

/// Makes the best forms of what is kept under `key` and keeps them with it, unless it is gone or
/// another by then; another node's forms do as well. `best` is the largest body that gets Brotli at quality 11.
pub fn improve(store: &Store<Entry>, shared: &Shared, key: &Key, best: u64, cancel: &Cancel) {
    let key_of_it = key.as_lookup();
    let Some(entry) = store
        .peek(&key_of_it)
        .or_else(|| store.load_now(&key_of_it))
    else {
        return;
    };
    let Entry::Response(kept) = &*entry else {
        return;
    };
    if kept.forms.is_some() || kept.file.is_some() {
        return;
    }
    let since = std::time::Instant::now();
    let quality = match kept.body.len() as u64 <= best {
        true => BEST,
        false => GOOD,
    };
    let forms = match shared.forms(&kept.body, quality) {
        Some(forms) => forms,
        None => {
            let Some(forms) = forms(&kept.body, quality, cancel) else {
                return;
            };
            shared.keep_forms(&kept.body, quality, &forms, since.elapsed());
            forms
        }
    };
    tracing::debug!(
        key = %key.primary,
        bytes = kept.body.len(),
        brotli = forms.of(Coding::Brotli).map(Bytes::len),
        gzip = forms.of(Coding::Gzip).map(Bytes::len),
        milliseconds = since.elapsed().as_millis() as u64,
        "compressed at best"
    );
    let better = Arc::new(Entry::Response(
        kept.with_forms(Arc::new(forms), since.elapsed()),
    ));
    if !store.replace(key, &entry, better) {
        tracing::debug!(key = %key.primary, "it changed meanwhile, or is too large with its forms");
    }
}

/// The best forms of a body; `None` if it was cancelled.
pub fn forms(body: &Bytes, quality: u32, cancel: &Cancel) -> Option<Forms> {
    let brotli = brotli(body, quality, cancel)?;
    let gzip = gzip(body);
    (!cancel.is_cancelled()).then(|| Forms::new(body, Some(brotli), gzip))
}

/// Brotli with a window for the whole body; `None` if it was cancelled.
fn brotli(body: &[u8], quality: u32, cancel: &Cancel) -> Option<Bytes> {
    let length = Some(body.len() as u64);
    let parameters = brotli_parameters(quality, window(length), length);
    let mut encoder = CompressorWriter::with_params(Vec::new(), STEP, &parameters);
    for step in body.chunks(STEP) {
        if cancel.is_cancelled() {
            return None;
        }
        // A vector takes whatever is written.
        encoder.write_all(step).ok()?;
    }
    Some(encoder.into_inner().into())
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = Compressor::new(CompressionLvl::best());
    let mut made = vec![0; encoder.gzip_compress_bound(body.len())];
    let length = encoder.gzip_compress(body, &mut made).ok()?;
    made.truncate(length);
    made.shrink_to_fit();
    Some(made.into())
}
