//! The one place that turns an error into an answer.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use base::{Failure, RequestId};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use pipeline::{Exchange, Response};

use crate::facts::Facts;

/// Answers with an error: its status and public message, and the request's id. As a page where the
/// client prefers one, else as text. The log gets the whole chain of causes, once a second for each
/// site and kind of error: an origin that is down would fill it otherwise.
pub fn respond(exchange: &Exchange, error: &dyn Failure) -> Response {
    let site = exchange.slots.get::<Facts>().map(|facts| &facts.site);
    let site = site.cloned().unwrap_or_default();
    let unsaid = LOGGED.lock().admit((site, error.code()), Instant::now());
    if let Some(unsaid) = unsaid {
        tracing::warn!(
            id = %exchange.id,
            code = error.code(),
            fault = ?error.fault(),
            method = %exchange.method,
            uri = %exchange.uri,
            unsaid,
            "{}",
            cause(error)
        );
    }
    let mut response = page(
        error.status(),
        &error.public_message(),
        exchange.id,
        &exchange.headers,
    );
    if error.retryable() {
        response
            .headers
            .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// What was logged when.
static LOGGED: LazyLock<Mutex<Logged>> = LazyLock::new(Mutex::default);

/// Holds the lines about one kind of error at one site to one in a while.
#[derive(Default)]
struct Logged(HashMap<(Arc<str>, &'static str), Said>);

struct Said {
    since: Instant,
    unsaid: u64,
}

/// The while.
const WHILE: Duration = Duration::from_secs(1);
/// Kinds and sites that are remembered at once.
const MOST_KINDS: usize = 4096;

impl Logged {
    /// Whether an error is logged now, and how many were not since the last one that was.
    fn admit(&mut self, kind: (Arc<str>, &'static str), now: Instant) -> Option<u64> {
        if self.0.len() >= MOST_KINDS && !self.0.contains_key(&kind) {
            self.0
                .retain(|_, said| now.duration_since(said.since) < WHILE);
        }
        let room = self.0.len() < MOST_KINDS;
        match self.0.get_mut(&kind) {
            Some(said) if now.duration_since(said.since) < WHILE => {
                said.unsaid += 1;
                None
            }
            Some(said) => {
                said.since = now;
                Some(std::mem::take(&mut said.unsaid))
            }
            None if room => {
                let said = Said {
                    since: now,
                    unsaid: 0,
                };
                self.0.insert(kind, said);
                Some(0)
            }
            None => None,
        }
    }
}

/// A short answer of our own, never kept.
pub fn page(status: StatusCode, message: &str, id: RequestId, asked: &HeaderMap) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    let mut response = if wants_html(asked) {
        let mut response = Response::new(
            status,
            format!(
                "<!doctype html>\n<html lang=\"en\">\n<title>{code} {reason}</title>\n\
                 <h1>{code} {reason}</h1>\n<p>{message}</p>\n<p><small>request {id}</small></p>\n",
                code = status.as_u16(),
                message = escape(message),
            ),
        );
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers.insert(CONTENT_TYPE, html);
        response
    } else {
        let code = status.as_u16();
        Response::text(
            status,
            format!("{code} {reason}: {message} (request {id})\n"),
        )
    };
    let headers = &mut response.headers;
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn wants_html(asked: &HeaderMap) -> bool {
    asked
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The chain of causes on one line.
fn cause(error: &dyn Failure) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_a_line_a_second_with_a_count() {
        let (mut logged, start) = (Logged::default(), Instant::now());
        let mut admit = |site: &str, code, milliseconds| {
            let now = start + Duration::from_millis(milliseconds);
            logged.admit((site.into(), code), now)
        };
        assert_eq!(admit("a", "origin.refused", 0), Some(0));
        for _ in 0..9 {
            assert_eq!(admit("a", "origin.refused", 999), None);
        }
        assert_eq!(admit("a", "origin.timeout", 999), Some(0));
        assert_eq!(admit("b", "origin.refused", 999), Some(0));
        assert_eq!(admit("a", "origin.refused", 1000), Some(9));
        assert_eq!(admit("a", "origin.refused", 1001), None);
        assert_eq!(admit("a", "origin.refused", 2000), Some(1));
    }

    #[tokio::test]
    async fn a_page_is_html_only_for_those_who_read_it() {
        let id = RequestId::next();
        let mut asked = HeaderMap::new();
        let text = page(StatusCode::BAD_GATEWAY, "a < b", id, &asked);
        let body = text.body.collect(1000).await.unwrap();
        assert_eq!(body, format!("502 Bad Gateway: a < b (request {id})\n"));
        asked.insert(ACCEPT, HeaderValue::from_static("text/html,*/*"));
        let html = page(StatusCode::BAD_GATEWAY, "a < b", id, &asked);
        assert_eq!(html.headers[CACHE_CONTROL], "no-store");
        let body = html.body.collect(1000).await.unwrap();
        assert!(body.starts_with(b"<!doctype html>"));
        assert!(String::from_utf8_lossy(&body).contains("a &lt; b"));
    }
}
