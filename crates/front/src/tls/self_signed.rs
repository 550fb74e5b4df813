//! The certificate a server has before anybody gives it one: made once, then kept.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificates::{pair, parse_chain, parse_key, read};
use crate::FrontError;

const CERTIFICATE_FILE: &str = "self-signed.pem";
const KEY_FILE: &str = "self-signed-key.pem";

/// Names that are always in it.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const DAY: Duration = Duration::from_secs(86_400);

/// Browsers refuse certificates that are valid for more than 398 days.
const LIFETIME: Duration = Duration::from_secs(397 * 86_400);

/// A kept certificate that ends sooner than this is made again.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);

/// The certificate kept in `state`, or a new one if there is none, if it ends within 30 days, or
/// if it does not name every host. Without `state` always a new one, kept nowhere.
///
/// # Errors
/// [`FrontError::BadHost`]; [`FrontError::File`] if the directory cannot be written. A kept file
/// that is garbled is replaced, not reported.
pub fn find_or_make(state: Option<&Path>, hosts: &[String]) -> Result<CertifiedKey, FrontError> {
    let names = names(hosts)?;
    let Some(state) = state else {
        return make(&names).and_then(|made| made.pair(&Place::nowhere()));
    };
    let place = Place::inside(state);
    if let Some(kept) = find(&place, &names) {
        return Ok(kept);
    }
    let made = make(&names)?;
    keep(&made, state, &place)?;
    tracing::info!(file = %place.certificate.display(), "made a self-signed certificate");
    made.pair(&place)
}

/// Where certificate and key lie.
struct Place {
    certificate: PathBuf,
    key: PathBuf,
}

impl Place {
    fn inside(state: &Path) -> Self {
        Self {
            certificate: state.join(CERTIFICATE_FILE),
            key: state.join(KEY_FILE),
        }
    }

    fn nowhere() -> Self {
        Self::inside(Path::new(""))
    }
}

/// A new certificate, as PEM.
struct Made {
    certificate: String,
    key: String,
}

impl Made {
    fn pair(&self, place: &Place) -> Result<CertifiedKey, FrontError> {
        let chain = parse_chain(self.certificate.as_bytes(), &place.certificate)?;
        let key = parse_key(self.key.as_bytes(), &place.key)?;
        pair(chain, key, &place.certificate, &place.key)
    }
}

fn names(hosts: &[String]) -> Result<Vec<String>, FrontError> {
    let mut names: Vec<String> = LOCAL.map(String::from).to_vec();
    for host in hosts {
        let host = host.to_ascii_lowercase();
        let label = host.strip_prefix("*.").unwrap_or(&host);
        if ServerName::try_from(label).is_err() {
            return Err(FrontError::BadHost { host });
        }
        if !names.contains(&host) {
            names.push(host);
        }
    }
    Ok(names)
}

fn make(names: &[String]) -> Result<Made, FrontError> {
    let failed = |error: rcgen::Error| FrontError::Tls {
        reason: error.to_string(),
    };
    let mut parameters = CertificateParams::new(names).map_err(failed)?;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // A visitor's clock may be a little behind.
    parameters.not_before = epoch + now.saturating_sub(DAY);
    parameters.not_after = epoch + now + LIFETIME - DAY;
    parameters
        .distinguished_name
        .push(DnType::CommonName, "Firstlight self-signed");
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    Ok(Made {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// The kept pair, if it is sound, lasts, and names every host.
fn find(place: &Place, names: &[String]) -> Option<CertifiedKey> {
    let chain = parse_chain(&read(&place.certificate).ok()?, &place.certificate).ok()?;
    let key = parse_key(&read(&place.key).ok()?, &place.key).ok()?;
    let first = chain.first()?;
    let usable = is_named(first, names) && is_valid_at(first, SystemTime::now() + RENEW_BEFORE);
    match usable {
        true => pair(chain, key, &place.certificate, &place.key).ok(),
        false => None,
    }
}

fn is_named(certificate: &CertificateDer<'_>, names: &[String]) -> bool {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else {
        return false;
    };
    names.iter().all(|name| {
        // A wildcard covers any one label.
        let example = name.replacen('*', "wildcard", 1);
        ServerName::try_from(example)
            .is_ok_and(|name| parsed.verify_is_valid_for_subject_name(&name).is_ok())
    })
}

/// Whether the certificate's own dates allow `time`. The chain is of no interest, and fails: the
/// dates are checked before it.
fn is_valid_at(certificate: &CertificateDer<'_>, time: SystemTime) -> bool {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else {
        return false;
    };
    let Ok(since_epoch) = time.duration_since(SystemTime::UNIX_EPOCH) else {
        return false;
    };
    let verified = parsed.verify_for_usage(
        super::provider().signature_verification_algorithms.all,
        &[],
        &[],
        UnixTime::since_unix_epoch(since_epoch),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    );
    matches!(verified, Ok(_) | Err(webpki::Error::UnknownIssuer))
}

fn keep(made: &Made, state: &Path, place: &Place) -> Result<(), FrontError> {
    fs::create_dir_all(state).map_err(|cause| FrontError::File {
        action: "create",
        path: state.into(),
        cause,
    })?;
    write(&place.key, made.key.as_bytes(), 0o600)?;
    write(&place.certificate, made.certificate.as_bytes(), 0o644)
}

/// Writes a file as a whole: under another name first, so that nobody reads half of it.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FrontError> {
    let written = || -> io::Result<()> {
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let _ = fs::remove_file(&draft);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    written().map_err(|cause| FrontError::File {
        action: "write",
        path: path.into(),
        cause,
    })
}

#[cfg(test)]
mod tests;
