use std::sync::Arc;

use http::{Method, StatusCode};
use pipeline::{Connection, Response};

use super::{HttpsModule, HttpsSettings};
use crate::harness::{Ask, Page, Site, report};

/// Sends a request by plain HTTP.
async fn plainly(site: &Site, ask: Ask<'_>) -> Box<Response> {
    let mut exchange = ask.exchange();
    let connection = Connection {
        tls: false,
        ..(*exchange.connection).clone()
    };
    exchange.connection = Arc::new(connection);
    site.pipeline.run(&mut exchange).await
}

fn location(response: &Response) -> &str {
    let header = response.headers.get("location");
    header.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn plain_requests_stay_where_they_are_unless_told_otherwise() {
    let site = Site::new().await;
    site.origin.page("/a", Page::new("text/plain", "x"));
    assert_eq!(plainly(&site, site.get("/a")).await.status, StatusCode::OK);
    let secure = site.get("/a").send().await;
    assert_eq!(secure.header("strict-transport-security"), "");
}

#[tokio::test]
async fn plain_requests_are_sent_to_the_same_address_by_https() {
    let site = Site::with("https.redirect = true").await;
    let response = plainly(&site, site.get("/a/b?c=d&e")).await;
    assert_eq!(response.status, StatusCode::MOVED_PERMANENTLY);
    assert_eq!(location(&response), "https://example.com/a/b?c=d&e");
    let response = plainly(&site, site.ask(Method::POST, "/form")).await;
    assert_eq!(response.status, StatusCode::PERMANENT_REDIRECT);
    assert!(site.origin.seen().is_empty());

    site.origin.page("/a", Page::new("text/plain", "x"));
    assert_eq!(site.get("/a").send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_port_of_https_is_written_where_it_is_not_the_usual_one() {
    let site = Site::with("https = { redirect = true, port = 8443 }").await;
    let response = plainly(&site, site.get("/")).await;
    assert_eq!(location(&response), "https://example.com:8443/");
}

#[tokio::test]
async fn proofs_for_certificates_are_answered_plainly() {
    let site = Site::with("https.redirect = true").await;
    let proof = "/.well-known/acme-challenge/token";
    site.origin.page(proof, Page::new("text/plain", "proof"));
    assert_eq!(plainly(&site, site.get(proof)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_trusted_proxy_says_how_the_visitor_came() {
    let trusting = "trusted_proxies = ['192.0.2.0/24']";
    for (first, sent_on) in [(trusting, false), ("", true)] {
        let site = Site::with_first(first, "https.redirect = true").await;
        site.origin.page("/a", Page::new("text/plain", "x"));
        let ask = site.get("/a").with("x-forwarded-proto", "https");
        let response = plainly(&site, ask).await;
        assert_eq!(response.status.is_redirection(), sent_on, "{first}");
    }
}

#[tokio::test]
async fn only_https_is_told_to_stay() {
    let site = Site::with("https.hsts = 'max-age=600'").await;
    site.origin.page("/a", Page::new("text/plain", "x"));
    let answer = site.get("/a").send().await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=600");
    let response = plainly(&site, site.get("/a")).await;
    assert!(!response.headers.contains_key("strict-transport-security"));
}

#[test]
fn settings_that_make_no_sense_are_reported() {
    for settings in [
        HttpsSettings {
            hsts: Some("yes".into()),
            ..HttpsSettings::default()
        },
        HttpsSettings {
            hsts: Some("max-age=1\n".into()),
            ..HttpsSettings::default()
        },
        HttpsSettings {
            port: 0,
            ..HttpsSettings::default()
        },
    ] {
        let mut report = report();
        HttpsModule::new(&settings, &[], "https", &mut report);
        assert_eq!(report.problems().len(), 1);
    }
}
