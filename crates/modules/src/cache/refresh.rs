//! Asks the origin again behind a response that was answered stale (RFC 5861 §3).

use std::sync::Arc;

use ::cache::policy::{self, Received};
use ::cache::{Key, Mark};
use base::Body;
use http::HeaderMap;
use pipeline::Exchange;
use workshop::{Joined, Lead};

use super::{CacheModule, take_conditions};
use crate::facts::{Source, now};
use crate::kept::{Entry, Kept, Place, varying_fields};
use crate::origin::{Outward, Sent};

impl CacheModule {
    /// Starts asking, unless somebody already does.
    pub(super) fn refresh_behind(&self, exchange: &mut Exchange, entry: &Arc<Entry>) {
        let Entry::Response(kept) = &**entry else {
            return;
        };
        let foreign = exchange
            .slots
            .get::<Source>()
            .is_some_and(|source| source.foreign);
        let primary = Source::primary(Source::uri(exchange), foreign);
        let key = Key {
            variant: "refresh".into(),
            primary: primary.into(),
        };
        let Joined::Lead(lead) = self.flights.join(key.clone()) else {
            return;
        };
        exchange.trace.note("asking the origin behind it");
        let asked_for = exchange.headers.clone();
        let mut outward = self.fetcher.outward(exchange);
        outward.head.method = http::Method::GET;
        take_conditions(&mut outward.head.headers);
        policy::add_validators(&mut outward.head.headers, &kept.headers);
        let refresh = Refresh {
            store: self.store.clone(),
            rules: self.rules,
            mark: self.store.mark(&key.primary),
            key: Key {
                primary: key.primary,
                variant: "".into(),
            },
            entry: entry.clone(),
            asked_for,
        };
        tokio::spawn(refresh.run(self.fetcher.clone(), outward, lead));
    }
}

struct Refresh {
    store: Arc<::cache::Store<Entry>>,
    rules: policy::Rules,
    mark: Mark,
    key: Key,
    entry: Arc<Entry>,
    asked_for: HeaderMap,
}

impl Refresh {
    async fn run(self, fetcher: Arc<crate::origin::Fetcher>, outward: Outward, lead: Lead<()>) {
        let asked = now();
        let fetched = fetcher.send(outward, Body::Empty).await;
        let fetched = fetched.inspect_err(|error| {
            tracing::debug!(key = %self.key.primary, "a refresh failed: {error}");
        });
        let Ok(Sent { fetched, .. }) = fetched else {
            return;
        };
        let Entry::Response(kept) = &*self.entry else {
            return;
        };
        let fetched_status = fetched.status;
        let (status, headers, body) = if fetched.status == http::StatusCode::NOT_MODIFIED {
            let mut headers = kept.headers.clone();
            policy::update_stored(&mut headers, &fetched.headers);
            (kept.status, headers, kept.bytes(0..kept.len()))
        } else {
            (fetched.status, fetched.headers, fetched.body)
        };
        let received = Received {
            method: &http::Method::GET,
            request: &self.asked_for,
            status,
            headers: &headers,
            asked,
            received: now(),
        };
        let judged = policy::judge(&received, &self.rules);
        let same_file = kept.file.is_some() && fetched_status == http::StatusCode::NOT_MODIFIED;
        if let Ok(freshness) = judged
            && same_file
        {
            let fields = varying_fields(&headers, &[]);
            let place = Place::new(self.mark, self.key, fields, &self.asked_for);
            let fresh = kept.renewed(headers, freshness);
            place.keep(&self.store, Arc::new(Entry::Response(fresh)));
        } else if let Ok(freshness) = judged
            && let Ok(body) = body.collect(self.store.max_entry()).await
        {
            let fields = varying_fields(&headers, &[]);
            let place = Place::new(self.mark, self.key, fields, &self.asked_for);
            fetcher.learn(|| place.key().clone(), &headers);
            let mut fresh = Kept::new(status, headers, body, freshness);
            if fresh.body == kept.body {
                fresh.outline.clone_from(&kept.outline);
                fresh.forms.clone_from(&kept.forms);
                fresh.cost = kept.cost;
            }
            place.keep(&self.store, Arc::new(Entry::Response(fresh)));
        }
        lead.land(());
    }
}
