use base::settings::{Report, Secret};
use http::{Method, StatusCode};

use super::{PATH, PurgeSettings};
use crate::harness::{Answer, Page, Site, photo};

const TOKEN: &str = "a-token-of-enough-length";
const PICTURE: &str = "/cdn-cgi/image/width=64,format=jpeg/lake.jpg";

async fn site() -> Site {
    let mut site = Site::new().await;
    site.use_purges(settings(TOKEN, &[]));
    for path in ["/a", "/b", "/news/c"] {
        let page = Page::new("text/plain", path).with("cache-tag", format!("all, tag{path}"));
        site.origin.page(path, page);
    }
    site.origin
        .page("/lake.jpg", Page::new("image/jpeg", photo(128, 96)));
    site
}

fn settings(token: &str, from: &[&str]) -> PurgeSettings {
    let network = |text: &&str| ::origin::Network::parse(text).unwrap();
    PurgeSettings {
        token: Secret(token.into()),
        from: from.iter().map(network).collect(),
    }
}

fn purge_method() -> Method {
    Method::from_bytes(b"PURGE").unwrap()
}

async fn purge(site: &Site, path: &str, token: &str) -> Answer {
    let ask = site.ask(purge_method(), path);
    ask.with("authorization", &format!("Bearer {token}"))
        .send()
        .await
}

async fn order(site: &Site, text: &str) -> Answer {
    let ask = site.ask(Method::POST, PATH);
    let ask = ask.with("authorization", &format!("bearer {TOKEN}"));
    ask.body(text.to_owned()).send().await
}

/// Whether it is kept, fresh or not; it is afterwards.
async fn is_kept(site: &Site, path: &str) -> bool {
    site.get(path).send().await.cache().contains("; hit")
}

/// Whether what is kept answered while it is asked for again.
fn is_stale(answer: &Answer) -> bool {
    let asked = |note: &String| note == "asking the origin behind it";
    answer.cache().contains("; hit") && answer.notes.iter().any(asked)
}

async fn keep_all(site: &Site) {
    for path in ["/a", "/b", "/news/c", "/lake.jpg", PICTURE] {
        site.get(path).send().await;
        assert!(is_kept(site, path).await, "{path}");
    }
}

#[tokio::test]
async fn an_address_is_purged_with_all_that_is_made_of_it() {
    let site = site().await;
    keep_all(&site).await;
    let answer = purge(&site, "/lake.jpg", TOKEN).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("cache-control"), "no-store");
    let said = String::from_utf8_lossy(&answer.body);
    assert!(said.starts_with("{\"success\":true,\"purged\":"), "{said}");
    assert!(
        said.ends_with("\"soft\":false,\"fleet\":\"none\"}\n"),
        "{said}"
    );
    assert!(!is_kept(&site, PICTURE).await);
    assert!(is_kept(&site, "/a").await);
    let count = |answer: &Answer| {
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        said["purged"].as_u64().unwrap()
    };
    assert!(count(&answer) >= 2);
    let nothing = purge(&site, "/nowhere", TOKEN).await;
    assert_eq!((nothing.status, count(&nothing)), (StatusCode::OK, 0));
}

#[tokio::test]
async fn orders_are_carried_out() {
    let site = site().await;
    for (text, gone) in [
        (r#"{"files": ["http://example.com/a"]}"#, &["/a"][..]),
        (r#"{"tags": ["tag/b", "unknown"]}"#, &["/b"]),
        (r#"{"tags": ["all"]}"#, &["/a", "/b", "/news/c"]),
        (r#"{"prefixes": ["EXAMPLE.com/news"]}"#, &["/news/c"]),
        (
            r#"{"prefixes": ["https://example.com/n"], "tags": ["tag/a"]}"#,
            &["/news/c", "/a"],
        ),
        (r#"{"hosts": ["other.example"]}"#, &[]),
        (
            r#"{"hosts": ["example.com"]}"#,
            &["/a", "/b", "/news/c", PICTURE],
        ),
        (
            r#"{"purge_everything": true}"#,
            &["/a", "/b", "/news/c", PICTURE],
        ),
    ] {
        keep_all(&site).await;
        let answer = order(&site, text).await;
        assert_eq!(answer.status, StatusCode::OK, "{text}");
        for path in ["/a", "/b", "/news/c", PICTURE] {
            let kept = is_kept(&site, path).await;
            assert_eq!(kept, !gone.contains(&path), "{text}: {path}");
        }
    }
}

#[tokio::test]
async fn a_soft_purge_leaves_what_may_answer_while_it_is_asked_for_again() {
    let site = site().await;
    keep_all(&site).await;
    let answer = order(&site, r#"{"tags": ["tag/a"], "soft": true}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    let stale = site.get("/a").send().await;
    assert!(is_stale(&stale), "{stale:?}");
    for (name, value) in [("firstlight-purge", "soft"), ("fastly-soft-purge", "1")] {
        let ask = site.ask(purge_method(), "/b").with(name, value);
        let ask = ask.with("authorization", &format!("Bearer {TOKEN}"));
        let said = ask.send().await;
        assert!(String::from_utf8_lossy(&said.body).contains("\"soft\":true"));
    }
    let stale = site.get("/b").send().await;
    assert!(is_stale(&stale), "{stale:?}");
}

#[tokio::test]
async fn nobody_purges_without_the_token() {
    let site = site().await;
    keep_all(&site).await;
    site.origin.forget();
    for given in [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some(TOKEN.into()),
        Some(format!("Basic {TOKEN}")),
        Some(format!("Bearer {TOKEN}x")),
        Some(format!("Bearer {}", &TOKEN[1..])),
    ] {
        for (method, path) in [(purge_method(), "/a"), (Method::POST, PATH)] {
            let mut ask = site.ask(method, path);
            if let Some(given) = &given {
                ask = ask.with("authorization", given);
            }
            let answer = ask.body(r#"{"purge_everything": true}"#).send().await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{given:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let twice = site
        .ask(purge_method(), "/a")
        .with("authorization", &format!("Bearer {TOKEN}"))
        .with("authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(twice.send().await.status, StatusCode::UNAUTHORIZED);
    assert!(is_kept(&site, "/a").await);
    assert!(site.origin.seen().is_empty(), "the origin is told nothing");
}

#[tokio::test]
async fn only_some_addresses_may_ask_where_that_is_said() {
    let mut site = site().await;
    keep_all(&site).await;
    site.use_purges(settings(TOKEN, &["10.0.0.0/8"]));
    assert_eq!(
        purge(&site, "/a", TOKEN).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(is_kept(&site, "/a").await);
    // The harness asks from there.
    site.use_purges(settings(TOKEN, &["10.0.0.0/8", "192.0.2.0/24"]));
    assert_eq!(purge(&site, "/a", TOKEN).await.status, StatusCode::OK);
    assert!(!is_kept(&site, "/a").await);
}

#[tokio::test]
async fn without_a_token_it_is_the_origins_business() {
    let mut site = site().await;
    site.use_purges(settings("", &[]));
    site.origin.page(PATH, Page::new("text/plain", "mine"));
    site.origin.forget();
    assert_eq!(purge(&site, PATH, "").await.body, "mine");
    let posted = site.ask(Method::POST, PATH).body("{}").send().await;
    assert_eq!(posted.body, "mine");
    assert_eq!(site.origin.seen().len(), 2);
}

#[tokio::test]
async fn a_wrong_order_is_answered_with_what_is_wrong() {
    let site = site().await;
    keep_all(&site).await;
    let wrong = order(&site, r#"{"tag": ["all"]}"#).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(&wrong.body).contains("`tag`"));
    let large = order(&site, &" ".repeat((1 << 20) + 1)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let got = site
        .get(PATH)
        .with("authorization", &format!("Bearer {TOKEN}"));
    let got = got.send().await;
    assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(got.header("allow"), "POST");
    assert!(is_kept(&site, "/a").await);
}

#[test]
fn a_token_is_long_and_can_be_sent() {
    let problems = |token: &str| {
        let mut report = Report::new("purge.toml", "");
        settings(token, &[]).check("purge", &mut report);
        report.problems().len()
    };
    for fine in ["", TOKEN, "0123456789abcdef"] {
        assert_eq!(problems(fine), 0, "{fine}");
    }
    for wrong in [
        "0123456789abcde",
        "a token with spaces in it",
        "ünbelievably-long-token",
    ] {
        assert_eq!(problems(wrong), 1, "{wrong}");
    }
    let mut settings = settings("", &[]);
    settings.complete(|name| (name == "FIRSTLIGHT_PURGE_TOKEN").then(|| TOKEN.into()));
    assert_eq!(settings.token.0, TOKEN);
}
