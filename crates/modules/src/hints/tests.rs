use std::sync::Arc;

use http::Method;
use pipeline::Connection;

use super::*;
use crate::harness::{Ask, Page, Site, report};

const ALL: &str = "sec-ch-width, sec-ch-dpr, sec-ch-viewport-width, sec-ch-device-memory, \
                   save-data, ect, rtt, downlink";

/// Asks by plain HTTP, and gives what the page asks for.
async fn insecurely(site: &Site, ask: Ask<'_>) -> bool {
    let mut exchange = ask.exchange();
    let connection = Connection {
        tls: false,
        ..(*exchange.connection).clone()
    };
    exchange.connection = Arc::new(connection);
    let response = site.pipeline.run(&mut exchange).await;
    response.headers.contains_key("accept-ch")
}

async fn site(settings: &str) -> Site {
    let site = Site::with(settings).await;
    let page = || Page::new("text/html; charset=utf-8", "<!doctype html>");
    site.origin.page("/", page());
    site.origin.page("/style.css", Page::new("text/css", "a{}"));
    let own = page()
        .with("accept-ch", "Sec-CH-UA-Model, Sec-CH-DPR")
        .with("permissions-policy", "camera=(), ch-dpr=(self)");
    site.origin.page("/own", own);
    site
}

#[tokio::test]
async fn pages_ask_and_nothing_else_does() {
    let site = site("").await;
    let page = site.get("/").send().await;
    assert_eq!(page.header("accept-ch"), ALL);
    assert_eq!(page.header("critical-ch"), "");
    assert_eq!(page.header("permissions-policy"), "");
    let kept = site.get("/").send().await;
    assert!(kept.cache().contains("; hit"));
    assert_eq!(kept.header("accept-ch"), ALL, "what is kept asks too, once");
    let style = site.get("/style.css").send().await;
    assert_eq!(style.header("accept-ch"), "");
    assert!(
        !insecurely(&site, site.get("/")).await,
        "never by plain HTTP"
    );
    let head = site.ask(Method::HEAD, "/").send().await;
    assert_eq!(head.header("accept-ch"), ALL);
}

#[tokio::test]
async fn what_the_origin_says_stays() {
    let settings = "hints.picture_origins = ['https://img.example.org']\n\
                    hints.critical = ['sec-ch-dpr']";
    let site = site(settings).await;
    let own = site.get("/own").send().await;
    assert_eq!(
        own.header("accept-ch"),
        "Sec-CH-UA-Model, Sec-CH-DPR, sec-ch-width, sec-ch-viewport-width, sec-ch-device-memory, \
         save-data, ect, rtt, downlink"
    );
    assert_eq!(own.header("critical-ch"), "sec-ch-dpr");
    let policies: Vec<_> = own.headers.get_all("permissions-policy").iter().collect();
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0], "camera=(), ch-dpr=(self)");
    let ours = policies[1].to_str().unwrap();
    assert!(ours.starts_with("ch-width=(self \"https://img.example.org\"), ch-viewport-width="));
    assert!(!ours.contains("ch-dpr"));
}

#[tokio::test]
async fn switched_off_nothing_is_asked() {
    let site = site("hints.enabled = false").await;
    assert_eq!(site.get("/").send().await.header("accept-ch"), "");
}

#[test]
fn settings_that_make_no_sense_are_reported() {
    let settings = HintsSettings {
        critical: vec![HeaderName::from_static("sec-ch-ua-model")],
        picture_origins: [
            "https://a.example",
            "http://a.example",
            "https://a.example/x",
            "a",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..HintsSettings::default()
    };
    let mut report = report();
    HintsModule::new(&settings, &[], "hints", &mut report);
    let shown = report.to_string();
    for place in [
        "critical[0]",
        "picture_origins[1]",
        "picture_origins[2]",
        "picture_origins[3]",
    ] {
        assert!(shown.contains(place), "{shown}");
    }
    assert!(!shown.contains("picture_origins[0]"), "{shown}");
}
