//! The way back: keeps what may be kept, and takes the origin's word on what is.

use std::sync::Arc;

use ::cache::policy::{self, CacheStatus, Freshness, Received};
use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use pipeline::{Exchange, Response};

use super::tee::{Tee, Whole};
use super::{CacheModule, Plan};
use crate::facts::{Facts, Source, now};
use crate::kept::{Entry, Kept, Place, varying_fields};

impl CacheModule {
    pub(super) fn receive(
        &self,
        exchange: &mut Exchange,
        plan: Plan,
        mut response: Box<Response>,
    ) -> Box<Response> {
        let now = now();
        if let Some(stale) = &plan.stale
            && let Entry::Response(kept) = &*stale.entry
        {
            if response.status == StatusCode::NOT_MODIFIED && stale.validated {
                return self.confirm(exchange, &plan, kept, &stale.conditions, &response.headers);
            }
            if response.status.is_server_error() && kept.freshness.may_cover_error(now) {
                exchange
                    .trace
                    .note("the origin failed, what is kept covers it");
                let status = &mut Facts::of(exchange).cache;
                *status = CacheStatus {
                    forward_status: Some(response.status.as_u16()),
                    detail: "stale-if-error",
                    ..CacheStatus::hit(kept.freshness.ttl(now))
                };
                Facts::of(exchange).kept = Some(stale.entry.clone());
                return Box::new(kept.answer(&stale.conditions, false, now));
            }
        }
        match self.judge(exchange, &plan, response.status, &response.headers) {
            Ok(freshness) => response.body = self.keep(exchange, plan, freshness, &mut response),
            Err(refusal) => {
                exchange.trace.explain(|| format!("not kept: {refusal}"));
                if plan.stale.is_some() && !response.status.is_server_error() {
                    self.store.remove(&plan.key.as_lookup());
                }
            }
        }
        response
    }

    fn judge(
        &self,
        exchange: &Exchange,
        plan: &Plan,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Freshness, policy::Refusal> {
        let received = Received {
            method: &exchange.method,
            request: &exchange.headers,
            status,
            headers,
            asked: plan.asked,
            received: now(),
        };
        policy::judge(&received, &self.rules)
    }

    /// The origin says that what is kept is still right (RFC 9111 §4.3.4).
    fn confirm(
        &self,
        exchange: &mut Exchange,
        plan: &Plan,
        kept: &Kept,
        asked: &HeaderMap,
        headers: &HeaderMap,
    ) -> Box<Response> {
        let now = now();
        let mut updated = kept.headers.clone();
        policy::update_stored(&mut updated, headers);
        let judged = self.judge(exchange, plan, kept.status, &updated);
        let keep = judged.is_ok();
        let freshness = judged.unwrap_or(kept.freshness);
        let fresh = kept.renewed(updated, freshness);
        let answer = fresh.answer(asked, false, now);
        let fields = varying_fields(&fresh.headers, &[]);
        let entry = Arc::new(Entry::Response(fresh));
        let stored = keep && {
            let place = Place::new(plan.mark, plan.key.clone(), fields, &exchange.headers);
            place.keep(&self.store, entry.clone())
        };
        Facts::of(exchange).kept = Some(entry);
        if !keep {
            self.store.remove(&plan.key.as_lookup());
        }
        let status = &mut Facts::of(exchange).cache;
        status.forward_status = Some(304);
        status.ttl = keep.then(|| freshness.ttl(now));
        status.stored = stored;
        Box::new(answer)
    }

    fn keep(
        &self,
        exchange: &mut Exchange,
        plan: Plan,
        freshness: Freshness,
        response: &mut Response,
    ) -> base::Body {
        exchange
            .trace
            .explain(|| format!("kept, fresh for {} s", freshness.lifetime.as_secs()));
        let body = std::mem::take(&mut response.body);
        let largest = self.store.max_large();
        let fits = body.exact_len().is_none_or(|length| length <= largest);
        let status = &mut Facts::of(exchange).cache;
        status.stored = fits;
        status.ttl = Some(freshness.ttl(freshness.received));
        let fields = varying_fields(&response.headers, &[]);
        let place = Place::new(plan.mark, plan.key, fields, &exchange.headers);
        let (store, status, headers) = (
            self.store.clone(),
            response.status,
            response.headers.clone(),
        );
        let lead = plan.lead;
        let mark = plan.mark;
        let (fetcher, key) = (self.fetcher.clone(), place.key().clone());
        let finish = move |body| {
            match body {
                Whole::Memory(body) => {
                    fetcher.learn(|| key, &headers);
                    let kept = Kept::new(status, headers, body, freshness);
                    place.keep(&store, Arc::new(Entry::Response(kept)));
                }
                Whole::Disk(large, length) => {
                    let kept = Kept::of_length(status, headers, length, freshness);
                    place.keep_large(&store, large, &Entry::Response(kept));
                }
            }
            if let Some(lead) = lead {
                lead.land(());
            }
        };
        Tee::wrap(body, self.store.clone(), mark, Box::new(finish))
    }

    /// An unsafe request changed what the URL stands for, and what the response names beside it
    /// (RFC 9111 §4.4).
    pub(super) fn invalidate(&self, exchange: &mut Exchange, response: &Response) {
        let status = response.status;
        if exchange.method.is_safe() || !(status.is_success() || status.is_redirection()) {
            return;
        }
        let mut dropped = self.drop_everywhere(&exchange.uri);
        for name in [LOCATION, CONTENT_LOCATION] {
            let reference = response.headers.get(name).map(HeaderValue::as_bytes);
            let named = reference.and_then(|reference| within(&exchange.uri, reference));
            // Only of this site: others are none of its business.
            if let Some(named) = named {
                dropped += self.drop_everywhere(&named);
            }
        }
        exchange
            .trace
            .explain(|| format!("dropped {dropped} things kept for what changed"));
    }

    /// Drops what is kept for a URL; where that is something, the other nodes do so too.
    fn drop_everywhere(&self, url: &Uri) -> usize {
        let dropped = self.store.purge(&Source::primary(url, false));
        if dropped > 0 {
            self.shared.tell_url(url, false);
        }
        dropped
    }
}

/// What a reference stands for, seen from `base` (RFC 3986 §5.2); `None` if that is of another
/// origin, or is not written plainly: a path with dots in it names nothing that is kept under that
/// name.
fn within(base: &Uri, reference: &[u8]) -> Option<Uri> {
    let reference = std::str::from_utf8(reference).ok()?;
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let absolute = if reference.contains("://") {
        reference.to_owned()
    } else if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else if reference.starts_with('/') {
        format!("{scheme}://{authority}{reference}")
    } else if reference.is_empty() || reference.starts_with('?') {
        format!("{scheme}://{authority}{}{reference}", base.path())
    } else {
        let folder = base
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{reference}")
    };
    let named: Uri = absolute.parse().ok()?;
    let same = named.scheme_str() == Some(scheme)
        && named
            .authority()
            .is_some_and(|own| own.as_str().eq_ignore_ascii_case(authority.as_str()));
    let mut parts = Uri::into_parts(named);
    parts.authority = Some(authority.clone());
    same.then(|| Uri::from_parts(parts).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn references_stay_within_the_site() {
        let base = "https://example.com/a/b?c".parse().unwrap();
        for (reference, named) in [
            ("/x", Some("https://example.com/x")),
            ("x?y#z", Some("https://example.com/a/x?y")),
            ("?d", Some("https://example.com/a/b?d")),
            ("https://EXAMPLE.com/x", Some("https://example.com/x")),
            ("//example.com/x", Some("https://example.com/x")),
            ("http://example.com/x", None),
            ("https://example.com:8443/x", None),
            ("//other.example/x", None),
            ("https://other.example/x", None),
            ("\u{e9}\u{0}", None),
        ] {
            let found = within(&base, reference.as_bytes()).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), named, "{reference}");
        }
    }
}
