//! Originals in the place of pictures.

use std::sync::Arc;

use base::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;

use super::BROWSER;
use crate::harness::{Feed, Page, Site, bomb, photo, small_photo};

#[tokio::test]
async fn what_cannot_be_made_is_sent_as_it_is() {
    let site = Site::new().await;
    let whole = photo(400, 300);
    let truncated = Bytes::copy_from_slice(&whole[..whole.len() / 3]);
    site.origin
        .page("/truncated.jpg", Page::new("image/jpeg", truncated.clone()));
    site.origin
        .page("/bomb.png", Page::new("image/png", bomb()));
    site.origin
        .page("/text.jpg", Page::new("image/jpeg", "no picture at all"));
    for (path, original, reason) in [
        ("/truncated.jpg", truncated, "damaged"),
        ("/bomb.png", bomb().into(), "65535x65535"),
        ("/text.jpg", "no picture at all".into(), "not a picture"),
    ] {
        for cached in [false, true] {
            let answer = site.get(path).with("accept", BROWSER).send().await;
            assert_eq!(
                (answer.status, &answer.body),
                (StatusCode::OK, &original),
                "{path}"
            );
            assert!(
                answer.image().starts_with("original; reason=\""),
                "{answer:?}"
            );
            assert!(answer.image().contains(reason), "{answer:?}");
            assert_eq!(answer.cache().contains("; hit"), cached, "{answer:?}");
        }
    }
    let by_url = site
        .get("/cdn-cgi/image/width=9/truncated.jpg")
        .send()
        .await;
    assert_eq!(by_url.header("cf-resized"), "err=9516");
    assert_eq!(by_url.header("content-type"), "image/jpeg");
    let by_url = site.get("/cdn-cgi/image/width=9/text.jpg").send().await;
    assert_eq!(
        (by_url.status.as_u16(), by_url.header("cf-resized")),
        (415, "err=9412")
    );
    let redirected = site
        .get("/cdn-cgi/image/width=9,onerror=redirect/truncated.jpg")
        .send()
        .await;
    assert_eq!(
        (redirected.status, redirected.header("location")),
        (StatusCode::FOUND, "/truncated.jpg")
    );
    assert_eq!(
        site.origin.seen().len(),
        3,
        "what cannot be made is remembered"
    );
}

#[tokio::test]
async fn an_original_that_stays_is_looked_into_once_and_kept() {
    let site = Site::new().await;
    let small = Bytes::from(small_photo(320, 240));
    let cut_off = small.slice(..small.len() * 2 / 3);
    let page = |body: &Bytes| Page::new("image/jpeg", body.clone());
    let whole = |body: &Bytes| {
        let body = body.clone();
        move || Body::from(body.clone())
    };
    let fixed = "max-age=60, no-transform";
    let fixed_page = page(&small).with("cache-control", fixed);
    site.origin.page("/fixed.jpg", fixed_page);
    let chunked = page(&small)
        .with("cache-control", fixed)
        .streaming(in_pieces(&small, 700));
    site.origin.page("/chunked.jpg", chunked);
    site.origin.page("/small.jpg", page(&small));
    let damaged = page(&small).streaming(whole(&cut_off));
    site.origin.page("/damaged.jpg", damaged);
    for (path, bytes, cache_control, reason) in [
        ("/fixed.jpg", &small, fixed, "\"no-transform\""),
        ("/chunked.jpg", &small, fixed, "\"no-transform\""),
        ("/small.jpg", &small, "max-age=600", "it is smaller"),
        ("/damaged.jpg", &cut_off, "max-age=600", "damaged"),
    ] {
        let first = site.get(path).with("accept", BROWSER).send().await;
        let second = site.get(path).with("accept", BROWSER).send().await;
        let outline = first.outline.as_ref().unwrap();
        assert_eq!(**outline, ::image::outline_of(bytes), "{path}");
        assert!(Arc::ptr_eq(outline, second.outline.as_ref().unwrap()));
        assert!(!first.cache().contains("; hit") && second.cache().contains("; hit"));
        for answer in [&first, &second] {
            assert_eq!((answer.status, &answer.body), (StatusCode::OK, bytes));
            assert_eq!(answer.header("cache-control"), cache_control, "{path}");
            assert_eq!(answer.header("content-type"), "image/jpeg");
            let tag = format!("\"{}-255\"", small.len());
            assert_eq!(answer.header("etag"), tag, "{path}");
            let said = answer.image();
            assert!(said.starts_with("original; reason=") && said.contains(reason));
        }
        assert_eq!(site.origin.seen().len(), 1, "{path}");
        site.origin.forget();
    }
    let progressive = ::image::outline_of(&small);
    assert!(progressive.preview < progressive.length && progressive.scans.len() > 1);
}

#[tokio::test]
async fn an_original_that_must_not_be_changed_is_the_same_for_every_client() {
    let site = Site::new().await;
    let page = Page::new("image/jpeg", photo(320, 240)).with("cache-control", "no-transform");
    site.origin.page("/photo.jpg", page);
    let answer = site.get("/photo.jpg").with("accept", BROWSER).send().await;
    assert_eq!(answer.header("vary"), "");
    let by_url = || site.get("/cdn-cgi/image/width=9/photo.jpg").send();
    for _ in 0..2 {
        let answer = by_url().await;
        assert_eq!(answer.header("cf-resized"), "err=9520");
        assert_eq!(answer.size(), (320, 240));
    }
}

#[tokio::test]
async fn an_original_too_large_to_be_kept_is_remembered_without_its_bytes() {
    let site = Site::new().await;
    let large = Bytes::from(vec![b'x'; 9 << 20]);
    site.origin
        .page("/large.jpg", Page::new("image/jpeg", large.clone()));
    for (asked, note) in [(1, "not a picture"), (2, "known to stay as it is")] {
        let answer = site.get("/large.jpg").send().await;
        assert_eq!(answer.body, large);
        assert!(answer.image().contains("not a picture"), "{answer:?}");
        let said = |words: &str| answer.notes.iter().any(|said| said.contains(words));
        assert!(said(note), "{answer:?}");
        assert_eq!(site.origin.seen().len(), asked);
    }
}

#[tokio::test]
async fn a_source_that_is_too_large_streams_on_untouched() {
    let site = Site::with("[images.limits]\nmax_bytes = 20000\n").await;
    let large = Bytes::from(photo(640, 480));
    assert!(large.len() > 20_000);
    site.origin
        .page("/large.jpg", Page::new("image/jpeg", large.clone()));
    site.origin.page(
        "/chunked.jpg",
        Page::new("image/jpeg", large.clone()).streaming(in_pieces(&large, 7000)),
    );
    let fixed = Page::new("image/jpeg", large.clone()).with("cache-control", "no-transform");
    site.origin
        .page("/fixed.jpg", fixed.streaming(in_pieces(&large, 7000)));
    for path in ["/large.jpg", "/chunked.jpg"] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.body, large, "{path}");
        assert!(
            answer.image().contains("more than 20000 bytes"),
            "{answer:?}"
        );
    }
    let answer = site.get("/fixed.jpg").send().await;
    assert_eq!(
        (&answer.body, answer.image()),
        (&large, "original; reason=\"no-transform\"")
    );
}

/// Bodies of unknown length that come in pieces of `size` bytes.
fn in_pieces(bytes: &Bytes, size: usize) -> impl Fn() -> Body + Send + Sync + use<> {
    let bytes = bytes.clone();
    move || {
        let frames: Vec<_> = bytes
            .chunks(size)
            .map(|piece| {
                Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::copy_from_slice(piece)))
            })
            .collect();
        Body::stream(PieceByPiece(frames.into()))
    }
}

/// A body of pieces of unknown length.
struct PieceByPiece(std::collections::VecDeque<Result<http_body::Frame<Bytes>, std::io::Error>>);

impl http_body::Body for PieceByPiece {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(self.0.pop_front())
    }
}

#[tokio::test]
async fn what_is_no_picture_streams_through_as_it_comes() {
    let site = Site::new().await;
    let (feed, body) = Feed::new();
    let page = Page::new("text/plain", "")
        .with("etag", "")
        .with("cache-control", "no-store");
    site.origin.page("/endless.jpg", page.streaming(body));
    feed.send("first");
    let (answer, mut body) = site
        .get("/endless.jpg")
        .with("accept", BROWSER)
        .begin()
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "first"
    );
    feed.send("second");
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "second"
    );
    drop(feed);
    assert!(body.frame().await.is_none());
    assert_eq!(answer.image(), "");
}
