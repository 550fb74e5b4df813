//! Pictures: chooses the variant a client gets, answers with it where it is kept, and makes it
//! from its source where it is not. Whatever fails, the original is sent unchanged, and a header
//! says why.

mod arrival;
mod chosen;
mod config;
#[cfg(test)]
mod downstream_tests;
mod error;
mod gather;
mod job;
mod original;
mod overlays;
mod perfect;
#[cfg(test)]
mod perfect_tests;
mod plan;
mod reply;
pub mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::cache::policy::{CacheStatus, Forward, Freshness, Rules};
use ::cache::{Key, Lookup, Mark, Store};
use ::image::grammar::Grammars;
use ::image::{Decoders, Limits};
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderValue, Method};
use pipeline::{Exchange, Module, Phase, Reply, Response, Step, Verdict};
use workshop::{Flights, Joined, Workshop};

pub use config::ImagesSettings;
pub use error::ImagesError;
pub use job::Landed;
pub use perfect::Wish;
pub use reply::{CF_RESIZED, FIRSTLIGHT_IMAGE};

use crate::behind::Shared;
use crate::cache::take_conditions;
use crate::facts::{Facts, Source, now};
use crate::kept::{Entry, Found, Refused, find, find_on_disk};
use crate::network;
use crate::origin::Fetcher;
use chosen::{Chosen, Memory};
use overlays::OverlayFlights;
use perfect::Findings;
use plan::{Plan, Slot, UrlPlan};
use target::{Asked, Wanted};

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
    grammars: Grammars,
    memory: Memory,
    store: Arc<Store<Entry>>,
    shared: Shared,
    flights: Arc<PictureFlights>,
    workshop: Workshop,
    fetcher: Arc<Fetcher>,
    findings: Arc<Findings>,
    overlay_flights: OverlayFlights,
}

impl ImagesModule {
    /// A module with these settings. `rules` are those of the cache that keeps the sources.
    pub fn new(
        settings: &ImagesSettings,
        rules: Rules,
        store: Arc<Store<Entry>>,
        shared: Shared,
        flights: Arc<PictureFlights>,
        workshop: Workshop,
        fetcher: Arc<Fetcher>,
    ) -> Self {
        Self {
            limits: Limits {
                avif_program: settings.avif_encoder.program().unwrap_or_default(),
                ..Limits::from(&settings.limits)
            },
            grammars: Grammars::new(&settings.grammars),
            memory: Memory::new(settings.policy.clone()),
            settings: settings.clone(),
            rules,
            store,
            shared,
            flights,
            workshop,
            fetcher,
            findings: Arc::default(),
            overlay_flights: OverlayFlights::new(),
        }
    }

    /// The module, with someone to decode what is not decoded in this process.
    #[must_use]
    pub fn decoding_by(mut self, decoders: Decoders) -> Self {
        self.limits.decoders = decoders;
        self
    }

    fn wanted(&self, exchange: &Exchange) -> Result<Option<Wanted>, ImagesError> {
        if self.settings.urls
            && let Some(wanted) = target::read_url(exchange, &self.grammars, now())?
        {
            let allowed = self.fetcher.allowed();
            if let Wanted::Url(asked) = &wanted
                && !asked
                    .addresses()
                    .all(|(uri, foreign)| !foreign || allowed.allows(uri))
            {
                return Err(ImagesError::NotAllowed);
            }
            return Ok(Some(wanted));
        }
        Ok(target::in_place(exchange).filter(|_| self.settings.in_place))
    }

    fn choose<'a>(&'a self, exchange: &'a mut Exchange, wanted: Wanted) -> Step<'a> {
        let source = match &wanted {
            Wanted::InPlace { .. } => &exchange.uri,
            Wanted::Url(asked) => &asked.source,
        };
        let way = network::Way {
            jxl: source.path().ends_with(".jxl"),
            ..network::way(exchange)
        };
        let (chosen, primary) = match &wanted {
            Wanted::InPlace { .. } => (
                self.memory.in_place(&exchange.headers, way),
                Source::primary(&exchange.uri, false),
            ),
            Wanted::Url(asked) => (
                self.memory
                    .for_url(&asked.options, &asked.transform, &exchange.headers, way),
                Source::primary(&asked.source, asked.foreign),
            ),
        };
        if let Wanted::Url(asked) = &wanted {
            exchange.trace.explain(|| said_of(asked));
        }
        exchange
            .trace
            .explain(|| format!("variant {}: {}", chosen.key, chosen.reasons.join("; ")));
        if chosen.lowered {
            exchange.slots.insert(Lowered);
        }
        let lookup = Lookup {
            primary: &primary,
            variant: &chosen.key,
        };
        let found = find(&self.store, &lookup, &exchange.headers);
        let key = Key {
            primary: primary.into(),
            variant: chosen.key.clone(),
        };
        if matches!(found, Found::OnDisk) {
            return Step::later(async move {
                let found = find_on_disk(&self.store, &key.as_lookup(), &exchange.headers).await;
                match self.look(exchange, found, chosen, key, &wanted) {
                    Looked::Answer(response) => Verdict::respond(*response),
                    Looked::Go(plan) => self.board(exchange, *plan, wanted).await,
                }
            });
        }
        match self.look(exchange, found, chosen, key, &wanted) {
            Looked::Answer(response) => Step::respond(*response),
            Looked::Go(plan) => Step::later(self.board(exchange, *plan, wanted)),
        }
    }

    /// What was found, and what it is good for.
    fn look(
        &self,
        exchange: &mut Exchange,
        found: Found,
        chosen: Arc<Chosen>,
        key: Key,
        wanted: &Wanted,
    ) -> Looked {
        let url = UrlPlan::of(wanted);
        let nothing = matches!(found, Found::Nothing);
        let (stale, refused) = match found {
            Found::Nothing | Found::NotForThese | Found::OnDisk => (None, None),
            Found::Entry(entry) => match self.use_entry(exchange, &entry, url.as_ref()) {
                Some(Use::Answer(response)) => return Looked::Answer(Box::new(response)),
                Some(Use::Original(reason, code)) => (None, Some((reason, code))),
                None => (Some(entry), None),
            },
        };
        Looked::Go(Box::new(Plan {
            key,
            chosen,
            mark: Mark::default(),
            since: self.shared.since(),
            ask_others: nothing,
            asked: now(),
            stale,
            lead: None,
            refused,
            conditions: HeaderMap::new(),
            head: exchange.method == Method::HEAD,
            url,
        }))
    }

    fn use_entry(
        &self,
        exchange: &mut Exchange,
        entry: &Entry,
        url: Option<&UrlPlan>,
    ) -> Option<Use> {
        let now = now();
        match entry {
            Entry::Response(kept) if kept.freshness.is_fresh(now) => {
                if let Some(wish) = &kept.wish {
                    exchange.trace.note("a search for its best quality waits");
                    self.offer(wish);
                }
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
                exchange.trace.note("known to stay as it is");
                let status = CacheStatus::hit(refused.freshness.ttl(now));
                Some(self.use_refused(exchange, refused, url, status))
            }
            _ => None,
        }
    }

    /// The original that is kept in a picture's place answers; one that is not kept must come.
    fn use_refused(
        &self,
        exchange: &mut Exchange,
        refused: &Refused,
        url: Option<&UrlPlan>,
        status: CacheStatus,
    ) -> Use {
        let (reason, code) = (&refused.reason, refused.code);
        let Some(original) = &refused.original else {
            return Use::Original(reason.clone(), code);
        };
        exchange.trace.explain(|| format!("the original: {reason}"));
        let answer = original::instead(exchange, url, code).unwrap_or_else(|| {
            let head = exchange.method == Method::HEAD;
            let answer = original.answer(&exchange.headers, head, now());
            original::with_code(answer, url, code)
        });
        self.note(exchange, status, &answer.headers);
        Use::Answer(answer)
    }

    /// Has what a picture is to become sought when the machine has time.
    fn offer(&self, wish: &Arc<Wish>) {
        let (store, findings) = (self.store.clone(), self.findings.clone());
        let shared = self.shared.clone();
        let (limits, sought) = (self.limits, wish.clone());
        self.workshop.improve(&wish.name, move |cancel| {
            perfect::perfect(&store, &shared, &findings, &sought, &limits, cancel);
        });
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
                        Ok(Some(Landed::Kept(entry))) => {
                            match self.landed(exchange, &entry, plan.url.as_ref()) {
                                Some(Use::Answer(response)) => return Verdict::respond(response),
                                Some(Use::Original(reason, code)) => {
                                    plan.refused = Some((reason, code));
                                }
                                None => break,
                            }
                        }
                        Ok(None) => {}
                        Ok(Some(Landed::Alone)) | Err(_) => break,
                    }
                }
            }
        }
        if let Some(response) = self.made_elsewhere(exchange, &mut plan).await {
            return Verdict::respond(response);
        }
        self.depart(exchange, plan, wanted);
        Verdict::Continue
    }

    /// Asks the store behind for what another node has made. What is no longer fresh may still be
    /// right, if its source is the same.
    async fn made_elsewhere(&self, exchange: &mut Exchange, plan: &mut Plan) -> Option<Response> {
        if !plan.ask_others || plan.refused.is_some() {
            return None;
        }
        let mark = self.store.mark(&plan.key.primary);
        let entry = Arc::new(self.shared.picture(&plan.key).await?);
        let key = plan.key.clone();
        self.store.insert_unless_purged(mark, key, entry.clone());
        match self.use_entry(exchange, &entry, plan.url.as_ref()) {
            Some(Use::Answer(response)) => {
                exchange.trace.note("another node has made it");
                Facts::of(exchange).cache.detail = "behind";
                job::land(plan.lead.take(), Landed::Kept(entry));
                Some(response)
            }
            _ => {
                plan.stale = Some(entry);
                None
            }
        }
    }

    /// What landed answers whoever waited for it, even if it must be validated for the next one.
    fn landed(&self, exchange: &mut Exchange, entry: &Entry, url: Option<&UrlPlan>) -> Option<Use> {
        let now = now();
        let status = |freshness: &Freshness| CacheStatus {
            collapsed: true,
            ttl: Some(freshness.ttl(now)),
            ..CacheStatus::forwarded(Forward::UriMiss)
        };
        match entry {
            Entry::Response(kept) => {
                let head = exchange.method == Method::HEAD;
                let response = kept.answer(&exchange.headers, head, now);
                self.note(exchange, status(&kept.freshness), &kept.headers);
                Some(Use::Answer(response))
            }
            Entry::Refused(refused) => {
                let status = status(&refused.freshness);
                Some(self.use_refused(exchange, refused, url, status))
            }
            Entry::Varies(_) | Entry::Dictionary(_) => None,
        }
    }

    /// Makes the request one for the whole source.
    fn depart(&self, exchange: &mut Exchange, mut plan: Plan, wanted: Wanted) {
        plan.mark = self.store.mark(&plan.key.primary);
        plan.since = self.shared.since();
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
            Ok(Some(Wanted::Url(asked))) if !asked.overlays.is_empty() => {
                Step::later(self.with_overlays(exchange, asked))
            }
            Ok(Some(wanted)) => self.choose(exchange, wanted),
            Ok(None) => Step::next(),
            Err(error) => {
                exchange.trace.explain(|| error.to_string());
                Step::respond(error.answer(exchange))
            }
        }
    }

    fn response<'a>(&'a self, exchange: &'a mut Exchange, response: Box<Response>) -> Reply<'a> {
        let lowered = exchange.slots.get::<Lowered>().is_some();
        let finish = move |mut response: Box<Response>| {
            if lowered {
                reply::keep_private(&mut response.headers);
            }
            response
        };
        let plan = exchange.slots.remove::<Slot>();
        let Some(plan) = plan.and_then(|slot| slot.0.lock().take()) else {
            return Reply::pass(finish(response));
        };
        Reply::later(async move {
            let head = plan.head;
            let response = self.arrive(exchange, plan, response).await;
            if head {
                exchange.method = Method::HEAD;
            }
            finish(response)
        })
    }
}

/// How a URL was read.
fn said_of(asked: &Asked) -> String {
    let Asked {
        grammar,
        options,
        source,
        notes,
        ..
    } = asked;
    let options = if options.is_empty() {
        "nothing"
    } else {
        options
    };
    let mut said = format!("{grammar}: {options} of {source}");
    for note in notes {
        said.push_str("; ");
        said.push_str(note);
    }
    said
}

/// What a picture at its own URL is kept under, for a client with these headers over a way that
/// nothing is known of.
pub fn variant_key(headers: &HeaderMap, policy: &::image::Policy) -> Arc<str> {
    Chosen::new(
        &::image::Transform::default(),
        headers,
        network::Way::default(),
        policy,
    )
    .key
    .clone()
}

/// Marks a request whose way made its picture less than others get.
#[derive(Clone, Copy)]
struct Lowered;

/// What a look-up leads to.
enum Looked {
    /// An answer.
    Answer(Box<Response>),
    /// The picture is to be made, by oneself or another.
    Go(Box<Plan>),
}

/// What something kept is good for.
enum Use {
    /// It answers.
    Answer(Response),
    /// It says that the original is all there is, and why.
    Original(Arc<str>, u16),
}
