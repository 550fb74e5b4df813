//! The origin is as right and as wrong as it is told to be.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Sends bytes and reads until the origin closes.
async fn ask(origin: &Origin, request: &str) -> String {
    let mut stream = TcpStream::connect(origin.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn replies_come_in_turn_and_requests_are_kept() {
    let origin = Origin::start().await.unwrap();
    origin.reply("/a?b=1", Reply::ok("text/plain", "one"));
    origin.reply("/a?b=1", Reply::new(503).header("Retry-After", "1"));
    let get = "GET /a?b=1 HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n";
    let answer = ask(&origin, &format!("{get}{get}{get}")).await;
    assert_eq!(answer.matches("content-length: 3\r\n\r\none").count(), 1);
    assert_eq!(
        answer
            .matches("503 Scripted\r\nretry-after: 1\r\ncontent-length: 0")
            .count(),
        2
    );
    assert_eq!(origin.count("/a?b=1"), 3);
    assert_eq!(origin.received()[0].header("x-y"), Some("z"));
    assert!(
        ask(&origin, "GET /none HTTP/1.1\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 404")
    );
    assert_eq!(origin.received()[3].connection, 1);
}

#[tokio::test]
async fn a_file_is_the_same_with_any_query_and_slashes_doubled() {
    let origin = Origin::start().await.unwrap();
    origin.reply("/b/a?*", Reply::ok("text/plain", "any"));
    origin.reply("/b/a?v=2", Reply::ok("text/plain", "exact"));
    for (target, end) in [
        ("/b/a", "any"),
        ("/b///a?v=1", "any"),
        ("/b/a?v=2", "exact"),
    ] {
        let answer = ask(&origin, &format!("GET {target} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.ends_with(end), "{target}: {answer}");
    }
    let answer = ask(&origin, "GET /b/ab HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn bodies_are_read_in_both_framings() {
    let origin = Origin::start().await.unwrap();
    origin.reply("/", Reply::new(204));
    let whole = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
    let chunks =
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n";
    let answer = ask(&origin, &format!("{whole}{chunks}")).await;
    assert_eq!(answer, "HTTP/1.1 204 Scripted\r\n\r\n".repeat(2));
    assert!(
        origin
            .received()
            .iter()
            .all(|request| request.body == b"hello")
    );
}

#[tokio::test]
async fn broken_answers_are_broken_as_asked() {
    let origin = Origin::start().await.unwrap();
    origin.reply("/chunks", Reply::ok("a/b", "one").body("two").chunked());
    origin.reply("/short", Reply::ok("a/b", "one").cut_off(4));
    origin.reply("/lost", Reply::ok("a/b", "one").chunked().cut_off(0));
    origin.reply("/close", Reply::ok("a/b", "one").until_close());
    origin.reply("/garbage", Reply::raw("\0\0garbage"));
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\n\r\n");
    let chunks = ask(&origin, &get("/chunks")).await;
    assert!(
        chunks.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
        "{chunks}"
    );
    let short = ask(&origin, &get("/short")).await;
    assert!(short.ends_with("content-length: 7\r\n\r\none"), "{short}");
    assert!(ask(&origin, &get("/lost")).await.ends_with("3\r\none\r\n"));
    assert!(
        ask(&origin, &get("/close"))
            .await
            .ends_with("connection: close\r\n\r\none")
    );
    assert_eq!(ask(&origin, &get("/garbage")).await, "\0\0garbage");
}

#[tokio::test]
async fn a_gate_holds_what_comes_after_it() {
    let origin = Origin::start().await.unwrap();
    let (reply, gate) = Reply::ok("a/b", "one").then_hold();
    origin.reply("/", reply.body("two").until_close());
    let mut stream = TcpStream::connect(origin.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"one") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
    }
    drop(gate);
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"onetwo"));
}

#[tokio::test]
async fn after_an_upgrade_bytes_come_back() {
    let origin = Origin::start().await.unwrap();
    origin.reply("/", Reply::echo_upgrade("websocket"));
    let answer = ask(&origin, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\nping").await;
    assert!(
        answer.contains("upgrade: websocket\r\n\r\nping"),
        "{answer}"
    );
}
