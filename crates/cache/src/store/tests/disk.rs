use std::fs;
use std::path::PathBuf;

use super::super::folder::Folder;
use super::super::*;
use super::{Blob, holds, key};

fn settings(memory: u64, disk: u64) -> StoreSettings {
    StoreSettings {
        memory: ByteSize(memory),
        max_entry: ByteSize(1 << 16),
        disk: DiskSettings {
            size: ByteSize(disk),
            ..DiskSettings::default()
        },
        ..StoreSettings::default()
    }
}

fn open(folder: &Folder) -> Store<Blob> {
    Store::open(&settings(1 << 20, 1 << 24), folder.path()).unwrap()
}

fn get(store: &Store<Blob>, primary: &str, variant: &str) -> Option<Arc<Blob>> {
    match store.seek(&Lookup { primary, variant }) {
        Sought::Kept(value) => Some(value),
        Sought::OnDisk => store.load_now(&Lookup { primary, variant }),
        Sought::Nothing => None,
    }
}

/// The files of things kept.
fn files(folder: &Folder) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder.path()).unwrap().flatten();
    let folders = folders.filter(|entry| entry.path().is_dir());
    folders
        .flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten())
        .map(|file| file.path())
        .collect()
}

#[test]
fn a_restart_loses_nothing() {
    let folder = Folder::new();
    let store = open(&folder);
    for place in 0..50u8 {
        let body = vec![place; 100 * usize::from(place)];
        store.insert(
            key("https://a/x", &place.to_string()),
            Arc::new(Blob::of(body)),
        );
    }
    assert!(store.settle());
    assert_eq!(store.stats().disk.written, 50);
    drop(store);
    let store = open(&folder);
    let stats = store.stats();
    assert_eq!((stats.entries, stats.disk.entries), (50, 50));
    for place in 0..50u8 {
        let name = place.to_string();
        let found = get(&store, "https://a/x", &name).unwrap();
        assert_eq!(found.bytes, vec![place; 100 * usize::from(place)]);
        assert!(
            holds(&store, &key("https://a/x", &name)),
            "and in memory now"
        );
    }
    let stats = store.stats();
    assert_eq!((stats.disk.hits, stats.hits, stats.misses), (50, 50, 0));
}

#[test]
fn what_does_not_fit_in_memory_is_found_on_disk() {
    let folder = Folder::new();
    let store = Store::open(&settings(1 << 18, 1 << 24), folder.path()).unwrap();
    for place in 0..100u8 {
        store.insert(
            key("https://a/", &place.to_string()),
            Arc::new(Blob::of(vec![place; 9000])),
        );
        assert!(store.settle());
    }
    assert!(store.stats().evictions > 50 && store.stats().bytes <= 1 << 18);
    let all = (36..100u8).all(|place| {
        let found = get(&store, "https://a/", &place.to_string());
        found.is_some_and(|found| found.bytes == vec![place; 9000])
    });
    assert!(all, "{:?}", store.stats());
}

#[test]
fn the_disk_stays_within_its_size() {
    let folder = Folder::new();
    let store = Store::open(&settings(1 << 20, 1 << 18), folder.path()).unwrap();
    for place in 0..200 {
        let url = format!("https://a/{place}");
        store.insert(key(&url, ""), Arc::new(Blob::of(vec![1; 5000])));
        assert!(store.settle());
    }
    let stats = store.stats().disk;
    assert!(stats.bytes <= 1 << 18 && stats.evictions > 100, "{stats:?}");
    let blocks: u64 = files(&folder)
        .iter()
        .map(|file| fs::metadata(file).unwrap().len().next_multiple_of(4096))
        .sum();
    assert_eq!(
        (blocks, files(&folder).len() as u64),
        (stats.bytes, stats.entries)
    );
}

#[test]
fn what_is_dear_stays_and_what_is_large_and_cheap_goes() {
    let folder = Folder::new();
    let store = Store::open(&settings(1 << 20, 1 << 18), folder.path()).unwrap();
    let dear = |place: u32| key(&format!("https://a/dear{place}"), "");
    for place in 0..200 {
        if place < 10 {
            let mut picture = Blob::of(vec![1; 3000]);
            picture.cost = Duration::from_millis(500);
            store.insert(dear(place), Arc::new(picture));
        }
        let cheap = key(&format!("https://a/cheap{place}"), "");
        store.insert(cheap, Arc::new(Blob::of(vec![1; 9000])));
        assert!(store.settle());
    }
    drop(store);
    let store = Store::open(&settings(1 << 20, 1 << 18), folder.path()).unwrap();
    let kept = (0..10).filter(|place| get(&store, &dear(*place).primary, "").is_some());
    assert_eq!(kept.count(), 10);
}

#[test]
fn purges_hold_on_disk_and_after_a_restart() {
    let folder = Folder::new();
    let fill = |store: &Store<Blob>| {
        for name in ["a/1", "a/2", "b/1", "c/1"] {
            for variant in ["", "w=9"] {
                let blob = Blob::of(name).tagged(&[tag(name.as_bytes())]);
                store.insert(key(&format!("https://{name}"), variant), Arc::new(blob));
            }
        }
        assert!(store.settle());
    };
    let left = |store: &Store<Blob>| {
        let names = ["a/1", "a/2", "b/1", "c/1"];
        let is_there = |name: &&str| get(store, &format!("https://{name}"), "w=9").is_some();
        names.into_iter().filter(is_there).collect::<Vec<_>>()
    };
    fill(&open(&folder));
    // On disk alone.
    let store = open(&folder);
    assert_eq!(store.purge("https://a/1"), 2);
    assert_eq!(
        store.purge_where(|named| named.tags.contains(&tag(b"b/1"))),
        2
    );
    assert_eq!(left(&store), ["a/2", "c/1"]);
    drop(store);
    let store = open(&folder);
    assert_eq!(left(&store), ["a/2", "c/1"]);
    assert_eq!(
        store.purge_where(|named| named.primary.starts_with("https://a/")),
        2
    );
    // In memory and on disk; and what was fetched before does not come back.
    let mark = store.mark("https://c/1");
    store.clear();
    assert!(!store.insert_unless_purged(mark, key("https://c/1", ""), Arc::new(Blob::of("x"))));
    drop(store);
    let store = open(&folder);
    assert_eq!((left(&store).len(), store.stats().disk.bytes), (0, 0));
    fill(&store);
    assert_eq!(left(&store).len(), 4);
}

#[test]
fn what_is_purged_on_its_way_to_the_disk_is_not_there_either() {
    let folder = Folder::new();
    let store = open(&folder);
    for round in 0..300 {
        let url = format!("https://a/{round}");
        store.insert(key(&url, ""), Arc::new(Blob::of(vec![1; 2000])));
        store.purge(&url);
    }
    assert!(store.settle());
    assert_eq!(store.stats().disk.entries, 0);
    assert_eq!((files(&folder).len(), store.stats().disk.bytes), (0, 0));
}

#[test]
fn what_is_made_stale_stays_stale() {
    let folder = Folder::new();
    let store = open(&folder);
    for name in ["https://a/1", "https://b/1"] {
        store.insert(key(name, ""), Arc::new(Blob::of(name)));
    }
    // On its way to the disk, or there.
    assert_eq!(store.soften("https://a/1"), 1);
    assert!(get(&store, "https://a/1", "").unwrap().stale);
    drop(store);
    let store = open(&folder);
    assert!(get(&store, "https://a/1", "").unwrap().stale);
    assert!(!get(&store, "https://b/1", "").unwrap().stale);
    drop(store);
    let store = open(&folder);
    assert_eq!(store.soften_where(|named| named.primary.contains("/b/")), 1);
    drop(store);
    let store = open(&folder);
    assert!(get(&store, "https://b/1", "").unwrap().stale);
    store.insert(key("https://b/1", ""), Arc::new(Blob::of("new")));
    drop(store);
    let found = get(&open(&folder), "https://b/1", "").unwrap();
    assert_eq!((&found.bytes[..], found.stale), (&b"new"[..], false));
}

#[test]
fn what_is_not_what_was_written_is_dropped() {
    let folder = Folder::new();
    let store = open(&folder);
    for place in 0..6 {
        let url = format!("https://a/{place}");
        store.insert(key(&url, ""), Arc::new(Blob::of(vec![7; 1000])));
    }
    drop(store);
    let files = files(&folder);
    for (place, file) in files.iter().enumerate() {
        let mut bytes = fs::read(file).unwrap();
        match place {
            0 => bytes[10] ^= 1,
            1 => bytes.truncate(900),
            2 => bytes.clear(),
            3 => *bytes.last_mut().unwrap() ^= 0x80,
            // Whole, but another's.
            4 => bytes = fs::read(&files[5]).unwrap(),
            _ => continue,
        }
        fs::write(file, bytes).unwrap();
    }
    let store = open(&folder);
    let found: Vec<_> = (0..6)
        .filter_map(|place| get(&store, &format!("https://a/{place}"), ""))
        .collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].bytes, vec![7; 1000]);
    let stats = store.stats();
    assert_eq!((stats.disk.corrupt, stats.entries, stats.misses), (5, 1, 5));
}

#[test]
fn a_store_of_another_form_is_emptied_and_never_read() {
    let folder = Folder::new();
    let store = open(&folder);
    store.insert(key("https://a/", ""), Arc::new(Blob::of("x")));
    drop(store);
    let journal = folder.path().join("index.1");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[7] += 1;
    fs::write(&journal, bytes).unwrap();
    let store = open(&folder);
    assert_eq!(store.stats().entries, 0);
    assert!(get(&store, "https://a/", "").is_none());
    store.insert(key("https://a/", ""), Arc::new(Blob::of("y")));
    drop(store);
    assert_eq!(get(&open(&folder), "https://a/", "").unwrap().bytes, "y");
}

#[test]
fn one_process_has_a_directory() {
    let folder = Folder::new();
    let store = open(&folder);
    let again = Store::<Blob>::open(&settings(1 << 20, 1 << 20), folder.path());
    assert!(matches!(again, Err(DiskError::Locked(_))));
    drop(store);
    open(&folder);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let opened = Store::<Blob>::open(&settings(1 << 20, 1 << 20), &file);
    assert!(matches!(opened, Err(DiskError::Unusable { .. })));
}

#[test]
fn a_disk_that_cannot_be_written_is_done_without() {
    let folder = Folder::new();
    let store = open(&folder);
    store.insert(key("https://a/before", ""), Arc::new(Blob::of("x")));
    assert!(store.settle());
    for number in 0..256 {
        let _ = fs::remove_dir_all(folder.path().join(format!("{number:02x}")));
    }
    for place in 0..20 {
        let url = format!("https://a/{place}");
        assert!(store.insert(key(&url, ""), Arc::new(Blob::of("x"))));
        assert!(get(&store, &url, "").is_some());
    }
    assert!(store.settle());
    let stats = store.stats();
    assert!(
        stats.disk.errors >= 1 && stats.disk.dropped >= 1,
        "{stats:?}"
    );
    assert_eq!(stats.entries, 21, "all of it is in memory");
}

#[tokio::test]
async fn what_is_too_large_for_memory_streams_from_its_file() {
    let folder = Folder::new();
    let store = Store::<Blob>::open(&settings(1 << 23, 1 << 24), folder.path()).unwrap();
    let body: Vec<u8> = (0..300_000u32).map(|place| (place % 251) as u8).collect();
    let large = |store: &Store<Blob>| {
        let mut large = store.begin_large(store.mark("https://a/film")).unwrap();
        assert!(
            body.chunks(777)
                .all(|piece| large.push(piece.to_vec().into()))
        );
        large
    };
    let name = key("https://a/film", "");
    large(&store).end(&name.as_lookup(), &Blob::new(40));
    drop(large(&store));
    let mark = store.mark("https://a/film");
    assert!(store.settle());
    assert_eq!(store.mark("https://a/film"), mark);
    let found = store.load(&name.as_lookup()).await.unwrap();
    assert_eq!((found.file, found.weight), (Some(300_000), 40));
    assert!(!holds(&store, &name), "it stays on disk");
    assert_eq!(files(&folder).len(), 1, "what was not ended is gone");
    let late = large(&store);
    store.purge("https://a/film");
    late.end(&name.as_lookup(), &Blob::new(40));
    assert!(store.settle());
    assert!(
        store.load(&name.as_lookup()).await.is_none(),
        "purged meanwhile"
    );
    assert_eq!((files(&folder).len(), store.stats().disk.bytes), (0, 0));
}

#[tokio::test]
async fn parts_of_a_file_are_right_and_a_wrong_one_breaks_off() {
    let folder = Folder::new();
    let disk = disk::Disk::open(folder.path(), &DiskSettings::default())
        .unwrap()
        .0;
    let body: Vec<u8> = (0..400_000u32).map(|place| (place % 253) as u8).collect();
    let lookup = Lookup {
        primary: "https://a/film",
        variant: "",
    };
    let mut sums = disk::format::Sums::default();
    sums.update(&body);
    let end = sums.finish(9, body.len() as u64, &lookup, b"");
    disk.write(9, &[&body, &end]).unwrap();
    let place = disk::Place {
        number: 9,
        size: (body.len() + end.len()) as u64,
    };
    let read = || match disk.read_now(place, &key::Name::new(&lookup), 0) {
        Ok(disk::Content::Large(file, _)) => Arc::new(file),
        _ => panic!("it is large"),
    };
    for range in [
        0..400_000u64,
        0..1,
        65_535..65_537,
        399_999..400_000,
        70_000..350_000,
        5..5,
    ] {
        let got = read().body(range.clone()).collect(1 << 20).await.unwrap();
        assert_eq!(
            got,
            body[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
    let path = disk.path(9);
    let mut wrong = fs::read(&path).unwrap();
    wrong[300_000] ^= 4;
    fs::write(&path, wrong).unwrap();
    let alarmed = Arc::new(AtomicU64::new(0));
    let count = alarmed.clone();
    let file = Arc::try_unwrap(read()).unwrap();
    let file = Arc::new(file.with_alarm(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    assert_eq!(
        file.body(0..262_144).collect(1 << 20).await.unwrap().len(),
        262_144
    );
    assert!(file.body(0..400_000).collect(1 << 20).await.is_err());
    assert_eq!(alarmed.load(Ordering::Relaxed), 1);
}

#[test]
fn a_disk_that_stands_still_holds_nobody_up() {
    let folder = Folder::new();
    let store = open(&folder);
    assert!(store.settle());
    // Whoever opens a pipe for writing waits until somebody reads.
    let next = (1u64 << 40) + 1;
    let pipe = folder.path().join(format!("{:02x}/{next:x}", next % 256));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for place in 0..200 {
        let url = format!("https://a/{place}");
        assert!(store.insert(key(&url, ""), Arc::new(Blob::of(vec![1; 4000]))));
        assert!(get(&store, &url, "").is_some());
        store.purge(&format!("https://a/{}", place / 2));
    }
    let stats = store.stats();
    assert!(
        stats.disk.dropped > 50 && stats.disk.written <= 1,
        "{stats:?}"
    );
    assert!(
        stats.bytes <= 1 << 20,
        "what waits takes no more than it may: {stats:?}"
    );
    fs::read(&pipe).unwrap();
    assert!(store.settle(), "it goes on");
}
