//! Deltas between versions: Compression Dictionary Transport (RFC 9842), made here.
//!
//! A text whose address carries its version is offered to visitors as a dictionary for the other
//! versions of it ([`pattern`]). Who comes back with one ([`available`]) for a text that is kept
//! gets it as a delta to that ([`delta`]), if the earlier version is kept too and the background
//! has made the delta ([`index`]); else the usual form, and the next visitor gets the delta.

pub mod available;
pub mod counts;
pub mod delta;
pub mod index;
pub mod pattern;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::cache::policy::{Control, Vary};
use ::cache::{Key, Store};
use ::origin::Network;
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE,
    ORIGIN, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pipeline::Exchange;
use workshop::{Cancel, Workshop};

use super::types::Types;
use super::{Accepted, CompressionSettings};
use crate::behind::Shared;
use crate::facts::{Facts, Source};
use crate::https::is_secure;
use crate::kept::{Delta, Entry, Forms};
use available::{AVAILABLE_DICTIONARY, DICTIONARY_ID, Digest};
use delta::{DeltaCoding, LARGEST};
use index::{Candidate, Indexed, Wanted};

const USE_AS_DICTIONARY: HeaderName = HeaderName::from_static("use-as-dictionary");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Pages have no version in their address, and what is theirs alone in them; events have no end.
const NEVER: [&str; 3] = ["text/html", "application/xhtml+xml", "text/event-stream"];
/// What a dictionary may vary on: not on who asks.
const MAY_VARY: [&str; 3] = ["accept-encoding", "available-dictionary", "origin"];

/// The part of the compression that knows dictionaries.
pub struct Dictionaries {
    enabled: bool,
    globs: Vec<String>,
    fresh: Duration,
    never: Types,
    proxies: Vec<Network>,
    /// Whether the origin has shown that it knows dictionaries itself.
    origin_knows: AtomicBool,
}

/// What becomes of a visitor's dictionary.
pub enum Outcome<'a> {
    /// The body leaves as this.
    Delta(&'a Delta),
    /// It leaves as it would without a dictionary; this may be made in the background.
    Usual(Option<Wanted>),
}

impl Dictionaries {
    /// Dictionaries of a site; what these proxies say of the visitor's connection is believed.
    pub fn new(settings: &CompressionSettings, proxies: &[Network]) -> Self {
        let never = NEVER.map(str::to_owned);
        Self {
            enabled: settings.dictionaries && settings.best.bytes() > 0,
            globs: settings.dictionary_paths.clone(),
            fresh: settings.dictionary_fresh,
            never: Types::new(&never),
            proxies: proxies.to_vec(),
            origin_knows: AtomicBool::new(false),
        }
    }

    /// Takes the visitor's dictionary from the request, or leaves it there for the origin: then it
    /// says `true`, and nothing is to be done here.
    ///
    /// It is for the origin where deltas are not made here, and where the origin has dictionaries
    /// of its own and this is none of ours.
    pub fn ask(&self, exchange: &mut Exchange, store: &Store<Entry>) -> bool {
        if !exchange.headers.contains_key(AVAILABLE_DICTIONARY) {
            return false;
        }
        if !self.enabled {
            return asks_for_delta(&exchange.headers);
        }
        let digest = Digest::available(&exchange.headers);
        let is_ours = || {
            digest.is_some_and(|digest| {
                let place = index::place(&exchange.uri, digest);
                !matches!(index::find(store, &place), Indexed::Nothing)
            })
        };
        if self.origin_knows.load(Ordering::Relaxed)
            && asks_for_delta(&exchange.headers)
            && !is_ours()
        {
            return true;
        }
        exchange.headers.remove(AVAILABLE_DICTIONARY);
        exchange.headers.remove(DICTIONARY_ID);
        Facts::of(exchange).dictionary = digest;
        false
    }

    /// The pattern of a response that may be a dictionary, and may be sent as a delta to one;
    /// `None` for all others. `headers` are those of the response as they came.
    pub fn pattern(
        &self,
        exchange: &Exchange,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<Arc<str>> {
        let coded = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        if headers.contains_key(USE_AS_DICTIONARY) || matches!(coded, Some(b"dcb" | b"dcz")) {
            self.origin_knows.store(true, Ordering::Relaxed);
            return None;
        }
        let public = !headers.contains_key(SET_COOKIE)
            && !exchange.headers.contains_key(AUTHORIZATION)
            && varies_on_nobody(headers);
        if !self.enabled
            || status != StatusCode::OK
            || !public
            || exchange.slots.get::<Source>().is_some()
            || !self.lasts(headers)
            || !is_secure(exchange, &self.proxies)
        {
            return None;
        }
        let content_type = headers.get(CONTENT_TYPE)?.as_bytes();
        if self.never.hold(content_type) {
            return None;
        }
        let target = exchange.uri.path_and_query()?.as_str();
        let own = || {
            let mut globs = self.globs.iter();
            globs.find_map(|glob| pattern::of_glob(glob, target))
        };
        own().or_else(|| pattern::of(target)).map(Into::into)
    }

    /// Says that a response may be used as a dictionary, and depends on the visitor's.
    pub fn offer(headers: &mut HeaderMap, pattern: &str) {
        if let Ok(value) = HeaderValue::try_from(pattern::to_header(pattern)) {
            headers.insert(USE_AS_DICTIONARY, value);
        }
        super::headers::add_vary(headers, "Available-Dictionary");
    }

    /// What is to be done for a visitor who has a dictionary. `forms` are those of the kept body,
    /// where there is one. The trace says why.
    pub fn choose<'a>(
        &self,
        exchange: &mut Exchange,
        store: &Store<Entry>,
        forms: Option<&'a Forms>,
        body: &Candidate,
        headers: &HeaderMap,
    ) -> Outcome<'a> {
        let facts = Facts::of(exchange);
        let (accepted, Some(dictionary)) = (facts.accepted, facts.dictionary) else {
            return Outcome::Usual(None);
        };
        let usual = |exchange: &mut Exchange, why: &'static str| {
            exchange.trace.note(why);
            Outcome::Usual(None)
        };
        if !accepted.wants_delta() {
            return usual(exchange, "no delta: another coding is wanted more");
        }
        if !is_readable(&exchange.headers, headers) {
            return usual(
                exchange,
                "no delta: another site asks, that may not read it",
            );
        }
        if let Some(delta) = forms.and_then(|forms| forms.delta(dictionary)) {
            if delta.bytes.is_empty() {
                return usual(exchange, "no delta: it saves nothing");
            }
            if !accepted.takes_delta(delta.coding) {
                return usual(exchange, "no delta: it is kept in another coding");
            }
            if !index::is_kept(store, &delta.from) {
                return usual(
                    exchange,
                    "no delta: the visitor's version is kept no longer",
                );
            }
            return Outcome::Delta(delta);
        }
        let place = index::place(&exchange.uri, dictionary);
        match index::find(store, &place) {
            Indexed::Nothing => {
                return usual(exchange, "no delta: the visitor's version is not kept");
            }
            Indexed::Here(entry) => {
                if let Entry::Dictionary(found) = &*entry
                    && (found.pattern != body.pattern || found.key == body.key)
                {
                    let why = "no delta: the visitor's dictionary is no other version of this";
                    return usual(exchange, why);
                }
            }
            Indexed::OnDisk => {}
        }
        exchange
            .trace
            .note("no delta yet: it is made in the background");
        Outcome::Usual(Some(Wanted {
            body: body.clone(),
            dictionary,
        }))
    }

    /// Whether the visitor keeps it for long enough to come back with it.
    fn lasts(&self, headers: &HeaderMap) -> bool {
        let control = Control::of(headers);
        let forbidden = control.no_store || control.no_cache || control.private;
        !forbidden && control.max_age.is_some_and(|age| age >= self.fresh)
    }
}

/// Whether a body of this length can be part of a delta.
pub fn is_of_size(length: Option<u64>) -> bool {
    length.is_none_or(|length| length <= LARGEST as u64)
}

/// Offers a delta to the background.
pub fn want(
    workshop: &Workshop,
    store: &Arc<Store<Entry>>,
    shared: &Shared,
    wanted: Wanted,
    best: u64,
) {
    let name = Arc::from(job_name(&wanted, best));
    let (store, shared) = (store.clone(), shared.clone());
    workshop.improve(&name, move |cancel| {
        index::make(&store, &shared, &wanted, best, cancel);
    });
}

/// What the making of a delta is called; all that is needed to begin it again.
fn job_name(wanted: &Wanted, best: u64) -> String {
    let Wanted { body, dictionary } = wanted;
    let (hex, pattern) = (dictionary.to_hex(), &body.pattern);
    let Key { primary, variant } = &body.key;
    format!("delta {best} {hex} {pattern} {primary}\u{1f}{variant}")
}

/// The job of this name, from an earlier process.
pub fn resumed(
    name: &str,
) -> Option<impl FnOnce(&Store<Entry>, &Shared, &Cancel) + Send + 'static> {
    let mut words = name.strip_prefix("delta ")?.splitn(4, ' ');
    let best = words.next()?.parse().ok()?;
    let dictionary = Digest::from_hex(words.next()?)?;
    let pattern = words.next()?.into();
    let (primary, variant) = words.next()?.split_once('\u{1f}')?;
    let key = Key {
        primary: primary.into(),
        variant: variant.into(),
    };
    let body = Candidate { key, pattern };
    let wanted = Wanted { body, dictionary };
    Some(
        move |store: &Store<Entry>, shared: &Shared, cancel: &Cancel| {
            index::make(store, shared, &wanted, best, cancel);
        },
    )
}

/// Whether the visitor has a dictionary and takes deltas to it.
fn asks_for_delta(headers: &HeaderMap) -> bool {
    let accepted = Accepted::of(headers);
    let takes = DeltaCoding::ALL
        .into_iter()
        .any(|coding| accepted.takes_delta(coding));
    takes && headers.contains_key(ACCEPT_ENCODING)
}

/// Whether what a response depends on is the same for everyone.
fn varies_on_nobody(headers: &HeaderMap) -> bool {
    match Vary::of(headers) {
        Vary::Nothing => true,
        Vary::Any => false,
        Vary::Fields(fields) => fields
            .iter()
            .all(|field| MAY_VARY.contains(&field.as_str())),
    }
}

/// Whether who asks may read the response, so that its length tells nothing new (RFC 9842 §9.3.3).
fn is_readable(request: &HeaderMap, response: &HeaderMap) -> bool {
    let asked = |name: &HeaderName| request.get(name).map(HeaderValue::as_bytes);
    match (asked(&SEC_FETCH_SITE), asked(&SEC_FETCH_MODE)) {
        (None | Some(b"same-origin"), _) | (_, None | Some(b"navigate" | b"same-origin")) => true,
        (_, Some(b"cors")) => {
            let allowed = response.get(ACCESS_CONTROL_ALLOW_ORIGIN);
            let allowed = allowed.map(HeaderValue::as_bytes);
            let origin = asked(&ORIGIN);
            origin.is_some() && (allowed == Some(b"*") || allowed == origin)
        }
        _ => false,
    }
}
