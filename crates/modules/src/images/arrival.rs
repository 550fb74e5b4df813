//! The way back: the source has come, or what is sent in its place.

use std::sync::Arc;

use ::cache::policy::{self, CacheStatus, Control, Forward, Received};
use ::image::Format;
use base::Body;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use pipeline::{Exchange, Response};

use super::error::cf_code_of_status;
use super::job::{Job, Landed, Made, land, outline_at_hand};
use super::plan::{Plan, UrlPlan};
use super::{CF_RESIZED, FIRSTLIGHT_IMAGE, ImagesError, ImagesModule, reply};
use crate::facts::{Facts, now};
use crate::failure;
use crate::kept::{Entry, Kept, Place, not_modified, set_text, varying_fields};

impl ImagesModule {
    /// The source has come, or what is sent in its place.
    pub(super) async fn arrive(
        &self,
        exchange: &mut Exchange,
        mut plan: Plan,
        response: Box<Response>,
    ) -> Box<Response> {
        let forward = if plan.stale.is_some() {
            Forward::Stale
        } else {
            Forward::UriMiss
        };
        let source_hit = Facts::of(exchange).cache.hit;
        if let Some(entry) = plan.stale.take()
            && let Entry::Response(kept) = &*entry
            && let Some(answer) = self.with_stale(exchange, &mut plan, kept, &response)
        {
            return answer;
        }
        if let Some((reason, code)) = plan.refused.take() {
            return self.original(exchange, plan, response, &reason, Some(code));
        }
        if let Err(pass) = passes(&response, plan.url.is_some()) {
            land(plan.lead.take(), Landed::Alone);
            return match pass {
                Pass::Silently => self.pass(plan, response),
                Pass::Because(reason, code) => {
                    self.original(exchange, plan, response, reason, code)
                }
                Pass::Failed(code) => self.failed(plan, response, code),
                Pass::NotAPicture => self.no_picture(exchange, &plan),
            };
        }
        self.make(exchange, plan, response, forward, source_hit)
            .await
    }

    /// A picture that went stale is still right if its source is the same, and better than an
    /// error.
    fn with_stale(
        &self,
        exchange: &mut Exchange,
        plan: &mut Plan,
        kept: &Kept,
        response: &Response,
    ) -> Option<Box<Response>> {
        let now = now();
        if response.status.is_server_error() && kept.freshness.may_cover_error(now) {
            exchange
                .trace
                .note("the origin failed, what is kept covers it");
            land(plan.lead.take(), Landed::Alone);
            let status = CacheStatus {
                forward_status: Some(response.status.as_u16()),
                detail: "stale-if-error",
                ..CacheStatus::hit(kept.freshness.ttl(now))
            };
            self.note(exchange, status, &kept.headers);
            return Some(Box::new(kept.answer(&plan.conditions, plan.head, now)));
        }
        let same = kept
            .source
            .as_ref()
            .is_some_and(|source| policy::same_representation(source, &response.headers));
        if response.status != StatusCode::OK || !same {
            return None;
        }
        exchange
            .trace
            .note("the source is the same, so is the picture");
        let freshness = self.freshness(exchange, plan, response)?;
        let mut headers = kept.headers.clone();
        policy::update_stored(&mut headers, &validity(&response.headers));
        let mut fresh = Kept::new(kept.status, headers, kept.body.clone(), freshness);
        fresh.outline.clone_from(&kept.outline);
        fresh.source.clone_from(&kept.source);
        let answer = fresh.answer(&plan.conditions, plan.head, now);
        let status = CacheStatus {
            ttl: Some(freshness.ttl(now)),
            forward_status: Some(304),
            stored: true,
            ..CacheStatus::forwarded(Forward::Stale)
        };
        self.note(exchange, status, &fresh.headers);
        let place = self.place(exchange, plan, response);
        let entry = Arc::new(Entry::Response(fresh));
        let landed = if place.is_for_all() {
            Landed::Kept(entry.clone())
        } else {
            Landed::Alone
        };
        place.keep(&self.store, entry);
        land(plan.lead.take(), landed);
        Some(Box::new(answer))
    }

    async fn make(
        &self,
        exchange: &mut Exchange,
        mut plan: Plan,
        mut response: Box<Response>,
        forward: Forward,
        source_hit: bool,
    ) -> Box<Response> {
        let freshness = self.freshness(exchange, &plan, &response);
        let job = Job {
            body: std::mem::take(&mut response.body),
            inherited: reply::inherited(&response.headers, &plan.chosen.vary),
            source: response.headers.clone(),
            foreign: plan.url.as_ref().is_some_and(|url| url.foreign),
            variant: plan.chosen.variant.clone(),
            limits: self.limits,
            workshop: self.workshop.clone(),
            freshness,
            place: self.place(exchange, &plan, &response),
            store: self.store.clone(),
            lead: plan.lead.take(),
        };
        match tokio::spawn(job.run()).await {
            Ok(Made::Entry(entry, took)) => {
                let status = CacheStatus {
                    stored: freshness.is_some(),
                    ttl: freshness.map(|freshness| freshness.ttl(now())),
                    detail: if source_hit { "source-hit" } else { "" },
                    ..CacheStatus::forwarded(forward)
                };
                if let Entry::Response(kept) = &*entry {
                    self.note(exchange, status, &kept.headers);
                    Facts::of(exchange).image_time = Some(took);
                    exchange
                        .trace
                        .explain(|| format!("{:?}", kept.headers.get(FIRSTLIGHT_IMAGE)));
                    return Box::new(kept.answer(&plan.conditions, plan.head, now()));
                }
                Box::new(failure::respond(exchange, &ImagesError::Lost))
            }
            Ok(Made::Original { body, reason, code }) => {
                response.body = body;
                self.original(exchange, plan, response, &reason, Some(code))
            }
            Err(_) => Box::new(failure::respond(exchange, &ImagesError::Lost)),
        }
    }

    /// The original in place of the picture.
    fn original(
        &self,
        exchange: &mut Exchange,
        plan: Plan,
        mut response: Box<Response>,
        reason: &str,
        code: Option<u16>,
    ) -> Box<Response> {
        exchange.trace.explain(|| format!("the original: {reason}"));
        if let Some(UrlPlan {
            redirect: true,
            source,
            ..
        }) = &plan.url
        {
            return Box::new(reply::redirect(source, code.unwrap_or(9523)));
        }
        // A picture by its address; but text, say, of another site is none of this one's.
        let not_a_picture = code == Some(::image::ImageError::NotAPicture.cf_code());
        if plan.url.is_some() && not_a_picture {
            return self.no_picture(exchange, &plan);
        }
        if plan.url.as_ref().is_some_and(|url| url.foreign) {
            reply::confine(&mut response.headers);
        }
        let code = code.filter(|_| plan.url.is_some());
        reply::mark_original(&mut response.headers, reason, code);
        Facts::of(exchange).image = response.headers.get(FIRSTLIGHT_IMAGE).cloned();
        response.outline = response
            .outline
            .take()
            .or_else(|| outline_at_hand(&response.body));
        self.pass(plan, response)
    }

    /// The source's own answer, which may be less than the whole if the client asked so.
    fn pass(&self, plan: Plan, mut response: Box<Response>) -> Box<Response> {
        land(plan.lead, Landed::Alone);
        let ok = response.status == StatusCode::OK;
        if ok && policy::not_modified(&plan.conditions, &response.headers) {
            return Box::new(not_modified(response.headers));
        }
        if plan.head {
            if let Some(length) = response.body.exact_len() {
                let headers = &mut response.headers;
                headers
                    .entry(CONTENT_LENGTH)
                    .or_insert_with(|| length.into());
            }
            response.body = Body::Empty;
        }
        response
    }

    /// There is no source: its own error, marked.
    fn failed(&self, plan: Plan, mut response: Box<Response>, code: u16) -> Box<Response> {
        if let Some(UrlPlan {
            redirect: true,
            source,
            ..
        }) = &plan.url
        {
            return Box::new(reply::redirect(source, code));
        }
        set_text(&mut response.headers, CF_RESIZED, &format!("err={code}"));
        self.pass(plan, response)
    }

    fn no_picture(&self, exchange: &mut Exchange, plan: &Plan) -> Box<Response> {
        if let Some(UrlPlan {
            redirect: true,
            source,
            ..
        }) = &plan.url
        {
            return Box::new(reply::redirect(source, ImagesError::NotAPicture.cf_code()));
        }
        Box::new(self.refuse(exchange, &ImagesError::NotAPicture))
    }

    /// How long what is made from this source may be used; `None` if it may not be kept.
    fn freshness(
        &self,
        exchange: &mut Exchange,
        plan: &Plan,
        response: &Response,
    ) -> Option<policy::Freshness> {
        let received = Received {
            method: &exchange.method,
            request: &exchange.headers,
            status: response.status,
            headers: &response.headers,
            asked: plan.asked,
            received: now(),
        };
        let judged = policy::judge(&received, &self.rules);
        if let Err(refusal) = judged {
            exchange
                .trace
                .explain(|| format!("the picture is not kept: {refusal}"));
        }
        let control = Control::of(&response.headers);
        let strict = control.no_cache || control.must_revalidate || control.proxy_revalidate;
        let minimum = self.settings.minimum_fresh;
        judged
            .ok()
            .map(|freshness| match strict || minimum.is_zero() {
                true => freshness,
                false => freshness.at_least(minimum),
            })
    }

    fn place(&self, exchange: &Exchange, plan: &Plan, response: &Response) -> Place {
        let fields = varying_fields(&response.headers, &[ACCEPT, ACCEPT_ENCODING]);
        Place::new(plan.mark, plan.key.clone(), fields, &exchange.headers)
    }
}

/// Why a response is not made into a picture.
enum Pass {
    /// Nobody expected one.
    Silently,
    /// The original serves, for this reason.
    Because(&'static str, Option<u16>),
    /// The origin's answer is an error.
    Failed(u16),
    /// A picture was asked for by URL, and this is none.
    NotAPicture,
}

/// Whether the head of a response speaks of a picture that may be changed.
fn passes(response: &Response, by_url: bool) -> Result<(), Pass> {
    let headers = &response.headers;
    if response.status != StatusCode::OK {
        return Err(match by_url {
            true => Pass::Failed(cf_code_of_status(response.status)),
            false => Pass::Silently,
        });
    }
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let unclear = content_type.is_none_or(|given| given.starts_with("application/octet-stream"));
    let is_image = content_type.is_some_and(|given| {
        given
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("image/"))
    });
    if !(is_image || unclear && by_url) {
        return Err(match by_url {
            true => Pass::NotAPicture,
            false => Pass::Silently,
        });
    }
    let svg = content_type.and_then(Format::from_content_type) == Some(Format::Svg);
    let encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    match (svg, encoded) {
        (true, _) => Err(Pass::Because("SVG is passed on as it is", None)),
        (_, true) => Err(Pass::Because("the source is compressed", Some(9520))),
        _ if Control::of(headers).no_transform => Err(Pass::Because("no-transform", Some(9520))),
        _ => Ok(()),
    }
}

/// What a source says of its freshness, to bring a kept picture up to date.
fn validity(source: &HeaderMap) -> HeaderMap {
    use http::header::{CACHE_CONTROL, DATE, EXPIRES};
    let mut validity = HeaderMap::new();
    for name in [CACHE_CONTROL, DATE, EXPIRES] {
        for value in source.get_all(&name) {
            validity.append(name.clone(), value.clone());
        }
    }
    validity
}
