//! A picture that shows itself when all of its first scan is there, and not before.

use std::time::Duration;

use futures_util::FutureExt;
use pipeline::{Exchange, Step};
use quinn::RecvStream;
use testkit::quic::{Client, Options, SlowPath, kind};

use super::server::{SITE, Server, closed_with, within};
use crate::h2::tests::site::{pattern, picture, typed};

/// The type of a control stream, and SETTINGS with a table of 4096 bytes for which sixteen
/// responses may wait.
const SETTINGS: [u8; 8] = [0, 4, 5, 1, 0x50, 0, 7, 16];

/// Far enough that order is kept.
const PATH: SlowPath = SlowPath {
    rate: 1_000_000,
    delay: Duration::from_millis(10),
    queue: 64 * 1024,
};

fn site(exchange: &mut Exchange) -> Step<'static> {
    Step::respond(match exchange.uri.path() {
        "/picture" => picture(60_000, 9_000, 30_000),
        _ => typed("text/css", pattern(20_000)),
    })
}

/// A client that keeps a table, its control stream, and the stream by which the server fills it.
async fn client(path: &testkit::quic::Running) -> (Client, quinn::SendStream, RecvStream) {
    let options = Options {
        control: false,
        ..Options::default()
    };
    let client = Client::connect(path.address(), SITE, options)
        .await
        .unwrap();
    let mut control = client.connection().open_uni().await.unwrap();
    control.write_all(&SETTINGS).await.unwrap();
    loop {
        let mut stream = client.connection().accept_uni().await.unwrap();
        let mut kind = [0];
        stream.read_exact(&mut kind).await.unwrap();
        if kind == [2] {
            let mut capacity = [0; 3];
            stream.read_exact(&mut capacity).await.unwrap();
            assert_eq!(capacity, [0x3f, 0xe1, 0x1f], "4096 bytes");
            return (client, control, stream);
        }
    }
}

#[tokio::test]
async fn a_preview_is_seen_whole_or_not_at_all() {
    let server = Server::new(site);
    let path = PATH.start(server.address).await.unwrap();
    let (client, _control, mut table) = within(client(&path)).await;
    let fields = [("priority", "u=3, i")];
    for entry in 1..4u8 {
        let mut stream = client.ask("GET", "/picture", &fields, &[]).await.unwrap();
        let mut inserted = [0; 2];
        within(table.read_exact(&mut inserted)).await.unwrap();
        assert_eq!(inserted[0], 0xc0 | 44, "a content type");
        let mut value = vec![0; usize::from(inserted[1] & 0x7f)];
        within(table.read_exact(&mut value)).await.unwrap();
        // By then the head, which could not be read, and all of the preview are there.
        let head = stream.frame().now_or_never().unwrap().unwrap().unwrap();
        assert_eq!(head.kind, kind::HEADERS);
        // So many entries, one more by the rules; the base; 200; the entry before the base.
        assert_eq!(head.payload[..4], [entry + 1, 0, 0xc0 | 25, 0x80]);
        let preview = stream.frame().now_or_never().unwrap().unwrap().unwrap();
        assert_eq!((preview.kind, preview.payload.len()), (kind::DATA, 9_000));
        let rest = within(stream.answer()).await.unwrap();
        assert_eq!(rest.body.len(), 51_000);
    }
    let style = within(client.get("/style", &[])).await.unwrap();
    assert_eq!(style.status, 200, "nothing else waits");
}

#[tokio::test]
async fn a_picture_that_is_given_up_holds_no_other_back() {
    let server = Server::new(site);
    let path = PATH.start(server.address).await.unwrap();
    let (client, _control, mut table) = within(client(&path)).await;
    let fields = [("priority", "u=3, i")];
    for _ in 0..3 {
        let mut stream = client.ask("GET", "/picture", &fields, &[]).await.unwrap();
        let head = within(stream.frame()).await.unwrap().unwrap();
        assert_eq!(head.kind, kind::HEADERS);
        stream.receive.stop(0x10c_u32.into()).unwrap();
        // Its entry comes all the same: the next one is counted from it.
        let mut inserted = [0; 2];
        within(table.read_exact(&mut inserted)).await.unwrap();
        let mut value = vec![0; usize::from(inserted[1] & 0x7f)];
        within(table.read_exact(&mut value)).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_never_inserted_cannot_be_confirmed() {
    let server = Server::new(site);
    let path = PATH.start(server.address).await.unwrap();
    for instruction in [0x84, 0x01] {
        let (client, _control, _table) = within(client(&path)).await;
        let mut decoder = client.connection().open_uni().await.unwrap();
        decoder.write_all(&[3, instruction]).await.unwrap();
        assert_eq!(closed_with(&client).await, 0x202, "{instruction:02x}");
    }
}
