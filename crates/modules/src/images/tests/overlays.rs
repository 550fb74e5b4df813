//! Pictures that are laid over others.

use bytes::Bytes;
use http::StatusCode;

use crate::harness::{Answer, Page, Site, begin_all, drawing, photo};

const SETTINGS: &str = r#"
[images]
sources = ["http://ORIGIN"]

[images.grammars]
thumbor = { enabled = true, unsigned = true }
imgproxy = { enabled = true, unsigned = true, watermark = "/logo.png", watermark_opacity = 0.5 }
"#;
const MARKED: &str = "/unsafe/200x150/filters:watermark(/logo.png,-10,-10,50)/photo.jpg";
const PLAIN: &str = "/unsafe/200x150/photo.jpg";

async fn site() -> Site {
    let site = Site::with(SETTINGS).await;
    let photo = Page::new("image/jpeg", photo(640, 480));
    site.origin.page("/photo.jpg", photo);
    site.origin.page("/logo.png", logo(20));
    site
}

fn logo(side: u32) -> Page {
    Page::new("image/png", drawing(side, side))
}

/// How often the origin was asked.
fn asked(site: &Site) -> usize {
    site.origin.seen().len()
}

async fn get(site: &Site, path: &str) -> Answer {
    let answer = site.get(path).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{path} {answer:?}");
    answer
}

#[tokio::test]
async fn a_watermark_is_fetched_once_and_lies_on_every_picture() {
    let site = site().await;
    let plain = get(&site, PLAIN).await;
    let marked = get(&site, MARKED).await;
    assert_eq!((plain.size(), marked.size()), ((200, 150), (200, 150)));
    assert_ne!(plain.body, marked.body);
    assert_eq!(asked(&site), 2, "the photograph is kept already");
    let wider = get(&site, &MARKED.replace("200x150", "300x200")).await;
    assert_eq!((wider.size(), asked(&site)), ((300, 200), 2));
    let again = get(&site, MARKED).await;
    assert!(again.cache().contains("; hit"), "{again:?}");
    assert_eq!(again.body, marked.body);
}

#[tokio::test]
async fn a_watermark_from_the_settings_lies_where_the_url_says() {
    let site = site().await;
    let plain = get(&site, "/_/w:200/plain/photo.jpg").await;
    for position in ["1:soea:5:5", "0.5:re:10:10", "1:ce:0:0:0.3", "1"] {
        let path = format!("/_/w:200/wm:{position}/plain/photo.jpg");
        let marked = get(&site, &path).await;
        assert_eq!(marked.size(), plain.size(), "{position}");
        assert_ne!(marked.body, plain.body, "{position}");
    }
    let none = get(&site, "/_/w:200/wm:0/plain/photo.jpg").await;
    assert_eq!(none.body, plain.body);
    // What passes as it is has nothing laid over it.
    let raw = get(&site, "/_/raw:1/wm:1/plain/photo.jpg").await;
    assert_eq!(raw.body, Bytes::from(photo(640, 480)));
    assert_eq!(raw.header("cf-resized"), "");
}

#[tokio::test]
async fn another_version_of_a_watermark_makes_other_pictures() {
    let site = site().await;
    let first = get(&site, MARKED).await;
    site.origin.page("/logo.png", logo(40));
    assert_eq!(get(&site, MARKED).await.body, first.body, "fresh for now");
    let url = "https://example.com/logo.png".parse().unwrap();
    assert_eq!(site.services.purge(&url), 1);
    let second = get(&site, MARKED).await;
    assert_ne!(second.body, first.body);
    // A purge of the picture itself drops what lies under any watermark.
    let url = "https://example.com/photo.jpg".parse().unwrap();
    assert_eq!(site.services.purge(&url), 3);
}

#[tokio::test]
async fn without_its_watermark_a_picture_is_the_original_until_there_is_one() {
    let site = site().await;
    let nothing = Page::new("text/plain", "no").status(500);
    let page = Page::new("text/html", "<p>no picture");
    let large = Page::new("image/png", vec![0; 5 << 20]);
    for (number, wrong) in [nothing, page, large].into_iter().enumerate() {
        site.origin
            .page("/logo.png", wrong.with("cache-control", "no-store"));
        let answer = get(&site, MARKED).await;
        assert_eq!(answer.body, Bytes::from(photo(640, 480)), "{number}");
        assert!(answer.image().contains("to lay over it"), "{answer:?}");
        assert_eq!(answer.header("cf-resized"), "err=9516");
    }
    site.origin.page("/logo.png", logo(20));
    assert_eq!(get(&site, MARKED).await.size(), (200, 150));
}

#[tokio::test]
async fn nothing_of_the_visitor_is_told_where_a_watermark_is_fetched() {
    let site = site().await;
    let theirs = format!("http://{}/logo.png", site.origin.address);
    for path in [
        MARKED.to_owned(),
        MARKED.replace("/logo.png", &theirs.replace(':', "%3A")),
    ] {
        site.origin.forget();
        site.services
            .purge(&"https://example.com/logo.png".parse().unwrap());
        let asked = site.get(&path).with("cookie", "secret").send().await;
        assert_eq!(asked.status, StatusCode::OK, "{asked:?}");
        let seen = &site.origin.seen()[0].headers;
        assert!(!seen.contains_key("cookie"), "{seen:?}");
        assert!(!seen.contains_key("x-forwarded-for"), "{seen:?}");
    }
}

#[tokio::test]
async fn many_at_once_fetch_a_watermark_once() {
    let site = site().await;
    get(&site, PLAIN).await;
    site.origin.forget();
    site.origin.close_gate();
    let mut asking: Vec<_> = (0..10).map(|_| Box::pin(site.get(MARKED).send())).collect();
    begin_all(&mut asking).await;
    site.origin.open_gate();
    for answer in asking {
        assert_eq!(answer.await.size(), (200, 150));
    }
    assert_eq!(asked(&site), 1);
}
