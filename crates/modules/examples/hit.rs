//! What a cached picture costs inside the pipeline: `cargo run --release -p firstlight-modules
//! --example hit`. Prints nanoseconds for each hit, with every module and with each one alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::cache::policy::Freshness;
use ::cache::{Key, Store, StoreSettings};
use base::Body;
use base::settings::read;
use firstlight_modules::kept::{Entry, Kept};
use firstlight_modules::{Services, SiteSettings, build};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pipeline::{Connection, Exchange, NetworkEstimate, Outcome, Pipeline, Protocol};

const ROUNDS: u32 = 300_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        eprintln!("no runtime");
        return;
    };
    runtime.block_on(async {
        for (name, settings) in [
            ("every module", ""),
            ("every module, log off", "access_log.enabled = false\n"),
            (
                "no log, no headers",
                "access_log.enabled = false\nheaders.enabled = false\n",
            ),
        ] {
            measure(name, settings).await;
        }
    });
}

async fn measure(name: &str, settings: &str) {
    let text =
        format!("origin = 'http://127.0.0.1:1'\naccess_log.target = '/dev/null'\n{settings}");
    let Ok((settings, mut report)) = read::<SiteSettings>("example", &text) else {
        return;
    };
    let workshop = workshop::Workshop::new(&workshop::WorkshopSettings::default());
    let client = origin::Client::new(&origin::OriginSettings::default());
    let (Ok(workshop), Ok(client)) = (workshop, client) else {
        return;
    };
    let services = Services::new(Store::new(&StoreSettings::default()), client, workshop);
    let Some(pipeline) = build(&settings, &services, "", &mut report) else {
        eprintln!("{report}");
        return;
    };
    keep_picture(&services);
    for _ in 0..2 {
        let since = Instant::now();
        for _ in 0..ROUNDS {
            hit(&pipeline).await;
        }
        let each = since.elapsed() / ROUNDS;
        println!("{name}: {} ns a hit", each.as_nanos());
    }
    let since = Instant::now();
    for _ in 0..ROUNDS {
        std::hint::black_box(exchange());
    }
    let each = since.elapsed() / ROUNDS;
    println!("  of which making the request: {} ns", each.as_nanos());
}

async fn hit(pipeline: &Pipeline) {
    let mut exchange = exchange();
    let response = pipeline.run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.body.exact_len(), Some(20_000));
    let outcome = Outcome {
        status: response.status,
        body_bytes: 20_000,
        complete: true,
        duration: Duration::from_micros(300),
    };
    pipeline.ended(&exchange, &outcome);
}

fn keep_picture(services: &Services) {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("cache-control", "public, max-age=31536000"),
        ("etag", "\"0123456789abcdef\""),
        ("last-modified", "Mon, 23 Nov 2026 05:00:00 GMT"),
        ("vary", "accept, save-data"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        (
            "firstlight-image",
            "jpeg; width=640; height=480; bytes=20000/54321",
        ),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let freshness = Freshness {
        received: std::time::SystemTime::now(),
        initial_age: Duration::ZERO,
        lifetime: Duration::from_secs(3600),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
    };
    let kept = Kept::new(StatusCode::OK, headers, vec![0; 20_000].into(), freshness);
    let key = Key {
        primary: "https://example.com:8443/photos/one.jpg".into(),
        variant: firstlight_modules::images::variant_key(&exchange().headers, &Default::default()),
    };
    services.store.insert(key, Arc::new(Entry::Response(kept)));
}

fn exchange() -> Exchange {
    let address = SocketAddr::from(([192, 0, 2, 7], 4711));
    let connection = Connection {
        remote: address,
        local: address,
        protocol: Protocol::Http2,
        tls: true,
        proxied: false,
        estimate: Arc::new(NetworkEstimate::default),
    };
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.uri = http::Uri::from_static("https://example.com:8443/photos/one.jpg");
    for (name, value) in [
        (
            "accept",
            "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        ),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-site", "same-origin"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36",
        ),
        ("referer", "https://example.com:8443/"),
        ("priority", "u=2, i"),
    ] {
        head.headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    Exchange::new(head, Body::Empty, Arc::new(connection))
}
