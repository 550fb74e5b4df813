//! Deltas on the way to the origin: Compression Dictionary Transport (RFC 9842) with this server as
//! the client.
//!
//! An origin that sends `Use-As-Dictionary` with what is kept is told of that when another address
//! of its pattern is asked for, and its answer is decoded before anyone else sees it. A dictionary
//! is of the site's own, at the same scheme and host; and whatever goes wrong, the origin is asked
//! again without it.
//!
//! Only `dcb` is asked for: the decoder of Brotli is memory-safe, that of Zstandard is not, and what
//! comes from outside is not given to such.

use std::sync::{Arc, Weak};

use ::cache::{Key, Store};
use ::origin::Fetched;
use base::Body;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, RANGE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::matching::{USE_AS_DICTIONARY, Usable};
use crate::compression::delta::{DeltaCoding, LARGEST, decode_foreign_dcb};
use crate::compression::{AVAILABLE_DICTIONARY, DICTIONARY_ID, Digest, decoded_headers};
use crate::facts::{Source, now};
use crate::kept::{Entry, Kept};

/// Most dictionaries known of a site; the oldest make room.
const MOST: usize = 64;
/// Most answers decoded at once. Each takes up to seven times [`LARGEST`]: itself coded and plain,
/// a copy of the dictionary, and a window of 16 MiB.
const AT_ONCE: usize = 4;
/// What is wanted where only the plain form was.
const DELTAS_OR_PLAIN: HeaderValue = HeaderValue::from_static("dcb, identity;q=0.5");

/// What is known of a site's dictionaries.
pub struct Hop {
    store: Arc<Store<Entry>>,
    known: Mutex<Vec<Arc<Known>>>,
    decoding: Semaphore,
}

/// A dictionary.
struct Known {
    /// Where it is kept.
    key: Key,
    usable: Usable,
    /// Its hash, and of what.
    digest: Mutex<(Weak<Entry>, Option<Digest>)>,
}

/// A dictionary that the origin is told of.
pub struct Told {
    known: Arc<Known>,
    /// Its bytes, as they were when it was told.
    bytes: Bytes,
}

/// Why an answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Useless {
    /// It is in a coding that was not asked for.
    #[error("the delta is in a coding that was not asked for")]
    Coding,
    /// It broke off, or is too large.
    #[error("the delta broke off, or is too large")]
    Body(#[source] base::BodyError),
    /// It does not decode with the dictionary it was asked for with.
    #[error("the delta does not decode")]
    Delta(#[source] std::io::Error),
    /// Decoding ended before its end.
    #[error("decoding did not come to its end")]
    Unfinished,
}

impl Hop {
    /// Nothing is known yet of what this store keeps.
    pub fn new(store: Arc<Store<Entry>>) -> Self {
        Self {
            store,
            known: Mutex::default(),
            decoding: Semaphore::new(AT_ONCE),
        }
    }

    /// Learns that a response with these headers is kept under `key`.
    pub fn learn(&self, key: impl FnOnce() -> Key, headers: &HeaderMap) {
        if !headers.contains_key(USE_AS_DICTIONARY) || headers.contains_key(CONTENT_ENCODING) {
            return;
        }
        let key = key();
        let Some(usable) = Usable::read(headers, &key.primary) else {
            return;
        };
        let known = Arc::new(Known {
            key,
            usable,
            digest: Mutex::default(),
        });
        let mut all = self.known.lock();
        all.retain(|old| old.key != known.key);
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(known);
    }

    /// Whether there may be a dictionary for this request, and nobody has told the origin of
    /// another. Cheap where the origin has none.
    pub fn may_tell(&self, head: &Parts) -> bool {
        let headers = &head.headers;
        head.method == Method::GET
            && !headers.contains_key(RANGE)
            && !headers.contains_key(AVAILABLE_DICTIONARY)
            && !self.known.lock().is_empty()
    }

    /// Tells the origin of a dictionary, if there is one for this request.
    pub async fn tell(&self, head: &mut Parts) -> Option<Told> {
        let accepted = head.headers.get(ACCEPT_ENCODING)?.clone();
        let known = self.best(&head.uri)?;
        let Some((bytes, digest)) = self.bytes(&known).await else {
            self.forget(&known);
            return None;
        };
        let available = HeaderValue::try_from(digest.to_header()).ok()?;
        let accepted = match accepted.as_bytes() {
            b"identity" => DELTAS_OR_PLAIN,
            own => HeaderValue::from_bytes(&[b"dcb, ", own].concat()).ok()?,
        };
        head.headers.insert(AVAILABLE_DICTIONARY, available);
        head.headers.insert(ACCEPT_ENCODING, accepted);
        if let Some(id) = &known.usable.id {
            head.headers.insert(DICTIONARY_ID, id.clone());
        }
        Some(Told { known, bytes })
    }

    /// What came, decoded if it is a delta. Also says what it was, for the trace.
    ///
    /// # Errors
    /// What came is of no use, and the dictionary is forgotten.
    pub async fn decode(
        &self,
        told: Told,
        mut fetched: Fetched,
    ) -> Result<(Fetched, Option<String>), Useless> {
        let Some(coding) = coding_of(&fetched.headers) else {
            return Ok((fetched, None));
        };
        let body = std::mem::take(&mut fetched.body);
        let decoded = match coding {
            DeltaCoding::Dcb => self.decoded(&told, body).await,
            DeltaCoding::Dcz => Err(Useless::Coding),
        };
        match decoded {
            Ok((plain, coded)) => {
                let said = format!(
                    "{} to {}: {coded} of {} bytes",
                    coding.token(),
                    told.known.key.primary,
                    plain.len()
                );
                decoded_headers(&mut fetched.headers, plain.len());
                without_dictionary(&mut fetched.headers);
                fetched.body = plain.into();
                Ok((fetched, Some(said)))
            }
            Err(useless) => {
                self.forget(&told.known);
                Err(useless)
            }
        }
    }

    async fn decoded(&self, told: &Told, body: Body) -> Result<(Bytes, usize), Useless> {
        // Before it is collected: so much memory is taken at once, and no more. It is never closed.
        let _permit = self.decoding.acquire().await.ok();
        let delta = body.collect(LARGEST as u64).await.map_err(Useless::Body)?;
        let (coded, dictionary) = (delta.len(), told.bytes.clone());
        let decoding =
            tokio::task::spawn_blocking(move || decode_foreign_dcb(&dictionary, &delta, LARGEST));
        let plain = decoding.await.map_err(|_| Useless::Unfinished)?;
        Ok((plain.map_err(Useless::Delta)?.into(), coded))
    }

    /// The dictionary for an address: the one whose pattern is longest, of these the one that came
    /// last (RFC 9842 §2.2.3).
    fn best(&self, uri: &Uri) -> Option<Arc<Known>> {
        let known = self.known.lock();
        if known.is_empty() {
            return None;
        }
        let target = Source::primary(uri, false);
        let fits = known.iter().filter(|known| known.usable.is_for(&target));
        fits.max_by_key(|known| known.usable.length()).cloned()
    }

    /// Its bytes as they are kept now; `None` if they are no more, or may not be used any more.
    async fn bytes(&self, known: &Known) -> Option<(Bytes, Digest)> {
        let lookup = known.key.as_lookup();
        let entry = match self.store.peek(&lookup) {
            Some(entry) => entry,
            None => self.store.load(&lookup).await?,
        };
        let kept = entry.response().filter(|kept| may_be_used(kept))?;
        let bytes = kept.body.clone();
        let digest = {
            let held = known.digest.lock();
            held.1.filter(|_| held.0.as_ptr() == Arc::as_ptr(&entry))
        };
        if let Some(digest) = digest {
            return Some((bytes, digest));
        }
        let plain = bytes.clone();
        let digest = tokio::task::spawn_blocking(move || Digest::of(&plain));
        let digest = digest.await.ok()?;
        *known.digest.lock() = (Arc::downgrade(&entry), Some(digest));
        Some((bytes, digest))
    }

    fn forget(&self, known: &Arc<Known>) {
        self.known.lock().retain(|own| !Arc::ptr_eq(own, known));
    }
}

/// Whether the body is one, whole and plain, and fresh or allowed to be used stale (RFC 9842
/// §2.2.1).
fn may_be_used(kept: &Kept) -> bool {
    let (freshness, now) = (&kept.freshness, now());
    let usable = freshness.is_fresh(now)
        || freshness.may_cover_refresh(now)
        || freshness.may_cover_error(now);
    usable
        && kept.status == StatusCode::OK
        && kept.file.is_none()
        && !kept.body.is_empty()
        && kept.body.len() <= LARGEST
        && !kept.headers.contains_key(CONTENT_ENCODING)
}

/// The coding of an answer, if it is a delta and nothing else.
fn coding_of(headers: &HeaderMap) -> Option<DeltaCoding> {
    let mut lines = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    DeltaCoding::parse(line.as_bytes().trim_ascii())
}

/// What is plain does not depend on the dictionary any more.
fn without_dictionary(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(VARY).iter().cloned().collect();
    headers.remove(VARY);
    for line in lines {
        let fields = line.as_bytes().split(|byte| *byte == b',');
        let others = fields
            .map(<[u8]>::trim_ascii)
            .filter(|field| !field.eq_ignore_ascii_case(AVAILABLE_DICTIONARY.as_str().as_bytes()));
        let others: Vec<&[u8]> = others.filter(|field| !field.is_empty()).collect();
        if let Ok(line) = HeaderValue::from_bytes(&others.join(&b", "[..]))
            && !line.is_empty()
        {
            headers.append(VARY, line);
        }
    }
}
