//! Purges asked for by HTTP, over the wire: by every version of it, and by one node of two.

use testkit::recorder::{Answer, Request};
use testkit::{Bucket, Origin, Peer, Recorder, Reply};

use crate::client::Client;
use crate::stack::{HOST, PATIENCE, Stack, address, config, soon};

const TOKEN: &str = "0123456789abcdef-wire";
const TABLE: &str = "[purge]\ntoken = '0123456789abcdef-wire'\nfrom = ['127.0.0.0/8']\n";

fn page(origin: &Origin, text: &'static str) {
    origin.forget("/page");
    let reply = Reply::ok("text/plain", text).header("cache-control", "max-age=600");
    origin.reply("/page", reply.header("cache-tag", "pages"));
}

fn authorized(request: Request) -> Request {
    request.header("authorization", &format!("Bearer {TOKEN}"))
}

async fn ask(recorder: &Recorder, request: Request) -> Answer {
    let recording = recorder.record(&[request]).await.unwrap();
    recording.answers.into_iter().next().unwrap()
}

#[tokio::test]
async fn every_version_of_http_purges() {
    let stack = Stack::with(TABLE, "").await;
    let recorder = || Recorder::new(stack.address(true), HOST).limit(PATIENCE);
    page(&stack.origin, "first");
    assert_eq!(stack.get("/page", "").await.text(), "first");
    let over = [recorder(), recorder().http3()];
    for (recorder, text) in over.into_iter().zip(["by HTTP/2", "by HTTP/3"]) {
        let before = ask(&recorder, Request::get("/page")).await;
        page(&stack.origin, text);
        assert_eq!(
            ask(&recorder, Request::get("/page")).await.body,
            before.body
        );
        let refused = ask(&recorder, Request::get("/page").method("PURGE")).await;
        assert_eq!(refused.status, 401);
        assert_eq!(
            ask(&recorder, Request::get("/page")).await.body,
            before.body
        );
        let done = ask(&recorder, authorized(Request::get("/page").method("PURGE"))).await;
        assert_eq!(done.status, 200);
        let after = ask(&recorder, Request::get("/page")).await;
        assert_eq!(after.body, text.as_bytes());
    }
    // By plain HTTP/1.1, for both schemes.
    stack.get("/page", "").await;
    page(&stack.origin, "by HTTP/1.1");
    let mut client = Client::plain(stack.address(false)).await;
    let line = format!("Authorization: Bearer {TOKEN}\r\n");
    let request = format!("PURGE /page HTTP/1.1\r\nHost: {HOST}\r\n{line}\r\n");
    client.send(request).await;
    let done = client.answer().await;
    assert_eq!(done.status, 200);
    assert!(done.text().contains("\"purged\":2"), "{}", done.text());
    assert_eq!(client.get(HOST, "/page", "").await.text(), "by HTTP/1.1");
    let order = "{\"purge_everything\": true}";
    page(&stack.origin, "by an order");
    let length = order.len();
    let request = format!(
        "POST /cdn-cgi/purge HTTP/1.1\r\nHost: {HOST}\r\n{line}Content-Length: {length}\r\n\r\n{order}"
    );
    client.send(request).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.get(HOST, "/page", "").await.text(), "by an order");
}

/// What is ordered of one node is gone from the other when it has heard of it, and the answer says
/// that the fleet is told.
async fn fleet(behind: &str) {
    let origin = Origin::start().await.unwrap();
    page(&origin, "old");
    let start = || {
        let text = format!(
            "{TABLE}{behind}\n[[site]]\norigin = 'http://{}'\n",
            origin.address()
        );
        server::Server::start(config(&text)).unwrap()
    };
    let (one, two) = (start(), start());
    let recorder = |server| Recorder::new(address(server, true), HOST).limit(PATIENCE);
    for server in [&one, &two] {
        let answer = ask(&recorder(server), Request::get("/page")).await;
        assert_eq!(answer.body, b"old");
    }
    page(&origin, "new");
    let purge = Request::get("/page").method("PURGE");
    let said = ask(&recorder(&one), authorized(purge)).await;
    let said = String::from_utf8(said.body.to_vec()).unwrap();
    assert!(said.contains("\"fleet\":\"told\""), "{said}");
    let behind = |server: &server::Server| server.handle().behind().unwrap();
    let moment = behind(&one).moment().unwrap();
    soon("the purge heard", behind(&two).has_heard(moment)).await;
    for server in [&one, &two] {
        let answer = ask(&recorder(server), Request::get("/page")).await;
        assert_eq!(answer.body, b"new");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_is_told_through_a_bucket_holds_for_all() {
    let bucket = Bucket::start().await.unwrap();
    let table = "patience = '20s'\npurges_every = '5ms'\n";
    fleet(&format!(
        "[kv]\nengine = 's3'\nurl = '{}'\n{table}",
        bucket.url()
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_is_told_through_redis_holds_for_all() {
    let Some(peer) = Peer::redis().unwrap() else {
        return eprintln!("skipped: neither `valkey-server` nor `redis-server` is installed");
    };
    // So seldom is it looked for that it must have been told of.
    let table = "patience = '20s'\npurges_every = '1h'\n";
    let url = format!("redis://{}/0", peer.address());
    fleet(&format!("[kv]\nengine = 'redis'\nurl = '{url}'\n{table}")).await;
}
