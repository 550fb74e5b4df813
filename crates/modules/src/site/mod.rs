//! Which site a request is for. Everything after it may rely on a host that is one.

mod error;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::HeaderName;
use http::uri::Authority;
use pipeline::{Exchange, Module, Phase, Step};

pub use error::SiteError;

use crate::facts::Facts;
use crate::failure;

/// Priorities and traces that an origin may send are for us; from a client they mean nothing.
const NOT_FOR_CLIENTS: [HeaderName; 2] = [
    HeaderName::from_static("cf-priority"),
    HeaderName::from_static("cf-priority-change"),
];

/// The module.
pub struct SiteModule {
    name: Arc<str>,
}

impl SiteModule {
    /// The site of this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.into() }
    }

    fn check(&self, exchange: &Exchange) -> Result<(), SiteError> {
        let authority = exchange.uri.authority().ok_or(SiteError::NoHost)?;
        if !is_host(authority) {
            return Err(SiteError::BadHost);
        }
        if !exchange.uri.path().starts_with('/') && exchange.uri.path() != "*" {
            return Err(SiteError::BadTarget);
        }
        Ok(())
    }
}

impl Module for SiteModule {
    fn id(&self) -> &'static str {
        "site"
    }

    fn phase(&self) -> Phase {
        Phase::Identify
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Facts::of(exchange).site = self.name.clone();
        if let Err(error) = self.check(exchange) {
            return Step::respond(failure::respond(exchange, &error));
        }
        exchange.trace.explain(|| format!("site {}", self.name));
        for name in &NOT_FOR_CLIENTS {
            exchange.headers.remove(name);
        }
        Step::next()
    }
}

/// Whether an authority is a host with perhaps a port: no user, no odd characters, since it becomes
/// part of keys and of what origins are told.
fn is_host(authority: &Authority) -> bool {
    let text = authority.as_str();
    let host = authority.host();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let address = |inner: &str| inner.parse::<std::net::Ipv6Addr>().is_ok();
    let is_host = match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => address(inner),
        None => !host.is_empty() && host.len() <= 253 && host.bytes().all(plain),
    };
    let port = text.get(host.len()..).unwrap_or_default();
    let is_port = port.is_empty() || port.len() > 1 && authority.port_u16().is_some();
    is_host && is_port && text.starts_with(host)
}
