//! TLS: the server's configuration and its certificates.

mod certificates;
mod self_signed;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ServerSessionMemoryCache;

pub use certificates::Certificates;

use crate::FrontError;

/// What ALPN calls HTTP/2 (RFC 9113 §3.1).
pub const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// What ALPN calls HTTP/3 (RFC 9114 §3.1).
const HTTP3: &[u8] = b"h3";

/// Sessions that are remembered to be resumed; about a kilobyte each.
const SESSIONS: usize = 8192;

/// TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1, sessions resumed by tickets.
///
/// # Errors
/// [`FrontError::Tls`] if the library refuses the settings.
pub fn server_config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, FrontError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| refused(&error))?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| refused(&error))?;
    Ok(Arc::new(config))
}

/// TLS for QUIC: 1.3 alone, and HTTP/3.
///
/// With `early_data` a returning client may ask with its first packet. What was sent may then be
/// sent again by somebody who copied it, so each session is remembered here and resumed once
/// (RFC 8446 §8.1): a copy is of no use, and neither is one to another process.
///
/// # Errors
/// [`FrontError::Tls`] if the library refuses the settings.
pub fn quic_config(
    certificates: Arc<Certificates>,
    early_data: bool,
) -> Result<Arc<ServerConfig>, FrontError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| refused(&error))?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![HTTP3.to_vec()];
    if early_data {
        // What QUIC asks for; how much comes is bounded by its windows (RFC 9001 §4.6.1).
        config.max_early_data_size = u32::MAX;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    } else {
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| refused(&error))?;
    }
    Ok(Arc::new(config))
}

/// The cryptography, named explicitly: nothing is installed for the whole process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn refused(error: &rustls::Error) -> FrontError {
    FrontError::Tls {
        reason: error.to_string(),
    }
}
