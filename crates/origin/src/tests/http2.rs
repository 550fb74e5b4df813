use base::{Body, BodyError};
use bytes::Bytes;
use http::{HeaderMap, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::support::*;
use crate::{Client, HostHeader, Http2, OriginSettings};

fn http2() -> Client {
    let settings = OriginSettings {
        http2: Http2::PriorKnowledge,
        ..settings()
    };
    Client::new(&settings).unwrap()
}

async fn describe(request: Request<Incoming>) -> Response<Body> {
    let te = request
        .headers()
        .get("te")
        .map(|te| te.to_str().unwrap().to_owned());
    let text = format!(
        "{} {te:?} {}",
        request.uri(),
        request.headers().contains_key("host")
    );
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Response::new(format!("{text} {}", body.len()).into())
}

#[tokio::test]
async fn many_requests_share_one_connection() {
    let origin = Origin::http2(describe).await;
    let (client, upstream) = (http2(), origin.upstream());
    let all = (0..30).map(|_| client.fetch(&upstream, get("/a"), Body::Empty));
    for fetched in futures_util::future::join_all(all).await {
        let fetched = fetched.unwrap();
        assert_eq!(fetched.version, Version::HTTP_2);
        let expected = format!("http://{}/a None false 0", origin.address);
        assert_eq!(fetched.text().await, expected);
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn the_clients_host_is_the_authority() {
    let origin = Origin::http2(describe).await;
    let upstream = origin.upstream().with_host_header(HostHeader::Client);
    let asked = Request::post("https://www.example.com/a")
        .header("host", "www.example.com")
        .header("te", "trailers, deflate");
    let fetched = http2()
        .fetch(&upstream, head(asked), "four".into())
        .await
        .unwrap();
    let expected = "http://www.example.com/a Some(\"trailers\") false 4";
    assert_eq!(fetched.text().await, expected);
}

#[tokio::test]
async fn trailers_pass() {
    let origin = Origin::http2(|_| async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        let frames: [Result<_, BodyError>; 2] = [
            Ok(Frame::data(Bytes::from_static(b"body"))),
            Ok(Frame::trailers(trailers)),
        ];
        Response::new(Body::stream(StreamBody::new(futures_util::stream::iter(
            frames,
        ))))
    })
    .await;
    let fetched = http2()
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    let collected = BodyExt::collect(fetched.body).await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(collected.to_bytes(), "body");
}

#[tokio::test]
async fn a_stream_that_is_reset_is_a_body_cut_off() {
    let (feed, frames) = tokio::sync::mpsc::unbounded_channel();
    let frames = std::sync::Arc::new(parking_lot::Mutex::new(Some(frames)));
    let origin = Origin::http2(move |_| {
        let mut frames = frames.lock().take().unwrap();
        let frames = futures_util::stream::poll_fn(move |context| frames.poll_recv(context));
        async move { Response::new(Body::stream(StreamBody::new(frames))) }
    })
    .await;
    let mut fetched = http2()
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    feed.send(Ok(Frame::data(Bytes::from_static(b"half"))))
        .unwrap();
    let first = fetched.body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "half");
    feed.send(Err(std::io::Error::other("the origin breaks")))
        .unwrap();
    let error = fetched.body.collect(100).await.unwrap_err();
    assert!(matches!(error, BodyError::Aborted(_)));
}

#[tokio::test]
async fn an_origin_that_speaks_http1_only_is_an_error() {
    let origin = Origin::says(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let code = code(
        http2()
            .fetch(&origin.upstream(), get("/"), Body::Empty)
            .await,
    );
    assert_eq!(code, "origin.closed");
}

#[tokio::test]
async fn a_connection_that_ended_is_replaced() {
    // hyper's server answers one request and then says goodbye.
    let origin = Origin::raw(|stream, _| async move {
        let io = hyper_util::rt::TokioIo::new(stream);
        let service = hyper::service::service_fn(|request| async {
            Ok::<_, std::convert::Infallible>(describe(request).await)
        });
        let executor = hyper_util::rt::TokioExecutor::new();
        let builder = hyper::server::conn::http2::Builder::new(executor);
        let connection = builder.serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        let mut polled = 0;
        std::future::poll_fn(|context| {
            polled += 1;
            if polled == 4 {
                connection.as_mut().graceful_shutdown();
            }
            connection.as_mut().poll(context).map(drop)
        })
        .await;
    })
    .await;
    let client = http2();
    for _ in 0..20 {
        let fetched = client
            .fetch(&origin.upstream(), get("/"), Body::Empty)
            .await
            .unwrap();
        fetched.text().await;
    }
    assert!(origin.connections() > 1);
}

#[tokio::test]
async fn those_who_lose_a_shared_connection_share_the_next() {
    // The first connection takes ten requests and breaks without an answer.
    let origin = Origin::raw(|stream, number| async move {
        let seen = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let count = std::sync::Arc::clone(&seen);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let count = std::sync::Arc::clone(&count);
            async move {
                if number == 0 && request.uri().path() == "/lost" {
                    count.add_permits(1);
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::convert::Infallible>(describe(request).await)
            }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let builder = hyper::server::conn::http2::Builder::new(executor);
        tokio::select! {
            _ = builder.serve_connection(io, service) => {}
            _ = seen.acquire_many(10) => {}
        }
    })
    .await;
    let (client, upstream) = (http2(), origin.upstream());
    let first = client
        .fetch(&upstream, get("/"), Body::Empty)
        .await
        .unwrap();
    first.text().await;
    let all = (0..10).map(|_| client.fetch(&upstream, get("/lost"), Body::Empty));
    for fetched in futures_util::future::join_all(all).await {
        assert!(fetched.unwrap().text().await.contains("/lost"));
    }
    assert_eq!(origin.connections(), 2);
}
