//! A site with pictures, from the visitor's side.

mod grammars;
mod originals;
mod overlays;

use http::{Method, StatusCode};

use crate::harness::{Feed, Page, Site, begin_all, drawing, photo};

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
