use std::io::Read;

use http::{Method, StatusCode};
use http_body_util::BodyExt;

use super::Coding;
use crate::harness::{Answer, Feed, Page, Site};

/// A text that compresses, of so many bytes.
fn text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 40);
    let mut number = 1u32;
    while text.len() < bytes {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(&format!(
            ".rule-{} {{ margin: {}px }}\n",
            number >> 20,
            number >> 28
        ));
    }
    text.truncate(bytes);
    text
}

fn decode(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match Coding::parse(coding.as_bytes()) {
        Some(Coding::Brotli) => brotli::Decompressor::new(body, 4096).read_to_end(&mut plain),
        Some(Coding::Gzip) => flate2::read::GzDecoder::new(body).read_to_end(&mut plain),
        Some(Coding::Zstd) => zstd::stream::read::Decoder::new(body)
            .unwrap()
            .read_to_end(&mut plain),
        None => return body.to_vec(),
    }
    .unwrap();
    plain
}

/// Asks with this `Accept-Encoding`.
async fn ask(site: &Site, path: &str, accept: &str) -> Answer {
    site.get(path).with("accept-encoding", accept).send().await
}

/// Asks, waits until what is kept has its best forms, and asks again.
async fn improved(site: &Site, path: &str, accept: &str) -> Answer {
    ask(site, path, accept).await;
    site.services.workshop.settled().await;
    let answer = ask(site, path, accept).await;
    assert!(
        answer.notes.iter().any(|note| note.contains(", kept: ")),
        "{answer:?}"
    );
    answer
}

fn css(body: impl Into<String>) -> Page {
    Page::new("text/css", body.into())
}

#[tokio::test]
async fn a_text_is_sent_in_the_coding_wanted_most() {
    let site = Site::new().await;
    let body = text(30_000);
    site.origin.page("/a.css", css(body.clone()));
    for (accept, coding) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("br;q=0.5, gzip", "gzip"),
        ("gzip;q=0", ""),
        ("", ""),
    ] {
        let site = Site::new().await;
        site.origin.page("/a.css", css(body.clone()));
        let answer = ask(&site, "/a.css", accept).await;
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
        assert_eq!(decode(coding, &answer.body), body.as_bytes(), "{accept}");
        assert_eq!(answer.header("vary"), "Accept-Encoding", "{accept}");
        let tag = answer.header("etag");
        assert_eq!(tag.starts_with("W/"), !coding.is_empty(), "{accept}: {tag}");
        assert_eq!(site.origin.seen()[0].headers["accept-encoding"], "identity");
    }
    let silent = site.get("/a.css").send().await;
    assert_eq!(
        (silent.header("content-encoding"), silent.body.len()),
        ("", 30_000)
    );
}

#[tokio::test]
async fn the_next_visitor_gets_the_best_form_whoever_asked_first() {
    let site = Site::new().await;
    let body = text(20_000);
    site.origin.page("/a.css", css(body.clone()));
    let first = ask(&site, "/a.css", "gzip, br").await;
    let best = improved(&site, "/a.css", "gzip, br").await;
    let mut expected = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: body.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut body.as_bytes(), &mut expected, &parameters).unwrap();
    assert!(
        best.body.len() <= expected.len(),
        "{} bytes",
        expected.len()
    );
    assert!(best.body.len() < first.body.len());
    assert_eq!(decode("br", &best.body), body.as_bytes());
    assert_eq!(best.header("content-length"), best.body.len().to_string());
    assert!(best.cache().contains("; hit"), "{best:?}");
    let gzip = ask(&site, "/a.css", "gzip").await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(gzip.header("content-length"), gzip.body.len().to_string());
    assert_eq!(decode("gzip", &gzip.body), body.as_bytes());
    let zstd = ask(&site, "/a.css", "gzip;q=0.5, zstd").await;
    assert_eq!(zstd.header("content-encoding"), "zstd");
    let plain = ask(&site, "/a.css", "identity").await;
    assert_eq!(
        (plain.body.len(), plain.header("etag").starts_with('"')),
        (20_000, true)
    );
    assert_eq!(
        site.services.store.stats().entries,
        1,
        "all forms are one entry"
    );
    assert_eq!(site.origin.seen().len(), 1);
    let counts = site.services.workshop.snapshot().improving;
    assert_eq!(counts.panicked, 0);
}

#[tokio::test]
async fn the_forms_outlive_a_validation_and_not_a_purge() {
    let site = Site::new().await;
    let page = || css(text(5000)).with("cache-control", "no-cache");
    site.origin.page("/a.css", page());
    improved(&site, "/a.css", "br").await;
    let validated = ask(&site, "/a.css", "br").await;
    assert!(
        validated.cache().contains("fwd-status=304"),
        "{validated:?}"
    );
    assert!(validated.notes.iter().any(|note| note.contains("br, kept")));
    site.services
        .purge(&"https://example.com/a.css".parse().unwrap());
    let after = ask(&site, "/a.css", "br").await;
    assert!(
        after.notes.iter().any(|note| note.contains("on the way")),
        "{after:?}"
    );
}

#[tokio::test]
async fn what_is_kept_anew_is_compressed_anew() {
    let site = Site::new().await;
    site.origin.page("/a.css", css(text(5000)));
    improved(&site, "/a.css", "br").await;
    site.services
        .purge(&"https://example.com/a.css".parse().unwrap());
    let other = text(5000).replace("margin", "padding");
    site.origin.page("/a.css", css(other.clone()));
    let best = improved(&site, "/a.css", "br").await;
    assert_eq!(decode("br", &best.body), other.as_bytes());
}

#[tokio::test]
async fn what_must_not_change_or_gains_nothing_stays() {
    let site = Site::new().await;
    let body = text(5000);
    let pages: [(&'static str, Page); 6] = [
        ("/small", css(text(900))),
        (
            "/as-is",
            css(body.clone()).with("cache-control", "no-transform, max-age=9"),
        ),
        (
            "/coded",
            css(body.clone()).with("content-encoding", "deflate"),
        ),
        ("/picture", Page::new("image/png", body.clone())),
        ("/untyped", css(body.clone()).with("content-type", "")),
        (
            "/part",
            css(body.clone())
                .status(206)
                .with("content-range", "bytes 0-4999/9000"),
        ),
    ];
    let paths = pages.each_ref().map(|(path, _)| *path);
    for (path, page) in pages {
        site.origin.page(path, page);
    }
    for path in paths {
        let answer = ask(&site, path, "br, gzip").await;
        assert!(
            !matches!(answer.header("content-encoding"), "br" | "gzip"),
            "{path}"
        );
        assert_eq!(answer.header("vary"), "", "{path}");
        assert!(!answer.header("etag").starts_with("W/"), "{path}");
    }
    let asked = site
        .get("/untyped")
        .with("accept-encoding", "br")
        .with("cache-control", "no-transform");
    assert_eq!(asked.send().await.header("content-encoding"), "");
    let refused = ask(&site, "/small", "gzip, identity;q=0").await;
    assert_eq!(
        refused.header("content-encoding"),
        "gzip",
        "plain was refused"
    );
}

#[tokio::test]
async fn parts_and_heads_are_plain() {
    let site = Site::new().await;
    site.origin.page("/a.css", css(text(5000)));
    improved(&site, "/a.css", "br").await;
    let part = site
        .get("/a.css")
        .with("accept-encoding", "br")
        .with("range", "bytes=0-9")
        .send()
        .await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!((part.header("content-encoding"), part.body.len()), ("", 10));
    let head = site
        .ask(Method::HEAD, "/a.css")
        .with("accept-encoding", "br");
    let head = head.send().await;
    assert_eq!(head.header("content-encoding"), "");
    assert_eq!(
        (head.header("content-length"), head.header("vary")),
        ("5000", "Accept-Encoding")
    );
}

#[tokio::test]
async fn who_has_the_compressed_form_is_told_so() {
    let site = Site::new().await;
    site.origin.page("/kept.css", css(text(5000)));
    site.origin.page(
        "/passed.css",
        css(text(5000)).with("cache-control", "private"),
    );
    for path in ["/kept.css", "/passed.css"] {
        let first = ask(&site, path, "br").await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let again = site
            .get(path)
            .with("accept-encoding", "br")
            .with("if-none-match", &tag);
        let again = again.send().await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}: {again:?}");
        assert_eq!(
            (again.header("etag"), again.header("vary")),
            (&*tag, "Accept-Encoding")
        );
    }
}

#[tokio::test]
async fn an_origin_may_compress_where_the_site_says_so() {
    let site = Site::with("[compression]\norigin_may_compress = true\n").await;
    let coded = css("not really gzip, but nobody here looks").with("content-encoding", "gzip");
    site.origin
        .page("/a.css", coded.with("vary", "accept-encoding"));
    let answer = ask(&site, "/a.css", "gzip;q=0.8, br, unknown").await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.header("vary"), "accept-encoding");
    assert_eq!(site.origin.seen()[0].headers["accept-encoding"], "br, gzip");
    let again = ask(&site, "/a.css", "br,gzip").await;
    assert!(
        again.cache().contains("; hit"),
        "equal words, one variant: {again:?}"
    );
}

#[tokio::test]
async fn events_leave_as_they_come() {
    let site = Site::new().await;
    let (feed, body) = Feed::new();
    let page = Page::new("text/event-stream", "").with("cache-control", "no-store");
    site.origin.page("/events", page.streaming(body));
    for accept in ["gzip"] {
        feed.send("data: one\n\n");
        let asked = site.get("/events").with("accept-encoding", accept);
        let (answer, mut body) = asked.begin().await;
        assert_eq!(answer.header("content-encoding"), accept);
        let mut made = Vec::new();
        for (number, event) in ["data: one\n\n", "data: two\n\n", "data: three\n\n"]
            .into_iter()
            .enumerate()
        {
            if number > 0 {
                feed.send(event);
            }
            // Flushed: what is read so far decodes to its end.
            let mut seen = String::new();
            while !seen.ends_with(event) {
                let frame = body.frame().await.unwrap().unwrap();
                made.extend_from_slice(&frame.into_data().unwrap());
                seen = String::from_utf8(readable(&made)).unwrap();
            }
        }
    }
}

/// What can be read of a gzip stream that has not ended.
fn readable(gzip: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(gzip);
    let mut piece = [0; 64];
    while let Ok(length @ 1..) = decoder.read(&mut piece) {
        plain.extend_from_slice(&piece[..length]);
    }
    plain
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_compressed() {
    let site = Site::new().await;
    let (feed, body) = Feed::new();
    site.origin.page("/a.css", css("").streaming(body));
    feed.send(text(100_000));
    let asked = site.get("/a.css").with("accept-encoding", "br");
    let (answer, mut body) = asked.begin().await;
    assert_eq!(answer.header("content-encoding"), "br");
    body.frame().await.unwrap().unwrap();
    feed.break_off();
    let error = loop {
        if let Err(error) = body.frame().await.unwrap() {
            break error;
        }
    };
    assert!(matches!(error, base::BodyError::Aborted(_)));
    assert_eq!(site.services.store.stats().entries, 0);
}

#[tokio::test]
async fn large_texts_stream_and_are_improved_too() {
    let site = Site::with("[compression]\nbest = '64KiB'\n").await;
    let body = text(300_000);
    site.origin.page("/a.css", css(body.clone()));
    for accept in ["br", "zstd", "gzip"] {
        let site = Site::with("[compression]\nbest = '0B'\n").await;
        site.origin.page("/a.css", css(body.clone()));
        for _ in 0..2 {
            let answer = ask(&site, "/a.css", accept).await;
            assert_eq!(answer.header("content-encoding"), accept);
            assert_eq!(answer.header("content-length"), "");
            assert_eq!(decode(accept, &answer.body), body.as_bytes());
        }
        let improving = site.services.workshop.snapshot().improving;
        assert_eq!(
            (improving.waiting, improving.finished),
            (0, 0),
            "not asked for"
        );
    }
    let best = improved(&site, "/a.css", "br").await;
    assert_eq!(decode("br", &best.body), body.as_bytes());
}

#[tokio::test]
async fn without_memory_for_encoders_texts_are_plain() {
    let site = Site::new().await;
    site.origin.page("/a.css", css(text(300_000)));
    let all = site.services.workshop.encoder_share();
    assert!(all.grow(1 << 40), "who is alone gets as much as he likes");
    let answer = ask(&site, "/a.css", "br, gzip").await;
    assert_eq!(
        (answer.header("content-encoding"), answer.body.len()),
        ("", 300_000)
    );
    assert_eq!(answer.header("vary"), "Accept-Encoding");
    drop(all);
    assert_eq!(
        ask(&site, "/a.css", "br").await.header("content-encoding"),
        "br"
    );
}

#[tokio::test]
async fn what_does_not_become_smaller_is_not_tried_again() {
    let site = Site::new().await;
    let mut state = 7u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(3000)
    .collect();
    site.origin
        .page("/a", Page::new("text/plain", noise.clone()));
    ask(&site, "/a", "br").await;
    site.services.workshop.settled().await;
    let answer = ask(&site, "/a", "br").await;
    assert_eq!(
        (answer.header("content-encoding"), &answer.body[..]),
        ("", &noise[..])
    );
    assert!(
        answer
            .notes
            .iter()
            .any(|note| note.contains("does not become smaller"))
    );
}
