//! What every engine promises, asked of each of them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

// As the rooms call one another.
extern crate firstlight_kv as kv;

mod engines;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kv::{Engine, Got, KvError, Version, watch};

/// The longest wait for what must come; only a failing test reaches it.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than any value here.
const MOST: u64 = 1 << 20;

type Shared = Arc<dyn Engine>;

/// All of it, with so many who count at once.
async fn contract(engine: Shared, at_once: u32) {
    what_is_put_is_got(&engine).await;
    what_is_known_is_not_got_again(&engine).await;
    what_is_too_large_is_not_got(&engine).await;
    of_those_who_set_one_is_first(&engine, at_once).await;
    what_has_expired_is_gone(&engine).await;
    every_key_is_listed(&engine).await;
    changes_are_seen(&engine).await;
}

async fn value(engine: &Shared, key: &str) -> Option<(Version, Bytes)> {
    match engine.get(key, None, MOST).await.unwrap() {
        Got::Value(value) => Some((value.version, value.bytes)),
        Got::Nothing => None,
        Got::Same => panic!("nothing was known"),
    }
}

async fn what_is_put_is_got(engine: &Shared) {
    assert_eq!(value(engine, "put/a").await, None);
    for bytes in [&b""[..], b"one", &[0, 255, 13, 10], &[7; 300_000]] {
        let bytes = Bytes::copy_from_slice(bytes);
        let version = engine.put("put/a", bytes.clone(), None).await.unwrap();
        assert_eq!(value(engine, "put/a").await, Some((version, bytes)));
    }
    assert_eq!(value(engine, "put/b").await, None);
    engine.remove("put/a").await.unwrap();
    assert_eq!(value(engine, "put/a").await, None);
    engine.remove("put/a").await.unwrap();
}

async fn what_is_known_is_not_got_again(engine: &Shared) {
    let first = engine.put("known/a", "one".into(), None).await.unwrap();
    let got = engine.get("known/a", Some(&first), MOST).await.unwrap();
    assert_eq!(got, Got::Same);
    let second = engine.put("known/a", "two".into(), None).await.unwrap();
    assert_ne!(first, second);
    let got = engine.get("known/a", Some(&first), MOST).await.unwrap();
    assert!(matches!(got, Got::Value(value) if value.bytes == "two" && value.version == second));
    engine.remove("known/a").await.unwrap();
    let got = engine.get("known/a", Some(&second), MOST).await.unwrap();
    assert_eq!(got, Got::Nothing);
}

async fn what_is_too_large_is_not_got(engine: &Shared) {
    engine.put("large/a", "12345".into(), None).await.unwrap();
    let refused = engine.get("large/a", None, 4).await;
    assert!(
        matches!(refused, Err(KvError::TooLarge { most: 4 })),
        "{refused:?}"
    );
    let got = engine.get("large/a", None, 5).await.unwrap();
    assert!(matches!(got, Got::Value(value) if value.bytes == "12345"));
}

async fn of_those_who_set_one_is_first(engine: &Shared, at_once: u32) {
    let set = async |expected: Option<&Version>, bytes: &'static str| {
        engine
            .compare_and_set("set/a", expected, bytes.into(), None)
            .await
            .unwrap()
    };
    let first = set(None, "one").await.unwrap();
    assert_eq!(set(None, "two").await, None);
    assert_eq!(
        value(engine, "set/a").await,
        Some((first.clone(), "one".into()))
    );
    let second = set(Some(&first), "two").await.unwrap();
    assert_eq!(set(Some(&first), "three").await, None);
    assert_eq!(
        value(engine, "set/a").await,
        Some((second.clone(), "two".into()))
    );
    engine.remove("set/a").await.unwrap();
    assert_eq!(set(Some(&second), "four").await, None);
    assert_eq!(value(engine, "set/a").await, None);
    // Many at once: each counts one further, and nothing is lost.
    let counting = (0..at_once).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                count_further(&engine).await;
            }
        })
    });
    for counter in counting.collect::<Vec<_>>() {
        counter.await.unwrap();
    }
    let (_, counted) = value(engine, "set/count").await.unwrap();
    assert_eq!(counted, (at_once * 5).to_string());
}

async fn count_further(engine: &Shared) {
    loop {
        let there = value(engine, "set/count").await;
        let count: u32 = there.as_ref().map_or(0, |(_, bytes)| {
            std::str::from_utf8(bytes).unwrap().parse().unwrap()
        });
        let version = there.as_ref().map(|(version, _)| version);
        let next = Bytes::from((count + 1).to_string());
        let set = engine.compare_and_set("set/count", version, next, None);
        if set.await.unwrap().is_some() {
            return;
        }
    }
}

async fn what_has_expired_is_gone(engine: &Shared) {
    let soon = Some(Duration::from_millis(1));
    let later = Some(Duration::from_secs(600));
    engine.put("expiry/a", "one".into(), soon).await.unwrap();
    engine.put("expiry/b", "two".into(), later).await.unwrap();
    let since = Instant::now();
    while value(engine, "expiry/a").await.is_some() {
        assert!(since.elapsed() < PATIENCE, "it does not expire");
        tokio::task::yield_now().await;
    }
    assert!(value(engine, "expiry/b").await.is_some());
    // What has expired is nothing, for whoever wants to be first.
    let set = engine.compare_and_set("expiry/a", None, "three".into(), later);
    assert!(set.await.unwrap().is_some());
    assert!(value(engine, "expiry/a").await.is_some());
}

async fn every_key_is_listed(engine: &Shared) {
    let mut expected = BTreeMap::new();
    for number in 0..25 {
        let key = format!("list/{number}");
        let version = engine.put(&key, "x".into(), None).await.unwrap();
        expected.insert(key, version);
    }
    // Neighbours.
    engine.put("lis", "x".into(), None).await.unwrap();
    engine.put("lisu/1", "x".into(), None).await.unwrap();
    let mut found = BTreeMap::new();
    let mut from = None;
    loop {
        let page = engine.list("list/", from.as_deref(), 10).await.unwrap();
        found.extend(page.keys);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
    let page = engine.list("no-such/", None, 10).await.unwrap();
    assert!(page.keys.is_empty());
}

async fn changes_are_seen(engine: &Shared) {
    engine.put("watch/a", "one".into(), None).await.unwrap();
    let mut seen = watch(engine.clone(), "watch/", Duration::from_millis(5));
    let first = tokio::time::timeout(PATIENCE, seen.next()).await.unwrap();
    assert_eq!(first.unwrap().key, "watch/a");
    engine.put("watch/b", "two".into(), None).await.unwrap();
    engine.put("other/c", "x".into(), None).await.unwrap();
    engine.remove("watch/a").await.unwrap();
    let mut changed = BTreeSet::new();
    while changed.len() < 2 {
        let change = tokio::time::timeout(PATIENCE, seen.next()).await.unwrap();
        let change = change.unwrap();
        changed.insert((change.key, change.version.is_some()));
    }
    let expected = [("watch/a", false), ("watch/b", true)];
    assert_eq!(
        changed,
        expected.map(|(key, there)| (key.to_owned(), there)).into()
    );
}
