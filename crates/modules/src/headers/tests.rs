use base::settings::Settings;

use super::HeadersModule;
use crate::harness::{Page, Site, report};
use crate::headers::HeadersSettings;

#[tokio::test]
async fn a_response_says_what_happened() {
    let site = Site::new().await;
    site.origin.page("/a", Page::new("text/plain", "x"));
    let first = site.get("/a").send().await;
    let timing = first.header("server-timing");
    assert!(
        timing.starts_with("cache;desc=uri-miss, edge;dur="),
        "{timing}"
    );
    assert!(timing.contains("origin;dur="), "{timing}");
    assert_eq!(first.header("x-request-id").len(), 16);
    let second = site.get("/a").send().await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert!(!second.header("server-timing").contains("origin"));
}

#[tokio::test]
async fn the_site_has_the_last_word() {
    let site = Site::with(
        "[headers]\nadd = ['X-One: a', 'X-Two: b']\nset = ['Content-Type: text/x']\n\
         remove = ['etag']\nrequest_id = false\nserver_timing = false\ncache_status = false\n",
    )
    .await;
    site.origin
        .page("/a", Page::new("text/plain", "x").with("x-one", "origin"));
    let answer = site.get("/a").send().await;
    assert_eq!(answer.headers.get_all("x-one").iter().count(), 2);
    assert_eq!(
        (answer.header("x-two"), answer.header("content-type")),
        ("b", "text/x")
    );
    for absent in ["etag", "x-request-id", "server-timing", "cache-status"] {
        assert_eq!(answer.header(absent), "", "{absent}");
    }
}

#[test]
fn lines_that_are_no_headers_are_all_reported() {
    let settings = HeadersSettings {
        add: vec!["no colon".into(), "X-Good: yes".into()],
        set: vec!["bad name: x".into(), "X-Bad: \u{1}".into()],
        ..HeadersSettings::default()
    };
    let mut report = report();
    HeadersModule::new(&settings, "site[0].headers", &mut report);
    let keys: Vec<_> = report
        .problems()
        .into_iter()
        .map(|problem| problem.key)
        .collect();
    assert_eq!(
        keys,
        [
            "site[0].headers.add[0]",
            "site[0].headers.set[0]",
            "site[0].headers.set[1]"
        ]
    );
    assert!(HeadersSettings::describe().len() > 5);
}
