use std::sync::Arc;

use base::Body;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt;

use crate::harness::{Feed, Page, Site, begin_all, bomb, drawing, photo, small_photo};

const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

async fn with_photo() -> Site {
    let site = Site::new().await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", photo(640, 480)));
    site
}

#[tokio::test]
async fn a_photo_becomes_progressive_at_its_own_url_and_is_kept() {
    let site = with_photo().await;
    let first = site.get("/photo.jpg").with("accept", BROWSER).send().await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    assert!(first.is_progressive() && first.outline.is_some());
    assert_eq!(first.size(), (640, 480));
    assert!(
        first
            .image()
            .starts_with("jpeg; width=640; height=480; bytes="),
        "{first:?}"
    );
    assert!(first.cache().contains("fwd=uri-miss") && first.cache().contains("stored"));
    assert_eq!(first.header("vary"), "accept, save-data");
    assert_eq!(first.header("content-length"), first.body.len().to_string());
    let second = site.get("/photo.jpg").with("accept", BROWSER).send().await;
    assert!(
        second.cache().starts_with("firstlight; hit; ttl="),
        "{second:?}"
    );
    assert_eq!(
        (&first.body, first.header("etag")),
        (&second.body, second.header("etag"))
    );
    assert!(second.outline.is_some());
    assert_eq!(site.origin.seen().len(), 1);
}

#[tokio::test]
async fn the_client_gets_what_it_accepts() {
    let site = Site::new().await;
    site.origin
        .page("/drawing.png", Page::new("image/png", drawing(300, 200)));
    let webp = site
        .get("/drawing.png")
        .with("accept", BROWSER)
        .send()
        .await;
    assert_eq!(webp.header("content-type"), "image/webp", "{webp:?}");
    let plain = site
        .get("/drawing.png")
        .with("accept", "image/png,*/*;q=0.1")
        .send()
        .await;
    assert_eq!(plain.header("content-type"), "image/png", "{plain:?}");
    assert_ne!(webp.header("etag"), plain.header("etag"));
    assert_eq!(site.origin.seen().len(), 1, "both come from one source");
    let smaller = site
        .get("/drawing.png")
        .with("accept", BROWSER)
        .with("save-data", "on");
    assert!(smaller.send().await.cache().contains("detail=source-hit"));
}

#[tokio::test]
async fn a_url_says_what_is_to_be_done() {
    let site = with_photo().await;
    let answer = site
        .get("/cdn-cgi/image/width=200,format=webp/photo.jpg")
        .send()
        .await;
    assert_eq!(answer.size(), (200, 150), "{answer:?}");
    assert_eq!(answer.header("content-type"), "image/webp");
    let again = site
        .get("/cdn-cgi/image/f=webp,w=200//photo.jpg")
        .send()
        .await;
    assert!(
        again.cache().contains("; hit"),
        "equal wishes are one variant: {again:?}"
    );
    let absolute = "/cdn-cgi/image/width=100/https://example.com/photo.jpg";
    assert_eq!(site.get(absolute).send().await.size(), (100, 75));
    assert_eq!(site.origin.seen().len(), 1);
}

#[tokio::test]
async fn facts_are_answered_as_json() {
    let site = with_photo().await;
    let answer = site
        .get("/cdn-cgi/image/width=320,format=json/photo.jpg")
        .send()
        .await;
    assert_eq!(answer.header("content-type"), "application/json");
    let facts: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (&facts["width"], &facts["original"]["width"]),
        (&320.into(), &640.into())
    );
}

#[tokio::test]
async fn wrong_options_are_all_named() {
    let site = Site::new().await;
    for (path, status, code, words) in [
        (
            "/cdn-cgi/image/width=x,fitt=cover/a.jpg",
            400,
            "err=9401",
            &["width", "fitt"][..],
        ),
        ("/cdn-cgi/image/width=1", 400, "err=9406", &["source"][..]),
        (
            "/cdn-cgi/image/width=1/cdn-cgi/image/width=1/a.jpg",
            508,
            "err=9403",
            &[][..],
        ),
        (
            "/cdn-cgi/image/width=1/https://other.example/a.jpg",
            403,
            "err=9401",
            &["not among the allowed"][..],
        ),
        (
            "/cdn-cgi/image/width=1/http://0x7f.1/a.jpg",
            400,
            "err=9406",
            &["`http://0x7f.1/a.jpg`", "not an address in the usual form"][..],
        ),
    ] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.header("cf-resized"), code, "{path}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert!(site.origin.seen().is_empty());
}

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

#[tokio::test]
async fn head_says_what_get_would() {
    let site = with_photo().await;
    let head = site.ask(Method::HEAD, "/photo.jpg").send().await;
    let get = site.get("/photo.jpg").send().await;
    let head_again = site.ask(Method::HEAD, "/photo.jpg").send().await;
    for answer in [&head, &head_again] {
        assert!(answer.body.is_empty());
        for name in ["content-length", "content-type", "etag", "firstlight-image"] {
            assert_eq!(answer.header(name), get.header(name), "{name}");
        }
    }
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(site.origin.seen()[0].method, Method::GET);
}

#[tokio::test]
async fn a_client_that_has_the_picture_is_told_so() {
    let site = with_photo().await;
    let first = site.get("/photo.jpg").send().await;
    let tag = first.header("etag").to_owned();
    let second = site
        .get("/photo.jpg")
        .with("if-none-match", &tag)
        .send()
        .await;
    assert_eq!(second.status, StatusCode::NOT_MODIFIED);
    assert!(second.body.is_empty() && second.header("content-type").is_empty());
    assert_eq!(
        (second.header("etag"), second.header("vary")),
        (&*tag, first.header("vary"))
    );
    let part = site
        .get("/photo.jpg")
        .with("range", "bytes=2-5")
        .send()
        .await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body, first.body.slice(2..6));
    let span = format!("bytes 2-5/{}", first.body.len());
    assert_eq!(part.header("content-range"), span);
}

#[tokio::test]
async fn conditions_are_answered_on_a_miss_too() {
    let site = with_photo().await;
    let part = site
        .get("/photo.jpg")
        .with("range", "bytes=0-1")
        .send()
        .await;
    assert_eq!(
        (part.status, part.body.len()),
        (StatusCode::PARTIAL_CONTENT, 2)
    );
    assert!(!site.origin.seen()[0].headers.contains_key("range"));
    assert_eq!(site.origin.seen()[0].headers["accept-encoding"], "identity");
}

#[tokio::test]
async fn many_at_once_are_one_fetch_and_one_picture() {
    let site = with_photo().await;
    site.origin.close_gate();
    let mut asking: Vec<_> = (0..10)
        .map(|_| Box::pin(site.get("/photo.jpg").with("accept", BROWSER).send()))
        .collect();
    begin_all(&mut asking).await;
    site.origin.open_gate();
    let mut bodies = Vec::new();
    let (mut collapsed, mut made) = (0, 0);
    for answer in asking {
        let answer = answer.await;
        collapsed += usize::from(answer.cache().contains("collapsed"));
        made += usize::from(answer.was_made());
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!((bodies.len(), collapsed, made), (1, 9, 1));
    assert_eq!(site.origin.seen().len(), 1);
}

#[tokio::test]
async fn the_picture_is_made_even_if_the_first_client_leaves() {
    let site = Site::new().await;
    let (feed, body) = Feed::new();
    site.origin
        .page("/slow.jpg", Page::new("image/jpeg", "").streaming(body));
    // More than fits between origin and reader: once all has left, it is being read.
    let padding = 16;
    feed.send(photo(320, 240));
    for _ in 0..padding {
        feed.send(vec![0; 1 << 20]);
    }
    let mut first = Box::pin(site.get("/slow.jpg").send());
    while feed.taken() <= padding {
        begin_all(std::slice::from_mut(&mut first)).await;
        tokio::task::yield_now().await;
    }
    let mut second = Box::pin(site.get("/slow.jpg").send());
    begin_all(std::slice::from_mut(&mut second)).await;
    drop(first);
    drop(feed);
    let answer = second.await;
    assert!(
        answer.is_progressive() && answer.cache().contains("collapsed"),
        "{answer:?}"
    );
    assert_eq!(site.origin.seen().len(), 1);
}

#[tokio::test]
async fn private_pictures_are_made_for_each_and_never_kept() {
    let site = Site::new().await;
    let page = Page::new("image/jpeg", photo(320, 240)).with("cache-control", "private");
    site.origin.page("/private.jpg", page);
    for asked in 1..=2 {
        let answer = site.get("/private.jpg").send().await;
        assert!(
            answer.is_progressive() && !answer.cache().contains("stored"),
            "{answer:?}"
        );
        assert_eq!(site.origin.seen().len(), asked);
    }
    assert_eq!(site.services.store.stats().entries, 0);
}

#[tokio::test]
async fn a_stale_picture_is_used_again_if_its_source_is_the_same() {
    let site = Site::new().await;
    let page = || Page::new("image/jpeg", photo(320, 240)).with("cache-control", "no-cache");
    site.origin.page("/photo.jpg", page());
    let first = site.get("/photo.jpg").send().await;
    let second = site.get("/photo.jpg").send().await;
    assert_eq!(first.body, second.body);
    assert!(
        second.cache().contains("fwd=stale; fwd-status=304"),
        "{second:?}"
    );
    assert!(first.was_made() && !second.was_made());
    assert!(site.origin.seen()[1].headers.contains_key("if-none-match"));
    site.origin
        .page("/photo.jpg", page().with("etag", "\"other\""));
    assert!(site.get("/photo.jpg").send().await.was_made());
}

#[tokio::test]
async fn a_purge_drops_the_source_and_every_picture_of_it() {
    let site = with_photo().await;
    for path in ["/photo.jpg", "/cdn-cgi/image/width=50/photo.jpg"] {
        site.get(path).send().await;
    }
    let url = "https://example.com/photo.jpg".parse().unwrap();
    assert_eq!(site.services.purge(&url), 3);
    let answer = site.get("/photo.jpg").send().await;
    assert!(answer.cache().contains("uri-miss"), "{answer:?}");
    assert_eq!(site.origin.seen().len(), 2);
}

#[tokio::test]
async fn sources_on_the_list_are_fetched_without_the_visitors_words() {
    let site = Site::with("[images]\nsources = ['http://ORIGIN']\n").await;
    let page = Page::new("image/jpeg", photo(320, 240)).with("set-cookie", "a=b");
    site.origin.page("/theirs.jpg", page);
    site.origin
        .page("/theirs.html", Page::new("text/html", "<script>"));
    let path = format!(
        "/cdn-cgi/image/width=80/http://{}/theirs.jpg",
        site.origin.address
    );
    let answer = site.get(&path).with("cookie", "secret").send().await;
    assert_eq!(answer.size(), (80, 60), "{answer:?}");
    assert_eq!(answer.header("set-cookie"), "");
    let seen = &site.origin.seen()[0].headers;
    assert!(!seen.contains_key("cookie") && !seen.contains_key("x-forwarded-for"));
    assert!(site.get(&path).send().await.cache().contains("; hit"));
    let html = path.replace("theirs.jpg", "theirs.html");
    assert_eq!(
        site.get(&html).send().await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn the_origins_errors_pass() {
    let site = Site::new().await;
    let answer = site.get("/missing.jpg").send().await;
    assert_eq!(
        (answer.status, &answer.body[..]),
        (StatusCode::NOT_FOUND, &b"no such page"[..])
    );
    let answer = site.get("/cdn-cgi/image/width=9/missing.jpg").send().await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("cf-resized")),
        (404, "err=9404")
    );
}

#[tokio::test]
async fn no_transform_is_respected() {
    let site = Site::new().await;
    let original = photo(320, 240);
    let page =
        Page::new("image/jpeg", original.clone()).with("cache-control", "max-age=9, no-transform");
    site.origin.page("/photo.jpg", page);
    let answer = site.get("/photo.jpg").send().await;
    assert_eq!(answer.body, original);
    assert_eq!(answer.image(), "original; reason=\"no-transform\"");
}

#[tokio::test]
async fn the_origins_plan_for_its_own_bytes_does_not_hold_for_others() {
    let site = Site::new().await;
    let level = |page: Page| page.with("cf-priority", "30/0");
    let plan = |page: Page| level(page).with("cf-priority-change", "512:20/1");
    let photo = || Page::new("image/jpeg", photo(320, 240));
    site.origin.page("/level.jpg", level(photo()));
    site.origin.page("/plan.jpg", plan(photo()));
    let fixed = plan(photo()).with("cache-control", "no-transform");
    site.origin.page("/fixed.jpg", fixed);
    for (path, level, change) in [
        ("/level.jpg", "30/0", ""),
        ("/plan.jpg", "", ""),
        ("/fixed.jpg", "30/0", "512:20/1"),
    ] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.header("cf-priority"), level, "{path}");
        assert_eq!(answer.header("cf-priority-change"), change, "{path}");
    }
}

#[tokio::test]
async fn pictures_that_vary_on_more_are_kept_apart() {
    let site = Site::new().await;
    let page = Page::new("image/jpeg", photo(320, 240)).with("vary", "Origin, Accept");
    site.origin.page("/photo.jpg", page);
    let ask = |origin: &'static str| site.get("/photo.jpg").with("origin", origin).send();
    let first = ask("https://a.example").await;
    assert_eq!(first.header("vary"), "origin, accept, save-data");
    assert!(ask("https://a.example").await.cache().contains("; hit"));
    assert!(!ask("https://b.example").await.cache().contains("; hit"));
    assert_eq!(site.origin.seen().len(), 2);
}

#[tokio::test]
async fn an_origin_that_fails_is_covered_by_what_is_kept() {
    let site = Site::with("[cache]\nstale_if_error = '1h'\n").await;
    let fresh = Page::new("image/jpeg", photo(320, 240))
        .with("cache-control", "")
        .with("last-modified", "Mon, 23 Nov 2026 05:00:00 GMT");
    site.origin.page("/photo.jpg", fresh);
    let first = site.get("/photo.jpg").send().await;
    site.origin
        .page("/photo.jpg", Page::new("text/plain", "broken").status(500));
    let second = site.get("/photo.jpg").send().await;
    assert_eq!((second.status, &second.body), (StatusCode::OK, &first.body));
}

#[tokio::test]
async fn whatever_else_is_not_touched() {
    let site = Site::new().await;
    site.origin.page("/", Page::new("text/html", "<p>hello"));
    let answer = site
        .get("/")
        .with("accept", "text/html,image/webp")
        .send()
        .await;
    assert_eq!((&answer.body[..], answer.image()), (&b"<p>hello"[..], ""));
    let seen = site.origin.seen();
    assert_eq!(seen[0].headers["accept"], "text/html,image/webp");
}

/// Every grammar at once, with imgproxy's and thumbor's documented keys.
const GRAMMARS: &str = r#"
[images]
sources = ["http://raw.githubusercontent.com"]

[images.grammars]
next = true
ipx = true
imgix.enabled = true
cloudinary.enabled = true
imgproxy = { enabled = true, keys = ["746573742d6b6579"], salts = ["746573742d73616c74"] }
thumbor = { enabled = true, key = "mysecret", unsigned = true }
"#;

#[tokio::test]
async fn urls_of_other_servers_are_answered() {
    let site = Site::with(GRAMMARS).await;
    let png = Page::new("image/png", drawing(640, 480));
    site.origin.page("/test1.png", png);
    let photo = Page::new("image/jpeg", photo(640, 480));
    site.origin.page("/photo.jpg", photo);
    let signed =
        "/My9d3xq_PYpVHsPrCyww0Kh1w5KZeZhIlWhsa4az1TI/rs:fill:4:4/plain/local:///test1.png";
    for (path, size, word) in [
        (signed, (4, 4), "imgproxy: width=4,height=4,fit=crop"),
        (
            "/unsafe/-300x200/left/photo.jpg",
            (300, 200),
            "thumbor: width=300",
        ),
        (
            "/unsafe/fit-in/300x300/filters:fill(red)/photo.jpg",
            (300, 300),
            "extend=box",
        ),
        (
            "/unsafe/100x50:500x450/filters:rotate(90)/photo.jpg",
            (400, 400),
            "crop=100;50",
        ),
        (
            "/_next/image?url=%2Fphoto.jpg&w=320&q=75",
            (320, 240),
            "next: width=320",
        ),
        ("/_ipx/s_200x200/photo.jpg", (200, 200), "ipx: width=200"),
        (
            "/photo.jpg?w=100&h=100&fit=fill&pad=5",
            (100, 100),
            "imgix: width=90",
        ),
        (
            "/image/upload/c_crop,w_200,h_100,g_south/photo.jpg",
            (200, 100),
            "cloudinary: crop",
        ),
    ] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {answer:?}");
        assert_eq!(answer.size(), size, "{path}");
        let said = answer.notes.iter().any(|note| note.contains(word));
        assert!(said, "{path}: {:?}", answer.notes);
    }
    assert_eq!(site.origin.seen().len(), 2, "each source is fetched once");
}

#[tokio::test]
async fn what_other_servers_refuse_is_refused() {
    let site = Site::with(GRAMMARS).await;
    let signed =
        "/My9d3xq_PYpVHsPrCyww0Kh1w5KZeZhIlWhsa4az1TI/rs:fill:4:4/plain/local:///test2.png";
    for (path, status) in [
        // For another path.
        (signed, 403),
        ("/insecure/rs:fill:4:4/plain/local:///test1.png", 403),
        ("/cST4Ko5_FqwT3BDn-Wf4gO3RFSk=/500x500/photo.jpg", 403),
        // Signed or not, only sources on the list are asked, at addresses in the usual form.
        ("/unsafe/10x10/http://other.example/a.jpg", 403),
        ("/unsafe/10x10/https://raw.githubusercontent.com/a.jpg", 403),
        ("/unsafe/10x10/http://0x7f.1/a.jpg", 400),
        (
            "/unsafe/10x10/http://raw.githubusercontent.com/a/%252e%252e/b.jpg",
            400,
        ),
        (
            "/_next/image?url=http%3A%2F%2F169.254.169.254%2F&w=10&q=75",
            403,
        ),
        (
            "/_next/image?url=%2Fcdn-cgi%2Fimage%2Fw%3D1%2Fa.jpg&w=10&q=75",
            508,
        ),
        ("/unsafe/filters:watermark(a)/photo.jpg", 400),
    ] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.status.as_u16(), status, "{path} {answer:?}");
    }
    assert!(site.origin.seen().is_empty());
}

#[tokio::test]
async fn grammars_that_are_off_leave_urls_to_the_site() {
    let site = Site::new().await;
    let page = Page::new("image/jpeg", photo(64, 48));
    site.origin.page("/unsafe/10x10/photo.jpg", page);
    let answer = site.get("/unsafe/10x10/photo.jpg").send().await;
    assert_eq!(answer.size(), (64, 48));
}

#[tokio::test]
async fn an_svg_by_url_passes_but_runs_nothing() {
    let site = Site::new().await;
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    site.origin.page("/a.svg", Page::new("image/svg+xml", svg));
    let asked = site.get("/cdn-cgi/image/width=80/a.svg").send().await;
    assert_eq!(asked.body, svg.as_bytes());
    assert!(
        asked.header("content-security-policy").contains("sandbox"),
        "{asked:?}"
    );
    assert_eq!(asked.header("x-content-type-options"), "nosniff");
    // At its own URL it is the site's own affair.
    let own = site.get("/a.svg").send().await;
    assert_eq!(own.header("content-security-policy"), "", "{own:?}");
}
