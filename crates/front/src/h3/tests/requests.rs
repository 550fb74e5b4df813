//! Requests and answers, whole.

use base::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use pipeline::{Exchange, Protocol, Response, Step, Verdict};

use testkit::quic::{frame, kind};

use super::server::{Server, within};
use crate::h2::tests::site::{Piece, Pieces, pattern, typed, with_header};

const LARGE: usize = 3_000_000;

/// `/large` is large, `/pieces` comes piece by piece with trailers, `/broken` breaks off, `/echo`
/// gives back what was sent, everything else tells how it was asked for.
fn site(exchange: &mut Exchange) -> Step<'static> {
    let body = std::mem::take(&mut exchange.body);
    match exchange.uri.path() {
        "/large" => Step::respond(typed("text/plain", pattern(LARGE))),
        "/pieces" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("checksum", HeaderValue::from_static("42"));
            let (body, _) = Pieces::body(vec![
                Piece::Data(Bytes::from_static(b"one ")),
                Piece::Pause,
                Piece::Data(Bytes::from_static(b"two")),
                Piece::Trailers(trailers),
            ]);
            Step::respond(Response::new(StatusCode::OK, body))
        }
        "/broken" => {
            let (body, _) =
                Pieces::body(vec![Piece::Data(pattern(5000)), Piece::Pause, Piece::Error]);
            Step::respond(Response::new(StatusCode::OK, body))
        }
        "/echo" => Step::later(async move {
            Verdict::respond(match body.collect(1 << 24).await {
                Ok(bytes) => Response::new(StatusCode::OK, bytes),
                Err(_) => Response::text(StatusCode::BAD_REQUEST, "cut off\n"),
            })
        }),
        _ => {
            let told = format!(
                "{} {} {:?} {} {} {}",
                exchange.method,
                exchange.uri,
                exchange.version,
                exchange.connection.protocol == Protocol::Http3,
                exchange.header("cookie").unwrap_or("-"),
                matches!(body, Body::Empty),
            );
            let response = typed("text/plain", told);
            Step::respond(with_header(response, "connection", "keep-alive"))
        }
    }
}

#[tokio::test]
async fn a_request_is_understood_and_its_answer_is_whole() {
    let server = Server::new(site);
    let client = server.client().await;
    let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
    let answer = within(client.get("/some?thing", &cookies)).await.unwrap();
    assert_eq!(answer.status, 200);
    let expected = format!(
        "GET https://example.com/some?thing {:?} true a=1; b=2 true",
        Version::HTTP_3
    );
    assert_eq!(String::from_utf8(answer.body.clone()).unwrap(), expected);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let length = expected.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
    assert!(answer.header("date").is_some() && answer.header("connection").is_none());
    assert_eq!(answer.header("alt-svc"), None, "it is being spoken");
    let logged = server.logged(1).await;
    assert_eq!(
        logged[0],
        ("/some?thing".into(), 200, expected.len() as u64, true)
    );
}

#[tokio::test]
async fn a_head_has_no_body_and_a_large_body_comes_whole() {
    let server = Server::new(site);
    let client = server.client().await;
    let mut head = client.ask("HEAD", "/large", &[], &[]).await.unwrap();
    let head = within(head.answer()).await.unwrap();
    assert_eq!(head.header("content-length"), Some("3000000"));
    assert!(head.body.is_empty() && head.frames.is_empty());
    let answer = within(client.get("/large", &[])).await.unwrap();
    assert!(answer.body == pattern(LARGE));
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let server = Server::new(site);
    let client = server.client().await;
    let asked = (0..200).map(|place| {
        let client = &client;
        async move { client.get(&format!("/{place}"), &[]).await.unwrap() }
    });
    let answers = within(futures_util::future::join_all(asked)).await;
    for (place, answer) in answers.iter().enumerate() {
        let path = format!("https://example.com/{place} ");
        assert!(String::from_utf8_lossy(&answer.body).contains(&path));
    }
}

#[tokio::test]
async fn trailers_follow_a_streamed_body() {
    let server = Server::new(site);
    let client = server.client().await;
    let answer = within(client.get("/pieces", &[])).await.unwrap();
    assert_eq!(answer.body, b"one two");
    assert_eq!(answer.trailers, [("checksum".to_owned(), "42".to_owned())]);
    assert_eq!(answer.header("content-length"), None);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_whole_body() {
    let server = Server::new(site);
    let client = server.client().await;
    let answer = within(client.get("/broken", &[])).await;
    assert!(answer.is_err());
    let (path, status, _, complete) = server.logged(1).await[0].clone();
    assert_eq!((path.as_str(), status, complete), ("/broken", 200, false));
    // The connection goes on.
    assert_eq!(within(client.get("/", &[])).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_upload_comes_back_and_may_be_larger_than_every_window() {
    let server = Server::new(site);
    let client = server.client().await;
    let sent = pattern(LARGE);
    let length = LARGE.to_string();
    for fields in [&[][..], &[("content-length", length.as_str())]] {
        let echo = async {
            let mut stream = client.open().await.unwrap();
            let head = client.head("POST", "/echo", fields);
            let mut whole = frame(kind::HEADERS, &head);
            whole.extend(frame(kind::DATA, &sent));
            stream.send.write_all(&whole).await.unwrap();
            stream.send.finish().unwrap();
            stream.answer().await.unwrap()
        };
        let answer = within(echo).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body == sent);
    }
}

#[tokio::test]
async fn a_client_that_waits_is_told_to_go_on() {
    let server = Server::new(site);
    let client = server.client().await;
    let mut stream = client.open().await.unwrap();
    let head = client.head("POST", "/echo", &[("expect", "100-continue")]);
    let asked = frame(kind::HEADERS, &head);
    stream.send.write_all(&asked).await.unwrap();
    let first = within(stream.frame()).await.unwrap().unwrap();
    assert_eq!(first.kind, kind::HEADERS);
    let data = frame(kind::DATA, b"now");
    stream.send.write_all(&data).await.unwrap();
    stream.send.finish().unwrap();
    let answer = within(stream.answer()).await.unwrap();
    assert_eq!((answer.status, answer.body), (200, b"now".to_vec()));
}

#[tokio::test]
async fn what_is_no_request_for_this_server_is_answered_so() {
    let server = Server::new(site);
    let client = server.client().await;
    let many: Vec<(String, String)> = (0..101).map(|n| (format!("x-{n}"), "1".into())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (&**a, &**b)).collect();
    let long = "v".repeat(70_000);
    for (fields, status) in [
        (&[("host", "other.example")][..], 400),
        (&many, 431),
        (&[("x", &long)], 431),
    ] {
        let answer = within(client.get("/", fields)).await.unwrap();
        assert_eq!(answer.status, status);
    }
    let mut options = client.ask("OPTIONS", "*", &[], &[]).await.unwrap();
    assert_eq!(within(options.answer()).await.unwrap().status, 204);
}
