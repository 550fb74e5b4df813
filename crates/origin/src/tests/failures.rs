use base::{Body, BodyError, Failure, Fault};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::*;
use crate::{Client, Fetched, OriginError, OriginSettings, Upstream};

async fn ask(origin: &Origin, settings: &OriginSettings) -> Result<Fetched, OriginError> {
    let client = Client::new(settings).unwrap();
    client
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
}

async fn code_of(bytes: &'static [u8]) -> &'static str {
    code(ask(&Origin::says(bytes).await, &settings()).await)
}

async fn body_of(bytes: &'static [u8], settings: &OriginSettings) -> Result<Bytes, BodyError> {
    let origin = Origin::says(bytes).await;
    ask(&origin, settings)
        .await
        .unwrap()
        .body
        .collect(1 << 20)
        .await
}

#[tokio::test]
async fn what_is_not_http_is_an_invalid_response() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..],
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nfolded: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: X-GZIP\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: \r\n\r\n0\r\n\r\n",
    ] {
        assert_eq!(
            code_of(bytes).await,
            "origin.bad-response",
            "{:?}",
            bytes.escape_ascii()
        );
    }
}

#[tokio::test]
async fn an_origin_that_says_nothing_or_stops_in_its_head_has_closed() {
    assert_eq!(code_of(b"").await, "origin.closed");
    assert_eq!(
        code_of(b"HTTP/1.1 200 OK\r\ncontent-").await,
        "origin.closed"
    );
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        let long = "a".repeat(20_000);
        let head = format!("HTTP/1.1 200 OK\r\nx: {long}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok();
        // The client closes first.
        stream.read_u8().await.ok();
    })
    .await;
    let small = OriginSettings {
        max_header_bytes: base::ByteSize::kib(16),
        ..settings()
    };
    assert_eq!(code(ask(&origin, &small).await), "origin.head-too-large");
    let large = OriginSettings {
        max_header_bytes: base::ByteSize::kib(32),
        ..settings()
    };
    assert_eq!(
        ask(&origin, &large)
            .await
            .unwrap()
            .header("x")
            .unwrap()
            .len(),
        20_000
    );
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok();
        while stream
            .write_all(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")
            .await
            .is_ok()
        {}
    })
    .await;
    let code = code(ask(&origin, &settings()).await);
    // Whichever limit is met first: the count of headers or their size.
    assert!(
        ["origin.head-too-large", "origin.bad-response"].contains(&code),
        "{code}"
    );
}

#[tokio::test]
async fn chunks_are_read_whatever_length_is_claimed_beside_them() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: whatever\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let body = body_of(bytes, &settings()).await.unwrap();
        assert_eq!(body, "hello", "{:?}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_an_error() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let error = body_of(bytes, &settings()).await.unwrap_err();
        assert!(
            matches!(error, BodyError::Aborted(_)),
            "{:?}",
            bytes.escape_ascii()
        );
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_an_error() {
    let limited = |limit| OriginSettings {
        max_body: Some(base::ByteSize(limit)),
        ..settings()
    };
    let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(body_of(bytes, &limited(5)).await.unwrap(), "hello");
    let error = body_of(bytes, &limited(4)).await.unwrap_err();
    assert!(matches!(error, BodyError::TooLarge { limit: 4 }));
}

#[tokio::test]
async fn silence_before_the_head_and_within_the_body_ends_the_wait() {
    let origin = Origin::raw(|mut stream, number| async move {
        read_head(&mut stream).await;
        if number == 1 {
            let start = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst";
            stream.write_all(start).await.unwrap();
        }
        // Until the client gives up.
        stream.read_u8().await.ok();
    })
    .await;
    let settings = OriginSettings {
        response_timeout: SHORT,
        idle_timeout: SHORT,
        ..settings()
    };
    assert_eq!(
        code(ask(&origin, &settings).await),
        "origin.response-timeout"
    );
    let patient = OriginSettings {
        idle_timeout: SHORT,
        ..super::support::settings()
    };
    let fetched = ask(&origin, &patient).await.unwrap();
    let error = fetched.body.collect(100).await.unwrap_err();
    assert!(
        base::failure::chain(&error).contains("no byte came"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let upstream = Upstream::parse(&format!("http://{address}")).unwrap();
    let error = client()
        .fetch(&upstream, get("/"), Body::Empty)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.status()),
        ("origin.unreachable", StatusCode::BAD_GATEWAY)
    );
    assert!(error.retryable() && error.fault() == Fault::Origin);
    assert!(
        error.to_string().contains(&address.to_string()),
        "the log has the place"
    );
    assert!(
        !error.public_message().contains("127.0.0.1"),
        "the client does not"
    );
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_times_out() {
    // TCP connects, TLS never answers.
    let origin = Origin::raw(|mut stream, _| async move {
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).await.ok();
    })
    .await;
    let upstream = Upstream::parse(&format!("https://{}", origin.address)).unwrap();
    let settings = OriginSettings {
        connect_timeout: SHORT,
        ..settings()
    };
    let client = Client::new(&settings).unwrap();
    let error = client
        .fetch(&upstream, get("/"), Body::Empty)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.status().as_u16()),
        ("origin.connect-timeout", 504)
    );
}

#[tokio::test]
async fn those_who_wait_for_a_shared_connection_fail_together() {
    let origin = Origin::raw(|mut stream, _| async move {
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).await.ok();
    })
    .await;
    let upstream = Upstream::parse(&format!("https://{}", origin.address)).unwrap();
    let settings = OriginSettings {
        connect_timeout: SHORT,
        ..settings()
    };
    let client = Client::new(&settings).unwrap();
    let since = std::time::Instant::now();
    let all = (0..20).map(|_| client.fetch(&upstream, get("/"), Body::Empty));
    for result in futures_util::future::join_all(all).await {
        assert_eq!(code(result), "origin.connect-timeout");
    }
    // One time-out for the first and one for all the others, not one after another.
    assert!(since.elapsed() < SHORT * 10, "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_client_that_stops_sending_is_at_fault() {
    let origin = Origin::raw(|mut stream, _| async move {
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).await.ok();
    })
    .await;
    let frames: [Result<Frame<Bytes>, std::io::Error>; 2] = [
        Ok(Frame::data(Bytes::from_static(b"half"))),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ];
    let body = Body::stream(StreamBody::new(futures_util::stream::iter(frames)));
    let post = head(Request::post("/"));
    let error = client()
        .fetch(&origin.upstream(), post, body)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.fault()),
        ("origin.request-aborted", Fault::Client)
    );
}

#[tokio::test]
async fn what_cannot_be_sent_on_is_refused_before_any_connection() {
    let origin = Origin::says(b"").await;
    let connect = head(Request::connect("example.com:443"));
    let result = client()
        .fetch(&origin.upstream(), connect, Body::Empty)
        .await;
    assert_eq!(code(result), "origin.unsendable");
    let circle = "firstlight;id=1, firstlight;id=2, firstlight;id=3, firstlight;id=4";
    let again = head(Request::get("/").header("cdn-loop", circle));
    let error = client()
        .fetch(&origin.upstream(), again, Body::Empty)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.status().as_u16()),
        ("origin.loop", 508)
    );
    assert_eq!(origin.connections(), 0);
}
