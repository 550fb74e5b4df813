//! The front as a whole: bound, then serving, then drained.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use pipeline::Directory;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alternative::Alternative;
use crate::byte_log::{ByteLog, Entry};
use crate::connection::Door;
use crate::h3::Endpoint;
use crate::listen::{self, Listener};
use crate::tls::{self, Certificates};
use crate::{FrontError, FrontSettings};

/// An address that is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether HTTP/3 is spoken on the UDP port of the same number.
    pub http3: bool,
    /// Address and real port.
    pub socket: SocketAddr,
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections served since the start.
    pub connections: u64,
    /// Connections that were cut off because the grace was over.
    pub cut_off: u64,
}

/// Sockets that are bound but not yet served, or being served.
pub struct Front {
    addresses: Vec<Address>,
    listeners: Mutex<Vec<Listener>>,
    endpoints: Mutex<Vec<Endpoint>>,
    settings: FrontSettings,
    tls: Option<(Arc<Certificates>, Arc<ServerConfig>)>,
    directory: Arc<dyn Directory>,
    log: Arc<ByteLog>,
}

impl Front {
    /// Reads or makes the certificates and binds every address. Needs no runtime.
    ///
    /// # Errors
    /// The first thing that stands in the way, see [`FrontError`].
    pub fn bind(
        settings: &FrontSettings,
        directory: Arc<dyn Directory>,
    ) -> Result<Self, FrontError> {
        let tls = if settings.https.is_empty() {
            None
        } else {
            let certificates = Arc::new(Certificates::load(settings)?);
            let config = tls::server_config(Arc::clone(&certificates))?;
            Some((certificates, config))
        };
        let log = ByteLog::open(&settings.byte_log).map_err(|cause| FrontError::ByteLog {
            target: settings.byte_log.target.clone().unwrap_or_default(),
            cause,
        })?;
        let mut listeners = listen::bind_all(settings)?;
        let mut endpoints = Vec::new();
        for listener in &mut listeners {
            if let (Some(socket), Some((certificates, _))) = (listener.datagrams.take(), &tls) {
                let early_data = settings.http3.early_data;
                let config = tls::quic_config(Arc::clone(certificates), early_data)?;
                let address = listener.address.socket;
                endpoints.push(Endpoint::new(socket, address, config, settings)?);
            }
        }
        Ok(Self {
            addresses: listeners.iter().map(|listener| listener.address).collect(),
            listeners: Mutex::new(listeners),
            endpoints: Mutex::new(endpoints),
            settings: settings.clone(),
            tls,
            directory,
            log,
        })
    }

    /// The addresses in the order of the settings, HTTPS first, with the ports the system chose.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Takes what the byte log has kept in memory, oldest first: see [`ByteLog::take`].
    pub fn take_byte_log(&self) -> Vec<Entry> {
        self.log.take()
    }

    /// Reads the certificate files again. New connections get the new certificates; if anything is
    /// wrong with them, the old ones stay.
    ///
    /// # Errors
    /// The first file that is missing, garbled or no pair with its key.
    pub fn reload_certificates(&self) -> Result<(), FrontError> {
        match &self.tls {
            Some((certificates, _)) => certificates.reload(&self.settings),
            None => Ok(()),
        }
    }

    /// What answers say of HTTP/3, if it is spoken wherever HTTPS is.
    fn alternative(&self) -> Option<Alternative> {
        let mut secure = self.addresses.iter().filter(|address| address.tls);
        let everywhere = secure.all(|address| address.http3);
        Alternative::new(self.settings.http3.advertise).filter(|_| everywhere)
    }

    /// Serves until `shutdown` is cancelled, then stops accepting, lets open requests finish for
    /// as long as the grace allows, and returns. Needs a runtime. A second call serves nothing.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting; open connections go on until the runtime ends.
    pub async fn serve(&self, shutdown: CancellationToken) -> Drained {
        let tracker = TaskTracker::new();
        let cut = CancellationToken::new();
        let door = Arc::new(Door::new(
            &self.settings,
            self.tls.as_ref().map(|(_, config)| Arc::clone(config)),
            Arc::clone(&self.directory),
            Arc::clone(&self.log),
            (shutdown.clone(), cut.clone()),
            tracker.clone(),
            self.alternative(),
        ));
        let endpoints = std::mem::take(&mut *self.endpoints.lock());
        let farewell = TaskTracker::new();
        for endpoint in endpoints {
            farewell.spawn(endpoint.serve(Arc::clone(&door)));
        }
        farewell.close();
        let listeners = std::mem::take(&mut *self.listeners.lock());
        let loops = listeners
            .into_iter()
            .map(|listener| listen::accept(listener, Arc::clone(&door)));
        futures_util::future::join_all(loops).await;
        shutdown.cancelled().await;
        tracker.close();
        let drained = tokio::time::timeout(self.settings.shutdown_grace, tracker.wait()).await;
        let cut_off = match drained {
            Ok(()) => 0,
            Err(_) => {
                let open = tracker.len() as u64;
                cut.cancel();
                tracker.wait().await;
                open
            }
        };
        // The last clients over QUIC are told that it is over.
        farewell.wait().await;
        Drained {
            connections: door.served(),
            cut_off,
        }
    }
}
