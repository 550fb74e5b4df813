//! Purges asked for by HTTP, as other caches take them: `PURGE` on an address, or an order in JSON.
//! Whoever asks needs a token; without one in the configuration nothing of this is there.

mod config;
mod error;
mod order;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::origin::Network;
use base::Body;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use pipeline::{Exchange, Module, Phase, Response, Step};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use config::{PurgeSettings, is_token};
pub use error::PurgeError;
pub use order::{Many, Order};

use crate::behind::Telling;
use crate::failure;
use crate::list::Services;

/// Where orders go.
pub const PATH: &str = "/cdn-cgi/purge";
/// The largest order, in bytes.
const LARGEST: u64 = 1 << 20;
/// Asks that `PURGE` only makes things stale; ours, and the name that Fastly has for it.
const SOFT: [(&str, &[u8]); 2] = [("firstlight-purge", b"soft"), ("fastly-soft-purge", b"1")];

/// The module.
pub struct PurgeModule {
    /// The digest of the token, so that what is compared is of one length; `None`: off.
    token: Option<[u8; 32]>,
    from: Vec<Network>,
    services: Services,
}

impl PurgeModule {
    /// A module that purges what these services keep.
    pub fn new(settings: &PurgeSettings, services: &Services) -> Self {
        let token = &settings.token.0;
        Self {
            token: is_token(token).then(|| digest(token.as_bytes())),
            from: settings.from.clone(),
            services: services.clone(),
        }
    }

    /// Whether whoever asks may.
    fn admit(&self, exchange: &Exchange) -> Result<(), PurgeError> {
        let remote = exchange.connection.remote.ip().to_canonical();
        if !self.from.is_empty() && !self.from.iter().any(|from| from.0.contains(&remote)) {
            return Err(PurgeError::Forbidden);
        }
        let mut given = exchange.headers.get_all(AUTHORIZATION).iter();
        let (Some(first), None) = (given.next(), given.next()) else {
            return Err(PurgeError::Unauthorized);
        };
        let given = bearer(first.as_bytes()).map(digest).unwrap_or_default();
        // How long it takes says nothing of how much was right.
        let same = self.token.is_some_and(|token| token.ct_eq(&given).into());
        match same {
            true => Ok(()),
            false => Err(PurgeError::Unauthorized),
        }
    }

    async fn answer(&self, exchange: &mut Exchange) -> Response {
        match self.purge(exchange).await {
            Ok(response) => response,
            Err(error) => {
                exchange.trace.explain(|| error.to_string());
                let mut response = failure::respond(exchange, &error);
                let says = match error {
                    PurgeError::Unauthorized => Some((WWW_AUTHENTICATE, "Bearer")),
                    PurgeError::Method => Some((ALLOW, "POST")),
                    _ => None,
                };
                if let Some((name, value)) = says {
                    let value = HeaderValue::from_static(value);
                    response.headers.insert(name, value);
                }
                response
            }
        }
    }

    async fn purge(&self, exchange: &mut Exchange) -> Result<Response, PurgeError> {
        self.admit(exchange)?;
        let order = match is_purge(&exchange.method) {
            true => Order::of_url(&exchange.uri, asks_softly(exchange)),
            false if exchange.method != Method::POST => return Err(PurgeError::Method),
            false => {
                let body = std::mem::take(&mut exchange.body);
                let text = body.collect(LARGEST).await;
                Order::parse(&text.map_err(|_| PurgeError::Size)?)?
            }
        };
        let order = Arc::new(order);
        let (services, given) = (self.services.clone(), order.clone());
        // It looks at everything, and waits for the disk.
        let purging = tokio::task::spawn_blocking(move || services.carry_out(&given));
        let purged = purging.await.map_err(|_| PurgeError::Unfinished)?;
        let told = self.services.shared.telling().await;
        tracing::info!(
            from = %exchange.connection.remote.ip(),
            urls = order.urls.len(),
            many = order.many.len(),
            soft = order.soft,
            purged,
            fleet = told.word(),
            "purged"
        );
        exchange.trace.explain(|| format!("purged {purged} things"));
        Ok(answer(purged, order.soft, told))
    }
}

impl Module for PurgeModule {
    fn id(&self) -> &'static str {
        "purge"
    }

    fn phase(&self) -> Phase {
        Phase::Protect
    }

    fn concerns(&self, exchange: &Exchange) -> bool {
        self.token.is_some() && (is_purge(&exchange.method) || exchange.uri.path() == PATH)
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Step::later(async move {
            let response = self.answer(exchange).await;
            pipeline::Verdict::respond(response)
        })
    }
}

fn is_purge(method: &Method) -> bool {
    method.as_str() == "PURGE"
}

fn asks_softly(exchange: &Exchange) -> bool {
    SOFT.into_iter().any(|(name, value)| {
        let given = exchange.headers.get(name).map(HeaderValue::as_bytes);
        given.is_some_and(|given| given.eq_ignore_ascii_case(value))
    })
}

/// The token of `Bearer …`, the scheme in any case (RFC 9110 §11.1).
fn bearer(given: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = given.split_at_checked(b"bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// `success` is Cloudflare's word, for those who look for it.
fn answer(purged: usize, soft: bool, told: Telling) -> Response {
    let fleet = told.word();
    let text =
        format!("{{\"success\":true,\"purged\":{purged},\"soft\":{soft},\"fleet\":\"{fleet}\"}}\n");
    let mut response = Response::new(StatusCode::OK, Body::from(text));
    for (name, value) in [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response
            .headers
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
