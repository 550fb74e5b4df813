use std::collections::HashMap;
use std::net::IpAddr;

use base::{Body, BodyError, ByteSize, Failure};
use http::{HeaderMap, Uri};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::support::*;
use crate::connect::{Connector, Resolver};
use crate::{AllowList, Client, Fetched, Network, OriginError, OriginSettings};

/// Settings that let sources be on this machine, at one address only.
fn open() -> OriginSettings {
    OriginSettings {
        source_networks: vec![Network::parse("127.0.0.1/32").unwrap()],
        max_source_size: ByteSize(100),
        ..settings()
    }
}

/// A client that knows these names and no others.
fn knowing(settings: &OriginSettings, names: &[(&'static str, &[&str])]) -> Client {
    let mut connector = Connector::new(settings).unwrap();
    let names = names.iter().map(|(name, addresses)| {
        let addresses = addresses.iter().map(|text| text.parse::<IpAddr>().unwrap());
        (*name, addresses.collect())
    });
    connector.resolver = Resolver::Fixed(names.collect::<HashMap<_, _>>());
    Client::with_connector(settings, connector)
}

/// A client for which `photos.test` is this machine and `inside.test` a neighbour.
fn guarded() -> Client {
    let names: [(&str, &[&str]); 5] = [
        ("photos.test", &["127.0.0.1"]),
        ("inside.test", &["10.0.0.1"]),
        ("this.test", &["127.0.0.2", "::1"]),
        ("metadata.test", &["::ffff:169.254.169.254"]),
        ("mixed.test", &["10.0.0.1", "192.168.1.1", "127.0.0.1"]),
    ];
    knowing(&open(), &names)
}

/// Fetches with every host allowed, at the usual port of `http` and at this address's own.
async fn fetch(client: &Client, uri: &str) -> Result<Fetched, OriginError> {
    fetch_with(client, uri, &HeaderMap::new()).await
}

async fn fetch_with(
    client: &Client,
    uri: &str,
    headers: &HeaderMap,
) -> Result<Fetched, OriginError> {
    let uri: Uri = uri.parse().unwrap();
    let ports = [Some(80), uri.port_u16()].into_iter().flatten();
    let patterns: Vec<_> = ports.map(|port| format!("http://*:{port}")).collect();
    let allowed = AllowList::parse(&patterns).unwrap();
    client.fetch_source(&uri, &allowed, headers).await
}

/// Redirects as its path says: `/to?TARGET`, `/down?N`, `/circle`; else answers with what it saw.
async fn guide(request: Request<Incoming>) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let location = match request.uri().path() {
        "/to" => Some(query),
        "/down" => match query.parse::<u32>().unwrap() {
            0 => None,
            left => Some(format!("/down?{}", left - 1)),
        },
        "/circle" => Some("/back".into()),
        "/back" => Some("circle".into()),
        "/nowhere" => {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = http::StatusCode::FOUND;
            return response;
        }
        _ => None,
    };
    let mut response = Response::new(Body::from("a photo"));
    if let Some(location) = location {
        *response.status_mut() = http::StatusCode::FOUND;
        response
            .headers_mut()
            .insert("location", location.parse().unwrap());
    }
    response
}

async fn guide_at() -> (Origin, String) {
    let origin = Origin::http1(guide).await;
    let base = format!("http://photos.test:{}", origin.address.port());
    (origin, base)
}

#[tokio::test]
async fn an_allowed_source_is_fetched_and_redirects_are_followed() {
    let (_origin, base) = guide_at().await;
    let client = guarded();
    for path in ["/a.jpg", "/down?3", "/to?/b.jpg"] {
        let fetched = fetch(&client, &format!("{base}{path}")).await.unwrap();
        assert_eq!(fetched.text().await, "a photo");
    }
}

#[tokio::test]
async fn redirects_are_bounded() {
    let (_origin, base) = guide_at().await;
    let client = guarded();
    let result = fetch(&client, &format!("{base}/down?4")).await;
    assert_eq!(code(result), "origin.too-many-redirects");
    let error = fetch(&client, &format!("{base}/circle")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.status().as_u16()),
        ("origin.redirect-loop", 508)
    );
    for path in ["/nowhere", "/to?mailto:somebody@example.com", "/to?http://"] {
        let result = fetch(&client, &format!("{base}{path}")).await;
        assert_eq!(code(result), "origin.bad-redirect", "{path}");
    }
}

#[tokio::test]
async fn every_redirect_is_checked_like_the_first_address() {
    let (origin, base) = guide_at().await;
    let client = guarded();
    let port = origin.address.port();
    for (target, expected) in [
        (format!("http://inside.test:{port}/"), "origin.not-public"),
        (format!("http://127.0.0.2:{port}/"), "origin.not-public"),
        (
            format!("http://[::ffff:10.0.0.1]:{port}/"),
            "origin.not-public",
        ),
        (format!("http://2130706433:{port}/"), "origin.bad-source"),
        (
            format!("http://user@photos.test:{port}/"),
            "origin.bad-source",
        ),
        ("http://elsewhere.test:1/".into(), "origin.not-allowed"),
        ("https://photos.test/".into(), "origin.not-allowed"),
        ("file://host/etc/passwd".into(), "origin.bad-source"),
    ] {
        let result = fetch(&client, &format!("{base}/to?{target}")).await;
        assert_eq!(code(result), expected, "{target}");
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let client = guarded();
    for host in [
        "inside.test",
        "this.test",
        "metadata.test",
        "10.1.2.3",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.2]",
        "[fe80::1]",
        "[64:ff9b::7f00:2]",
        "0.0.0.0",
    ] {
        let error = fetch(&client, &format!("http://{host}/"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.status().as_u16()),
            ("origin.not-public", 403),
            "{host}"
        );
        assert!(!error.public_message().contains(host));
    }
    for host in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1"] {
        assert_eq!(
            code(fetch(&client, &format!("http://{host}/")).await),
            "origin.bad-source"
        );
    }
    assert_eq!(
        code(fetch(&client, "http://unknown.test/").await),
        "origin.unresolved"
    );
}

#[tokio::test]
async fn of_several_addresses_only_the_public_are_connected_to() {
    let origin = Origin::http1(guide).await;
    let uri = format!("http://mixed.test:{}/", origin.address.port());
    // The first two would not answer at all: had they been tried, this would take its time.
    assert_eq!(
        fetch(&guarded(), &uri).await.unwrap().text().await,
        "a photo"
    );
}

#[tokio::test]
async fn a_connection_of_the_sites_own_origin_never_serves_a_source() {
    let origin = Origin::http1(guide).await;
    let client = Client::new(&settings()).unwrap();
    let fetched = client
        .fetch(&origin.upstream(), get("/"), Body::Empty)
        .await
        .unwrap();
    fetched.text().await;
    while client.pool.kept() == 0 {
        tokio::task::yield_now().await;
    }
    let result = fetch(&client, &format!("http://{}/", origin.address)).await;
    assert_eq!(code(result), "origin.not-public");
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_source_learns_nothing_of_the_visitor() {
    let origin = Origin::http1(|request: Request<Incoming>| async move {
        let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
        names.sort();
        Response::new(names.join(" ").into())
    })
    .await;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "image/webp"),
        ("authorization", "Basic eA=="),
        ("cookie", "a=b"),
        ("host", "www.example.com"),
        ("if-none-match", "\"1\""),
        ("range", "bytes=0-1"),
        ("referer", "https://www.example.com/"),
        ("user-agent", "somebody"),
        ("x-forwarded-for", "192.0.2.1"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let uri = format!("http://photos.test:{}/", origin.address.port());
    let fetched = fetch_with(&guarded(), &uri, &headers).await.unwrap();
    assert_eq!(
        fetched.text().await,
        "accept accept-encoding cdn-loop host if-none-match user-agent via"
    );
}

#[tokio::test]
async fn a_request_that_comes_back_is_stopped() {
    let origin = Origin::http1(|request: Request<Incoming>| async move {
        let mut response = Response::new(Body::Empty);
        let seen = request.headers()["cdn-loop"].clone();
        response.headers_mut().insert("x-seen", seen);
        response
    })
    .await;
    let client = guarded();
    let uri = format!("http://photos.test:{}/", origin.address.port());
    let fetched = fetch(&client, &uri).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(
        "cdn-loop",
        fetched.header("x-seen").unwrap().parse().unwrap(),
    );
    let error = fetch_with(&client, &uri, &headers).await.unwrap_err();
    assert_eq!(
        (error.code(), error.status().as_u16()),
        ("origin.loop", 508)
    );
}

#[tokio::test]
async fn a_source_that_is_too_large_is_refused_at_once_or_cut_off() {
    let announced = Origin::says(b"HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n").await;
    let uri = format!("http://photos.test:{}/", announced.address.port());
    let error = fetch(&guarded(), &uri).await.unwrap_err();
    assert_eq!(
        (error.code(), error.status().as_u16()),
        ("origin.too-large", 413)
    );
    let body: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n0123456789012345678901234567890123456789\
        0123456789012345678901234567890123456789012345678901234567890";
    let streamed = Origin::says(body).await;
    let uri = format!("http://photos.test:{}/", streamed.address.port());
    let error = fetch(&guarded(), &uri)
        .await
        .unwrap()
        .body
        .collect(1000)
        .await
        .unwrap_err();
    assert!(
        matches!(error, BodyError::TooLarge { limit: 100 }),
        "{error:?}"
    );
}
