use base::Body;
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;
use crate::{Client, Fetched, Http2, OriginError, OriginSettings};

/// Takes an upgrade to `websocket`, greets, and then says everything back.
async fn websocket() -> Origin {
    Origin::raw(|mut stream, _| async move {
        let head = read_head(&mut stream).await.to_ascii_lowercase();
        if !head.contains("\r\nupgrade: websocket\r\n")
            || !head.contains("\r\nconnection: upgrade\r\n")
        {
            let refusal = b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno";
            stream.write_all(refusal).await.unwrap();
            return;
        }
        // The greeting leaves in one piece with the head.
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello";
        stream.write_all(answer).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.ok();
    })
    .await
}

async fn ask(origin: &Origin, protocol: &str, http2: Http2) -> Result<Fetched, OriginError> {
    let settings = OriginSettings {
        http2,
        ..settings()
    };
    let request = Request::get("/chat")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", protocol)
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let client = Client::new(&settings).unwrap();
    client
        .fetch(&origin.upstream(), head(request), Body::Empty)
        .await
}

#[tokio::test]
async fn an_upgrade_passes_and_bytes_flow_both_ways() {
    let origin = websocket().await;
    for http2 in [Http2::Auto, Http2::PriorKnowledge] {
        let mut fetched = ask(&origin, "websocket", http2).await.unwrap();
        assert_eq!(fetched.status, StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(fetched.header("upgrade"), Some("websocket"));
        assert_eq!(fetched.header("connection"), Some("upgrade"));
        assert_eq!(fetched.header("sec-websocket-accept"), Some("x"));
        let mut io = fetched.upgrade.take().unwrap();
        let mut greeting = [0; 5];
        io.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"hello");
        for text in [&b"ping"[..], b"pong"] {
            io.write_all(text).await.unwrap();
            io.flush().await.unwrap();
            let mut echo = [0; 4];
            io.read_exact(&mut echo).await.unwrap();
            assert_eq!(echo, text);
        }
        io.shutdown().await.unwrap();
        assert_eq!(io.read(&mut greeting).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_refused_upgrade_is_a_plain_response() {
    let origin = websocket().await;
    let fetched = ask(&origin, "something-else", Http2::Auto).await.unwrap();
    assert!(fetched.upgrade.is_none() && fetched.status == StatusCode::UPGRADE_REQUIRED);
    assert_eq!(fetched.text().await, "no");
}

#[tokio::test]
async fn an_upgrade_to_another_http_is_not_passed_on() {
    let origin = websocket().await;
    let fetched = ask(&origin, "h2c", Http2::Auto).await.unwrap();
    assert_eq!(fetched.status, StatusCode::UPGRADE_REQUIRED);
}

#[tokio::test]
async fn a_change_to_what_was_not_asked_for_is_an_error() {
    let origin = Origin::says(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n",
    )
    .await;
    let result = ask(&origin, "websocket", Http2::Auto).await;
    assert_eq!(code(result), "origin.bad-response");
}
