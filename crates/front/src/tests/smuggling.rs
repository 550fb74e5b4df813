//! The classic forms of request smuggling, over a real connection: each is refused, and what was
//! to be smuggled never reaches a module.

use tokio::io::AsyncWriteExt;

use super::harness::{Server, read_until};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends an attack alone, and behind a sound request on the same connection.
async fn attack(name: &str, request: &str) {
    let server = Server::start();
    let answer = server.talk(request).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{name}: {answer}"
    );
    assert!(answer.contains("connection: close\r\n"), "{name}: {answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
    assert!(
        server.requests().is_empty(),
        "{name}: {:?}",
        server.requests()
    );

    let sound = "GET /sound HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = server.talk(format!("{sound}{request}")).await;
    let statuses: Vec<_> = answer
        .lines()
        .filter_map(|line| line.split("HTTP/1.1 ").nth(1))
        .collect();
    assert_eq!(statuses, ["200 OK", "400 Bad Request"], "{name}: {answer}");
    assert_eq!(server.requests(), ["GET /sound"], "{name}");
}

fn post(lines: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n{body}")
}

#[tokio::test]
async fn content_length_against_transfer_encoding() {
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    let lines = format!(
        "Content-Length: {}\r\nTransfer-Encoding: chunked",
        chunked.len()
    );
    attack("CL.TE", &post(&lines, &chunked)).await;
    let hidden = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    attack(
        "TE.CL",
        &post("Transfer-Encoding: chunked\r\nContent-Length: 4", &hidden),
    )
    .await;
}

#[tokio::test]
async fn obfuscated_transfer_encodings() {
    for lines in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding: chunked\u{b}",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "Transfer-Encoding\r\n: chunked",
        "Transfer-Encoding:\r\n chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: \"chunked\"",
    ] {
        attack(lines, &post(lines, &format!("0\r\n\r\n{SMUGGLED}"))).await;
    }
}

#[tokio::test]
async fn lengths_that_differ_or_are_none() {
    for lines in [
        "Content-Length: 0\r\nContent-Length: 38",
        "Content-Length: 38\r\nContent-Length: 38",
        "Content-Length: 0, 38",
        "Content-Length: +38",
        "Content-Length: 0x26",
        "Content-Length : 38",
        "Content-Length: 3\r\n 8",
        "Content-Length: 38\u{0}",
    ] {
        attack(lines, &post(lines, SMUGGLED)).await;
    }
}

#[tokio::test]
async fn broken_chunks() {
    for body in [
        format!("0\n\r\n{SMUGGLED}"),
        format!("0x0\r\n\r\n{SMUGGLED}"),
        format!("100000000000000000\r\n\r\n{SMUGGLED}"),
        format!("0;\nx\r\n\r\n{SMUGGLED}"),
        format!("2\r\nabc\r\n0\r\n\r\n{SMUGGLED}"),
        format!("0\r\nContent-Length: 5\r\n\r\n{SMUGGLED}"),
        format!("0\r\n\n{SMUGGLED}"),
    ] {
        attack(&body, &post("Transfer-Encoding: chunked", &body)).await;
    }
}

#[tokio::test]
async fn hosts_missing_repeated_or_contradicting() {
    attack("no host", "GET / HTTP/1.1\r\n\r\n").await;
    attack("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    let server = Server::start();
    let answer = server
        .talk("GET http://a/ HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn http_1_0_with_a_transfer_encoding() {
    attack(
        "TE in 1.0",
        &format!("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"),
    )
    .await;
}

#[tokio::test]
async fn an_http_1_0_body_is_never_delimited_by_the_close() {
    let server = Server::start();
    let answer = server
        .talk(format!(
            "POST /echo HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n{SMUGGLED}"
        ))
        .await;
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
    assert_eq!(server.requests(), ["POST /echo"]);
    assert_eq!(*server.seen.bodies.lock(), [""]);
}

#[tokio::test]
async fn bytes_after_an_upgrade_request_are_never_a_request() {
    let upgrade = "Connection: upgrade\r\nUpgrade: echo\r\n\r\n";
    // Declined: the answer ends the connection, and what followed is thrown away.
    let server = Server::start();
    let answer = server
        .talk(format!(
            "GET /hello HTTP/1.1\r\nHost: a\r\n{upgrade}{SMUGGLED}"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(server.requests(), ["GET /hello"]);
    // Accepted: they belong to the other protocol.
    let server = Server::start();
    let mut stream = server.connect(false).await;
    let request = format!("GET /upgrade HTTP/1.1\r\nHost: a\r\n{upgrade}{SMUGGLED}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, SMUGGLED).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    stream.write_all(SMUGGLED.as_bytes()).await.unwrap();
    read_until(&mut stream, SMUGGLED).await;
    assert_eq!(server.requests(), ["GET /upgrade"]);
}

#[tokio::test]
async fn nothing_after_connection_close_is_a_request() {
    let server = Server::start();
    let answer = server
        .talk(format!(
            "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{SMUGGLED}"
        ))
        .await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(server.requests(), ["GET /last"]);
}

#[tokio::test]
async fn a_broken_chunk_later_in_the_body_ends_the_request() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    let head = post("Transfer-Encoding: chunked", "3\r\nabc\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    server.reached(1).await;
    stream
        .write_all(format!("zz\r\n{SMUGGLED}").as_bytes())
        .await
        .unwrap();
    let answer = super::harness::read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(server.requests(), ["POST /echo"]);
    assert!(server.seen.bodies.lock().is_empty());
}
