//! Clients that break the rules.

use pipeline::{Exchange, Step};
use testkit::quic::{Client, Options, frame, kind};

use super::server::{SITE, Server, closed_with, settings, within};
use crate::h2::tests::site::{pattern, typed};

fn site(_: &mut Exchange) -> Step<'static> {
    Step::respond(typed("text/plain", pattern(400_000)))
}

/// What a stream of these bytes, then the end, is answered with: the code of a reset, or `None`
/// if there is an answer.
async fn refused(client: &Client, bytes: &[u8]) -> Option<u64> {
    let mut stream = client.open().await.unwrap();
    stream.send.write_all(bytes).await.unwrap();
    let _ = stream.send.finish();
    let mut buffer = [0; 16];
    match within(stream.receive.read(&mut buffer)).await {
        Ok(_) => None,
        Err(quinn::ReadError::Reset(code)) => Some(code.into_inner()),
        Err(quinn::ReadError::ConnectionLost(quinn::ConnectionError::ApplicationClosed(
            closed,
        ))) => Some(closed.error_code.into_inner() | 1 << 32),
        Err(other) => panic!("{other}"),
    }
}

/// Marks codes that end the connection.
const CONNECTION: u64 = 1 << 32;

#[tokio::test]
async fn requests_of_a_wrong_form_are_refused_with_the_right_code() {
    let server = Server::new(site);
    let client = server.client().await;
    let head = |fields: &[(&str, &str)]| frame(kind::HEADERS, &client.head("GET", "/", fields));
    let good = head(&[]);
    let cases: Vec<(Vec<u8>, Option<u64>)> = vec![
        (good.clone(), None),
        // Unknown frames mean nothing (RFC 9114 §9).
        (
            [frame(0x21, b"grease"), good.clone(), frame(0x40, b"")].concat(),
            None,
        ),
        (Vec::new(), Some(0x10d)),
        (head(&[("connection", "close")]), Some(0x10e)),
        (head(&[("X-Upper", "1")]), Some(0x10e)),
        (head(&[("content-length", "5")]), Some(0x10e)),
        (
            head(&[("content-length", "5"), ("content-length", "6")]),
            Some(0x10e),
        ),
        (frame(kind::DATA, b"before"), Some(0x105 | CONNECTION)),
        (frame(kind::SETTINGS, b""), Some(0x105 | CONNECTION)),
        (frame(kind::GOAWAY, &[0]), Some(0x105 | CONNECTION)),
        (frame(kind::PRIORITY_UPDATE, &[0]), Some(0x105 | CONNECTION)),
        (frame(0x6, b""), Some(0x105 | CONNECTION)),
        (good[..good.len() - 1].to_vec(), Some(0x106 | CONNECTION)),
        ([&good[..], &[0]].concat(), Some(0x106 | CONNECTION)),
        (frame(kind::HEADERS, &[1, 0]), Some(0x200 | CONNECTION)),
        (frame(kind::HEADERS, b""), Some(0x200 | CONNECTION)),
        (
            [good.clone(), good.clone()].concat(),
            Some(0x105 | CONNECTION),
        ),
    ];
    for (bytes, expected) in cases {
        let client = server.client().await;
        assert_eq!(refused(&client, &bytes).await, expected, "{bytes:02x?}");
    }
}

#[tokio::test]
async fn a_broken_control_stream_ends_the_connection() {
    let server = Server::new(site);
    for (bytes, code) in [
        (&[0, 4, 0, 4, 0][..], 0x105),
        (&[0, 7, 1, 0], 0x10a),
        (&[0, 4, 2, 2, 0], 0x109),
        (&[1], 0x103),
        (&[2, 0x21], 0x201),
        (&[3, 0x80], 0x202),
    ] {
        let options = Options {
            control: false,
            ..Options::default()
        };
        let client = Client::connect(server.address, SITE, options)
            .await
            .unwrap();
        let mut stream = client.connection().open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        assert_eq!(closed_with(&client).await, code, "{bytes:02x?}");
    }
    // There is one control stream, and it never ends.
    let mut client = server.client().await;
    let mut second = client.connection().open_uni().await.unwrap();
    second.write_all(&[0, 4, 0]).await.unwrap();
    assert_eq!(closed_with(&client).await, 0x103);
    client = server.client().await;
    client.end_control().unwrap();
    assert_eq!(closed_with(&client).await, 0x104);
}

#[tokio::test]
async fn a_stream_of_an_unknown_type_is_given_up_and_nothing_else() {
    let server = Server::new(site);
    let client = server.client().await;
    let mut stream = client.connection().open_uni().await.unwrap();
    stream.write_all(&[0x21, 1, 2, 3]).await.unwrap();
    let stopped = within(stream.stopped()).await.unwrap().unwrap();
    assert_eq!(stopped.into_inner(), 0x103);
    assert_eq!(within(client.get("/", &[])).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_only_gives_up_loses_the_connection() {
    let mut settings = settings();
    settings.http3.max_streams = 10;
    let server = Server::with(&settings, |_| Step::later(std::future::pending()));
    let client = server.client().await;
    let asking = async {
        // Far more than its patience; the connection ends on the way.
        for _ in 0..1000 {
            let Ok(mut stream) = client.ask("GET", "/", &[], &[]).await else {
                return;
            };
            let _ = stream.receive.stop(0x10cu32.into());
        }
    };
    within(asking).await;
    assert_eq!(closed_with(&client).await, 0x107);
}

#[tokio::test]
async fn priorities_for_what_cannot_be_end_the_connection() {
    let server = Server::new(site);
    for stream in [2, 4 * 100_000, (1 << 61)] {
        let mut client = server.client().await;
        client.prioritise(stream, "u=1").await.unwrap();
        assert_eq!(closed_with(&client).await, 0x108, "{stream}");
    }
    // A flood of those that can be is not listened to, and does no harm.
    let mut client = server.client().await;
    for number in 0..5000 {
        client.prioritise(number % 200 * 4, "u=1").await.unwrap();
    }
    assert_eq!(within(client.get("/", &[])).await.unwrap().status, 200);
}
