use std::sync::Arc;
use std::time::Duration;

use base::settings::Report;
use pipeline::{Connection, NetworkEstimate, Response};

use super::NetworkSettings;
use crate::harness::{Ask, Page, Site, photo, report};

/// Asks over a connection with this estimate.
async fn over(site: &Site, estimate: NetworkEstimate, ask: Ask<'_>) -> Box<Response> {
    let mut exchange = ask.exchange();
    let connection = Connection {
        estimate: Arc::new(move || estimate),
        ..(*exchange.connection).clone()
    };
    exchange.connection = Arc::new(connection);
    site.pipeline.run(&mut exchange).await
}

fn rate(megabits: u64) -> NetworkEstimate {
    NetworkEstimate {
        rtt: Some(Duration::from_millis(40)),
        delivery_rate: Some(megabits * 125_000),
        ..NetworkEstimate::default()
    }
}

async fn site(settings: &str) -> Site {
    let site = Site::with(settings).await;
    let page = Page::new("image/jpeg", photo(320, 240))
        .with("cache-control", "public, max-age=600, s-maxage=900");
    site.origin.page("/photo.jpg", page);
    site
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers.get(name);
    value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

/// The size of the photograph over a connection, and for whom it may be kept.
async fn photograph(site: &Site, estimate: NetworkEstimate, agent: &str) -> (usize, String) {
    let ask = site.get("/photo.jpg").with("user-agent", agent);
    let response = over(site, estimate, ask).await;
    let cache_control = header(&response, "cache-control");
    let body = response.body.collect(1 << 20).await.unwrap();
    (body.len(), cache_control)
}

#[tokio::test]
async fn a_slow_connection_gets_fewer_bytes_and_no_shared_cache_may_keep_them() {
    let site = site("").await;
    let shared = "public, max-age=600, s-maxage=900".to_owned();
    let private = "private, max-age=600".to_owned();
    // Once made, once kept.
    for _ in 0..2 {
        let (fast, fast_kept) = photograph(&site, rate(50), "fast").await;
        let (medium, medium_kept) = photograph(&site, rate(5), "medium").await;
        let (slow, slow_kept) = photograph(&site, rate(1), "slow").await;
        assert!(slow < medium && medium < fast, "{slow} {medium} {fast}");
        assert_eq!(
            [&fast_kept, &medium_kept, &slow_kept],
            [&shared, &private, &private]
        );
    }
    assert_eq!(site.origin.seen().len(), 1, "one source for all");
}

#[tokio::test]
async fn a_picture_whose_url_says_its_quality_has_that() {
    let site = site("").await;
    let mut sizes = Vec::new();
    for (estimate, agent) in [(rate(50), "fast"), (rate(1), "slow")] {
        let ask = site.get("/cdn-cgi/image/quality=70/photo.jpg");
        let response = over(&site, estimate, ask.with("user-agent", agent)).await;
        assert_eq!(
            header(&response, "cache-control"),
            "public, max-age=600, s-maxage=900"
        );
        sizes.push(response.body.collect(1 << 20).await.unwrap().len());
    }
    assert_eq!(sizes[0], sizes[1]);
}

#[tokio::test]
async fn all_pictures_of_a_page_are_for_the_same_connection() {
    let site = site("").await;
    let (fast, _) = photograph(&site, rate(50), "a").await;
    // It takes some measurements to believe in a change, but none is believed in within a page.
    for _ in 0..8 {
        let (later, _) = photograph(&site, rate(1), "a").await;
        assert_eq!(fast, later);
    }
    site.origin.page("/", Page::new("text/html", "<p>next"));
    let page = site.get("/").with("accept", "text/html,*/*");
    over(&site, rate(1), page.with("user-agent", "a")).await;
    let (next, _) = photograph(&site, rate(1), "a").await;
    assert!(next < fast);
}

#[tokio::test]
async fn nothing_is_concluded_from_the_connection_of_a_proxy() {
    for (first, name) in [
        ("", "via"),
        ("", "forwarded"),
        ("", "x-forwarded-for"),
        ("trusted_proxies = ['192.0.2.0/24']", "x-other"),
    ] {
        let site = Site::with_first(first, "").await;
        let page = Page::new("image/jpeg", photo(320, 240));
        site.origin.page("/photo.jpg", page);
        let ask = site.get("/photo.jpg").with(name, "for=192.0.2.1");
        let response = over(&site, rate(1), ask).await;
        assert_eq!(header(&response, "cache-control"), "max-age=600", "{name}");
    }
}

/// What is said of the connection, with these headers.
async fn told(site: &Site, estimate: NetworkEstimate, headers: &[(&'static str, &str)]) -> String {
    let mut exchange = site.get("/photo.jpg").exchange();
    for (name, value) in headers {
        exchange.headers.insert(*name, value.parse().unwrap());
    }
    let connection = Connection {
        estimate: Arc::new(move || estimate),
        ..(*exchange.connection).clone()
    };
    exchange.connection = Arc::new(connection);
    let response = site.pipeline.run(&mut exchange).await;
    let timing = header(&response, "server-timing");
    let (_, tier) = timing.split_once("network;desc=").unwrap_or_default();
    tier.to_owned()
}

#[tokio::test]
async fn a_trusted_proxy_says_how_fast_the_visitors_connection_is() {
    let trusted = "trusted_proxies = ['192.0.2.0/24']";
    let header = "network.header = 'X-Rtt'";
    let site = Site::with_first(trusted, header).await;
    let page = Page::new("image/jpeg", photo(320, 240));
    site.origin.page("/photo.jpg", page);
    for (number, (value, expected)) in [
        ("slow", "slow"),
        ("medium", "medium"),
        ("fast", "fast"),
        ("600", "slow"),
        ("150ms", "medium"),
        ("60000us", "fast"),
        ("nonsense", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let visitor = format!("198.51.100.1, 203.0.{number}.7, 192.0.2.9");
        let headers = [("x-rtt", value), ("x-forwarded-for", &*visitor)];
        // Whatever the proxy's own connection is like.
        assert_eq!(told(&site, rate(50), &headers).await, expected, "{value}");
    }
    // It stays for the page, for this visitor.
    let again = |value, visitor| [("x-rtt", value), ("x-forwarded-for", visitor)];
    assert_eq!(
        told(&site, rate(50), &again("fast", "203.0.0.8")).await,
        "slow"
    );
    assert_eq!(
        told(&site, rate(50), &again("fast", "203.0.9.8")).await,
        "fast"
    );
}

#[tokio::test]
async fn nobody_else_says_so() {
    let site = site("network.header = 'X-Rtt'").await;
    assert_eq!(told(&site, rate(50), &[("x-rtt", "slow")]).await, "fast");
}

#[tokio::test]
async fn the_connection_of_a_balancer_says_nothing() {
    let site = site("").await;
    let mut exchange = site.get("/photo.jpg").exchange();
    let connection = Connection {
        estimate: Arc::new(|| rate(1)),
        proxied: true,
        ..(*exchange.connection).clone()
    };
    exchange.connection = Arc::new(connection);
    let response = site.pipeline.run(&mut exchange).await;
    assert!(!header(&response, "server-timing").contains("network"));
}

#[tokio::test]
async fn the_first_picture_waits_for_what_the_page_tells() {
    let site = site("").await;
    let looks = std::sync::atomic::AtomicU32::new(0);
    let mut exchange = site.get("/photo.jpg").exchange();
    let connection = Connection {
        estimate: Arc::new(move || {
            let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            NetworkEstimate {
                rtt: Some(Duration::from_millis(40)),
                watching: look < 3,
                burst: (look >= 3).then_some(pipeline::Burst {
                    rate: 150_000,
                    at_least: false,
                }),
                ..NetworkEstimate::default()
            }
        }),
        ..(*exchange.connection).clone()
    };
    exchange.connection = Arc::new(connection);
    let response = site.pipeline.run(&mut exchange).await;
    let timing = header(&response, "server-timing");
    assert!(timing.ends_with("network;desc=slow"), "{timing}");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let site = site("network.enabled = false").await;
    let (fast, _) = photograph(&site, rate(50), "a").await;
    let (slow, _) = photograph(&site, rate(1), "b").await;
    assert_eq!(fast, slow);
}

#[test]
fn thresholds_the_wrong_way_round_are_reported() {
    let problems = |settings: NetworkSettings| {
        let mut report: Report = report();
        settings.check("network", &mut report);
        report.problems().len()
    };
    assert_eq!(problems(NetworkSettings::default()), 0);
    assert_eq!(
        problems(NetworkSettings {
            slow_rate: 10_000_000,
            slow_rtt: Duration::from_millis(1),
            ..NetworkSettings::default()
        }),
        2
    );
}
