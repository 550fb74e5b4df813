use std::sync::Arc;

use ::cache::{Lookup, Store, StoreSettings};
use http::{Method, StatusCode};

use super::*;
use crate::behind::Shared;
use crate::harness::{Answer, Folder, Page, Site};

const OLD: &str = "/app.3f2a1c01.js";
const NEW: &str = "/app.3f2a1c02.js";
const OFFER: &str = "match=\"/app.*.js\"";
const VARY: &str = "Accept-Encoding, Available-Dictionary";
/// What Chromium takes when it has a dictionary.
const TAKEN: &str = "gzip, deflate, br, zstd, dcb, dcz";

/// A script of some thousand bytes, with this somewhere in it.
fn script(version: &str) -> String {
    let mut number = 1u32;
    let mut line = |place: usize| {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match place {
            300 => format!("export const version = '{version}';\n"),
            _ => format!("function f{number:x}() {{ return {}; }}\n", number >> 9),
        }
    };
    (0..600).map(&mut line).collect()
}

fn page(version: &str) -> Page {
    Page::new("text/javascript", script(version)).with("cache-control", "max-age=31536000")
}

/// A site with two versions of a script.
async fn site() -> Site {
    site_with("").await
}

async fn site_with(settings: &str) -> Site {
    let site = Site::with(settings).await;
    site.origin.page(OLD, page("1.0"));
    site.origin.page(NEW, page("1.1"));
    site
}

/// Asks with a dictionary.
async fn ask(site: &Site, path: &str, dictionary: &str, more: &[(&'static str, &str)]) -> Answer {
    let digest = Digest::of(dictionary.as_bytes()).to_header();
    let mut asked = site
        .get(path)
        .with("accept-encoding", TAKEN)
        .with("available-dictionary", &digest);
    for (name, value) in more {
        asked = asked.with(name, value);
    }
    asked.send().await
}

async fn settle(site: &Site) {
    site.services.workshop.settled().await;
    assert_eq!(site.services.workshop.snapshot().improving.panicked, 0);
}

/// Serves both versions and makes the delta between them.
async fn with_delta(site: &Site) -> Answer {
    ask(site, OLD, "nothing", &[]).await;
    settle(site).await;
    let first = ask(site, NEW, &script("1.0"), &[]).await;
    settle(site).await;
    first
}

fn decode(answer: &Answer) -> Vec<u8> {
    let coding = DeltaCoding::parse(answer.header("content-encoding").as_bytes()).unwrap();
    let (old, new) = (script("1.0"), script("1.1"));
    delta::decode(coding, old.as_bytes(), &answer.body, new.len()).unwrap()
}

fn says(answer: &Answer, text: &str) -> bool {
    answer.notes.iter().any(|note| note.contains(text))
}

#[tokio::test]
async fn who_has_the_earlier_version_gets_the_difference() {
    let site = site().await;
    let first = with_delta(&site).await;
    assert_eq!(first.header("content-encoding"), "br", "{first:?}");
    assert!(says(&first, "no delta yet"), "{first:?}");
    let delta = ask(&site, NEW, &script("1.0"), &[]).await;
    assert_eq!(decode(&delta), script("1.1").as_bytes());
    assert!(delta.body.len() < 150, "{} bytes", delta.body.len());
    assert!(
        says(&delta, "dcb to https://example.com/app.3f2a1c01.js"),
        "{delta:?}"
    );
    assert_eq!(delta.header("content-length"), delta.body.len().to_string());
    assert!(delta.header("etag").starts_with("W/\""));
    for answer in [&first, &delta] {
        assert_eq!(answer.header("use-as-dictionary"), OFFER);
        assert_eq!(answer.header("vary"), VARY);
    }
    assert!(site.origin.seen().iter().all(|seen| {
        seen.headers["accept-encoding"] == "identity"
            && !seen.headers.contains_key(AVAILABLE_DICTIONARY)
    }));
    let without = site.get(NEW).with("accept-encoding", "br").send().await;
    assert_eq!(
        without.header("content-encoding"),
        "br",
        "others get theirs"
    );
    let head = site
        .ask(Method::HEAD, NEW)
        .with("accept-encoding", TAKEN)
        .send()
        .await;
    assert_eq!(
        (head.header("vary"), head.header("content-encoding")),
        (VARY, "")
    );
    let tag = delta.header("etag").to_owned();
    let same = ask(&site, NEW, &script("1.0"), &[("if-none-match", &tag)]).await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    assert_eq!((same.header("vary"), same.header("etag")), (VARY, &*tag));
}

#[tokio::test]
async fn a_delta_is_for_those_who_want_it_and_may_read_it() {
    let site = site().await;
    with_delta(&site).await;
    let old = script("1.0");
    let cors = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")];
    for (more, why) in [
        (
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-mode", "no-cors"),
            ][..],
            "",
        ),
        (
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            "",
        ),
        (&[("sec-fetch-site", "cross-site")], ""),
        (
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "no-cors"),
            ],
            "another site",
        ),
        (
            &[
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors"),
            ],
            "another site",
        ),
        (&cors, "another site"),
        (
            &[cors[0], cors[1], ("origin", "https://other.example")],
            "another site",
        ),
    ] {
        let answer = ask(&site, NEW, &old, more).await;
        let coding = answer.header("content-encoding").to_owned();
        assert_eq!(
            coding,
            if why.is_empty() { "dcb" } else { "br" },
            "{more:?}"
        );
        assert!(says(&answer, why), "{answer:?}");
    }
    for accept in ["gzip, br", "br, dcb;q=0.5", "br, dcb;q=0, dcz", "br, *"] {
        let digest = Digest::of(old.as_bytes()).to_header();
        let asked = site.get(NEW).with("accept-encoding", accept);
        let answer = asked.with("available-dictionary", &digest).send().await;
        assert_eq!(answer.header("content-encoding"), "br", "{accept}");
    }
    let part = ask(&site, NEW, &old, &[("range", "bytes=0-9")]).await;
    assert_eq!(
        (part.status.as_u16(), part.header("content-encoding")),
        (206, "")
    );
    let untouched = ask(&site, NEW, &old, &[("cache-control", "no-transform")]).await;
    assert_eq!(untouched.header("content-encoding"), "");
    let authorised = ask(&site, NEW, &old, &[("authorization", "Basic eDp5")]).await;
    assert_ne!(authorised.header("content-encoding"), "dcb");
    assert_eq!(authorised.header("use-as-dictionary"), "");
}

#[tokio::test]
async fn another_site_that_may_read_it_gets_it() {
    for allowed in ["*", "https://other.example"] {
        let site = Site::new().await;
        for (path, version) in [(OLD, "1.0"), (NEW, "1.1")] {
            let page = page(version).with("access-control-allow-origin", allowed);
            site.origin.page(path, page.with("vary", "Origin"));
        }
        let cors = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "cors"),
            ("origin", "https://other.example"),
        ];
        ask(&site, OLD, "", &cors).await;
        settle(&site).await;
        ask(&site, NEW, &script("1.0"), &cors).await;
        settle(&site).await;
        let answer = ask(&site, NEW, &script("1.0"), &cors).await;
        assert_eq!(decode(&answer), script("1.1").as_bytes());
        assert_eq!(answer.header("vary"), format!("Origin, {VARY}"));
    }
}

#[tokio::test]
async fn what_is_purged_is_no_dictionary_any_more() {
    let site = site().await;
    with_delta(&site).await;
    site.services
        .purge(&format!("https://example.com{OLD}").parse().unwrap());
    let answer = ask(&site, NEW, &script("1.0"), &[]).await;
    assert_eq!(answer.header("content-encoding"), "br");
    assert!(says(&answer, "is kept no longer"), "{answer:?}");
    // Nor is one made from it.
    site.services
        .purge(&format!("https://example.com{NEW}").parse().unwrap());
    for _ in 0..2 {
        let answer = ask(&site, NEW, &script("1.0"), &[]).await;
        assert_eq!(answer.header("content-encoding"), "br");
        settle(&site).await;
    }
    let answer = ask(&site, NEW, &script("1.0"), &[]).await;
    assert!(says(&answer, "is not kept"), "{answer:?}");
    assert_eq!(
        site.services.purge_many(crate::Purge::Host("example.com")),
        2,
        "new, and its place"
    );
    assert_eq!(site.services.store.stats().entries, 0);
}

#[tokio::test]
async fn a_body_that_changed_under_its_address_is_no_dictionary() {
    let site = site().await;
    ask(&site, OLD, "", &[]).await;
    settle(&site).await;
    site.services
        .purge(&format!("https://example.com{OLD}").parse().unwrap());
    site.origin.page(OLD, page("0.9"));
    ask(&site, OLD, "", &[]).await;
    settle(&site).await;
    for _ in 0..2 {
        let answer = ask(&site, NEW, &script("1.0"), &[]).await;
        assert_eq!(answer.header("content-encoding"), "br");
        settle(&site).await;
    }
    // What there is now is one.
    ask(&site, NEW, &script("0.9"), &[]).await;
    settle(&site).await;
    let answer = ask(&site, NEW, &script("0.9"), &[]).await;
    assert_eq!(answer.header("content-encoding"), "dcb", "{answer:?}");
}

#[tokio::test]
async fn only_what_is_public_fresh_and_versioned_is_offered() {
    let site = Site::new().await;
    let text = || page("1.0");
    let never = [
        ("/app.js", text()),
        (
            "/page.3f2a1c.html",
            text().with("content-type", "text/html; charset=utf-8"),
        ),
        (
            "/short.3f2a1c.js",
            text().with("cache-control", "max-age=600"),
        ),
        (
            "/shared.3f2a1c.js",
            text().with("cache-control", "s-maxage=9999999"),
        ),
        (
            "/asked.3f2a1c.js",
            text().with("cache-control", "no-cache, max-age=9999999"),
        ),
        (
            "/private.3f2a1c.js",
            text().with("cache-control", "private, max-age=9999999"),
        ),
        ("/agent.3f2a1c.js", text().with("vary", "User-Agent")),
        ("/cookie.3f2a1c.js", text().with("set-cookie", "a=b")),
        (
            "/as-is.3f2a1c.js",
            text().with("cache-control", "no-transform, max-age=9999999"),
        ),
        ("/lost.3f2a1c.js", text().status(404)),
        ("/coded.3f2a1c.js", text().with("content-encoding", "gzip")),
    ];
    let paths = never.each_ref().map(|(path, _)| *path);
    for (path, page) in never {
        site.origin.page(path, page);
    }
    for path in paths {
        for _ in 0..2 {
            let answer = ask(&site, path, &script("1.0"), &[]).await;
            assert_eq!(answer.header("use-as-dictionary"), "", "{path}");
            assert!(!answer.header("vary").contains("Available"), "{path}");
            assert!(
                !answer.header("content-encoding").starts_with("dc"),
                "{path}"
            );
            settle(&site).await;
        }
    }
    for (path, kind) in [
        ("/npm/a@1.2.3/x.css", "text/css"),
        ("/a.wasm?v=3", "application/wasm"),
        ("/data.3f2a1c.json", "application/json"),
        ("/icons-1.2.svg", "image/svg+xml"),
    ] {
        site.origin.page(
            path.split('?').next().unwrap(),
            text().with("content-type", kind),
        );
        let answer = ask(&site, path, "", &[]).await;
        assert!(answer.header("use-as-dictionary").contains('*'), "{path}");
        assert_eq!(answer.header("vary"), VARY, "{path}");
    }
}

#[tokio::test]
async fn nothing_of_it_happens_in_the_clear() {
    let site = site().await;
    let mut exchange = site.get(OLD).with("accept-encoding", TAKEN).exchange();
    let mut connection = (*exchange.connection).clone();
    connection.tls = false;
    exchange.connection = Arc::new(connection);
    let response = site.pipeline.run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(!response.headers.contains_key(USE_AS_DICTIONARY));
    assert_eq!(response.headers["vary"], "Accept-Encoding");
}

#[tokio::test]
async fn a_site_can_name_addresses_and_switch_it_off() {
    let named = "[compression]\ndictionary_paths = ['/build/*/main.js']\ndictionary_fresh = '1m'\n";
    let site = Site::with(named).await;
    for path in ["/build/one/main.js", "/build/one/other.js"] {
        let page = page("1.0").with("cache-control", "max-age=60");
        site.origin.page(path, page);
    }
    let answer = ask(&site, "/build/one/main.js", "", &[]).await;
    assert_eq!(
        answer.header("use-as-dictionary"),
        "match=\"/build/*/main.js\""
    );
    let answer = ask(&site, "/build/one/other.js", "", &[]).await;
    assert_eq!(answer.header("use-as-dictionary"), "");
    for off in ["dictionaries = false", "best = '0B'"] {
        let site = site_with(&format!("[compression]\n{off}\n")).await;
        let answer = with_delta(&site).await;
        assert_eq!(answer.header("use-as-dictionary"), "");
        assert_eq!(answer.header("vary"), "Accept-Encoding");
    }
}

#[tokio::test]
async fn what_an_origin_makes_a_dictionary_is_between_it_and_the_visitor() {
    let site = site().await;
    let own = "match=\"/app.*\", id=\"x\"";
    site.origin
        .page(OLD, page("1.0").with("use-as-dictionary", own));
    let answer = ask(&site, OLD, "", &[]).await;
    assert_eq!(answer.header("use-as-dictionary"), own);
    assert_eq!(answer.header("vary"), "Accept-Encoding");
    settle(&site).await;
    // It has shown that it knows: what is none of ours may be its own.
    let delta = page("1.1").with("content-encoding", "dcb");
    site.origin.page(
        NEW,
        delta.with("vary", "accept-encoding, available-dictionary"),
    );
    site.origin.forget();
    let answer = ask(&site, NEW, &script("1.0"), &[("dictionary-id", "\"x\"")]).await;
    assert_eq!(answer.header("content-encoding"), "dcb");
    let asked = &site.origin.seen()[0].headers;
    assert_eq!(asked["accept-encoding"], TAKEN);
    assert_eq!(asked["dictionary-id"], "\"x\"");
    assert_eq!(
        asked["available-dictionary"],
        Digest::of(script("1.0").as_bytes()).to_header()
    );
}

#[tokio::test]
async fn dictionaries_and_deltas_outlive_a_restart() {
    let folder = Folder::new();
    let settings = StoreSettings::default();
    let open = || Store::open(&settings, folder.path()).unwrap();
    let mut site = site().await;
    site.use_store(open());
    with_delta(&site).await;
    site.services.store.settle();
    site.use_store(Store::new(&settings));
    site.use_store(open());
    let answer = ask(&site, NEW, &script("1.0"), &[]).await;
    assert!(says(&answer, "from disk"), "{answer:?}");
    assert_eq!(decode(&answer), script("1.1").as_bytes());
    // A third version is a delta to the first, which is on disk alone.
    site.origin.page("/app.3f2a1c03.js", page("1.2"));
    for _ in 0..2 {
        ask(&site, "/app.3f2a1c03.js", &script("1.0"), &[]).await;
        settle(&site).await;
    }
    let answer = ask(&site, "/app.3f2a1c03.js", &script("1.0"), &[]).await;
    assert_eq!(answer.header("content-encoding"), "dcb", "{answer:?}");
}

#[tokio::test]
async fn what_waits_when_a_process_ends_is_begun_again() {
    let wanted = Wanted {
        body: Candidate {
            key: Lookup {
                primary: "https://example.com/a b.3f2a1c.js",
                variant: "\u{1f}x",
            }
            .to_key(),
            pattern: "/a.*.js".into(),
        },
        dictionary: Digest::of(b"x"),
    };
    let name = job_name(&wanted, 7);
    assert!(resumed(&name).is_some());
    for wrong in [
        "",
        "delta",
        "compress 1 - x\u{1f}",
        &name.replace('\u{1f}', ""),
    ] {
        assert!(resumed(wrong).is_none(), "{wrong}");
    }
    let site = site().await;
    ask(&site, OLD, "", &[]).await;
    ask(&site, NEW, "", &[]).await;
    settle(&site).await;
    let store = &site.services.store;
    let key = Lookup {
        primary: &format!("https://example.com{NEW}"),
        variant: "",
    };
    let wanted = Wanted {
        body: Candidate {
            key: key.to_key(),
            pattern: "/app.*.js".into(),
        },
        dictionary: Digest::of(script("1.0").as_bytes()),
    };
    let job = resumed(&job_name(&wanted, 1 << 20)).unwrap();
    job(store, &Shared::default(), &Cancel::default());
    let answer = ask(&site, NEW, &script("1.0"), &[]).await;
    assert_eq!(decode(&answer), script("1.1").as_bytes());
}

#[tokio::test]
async fn dictionaries_that_are_no_other_version_lead_to_nothing() {
    let site = site().await;
    site.origin.page("/other.3f2a1c.js", page("1.0"));
    ask(&site, "/other.3f2a1c.js", "", &[]).await;
    settle(&site).await;
    ask(&site, NEW, "", &[]).await;
    settle(&site).await;
    for dictionary in [script("1.0"), script("1.1")] {
        let answer = ask(&site, NEW, &dictionary, &[]).await;
        assert!(says(&answer, "no other version"), "{answer:?}");
        settle(&site).await;
    }
    let finished = site.services.workshop.snapshot().improving.finished;
    assert_eq!(finished, 2, "each was compressed, and nothing else");
}
