//! Compresses texts for those who take them so: on the way as they come, and better in the
//! background where they are kept.
//!
//! The origin is asked for the plain form, whoever asks here: so one form is kept, whatever
//! `Accept-Encoding` says, and what is made of it lies beside it. What an origin compresses
//! nevertheless is passed on as it came; nothing is decoded here.

mod accept;
mod best;
mod coding;
mod config;
pub(crate) mod dictionary;
mod headers;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod types;

use std::sync::Arc;

use ::cache::{Key, Store};
use ::origin::Network;
use base::{Body, Share};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use pipeline::{Exchange, Module, Phase, Reply, Response, Step};
use workshop::Workshop;

pub use accept::Accepted;
pub use best::{BEST, forms, resume};
pub use coding::{Coding, Encoder};
pub use config::CompressionSettings;
pub use dictionary::available::{AVAILABLE_DICTIONARY, DICTIONARY_ID, Digest};
pub use dictionary::counts::{DeltaCounts, Deltas};
pub use dictionary::delta::{self, DeltaCoding};
pub use dictionary::pattern;
pub(crate) use headers::decode as decoded_headers;

use crate::behind::Shared;
use crate::facts::{Facts, Source};
use crate::kept::{Entry, Forms, Kept, key_of};
use dictionary::index::{Candidate, Wanted};
use dictionary::{Dictionaries, Outcome};
use stream::{AtEnd, Compressed, Patience};
use types::Types;

/// Bodies at hand of at most this many bytes are compressed in one go, and their length is told.
const AT_ONCE: usize = 64 << 10;
/// From this length on, speed on the way is worth more than the last bytes.
const LARGE: u64 = 64 << 10;

/// The module.
pub struct CompressionModule {
    settings: CompressionSettings,
    types: Types,
    dictionaries: Dictionaries,
    deltas: Arc<DeltaCounts>,
    store: Arc<Store<Entry>>,
    shared: Shared,
    workshop: Workshop,
}

impl CompressionModule {
    /// A module with these settings, for what this store keeps. What these proxies say of the
    /// visitor's connection is believed.
    pub fn new(
        settings: CompressionSettings,
        proxies: &[Network],
        store: Arc<Store<Entry>>,
        shared: Shared,
        workshop: Workshop,
        deltas: Arc<DeltaCounts>,
    ) -> Self {
        Self {
            types: Types::new(&settings.types),
            dictionaries: Dictionaries::new(&settings, proxies),
            settings,
            deltas,
            store,
            shared,
            workshop,
        }
    }

    /// Reads what the visitor takes, and asks the origin for what is of use here.
    fn ask(&self, exchange: &mut Exchange) {
        let accepted = Accepted::of(&exchange.headers);
        let left_to_origin = self.dictionaries.ask(exchange, &self.store);
        let headers = &mut exchange.headers;
        if !left_to_origin {
            let word = match self.settings.origin_may_compress {
                true => accepted.to_header(),
                false => HeaderValue::from_static("identity"),
            };
            headers.insert(ACCEPT_ENCODING, word);
        }
        let asked_weakly = accepted
            .takes_any()
            .then(|| headers::add_strong_twins(headers))
            .flatten();
        let facts = Facts::of(exchange);
        facts.accepted = accepted;
        facts.asked_weakly = asked_weakly;
    }

    fn answer(&self, exchange: &mut Exchange, response: &mut Response) {
        let facts = Facts::of(exchange);
        let (accepted, entry) = (facts.accepted, facts.kept.take());
        let kept = entry.as_deref().and_then(Entry::response);
        if response.status == StatusCode::NOT_MODIFIED {
            self.not_modified(exchange, accepted, kept, &mut response.headers);
            return;
        }
        if !self.may_code(&exchange.headers, response.status, &response.headers) {
            return;
        }
        let head = exchange.method == Method::HEAD;
        let length = match head {
            true => headers::length(&response.headers),
            false => response.body.exact_len(),
        };
        if length.is_some_and(|length| self.is_tiny(length, accepted)) {
            return;
        }
        // The answer to HEAD has the headers of what is kept, and none of its bytes.
        let kept_headers = kept.filter(|_| head).is_some();
        let kept = kept.filter(|kept| is_body_of(kept, &response.body));
        // Before the response says more than what is kept: its `Vary` is part of the key.
        let improvable =
            !head && accepted.takes_any() && kept.is_none_or(|kept| kept.forms.is_none());
        let body = self.body(exchange, kept, response, length, improvable);
        let pattern = body
            .pattern
            .as_ref()
            .filter(|_| body.stored || kept_headers);
        headers::add_vary(&mut response.headers, "Accept-Encoding");
        if let Some(pattern) = pattern {
            Dictionaries::offer(&mut response.headers, pattern);
        }
        if head {
            return;
        }
        let wanted = match self.delta(exchange, kept, &body, &response.headers) {
            Outcome::Delta(delta) => {
                let (token, made) = (delta.coding.token(), delta.bytes.len());
                let (of, from) = (length.unwrap_or(0), &delta.from.primary);
                exchange
                    .trace
                    .explain(|| format!("{token} to {from}, kept: {made} of {of} bytes"));
                let forms = kept.and_then(|kept| kept.forms.as_deref());
                let best = forms.and_then(|forms| forms.of(Coding::Brotli));
                self.deltas
                    .count(made, best.map_or(of as usize, Bytes::len));
                headers::code(&mut response.headers, token, Some(made));
                replace_body(response, delta.bytes.clone().into());
                return;
            }
            Outcome::Usual(wanted) => wanted,
        };
        let mut improvement = self.improvement(body, improvable, wanted);
        if let Some(kept) = kept
            && let Some(forms) = &kept.forms
        {
            if let Some(improve) = improvement.take() {
                improve();
            }
            if forms.is_empty() {
                exchange.trace.note("does not become smaller");
                return;
            }
            if let Some(coding) = accepted.choose(forms.codings().chain(self.order(length)))
                && let Some(body) = forms.of(coding)
            {
                let (token, made) = (coding.token(), body.len());
                exchange
                    .trace
                    .explain(|| format!("{token}, kept: {made} of {} bytes", kept.body.len()));
                headers::code(&mut response.headers, token, Some(made));
                replace_body(response, body.clone().into());
                return;
            }
        }
        self.code(exchange, accepted, response, improvement);
    }

    /// The codings made on the way, the best for a body of this length first.
    fn order(&self, length: Option<u64>) -> impl Iterator<Item = Coding> {
        let order = match length {
            Some(length) if length < LARGE => [Coding::Brotli, Coding::Zstd, Coding::Gzip],
            _ => [Coding::Zstd, Coding::Brotli, Coding::Gzip],
        };
        order.into_iter().filter(|coding| self.level(*coding) > 0)
    }

    fn level(&self, coding: Coding) -> u32 {
        match coding {
            Coding::Brotli => self.settings.brotli,
            Coding::Zstd => self.settings.zstd,
            Coding::Gzip => self.settings.gzip,
        }
    }

    /// Whether a response is one that is compressed for those who want it.
    fn may_code(&self, asked: &HeaderMap, status: StatusCode, headers: &HeaderMap) -> bool {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        content_type.is_some_and(|content_type| self.types.hold(content_type))
            && headers::leave_room(status, headers)
            && !headers::forbid_transform(asked)
            && !headers::forbid_transform(headers)
    }

    /// Whether so few bytes stay as they are, for whoever takes them so.
    fn is_tiny(&self, length: u64, accepted: Accepted) -> bool {
        length < self.settings.min_size.bytes() && (accepted.takes_plain() || length == 0)
    }

    /// A 304 has the tag and the `Vary` that the compressed response would have.
    fn not_modified(
        &self,
        exchange: &mut Exchange,
        accepted: Accepted,
        kept: Option<&Kept>,
        headers: &mut HeaderMap,
    ) {
        let asked_weakly = Facts::of(exchange).asked_weakly.take();
        let coded = match kept {
            Some(kept) => {
                let may = self.may_code(&exchange.headers, StatusCode::OK, &kept.headers)
                    && !self.is_tiny(kept.len(), accepted);
                if may {
                    headers::add_vary(headers, "Accept-Encoding");
                    let (status, kept) = (StatusCode::OK, &kept.headers);
                    if self.dictionaries.pattern(exchange, status, kept).is_some() {
                        headers::add_vary(headers, "Available-Dictionary");
                    }
                }
                may && accepted.choose(self.order(None)).is_some()
            }
            // Who has it compressed has our weak tag for it.
            None => asked_weakly.is_some_and(|line| headers::lists_weakly(&line, headers)),
        };
        if coded {
            headers::weaken(headers);
            headers::add_vary(headers, "Accept-Encoding");
        }
    }

    /// Compresses what has no better form yet.
    fn code(
        &self,
        exchange: &mut Exchange,
        accepted: Accepted,
        response: &mut Response,
        improvement: Option<AtEnd>,
    ) {
        let length = response.body.exact_len();
        let Some((coding, encoder, share)) = self.encoder(accepted, length) else {
            exchange
                .trace
                .note("plain: that is what is wanted most, or can be had");
            return;
        };
        let level = self.level(coding);
        exchange
            .trace
            .explain(|| format!("{} at level {level} on the way", coding.token()));
        match std::mem::take(&mut response.body) {
            Body::Full(bytes) if bytes.len() <= AT_ONCE => {
                let made = at_once(encoder, &bytes).filter(|made| made.len() < bytes.len());
                match made {
                    Some(made) => {
                        headers::code(&mut response.headers, coding.token(), Some(made.len()));
                        replace_body(response, made.into());
                    }
                    None if accepted.takes_plain() => response.body = Body::Full(bytes),
                    None => {
                        response.body = Body::Full(bytes);
                        exchange.trace.note("plain: it does not become smaller");
                    }
                }
                if let Some(improve) = improvement {
                    improve();
                }
            }
            body => {
                let patience = match headers::is_event_stream(&response.headers) {
                    true => Patience::None,
                    false => Patience::Some,
                };
                headers::code(&mut response.headers, coding.token(), None);
                let body = Compressed::new(body, encoder, patience, share, improvement);
                replace_body(response, Body::stream(body));
            }
        }
    }

    /// An encoder for the coding wanted most, or for gzip, which takes little memory, if there is
    /// none left for that.
    fn encoder(&self, accepted: Accepted, length: Option<u64>) -> Option<(Coding, Encoder, Share)> {
        let first = accepted.choose(self.order(length))?;
        let gzip = self.level(Coding::Gzip) > 0 && accepted.weight(Coding::Gzip) > 0;
        let second = (first != Coding::Gzip && gzip).then_some(Coding::Gzip);
        [Some(first), second]
            .into_iter()
            .flatten()
            .find_map(|coding| {
                let share = self.workshop.encoder_share();
                if !share.grow(Encoder::memory(coding, length)) {
                    return None;
                }
                let encoder = Encoder::new(coding, self.level(coding), length)
                    .inspect_err(|error| tracing::warn!(%error, "no encoder"));
                Some((coding, encoder.ok()?, share))
            })
    }

    /// What is known of a body beside its bytes, before its headers are changed.
    fn body(
        &self,
        exchange: &mut Exchange,
        kept: Option<&Kept>,
        response: &Response,
        length: Option<u64>,
        improvable: bool,
    ) -> Known {
        let headers = kept.map_or(&response.headers, |kept| &kept.headers);
        let stored = kept.is_some() || Facts::of(exchange).cache.stored;
        let lasts =
            stored && self.settings.best.bytes() > 0 && headers::last(&response.headers, kept);
        // It costs a string: for those who make something of it.
        let wants_key = lasts && (improvable || Facts::of(exchange).dictionary.is_some());
        let pattern = self
            .dictionaries
            .pattern(exchange, response.status, &response.headers)
            .filter(|_| dictionary::is_of_size(length));
        let key = wants_key.then(|| {
            let source = exchange.slots.get::<Source>();
            let foreign = source.is_some_and(|source| source.foreign);
            let primary = Source::primary(Source::uri(exchange), foreign);
            key_of(primary, headers, &exchange.headers)
        });
        Known {
            key,
            pattern,
            stored,
        }
    }

    /// What becomes of the visitor's dictionary, if it has one.
    fn delta<'a>(
        &self,
        exchange: &mut Exchange,
        kept: Option<&'a Kept>,
        body: &Known,
        headers: &HeaderMap,
    ) -> Outcome<'a> {
        let (Some(key), Some(pattern)) = (&body.key, &body.pattern) else {
            return Outcome::Usual(None);
        };
        let candidate = Candidate {
            key: key.clone(),
            pattern: pattern.clone(),
        };
        let forms: Option<&Forms> = kept.and_then(|kept| kept.forms.as_deref());
        let store = &self.store;
        self.dictionaries
            .choose(exchange, store, forms, &candidate, headers)
    }

    /// What is to be done when the body has passed, so that the next one gets the best form, and
    /// the delta that was `wanted`; `None` if it is not kept or not for long.
    fn improvement(&self, body: Known, improvable: bool, wanted: Option<Wanted>) -> Option<AtEnd> {
        let key = body.key?;
        if !improvable && wanted.is_none() {
            return None;
        }
        let best = self.settings.best.bytes();
        let (store, workshop, pattern) = (self.store.clone(), self.workshop.clone(), body.pattern);
        let shared = self.shared.clone();
        Some(Box::new(move || {
            if improvable {
                let name = Arc::from(best::name(&key, pattern.as_deref(), best));
                let (store, shared) = (store.clone(), shared.clone());
                workshop.improve(&name, move |cancel| {
                    best::all(&store, &shared, &key, pattern.as_ref(), best, cancel);
                });
            }
            if let Some(wanted) = wanted {
                dictionary::want(&workshop, &store, &shared, wanted, best);
            }
        }))
    }
}

/// What is known of a body that passes.
struct Known {
    /// Where it is kept, if it is, for long enough, and something may come of it.
    key: Option<Key>,
    /// The pattern of its address, if it may be a dictionary.
    pattern: Option<Arc<str>>,
    /// Whether it is kept.
    stored: bool,
}

impl Module for CompressionModule {
    fn id(&self) -> &'static str {
        "compression"
    }

    fn phase(&self) -> Phase {
        Phase::Select
    }

    fn concerns(&self, exchange: &Exchange) -> bool {
        exchange.method != Method::CONNECT && !exchange.headers.contains_key(UPGRADE)
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        self.ask(exchange);
        Step::next()
    }

    fn response<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        mut response: Box<Response>,
    ) -> Reply<'a> {
        self.answer(exchange, &mut response);
        Reply::pass(response)
    }
}

/// Whether a body is that of something kept, and not something made from it.
fn is_body_of(kept: &Kept, body: &Body) -> bool {
    matches!(body, Body::Full(bytes)
        if bytes.as_ptr() == kept.body.as_ptr() && bytes.len() == kept.body.len())
}

fn at_once(mut encoder: Encoder, bytes: &Bytes) -> Option<Bytes> {
    encoder.write(bytes).ok()?;
    encoder.finish().ok()
}

/// Sends other bytes; what was known of the structure of the old ones is not true of them.
fn replace_body(response: &mut Response, body: Body) {
    response.body = body;
    response.outline = None;
}
