//! Two servers with one store behind, and one server whose store behind or disk fails: visitors
//! get their pages.

use kv::Health;
use server::{Purge, Server};
use testkit::photo::{Scene, baseline_jpeg, photograph};
use testkit::recorder::{Answer, Request};
use testkit::{Bucket, Mood, Origin, Peer, Recorder, Reply};
use tokio::net::TcpListener;

use crate::stack::{HOST, PATIENCE, address, config, soon};

const PICTURE: &str = "/cdn-cgi/image/width=240,format=webp/lake.jpg";
const TEXT: &str = "/text.js";

/// A server of a fleet.
struct Node {
    server: Server,
}

impl Node {
    /// Before this origin, with these lines about the store behind.
    async fn new(origin: &Origin, behind: &str) -> Self {
        let text = format!(
            "{behind}\n[workshop]\nimprove_share = 100\n[[site]]\norigin = 'http://{}'\n\
             [site.access_log]\nenabled = false\n",
            origin.address()
        );
        let server = Server::start(config(&text)).unwrap();
        Self { server }
    }

    /// The same, once the store behind answers.
    async fn ready(origin: &Origin, behind: &str) -> Self {
        let node = Self::new(origin, behind).await;
        soon(
            "the store behind",
            node.until(|health| health == Health::Works),
        )
        .await;
        node
    }

    fn behind(&self) -> std::sync::Arc<kv::Behind> {
        self.server.handle().behind().unwrap()
    }

    /// Waits until it goes so with the store behind.
    async fn until(&self, there: impl Fn(Health) -> bool) {
        while !there(self.behind().snapshot().health) {
            tokio::task::yield_now().await;
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path)
            .header("accept", "image/webp,*/*")
            .header("accept-encoding", "gzip, br");
        let recorder = Recorder::new(address(&self.server, true), HOST).limit(PATIENCE);
        let recording = recorder.record(&[request]).await.unwrap();
        let answer = recording.answers.into_iter().next().unwrap();
        assert_eq!(answer.status, 200, "{path}");
        answer
    }

    /// The text in its best form.
    async fn best_text(&self) -> Answer {
        self.get(TEXT).await;
        soon("what is made better", self.has_improved()).await;
        let answer = self.get(TEXT).await;
        assert_eq!(answer.header("content-encoding"), Some("br"));
        answer
    }

    /// Waits until nothing waits to be made better, and something was.
    async fn has_improved(&self) {
        loop {
            let improving = self.server.handle().workshop().improving;
            if improving.waiting == 0 && !improving.working && improving.finished > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Pictures that were made here. The last one may be with its visitor before it is counted.
    async fn made(&self) -> u64 {
        loop {
            let now = self.server.handle().workshop();
            if now.running == 0 && now.queued == 0 {
                return now.finished;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Settings for a store behind.
fn table(engine: &str, url: &str) -> String {
    format!(
        "[kv]\nengine = '{engine}'\nurl = '{url}'\nmin_cost = '0s'\ntimeout = '20s'\n\
         patience = '20s'\npurges_every = '5ms'\n"
    )
}

async fn site() -> Origin {
    let origin = Origin::start().await.unwrap();
    let picture = baseline_jpeg(&photograph(Scene::Lake, 480, 320, 1), 92);
    let picture = Reply::ok("image/jpeg", picture)
        .header("cache-control", "max-age=600")
        .header("etag", "\"1\"");
    origin.reply("/lake.jpg", picture);
    let text = "function one() { return 'two' } // three four\n".repeat(400);
    let text = Reply::ok("text/javascript", text).header("cache-control", "max-age=600");
    origin.reply(TEXT, text);
    origin
}

/// What one node has made the other serves without making it; what is purged on one is gone from
/// both, and does not come back.
async fn share(behind: &str) {
    let origin = site().await;
    let one = Node::ready(&origin, behind).await;
    let two = Node::ready(&origin, behind).await;
    one.get(PICTURE).await;
    let text = one.best_text().await;
    let picture = one.get(PICTURE).await;
    soon("all of it there", one.behind().has_carried()).await;
    assert_eq!((one.made().await, two.made().await), (1, 0));
    assert!(one.behind().snapshot().carried >= 2);
    let asked = origin.count("/lake.jpg");

    let again = two.get(PICTURE).await;
    assert_eq!(again.body, picture.body);
    let status = again.header("cache-status").unwrap_or_default();
    assert!(
        status.contains("; hit") && status.contains("behind"),
        "{status}"
    );
    assert_eq!((two.made().await, origin.count("/lake.jpg")), (0, asked));
    assert_eq!(two.best_text().await.body, text.body);
    let snapshot = two.behind().snapshot();
    assert_eq!(
        (snapshot.hits, snapshot.carried),
        (2, 0),
        "it made nothing: {snapshot:?}"
    );

    // The origin has another picture now.
    let other = baseline_jpeg(&photograph(Scene::Dunes, 480, 320, 2), 92);
    let other = Reply::ok("image/jpeg", other)
        .header("cache-control", "max-age=600")
        .header("etag", "\"2\"")
        .header("cache-tag", "pictures");
    origin.forget("/lake.jpg");
    origin.reply("/lake.jpg", other);
    let url = format!("https://{HOST}/lake.jpg").parse().unwrap();
    assert!(one.server.handle().purge(&url) > 0);
    soon("the purge told", one.behind().has_told()).await;
    let moment = one.behind().moment().unwrap();
    soon("the purge heard", two.behind().has_heard(moment)).await;
    let new = two.get(PICTURE).await;
    assert_ne!(new.body, picture.body);
    assert_eq!(
        two.made().await,
        1,
        "what is behind is older than the purge"
    );
    soon("all of it there", two.behind().has_carried()).await;
    assert_eq!(one.get(PICTURE).await.body, new.body);
    assert_eq!(one.made().await, 1, "what the other has made is newer");

    // And by tag, from the other side.
    two.server.handle().purge_many(Purge::Tag("pictures"));
    soon("the purge told", two.behind().has_told()).await;
    let moment = two.behind().moment().unwrap();
    soon("the purge heard", one.behind().has_heard(moment)).await;
    one.get(PICTURE).await;
    assert_eq!(one.made().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_through_redis() {
    let Some(peer) = Peer::redis().unwrap() else {
        return eprintln!("skipped: neither `valkey-server` nor `redis-server` is installed");
    };
    share(&table("redis", &format!("redis://{}/0", peer.address()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_through_a_bucket() {
    let bucket = Bucket::start().await.unwrap();
    share(&table("s3", &bucket.url())).await;
}

/// Everything that a visitor may want comes, though the store behind is of no use.
async fn served_all_the_same(behind: &str) -> Node {
    let origin = site().await;
    let node = Node::new(&origin, behind).await;
    for _ in 0..3 {
        let picture = node.get(PICTURE).await;
        assert_eq!(picture.header("content-type"), Some("image/webp"));
        assert!(!node.get(TEXT).await.body.is_empty());
        node.get("/lake.jpg").await;
    }
    node.best_text().await;
    let url = format!("https://{HOST}/lake.jpg").parse().unwrap();
    assert!(node.server.handle().purge(&url) > 0);
    node.get(PICTURE).await;
    node
}

/// The same with little patience, as it should be.
fn hasty(engine: &str, url: &str) -> String {
    table(engine, url).replace("'20s'", "'100ms'")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_refuses_connections_harms_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/0", listener.local_addr().unwrap());
    drop(listener);
    let node = served_all_the_same(&hasty("redis", &url)).await;
    soon(
        "that it fails",
        node.until(|health| health == Health::Fails),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_takes_connections_and_is_silent_harms_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/0", listener.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let node = served_all_the_same(&hasty("redis", &url)).await;
    soon(
        "that it fails",
        node.until(|health| health == Health::Fails),
    )
    .await;
    silent.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_dies_harms_nobody_and_is_used_when_it_is_back() {
    let Some(mut peer) = Peer::redis().unwrap() else {
        return eprintln!("skipped: neither `valkey-server` nor `redis-server` is installed");
    };
    let origin = site().await;
    let url = format!("redis://{}/0", peer.address());
    let node = Node::ready(&origin, &table("redis", &url)).await;
    node.get(PICTURE).await;
    soon("all of it there", node.behind().has_carried()).await;
    peer.end();
    for width in 100..110 {
        let path = PICTURE.replace("240", &width.to_string());
        assert_eq!(
            node.get(&path).await.header("content-type"),
            Some("image/webp")
        );
    }
    soon(
        "that it fails",
        node.until(|health| health == Health::Fails),
    )
    .await;
    peer.begin().unwrap();
    soon(
        "that it works",
        node.until(|health| health == Health::Works),
    )
    .await;
    let carried = node.behind().snapshot().carried;
    node.get(&PICTURE.replace("240", "120")).await;
    soon("all of it there", node.behind().has_carried()).await;
    assert!(node.behind().snapshot().carried > carried);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_answers_nonsense_harms_nobody() {
    for mood in [Mood::Status(500), Mood::Garbage, Mood::Never, Mood::Huge] {
        let bucket = Bucket::start().await.unwrap();
        bucket.set_mood(mood);
        let node = served_all_the_same(&hasty("s3", &bucket.url())).await;
        soon(
            "that it fails",
            node.until(|health| health == Health::Fails),
        )
        .await;
        assert_eq!(node.behind().snapshot().hits, 0, "{mood:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bucket_has_damaged_is_made_anew() {
    let bucket = Bucket::start().await.unwrap();
    let behind = table("s3", &bucket.url());
    let origin = site().await;
    let one = Node::ready(&origin, &behind).await;
    one.get(PICTURE).await;
    one.best_text().await;
    let picture = one.get(PICTURE).await;
    soon("all of it there", one.behind().has_carried()).await;
    assert!(bucket.damage("firstlight/made/") + bucket.damage("firstlight/derived/") >= 2);
    let two = Node::ready(&origin, &behind).await;
    assert_eq!(two.get(PICTURE).await.body, picture.body);
    two.best_text().await;
    let snapshot = two.behind().snapshot();
    assert_eq!(
        (two.made().await, snapshot.hits, snapshot.unusable),
        (1, 0, 2),
        "{snapshot:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_behind_outlives_a_server_and_its_cache() {
    let folder = std::env::temp_dir().join(format!("firstlight-fleet-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let behind = format!(
        "[kv]\nengine = 'embedded'\npath = '{}'\nmin_cost = '0s'\ntimeout = '20s'\n",
        folder.join("kv").display()
    );
    let origin = site().await;
    let first = Node::ready(&origin, &behind).await;
    let picture = first.get(PICTURE).await;
    soon("all of it there", first.behind().has_carried()).await;
    first.server.shutdown();
    soon("its end", first.server.wait()).await;
    // What is left of it in the background lets go of the file a moment later.
    let second = loop {
        let second = Node::new(&origin, &behind).await;
        if second.server.handle().behind().is_some() {
            break second;
        }
        tokio::task::yield_now().await;
    };
    soon(
        "the store behind",
        second.until(|health| health == Health::Works),
    )
    .await;
    assert_eq!(second.get(PICTURE).await.body, picture.body);
    assert_eq!(second.made().await, 0);
    drop(second);
    let _ = std::fs::remove_dir_all(folder);
}
