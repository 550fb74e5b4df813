//! TLS towards origins: TLS 1.2 and 1.3, certificates always verified.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::OriginError;
use crate::settings::Http2;

/// One configuration for each way to offer HTTP versions; they share roots and sessions.
pub(crate) struct Tls {
    both: Arc<ClientConfig>,
    only_http1: Arc<ClientConfig>,
    only_http2: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the system's authorities (Mozilla's if the system has none) and those in `ca_file`.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, OriginError> {
        let mut roots = system_roots();
        if let Some(path) = ca_file {
            add_file(&mut roots, path)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OriginError::TlsSetup(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let offering = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Ok(Self {
            both: offering(&[b"h2", b"http/1.1"]),
            only_http1: offering(&[b"http/1.1"]),
            only_http2: offering(&[b"h2"]),
        })
    }

    pub(crate) fn config(&self, http2: Http2) -> &Arc<ClientConfig> {
        match http2 {
            Http2::Auto => &self.both,
            Http2::Off => &self.only_http1,
            Http2::PriorKnowledge => &self.only_http2,
        }
    }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "some of the system's certificates cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), OriginError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| OriginError::Certificates {
        path: path.into(),
        source,
    };
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.into()))?;
    let mut found = false;
    for certificate in read {
        let certificate = certificate.map_err(|error| unusable(error.into()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.into()))?;
        found = true;
    }
    if found {
        Ok(())
    } else {
        Err(unusable("it holds no certificate".into()))
    }
}
