//! The end of a process at any moment: what its folder holds then is copied while it writes, and a
//! store is opened on the copy. And whatever happens between starts, a store is never wrong.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::super::folder::Folder;
use super::super::*;
use super::{Blob, key};

fn settings() -> StoreSettings {
    StoreSettings {
        memory: ByteSize(1 << 18),
        max_entry: ByteSize(1 << 14),
        disk: DiskSettings {
            size: ByteSize(1 << 19),
            ..DiskSettings::default()
        },
        ..StoreSettings::default()
    }
}

/// What must be found under a key, if anything is.
fn body(url: &str) -> Vec<u8> {
    let seed = tag(url.as_bytes());
    (0..500 + seed % 6000)
        .map(|place| (seed >> (place % 57)) as u8)
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // It may be gone by now.
            let _ = fs::copy(entry.path(), target);
        }
    }
}

#[test]
fn a_process_that_ends_while_it_writes_leaves_nothing_wrong() {
    let folder = Folder::new();
    let store = Store::<Blob>::open(&settings(), folder.path()).unwrap();
    let write = |places: std::ops::Range<u32>| {
        for place in places {
            let url = format!("https://a/{}", place * 7 % 300);
            store.insert(key(&url, ""), Arc::new(Blob::of(body(&url))));
            if place % 9 == 0 {
                store.purge(&url);
            }
        }
    };
    write(0..300);
    let mut found = 0;
    for round in 0..12u32 {
        let copied = Folder::new();
        // What comes while the folder is copied replaces a part of what is there by now: a copy
        // holds the rest of it, however the two are scheduled.
        assert!(store.settle());
        std::thread::scope(|scope| {
            scope.spawn(|| write(round * 40..round * 40 + 40));
            scope.spawn(|| copy(folder.path(), copied.path()));
        });
        let after = Store::<Blob>::open(&settings(), copied.path()).unwrap();
        for place in 0..300 {
            let url = format!("https://a/{place}");
            let lookup = Lookup {
                primary: &url,
                variant: "",
            };
            if let Some(value) = after.load_now(&lookup) {
                assert_eq!(value.bytes, body(&url), "{url}");
                found += 1;
            }
        }
    }
    assert!(found > 200, "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is done in whatever order: what is found is what was last kept, and what was purged
    /// is not found, before and after a restart.
    #[test]
    fn it_finds_what_was_last_kept_or_nothing(
        steps in prop::collection::vec((0u8..8, 0u8..6, 0u8..3, 0u16..9000), 1..120),
    ) {
        let folder = Folder::new();
        let mut store = Store::<Blob>::open(&settings(), folder.path()).unwrap();
        let mut oracle: HashMap<(u8, u8), (Vec<u8>, bool)> = HashMap::new();
        for (step, primary, variant, size) in steps {
            let name = key(&primary.to_string(), &variant.to_string());
            match step {
                0..=2 => {
                    let body = vec![size as u8; size.into()];
                    store.insert(name.clone(), Arc::new(Blob::of(body.clone())));
                    oracle.insert((primary, variant), (body, false));
                }
                3 => {
                    store.remove(&name.as_lookup());
                    oracle.remove(&(primary, variant));
                }
                4 => {
                    store.purge(&name.primary);
                    oracle.retain(|(kept, _), _| *kept != primary);
                }
                5 => {
                    store.soften(&name.primary);
                    for ((kept, _), (_, stale)) in &mut oracle {
                        *stale |= *kept == primary;
                    }
                }
                6 => {
                    drop(store);
                    store = Store::open(&settings(), folder.path()).unwrap();
                }
                _ => {
                    let found = store.load_now(&name.as_lookup());
                    match (found, oracle.get(&(primary, variant))) {
                        (Some(found), Some((body, stale))) => {
                            prop_assert_eq!((&found.bytes[..], found.stale), (&body[..], *stale));
                        }
                        (Some(_), None) => prop_assert!(false, "it was purged"),
                        (None, _) => {}
                    }
                }
            }
        }
        prop_assert!(store.settle());
        let stats = store.stats();
        prop_assert!(stats.bytes <= 1 << 18 && stats.disk.bytes <= 1 << 19, "{:?}", stats);
        store.clear();
        prop_assert_eq!((store.stats().bytes, store.stats().entries), (0, 0));
    }
}
