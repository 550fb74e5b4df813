use std::collections::HashSet;

use proptest::prelude::*;

use super::super::*;
use super::{Blob, holds, key};

fn store(memory: u64, max_entry: u64) -> Store<Blob> {
    Store::new(&StoreSettings {
        memory: ByteSize(memory),
        max_entry: ByteSize(max_entry),
        max_variants: 4,
        ..StoreSettings::default()
    })
}

#[test]
fn what_is_kept_is_found_and_counted() {
    let store = store(1 << 20, 1 << 18);
    let picture = key("https://a/x", "w=640");
    assert!(store.find(&picture.as_lookup()).is_none());
    assert!(store.insert(picture.clone(), Arc::new(Blob::new(1000))));
    assert_eq!(store.find(&picture.as_lookup()).unwrap().weight(), 1000);
    let stats = store.stats();
    assert_eq!((stats.entries, stats.hits, stats.misses), (1, 1, 1));
    assert!(stats.bytes >= 1000);
    assert!(store.remove(&picture.as_lookup()));
    assert_eq!(store.stats().entries, 0);
    assert_eq!(store.purge("https://a/x"), 0);
}

#[test]
fn what_is_too_large_is_not_kept() {
    let store = store(1 << 20, 1 << 10);
    assert!(!store.insert(key("https://a/x", ""), Arc::new(Blob::new(1025))));
    assert!(store.insert(key("https://a/x", ""), Arc::new(Blob::new(1024))));
}

#[test]
fn the_largest_entry_fits_beside_others() {
    let store = store(1 << 20, 1 << 30);
    let largest = store.max_entry();
    for place in 0..3 {
        let key = key(&format!("https://a/{place}"), "");
        store.insert(key.clone(), Arc::new(Blob::new(largest)));
        assert!(holds(&store, &key), "{place}");
    }
}

#[test]
fn a_purge_removes_every_variant_and_nothing_else() {
    let store = store(1 << 20, 1 << 10);
    for variant in ["", "w=320", "w=640"] {
        store.insert(key("https://a/x", variant), Arc::new(Blob::new(10)));
    }
    store.insert(key("https://a/y", ""), Arc::new(Blob::new(10)));
    assert_eq!(store.purge("https://a/x"), 3);
    assert!(!holds(&store, &key("https://a/x", "w=640")));
    assert!(holds(&store, &key("https://a/y", "")));
    assert_eq!(store.purge("https://a/x"), 0);
    store.clear();
    assert_eq!(store.stats().entries, 0);
}

#[test]
fn what_was_fetched_before_a_purge_does_not_come_back() {
    let store = store(1 << 20, 1 << 10);
    let picture = key("https://a/x", "");
    let mark = store.mark("https://a/x");
    store.purge("https://a/x");
    assert!(!store.insert_unless_purged(mark, picture.clone(), Arc::new(Blob::new(1))));
    assert!(!holds(&store, &picture));
    let mark = store.mark("https://a/x");
    assert!(store.insert_unless_purged(mark, picture, Arc::new(Blob::new(1))));
    let mark = store.mark("https://a/x");
    for number in 0..SHELVES * purges::REMEMBERED / 2 {
        store.purge(&format!("https://a/{number}"));
    }
    let picture = key("https://a/x", "");
    assert!(
        store.insert_unless_purged(mark, picture.clone(), Arc::new(Blob::new(1))),
        "purges of other URLs are other URLs'"
    );
    for number in 0..SHELVES * purges::REMEMBERED * 2 {
        store.purge(&format!("https://a/{number}"));
    }
    assert!(
        !store.insert_unless_purged(mark, picture, Arc::new(Blob::new(1))),
        "forgotten which"
    );
}

#[test]
fn the_oldest_variant_of_a_url_makes_room() {
    let store = store(1 << 20, 1 << 10);
    let variants: Vec<_> = (0..6).map(|n| key("https://a/x", &n.to_string())).collect();
    for variant in &variants {
        store.insert(variant.clone(), Arc::new(Blob::new(1)));
    }
    let kept: Vec<_> = variants
        .iter()
        .map(|variant| holds(&store, variant))
        .collect();
    assert_eq!(kept, [false, false, true, true, true, true]);
}

#[test]
fn it_stays_within_its_memory_and_its_index_within_its_entries() {
    let store = store(1 << 18, 1 << 12);
    for place in 0..2000 {
        let key = key(
            &format!("https://a/{}", place / 2),
            &format!("{}", place % 2),
        );
        store.insert(key, Arc::new(Blob::new(2000)));
    }
    let stats = store.stats();
    assert!(stats.bytes <= 1 << 18, "{stats:?}");
    assert!(stats.entries > 40 && stats.evictions > 1000, "{stats:?}");
    assert_eq!(stats.entries, {
        let memory = store.inner.shelves.iter();
        memory
            .map(|shelf| shelf.read().residents(Tier::Memory).len() as u64)
            .sum::<u64>()
    });
    store.clear();
    let stats = store.stats();
    assert_eq!(
        (stats.entries, stats.bytes),
        (0, 0),
        "nothing is counted twice"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With room for all, the store is a map, and a purge takes exactly the keys of its URL.
    #[test]
    fn it_does_what_a_map_does(steps in prop::collection::vec((0u8..4, 0u8..5, 0u8..3), 1..200)) {
        let store = store(1 << 20, 1 << 10);
        let mut oracle: HashSet<(u8, u8)> = HashSet::new();
        for (step, primary, variant) in steps {
            let key = key(&primary.to_string(), &variant.to_string());
            match step {
                0 | 1 => {
                    oracle.insert((primary, variant));
                    prop_assert!(store.insert(key, Arc::new(Blob::new(1))));
                }
                2 => {
                    let had = oracle.remove(&(primary, variant));
                    prop_assert_eq!(store.remove(&key.as_lookup()), had);
                }
                _ => {
                    let before = oracle.len();
                    oracle.retain(|(kept, _)| *kept != primary);
                    prop_assert_eq!(store.purge(&key.primary), before - oracle.len());
                }
            }
            prop_assert_eq!(store.stats().entries, oracle.len() as u64);
        }
    }
}
