//! Deltas on the way to an origin that offers dictionaries.

use bytes::Bytes;
use http::HeaderMap;
use workshop::Cancel;

use crate::compression::Digest;
use crate::compression::delta::{DeltaCoding, make};
use crate::harness::{Answer, Page, Site};

const OFFER: &str = "match=\"/app.*.js\", id=\"app\"";
const AVAILABLE: &str = "available-dictionary";

/// A text of many lines that differ, and in a few places by its version.
fn text(version: u32) -> String {
    let line = |number: u32| {
        let version = if number.is_multiple_of(50) {
            version
        } else {
            0
        };
        format!(
            "function f{number}() {{ return {} }}\n",
            number.wrapping_mul(77_777) + version
        )
    };
    (0..400).map(line).collect()
}

fn page(version: u32) -> Page {
    Page::new("text/javascript", text(version))
        .with("use-as-dictionary", OFFER)
        .with("vary", "accept-encoding, available-dictionary")
        .with("etag", format!("\"{version}\""))
}

/// The next version: a delta for those who have the first one.
fn next(coding: DeltaCoding, delta: Vec<u8>) -> Page {
    let coded = page(2).with("content-encoding", coding.token());
    let delta = Bytes::from(delta);
    let coded = coded.streaming(move || delta.clone().into());
    page(2).otherwise(AVAILABLE, coded)
}

fn delta(coding: DeltaCoding, from: &str) -> Vec<u8> {
    make(
        coding,
        from.as_bytes(),
        text(2).as_bytes(),
        &Cancel::default(),
    )
    .unwrap()
}

/// A site with the first version kept, and whatever was asked forgotten.
async fn site(settings: &str) -> Site {
    let site = Site::with(settings).await;
    site.origin.page("/app.1.js", page(1));
    let first = site.get("/app.1.js").send().await;
    assert_eq!(first.body, text(1));
    site.origin.forget();
    site
}

/// Asks for the next version; what came must be that, whatever the origin said.
async fn ask(site: &Site) -> (Answer, Vec<HeaderMap>) {
    let answer = site.get("/app.2.js").send().await;
    assert_eq!(answer.body, text(2), "{answer:?}");
    let seen = site.origin.seen().into_iter().map(|seen| seen.headers);
    (answer, seen.collect())
}

#[tokio::test]
async fn an_origin_that_offers_dictionaries_sends_deltas_which_are_kept_plain() {
    let site = site("").await;
    let made = delta(DeltaCoding::Dcb, &text(1));
    let length = made.len();
    site.origin.page("/app.2.js", next(DeltaCoding::Dcb, made));
    let (answer, seen) = ask(&site).await;
    let available = Digest::of(text(1).as_bytes()).to_header();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0][AVAILABLE], available);
    assert_eq!(seen[0]["dictionary-id"], "\"app\"");
    assert_eq!(seen[0]["accept-encoding"], "dcb, identity;q=0.5");
    let said = format!(
        "dcb to https://example.com/app.1.js: {length} of {} bytes",
        text(2).len()
    );
    assert!(answer.notes.contains(&said), "{:?}", answer.notes);
    assert!(length * 10 < text(2).len(), "{length}");
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(answer.header("content-length"), text(2).len().to_string());
    assert_eq!(answer.header("etag"), "W/\"2\"");
    // It is kept, and visitors get from it what they take.
    let again = site.get("/app.2.js").with("accept-encoding", "gzip");
    let again = again.send().await;
    assert!(again.cache().contains("; hit"), "{again:?}");
    assert_eq!(again.header("content-encoding"), "gzip");
    assert_eq!(site.origin.seen().len(), 1);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_delta_the_page_is_right() {
    let good = delta(DeltaCoding::Dcb, &text(1));
    let mut large_window = good.clone();
    large_window[36] = 0x11;
    let mut other_end = good.clone();
    other_end.truncate(good.len() - 9);
    let too_long = vec![b'x'; 5 << 20];
    for (coding, wrong) in [
        (
            DeltaCoding::Dcb,
            delta(DeltaCoding::Dcb, "another dictionary"),
        ),
        (DeltaCoding::Dcb, other_end),
        (DeltaCoding::Dcb, large_window),
        (DeltaCoding::Dcb, too_long),
        (DeltaCoding::Dcb, Vec::new()),
        (DeltaCoding::Dcb, b"nonsense".to_vec()),
        (DeltaCoding::Dcz, delta(DeltaCoding::Dcz, &text(1))),
    ] {
        let site = site("").await;
        site.origin.page("/app.2.js", next(coding, wrong));
        let (_, seen) = ask(&site).await;
        let told: Vec<bool> = seen
            .iter()
            .map(|head| head.contains_key(AVAILABLE))
            .collect();
        assert_eq!(told, [true, false]);
        // That dictionary is not tried again, but what came instead is.
        site.origin.forget();
        site.origin.page("/app.3.js", page(3));
        site.get("/app.3.js").send().await;
        let told = &site.origin.seen()[0].headers[AVAILABLE];
        assert_eq!(*told, Digest::of(text(2).as_bytes()).to_header());
    }
}

#[tokio::test]
async fn an_origin_may_answer_as_it_likes() {
    let site = site("").await;
    site.origin.page("/app.2.js", page(2));
    let (answer, seen) = ask(&site).await;
    assert!(seen.len() == 1 && seen[0].contains_key(AVAILABLE));
    assert_eq!(answer.header("etag"), "\"2\"");
}

#[tokio::test]
async fn nothing_is_told_where_nothing_fits_or_may_be_told() {
    let told = async |site: &Site, path: &'static str| {
        site.origin.page(path, page(2));
        site.origin.forget();
        let asked = site.get(path).send().await;
        assert_eq!(asked.body, text(2));
        site.origin.seen()[0].headers.contains_key(AVAILABLE)
    };
    let on = site("").await;
    assert!(told(&on, "/app.2.js").await);
    assert!(!told(&on, "/lib.2.js").await, "another pattern");
    assert!(
        !told(
            &site("compression.origin_dictionaries = false").await,
            "/app.2.js"
        )
        .await
    );
    assert!(!told(&site("compression.enabled = false").await, "/app.2.js").await);
    // What is purged is told of no more.
    let url = "https://example.com/app.1.js".parse().unwrap();
    let purged = site("").await;
    assert!(purged.services.purge(&url) > 0);
    assert!(!told(&purged, "/app.2.js").await);
    // Parts are as the origin has them.
    let parts = site("").await;
    parts.origin.page("/app.2.js", page(2));
    parts
        .get("/app.2.js")
        .with("range", "bytes=0-9")
        .send()
        .await;
    assert!(!parts.origin.seen()[0].headers.contains_key(AVAILABLE));
}

#[tokio::test]
async fn what_is_of_one_visitor_is_no_dictionary_for_others() {
    let site = Site::new().await;
    site.origin.page(
        "/app.1.js",
        page(1).with("cache-control", "private, max-age=60"),
    );
    site.get("/app.1.js").send().await;
    site.origin.page("/app.2.js", page(2));
    site.origin.forget();
    let (_, seen) = ask(&site).await;
    assert!(!seen[0].contains_key(AVAILABLE));
}
