//! Every room, built from a configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base::settings::Report;
use cache::{Keep, Stats, Store};
use front::Http2Settings;
use kv::Behind;
use modules::Services;
use modules::behind::{Shared, purge_as_told};
use modules::compression::Deltas;
use origin::{Client, Upstream};
use pipeline::{Directory, Pipeline};
use tokio::task::JoinSet;
use tokio::time::timeout;
use workshop::Workshop;

use crate::{Config, ServerError, Sites};

/// What a configuration becomes, less the sockets: services and sites. This is what serves
/// visitors, and what explains.
pub struct Rooms {
    services: Services,
    sites: Sites,
    origins: Vec<Upstream>,
    /// How the front would send what is rehearsed.
    pub(crate) http2: Http2Settings,
}

impl Rooms {
    /// Builds everything anew.
    ///
    /// # Errors
    /// [`ServerError::Origin`], [`ServerError::Workshop`], [`ServerError::Wrong`].
    pub fn new(config: &Config) -> Result<Self, ServerError> {
        let (store, ledger) = open_store(config);
        let client = Client::new(&config.origin)?;
        let workshop = Workshop::with_ledger(&config.workshop, ledger)?;
        let mut services = Services::new(store, client, workshop);
        services.shared = open_behind(config, &services);
        services.decoders = crate::decoders();
        services.purges.clone_from(&config.purge);
        let resumed = services.resume();
        if resumed > 0 {
            tracing::info!(resumed, "going on with what waited to be made better");
        }
        Self::with_services(config, services)
    }

    /// Builds the sites of a newer configuration, and the client for their origins. What is kept
    /// or is being made lives on.
    ///
    /// # Errors
    /// [`ServerError::Origin`], [`ServerError::Wrong`].
    pub fn renewed(&self, config: &Config) -> Result<Self, ServerError> {
        let services = Services {
            client: Arc::new(Client::new(&config.origin)?),
            purges: config.purge.clone(),
            ..self.services.clone()
        };
        Self::with_services(config, services)
    }

    fn with_services(config: &Config, services: Services) -> Result<Self, ServerError> {
        let mut report = Report::new("configuration", "");
        // The environment may have had its say since the file was checked.
        config.purge.check("purge", &mut report);
        let mut sites = Sites::default();
        for (place, site) in config.site.iter().enumerate() {
            let table = format!("site[{place}]");
            if let Some(pipeline) = modules::build(site, &services, &table, &mut report) {
                sites.insert(&site.hosts, Arc::new(pipeline));
            }
        }
        if report.is_clean() {
            Ok(Self {
                services,
                sites,
                origins: config
                    .site
                    .iter()
                    .flat_map(|site| site.origin.clone())
                    .collect(),
                http2: config.front.http2.clone(),
            })
        } else {
            Err(ServerError::Wrong(report))
        }
    }

    /// The pipeline for `host` (lower case, no port).
    pub fn pipeline(&self, host: &str) -> Arc<Pipeline> {
        Arc::clone(self.sites.find(host))
    }

    /// Connects to the origins of all sites, at once, and says of each that cannot be reached why,
    /// in a sentence. One that takes longer than `patience` is said not to answer. The connections
    /// are kept for the first requests.
    pub async fn unreachable_origins(&self, patience: Duration) -> Vec<String> {
        let mut attempts = JoinSet::new();
        let mut asked: Vec<&Upstream> = Vec::new();
        for origin in &self.origins {
            if asked.iter().all(|known| known.target() != origin.target()) {
                asked.push(origin);
                let (client, origin) = (self.services.client.clone(), origin.clone());
                attempts.spawn(async move {
                    match timeout(patience, client.reach(&origin)).await {
                        Ok(Ok(())) => None,
                        Ok(Err(error)) => Some(base::failure::chain(&error)),
                        Err(_) => Some(format!("`{}` does not answer", origin.target().place())),
                    }
                });
            }
        }
        let mut found: Vec<String> = attempts.join_all().await.into_iter().flatten().collect();
        found.sort();
        found
    }

    /// Deltas between versions of texts, since the start.
    pub(crate) fn deltas(&self) -> Deltas {
        self.services.deltas.read()
    }

    /// Where the work on pictures and texts is done.
    pub(crate) fn workshop(&self) -> &Workshop {
        &self.services.workshop
    }

    /// Drops everything that is kept for a URL.
    pub(crate) fn purge(&self, url: &http::Uri) -> usize {
        self.services.purge(url)
    }

    /// Drops many things at once.
    pub(crate) fn purge_many(&self, purge: modules::Purge<'_>) -> usize {
        self.services.purge_many(purge)
    }

    /// Makes everything that is kept for a URL stale.
    pub(crate) fn soften(&self, url: &http::Uri) -> usize {
        self.services.soften(url)
    }

    /// Makes many things stale at once.
    pub(crate) fn soften_many(&self, purge: modules::Purge<'_>) -> usize {
        self.services.soften_many(purge)
    }

    /// The store behind, where there is one.
    pub(crate) fn behind(&self) -> Option<&Arc<Behind>> {
        self.services.shared.behind()
    }

    /// What is kept.
    pub(crate) fn cache(&self) -> Stats {
        self.services.store.stats()
    }

    /// Waits until what is kept is on disk as far as it goes there.
    pub(crate) fn settle(&self) {
        if !self.services.store.settle() {
            tracing::warn!("the last of what is kept did not reach the disk");
        }
    }
}

/// The store, with its disk where there is one that can be used.
/// Beside it, the file in which is noted what waits to be made better: that is of use only with
/// what is on disk.
fn open_store<V: Keep>(config: &Config) -> (Store<V>, Option<PathBuf>) {
    let Some(path) = config.cache_path() else {
        return (Store::new(&config.cache), None);
    };
    let since = std::time::Instant::now();
    match Store::open(&config.cache, &path) {
        Ok(store) => {
            let entries = store.stats().disk.entries;
            let milliseconds = since.elapsed().as_millis() as u64;
            let ledger = path.join("improving");
            let path = path.display();
            tracing::info!(%path, entries, milliseconds, "the cache's disk is open");
            (store, Some(ledger))
        }
        Err(error) => {
            let error = base::failure::chain(&error);
            tracing::warn!("{error}; what is kept is in memory alone");
            (Store::new(&config.cache), None)
        }
    }
}

/// The store behind, where one is wanted and can be had; the server goes on without it in any case.
fn open_behind(config: &Config, services: &Services) -> Shared {
    let behind = match Behind::open(&config.kv, config.front.state.as_deref()) {
        Ok(Some(behind)) => Arc::new(behind),
        Ok(None) => return Shared::default(),
        Err(error) => {
            tracing::warn!("{error}; going on without it");
            return Shared::default();
        }
    };
    let place = config.cache_path().map(|path| path.join("heard"));
    // A store that is not used any more need not hear of anything.
    let store = Arc::downgrade(&services.store);
    let told = move |what: &kv::What, soft| {
        if let Some(store) = store.upgrade() {
            purge_as_told(&store, what, soft);
        }
    };
    behind.follow(place, Box::new(told));
    Shared::new(behind)
}

/// The rooms in use; new ones take over with the next request.
pub struct Current(ArcSwap<Rooms>);

impl Current {
    /// These rooms.
    pub fn new(rooms: Rooms) -> Self {
        Self(ArcSwap::from_pointee(rooms))
    }

    /// The rooms in use.
    pub fn load(&self) -> Arc<Rooms> {
        self.0.load_full()
    }

    /// Lets new rooms take over. Requests in flight end in the old ones.
    pub fn replace(&self, rooms: Rooms) {
        self.0.store(Arc::new(rooms));
    }
}

impl Directory for Current {
    fn pipeline(&self, host: &str) -> Arc<Pipeline> {
        self.0.load().pipeline(host)
    }
}
