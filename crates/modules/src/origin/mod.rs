//! Asks the origin. Whatever goes wrong there becomes an answer here.

mod deltas;
#[cfg(test)]
mod deltas_tests;
mod forwarding;
pub mod matching;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use ::cache::{Key, Store};
use ::origin::{AllowList, Client, Fetched, Network, OriginError, Upstream};
use base::Body;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use pipeline::{Exchange, Module, Phase, Response, Step, Verdict};

use crate::facts::{Facts, Source};
use crate::failure;
use crate::kept::Entry;
use deltas::Hop;

/// Sends requests to a site's origin, and to the sources that its visitors may name.
pub struct Fetcher {
    client: Arc<Client>,
    upstream: Upstream,
    allowed: AllowList,
    trusted: Vec<Network>,
    /// Dictionaries that the origin is told of, where it may be.
    hop: Option<Hop>,
}

/// A request as it leaves.
pub struct Outward {
    /// The head; its target is the source's.
    pub head: Parts,
    /// Whether the target is another site's.
    pub foreign: bool,
}

impl Fetcher {
    /// A fetcher for one site.
    pub fn new(
        client: Arc<Client>,
        upstream: Upstream,
        allowed: AllowList,
        trusted: Vec<Network>,
    ) -> Self {
        Self {
            client,
            upstream,
            allowed,
            trusted,
            hop: None,
        }
    }

    /// The same, which asks the origin for deltas to what this store keeps, if the origin offers
    /// that as dictionaries.
    #[must_use]
    pub fn with_dictionaries(mut self, store: Arc<Store<Entry>>) -> Self {
        self.hop = Some(Hop::new(store));
        self
    }

    /// Learns that a response of the origin with these headers is kept under `key`: it may be a
    /// dictionary.
    pub fn learn(&self, key: impl FnOnce() -> Key, headers: &HeaderMap) {
        if let Some(hop) = &self.hop {
            hop.learn(key, headers);
        }
    }

    /// The origin.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The other sites that may be asked.
    pub fn allowed(&self) -> &AllowList {
        &self.allowed
    }

    /// The request as it leaves. The exchange keeps its headers for those who still read them.
    pub fn outward(&self, exchange: &Exchange) -> Outward {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = exchange.method.clone();
        head.uri = Source::uri(exchange).clone();
        head.version = exchange.version;
        head.headers = exchange.headers.clone();
        let foreign = exchange
            .slots
            .get::<Source>()
            .is_some_and(|source| source.foreign);
        if !foreign {
            let connection = &exchange.connection;
            forwarding::hold_to_method(&mut head.headers, &head.method);
            forwarding::tell(&mut head.headers, &exchange.uri, connection, &self.trusted);
        }
        Outward { head, foreign }
    }

    /// Sends it.
    ///
    /// # Errors
    /// What [`Client::fetch`] and [`Client::fetch_source`] say.
    pub async fn send(&self, outward: Outward, body: Body) -> Result<Sent, OriginError> {
        let Outward { mut head, foreign } = outward;
        let client = &self.client;
        if foreign {
            let fetched = client.fetch_source(&head.uri, &self.allowed, &head.headers);
            return fetched.await.map(without_foreign_words).map(Sent::from);
        }
        let hop = self.hop.as_ref().filter(|_| matches!(body, Body::Empty));
        let Some(hop) = hop.filter(|hop| hop.may_tell(&head)) else {
            let fetched = client.fetch(&self.upstream, head, body).await;
            return fetched.map(Sent::from);
        };
        let without = head.clone();
        let Some(told) = hop.tell(&mut head).await else {
            let fetched = client.fetch(&self.upstream, head, body).await;
            return fetched.map(Sent::from);
        };
        let fetched = client.fetch(&self.upstream, head, body).await?;
        match hop.decode(told, fetched).await {
            Ok((fetched, how)) => Ok(Sent { fetched, how }),
            Err(useless) => {
                let why = base::failure::chain(&useless);
                tracing::warn!(uri = %without.uri, "{why}; asking again without a dictionary");
                let fetched = client.fetch(&self.upstream, without, Body::Empty).await?;
                let how = Some(format!("{why}; asked again"));
                Ok(Sent { fetched, how })
            }
        }
    }
}

/// What came, and how, where there is something to say of that.
pub struct Sent {
    /// What came.
    pub fetched: Fetched,
    /// That it was a delta, or was none.
    pub how: Option<String>,
}

impl From<Fetched> for Sent {
    fn from(fetched: Fetched) -> Self {
        Self { fetched, how: None }
    }
}

/// What another site may say of its file; its cookies and policies are not this site's.
const FOREIGN: [HeaderName; 10] = [
    header::AGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::VARY,
];

fn without_foreign_words(mut fetched: Fetched) -> Fetched {
    let mut headers = HeaderMap::new();
    for name in FOREIGN {
        for value in fetched.headers.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    fetched.headers = headers;
    fetched
}

/// The module.
pub struct OriginModule {
    fetcher: Arc<Fetcher>,
}

impl OriginModule {
    /// Asks through this fetcher.
    pub fn new(fetcher: Arc<Fetcher>) -> Self {
        Self { fetcher }
    }

    async fn ask(&self, exchange: &mut Exchange) -> Verdict {
        let outward = self.fetcher.outward(exchange);
        exchange.trace.explain(|| {
            if outward.foreign {
                format!("asks {}", outward.head.uri)
            } else {
                format!("asks {}", self.fetcher.upstream)
            }
        });
        let body = std::mem::take(&mut exchange.body);
        let since = Instant::now();
        let fetched = self.fetcher.send(outward, body).await;
        Facts::of(exchange).origin_time = Some(since.elapsed());
        Verdict::respond(match fetched {
            Ok(Sent { fetched, how }) => {
                if let Some(how) = how {
                    exchange.trace.explain(|| how);
                }
                exchange.trace.explain(|| {
                    let way = if fetched.reused { "kept" } else { "new" };
                    format!(
                        "{} by {:?} over a {way} connection",
                        fetched.status, fetched.version
                    )
                });
                Response {
                    status: fetched.status,
                    headers: fetched.headers,
                    body: fetched.body,
                    outline: None,
                    upgrade: fetched.upgrade,
                }
            }
            Err(error) => {
                exchange.trace.explain(|| base::failure::chain(&error));
                failure::respond(exchange, &error)
            }
        })
    }
}

impl Module for OriginModule {
    fn id(&self) -> &'static str {
        "origin"
    }

    fn phase(&self) -> Phase {
        Phase::Fetch
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Step::later(self.ask(exchange))
    }
}
