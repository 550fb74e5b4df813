//! Answers from what is kept, keeps what may be kept, and asks the origin whether what is kept is
//! still right.

mod config;
mod receive;
mod refresh;
mod tee;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use ::cache::policy::{self, CacheStatus, Control, Forward, Rules};
use ::cache::{Key, Lookup, Mark, Store};
use base::Body;
use http::header::{
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use pipeline::{Exchange, Module, Phase, Reply, Response, Step, Verdict};
use workshop::{Flights, Joined, Lead};

pub use config::CacheSettings;

use crate::behind::Shared;
use crate::facts::{Facts, Source, now};
use crate::kept::{Entry, Found, find, find_on_disk};
use crate::origin::Fetcher;

/// Flights of source fetches: everyone who follows looks into the store when the lead has landed.
pub type SourceFlights = Flights<Key, ()>;

/// The headers of a request that ask for less than the whole response.
pub(crate) const CONDITIONS: [HeaderName; 6] = [
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_MATCH,
    IF_UNMODIFIED_SINCE,
    RANGE,
    IF_RANGE,
];

/// Tells the origin by what name it may address this cache in `Surrogate-Control`.
const SURROGATE_CAPABILITY: HeaderName = HeaderName::from_static("surrogate-capability");
const CAPABILITY: HeaderValue = HeaderValue::from_static("firstlight=\"Surrogate/1.0\"");

/// The module.
pub struct CacheModule {
    settings: CacheSettings,
    rules: Rules,
    store: Arc<Store<Entry>>,
    shared: Shared,
    flights: Arc<SourceFlights>,
    fetcher: Arc<Fetcher>,
}

/// What the way back needs to know of the way in.
struct Plan {
    key: Key,
    mark: Mark,
    asked: SystemTime,
    stale: Option<Stale>,
    lead: Option<Lead<()>>,
}

/// Something kept that the origin is asked about.
struct Stale {
    entry: Arc<Entry>,
    /// Whether the request became a question about the entry.
    validated: bool,
    /// What the client asked, before it became one.
    conditions: HeaderMap,
}

impl CacheModule {
    /// A cache over this store, which asks through this fetcher.
    pub fn new(
        settings: CacheSettings,
        store: Arc<Store<Entry>>,
        shared: Shared,
        flights: Arc<SourceFlights>,
        fetcher: Arc<Fetcher>,
    ) -> Self {
        Self {
            rules: settings.rules(),
            settings,
            store,
            shared,
            flights,
            fetcher,
        }
    }

    fn look_up(&self, exchange: &mut Exchange) -> Looked {
        let source = exchange.slots.get::<Source>();
        let (foreign, collapse) = source.map_or((false, false), |s| (s.foreign, s.collapse));
        let primary = Source::primary(Source::uri(exchange), foreign);
        let lookup = Lookup {
            primary: &primary,
            variant: "",
        };
        match find(&self.store, &lookup, &exchange.headers) {
            Found::OnDisk => Looked::OnDisk(lookup.to_key(), collapse),
            found => self.looked(exchange, &lookup, found, collapse),
        }
    }

    /// What was found, and what it is good for.
    fn looked(
        &self,
        exchange: &mut Exchange,
        lookup: &Lookup<'_>,
        found: Found,
        collapse: bool,
    ) -> Looked {
        let primary = lookup.primary;
        let control = Control::of(&exchange.headers);
        let reload = self.settings.obey_reload
            && (control.no_cache || control.max_age.is_some_and(|age| age.is_zero()));
        let forward = match found {
            Found::Entry(entry) => match self.use_entry(exchange, &entry, reload) {
                Use::Answer(response) => return Looked::Answer(response),
                Use::Ask if !control.only_if_cached => {
                    return Looked::Ask(lookup.to_key(), Some(entry), Forward::Stale);
                }
                Use::Ask | Use::Skip => Forward::Stale,
            },
            Found::Nothing | Found::OnDisk => Forward::UriMiss,
            Found::NotForThese => Forward::VaryMiss,
        };
        exchange
            .trace
            .explain(|| format!("{}: {primary}", forward.token()));
        if control.only_if_cached {
            let text = "nothing is kept for this request\n";
            return Looked::Answer(Response::text(StatusCode::GATEWAY_TIMEOUT, text));
        }
        Facts::of(exchange).cache = CacheStatus::forwarded(forward);
        // A part cannot be kept, and a body for HEAD does not come.
        if exchange.method != Method::GET || exchange.headers.contains_key(RANGE) {
            return Looked::Pass;
        }
        if collapse {
            Looked::Join(lookup.to_key(), forward)
        } else {
            Looked::Ask(lookup.to_key(), None, forward)
        }
    }

    fn use_entry(&self, exchange: &mut Exchange, entry: &Arc<Entry>, reload: bool) -> Use {
        let Entry::Response(kept) = &**entry else {
            return Use::Skip;
        };
        let now = now();
        let head = exchange.method == Method::HEAD;
        let ttl = kept.freshness.ttl(now);
        // What cannot change is not asked for again, whoever reloads (RFC 8246 §2).
        let reload = reload && !Control::of(&kept.headers).immutable;
        let covers = !reload && kept.freshness.may_cover_refresh(now);
        if covers && !kept.freshness.is_fresh(now) {
            self.refresh_behind(exchange, entry);
        }
        if !reload && kept.freshness.is_fresh(now) || covers {
            exchange
                .trace
                .explain(|| format!("kept, fresh for another {ttl} s"));
            let facts = Facts::of(exchange);
            facts.cache = CacheStatus::hit(ttl);
            facts.kept = Some(entry.clone());
            return Use::Answer(kept.answer(&exchange.headers, head, now));
        }
        exchange
            .trace
            .explain(|| format!("kept, stale for {} s", -ttl));
        let useful = policy::has_validator(&kept.headers) || kept.freshness.may_cover_error(now);
        if !head && useful { Use::Ask } else { Use::Skip }
    }

    /// Turns the request into a question about what is kept, or into one whose answer is kept.
    fn ask(
        &self,
        exchange: &mut Exchange,
        key: Key,
        stale: Option<Arc<Entry>>,
        forward: Forward,
        lead: Option<Lead<()>>,
    ) {
        Facts::of(exchange).cache = CacheStatus::forwarded(forward);
        exchange.headers.insert(SURROGATE_CAPABILITY, CAPABILITY);
        let stale = stale.map(|entry| {
            let validators = entry.response().map(|kept| &kept.headers);
            let validators = validators.filter(|headers| policy::has_validator(headers));
            let conditions = match validators {
                Some(validators) => {
                    let conditions = take_conditions(&mut exchange.headers);
                    policy::add_validators(&mut exchange.headers, validators);
                    conditions
                }
                // Asked for anew, as the client asks; but what is kept covers a failure.
                None => exchange.headers.clone(),
            };
            Stale {
                validated: validators.is_some(),
                entry,
                conditions,
            }
        });
        let plan = Plan {
            mark: self.store.mark(&key.primary),
            asked: now(),
            key,
            stale,
            lead,
        };
        exchange
            .slots
            .insert(Slot(Arc::new(Mutex::new(Some(plan)))));
    }

    /// Brings what is on disk, and goes by that.
    async fn bring(&self, exchange: &mut Exchange, key: Key, collapse: bool) -> Verdict {
        let lookup = key.as_lookup();
        let found = find_on_disk(&self.store, &lookup, &exchange.headers).await;
        if let Found::Entry(entry) = &found {
            exchange.trace.note("from disk");
            // Of what an earlier process kept nothing is known yet.
            if let Some(kept) = entry.response() {
                let primary = || lookup.primary.to_owned();
                let headers = &exchange.headers;
                let key = || crate::kept::key_of(primary(), &kept.headers, headers);
                self.fetcher.learn(key, &kept.headers);
            }
        }
        match self.looked(exchange, &lookup, found, collapse) {
            Looked::Answer(response) => return Verdict::respond(response),
            Looked::Pass | Looked::OnDisk(..) => {}
            Looked::Ask(key, stale, forward) => self.ask(exchange, key, stale, forward, None),
            Looked::Join(key, forward) => return self.join(exchange, key, forward).await,
        }
        Verdict::Continue
    }

    /// Waits for an equal request, then looks again; whoever waited in vain goes on alone.
    async fn join(&self, exchange: &mut Exchange, key: Key, forward: Forward) -> Verdict {
        match self.flights.join(key.clone()) {
            Joined::Lead(lead) => self.ask(exchange, key, None, forward, Some(lead)),
            Joined::Follow(follow) => {
                exchange.trace.note("waited for an equal request");
                let waited = tokio::time::timeout(self.settings.collapse_wait, follow.wait()).await;
                let found = match waited {
                    Ok(_) => Some(self.find_again(&exchange.headers, &key).await),
                    Err(_) => None,
                };
                if let Some(Found::Entry(entry)) = found
                    && let Use::Answer(response) = self.use_entry(exchange, &entry, false)
                {
                    Facts::of(exchange).cache.collapsed = true;
                    return Verdict::respond(response);
                }
                self.ask(exchange, key, None, forward, None);
            }
        }
        Verdict::Continue
    }
}

impl CacheModule {
    async fn find_again(&self, headers: &HeaderMap, key: &Key) -> Found {
        let lookup = key.as_lookup();
        match find(&self.store, &lookup, headers) {
            Found::OnDisk => find_on_disk(&self.store, &lookup, headers).await,
            found => found,
        }
    }
}

impl Module for CacheModule {
    fn id(&self) -> &'static str {
        "cache"
    }

    fn phase(&self) -> Phase {
        Phase::Cache
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        if !matches!(exchange.method, Method::GET | Method::HEAD) {
            Facts::of(exchange).cache = CacheStatus::forwarded(Forward::Method);
            return Step::next();
        }
        // What an origin makes of a body is not for those who send none, or another.
        let has_body = !matches!(exchange.body, Body::Empty);
        if has_body || exchange.headers.contains_key(http::header::UPGRADE) {
            Facts::of(exchange).cache = CacheStatus::forwarded(Forward::Bypass);
            return Step::next();
        }
        match self.look_up(exchange) {
            Looked::Answer(response) => Step::respond(response),
            Looked::Pass => Step::next(),
            Looked::Ask(key, stale, forward) => {
                self.ask(exchange, key, stale, forward, None);
                Step::next()
            }
            Looked::Join(key, forward) => Step::later(self.join(exchange, key, forward)),
            Looked::OnDisk(key, collapse) => Step::later(self.bring(exchange, key, collapse)),
        }
    }

    fn response<'a>(&'a self, exchange: &'a mut Exchange, response: Box<Response>) -> Reply<'a> {
        let plan = exchange
            .slots
            .remove::<Slot>()
            .and_then(|slot| slot.0.lock().take());
        match plan {
            Some(plan) => Reply::pass(self.receive(exchange, plan, response)),
            None => {
                self.invalidate(exchange, &response);
                Reply::pass(response)
            }
        }
    }
}

/// What a look-up leads to.
enum Looked {
    /// An answer.
    Answer(Response),
    /// The request goes on and its answer is not kept.
    Pass,
    /// The request goes on and its answer is kept.
    Ask(Key, Option<Arc<Entry>>, Forward),
    /// The same, unless an equal request is already on its way.
    Join(Key, Forward),
    /// It is on disk; and whether equal requests may wait for one.
    OnDisk(Key, bool),
}

/// What something kept is good for.
enum Use {
    /// It answers.
    Answer(Response),
    /// The origin is asked whether it is still right.
    Ask,
    /// Nothing.
    Skip,
}

/// Extensions must be cloneable; a plan is for one only, so the first who opens the box has it.
#[derive(Clone)]
struct Slot(Arc<Mutex<Option<Plan>>>);

/// Takes away what asks for less than the whole response.
pub(crate) fn take_conditions(headers: &mut HeaderMap) -> HeaderMap {
    let mut taken = HeaderMap::new();
    for name in CONDITIONS {
        for value in headers.get_all(&name) {
            taken.append(name.clone(), value.clone());
        }
        headers.remove(&name);
    }
    taken
}
