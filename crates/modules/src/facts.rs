//! What modules tell one another and the log about a request: one slot, made once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::cache::policy::CacheStatus;
use http::{HeaderValue, Uri};
use pipeline::Exchange;

use crate::compression::{Accepted, Digest};
use crate::kept::Entry;

/// What is known of a request beside the request itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Which site.
    pub site: Arc<str>,
    /// What the cache did.
    pub cache: CacheStatus,
    /// What was done to the picture, as the `Firstlight-Image` header says it; `None` where there is
    /// none.
    pub image: Option<HeaderValue>,
    /// How long the making of the picture took.
    pub image_time: Option<Duration>,
    /// What codings the visitor takes.
    pub accepted: Accepted,
    /// The dictionary the visitor has.
    pub dictionary: Option<Digest>,
    /// The visitor's `If-None-Match` where it has weak tags.
    pub asked_weakly: Option<HeaderValue>,
    /// What is kept and was the answer when it left the cache.
    pub kept: Option<Arc<Entry>>,
    /// How long the origin took to the head of its response.
    pub origin_time: Option<Duration>,
}

impl Facts {
    /// The facts of a request.
    pub fn of(exchange: &mut Exchange) -> &mut Self {
        exchange.slots.get_or_insert_default::<Self>()
    }
}

/// Where the response is fetched from, where that is not the request's own target. A module of
/// [`Phase::Select`](pipeline::Phase::Select) leaves it for the cache and the origin.
#[derive(Clone, Debug)]
pub struct Source {
    /// The absolute address.
    pub uri: Uri,
    /// Whether the visitor named another site, whose address must be allowed and public.
    pub foreign: bool,
    /// Whether the body is wanted whole and soon by whoever asked, so that equal requests may wait
    /// for one.
    pub collapse: bool,
}

impl Source {
    /// The address to fetch.
    pub fn uri(exchange: &Exchange) -> &Uri {
        exchange
            .slots
            .get::<Self>()
            .map_or(&exchange.uri, |source| &source.uri)
    }

    /// What the response at this address is kept under: scheme, host, path and query. What
    /// visitors brought in from other sites does not mix with what the site itself answers for.
    pub fn primary(uri: &Uri, foreign: bool) -> String {
        let scheme = uri.scheme_str().unwrap_or("http");
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let path = uri.path_and_query().map_or("/", |whole| whole.as_str());
        let mut key = String::with_capacity(10 + scheme.len() + host.len() + path.len());
        for part in [
            if foreign { "foreign " } else { "" },
            scheme,
            "://",
            host,
            path,
        ] {
            key.push_str(part);
        }
        key
    }
}

/// The time of day, once for each step that needs it.
pub fn now() -> SystemTime {
    SystemTime::now()
}
