use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Server, read_to_end, settings};
use crate::FrontSettings;

const ASK: &str = "GET /remote HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn header(command: u8) -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 10, 0, 0, 1, 0xc3, 0x50, 1, 187];
    let fixed = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, 0x11, 0, 12]];
    [&fixed.concat()[..], &addresses].concat()
}

fn behind(balancer: &str) -> Server {
    Server::with(&FrontSettings {
        proxy_protocol: vec![base::Network::parse(balancer).unwrap()],
        ..settings()
    })
}

async fn say(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.connect(false).await;
    stream.write_all(bytes).await.unwrap();
    read_to_end(&mut stream).await
}

#[tokio::test]
async fn a_balancer_says_who_the_visitor_is() {
    let server = behind("127.0.0.0/8");
    let visitor = say(&server, &[&header(0x21), ASK.as_bytes()].concat()).await;
    assert!(visitor.ends_with("192.0.2.7 false"), "{visitor}");
    // One that looks whether anybody is here says nothing of visitors.
    let own = say(&server, &[&header(0x20), ASK.as_bytes()].concat()).await;
    assert!(own.ends_with("127.0.0.1 false"), "{own}");
}

#[tokio::test]
async fn a_balancer_that_says_nothing_is_not_served() {
    let server = behind("127.0.0.1");
    let mut stream = server.connect(false).await;
    stream.write_all(ASK.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // It ends, or is reset, as what it said was not read.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{answer:?}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn nobody_else_says_who_the_visitor_is() {
    let server = behind("192.0.2.0/24");
    let answer = say(&server, &[&header(0x21), ASK.as_bytes()].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let answer = say(&server, ASK.as_bytes()).await;
    assert!(answer.ends_with("127.0.0.1 false"), "{answer}");
}
