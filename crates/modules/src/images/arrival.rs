//! The way back: the source has come, or what is sent in its place.

use std::sync::Arc;

use ::cache::policy::{self, CacheStatus, Control, Forward, Received};
use base::Body;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use pipeline::{Exchange, Response};

use super::error::cf_code_of_status;
use super::job::{Job, Landed, Made, Task, land, outline_unseen};
use super::perfect::Wish;
use super::plan::Plan;
use super::{FIRSTLIGHT_IMAGE, ImagesError, ImagesModule, original, reply};
use crate::facts::{Facts, now};
use crate::failure;
use crate::kept::{Entry, Kept, Place, key_of, not_modified, varying_fields};

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
        let keeps = match passes(&response, plan.url.is_some()) {
            Ok(keeps) => keeps,
            Err(pass) => {
                land(plan.lead.take(), Landed::Alone);
                return match pass {
                    Pass::Silently => self.pass(plan, response),
                    Pass::Because(reason, code) => {
                        self.original(exchange, plan, response, reason, code)
                    }
                    Pass::Failed(code) => self.failed(exchange, plan, response, code),
                };
            }
        };
        let task = match keeps {
            None => self.task(&plan, &response),
            Some((reason, code)) => Task::Keep(reason, code),
        };
        let made = Making {
            task,
            forward,
            source_hit,
        };
        self.make(exchange, plan, response, made).await
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
        fresh.cost = kept.cost;
        fresh.wish.clone_from(&kept.wish);
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
        making: Making,
    ) -> Box<Response> {
        let freshness = self.freshness(exchange, &plan, &response);
        let inherited = match making.task {
            Task::Make(..) => reply::inherited(&response.headers, &plan.chosen.vary),
            // The same for every client, whatever it accepts.
            Task::Keep(..) => response.headers.clone(),
        };
        let place = self.place(exchange, &plan, &response);
        let wish = match making.task {
            Task::Make(_, None) if place.is_for_all() => self.wish(exchange, &plan, &response),
            _ => None,
        };
        let share = place
            .is_for_all()
            .then(|| (self.shared.clone(), plan.key.clone(), plan.since));
        let job = Job {
            share,
            body: std::mem::take(&mut response.body),
            inherited,
            source: response.headers.clone(),
            foreign: plan.url.as_ref().is_some_and(|url| url.foreign),
            task: making.task,
            limits: self.limits,
            workshop: self.workshop.clone(),
            freshness,
            place,
            store: self.store.clone(),
            lead: plan.lead.take(),
            wish: wish.clone(),
        };
        match tokio::spawn(job.run()).await {
            Ok(Made::Entry { entry, kept, took }) => {
                let status = CacheStatus {
                    stored: kept,
                    ttl: freshness.filter(|_| kept).map(|f| f.ttl(now())),
                    detail: if making.source_hit { "source-hit" } else { "" },
                    ..CacheStatus::forwarded(making.forward)
                };
                Facts::of(exchange).image_time = Some(took);
                if let Some(wish) = wish.filter(|_| kept) {
                    self.offer(&wish);
                }
                Box::new(self.made(exchange, &plan, &entry, status))
            }
            Ok(Made::Original {
                body,
                reason,
                code,
                lasting,
            }) => {
                response.body = body;
                if !lasting {
                    let source = response.headers.clone();
                    reply::set_vary(&mut response.headers, &source, &plan.chosen.vary);
                    reply::for_now(&mut response.headers);
                }
                self.original(exchange, plan, response, &reason, Some(code))
            }
            Err(_) => Box::new(failure::respond(exchange, &ImagesError::Lost)),
        }
    }

    /// What is made of a source, in the way that was found best if one was.
    fn task(&self, plan: &Plan, response: &Response) -> Task {
        let variant = &plan.chosen.variant;
        let found = variant.target.and_then(|_| {
            let found = self.findings.of(&plan.key, &response.headers);
            found.filter(|found| !found.is_slow())
        });
        Task::Make(Box::new(variant.clone()), found)
    }

    /// What a picture with a target, or one that may be an AVIF, is to become.
    fn wish(&self, exchange: &Exchange, plan: &Plan, response: &Response) -> Option<Arc<Wish>> {
        let variant = &plan.chosen.variant;
        if !variant.may_improve() {
            return None;
        }
        let primary = plan.key.primary.to_string();
        Some(Arc::new(Wish {
            name: format!("{primary} {}", plan.key.variant).into(),
            source: key_of(primary, &response.headers, &exchange.headers),
            picture: plan.key.clone(),
            variant: variant.clone(),
            foreign: plan.url.as_ref().is_some_and(|url| url.foreign),
        }))
    }

    /// What was made answers.
    fn made(
        &self,
        exchange: &mut Exchange,
        plan: &Plan,
        entry: &Entry,
        status: CacheStatus,
    ) -> Response {
        let (kept, refused) = match entry {
            Entry::Response(kept) => (Some(kept), None),
            Entry::Refused(refused) => (refused.original.as_ref(), Some(refused.code)),
            Entry::Varies(_) | Entry::Dictionary(_) => (None, None),
        };
        let Some(kept) = kept else {
            return failure::respond(exchange, &ImagesError::Lost);
        };
        exchange.trace.explain(|| {
            let said = kept.headers.get(FIRSTLIGHT_IMAGE);
            String::from_utf8_lossy(said.map_or(b"", |said| said.as_bytes())).into_owned()
        });
        let url = plan.url.as_ref();
        let instead = refused.and_then(|code| original::instead(exchange, url, code));
        let answer = instead.unwrap_or_else(|| {
            let answer = kept.answer(&plan.conditions, plan.head, now());
            match refused {
                Some(code) => original::with_code(answer, url, code),
                None => answer,
            }
        });
        self.note(exchange, status, &answer.headers);
        answer
    }

    /// The original as it comes, in place of the picture.
    fn original(
        &self,
        exchange: &mut Exchange,
        plan: Plan,
        mut response: Box<Response>,
        reason: &str,
        code: Option<u16>,
    ) -> Box<Response> {
        exchange.trace.explain(|| format!("the original: {reason}"));
        let instead = original::instead(exchange, plan.url.as_ref(), code.unwrap_or(9523));
        if let Some(instead) = instead {
            return Box::new(instead);
        }
        if let Some(url) = &plan.url {
            reply::confine(&mut response.headers, url.foreign);
        }
        let code = code.filter(|_| plan.url.is_some());
        reply::mark_original(&mut response.headers, reason, code);
        Facts::of(exchange).image = response.headers.get(FIRSTLIGHT_IMAGE).cloned();
        let outline = response.outline.take();
        response.outline = outline.or_else(|| outline_unseen(&response.body));
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

    /// There is no picture to be had: the source's own error or other answer, marked; or what was
    /// asked for instead.
    fn failed(
        &self,
        exchange: &mut Exchange,
        plan: Plan,
        mut response: Box<Response>,
        code: u16,
    ) -> Box<Response> {
        exchange.trace.explain(|| format!("no picture: err={code}"));
        if let Some(instead) = original::instead(exchange, plan.url.as_ref(), code) {
            land(plan.lead, Landed::Alone);
            return Box::new(instead);
        }
        original::mark_code(&mut response.headers, code);
        self.pass(plan, response)
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
        // A source that was made stale by hand is not what its headers say.
        let cache = exchange.slots.get::<Facts>().map(|facts| &facts.cache);
        let stale = cache.is_some_and(|cache| cache.hit && cache.ttl.is_some_and(|ttl| ttl <= 0));
        judged.ok().map(|mut freshness| {
            if stale {
                freshness.lifetime = freshness.lifetime.min(freshness.initial_age);
                return freshness;
            }
            match strict || minimum.is_zero() {
                true => freshness,
                false => freshness.at_least(minimum),
            }
        })
    }

    fn place(&self, exchange: &Exchange, plan: &Plan, response: &Response) -> Place {
        let fields = varying_fields(&response.headers, &[ACCEPT, ACCEPT_ENCODING]);
        Place::new(plan.mark, plan.key.clone(), fields, &exchange.headers)
    }
}

/// A picture in the making.
struct Making {
    task: Task,
    forward: Forward,
    source_hit: bool,
}

/// Why a response is passed on as it comes.
enum Pass {
    /// Nobody expected a picture.
    Silently,
    /// The original serves, for this reason.
    Because(&'static str, Option<u16>),
    /// A picture was asked for by URL, and this is none: an error of the origin, or something else.
    Failed(u16),
}

/// Reads from the head of a response whether it is a picture. `Some` is one that must stay as it
/// is, with the reason and Cloudflare's number for it.
fn passes(response: &Response, by_url: bool) -> Result<Option<(&'static str, u16)>, Pass> {
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
            true => Pass::Failed(ImagesError::NotAPicture.cf_code()),
            false => Pass::Silently,
        });
    }
    let encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    // What is compressed for one client is not for the next: such a picture is never kept as one.
    match (reply::is_svg(headers) && !by_url, encoded) {
        // Its scripts may be what it is there for.
        (true, _) => Err(Pass::Because("SVG is passed on as it is", None)),
        (_, true) => Err(Pass::Because("the source is compressed", Some(9520))),
        _ if Control::of(headers).no_transform => Ok(Some(("no-transform", 9520))),
        _ => Ok(None),
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
