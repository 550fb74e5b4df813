//! What the byte log says of a connection.

use pipeline::Step;

use super::client::{Client, PRIORITY, RESET};
use super::site::{Server, pattern, picture, typed};
use crate::byte_log::{
    ByteLog, ByteLogSettings, Entry, Event, Part, Sent, Source, Why, inversion_bytes,
};

async fn logged(act: impl AsyncFnOnce(&mut Client)) -> Vec<Entry> {
    let mut server = Server::new(|exchange| {
        Step::respond(match exchange.uri.path() {
            "/picture" => picture(60_000, 9_000, 30_000),
            _ => typed("text/css", pattern(300_000)),
        })
    });
    let settings = ByteLogSettings {
        share: 1.0,
        ..ByteLogSettings::default()
    };
    let log = ByteLog::open(&settings).unwrap();
    server.context.log = log.connection(pipeline::Protocol::Http2);
    let (io, serving) = server.connect(8192);
    server.context.log = crate::byte_log::ConnectionLog::off();
    let mut client = Client::wide(io).await;
    act(&mut client).await;
    drop(client);
    let _ = serving.await.unwrap();
    log.take()
}

fn pieces(entries: &[Entry], stream: u64) -> Vec<Sent> {
    let own = entries.iter().filter(|entry| entry.stream == stream);
    own.filter_map(|entry| match entry.event {
        Event::Sent(sent) => Some(sent),
        _ => None,
    })
    .collect()
}

#[tokio::test]
async fn every_byte_of_a_body_is_accounted_for_in_order() {
    let entries = logged(async |client| {
        for stream in [1, 3] {
            client.get(stream, "/picture", Some("u=3, i")).await;
        }
        client.until_ended(&[1, 3]).await;
        client.pause().await;
    })
    .await;
    for stream in [1, 3] {
        let pieces = pieces(&entries, stream);
        let mut place = 0;
        for piece in &pieces {
            assert_eq!(piece.start, place);
            place = piece.end;
            let part = match piece.start {
                0..9_000 => Part::Preview,
                9_000..30_000 => Part::Good,
                _ => Part::Rest,
            };
            assert_eq!(piece.part, part);
            assert_eq!((piece.urgency, piece.incremental), (Some(3), Some(true)));
            assert!(piece.level.is_some() && piece.concurrency == Some('1'));
        }
        assert_eq!(place, 60_000);
        let ends = entries.iter().filter(|entry| entry.stream == stream);
        assert_eq!(ends.filter(|entry| entry.event == Event::End).count(), 1);
    }
    assert_eq!(pieces(&entries, 1)[0].why, Why::Highest);
    assert_eq!(pieces(&entries, 3).last().unwrap().why, Why::Only);
    assert!(
        pieces(&entries, 3)
            .iter()
            .any(|piece| piece.why == Why::Highest)
    );
    assert_eq!(entries.first().unwrap().event, Event::Opened);
    assert_eq!(entries.last().unwrap().event, Event::Closed);
}

#[tokio::test]
async fn signals_and_resets_are_written_down() {
    let entries = logged(async |client| {
        client.get(1, "/data", Some("u=5")).await;
        client.get(3, "/data", Some("u=5")).await;
        client.read_data(10_000).await;
        client.frame(PRIORITY, 0, 1, &[0x80, 0, 0, 0, 219]).await;
        client.frame(RESET, 0, 3, &[0, 0, 0, 8]).await;
        client.until_ended(&[1]).await;
    })
    .await;
    let said: Vec<_> = entries
        .iter()
        .filter(|entry| entry.stream == 1)
        .filter_map(|entry| match entry.event {
            Event::Said(said) => Some((said.source, said.urgency, said.visible)),
            _ => None,
        })
        .collect();
    assert_eq!(
        said,
        [
            (Source::Request, 5, false),
            (Source::PriorityFrame, 1, true)
        ]
    );
    let reset = entries.iter().find(|entry| entry.stream == 3);
    assert_eq!(reset.unwrap().path.as_deref(), Some("/data"));
    let by_client = Event::Reset { by_client: true };
    assert!(
        entries
            .iter()
            .any(|it| it.stream == 3 && it.event == by_client)
    );
}

#[tokio::test]
async fn what_is_more_important_never_waits_longer_than_a_grain() {
    let entries = logged(async |client| {
        for stream in [1, 3, 5] {
            client.get(stream, "/data", Some("u=5, i")).await;
        }
        client.read_data(100_000).await;
        client.get(7, "/data", Some("u=0")).await;
        client.get(9, "/picture", Some("u=3, i")).await;
        client.until_ended(&[1, 3, 5, 7, 9]).await;
    })
    .await;
    assert_eq!(inversion_bytes(&entries, 4096), 0);
    let mut backwards = entries.clone();
    // The test must be able to fail: with its first bytes at the end, the urgent one is overtaken.
    let urgent = |entry: &Entry| entry.stream == 7 && matches!(entry.event, Event::Sent(_));
    let late: Vec<Entry> = entries.iter().filter(|it| urgent(it)).cloned().collect();
    backwards.retain(|entry| !urgent(entry) && !matches!(entry.event, Event::End));
    backwards.extend(late);
    assert!(inversion_bytes(&backwards, 4096) > 100_000);
}
