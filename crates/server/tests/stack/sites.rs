//! Several sites, a new configuration, and what is dropped from the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use server::{Config, Server};
use testkit::recorder::Request;
use testkit::{Origin, Recorder, Reply};

use crate::client::Client;
use crate::stack::{HOST, PATIENCE, Stack, address, config};

async fn saying(text: &'static str) -> Origin {
    let origin = Origin::start().await.unwrap();
    origin.reply("/", Reply::ok("text/plain", text));
    origin
}

#[tokio::test]
async fn sites_are_told_apart_by_host() {
    let (one, other) = tokio::join!(saying("one"), saying("other"));
    let site = |hosts: &str, origin: &Origin| {
        format!(
            "[[site]]\nhosts = [{hosts}]\norigin = '{}'\naccess_log = {{ enabled = false }}\n",
            origin.url("")
        )
    };
    let text = site("'one.example'", &one) + &site("'other.example', '*.other.example'", &other);
    let server = Server::start(config(&text)).unwrap();
    for (host, status, body) in [
        ("one.example", 200, "one"),
        ("One.Example:8443", 200, "one"),
        ("other.example", 200, "other"),
        ("a.b.other.example", 200, "other"),
        ("nobody.example", 421, "no site of that name"),
        ("127.0.0.1", 421, "no site of that name"),
    ] {
        let mut client = Client::plain(address(&server, false)).await;
        let answer = client.get(host, "/", "").await;
        assert_eq!(answer.status, status, "{host}");
        assert!(answer.text().contains(body), "{host}: {}", answer.text());
        let recorder = Recorder::new(address(&server, true), host).limit(PATIENCE);
        let recording = recorder.record(&[Request::get("/")]).await.unwrap();
        assert_eq!(recording.answers[0].status, status, "{host} by HTTP/2");
    }
    assert_eq!((one.count("/"), other.count("/")), (4, 4));
}

/// A configuration whose answers bear its name.
fn named(name: &str, origin: &Origin) -> Config {
    config(&format!(
        "[[site]]\norigin = '{}'\nheaders = {{ set = ['x-configuration: {name}'] }}\n\
         access_log = {{ enabled = false }}\ncache = {{ enabled = false }}\n",
        origin.url("")
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_configuration_under_load_loses_no_request() {
    let origin = saying("hello").await;
    let server = Server::start(named("0", &origin)).unwrap();
    let handle = server.handle();
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let visitors: Vec<_> = (0..4)
        .map(|visitor| {
            let (stop, answered) = (stop.clone(), answered.clone());
            let (plain, tls) = (address(&server, false), address(&server, true));
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let mut client = match visitor % 2 {
                        0 => Client::plain(plain).await,
                        _ => Client::tls(tls, HOST).await,
                    };
                    for _ in 0..20 {
                        let answer = client.get(HOST, "/", "").await;
                        assert_eq!((answer.status, &*answer.text()), (200, "hello"));
                        assert!(answer.complete);
                        seen.push(answer.header("x-configuration").parse::<usize>().unwrap());
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
                seen
            })
        })
        .collect();
    const RELOADS: usize = 20;
    for number in 1..=RELOADS {
        let before = answered.load(Ordering::Relaxed);
        assert_eq!(
            handle.reload(named(&number.to_string(), &origin)).unwrap(),
            [""; 0]
        );
        while answered.load(Ordering::Relaxed) < before + 20 {
            assert!(visitors.iter().any(|visitor| !visitor.is_finished()));
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut latest = 0;
    for visitor in visitors {
        let seen = visitor.await.unwrap();
        // A request ends with the configuration it began with; later ones see later ones.
        assert!(seen.is_sorted(), "{seen:?}");
        latest = latest.max(seen.last().copied().unwrap_or(0));
    }
    assert_eq!(latest, RELOADS);
}

#[tokio::test]
async fn what_is_purged_is_asked_for_again_and_all_else_stays() {
    let stack = Stack::new().await;
    let kept =
        |text: &'static str| Reply::ok("text/plain", text).header("cache-control", "max-age=600");
    for path in ["/page", "/other"] {
        stack.origin.reply(path, kept("old"));
        stack.origin.reply(path, kept("new"));
    }
    let ask = async |path: &str| stack.get(path, "").await.text();
    for _ in 0..2 {
        assert_eq!(
            (&*ask("/page").await, &*ask("/other").await),
            ("old", "old")
        );
    }
    let url = format!("http://{HOST}/page").parse().unwrap();
    assert_eq!(stack.server.handle().purge(&url), 1);
    assert_eq!(
        (&*ask("/page").await, &*ask("/other").await),
        ("new", "old")
    );
    assert_eq!(stack.server.handle().purge(&url), 1);
    assert_eq!(stack.server.handle().purge(&url), 0);
}
