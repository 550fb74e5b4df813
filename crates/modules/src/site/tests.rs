use http::StatusCode;
use http::uri::Authority;

use super::is_host;
use crate::harness::{Page, Site};

#[test]
fn hosts_are_names_or_addresses_with_perhaps_a_port() {
    for (text, expected) in [
        ("example.com", true),
        ("example.com:8443", true),
        ("127.0.0.1:80", true),
        ("[::1]:80", true),
        ("under_score.example", true),
        ("user@example.com", false),
        ("exa'mple.com", false),
        ("a,b", false),
        ("example.com:", false),
        ("example.com:99999", false),
    ] {
        if let Ok(authority) = text.parse::<Authority>() {
            assert_eq!(is_host(&authority), expected, "{text}");
        } else {
            assert!(!expected, "{text}");
        }
    }
}

#[tokio::test]
async fn a_request_without_a_usable_host_goes_nowhere() {
    let site = Site::new().await;
    let mut exchange = site.get("/a").exchange();
    exchange.uri = "https://user@example.com/a".parse().unwrap();
    let response = site.pipeline.run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert!(site.origin.seen().is_empty());
}

#[tokio::test]
async fn words_meant_for_us_by_an_origin_are_taken_from_no_client() {
    let site = Site::new().await;
    site.origin.page("/a", Page::new("text/plain", "x"));
    site.get("/a").with("cf-priority", "60/0").send().await;
    assert!(!site.origin.seen()[0].headers.contains_key("cf-priority"));
}
