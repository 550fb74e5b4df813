//! Certificates: read from files or made, chosen by host, replaced while running.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::self_signed;
use crate::{CertificateSettings, FrontError, FrontSettings};

/// The certificates in use.
pub struct Certificates {
    current: ArcSwap<Choice>,
}

/// One consistent set of certificates.
struct Choice {
    /// Host, or `*.parent` for a wildcard, to certificate.
    by_host: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl Certificates {
    /// Reads the configured certificates, or finds or makes the self-signed one.
    ///
    /// # Errors
    /// The first file that is missing, garbled or no pair with its key.
    pub fn load(settings: &FrontSettings) -> Result<Self, FrontError> {
        Ok(Self {
            current: ArcSwap::from_pointee(Choice::load(settings)?),
        })
    }

    /// Reads everything again and swaps it in as a whole.
    ///
    /// # Errors
    /// As [`load`](Self::load); what was in use stays in use.
    pub fn reload(&self, settings: &FrontSettings) -> Result<(), FrontError> {
        self.current.store(Arc::new(Choice::load(settings)?));
        Ok(())
    }

    fn find(&self, host: Option<&str>) -> Arc<CertifiedKey> {
        let current = self.current.load();
        host.and_then(|host| current.find(host))
            .map_or_else(|| Arc::clone(&current.default), Arc::clone)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.find(hello.server_name()))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl Choice {
    fn load(settings: &FrontSettings) -> Result<Self, FrontError> {
        let mut by_host = HashMap::new();
        let mut default = None;
        for (place, files) in settings.certificate.iter().enumerate() {
            for (setting, path) in [("certificate", &files.certificate), ("key", &files.key)] {
                if path.as_os_str().is_empty() {
                    let entry = place + 1;
                    return Err(FrontError::MissingFile { entry, setting });
                }
            }
            let pair = Arc::new(read_pair(files)?);
            for host in hosts_of(&pair, &files.certificate)? {
                by_host.entry(host).or_insert_with(|| Arc::clone(&pair));
            }
            default.get_or_insert(pair);
        }
        let default = match default {
            Some(default) => default,
            None => {
                let state = settings.state.as_deref();
                Arc::new(self_signed::find_or_make(state, &settings.hosts)?)
            }
        };
        Ok(Self { by_host, default })
    }

    /// An exact name before a wildcard, which stands for one label (RFC 6125 §6.4.3).
    fn find(&self, host: &str) -> Option<&Arc<CertifiedKey>> {
        let host = host.to_ascii_lowercase();
        self.by_host.get(&host).or_else(|| {
            let (_, parent) = host.split_once('.')?;
            self.by_host.get(&format!("*.{parent}"))
        })
    }
}

fn read_pair(files: &CertificateSettings) -> Result<CertifiedKey, FrontError> {
    let chain = parse_chain(&read(&files.certificate)?, &files.certificate)?;
    let key = parse_key(&read(&files.key)?, &files.key)?;
    pair(chain, key, &files.certificate, &files.key)
}

/// Joins certificate and key; the paths are named in errors.
///
/// # Errors
/// [`FrontError::KeyMismatch`], [`FrontError::BadKey`] or [`FrontError::BadCertificate`].
pub fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    certificate_path: &Path,
    key_path: &Path,
) -> Result<CertifiedKey, FrontError> {
    let signer = super::provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| bad_key(key_path, error))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(pair)
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(FrontError::KeyMismatch {
            certificate: certificate_path.into(),
            key: key_path.into(),
        }),
        Err(error) => Err(bad_certificate(certificate_path, error)),
    }
}

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// [`FrontError::BadCertificate`] naming `path`.
pub fn parse_chain(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, FrontError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad_certificate(path, describe(&error)))?;
    if chain.is_empty() {
        return Err(bad_certificate(
            path,
            "it has no `-----BEGIN CERTIFICATE-----` section",
        ));
    }
    Ok(chain)
}

/// The first private key of a PEM file.
///
/// # Errors
/// [`FrontError::BadKey`] naming `path`.
pub fn parse_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, FrontError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound if contains(pem, b"BEGIN ENCRYPTED PRIVATE KEY") => bad_key(
            path,
            "it is encrypted; `openssl pkey -in FILE -out PLAIN` removes the password",
        ),
        PemError::NoItemsFound => bad_key(path, "it has no `-----BEGIN PRIVATE KEY-----` section"),
        error => bad_key(path, describe(&error)),
    })
}

/// Reads a file.
///
/// # Errors
/// [`FrontError::File`] naming it.
pub fn read(path: &Path) -> Result<Vec<u8>, FrontError> {
    fs::read(path).map_err(|cause| FrontError::File {
        action: "read",
        path: path.into(),
        cause,
    })
}

fn hosts_of(pair: &CertifiedKey, path: &Path) -> Result<Vec<String>, FrontError> {
    let first = pair
        .end_entity_cert()
        .map_err(|error| bad_certificate(path, error))?;
    let parsed =
        webpki::EndEntityCert::try_from(first).map_err(|error| bad_certificate(path, error))?;
    Ok(parsed
        .valid_dns_names()
        .map(str::to_ascii_lowercase)
        .collect())
}

fn describe(error: &PemError) -> String {
    format!("it is not well-formed PEM ({error})")
}

fn bad_certificate(path: &Path, reason: impl fmt::Display) -> FrontError {
    FrontError::BadCertificate {
        path: path.into(),
        reason: reason.to_string(),
    }
}

fn bad_key(path: &Path, reason: impl fmt::Display) -> FrontError {
    FrontError::BadKey {
        path: path.into(),
        reason: reason.to_string(),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[cfg(test)]
mod tests;
