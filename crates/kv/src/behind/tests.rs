use super::*;
use crate::Memory;
use crate::engine::{Page, Pending, Signal, Version};

/// The longest wait for what must come; only a failing test reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings() -> KvSettings {
    KvSettings {
        purges_every: Duration::from_millis(5),
        patience: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        min_cost: Duration::ZERO,
        ..KvSettings::default()
    }
}

fn parts(body: &'static str) -> Parts {
    Parts {
        head: b"head".to_vec(),
        parts: vec![Bytes::from_static(body.as_bytes())],
    }
}

/// A node with what it was told.
struct Node {
    behind: Behind,
    told: Arc<Mutex<Vec<(What, bool)>>>,
}

impl Node {
    async fn new(engine: &Arc<dyn Engine>, place: Option<PathBuf>) -> Self {
        Self::with(engine, &settings(), place).await
    }

    async fn with(engine: &Arc<dyn Engine>, settings: &KvSettings, place: Option<PathBuf>) -> Self {
        let behind = Behind::new(engine.clone(), settings);
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        let told_one = move |what: &What, soft| heard.lock().push((what.clone(), soft));
        behind.follow(place, Box::new(told_one));
        let node = Self { behind, told };
        node.until(|moment| moment.epoch != 0).await;
        node
    }

    async fn until(&self, there: impl FnMut(&Moment) -> bool) {
        let mut heard = self.behind.inner.heard.subscribe();
        let waiting = tokio::time::timeout(PATIENCE, heard.wait_for(there));
        waiting.await.unwrap().unwrap();
    }

    async fn tell(&self, what: What, soft: bool) -> Moment {
        self.behind.tell(what, soft);
        let telling = tokio::time::timeout(PATIENCE, self.behind.has_told());
        telling.await.unwrap();
        self.behind.moment().unwrap()
    }

    async fn keep(&self, name: &str, moment: Moment) {
        self.behind.keep(name, moment, &parts("body"));
        self.behind.has_carried().await;
    }

    async fn found(&self, name: &str) -> bool {
        let url = What::Url(name.to_owned());
        let found = self
            .behind
            .find(name, |what| *what == url || *what == What::Everything);
        found
            .await
            .is_some_and(|found| found.body == "body" && found.head == "head")
    }
}

fn memory() -> Arc<dyn Engine> {
    Arc::new(Memory::new())
}

fn url(name: &str) -> What {
    What::Url(name.to_owned())
}

#[tokio::test]
async fn one_node_finds_what_another_has_made() {
    let engine = memory();
    let (one, two) = (
        Node::new(&engine, None).await,
        Node::new(&engine, None).await,
    );
    assert!(!two.found("a").await);
    one.keep("a", one.behind.moment().unwrap()).await;
    assert!(two.found("a").await && !two.found("b").await);
    one.behind.keep_derived("c", &parts("derived"));
    one.behind.has_carried().await;
    let behind = two.behind;
    let found = tokio::task::spawn_blocking(move || {
        let found = behind.find_derived_now("c");
        (found, behind.snapshot())
    });
    let (found, snapshot) = found.await.unwrap();
    assert_eq!(found.unwrap().body, "derived");
    assert_eq!((snapshot.hits, snapshot.misses), (2, 2));
    assert_eq!(one.behind.snapshot().carried, 2);
}

#[tokio::test]
async fn what_is_purged_on_one_node_is_purged_on_all_and_does_not_come_back() {
    let engine = memory();
    let (one, two) = (
        Node::new(&engine, None).await,
        Node::new(&engine, None).await,
    );
    let before = two.behind.moment().unwrap();
    two.keep("a", before).await;
    two.keep("b", before).await;
    let moment = one.tell(url("a"), false).await;
    assert!(!one.found("a").await, "it knows at once");
    two.behind.has_heard(moment).await;
    assert_eq!(*two.told.lock(), [(url("a"), false)]);
    assert!(one.told.lock().is_empty(), "it need not be told itself");
    assert!(!two.found("a").await && two.found("b").await);
    // Somebody who fetched it before the purge brings it there after it.
    two.keep("a", before).await;
    assert!(!one.found("a").await && !two.found("a").await);
    assert!(two.behind.snapshot().purged >= 2);
    two.keep("a", two.behind.moment().unwrap()).await;
    assert!(one.found("a").await && two.found("a").await);
    let moment = two.tell(What::Everything, true).await;
    one.behind.has_heard(moment).await;
    assert_eq!(*one.told.lock(), [(What::Everything, true)]);
    assert!(!one.found("a").await && !one.found("b").await);
}

#[tokio::test]
async fn a_node_that_was_away_makes_up_for_what_it_missed() {
    let engine = memory();
    let name = format!("firstlight-heard-{}", std::process::id());
    let place = std::env::temp_dir().join(name);
    let one = Node::new(&engine, None).await;
    let two = Node::new(&engine, Some(place.clone())).await;
    let first = one.tell(url("a"), false).await;
    two.behind.has_heard(first).await;
    drop(two);
    let second = one.tell(url("b"), true).await;
    let two = Node::new(&engine, Some(place.clone())).await;
    two.behind.has_heard(second).await;
    assert_eq!(*two.told.lock(), [(url("b"), true)]);
    drop(two);
    // So much has happened that nobody remembers.
    let mut last = second;
    for number in 0..40 {
        last = one
            .tell(url(&format!("{number}{}", "x".repeat(8000))), false)
            .await;
    }
    let two = Node::new(&engine, Some(place.clone())).await;
    two.behind.has_heard(last).await;
    assert_eq!(*two.told.lock(), [(What::Everything, false)]);
    drop(two);
    // And now it is another record.
    engine.remove("purges/log").await.unwrap();
    one.until(|moment| moment.epoch != last.epoch).await;
    let two = Node::new(&engine, Some(place.clone())).await;
    assert_eq!(*two.told.lock(), [(What::Everything, true)]);
    std::fs::remove_file(place).unwrap();
}

#[tokio::test]
async fn many_purges_at_once_are_all_told() {
    let engine = memory();
    let (one, two) = (
        Node::new(&engine, None).await,
        Node::new(&engine, None).await,
    );
    for number in 0..50 {
        one.behind.tell(url(&format!("one {number}")), false);
        two.behind.tell(url(&format!("two {number}")), false);
    }
    one.behind.has_told().await;
    two.behind.has_told().await;
    let there = |moment: &Moment| moment.count == 100;
    one.until(there).await;
    two.until(there).await;
    assert_eq!((one.told.lock().len(), two.told.lock().len()), (50, 50));
    for number in 0..2 * 1024 {
        one.behind.inner.tell(url(&number.to_string()), false);
    }
    assert!(one.behind.snapshot().untold <= 1024);
    assert!(!one.found("x").await, "too many became everything");
}

/// An engine that fails as told.
#[derive(Debug, Default)]
struct Moody {
    inner: Memory,
    mood: Mutex<Mood>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    Fails,
    Silent,
    Damages,
}

impl Moody {
    async fn or<T>(&self, answer: Pending<'_, T>) -> Result<T, KvError> {
        let mood = *self.mood.lock();
        match mood {
            Mood::Well | Mood::Damages => answer.await,
            Mood::Fails => Err(KvError::Refused("status 500".into())),
            Mood::Silent => std::future::pending().await,
        }
    }
}

impl Engine for Moody {
    fn get<'a>(&'a self, key: &'a str, known: Option<&'a Version>, most: u64) -> Pending<'a, Got> {
        Box::pin(async move {
            let got = self.or(self.inner.get(key, known, most)).await?;
            let damages = *self.mood.lock() == Mood::Damages;
            Ok(match got {
                Got::Value(mut value) if damages && key.starts_with("made/") => {
                    let mut bytes = value.bytes.to_vec();
                    if let Some(last) = bytes.last_mut() {
                        *last ^= 1;
                    }
                    value.bytes = bytes.into();
                    Got::Value(value)
                }
                got => got,
            })
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Version> {
        Box::pin(self.or(self.inner.put(key, bytes, expires)))
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Version>,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Option<Version>> {
        Box::pin(self.or(self.inner.compare_and_set(key, expected, bytes, expires)))
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        Box::pin(self.or(self.inner.remove(key)))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> Pending<'a, Page> {
        Box::pin(self.or(self.inner.list(prefix, from, most)))
    }

    fn signal(&self, prefix: &str) -> Option<Signal> {
        self.inner.signal(prefix)
    }
}

/// A node before an engine that fails as told, with little patience.
async fn moody() -> (Arc<Moody>, Node) {
    let engine = Arc::new(Moody::default());
    let shared: Arc<dyn Engine> = engine.clone();
    let settings = KvSettings {
        timeout: Duration::from_millis(5),
        ..settings()
    };
    let node = Node::with(&shared, &settings, None).await;
    (engine, node)
}

#[tokio::test]
async fn an_engine_that_fails_is_left_alone() {
    for mood in [Mood::Fails, Mood::Silent] {
        let (engine, node) = moody().await;
        node.keep("a", node.behind.moment().unwrap()).await;
        *engine.mood.lock() = mood;
        for _ in 0..20 {
            assert!(!node.found("a").await, "{mood:?}");
        }
        let snapshot = node.behind.snapshot();
        assert_eq!(snapshot.health, Health::Fails, "{mood:?}");
        assert!(
            snapshot.failed <= 3 && snapshot.skipped >= 17,
            "{snapshot:?}"
        );
        node.keep("b", node.behind.moment().unwrap()).await;
        assert_eq!(node.behind.snapshot().dropped, 1);
    }
}

#[tokio::test]
async fn an_engine_that_works_again_is_asked_again_and_told_what_waited() {
    let (engine, node) = moody().await;
    node.keep("a", node.behind.moment().unwrap()).await;
    node.keep("b", node.behind.moment().unwrap()).await;
    *engine.mood.lock() = Mood::Fails;
    while node.behind.snapshot().health != Health::Fails {
        assert!(!node.found("a").await);
    }
    node.behind.tell(url("a"), false);
    assert_eq!(node.behind.snapshot().untold, 1);
    *engine.mood.lock() = Mood::Well;
    tokio::time::timeout(PATIENCE, node.behind.has_told())
        .await
        .unwrap();
    assert!(!node.found("a").await && node.found("b").await);
    let snapshot = node.behind.snapshot();
    assert_eq!(
        (snapshot.health, snapshot.changes, snapshot.told),
        (Health::Works, 3, 1)
    );
}

#[tokio::test]
async fn what_is_damaged_or_anothers_is_not_found() {
    let (engine, node) = moody().await;
    let moment = node.behind.moment().unwrap();
    node.keep("a", moment).await;
    *engine.mood.lock() = Mood::Damages;
    assert!(!node.found("a").await);
    *engine.mood.lock() = Mood::Well;
    assert!(node.found("a").await);
    // What is right, in the wrong place; and what is no frame at all.
    let Got::Value(value) = engine
        .get(&key_of("made", "a"), None, 1 << 20)
        .await
        .unwrap()
    else {
        panic!("it is not there");
    };
    for bytes in [value.bytes, Bytes::from_static(b"something else")] {
        engine.put(&key_of("made", "b"), bytes, None).await.unwrap();
        assert!(!node.found("b").await);
    }
    let huge = Bytes::from(vec![0; 9 << 20]);
    engine.put(&key_of("made", "c"), huge, None).await.unwrap();
    assert!(!node.found("c").await);
    let snapshot = node.behind.snapshot();
    assert_eq!((snapshot.unusable, snapshot.health), (4, Health::Works));
}

#[tokio::test]
async fn what_is_too_much_is_not_carried() {
    let engine = Arc::new(Moody::default());
    let shared: Arc<dyn Engine> = engine.clone();
    let few = KvSettings {
        queue: base::ByteSize(1000),
        max_entry: base::ByteSize(10_000),
        ..settings()
    };
    let node = Node::with(&shared, &few, None).await;
    let moment = node.behind.moment().unwrap();
    *engine.mood.lock() = Mood::Silent;
    for number in 0..20 {
        node.behind
            .keep(&number.to_string(), moment, &parts("12345678"));
    }
    let snapshot = node.behind.snapshot();
    assert!(
        snapshot.waiting <= 1000 && snapshot.dropped >= 1,
        "{snapshot:?}"
    );
    let large = Parts {
        head: Vec::new(),
        parts: vec![Bytes::from(vec![0; 100_000])],
    };
    node.behind.keep("large", moment, &large);
    assert_eq!(node.behind.snapshot().dropped, snapshot.dropped + 1);
}
