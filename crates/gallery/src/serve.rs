//! An HTTP/1.1 origin for the sample site.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::site::{Resource, Site};

/// When the site was last changed: 1 January 2026. Its bytes depend on the program alone.
const CHANGED: Duration = Duration::from_secs(1_767_225_600);
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves the site on a bound listener: GET and HEAD, conditional requests, 404 and 405.
///
/// # Errors
/// The listener's, when it stops accepting for good. Broken connections end alone.
///
/// # Cancel safety
/// Dropping the future closes the listener; connections that are open are finished by tasks of
/// their own.
pub async fn serve(listener: TcpListener, site: Arc<Site>) -> io::Result<()> {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => return Err(error),
        };
        tokio::spawn(connection(stream, Arc::clone(&site)));
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn connection(stream: TcpStream, site: Arc<Site>) {
    // Answers are whole; waiting to fill a segment only delays them. It may fail on a socket
    // already closed, which the next read tells.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(answer(request, site).await) }
    });
    // A client that goes away ends its own connection and concerns nobody else.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, site: Arc<Site>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this site is for reading\n");
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let path = request.uri().path().to_owned();
    let found = if site.is_ready(&path) {
        site.get(&path)
    } else {
        // Taking a photograph is work for a thread that may block.
        let taken = tokio::task::spawn_blocking(move || site.get(&path)).await;
        match taken {
            Ok(found) => found,
            Err(_) => return plain(StatusCode::INTERNAL_SERVER_ERROR, "no picture\n"),
        }
    };
    match found {
        Some(resource) => resource_response(&resource, request.headers()),
        None => plain(StatusCode::NOT_FOUND, "nothing here\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn resource_response(resource: &Resource, asked: &HeaderMap) -> Response<Full<Bytes>> {
    let fresh = is_unchanged(resource, asked);
    let mut response = Response::new(Full::new(if fresh {
        Bytes::new()
    } else {
        resource.body.clone()
    }));
    let changed = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + CHANGED);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::ETAG, &resource.etag);
    set(header::LAST_MODIFIED, &changed);
    set(header::CACHE_CONTROL, resource.cache_control);
    if !fresh {
        set(header::CONTENT_TYPE, resource.content_type);
        return response;
    }
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// Whether the client has these bytes (RFC 9110 §13.2.2): tags decide, dates only without tags.
fn is_unchanged(resource: &Resource, asked: &HeaderMap) -> bool {
    if let Some(tags) = asked.get(header::IF_NONE_MATCH) {
        return tags.to_str().is_ok_and(|tags| {
            tags.split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.trim_start_matches("W/") == resource.etag)
        });
    }
    asked
        .get(header::IF_MODIFIED_SINCE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .is_some_and(|since| since >= SystemTime::UNIX_EPOCH + CHANGED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Sends one request and returns head and body of the answer.
    async fn ask(request: &str) -> (String, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Arc::new(Site::new(48, 32, 1))));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request}Host: site\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        server.abort();
        let end = answer
            .windows(4)
            .position(|part| part == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head, answer[end + 4..].to_vec())
    }

    #[tokio::test]
    async fn a_photograph_is_served_with_validators() {
        let (head, body) = ask("GET /photographs/lake.jpg?size=1 HTTP/1.1\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("content-type: image/jpeg"), "{head}");
        assert!(
            head.contains("cache-control: public, max-age=86400"),
            "{head}"
        );
        assert!(
            head.contains("last-modified: Thu, 01 Jan 2026 00:00:00 GMT"),
            "{head}"
        );
        assert!(body.starts_with(&[0xff, 0xd8]) && body.ends_with(&[0xff, 0xd9]));
    }

    #[tokio::test]
    async fn head_has_the_length_and_no_body() {
        let (head, body) = ask("HEAD /style.css HTTP/1.1\r\n").await;
        let length = include_str!("../assets/style.css").len();
        assert!(
            head.contains(&format!("content-length: {length}")),
            "{head}"
        );
        assert!(body.is_empty());
    }

    #[tokio::test]
    async fn what_the_client_has_is_not_sent_again() {
        let etag = Site::new(48, 32, 1).get("/style.css").unwrap().etag;
        for condition in [
            format!("If-None-Match: \"other\", W/{etag}"),
            "If-None-Match: *".to_owned(),
            "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT".to_owned(),
        ] {
            let (head, body) = ask(&format!("GET /style.css HTTP/1.1\r\n{condition}\r\n")).await;
            assert!(head.starts_with("HTTP/1.1 304"), "{condition}: {head}");
            assert!(
                head.contains(&etag) && body.is_empty(),
                "{condition}: {head}"
            );
        }
        for condition in [
            "If-None-Match: \"other\"",
            "If-Modified-Since: Wed, 31 Dec 2025 23:59:59 GMT",
            "If-None-Match: \"other\"\r\nIf-Modified-Since: Fri, 02 Jan 2026 00:00:00 GMT",
        ] {
            let (head, _) = ask(&format!("GET /style.css HTTP/1.1\r\n{condition}\r\n")).await;
            assert!(head.starts_with("HTTP/1.1 200"), "{condition}: {head}");
        }
    }

    #[tokio::test]
    async fn other_paths_and_methods_are_refused() {
        assert!(
            ask("GET /nothing HTTP/1.1\r\n")
                .await
                .0
                .starts_with("HTTP/1.1 404")
        );
        let (head, _) = ask("POST / HTTP/1.1\r\nContent-Length: 0\r\n").await;
        assert!(
            head.starts_with("HTTP/1.1 405") && head.contains("allow: GET, HEAD"),
            "{head}"
        );
    }
}
