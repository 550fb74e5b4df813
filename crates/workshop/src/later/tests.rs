use std::sync::mpsc;

use super::*;

fn later(queue: usize, share: u32) -> Later {
    let settings = WorkshopSettings {
        improve_queue: queue,
        improve_share: share,
        ..WorkshopSettings::default()
    };
    Later::new(&settings, None).unwrap()
}

/// Something that says when it begins and ends when it is let go.
fn held(later: &Later, key: &str) -> (mpsc::Receiver<()>, mpsc::Sender<()>, mpsc::Receiver<bool>) {
    let (say_begun, begun) = mpsc::channel();
    let (let_go, released) = mpsc::channel();
    let (say_ended, ended) = mpsc::channel();
    let offered = later.offer(&key.into(), 1, move |cancel| {
        say_begun.send(()).unwrap();
        released.recv().ok();
        say_ended.send(cancel.is_cancelled()).ok();
    });
    assert_eq!(offered, Offered::Waits);
    (begun, let_go, ended)
}

#[test]
fn what_is_asked_for_most_often_is_improved_first() {
    let later = later(9, 100);
    let (begun, let_go, _ended) = held(&later, "first");
    begun.recv().unwrap();
    let (say, heard) = mpsc::channel();
    for key in ["a", "b", "b", "first"] {
        let say = say.clone();
        later.offer(&key.into(), 1, move |_| say.send(key).unwrap());
    }
    assert_eq!((later.counts().waiting, later.counts().working), (2, true));
    let_go.send(()).unwrap();
    assert_eq!([heard.recv().unwrap(), heard.recv().unwrap()], ["b", "a"]);
}

#[test]
fn a_panic_ends_one_improvement_only() {
    let later = later(9, 100);
    later.offer(&"a".into(), 1, |_| panic!("a bug"));
    let (say, heard) = mpsc::channel();
    later.offer(&"b".into(), 1, move |_| say.send(()).unwrap());
    heard.recv().unwrap();
    assert_eq!(later.counts().panicked, 1);
}

#[test]
fn closing_drops_what_waits_and_stops_what_is_in_work() {
    let later = later(9, 100);
    let (begun, let_go, ended) = held(&later, "a");
    begun.recv().unwrap();
    let shared = Arc::downgrade(&later.0);
    later.offer(&"b".into(), 1, |_| panic!("nobody begins it"));
    later.close();
    assert_eq!(later.offer(&"c".into(), 1, |_| ()), Offered::Refused);
    let_go.send(()).unwrap();
    assert!(ended.recv().unwrap(), "it was told to stop");
    drop(later);
    while shared.strong_count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn no_share_means_no_improvement() {
    let later = later(9, 0);
    assert_eq!(later.offer(&"a".into(), 1, |_| ()), Offered::Refused);
    assert_eq!(later.counts().refused, 1);
}

#[test]
fn work_and_rest_keep_to_the_share() {
    let second = Duration::from_secs(1);
    assert_eq!(rest_after(second, 50), second);
    assert_eq!(rest_after(second, 20), 4 * second);
    assert_eq!(rest_after(second, 100), Duration::ZERO);
    assert_eq!(rest_after(60 * second, 1), LONGEST_REST);
}

#[test]
fn what_waits_is_known_after_an_end_at_any_moment() {
    let name = format!("firstlight-ledger-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let settings = WorkshopSettings {
        improve_queue: 3,
        improve_share: 100,
        ..WorkshopSettings::default()
    };
    let open = || Later::new(&settings, Some(path.clone())).unwrap();
    let later = open();
    assert!(later.left_over().is_empty());
    let (begun, let_go, _ended) = held(&later, "first");
    begun.recv().unwrap();
    let known: Vec<_> = open().left_over();
    assert_eq!(known, [(1, "first".into())], "noted before it begins");
    for key in ["b", "b", "c"] {
        later.offer(&key.into(), 1, |_| {});
    }
    later.close();
    drop(let_go);
    let mut known = open().left_over();
    known.sort();
    let expected = [(1, "c".into()), (1, "first".into()), (2, "b".into())];
    assert_eq!(known, expected, "noted at an orderly end");
    let later = open();
    let (say, heard) = mpsc::channel();
    for (asked, key) in later.left_over() {
        let (say, name) = (say.clone(), key.clone());
        later.offer(&key, asked, move |_| say.send(name).unwrap());
    }
    (0..3).for_each(|_| drop(heard.recv().unwrap()));
    drop(later);
    std::fs::write(&path, "nonsense\n7 a\n\u{0}x y\n1 b\n2 c\n9 d\n").unwrap();
    let known = open().left_over();
    assert_eq!(
        known,
        [(7, "a".into()), (1, "b".into()), (2, "c".into())],
        "no more than fit"
    );
    let _ = std::fs::remove_file(&path);
}
