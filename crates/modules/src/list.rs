//! The order. This list is what runs, read from top to bottom; the response goes back from bottom
//! to top, except for the modules of the last phases, which see it finished.

use std::collections::HashSet;
use std::sync::Arc;

use ::cache::{Named, Store, tag};
use ::origin::{AllowList, Client};
use base::settings::{Report, join};
use image::Decoders;
use pipeline::{Module, Pipeline};
use workshop::Workshop;

use crate::access_log::AccessLogModule;
use crate::behind::Shared;
use crate::cache::{CacheModule, SourceFlights};
use crate::compression::{CompressionModule, DeltaCounts};
use crate::headers::HeadersModule;
use crate::hints::HintsModule;
use crate::https::HttpsModule;
use crate::images::{ImagesModule, PictureFlights};
use crate::kept::Entry;
use crate::network::NetworkModule;
use crate::origin::{Fetcher, OriginModule};
use crate::purge::{Many, Order, PurgeModule, PurgeSettings};
use crate::settings::SiteSettings;
use crate::site::SiteModule;

/// What modules use and do not own. It outlives a configuration: what is kept stays kept when a
/// new one takes over. Cloning is free.
#[derive(Clone)]
pub struct Services {
    /// What is kept: responses and pictures of all sites.
    pub store: Arc<Store<Entry>>,
    /// Opens outward connections.
    pub client: Arc<Client>,
    /// Who decodes what is not decoded in this process.
    pub decoders: Decoders,
    /// Makes pictures.
    pub workshop: Workshop,
    /// Pictures in the making.
    pub pictures: Arc<PictureFlights>,
    /// Sources being fetched.
    pub sources: Arc<SourceFlights>,
    /// Counts deltas between versions of texts.
    pub deltas: Arc<DeltaCounts>,
    /// What other nodes have made.
    pub shared: Shared,
    /// Who may purge by HTTP.
    pub purges: PurgeSettings,
}

impl Services {
    /// Services around a store, a client and a workshop.
    pub fn new(store: Store<Entry>, client: Client, workshop: Workshop) -> Self {
        Self {
            store: Arc::new(store),
            client: Arc::new(client),
            decoders: Decoders::NONE,
            workshop,
            pictures: Arc::default(),
            sources: Arc::default(),
            deltas: Arc::default(),
            shared: Shared::default(),
            purges: PurgeSettings::default(),
        }
    }

    /// Goes on with what waited to be made better when an earlier process ended. Returns how much
    /// that is.
    pub fn resume(&self) -> usize {
        crate::compression::resume(&self.store, &self.shared, &self.workshop)
    }

    /// Drops everything that is kept for a URL, whoever brought it in: the response, and every
    /// picture made of it. Returns how many things that were.
    pub fn purge(&self, url: &http::Uri) -> usize {
        self.shared.tell_url(url, false);
        [false, true]
            .into_iter()
            .map(|foreign| {
                self.store
                    .purge(&crate::facts::Source::primary(url, foreign))
            })
            .sum()
    }

    /// Drops many things together: every URL of which something is named, with every form
    /// and picture of it. Returns how many things that were. Cost: a look at everything kept.
    pub fn purge_many(&self, purge: Purge<'_>) -> usize {
        self.shared.tell_many(purge, false);
        self.store.purge_where(|named| purge.names(named))
    }

    /// Makes everything that is kept for a URL stale: it may still answer while it is asked for
    /// again. Returns how many things that were.
    pub fn soften(&self, url: &http::Uri) -> usize {
        self.shared.tell_url(url, true);
        [false, true]
            .into_iter()
            .map(|foreign| {
                self.store
                    .soften(&crate::facts::Source::primary(url, foreign))
            })
            .sum()
    }

    /// The same for many things together, as [`Services::purge_many`].
    pub fn soften_many(&self, purge: Purge<'_>) -> usize {
        self.shared.tell_many(purge, true);
        self.store.soften_where(|named| purge.names(named))
    }

    /// Does what was ordered, and returns how many things that were. Cost: a look at everything kept
    /// where more than URLs are named.
    pub fn carry_out(&self, order: &Order) -> usize {
        let each = |url| match order.soft {
            true => self.soften(url),
            false => self.purge(url),
        };
        let of_urls: usize = order.urls.iter().map(each).sum();
        if order.many.is_empty() {
            return of_urls;
        }
        for many in &order.many {
            self.shared.tell_many(many.as_purge(), order.soft);
        }
        // Each tag is made a number once, not for each thing that is kept.
        let (tags, others): (Vec<&Many>, Vec<&Many>) = order
            .many
            .iter()
            .partition(|many| matches!(many, Many::Tag(_)));
        let tags: HashSet<u64> = tags.into_iter().filter_map(Many::tag).collect();
        let named = |named: &Named<'_>| {
            named.tags.iter().any(|tag| tags.contains(tag))
                || others.iter().any(|many| many.as_purge().names(named))
        };
        of_urls
            + match order.soft {
                true => self.store.soften_where(named),
                false => self.store.purge_where(named),
            }
    }
}

/// What is to be dropped from what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge<'a> {
    /// Everything.
    Everything,
    /// All of a host (without port, in lower case).
    Host(&'a str),
    /// All whose URL begins so: `https://example.com/news/`.
    Prefix(&'a str),
    /// All that an origin has marked so, in `Cache-Tag` (between commas) or `Surrogate-Key` (between
    /// spaces). Letters must be the same.
    Tag(&'a str),
}

impl Purge<'_> {
    pub(crate) fn names(&self, named: &Named<'_>) -> bool {
        let primary = named.primary;
        // What visitors brought in from other sites is purged by its own address too.
        let url = ["foreign ", "dictionary "]
            .into_iter()
            .find_map(|word| primary.strip_prefix(word))
            .unwrap_or(primary);
        match self {
            Self::Everything => true,
            Self::Prefix(prefix) => url.starts_with(prefix),
            Self::Host(host) => {
                let uri = url.parse::<http::Uri>().ok();
                uri.is_some_and(|uri| uri.host() == Some(*host))
            }
            Self::Tag(text) => !text.is_empty() && named.tags.contains(&tag(text.as_bytes())),
        }
    }
}

/// The names of all modules in the order they run.
pub const ORDER: [&str; 11] = [
    "site",
    "network",
    "purge",
    "https",
    "compression",
    "images",
    "cache",
    "origin",
    "hints",
    "headers",
    "access_log",
];

/// Builds the pipeline of a site. `place` is the path of its table in the configuration, for
/// messages. `None` if something was reported.
pub fn build(
    settings: &SiteSettings,
    services: &Services,
    place: &str,
    report: &mut Report,
) -> Option<Pipeline> {
    settings.check(place, report);
    let headers = HeadersModule::new(&settings.headers, &join(place, "headers"), report);
    let https = HttpsModule::new(
        &settings.https,
        &settings.trusted_proxies,
        &join(place, "https"),
        report,
    );
    let hints = HintsModule::new(
        &settings.hints,
        &settings.trusted_proxies,
        &join(place, "hints"),
        report,
    );
    let log = open_log(settings, place, report);
    let upstream = settings
        .origin
        .clone()?
        .with_host_header(settings.host_header);
    let mut fetcher = Fetcher::new(
        services.client.clone(),
        upstream,
        AllowList::new(settings.images.sources.clone()),
        settings.trusted_proxies.clone(),
    );
    let compression = &settings.compression;
    // What a visitor wants is asked for where nothing here decides that.
    if compression.enabled && compression.origin_dictionaries && settings.cache.enabled {
        fetcher = fetcher.with_dictionaries(services.store.clone());
    }
    let fetcher = Arc::new(fetcher);
    if !report.is_clean() {
        return None;
    }
    let modules: [Option<Box<dyn Module>>; ORDER.len()] = [
        // First: everything else relies on a host that is one.
        Some(Box::new(SiteModule::new(&settings.name()))),
        // As soon as it is known whose visitor it is: what is chosen later depends on it.
        settings.network.enabled.then(|| {
            let module = NetworkModule::new(&settings.network, &settings.trusted_proxies);
            Box::new(module) as Box<dyn Module>
        }),
        // Before all that would take such a request for a visitor's.
        Some(Box::new(PurgeModule::new(&services.purges, services))),
        // Before any work is done for a request that has to come again the other way.
        Some(Box::new(https)),
        // Before the cache and the pictures, which ask for plain bytes whoever asks; and on the way
        // back after both, so that what is kept is plain and what is made is compressed too.
        settings
            .compression
            .enabled
            .then(|| compressor(settings, services)),
        // Before the cache: which variant of a picture a client gets is part of what is looked up;
        // and on the way back after it, so that sources are kept as they came.
        settings
            .images
            .enabled
            .then(|| images(settings, services, &fetcher)),
        // Before the origin is asked, of course.
        settings
            .cache
            .enabled
            .then(|| cache(settings, services, &fetcher)),
        // Answers whatever has no answer yet.
        Some(Box::new(OriginModule::new(fetcher))),
        // On pages as they leave, kept or not: what they ask is no part of what is kept.
        settings
            .hints
            .enabled
            .then(|| Box::new(hints) as Box<dyn Module>),
        // After all else: says what was done, and has the last word on headers.
        settings
            .headers
            .enabled
            .then(|| Box::new(headers) as Box<dyn Module>),
        // Last: what it logs has happened.
        log.map(|log| Box::new(log) as Box<dyn Module>),
    ];
    match Pipeline::new(modules.into_iter().flatten().collect()) {
        Ok(pipeline) => Some(pipeline),
        Err(module) => {
            // The tests build every combination, so this is for whoever is adding a module.
            report.reject(place, module, "modules in the order of their phases");
            None
        }
    }
}

fn compressor(settings: &SiteSettings, services: &Services) -> Box<dyn Module> {
    Box::new(CompressionModule::new(
        settings.compression.clone(),
        &settings.trusted_proxies,
        services.store.clone(),
        services.shared.clone(),
        services.workshop.clone(),
        services.deltas.clone(),
    ))
}

fn images(settings: &SiteSettings, services: &Services, fetcher: &Arc<Fetcher>) -> Box<dyn Module> {
    let module = ImagesModule::new(
        &settings.images,
        settings.cache.rules(),
        services.store.clone(),
        services.shared.clone(),
        services.pictures.clone(),
        services.workshop.clone(),
        fetcher.clone(),
    );
    Box::new(module.decoding_by(services.decoders))
}

fn cache(settings: &SiteSettings, services: &Services, fetcher: &Arc<Fetcher>) -> Box<dyn Module> {
    Box::new(CacheModule::new(
        settings.cache.clone(),
        services.store.clone(),
        services.shared.clone(),
        services.sources.clone(),
        fetcher.clone(),
    ))
}

fn open_log(settings: &SiteSettings, place: &str, report: &mut Report) -> Option<AccessLogModule> {
    let log = &settings.access_log;
    if !log.enabled || log.target.is_empty() {
        return None;
    }
    AccessLogModule::open(log)
        .inspect_err(|error| {
            let form = format!("a file that can be written to ({error})");
            report.reject(&join(place, "access_log.target"), &*log.target, form);
        })
        .ok()
}
