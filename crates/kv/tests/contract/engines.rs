//! The engines, each as it is used.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::ByteSize;
use bytes::Bytes;
use kv::{Embedded, Engine, EngineChoice, Got, KvError, KvSettings, Memory, Redis, S3, Secret};
use testkit::{Bucket, Mood, Peer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::contract;

fn settings(engine: EngineChoice, url: String) -> KvSettings {
    KvSettings {
        engine,
        url: Some(url),
        user: Secret("somebody".into()),
        password: Secret("hush".into()),
        ..KvSettings::default()
    }
}

fn redis(url: String) -> Redis {
    let mut settings = settings(EngineChoice::Redis, url);
    settings.user = Secret::default();
    settings.password = Secret::default();
    Redis::new(&settings).unwrap()
}

fn s3(url: String) -> S3 {
    S3::new(&settings(EngineChoice::S3, url)).unwrap()
}

/// A directory that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("firstlight-kv-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract(Arc::new(Memory::new()), 4).await;
}

#[tokio::test]
async fn the_embedded_engine_keeps_the_contract() {
    let folder = Folder::new("contract");
    let engine = Embedded::open(&folder.0.join("kv"), ByteSize::mib(64)).unwrap();
    contract(Arc::new(engine), 4).await;
}

#[tokio::test]
async fn the_embedded_engine_is_of_one_process_and_outlives_it() {
    let folder = Folder::new("again");
    let path = folder.0.join("kv");
    let engine = Embedded::open(&path, ByteSize::mib(64)).unwrap();
    let second = Embedded::open(&path, ByteSize::mib(64));
    assert!(matches!(second, Err(KvError::File(_))));
    let version = engine.put("a", "one".into(), None).await.unwrap();
    drop(engine);
    let engine = Embedded::open(&path, ByteSize::mib(64)).unwrap();
    let got = engine.get("a", None, 10).await.unwrap();
    assert!(matches!(got, Got::Value(value) if value.version == version));
}

#[tokio::test]
async fn the_oldest_makes_room_in_the_embedded_engine() {
    let folder = Folder::new("room");
    let engine = Embedded::open(&folder.0.join("kv"), ByteSize(100_000)).unwrap();
    for number in 0..30 {
        let bytes = Bytes::from(vec![number; 10_000]);
        engine
            .put(&format!("a/{number}"), bytes, None)
            .await
            .unwrap();
    }
    let page = engine.list("a/", None, 100).await.unwrap();
    assert!((5..10).contains(&page.keys.len()), "{}", page.keys.len());
    assert!(page.keys.iter().any(|(key, _)| key == "a/29"));
}

#[tokio::test]
async fn redis_keeps_the_contract() {
    let Some(peer) = Peer::redis().unwrap() else {
        return eprintln!("skipped: neither `valkey-server` nor `redis-server` is installed");
    };
    contract(Arc::new(redis(format!("redis://{}/0", peer.address()))), 4).await;
}

#[tokio::test]
async fn redis_comes_back_after_it_was_gone() {
    let Some(mut peer) = Peer::redis().unwrap() else {
        return eprintln!("skipped: neither `valkey-server` nor `redis-server` is installed");
    };
    let engine = redis(format!("redis://{}/0", peer.address()));
    engine.put("a", "one".into(), None).await.unwrap();
    peer.end();
    assert!(engine.get("a", None, 10).await.unwrap_err().is_failure());
    assert!(engine.get("a", None, 10).await.unwrap_err().is_failure());
    peer.begin().unwrap();
    let since = std::time::Instant::now();
    while engine.get("a", None, 10).await.is_err() {
        assert!(since.elapsed() < crate::PATIENCE, "it does not come back");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_answers_but_is_no_redis_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = redis(format!("redis://{}/0", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    assert!(engine.get("a", None, 10).await.unwrap_err().is_failure());
}

#[tokio::test]
async fn a_redis_that_is_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = redis(format!("redis://{}/0", listener.local_addr().unwrap()));
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        heard.len()
    });
    assert!(engine.get("a", None, 10).await.unwrap_err().is_failure());
    assert!(silent.await.unwrap() > 0, "it was asked, and then left");
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    let bucket = Bucket::start().await.unwrap();
    contract(Arc::new(s3(bucket.url())), 4).await;
}

#[tokio::test]
async fn another_servers_bucket_keeps_the_contract() {
    let Some(peer) = Peer::s3().unwrap() else {
        return eprintln!("skipped: `moto_server` is not installed");
    };
    let url = format!("http://{}/bucket", peer.address());
    let whole = s3(url.clone());
    make_bucket(&url).await;
    // Its conditions hold one after another; of two at the same moment it lets both through.
    contract(Arc::new(whole), 1).await;
}

/// Makes a bucket where anybody may.
async fn make_bucket(url: &str) {
    use tokio::io::AsyncWriteExt;
    let place = url.strip_prefix("http://").unwrap();
    let (address, name) = place.split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let asked = format!(
        "PUT /{name} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test]
async fn a_bucket_that_fails_is_an_error_and_not_believed() {
    let bucket = Bucket::start().await.unwrap();
    let engine = s3(bucket.url());
    engine.put("a", "one".into(), None).await.unwrap();
    for mood in [
        Mood::Status(500),
        Mood::Status(403),
        Mood::Status(301),
        Mood::Garbage,
    ] {
        bucket.set_mood(mood);
        let error = engine.get("a", None, 10).await.unwrap_err();
        assert!(error.is_failure(), "{mood:?}");
        let error = engine.put("a", "two".into(), None).await.unwrap_err();
        assert!(error.is_failure(), "{mood:?}");
        assert!(engine.list("a", None, 10).await.is_err(), "{mood:?}");
        let said = format!("{error} {error:?} {engine:?}");
        assert!(
            !said.contains("hush") && !said.contains("somebody"),
            "{said}"
        );
    }
    bucket.set_mood(Mood::Huge);
    let error = engine.get("a", None, 10).await.unwrap_err();
    assert!(matches!(error, KvError::TooLarge { most: 10 }));
    bucket.set_mood(Mood::Never);
    let waiting = tokio::time::timeout(Duration::from_millis(20), engine.get("a", None, 10));
    assert!(waiting.await.is_err());
    bucket.set_mood(Mood::Well);
    let got = engine.get("a", None, 10).await.unwrap();
    assert!(matches!(got, Got::Value(value) if value.bytes == "one"));
}
