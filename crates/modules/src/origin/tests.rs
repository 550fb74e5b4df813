use http::StatusCode;

use crate::harness::{Page, Site};

#[tokio::test]
async fn the_origin_is_told_who_asks_and_nobody_else_says_so() {
    let site = Site::new().await;
    site.origin.page("/a", Page::new("text/plain", "x"));
    let ask = site
        .get("/a")
        .with("x-forwarded-for", "203.0.113.9")
        .with("forwarded", "for=203.0.113.9")
        .with("cf-connecting-ip", "203.0.113.9")
        .with("x-original-url", "/admin")
        .with("x-forwarded-prefix", "/admin")
        .with("x-http-method-override", "DELETE")
        .with("x-mine", "kept");
    ask.send().await;
    let headers = &site.origin.seen()[0].headers;
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-real-ip", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "example.com"),
        (
            "forwarded",
            "for=192.0.2.7;host=\"example.com\";proto=https",
        ),
        ("host", "example.com"),
        ("x-mine", "kept"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers.contains_key("via"));
    for name in [
        "cf-connecting-ip",
        "x-original-url",
        "x-forwarded-prefix",
        "x-http-method-override",
    ] {
        assert!(!headers.contains_key(name), "{name}");
    }
    let post = site.ask(http::Method::POST, "/a");
    post.with("x-http-method-override", "PUT").send().await;
    assert_eq!(
        site.origin.seen()[1].headers["x-http-method-override"],
        "PUT"
    );
}

#[tokio::test]
async fn a_trusted_proxys_word_is_passed_on() {
    let site = Site::with("").await;
    let mut settings = site.settings.clone();
    settings.trusted_proxies = vec![::origin::Network::parse("192.0.2.0/24").unwrap()];
    let mut report = crate::harness::report();
    let pipeline = crate::build(&settings, &site.services, "", &mut report).unwrap();
    site.origin.page("/a", Page::new("text/plain", "x"));
    let ask = site
        .get("/a")
        .with("x-forwarded-for", "203.0.113.9")
        .with("x-forwarded-proto", "http")
        .with("x-forwarded-prefix", "/shop");
    pipeline.run(&mut ask.exchange()).await;
    let headers = &site.origin.seen()[0].headers;
    assert_eq!(headers["x-forwarded-for"], "203.0.113.9, 192.0.2.7");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["x-forwarded-prefix"], "/shop");
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_a_502_with_the_requests_id() {
    // A port that nobody has: bound and given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let site = Site::new().await;
    let mut settings = site.settings.clone();
    settings.origin = Some(::origin::Upstream::parse(&format!("http://{free}")).unwrap());
    let mut report = crate::harness::report();
    let pipeline = crate::build(&settings, &site.services, "", &mut report).unwrap();
    let mut exchange = site.get("/a").exchange();
    let response = pipeline.run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::BAD_GATEWAY);
    assert_eq!(response.headers["retry-after"], "5");
    let body = response.body.collect(1000).await.unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains(&exchange.id.to_string()), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
}
