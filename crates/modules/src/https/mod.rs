//! From HTTP to HTTPS: visitors who come the plain way are sent the other one, and those who come
//! by HTTPS are told to keep to it.

mod config;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use ::origin::Network;
use base::settings::{Report, join};
use http::header::{LOCATION, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, Method, StatusCode};
use pipeline::{Exchange, Module, Phase, Reply, Response, Step};

pub use config::HttpsSettings;

/// Where certificate authorities look for a proof by plain HTTP (RFC 8555 §8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The module.
pub struct HttpsModule {
    redirect: bool,
    port: u16,
    hsts: Option<HeaderValue>,
    /// Proxies that say how a visitor came to them.
    proxies: Vec<Network>,
}

impl HttpsModule {
    /// A module with these settings; a value of `hsts` that is no header is reported.
    pub fn new(
        settings: &HttpsSettings,
        proxies: &[Network],
        place: &str,
        report: &mut Report,
    ) -> Self {
        let hsts = settings.hsts.as_deref().and_then(|text| {
            let value = text.parse().ok().filter(|_| text.contains("max-age="));
            if value.is_none() {
                let form = "directives such as `\"max-age=31536000\"`";
                report.reject(&join(place, "hsts"), text, form);
            }
            value
        });
        if settings.port == 0 {
            report.reject(&join(place, "port"), "0", "a port from 1 to 65535");
        }
        Self {
            redirect: settings.redirect,
            port: settings.port,
            hsts,
            proxies: proxies.to_vec(),
        }
    }

    /// The same address under `https:`; `None` if there is none.
    fn secure_address(&self, exchange: &Exchange) -> Option<HeaderValue> {
        let target = exchange.uri.path_and_query()?;
        let mut address = format!("https://{}", exchange.host());
        if self.port != 443 {
            // Writing to a string cannot fail.
            let _ = write!(address, ":{}", self.port);
        }
        address.push_str(target.as_str());
        address.parse().ok()
    }
}

/// Whether the visitor's own connection is encrypted, as far as we or a trusted proxy can see.
pub fn is_secure(exchange: &Exchange, proxies: &[Network]) -> bool {
    let remote = exchange.connection.remote.ip().to_canonical();
    let by_proxy = proxies.iter().any(|network| network.0.contains(&remote));
    let told = exchange.header(FORWARDED_PROTO).filter(|_| by_proxy);
    told.map_or(exchange.connection.tls, |scheme| {
        scheme.eq_ignore_ascii_case("https")
    })
}

impl Module for HttpsModule {
    fn id(&self) -> &'static str {
        "https"
    }

    fn phase(&self) -> Phase {
        Phase::Route
    }

    fn concerns(&self, _exchange: &Exchange) -> bool {
        self.redirect || self.hsts.is_some()
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        if !self.redirect || is_secure(exchange, &self.proxies) {
            return Step::next();
        }
        if exchange.uri.path().starts_with(CHALLENGES) {
            exchange.trace.note("plain HTTP: a certificate's proof");
            return Step::next();
        }
        let Some(address) = self.secure_address(exchange) else {
            return Step::next();
        };
        exchange.trace.note("plain HTTP: sent to HTTPS");
        // 308 keeps the method; what only reads is understood by the oldest of clients with 301.
        let status = match exchange.method {
            Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
            _ => StatusCode::PERMANENT_REDIRECT,
        };
        let mut response = Response::text(status, "this site is reached by HTTPS\n");
        response.headers.insert(LOCATION, address);
        Step::respond(response)
    }

    fn response<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        mut response: Box<Response>,
    ) -> Reply<'a> {
        // RFC 6797 §7.2: never by plain HTTP, where anyone could have written it.
        let secure = is_secure(exchange, &self.proxies);
        if let Some(hsts) = self.hsts.as_ref().filter(|_| secure) {
            response
                .headers
                .insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        Reply::pass(response)
    }
}
