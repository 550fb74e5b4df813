//! Pictures: chooses the variant a client gets, answers with it where it is kept, and makes it
//! from its source where it is not. Whatever fails, the original is sent unchanged, and a header
//! says why.

mod chosen;
mod config;
mod error;
mod gather;
mod job;
mod reply;
pub mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use ::cache::policy::{self, CacheStatus, Control, Forward, Received, Rules};
use ::cache::{Key, Lookup, Mark, Store};
use ::image::{Format, Limits};
use base::{Body, Failure};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use pipeline::{Exchange, Module, Phase, Reply, Response, Step, Verdict};
use workshop::{Flights, Joined, Lead, Workshop};

pub use config::ImagesSettings;
pub use error::ImagesError;
pub use job::Landed;
pub use reply::{CF_RESIZED, FIRSTLIGHT_IMAGE};

use crate::cache::take_conditions;
use crate::facts::{Facts, Source, now};
use crate::failure;
use crate::kept::{Entry, Found, Kept, Place, find, not_modified, varying_fields};
use crate::origin::Fetcher;
use chosen::{Chosen, Memory};
use job::{Job, Made, land, outline_at_hand};
use target::Wanted;

/// Flights of pictures in the making.
pub type PictureFlights = Flights<Key, Landed>;

/// What a source is asked for: the formats that are read, lossless ones and JPEG first.
const SOURCE_ACCEPT: HeaderValue = HeaderValue::from_static(
    "image/jpeg,image/png,image/gif,image/webp;q=0.9,image/*;q=0.8,*/*;q=0.5",
);

/// The module.
pub struct ImagesModule {
    settings: ImagesSettings,
    rules: Rules,
    limits: Limits,
    memory: Memory,
    store: Arc<Store<Entry>>,
    flights: Arc<PictureFlights>,
    workshop: Workshop,
    fetcher: Arc<Fetcher>,
}

/// What the way back needs to know of the way in.
struct Plan {
    chosen: Arc<Chosen>,
    key: Key,
    mark: Mark,
    asked: SystemTime,
    /// Went stale; its source may still be the same.
    stale: Option<Arc<Entry>>,
    /// Those who wait for the result.
    lead: Option<Lead<Landed>>,
    /// Known to be impossible: the original passes.
    refused: Option<(Arc<str>, u16)>,
    /// What the client asked, before the request became one for the whole source.
    conditions: HeaderMap,
    head: bool,
    url: Option<UrlPlan>,
}

/// The same for a URL that says what it wants.
struct UrlPlan {
    source: Uri,
    foreign: bool,
    redirect: bool,
}

impl ImagesModule {
    /// A module with these settings. `rules` are those of the cache that keeps the sources.
    pub fn new(
        settings: &ImagesSettings,
        rules: Rules,
        store: Arc<Store<Entry>>,
        flights: Arc<PictureFlights>,
        workshop: Workshop,
        fetcher: Arc<Fetcher>,
    ) -> Self {
        Self {
            limits: Limits::from(&settings.limits),
            memory: Memory::new(settings.policy.clone()),
            settings: settings.clone(),
            rules,
            store,
            flights,
            workshop,
            fetcher,
        }
    }

    fn wanted(&self, exchange: &Exchange) -> Result<Option<Wanted>, ImagesError> {
        if self.settings.urls && target::is_url(exchange) {
            let wanted = target::read_url(exchange)?;
            if let Wanted::Url(asked) = &wanted
                && asked.foreign
                && !self.fetcher.allowed().allows(&asked.source)
            {
                return Err(ImagesError::NotAllowed);
            }
            return Ok(Some(wanted));
        }
        Ok(target::in_place(exchange).filter(|_| self.settings.in_place))
    }

    fn refuse(&self, exchange: &mut Exchange, error: &ImagesError) -> Response {
        exchange.trace.explain(|| error.to_string());
        let mut response = failure::page(
            error.status(),
            &error.public_message(),
            exchange.id,
            &exchange.headers,
        );
        let code = format!("err={}", error.cf_code());
        crate::kept::set_text(&mut response.headers, CF_RESIZED, &code);
        response
    }

    fn choose<'a>(&'a self, exchange: &'a mut Exchange, wanted: Wanted) -> Step<'a> {
        let (chosen, primary) = match &wanted {
            Wanted::InPlace { .. } => (
                self.memory.in_place(&exchange.headers),
                Source::primary(&exchange.uri, false),
            ),
            Wanted::Url(asked) => (
                self.memory.for_url(&asked.transform, &exchange.headers),
                Source::primary(&asked.source, asked.foreign),
            ),
        };
        exchange
            .trace
            .explain(|| format!("variant {}: {}", chosen.key, chosen.reasons.join("; ")));
        let lookup = Lookup {
            primary: &primary,
            variant: &chosen.key,
        };
        let found = find(&self.store, &lookup, &exchange.headers);
        let (stale, refused) = match found {
            Found::Nothing | Found::NotForThese => (None, None),
            Found::Entry(entry) => match self.use_entry(exchange, &entry) {
                Some(Use::Answer(response)) => return Step::respond(response),
                Some(Use::Original(reason, code)) => (None, Some((reason, code))),
                None => (Some(entry), None),
            },
        };
        let plan = Plan {
            key: Key {
                primary: primary.into(),
                variant: chosen.key.clone(),
            },
            chosen,
            mark: Mark::default(),
            asked: now(),
            stale,
            lead: None,
            refused,
            conditions: HeaderMap::new(),
            head: exchange.method == Method::HEAD,
            url: None,
        };
        Step::later(self.board(exchange, plan, wanted))
    }

    fn use_entry(&self, exchange: &mut Exchange, entry: &Entry) -> Option<Use> {
        let now = now();
        match entry {
            Entry::Response(kept) if kept.freshness.is_fresh(now) => {
                let ttl = kept.freshness.ttl(now);
                exchange
                    .trace
                    .explain(|| format!("kept, fresh for another {ttl} s"));
                let head = exchange.method == Method::HEAD;
                let response = kept.answer(&exchange.headers, head, now);
                self.note(exchange, CacheStatus::hit(ttl), &kept.headers);
                Some(Use::Answer(response))
            }
            Entry::Refused(refused) if refused.freshness.is_fresh(now) => {
                exchange.trace.note("known to be impossible");
                Some(Use::Original(refused.reason.clone(), refused.code))
            }
            _ => None,
        }
    }

    fn note(&self, exchange: &mut Exchange, status: CacheStatus, headers: &HeaderMap) {
        let facts = Facts::of(exchange);
        facts.cache = status;
        facts.image = headers.get(FIRSTLIGHT_IMAGE).cloned();
    }

    /// Waits for those who make the same picture, or becomes the one who makes it.
    async fn board(&self, exchange: &mut Exchange, mut plan: Plan, wanted: Wanted) -> Verdict {
        while plan.refused.is_none() {
            match self.flights.join(plan.key.clone()) {
                Joined::Lead(lead) => {
                    plan.lead = Some(lead);
                    break;
                }
                Joined::Follow(follow) => {
                    exchange.trace.note("waited for the same picture");
                    let waiting = tokio::time::timeout(self.workshop.deadline(), follow.wait());
                    match waiting.await {
                        Ok(Some(Landed::Kept(entry))) => match self.landed(exchange, &entry) {
                            Some(Use::Answer(response)) => return Verdict::respond(response),
                            Some(Use::Original(reason, code)) => {
                                plan.refused = Some((reason, code));
                            }
                            None => break,
                        },
                        Ok(None) => {}
                        Ok(Some(Landed::Alone)) | Err(_) => break,
                    }
                }
            }
        }
        self.depart(exchange, plan, wanted);
        Verdict::Continue
    }

    /// What landed answers whoever waited for it, even if it must be validated for the next one.
    fn landed(&self, exchange: &mut Exchange, entry: &Entry) -> Option<Use> {
        match entry {
            Entry::Response(kept) => {
                let now = now();
                let head = exchange.method == Method::HEAD;
                let response = kept.answer(&exchange.headers, head, now);
                let status = CacheStatus {
                    collapsed: true,
                    ttl: Some(kept.freshness.ttl(now)),
                    ..CacheStatus::forwarded(Forward::UriMiss)
                };
                self.note(exchange, status, &kept.headers);
                Some(Use::Answer(response))
            }
            Entry::Refused(refused) => Some(Use::Original(refused.reason.clone(), refused.code)),
            Entry::Varies(_) => None,
        }
    }

    /// Makes the request one for the whole source.
    fn depart(&self, exchange: &mut Exchange, mut plan: Plan, wanted: Wanted) {
        plan.mark = self.store.mark(&plan.key.primary);
        plan.asked = now();
        plan.conditions = take_conditions(&mut exchange.headers);
        exchange.method = Method::GET;
        let (source, plain) = match wanted {
            Wanted::InPlace { by_name } => {
                let source = Source {
                    uri: exchange.uri.clone(),
                    foreign: false,
                    collapse: by_name,
                };
                (source, by_name)
            }
            Wanted::Url(asked) => {
                plan.url = Some(UrlPlan {
                    source: asked.source.clone(),
                    foreign: asked.foreign,
                    redirect: asked.transform.redirect_on_error && !asked.foreign,
                });
                let source = Source {
                    uri: asked.source,
                    foreign: asked.foreign,
                    collapse: true,
                };
                (source, true)
            }
        };
        exchange.headers.insert(ACCEPT, SOURCE_ACCEPT);
        if plain {
            let identity = HeaderValue::from_static("identity");
            exchange.headers.insert(ACCEPT_ENCODING, identity);
        }
        exchange.slots.insert(source);
        exchange
            .slots
            .insert(Slot(Arc::new(parking_lot::Mutex::new(Some(plan)))));
    }

    /// The source has come, or what is sent in its place.
    async fn arrive(
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
        crate::kept::set_text(&mut response.headers, CF_RESIZED, &format!("err={code}"));
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

impl Module for ImagesModule {
    fn id(&self) -> &'static str {
        "images"
    }

    fn phase(&self) -> Phase {
        Phase::Select
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match self.wanted(exchange) {
            Ok(Some(wanted)) => self.choose(exchange, wanted),
            Ok(None) => Step::next(),
            Err(error) => Step::respond(self.refuse(exchange, &error)),
        }
    }

    fn response<'a>(&'a self, exchange: &'a mut Exchange, response: Box<Response>) -> Reply<'a> {
        let plan = exchange.slots.remove::<Slot>();
        let Some(plan) = plan.and_then(|slot| slot.0.lock().take()) else {
            return Reply::pass(response);
        };
        Reply::later(async move {
            let head = plan.head;
            let response = self.arrive(exchange, plan, response).await;
            if head {
                exchange.method = Method::HEAD;
            }
            response
        })
    }
}

/// What a picture at its own URL is kept under, for a client with these headers.
pub fn variant_key(headers: &HeaderMap, policy: &::image::Policy) -> Arc<str> {
    Chosen::new(&::image::Transform::default(), headers, policy)
        .key
        .clone()
}

/// What something kept is good for.
enum Use {
    /// It answers.
    Answer(Response),
    /// It says that the original is all there is, and why.
    Original(Arc<str>, u16),
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
            true => Pass::Failed(error::cf_code_of_status(response.status)),
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

/// Extensions must be cloneable; a plan is for one only, so the first who opens the box has it.
#[derive(Clone)]
struct Slot(Arc<parking_lot::Mutex<Option<Plan>>>);
