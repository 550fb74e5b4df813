use http::{Method, StatusCode};
use http_body_util::BodyExt;

use crate::Purge;
use crate::harness::{Feed, Folder, Page, Site, begin_all, photo};

fn text(body: &'static str) -> Page {
    Page::new("text/plain", body)
}

#[tokio::test]
async fn a_fresh_response_is_kept_and_ages() {
    let site = Site::new().await;
    site.origin.page("/a", text("hello").with("age", "30"));
    let first = site.get("/a").send().await;
    assert!(
        first
            .cache()
            .starts_with("firstlight; fwd=uri-miss; ttl=570; stored"),
        "{first:?}"
    );
    let second = site.get("/a").send().await;
    assert_eq!(second.body, "hello");
    assert!(
        second.cache().starts_with("firstlight; hit; ttl=5"),
        "{second:?}"
    );
    assert!(second.header("age").parse::<u64>().unwrap() >= 30);
    assert_eq!(site.origin.seen().len(), 1);
    let other = site.get("/a?b").send().await;
    assert!(
        other.cache().contains("uri-miss"),
        "the query is part of the key"
    );
}

#[tokio::test]
async fn what_may_not_be_kept_is_fetched_each_time() {
    let site = Site::new().await;
    site.origin.page(
        "/private",
        text("x").with("cache-control", "private, max-age=60"),
    );
    site.origin
        .page("/cookie", text("x").with("set-cookie", "a=b"));
    site.origin.page("/any", text("x").with("vary", "*"));
    site.origin.page(
        "/silent",
        text("x").with("cache-control", "").with("etag", ""),
    );
    for path in ["/private", "/cookie", "/any", "/silent"] {
        let before = site.origin.seen().len();
        site.get(path).send().await;
        site.get(path).send().await;
        assert_eq!(site.origin.seen().len(), before + 2, "{path}");
    }
    assert_eq!(site.services.store.stats().entries, 0);
}

#[tokio::test]
async fn a_stale_response_is_validated_and_updated() {
    let site = Site::new().await;
    let page = || {
        text("hello")
            .with("cache-control", "")
            .with("etag", "\"v1\"")
    };
    site.origin.page("/a", page());
    site.get("/a").send().await;
    site.origin.page("/a", page().with("x-new", "1"));
    let second = site.get("/a").send().await;
    assert_eq!(
        (second.status, &second.body[..]),
        (StatusCode::OK, &b"hello"[..])
    );
    assert!(
        second.cache().contains("fwd=stale; fwd-status=304"),
        "{second:?}"
    );
    assert_eq!(second.header("x-new"), "1");
    assert_eq!(site.origin.seen()[1].headers["if-none-match"], "\"v1\"");
    let has = site
        .get("/a")
        .with("if-none-match", "W/\"v1\"")
        .send()
        .await;
    assert_eq!(has.status, StatusCode::NOT_MODIFIED);
    site.origin.page("/a", text("changed"));
    assert_eq!(site.get("/a").send().await.body, "changed");
    assert!(site.get("/a").send().await.cache().contains("; hit"));
}

#[tokio::test]
async fn what_is_kept_covers_an_origin_that_fails() {
    let site = Site::new().await;
    let stale = "max-age=0, stale-if-error=600";
    site.origin
        .page("/a", text("hello").with("cache-control", stale));
    site.origin.page(
        "/b",
        text("hello").with("cache-control", "max-age=0, must-revalidate"),
    );
    for path in ["/a", "/b"] {
        site.get(path).send().await;
    }
    for path in ["/a", "/b"] {
        site.origin
            .page(path, text("broken").status(503).with("etag", ""));
    }
    let covered = site.get("/a").send().await;
    assert_eq!(
        (covered.status, &covered.body[..]),
        (StatusCode::OK, &b"hello"[..])
    );
    assert!(covered.cache().contains("fwd-status=503"), "{covered:?}");
    assert_eq!(
        site.get("/b").send().await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn a_stale_response_answers_while_a_new_one_is_fetched() {
    let site = Site::new().await;
    let page = text("old").with("cache-control", "max-age=0, stale-while-revalidate=600");
    site.origin.page("/a", page);
    site.get("/a").send().await;
    site.origin.page("/a", text("new"));
    site.origin.close_gate();
    let stale = site.get("/a").send().await;
    assert_eq!(stale.body, "old");
    assert!(stale.cache().contains("; hit; ttl="), "{stale:?}");
    assert_eq!(site.get("/a").send().await.body, "old");
    site.origin.open_gate();
    while site.get("/a").send().await.body != "new" {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.origin.seen().len(), 2, "one refresh is enough");
}

#[tokio::test]
async fn responses_that_vary_are_kept_apart() {
    let site = Site::new().await;
    site.origin
        .page("/a", text("x").with("vary", "Accept-Language"));
    let ask = |language: &'static str| site.get("/a").with("accept-language", language).send();
    ask("de").await;
    assert!(ask("de").await.cache().contains("; hit"));
    assert!(ask("en").await.cache().contains("vary-miss"));
    assert!(ask("en").await.cache().contains("; hit"));
    assert_eq!(
        site.services
            .purge(&"https://example.com/a".parse().unwrap()),
        3
    );
}

#[tokio::test]
async fn a_part_comes_from_a_whole_that_is_kept() {
    let site = Site::new().await;
    site.origin.page("/a", text("0123456789"));
    let first = site.get("/a").with("range", "bytes=0-1").send().await;
    assert_eq!(
        first.status,
        StatusCode::OK,
        "the origin knows no ranges, and nothing is kept"
    );
    assert_eq!(site.services.store.stats().entries, 0);
    site.get("/a").send().await;
    let part = site.get("/a").with("range", "bytes=-3").send().await;
    assert_eq!(
        (part.status, &part.body[..]),
        (StatusCode::PARTIAL_CONTENT, &b"789"[..])
    );
    let outside = site.get("/a").with("range", "bytes=10-").send().await;
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header("content-range"), "bytes */10");
    let other = site
        .get("/a")
        .with("range", "bytes=0-0")
        .with("if-range", "\"x\"")
        .send()
        .await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, 10));
}

#[tokio::test]
async fn head_is_answered_from_what_is_kept() {
    let site = Site::new().await;
    site.origin.page("/a", text("hello"));
    site.get("/a").send().await;
    let head = site.ask(Method::HEAD, "/a").send().await;
    assert!(head.cache().contains("; hit") && head.body.is_empty());
    assert_eq!(head.header("content-length"), "5");
    let part = site.ask(Method::HEAD, "/a").with("range", "bytes=0-1");
    let part = part.send().await;
    assert_eq!(
        (part.status, part.header("content-length")),
        (StatusCode::OK, "5"),
        "ranges are for GET"
    );
}

#[tokio::test]
async fn what_answers_a_body_is_for_nobody_else() {
    let site = Site::new().await;
    site.origin.page("/a", text("hello"));
    site.origin
        .page("/a.jpg", Page::new("image/jpeg", photo(320, 240)));
    for path in ["/a", "/a.jpg", "/cdn-cgi/image/w=9/a.jpg"] {
        let with_body = site.get(path).body("user=mallory").send().await;
        assert!(with_body.cache().contains("fwd=bypass"), "{with_body:?}");
        assert_eq!(site.services.store.stats().entries, 0, "{path}");
    }
    site.get("/a").send().await;
    site.origin.forget();
    site.get("/a").body("user=mallory").send().await;
    assert_eq!(site.origin.seen().len(), 1, "nor is what is kept for it");
}

#[tokio::test]
async fn an_unsafe_request_drops_what_is_kept() {
    let site = Site::new().await;
    site.origin.page("/a", text("hello"));
    site.get("/a").send().await;
    let post = site.ask(Method::POST, "/a").body("change").send().await;
    assert!(post.cache().contains("fwd=method"), "{post:?}");
    assert!(site.get("/a").send().await.cache().contains("uri-miss"));
    assert_eq!(site.origin.seen().len(), 3);
}

#[tokio::test]
async fn only_if_cached_never_asks() {
    let site = Site::new().await;
    let answer = site
        .get("/a")
        .with("cache-control", "only-if-cached")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(site.origin.seen().is_empty());
}

#[tokio::test]
async fn reloads_are_obeyed_only_where_the_site_says_so() {
    for (settings, expected) in [("", 1), ("[cache]\nobey_reload = true\n", 2)] {
        let site = Site::with(settings).await;
        site.origin.page("/a", text("hello"));
        site.get("/a").send().await;
        site.get("/a")
            .with("cache-control", "no-cache")
            .send()
            .await;
        assert_eq!(site.origin.seen().len(), expected, "{settings}");
    }
}

#[tokio::test]
async fn two_pictures_of_one_source_are_one_fetch() {
    let site = Site::new().await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", photo(320, 240)));
    site.origin.close_gate();
    let mut asking: Vec<_> = [
        "/cdn-cgi/image/w=10/photo.jpg",
        "/cdn-cgi/image/w=20/photo.jpg",
    ]
    .into_iter()
    .map(|path| Box::pin(site.get(path).send()))
    .collect();
    begin_all(&mut asking).await;
    site.origin.open_gate();
    let mut both = asking.into_iter();
    let (one, other) = (both.next().unwrap(), both.next().unwrap());
    let (one, other) = tokio::join!(one, other);
    assert_eq!((one.size().0, other.size().0), (10, 20));
    assert_eq!(site.origin.seen().len(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_kept() {
    let site = Site::new().await;
    let (feed, body) = Feed::new();
    site.origin.page("/a", text("x").streaming(body));
    feed.send("some");
    let (answer, mut body) = site.get("/a").begin().await;
    assert!(answer.cache().contains("stored"), "{answer:?}");
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "some"
    );
    feed.break_off();
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(site.services.store.stats().entries, 0);
}

#[tokio::test]
async fn what_an_unsafe_request_names_is_dropped_too() {
    let site = Site::new().await;
    for path in ["/a", "/b", "/c", "/form"] {
        site.origin.page(path, text("hello").with("etag", ""));
    }
    for path in ["/a", "/b", "/c"] {
        site.get(path).send().await;
    }
    let named = text("done")
        .with("location", "/a")
        .with("content-location", "https://example.com/b");
    site.origin.page("/form", named);
    let form = site
        .ask(Method::POST, "/form")
        .with("content-type", "text/plain");
    form.body("change").send().await;
    for (path, kept) in [("/a", false), ("/b", false), ("/c", true)] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.cache().contains("; hit"), kept, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_validated_covers_an_origin_that_fails_too() {
    let site = Site::new().await;
    let page = text("hello")
        .with("etag", "")
        .with("cache-control", "max-age=0, stale-if-error=60");
    site.origin.page("/a", page);
    site.get("/a").send().await;
    assert_eq!(site.services.store.stats().entries, 0, "it was never fresh");
    let page = text("hello")
        .with("etag", "")
        .with("age", "60")
        .with("cache-control", "max-age=60, stale-if-error=60, public");
    site.origin.page("/b", page);
    site.get("/b").send().await;
    site.origin.page("/b", text("broken").status(503));
    let covered = site.get("/b").send().await;
    assert_eq!(
        (covered.status, &covered.body[..]),
        (StatusCode::OK, &b"hello"[..])
    );
    assert!(!site.origin.seen()[2].headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn what_is_immutable_is_not_asked_for_again() {
    let site = Site::with("[cache]\nobey_reload = true\n").await;
    let page = text("hello").with("cache-control", "max-age=600, immutable");
    site.origin.page("/a", page);
    for _ in 0..3 {
        site.get("/a")
            .with("cache-control", "no-cache")
            .send()
            .await;
    }
    assert_eq!(site.origin.seen().len(), 1);
    let asked = &site.origin.seen()[0].headers["surrogate-capability"];
    assert_eq!(asked, "firstlight=\"Surrogate/1.0\"");
}

#[tokio::test]
async fn many_things_are_dropped_by_tag_prefix_and_host() {
    let site = Site::new().await;
    site.origin
        .page("/news/a", text("a").with("cache-tag", "front, news"));
    site.origin
        .page("/news/b", text("b").with("surrogate-key", "news old"));
    site.origin
        .page("/c", text("c").with("cache-tag", "newspaper"));
    for (purge, left) in [
        (Purge::Tag("news"), &["/c"][..]),
        (Purge::Tag(""), &["/news/a", "/news/b", "/c"]),
        (Purge::Tag("old"), &["/news/a", "/c"]),
        (Purge::Prefix("https://example.com/news/"), &["/c"]),
        (Purge::Host("example.com"), &[]),
        (Purge::Host("ample.com"), &["/news/a", "/news/b", "/c"]),
        (Purge::Everything, &[]),
    ] {
        for path in ["/news/a", "/news/b", "/c"] {
            site.get(path).send().await;
        }
        assert_eq!(site.services.purge_many(purge), 3 - left.len(), "{purge:?}");
        for path in ["/news/a", "/news/b", "/c"] {
            let hit = site.get(path).send().await.cache().contains("; hit");
            assert_eq!(hit, left.contains(&path), "{purge:?}: {path}");
        }
    }
}

/// A site whose store has a disk in this folder, in front of the same origin as `other`.
fn with_disk(site: &mut Site, folder: &Folder, memory: u64) {
    let settings = ::cache::StoreSettings {
        memory: base::ByteSize(memory),
        max_entry: base::ByteSize(1 << 16),
        ..::cache::StoreSettings::default()
    };
    // The old one first: one process has a directory.
    site.use_store(::cache::Store::new(&settings));
    site.use_store(::cache::Store::open(&settings, folder.path()).unwrap());
}

#[tokio::test]
async fn a_restart_answers_from_disk_and_keeps_what_was_purged() {
    let folder = Folder::new();
    let mut site = Site::new().await;
    with_disk(&mut site, &folder, 1 << 22);
    let jpeg = || Page::new("image/jpeg", photo(320, 240)).with("cache-tag", "photos");
    for path in ["/1.jpg", "/2.jpg", "/3.jpg"] {
        site.origin.page(path, jpeg());
    }
    site.origin.page(
        "/a",
        text("x")
            .with("vary", "Accept-Language")
            .with("cache-tag", "words"),
    );
    let ask = async |site: &Site| {
        let mut hits = Vec::new();
        for path in [
            "/1.jpg",
            "/cdn-cgi/image/w=99/1.jpg",
            "/2.jpg",
            "/3.jpg",
            "/a",
        ] {
            let answer = site.get(path).with("accept-language", "de").send().await;
            assert_eq!(answer.status, StatusCode::OK);
            hits.push(answer.cache().contains("; hit"));
        }
        hits
    };
    ask(&site).await;
    site.origin.forget();
    with_disk(&mut site, &folder, 1 << 22);
    assert_eq!(ask(&site).await, [true; 5], "all of it from disk");
    assert!(site.origin.seen().is_empty());
    let stats = site.services.store.stats();
    assert!(
        stats.disk.hits >= 6,
        "with what is said of `Vary`: {stats:?}"
    );
    with_disk(&mut site, &folder, 1 << 22);
    // On disk alone: the source goes with its pictures, and by tag.
    assert!(
        site.services
            .purge(&"https://example.com/1.jpg".parse().unwrap())
            >= 2
    );
    assert!(site.services.purge_many(Purge::Tag("words")) >= 2);
    with_disk(&mut site, &folder, 1 << 22);
    assert_eq!(ask(&site).await, [false, false, true, true, false]);
    assert!(site.services.purge_many(Purge::Tag("photos")) >= 4);
    with_disk(&mut site, &folder, 1 << 22);
    assert_eq!(
        site.services.store.stats().entries,
        2,
        "the words and what they vary on"
    );
}

#[tokio::test]
async fn what_is_made_stale_answers_once_more_while_it_is_asked_for() {
    let site = Site::new().await;
    site.origin.page("/a", text("old").with("etag", "\"1\""));
    site.get("/a").send().await;
    site.origin.page("/a", text("new").with("etag", "\"2\""));
    assert_eq!(site.get("/a").send().await.body, "old");
    let url = "https://example.com/a".parse().unwrap();
    assert_eq!(site.services.soften(&url), 1);
    let stale = site.get("/a").send().await;
    assert!(
        stale.body == "old" && stale.cache().contains("; hit; ttl="),
        "{stale:?}"
    );
    while site.get("/a").send().await.body != "new" {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.origin.seen().len(), 2);
    assert_eq!(site.services.soften_many(Purge::Everything), 1);
    assert_eq!(site.services.soften_many(Purge::Host("other.example")), 0);
    site.get("/a").send().await;
    while site.origin.seen().len() < 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_picture_made_stale_follows_its_source() {
    let site = Site::new().await;
    let page = |width, tag: &str| Page::new("image/jpeg", photo(width, 240)).with("etag", tag);
    site.origin.page("/1.jpg", page(320, "\"1\""));
    let path = "/cdn-cgi/image/w=4000,fit=scale-down/1.jpg";
    assert_eq!(site.get(path).send().await.size().0, 320);
    site.origin.page("/1.jpg", page(300, "\"2\""));
    assert_eq!(site.get(path).send().await.size().0, 320, "it is fresh");
    site.services
        .soften(&"https://example.com/1.jpg".parse().unwrap());
    while site.get(path).send().await.size().0 != 300 {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.origin.seen().len(), 2);
}

#[tokio::test]
async fn what_is_too_large_for_memory_is_kept_on_disk() {
    let folder = Folder::new();
    let mut site = Site::new().await;
    with_disk(&mut site, &folder, 1 << 22);
    let film: Vec<u8> = (0..500_000u32).map(|place| (place % 251) as u8).collect();
    site.origin
        .page("/film", Page::new("video/mp4", film.clone()));
    for restart in [false, true] {
        site.get("/film").send().await;
        assert!(site.services.store.settle());
        if restart {
            with_disk(&mut site, &folder, 1 << 22);
        }
        let whole = site.get("/film").send().await;
        assert!(whole.cache().contains("; hit"), "{whole:?}");
        assert_eq!(
            (whole.body.len(), whole.header("content-length")),
            (500_000, "500000")
        );
        assert_eq!(whole.body, film);
        let part = site
            .get("/film")
            .with("range", "bytes=400000-400009")
            .send()
            .await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.body, film[400_000..400_010]);
    }
    assert_eq!(site.origin.seen().len(), 1);
    assert!(
        site.services.store.stats().bytes < 100_000,
        "its bytes are not in memory"
    );
    site.services
        .soften(&"https://example.com/film".parse().unwrap());
    assert_eq!(
        site.get("/film").send().await.body,
        film,
        "stale, while it is asked for"
    );
    while site.origin.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
}
