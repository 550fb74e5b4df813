use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Server, read_to_end, read_until, settings};

const GET: &str = "GET /hello HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    for _ in 0..3 {
        stream.write_all(GET.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\nhello").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-length: 5\r\n"), "{answer}");
        assert!(answer.contains("\r\ndate: "), "{answer}");
        assert!(!answer.contains("connection:"), "{answer}");
    }
    assert_eq!(server.requests(), ["GET /hello"; 3]);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let requests = "GET /host HTTP/1.1\r\nHost: one.example\r\n\r\n\
                    POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde\
                    POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nfgh\r\n2;x=y\r\nij\r\n0\r\nT: 1\r\n\r\n\
                    GET /host HTTP/1.1\r\nHost: two.example\r\nConnection: close\r\n\r\n";
    let answer = server.talk(requests).await;
    let bodies: Vec<_> = answer
        .split("HTTP/1.1 200 OK\r\n")
        .filter_map(|response| response.split("\r\n\r\n").nth(1))
        .collect();
    let expected = [
        "http://one.example/host",
        "abcde",
        "fghij",
        "http://two.example/host",
    ];
    assert_eq!(bodies, expected, "{answer}");
    assert_eq!(*server.seen.bodies.lock(), ["abcde", "fghij"]);
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    stream.set_nodelay(true).unwrap();
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
                   Connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let answer = read_to_end(&mut stream).await;
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
}

#[tokio::test]
async fn head_has_a_length_and_no_body() {
    let server = Server::start();
    let answer = server
        .talk("HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.contains("content-length: 5\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(*server.seen.endings.lock(), [(200, 0, true)]);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_chunked() {
    let server = Server::start();
    let answer = server
        .talk("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(
        answer.contains("transfer-encoding: chunked\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"),
        "{answer}"
    );
    assert_eq!(*server.seen.endings.lock(), [(200, 13, true)]);
}

#[tokio::test]
async fn http_1_0_gets_its_answer_and_the_connection_ends() {
    let server = Server::start();
    for head in [
        "GET /stream HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ] {
        let answer = server.talk(format!("{head}{GET}")).await;
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\none two three"), "{answer}");
    }
    assert_eq!(server.requests(), ["GET /stream"; 2]);
}

#[tokio::test]
async fn a_large_upload_and_a_large_download_pass_whole() {
    let server = Server::start();
    let upload = "0123456789abcdef".repeat(1 << 16);
    let mut stream = server.connect(false).await;
    let request = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{upload}\
         GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        upload.len()
    );
    let (mut read, mut write) = stream.split();
    let (answer, ()) = tokio::join!(read_to_end(&mut read), async {
        write.write_all(request.as_bytes()).await.unwrap();
    });
    assert!(answer.contains(&upload), "{} bytes", answer.len());
    assert!(
        answer.ends_with(&"x".repeat(8 << 20)),
        "{} bytes",
        answer.len()
    );
}

#[tokio::test]
async fn expect_is_answered_before_the_body_comes() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let interim = read_until(&mut stream, "\r\n\r\n").await;
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    read_until(&mut stream, "\r\n\r\nabc").await;
}

#[tokio::test]
async fn targets_in_absolute_form_and_for_proxies() {
    let server = Server::start();
    let answer = server
        .talk("GET http://b.example/host HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.ends_with("http://b.example/host"), "{answer}");
    let answer = server
        .talk("CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let answer = server
        .talk("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert_eq!(server.requests(), ["GET /host"]);
}

#[tokio::test]
async fn a_websocket_like_upgrade_echoes() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    let head = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "welcome ").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("connection: upgrade\r\n"), "{answer}");
    assert!(answer.contains("upgrade: echo\r\n"), "{answer}");
    stream.write_all(b"GET / HTTP/1.1\r\n\0").await.unwrap();
    read_until(&mut stream, "GET / HTTP/1.1\r\n\0").await;
    stream.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
    assert_eq!(server.requests(), ["GET /upgrade"]);
}

#[tokio::test]
async fn a_silent_upgraded_connection_ends() {
    let mut settings = settings();
    settings.timeouts.upgrade_idle = Duration::from_millis(50);
    let server = Server::with(&settings);
    let answer = server
        .talk("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        .await;
    assert!(answer.ends_with("\r\n\r\nwelcome "), "{answer}");
}

#[tokio::test]
async fn an_upgrade_to_http2_is_ignored() {
    let server = Server::start();
    let head = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: upgrade, http2-settings\r\n\
                Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let answer = server
        .talk(format!(
            "{head}GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ))
        .await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert_eq!(server.requests(), ["GET /hello", "GET /two"]);
}

#[tokio::test]
async fn a_slow_head_is_cut_off_however_it_trickles() {
    let mut settings = settings();
    settings.timeouts.head = Duration::from_millis(60);
    let server = Server::with(&settings);
    let answer = server.talk("GET / HTTP/1.1\r\nHost:").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut stream = server.connect(false).await;
    let (mut read, mut write) = stream.split();
    let trickle = async {
        write.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while write.write_all(b"A: b\r\n").await.is_ok() {
            ticks.tick().await;
        }
    };
    tokio::select! {
        answer = read_to_end(&mut read) => assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}"),
        () = trickle => {}
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let mut settings = settings();
    settings.timeouts.handshake = Duration::from_millis(50);
    settings.timeouts.idle = Duration::from_millis(50);
    let server = Server::with(&settings);
    assert_eq!(server.talk("").await, "");
    let answer = server.talk(GET).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test]
async fn the_idle_time_out_does_not_count_while_an_answer_is_made() {
    let mut settings = settings();
    settings.timeouts.idle = Duration::from_millis(20);
    let server = Server::with(&settings);
    let mut stream = server.connect(false).await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    server.seen.slow_begun.notified().await;
    let silence = tokio::time::timeout(Duration::from_millis(100), read_to_end(&mut stream)).await;
    assert!(silence.is_err(), "{silence:?}");
    server.seen.slow_may_end.notify_one();
    assert!(read_to_end(&mut stream).await.ends_with("at last"));
}

#[tokio::test]
async fn a_body_that_stops_coming_is_cut_off() {
    let mut settings = settings();
    settings.timeouts.body = Duration::from_millis(50);
    let server = Server::with(&settings);
    let answer = server
        .talk("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(server.seen.bodies.lock().is_empty());
}

#[tokio::test]
async fn a_visitor_who_takes_nothing_is_cut_off() {
    let mut settings = settings();
    settings.timeouts.write = Duration::from_millis(50);
    let server = Server::with(&settings);
    let mut stream = server.connect(false).await;
    stream
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    server.reached(1).await;
    server.shutdown.cancel();
    let seen = Arc::clone(&server.seen);
    assert_eq!(server.drained().await.cut_off, 0);
    let endings = seen.endings.lock().clone();
    assert!(
        matches!(endings[..], [(200, bytes, false)] if bytes < 8 << 20),
        "{endings:?}"
    );
}

#[tokio::test]
async fn a_visitor_who_leaves_ends_the_request() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    server.seen.slow_begun.notified().await;
    drop(stream);
    server.shutdown.cancel();
    let seen = Arc::clone(&server.seen);
    assert_eq!(server.drained().await.cut_off, 0);
    assert_eq!(*seen.endings.lock(), [(499, 0, false)]);
}

#[tokio::test]
async fn large_heads_are_refused() {
    let server = Server::start();
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "y".repeat(70_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(100)
    );
    for request in [long, many] {
        let answer = server.talk(&request).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn targets_that_are_no_address_are_refused() {
    let server = Server::start();
    for target in ["/<a>", "http://", "a/b", "http://a b/"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = server.talk(request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_recognised_however_it_arrives() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    stream.set_nodelay(true).unwrap();
    let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        .iter()
        .chain(&empty_settings)
    {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!((head[3], head[4]), (4, 0), "no SETTINGS frame: {head:?}");
    let answer = server.talk("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
}
