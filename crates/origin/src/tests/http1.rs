use base::{Body, BodyError};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::support::*;
use crate::{Client, HostHeader, OriginSettings, Upstream};

/// What the origin saw, as text.
async fn describe(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut lines = vec![format!("{} {}", head.method, head.uri)];
    lines.extend(
        head.headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())),
    );
    let body = body.collect().await.unwrap().to_bytes();
    lines.push(String::from_utf8(body.to_vec()).unwrap());
    Response::new(lines.join("\n").into())
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|other| other == line)
}

/// A body fed by hand.
fn fed() -> (mpsc::UnboundedSender<Result<Frame<Bytes>, BodyError>>, Body) {
    let (feed, mut frames) = mpsc::unbounded_channel();
    let frames = stream::poll_fn(move |context| frames.poll_recv(context));
    (feed, Body::stream(StreamBody::new(frames)))
}

fn data(text: &'static str) -> Result<Frame<Bytes>, BodyError> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

async fn next(body: &mut Body) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn the_head_is_rewritten_for_the_origin() {
    let origin = Origin::http1(describe).await;
    let upstream = Upstream::parse(&format!("http://{}/base", origin.address)).unwrap();
    let asked = head(
        Request::get("https://www.example.com/a?b=c")
            .header("host", "www.example.com")
            .header("connection", "keep-alive, x-hop")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=1")
            .header("te", "trailers")
            .header("expect", "100-continue")
            .header("cookie", "a=b"),
    );
    let seen = client()
        .fetch(&upstream, asked, Body::Empty)
        .await
        .unwrap()
        .text()
        .await;
    assert!(has_line(&seen, "GET /base/a?b=c"), "{seen}");
    assert!(
        has_line(&seen, &format!("host: {}", origin.address)),
        "{seen}"
    );
    assert!(
        has_line(&seen, "cookie: a=b") && !seen.to_ascii_lowercase().contains("\r\nvia:"),
        "{seen}"
    );
    assert!(seen.contains("cdn-loop: firstlight;id="), "{seen}");
    for gone in [
        "connection",
        "x-hop",
        "keep-alive",
        "te",
        "expect",
        "content-length",
    ] {
        assert!(!seen.contains(&format!("\n{gone}:")), "{gone} in {seen}");
    }
}

#[tokio::test]
async fn the_origin_sees_the_clients_host_if_it_is_set_so() {
    let origin = Origin::http1(describe).await;
    let upstream = origin.upstream().with_host_header(HostHeader::Client);
    let asked = head(Request::get("https://www.example.com/").header("host", "www.example.com"));
    let seen = client()
        .fetch(&upstream, asked, Body::Empty)
        .await
        .unwrap()
        .text()
        .await;
    assert!(has_line(&seen, "host: www.example.com"), "{seen}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let origin = Origin::http1(describe).await;
    let client = client();
    for round in 0..5 {
        let fetched = client
            .fetch(&origin.upstream(), get("/"), Body::Empty)
            .await
            .unwrap();
        assert_eq!(
            (fetched.reused, fetched.version),
            (round > 0, Version::HTTP_11)
        );
        fetched.text().await;
        // The connection is free as soon as its own task has noticed the end of the body.
        while client.pool.kept() == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_connection_is_not_kept_beyond_its_time() {
    let (closed, mut closings) = mpsc::unbounded_channel();
    let origin = Origin::raw(move |mut stream, _| {
        let closed = closed.clone();
        async move {
            while !read_head(&mut stream).await.is_empty() {
                stream
                    .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                    .await
                    .unwrap();
            }
            closed.send(()).unwrap();
        }
    })
    .await;
    let settings = OriginSettings {
        pool_timeout: SHORT,
        ..settings()
    };
    let client = Client::new(&settings).unwrap();
    client
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    closings.recv().await.unwrap();
    assert_eq!(client.pool.kept(), 0);
}

#[tokio::test]
async fn no_more_connections_are_kept_than_allowed() {
    let origin = Origin::http1(describe).await;
    let settings = OriginSettings {
        max_idle: 0,
        ..settings()
    };
    let client = Client::new(&settings).unwrap();
    for _ in 0..2 {
        let fetched = client
            .fetch(&origin.upstream(), get("/"), Body::Empty)
            .await
            .unwrap();
        assert!(!fetched.reused);
        fetched.text().await;
    }
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn a_response_that_is_dropped_unread_costs_its_connection() {
    let (closed, mut closings) = mpsc::unbounded_channel();
    let origin = Origin::raw(move |mut stream, _| {
        let closed = closed.clone();
        async move {
            read_head(&mut stream).await;
            let start = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst";
            stream.write_all(start).await.unwrap();
            assert!(read_head(&mut stream).await.is_empty());
            closed.send(()).unwrap();
        }
    })
    .await;
    let client = client();
    let fetched = client
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    drop(fetched);
    closings.recv().await.unwrap();
    assert_eq!(client.pool.kept(), 0);
}

/// Answers the first request on the first connection, and swallows the next; other connections
/// answer everything.
async fn forgetful() -> Origin {
    Origin::raw(|mut stream, number| async move {
        loop {
            if read_head(&mut stream).await.is_empty() {
                return;
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
                .unwrap();
            if number == 0 {
                read_head(&mut stream).await;
                return;
            }
        }
    })
    .await
}

async fn warm(client: &Client, origin: &Origin) {
    let fetched = client
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    assert_eq!(fetched.text().await, "ok");
    while client.pool.kept() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stale_connection_costs_a_repeatable_request_nothing() {
    let (origin, client) = (forgetful().await, client());
    warm(&client, &origin).await;
    let fetched = client
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    assert!(!fetched.reused);
    assert_eq!(fetched.text().await, "ok");
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn a_request_that_changes_something_is_not_sent_twice() {
    let (origin, client) = (forgetful().await, client());
    warm(&client, &origin).await;
    let post = head(Request::post("/"));
    let result = client.fetch(&origin.upstream(), post, "pay".into()).await;
    assert_eq!(code(result), "origin.closed");
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_response_passes_while_it_is_sent() {
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = std::sync::Arc::new(parking_lot::Mutex::new(Some(wait)));
    let origin = Origin::raw(move |mut stream, _| {
        let wait = wait.lock().take().unwrap();
        async move {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
                .await
                .unwrap();
            wait.await.unwrap();
            stream.write_all(b"last").await.unwrap();
        }
    })
    .await;
    let mut fetched = client()
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    assert_eq!(fetched.body.exact_len(), Some(9));
    assert_eq!(next(&mut fetched.body).await, "first");
    go_on.send(()).unwrap();
    assert_eq!(fetched.text().await, "last");
}

#[tokio::test]
async fn bodies_pass_both_ways_at_once() {
    let echo = |request: Request<Incoming>| async move {
        Response::new(Body::stream(request.into_body()))
    };
    let origin = Origin::http1(echo).await;
    let (feed, body) = fed();
    let post = head(Request::post("/"));
    let mut fetched = client()
        .fetch(&origin.upstream(), post, body)
        .await
        .unwrap();
    for text in ["one", "two", "three"] {
        feed.send(data(text)).unwrap();
        assert_eq!(next(&mut fetched.body).await, text);
    }
    drop(feed);
    assert_eq!(fetched.text().await, "");
}

#[tokio::test]
async fn a_body_of_known_length_is_announced_and_any_other_comes_in_chunks() {
    let origin = Origin::http1(describe).await;
    let client = client();
    let known = client
        .fetch(&origin.upstream(), head(Request::put("/")), "abc".into())
        .await;
    let seen = known.unwrap().text().await;
    assert!(
        has_line(&seen, "content-length: 3") && seen.ends_with("\nabc"),
        "{seen}"
    );
    for method in [Method::GET, Method::POST] {
        let (feed, body) = fed();
        feed.send(data("abc")).unwrap();
        drop(feed);
        let asked = head(Request::builder().method(method).uri("/"));
        let fetched = client.fetch(&origin.upstream(), asked, body).await;
        let seen = fetched.unwrap().text().await;
        assert!(
            has_line(&seen, "transfer-encoding: chunked") && seen.ends_with("\nabc"),
            "{seen}"
        );
    }
}

async fn headers_of(method: Method, bytes: &'static [u8]) -> (HeaderMap, Result<Bytes, BodyError>) {
    let origin = Origin::says(bytes).await;
    let asked = head(Request::builder().method(method).uri("/"));
    let fetched = client()
        .fetch(&origin.upstream(), asked, Body::Empty)
        .await
        .unwrap();
    (fetched.headers, fetched.body.collect(1000).await)
}

#[tokio::test]
async fn only_a_length_that_holds_is_passed_on() {
    let (headers, body) = headers_of(
        Method::GET,
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\
          connection: x-hop\r\nx-hop: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    .await;
    assert!(headers.is_empty(), "{headers:?}");
    assert_eq!(body.unwrap(), "abc");
    let (headers, body) = headers_of(
        Method::HEAD,
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n",
    )
    .await;
    assert_eq!(
        (&headers["content-length"], body.unwrap().len()),
        (&"99".parse().unwrap(), 0)
    );
    let (headers, _) = headers_of(
        Method::GET,
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n",
    )
    .await;
    assert_eq!(headers["content-length"], "99");
}

#[tokio::test]
async fn a_body_may_end_with_its_connection() {
    let (_, body) = headers_of(Method::GET, b"HTTP/1.0 200 OK\r\n\r\nall of it").await;
    assert_eq!(body.unwrap(), "all of it");
}

#[tokio::test]
async fn early_hints_are_no_answer() {
    let (headers, body) = headers_of(
        Method::GET,
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
          HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    assert!(!headers.contains_key("link"));
    assert_eq!(body.unwrap(), "ok");
}

#[tokio::test]
async fn many_requests_at_once_are_all_answered() {
    let origin = Origin::http1(describe).await;
    let client = client();
    let upstream = origin.upstream();
    let paths: Vec<String> = (0..40).map(|number| format!("/{number}")).collect();
    let all = paths.iter().map(|path| async {
        client
            .fetch(&upstream, get(path), Body::Empty)
            .await
            .unwrap()
            .text()
            .await
    });
    let answers = futures_util::future::join_all(all).await;
    for (path, answer) in paths.iter().zip(answers) {
        assert!(has_line(&answer, &format!("GET {path}")), "{answer}");
    }
}
