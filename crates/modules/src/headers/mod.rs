//! The headers of the finished response: the request's id, what the cache did, what took how long,
//! and what the site wants there.

mod config;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ::image::Tier;
use base::digits::push_millis;
use base::settings::Report;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use pipeline::{Exchange, Module, Phase, Reply, Response};

pub use config::HeadersSettings;

use crate::facts::Facts;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The module.
pub struct HeadersModule {
    settings: HeadersSettings,
    add: Vec<(HeaderName, HeaderValue)>,
    set: Vec<(HeaderName, HeaderValue)>,
}

impl HeadersModule {
    /// A module with these settings; lines that are no headers are reported.
    pub fn new(settings: &HeadersSettings, place: &str, report: &mut Report) -> Self {
        Self {
            add: read(&settings.add, &format!("{place}.add"), report),
            set: read(&settings.set, &format!("{place}.set"), report),
            settings: settings.clone(),
        }
    }

    fn finish(&self, exchange: &mut Exchange, response: &mut Response) {
        let headers = &mut response.headers;
        for name in &self.settings.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name.clone(), value.clone());
        }
        if self.settings.request_id {
            let mut digits = [0; 16];
            let id = HeaderValue::from_str(exchange.id.encode(&mut digits));
            headers.extend(id.map(|id| (REQUEST_ID, once(id))));
        }
        let took = exchange.started.elapsed();
        let tier = crate::network::tier(exchange);
        let facts = Facts::of(exchange);
        if self.settings.cache_status && facts.cache != Default::default() {
            headers.append(CACHE_STATUS, facts.cache.to_header());
        }
        if self.settings.server_timing {
            headers.extend(timing(facts, tier, took).map(|value| (SERVER_TIMING, once(value))));
        }
    }
}

impl Module for HeadersModule {
    fn id(&self) -> &'static str {
        "headers"
    }

    fn phase(&self) -> Phase {
        Phase::Finish
    }

    fn response<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        mut response: Box<Response>,
    ) -> Reply<'a> {
        self.finish(exchange, &mut response);
        Reply::pass(response)
    }
}

/// Keeps a value that never comes again out of the compression table of the connection
/// (RFC 7541 §6.2.3), where it would take the place of values that do.
fn once(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// `Server-Timing`: `cache;desc=hit, edge;dur=0.1, origin;dur=25.4, image;dur=41.0`, milliseconds.
/// `edge` is everything up to here. For a picture, `network;desc=slow` says for what connection it
/// was made.
fn timing(facts: &Facts, tier: Option<Tier>, took: Duration) -> Option<HeaderValue> {
    let mut text = Vec::with_capacity(96);
    let word = facts.cache.word();
    if word != "-" {
        text.extend_from_slice(b"cache;desc=");
        text.extend_from_slice(word.as_bytes());
        text.extend_from_slice(b", ");
    }
    push(&mut text, "edge", took);
    for (name, time) in [("origin", facts.origin_time), ("image", facts.image_time)] {
        if let Some(time) = time {
            text.extend_from_slice(b", ");
            push(&mut text, name, time);
        }
    }
    if let Some(tier) = tier {
        text.extend_from_slice(b", network;desc=");
        text.extend_from_slice(tier.word().as_bytes());
    }
    HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
}

fn push(text: &mut Vec<u8>, name: &str, time: Duration) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b";dur=");
    push_millis(text, time);
}

fn read(lines: &[String], place: &str, report: &mut Report) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
        });
        match parsed {
            Some(header) => headers.push(header),
            None => report.reject(
                &format!("{place}[{number}]"),
                line,
                "a header such as `\"Name: value\"`",
            ),
        }
    }
    headers
}
