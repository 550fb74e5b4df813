//! Brings the files of what is laid over pictures.
//!
//! They are brought before anything is looked for, from what is kept where they are fresh there: a
//! picture is known by the very files that lie on it. So a purge of such a file, or its next
//! version, is heard by the next request for any picture under it.

use std::sync::Arc;

use ::cache::Key;
use ::cache::policy::{self, Received};
use ::image::{MAX_OVERLAY_BYTES, OverlayFile};
use base::Body;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use pipeline::{Exchange, Verdict};
use workshop::{Flights, Joined};

use super::gather::{Gathered, gather};
use super::target::{Asked, Elsewhere, Wanted};
use super::{ImagesModule, SOURCE_ACCEPT};
use crate::facts::{Source, now};
use crate::kept::{Entry, Found, Kept, Place, find, find_on_disk, set_text, varying_fields};
use crate::origin::Outward;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Flights of such files; each lands with its bytes.
pub(super) type OverlayFlights = Flights<Key, Bytes>;

impl ImagesModule {
    /// Goes on when the files are there, or cannot be had: then the original answers.
    pub(super) async fn with_overlays(
        &self,
        exchange: &mut Exchange,
        mut asked: Box<Asked>,
    ) -> Verdict {
        let mut places = asked.overlays.iter();
        for overlay in &mut asked.transform.overlays {
            if overlay.file.is_some() {
                continue;
            }
            let Some(place) = places.next() else {
                continue;
            };
            match self.overlay(exchange.version, place).await {
                Ok(bytes) => overlay.file = Some(OverlayFile::new(bytes)),
                Err(why) => exchange
                    .trace
                    .explain(|| format!("{} is not laid over it: {why}", place.uri)),
            }
        }
        asked.options = asked.transform.to_string();
        match self.choose(exchange, Wanted::Url(asked)) {
            pipeline::Step::Ready(verdict) => verdict,
            pipeline::Step::Later(verdict) => verdict.await,
        }
    }

    /// The file at this address.
    async fn overlay(&self, version: Version, place: &Elsewhere) -> Result<Bytes, &'static str> {
        let key = Key {
            primary: Source::primary(&place.uri, place.foreign).into(),
            variant: "".into(),
        };
        // What the visitor says of himself is not said: the file is the same for all.
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, SOURCE_ACCEPT);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        loop {
            let found = match find(&self.store, &key.as_lookup(), &headers) {
                Found::OnDisk => find_on_disk(&self.store, &key.as_lookup(), &headers).await,
                found => found,
            };
            if let Found::Entry(entry) = &found
                && let Entry::Response(kept) = &**entry
                && kept.freshness.is_fresh(now())
            {
                return usable(kept);
            }
            match self.overlay_flights.join(key.clone()) {
                Joined::Lead(lead) => {
                    let bytes = self.fetch_overlay(version, place, &key, headers).await?;
                    lead.land(bytes.clone());
                    return Ok(bytes);
                }
                Joined::Follow(follow) => {
                    let waiting = tokio::time::timeout(self.workshop.deadline(), follow.wait());
                    match waiting.await {
                        Ok(Some(bytes)) => return Ok(bytes),
                        // The one who fetched it has left, or has failed.
                        Ok(None) => {}
                        Err(_) => return Err("it takes too long"),
                    }
                }
            }
        }
    }

    /// Asks for it, and keeps it as long as it may be kept.
    async fn fetch_overlay(
        &self,
        version: Version,
        place: &Elsewhere,
        key: &Key,
        headers: HeaderMap,
    ) -> Result<Bytes, &'static str> {
        let (mark, since) = (self.store.mark(&key.primary), now());
        let outward = outward(version, place, headers.clone());
        let sent = self.fetcher.send(outward, Body::Empty).await;
        let fetched = sent.map_err(|_| "it could not be fetched")?.fetched;
        if fetched.status != StatusCode::OK {
            return Err("there is none at that address");
        }
        if fetched.headers.contains_key(CONTENT_ENCODING) {
            return Err("it came compressed");
        }
        let limit = self.limits.max_bytes.min(MAX_OVERLAY_BYTES);
        let Gathered::Whole(file) = gather(fetched.body, limit, self.workshop.share()).await else {
            return Err("it is too large, or broke off");
        };
        let received = Received {
            method: &Method::GET,
            request: &headers,
            status: fetched.status,
            headers: &fetched.headers,
            asked: since,
            received: now(),
        };
        if let Ok(freshness) = policy::judge(&received, &self.rules) {
            let fields = varying_fields(&fetched.headers, &[]);
            let kept = Kept::new(
                fetched.status,
                fetched.headers,
                file.bytes.clone(),
                freshness,
            );
            let place = Place::new(mark, key.clone(), fields, &headers);
            if place.keep(&self.store, Arc::new(Entry::Response(kept))) {
                // The store counts what it keeps.
                file.share.release();
            }
        }
        Ok(file.bytes)
    }
}

/// The request as it leaves.
fn outward(version: Version, place: &Elsewhere, mut headers: HeaderMap) -> Outward {
    let Elsewhere { uri, foreign } = place;
    let host = uri.authority().map_or("", |authority| authority.as_str());
    set_text(&mut headers, HOST, host);
    if !foreign {
        let scheme = uri.scheme_str().unwrap_or("http");
        set_text(&mut headers, FORWARDED_PROTO, scheme);
        set_text(&mut headers, FORWARDED_HOST, host);
    }
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.uri = uri.clone();
    head.version = version;
    head.headers = headers;
    Outward {
        head,
        foreign: *foreign,
    }
}

/// What is kept, as a file.
fn usable(kept: &Kept) -> Result<Bytes, &'static str> {
    let whole = kept.status == StatusCode::OK && kept.file.is_none();
    let plain = !kept.headers.contains_key(CONTENT_ENCODING);
    match whole && plain && kept.len() <= MAX_OVERLAY_BYTES {
        true => Ok(kept.body.clone()),
        false => Err("what is kept of it is no file of that kind"),
    }
}
