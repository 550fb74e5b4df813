use http::Request;
use pipeline::NetworkEstimate;

use super::*;

fn connection(tls: bool, protocol: Protocol) -> Arc<Connection> {
    Arc::new(Connection {
        remote: "192.0.2.1:50000".parse().unwrap(),
        local: "192.0.2.2:8443".parse().unwrap(),
        protocol,
        tls,
        proxied: false,
        estimate: Arc::new(NetworkEstimate::default),
    })
}

fn convert(request: http::request::Builder) -> Result<Exchange, Box<Response>> {
    let (head, ()) = request.body(()).unwrap().into_parts();
    exchange(head, Body::Empty, &connection(true, Protocol::Http1), false)
}

fn status(request: http::request::Builder) -> StatusCode {
    convert(request).unwrap_err().status
}

#[test]
fn the_target_becomes_absolute() {
    for (request, expected) in [
        (
            Request::get("/a?b").header(HOST, "Example.COM:8443"),
            "https://example.com:8443/a?b",
        ),
        (
            Request::get("http://example.com/a"),
            "https://example.com/a",
        ),
        (
            Request::get("https://EXAMPLE.com").header(HOST, "example.COM"),
            "https://example.com/",
        ),
        (
            Request::get("/").header(HOST, "[2001:DB8::1]:1"),
            "https://[2001:db8::1]:1/",
        ),
        (
            Request::get("/").version(Version::HTTP_10),
            "https://192.0.2.2:8443/",
        ),
    ] {
        let exchange = convert(request).unwrap();
        assert_eq!(exchange.uri.to_string(), expected);
        assert_eq!(
            exchange.headers[HOST].to_str().unwrap(),
            exchange.uri.authority().unwrap().as_str()
        );
    }
}

#[test]
fn hosts_that_are_none_are_refused() {
    for host in [
        "",
        " ",
        "user@example.com",
        "example.com:",
        "example.com:port",
        "example.com:99999",
        "a b",
        "a/b",
        "a%2eb",
        "[::1",
        "[example]",
        "[::1]x",
        ":80",
        "a,b",
    ] {
        let request = Request::get("/").header(HOST, host);
        assert_eq!(status(request), StatusCode::BAD_REQUEST, "{host:?}");
    }
    let two = Request::get("/").header(HOST, "a").header(HOST, "a");
    assert_eq!(status(two), StatusCode::BAD_REQUEST);
    assert_eq!(status(Request::get("/")), StatusCode::BAD_REQUEST);
}

#[test]
fn a_host_that_contradicts_the_target_is_refused() {
    let request = Request::get("https://one.example/").header(HOST, "two.example");
    assert_eq!(status(request), StatusCode::BAD_REQUEST);
}

#[test]
fn targets_of_other_forms_are_answered_here() {
    let connect = Request::connect("example.com:443").header(HOST, "example.com:443");
    assert_eq!(status(connect), StatusCode::METHOD_NOT_ALLOWED);
    let options = Request::options("*").header(HOST, "a");
    let answer = convert(options).unwrap_err();
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.headers.contains_key(ALLOW));
    let get = Request::get("*").header(HOST, "a");
    assert_eq!(status(get), StatusCode::BAD_REQUEST);
    let authority = Request::get("example.com:443").header(HOST, "example.com:443");
    assert_eq!(status(authority), StatusCode::BAD_REQUEST);
    let scheme = Request::get("ftp://example.com/");
    assert_eq!(status(scheme), StatusCode::BAD_REQUEST);
}

#[test]
fn headers_of_the_hop_go_and_the_others_stay() {
    let request = Request::get("/")
        .header(HOST, "a")
        .header(CONNECTION, "close, X-Private, Cookie, Host, upgrade")
        .header("x-private", "1")
        .header(COOKIE, "a=b")
        .header(TE, "gzip")
        .header(UPGRADE, "h2c")
        .header("keep-alive", "timeout=5")
        .header(EXPECT, "100-continue")
        .header("accept", "image/webp");
    let exchange = convert(request).unwrap();
    let mut names: Vec<_> = exchange.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "cookie", "host"]);
}

#[test]
fn an_upgrade_keeps_its_header() {
    let request = Request::get("/")
        .header(HOST, "a")
        .header(UPGRADE, "websocket");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let exchange = exchange(head, Body::Empty, &connection(true, Protocol::Http1), true).unwrap();
    assert_eq!(exchange.header(UPGRADE), Some("websocket"));
    assert_eq!(exchange.header(CONNECTION), Some("upgrade"));
}

#[test]
fn a_client_that_takes_trailers_still_says_so() {
    let request = Request::get("/")
        .header(HOST, "a")
        .header(CONNECTION, "te")
        .header(TE, "gzip, Trailers");
    assert_eq!(convert(request).unwrap().header(TE), Some("trailers"));
}

#[test]
fn cookies_of_http2_are_joined() {
    let request = Request::get("https://a/")
        .header(COOKIE, "a=1")
        .header(COOKIE, "b=2");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let exchange = exchange(head, Body::Empty, &connection(true, Protocol::Http2), false).unwrap();
    assert_eq!(exchange.header(COOKIE), Some("a=1; b=2"));
    assert_eq!(exchange.headers.get_all(COOKIE).iter().count(), 1);
}

fn settled(method: &Method, mut response: Response) -> Response {
    settle(method, false, &mut response);
    response
}

#[test]
fn the_length_is_that_of_the_body() {
    let mut response = Response::new(StatusCode::OK, "four");
    response.headers.insert(CONTENT_LENGTH, 5.into());
    assert_eq!(settled(&Method::GET, response).headers[CONTENT_LENGTH], "4");
    let empty = Response::new(StatusCode::OK, Body::Empty);
    assert_eq!(settled(&Method::GET, empty).headers[CONTENT_LENGTH], "0");
}

#[test]
fn some_responses_have_no_body() {
    let head = settled(&Method::HEAD, Response::new(StatusCode::OK, "four"));
    assert_eq!(head.headers[CONTENT_LENGTH], "4");
    assert_eq!(head.body.exact_len(), Some(0));
    let mut upstream = Response::new(StatusCode::OK, Body::Empty);
    upstream.headers.insert(CONTENT_LENGTH, 7.into());
    assert_eq!(
        settled(&Method::HEAD, upstream).headers[CONTENT_LENGTH],
        "7"
    );
    let nothing = settled(&Method::GET, Response::new(StatusCode::NO_CONTENT, "four"));
    assert!(!nothing.headers.contains_key(CONTENT_LENGTH));
    assert_eq!(nothing.body.exact_len(), Some(0));
    let same = settled(
        &Method::GET,
        Response::new(StatusCode::NOT_MODIFIED, "four"),
    );
    assert_eq!(same.body.exact_len(), Some(0));
    assert!(!same.headers.contains_key(CONTENT_LENGTH));
}

#[test]
fn an_origin_cannot_frame_our_responses() {
    let mut response = Response::new(StatusCode::OK, "four");
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("connection", "x-private"),
        ("x-private", "1"),
        ("keep-alive", "1"),
        ("upgrade", "h2c"),
    ] {
        response
            .headers
            .insert(name, HeaderValue::from_static(value));
    }
    let settled = settled(&Method::GET, response);
    let mut names: Vec<_> = settled.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date"]);
}

#[test]
fn an_unasked_switch_of_protocols_is_an_error_of_the_origin() {
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::CONTINUE] {
        let response = settled(&Method::GET, Response::new(status, Body::Empty));
        assert_eq!(response.status, StatusCode::BAD_GATEWAY);
    }
}

#[test]
fn the_date_is_now() {
    let date = now();
    let parsed = httpdate::parse_http_date(date.to_str().unwrap()).unwrap();
    let age = SystemTime::now().duration_since(parsed).unwrap();
    assert!(age < Duration::from_secs(60), "{age:?}");
    let mut response = Response::new(StatusCode::OK, "x");
    response.headers.insert(
        DATE,
        HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"),
    );
    assert_eq!(
        settled(&Method::GET, response).headers[DATE],
        "Thu, 01 Jan 1970 00:00:00 GMT"
    );
}
