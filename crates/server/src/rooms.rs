//! Every room, built from a configuration.

use std::sync::Arc;

use arc_swap::ArcSwap;
use modules::Services;
use pipeline::{Directory, Pipeline};

use crate::{Config, ServerError, Sites};

/// What a configuration becomes, less the sockets: services and sites. This is what serves
/// visitors, and what explains.
pub struct Rooms {
    services: Services,
    sites: Sites,
}

impl Rooms {
    /// Builds everything anew.
    ///
    /// # Errors
    /// [`ServerError::Origin`], [`ServerError::Site`].
    pub fn new(config: &Config) -> Result<Self, ServerError> {
        let services = Services::new(&config.origin, &config.workshop, &config.cache)?;
        Self::with_services(config, services)
    }

    /// Builds the sites of a newer configuration. What is kept, is being made or is connected
    /// lives on.
    ///
    /// # Errors
    /// [`ServerError::Origin`], [`ServerError::Site`].
    pub fn renewed(&self, config: &Config) -> Result<Self, ServerError> {
        let services = self.services.with_origin(&config.origin)?;
        Self::with_services(config, services)
    }

    fn with_services(config: &Config, services: Services) -> Result<Self, ServerError> {
        let mut sites = Sites::default();
        for (place, site) in config.site.iter().enumerate() {
            let pipeline = modules::build(site, &services).map_err(|cause| ServerError::Site {
                place: place + 1,
                cause,
            })?;
            sites.insert(&site.hosts, Arc::new(pipeline));
        }
        Ok(Self { services, sites })
    }

    /// The pipeline for `host` (lower case, no port).
    pub fn pipeline(&self, host: &str) -> Arc<Pipeline> {
        Arc::clone(self.sites.find(host))
    }
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
