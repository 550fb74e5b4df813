//! The way back: keeps what may be kept, and takes the origin's word on what is.

use std::sync::Arc;

use ::cache::policy::{self, CacheStatus, Freshness, Received};
use http::{HeaderMap, StatusCode};
use pipeline::{Exchange, Response};

use super::tee::Tee;
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
            if response.status == StatusCode::NOT_MODIFIED {
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
        let limit = self.store.max_entry();
        let body = std::mem::take(&mut response.body);
        let fits = body.exact_len().is_none_or(|length| length <= limit);
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
        Tee::wrap(
            body,
            limit,
            self.store.incoming(),
            Box::new(move |body| {
                let kept = Kept::new(status, headers, body, freshness);
                place.keep(&store, Arc::new(Entry::Response(kept)));
                if let Some(lead) = lead {
                    lead.land(());
                }
            }),
        )
    }

    /// An unsafe request changed what the URL stands for (RFC 9111 §4.4).
    pub(super) fn invalidate(&self, exchange: &mut Exchange, response: &Response) {
        let status = response.status;
        if !exchange.method.is_safe() && (status.is_success() || status.is_redirection()) {
            let dropped = self.store.purge(&Source::primary(&exchange.uri, false));
            exchange
                .trace
                .explain(|| format!("dropped {dropped} things kept for this URL"));
        }
    }
}
