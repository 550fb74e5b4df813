use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::harness::{PATIENCE, Server, read_to_end, read_until, settings};

const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_request_in_flight_is_finished_after_the_shutdown() {
    let server = Server::start();
    let mut stream = server.connect(false).await;
    stream.write_all(SLOW).await.unwrap();
    server.seen.slow_begun.notified().await;
    server.shutdown.cancel();
    let port = server.port(false);
    let refused = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("connections are still accepted");
    server.seen.slow_may_end.notify_one();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with("at last"), "{answer}");
    let drained = server.drained().await;
    assert_eq!(drained.cut_off, 0);
    assert!(drained.connections >= 1);
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_shutdown() {
    let server = Server::start();
    let mut used = server.connect(false).await;
    used.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut used, "hello").await;
    let mut unused = server.connect(false).await;
    let mut upgraded = server.connect(false).await;
    let upgrade =
        b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    upgraded.write_all(upgrade).await.unwrap();
    read_until(&mut upgraded, "welcome ").await;
    server.shutdown.cancel();
    for stream in [&mut used, &mut unused, &mut upgraded] {
        assert_eq!(read_to_end(stream).await, "");
    }
    assert_eq!(server.drained().await.cut_off, 0);
}

#[tokio::test]
async fn what_outlasts_the_grace_is_cut_off() {
    let mut settings = settings();
    settings.shutdown_grace = Duration::from_millis(50);
    let server = Server::with(&settings);
    let mut stream = server.connect(false).await;
    stream.write_all(SLOW).await.unwrap();
    server.seen.slow_begun.notified().await;
    server.shutdown.cancel();
    assert_eq!(server.drained().await.cut_off, 1);
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let mut settings = settings();
    settings.limits.connections = 1;
    let server = Server::with(&settings);
    let mut first = server.connect(false).await;
    first.write_all(SLOW).await.unwrap();
    server.seen.slow_begun.notified().await;
    let mut second = server.connect(false).await;
    second
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), read_to_end(&mut second)).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(server.requests(), ["GET /slow"]);
    drop(first);
    assert!(read_to_end(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn a_visitor_is_known_by_address_in_its_own_family() {
    let mut settings = settings();
    settings.http = vec!["[::]:0".parse().unwrap()];
    let server = Server::with(&settings);
    let answer = server
        .talk("GET /remote HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.ends_with("\r\n\r\n127.0.0.1 false"), "{answer}");
}
