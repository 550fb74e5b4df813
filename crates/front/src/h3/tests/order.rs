//! The order of bytes as a client sees it, on a path that is far and slow.

use std::net::SocketAddr;
use std::time::Duration;

use pipeline::{Exchange, Step};
use testkit::quic::{Client, Options, RequestStream, SlowPath, kind};
use testkit::{Recorder, recorder::Request};

use super::server::{SITE, Server, within};
use crate::h2::tests::site::{pattern, picture, typed};

/// More than the path holds and the server chooses ahead, on a machine that is busy; far less than
/// what would come first if nothing overtook.
const UNDER_WAY: usize = 200_000;

/// `/picture` is a picture of 60,000 bytes with a preview of 9,000 that is good at 30,000,
/// `/style` a stylesheet, everything else a lot of something.
fn site(exchange: &mut Exchange) -> Step<'static> {
    Step::respond(match exchange.uri.path() {
        "/picture" => picture(60_000, 9_000, 30_000),
        "/style" => typed("text/css", pattern(20_000)),
        _ => typed("application/octet-stream", pattern(600_000)),
    })
}

/// 8 Mbit/s and 20 ms away.
const PATH: SlowPath = SlowPath {
    rate: 1_000_000,
    delay: Duration::from_millis(10),
    queue: 64 * 1024,
};

async fn client(path: &testkit::quic::Running) -> Client {
    Client::connect(path.address(), SITE, Options::default())
        .await
        .unwrap()
}

/// Lengths of the DATA frames of an answer that is read to its end.
async fn cuts(stream: &mut RequestStream) -> Vec<usize> {
    let answer = within(stream.answer()).await.unwrap();
    assert!(answer.body == pattern(answer.body.len()));
    let mut ends = Vec::new();
    for length in answer.frames {
        ends.push(ends.last().unwrap_or(&0) + length);
    }
    ends
}

#[tokio::test]
async fn frames_end_exactly_where_the_plan_changes() {
    let server = Server::new(site);
    let path = PATH.start(server.address).await.unwrap();
    let client = client(&path).await;
    let fields = [("priority", "u=3, i")];
    for mut stream in [
        client.ask("GET", "/picture", &fields, &[]).await.unwrap(),
        client.ask("GET", "/picture", &fields, &[]).await.unwrap(),
    ] {
        let ends = cuts(&mut stream).await;
        assert_eq!(ends[0], 9_000, "the preview is one frame");
        assert!(ends.contains(&30_000), "{ends:?}");
        assert_eq!(*ends.last().unwrap(), 60_000);
    }
}

#[tokio::test]
async fn previews_of_all_come_before_the_details_of_any() {
    let server = Server::new(site);
    let path = PATH.start(server.address).await.unwrap();
    // Whatever comes before the last preview beyond previews had been chosen before it was there
    // to be chosen, or was sent again.
    let details = details_before_the_last_preview(path.address(), 8).await;
    assert!(details <= 40_000, "{details}");
}

/// Bytes beyond previews that come before the preview of the last of so many pictures.
async fn details_before_the_last_preview(address: SocketAddr, pictures: usize) -> u64 {
    let request = |_| Request::get("/picture").priority("u=3, i");
    let requests: Vec<Request> = (0..pictures).map(request).collect();
    let recorder = Recorder::new(address, SITE).http3();
    let recording = within(recorder.record(&requests)).await.unwrap();
    assert_eq!(recording.bytes(), pictures as u64 * 60_000);
    let mut received = vec![0u64; pictures];
    for frame in &recording.frames {
        received[frame.request] = frame.offset;
        if received.iter().all(|offset| *offset >= 9_000) {
            break;
        }
    }
    received.iter().map(|offset| offset - 9_000).sum()
}

#[tokio::test]
async fn what_was_lost_of_previews_comes_before_details() {
    let server = Server::new(site);
    // Of the second flight much finds no room.
    let path = SlowPath {
        delay: Duration::from_millis(60),
        queue: 8 * 1024,
        ..PATH
    };
    let path = path.start(server.address).await.unwrap();
    let details = details_before_the_last_preview(path.address(), 12).await;
    assert!(details <= 60_000, "{details}");
}

#[tokio::test]
async fn a_late_urgent_response_overtakes() {
    let server = Server::new(site);
    let path = PATH.start(server.address).await.unwrap();
    let mut requests: Vec<Request> = (0..3)
        .map(|_| Request::get("/data").priority("u=5, i"))
        .collect();
    requests.push(
        Request::get("/style")
            .priority("u=0")
            .after(Duration::from_millis(300)),
    );
    let recorder = Recorder::new(path.address(), SITE).http3();
    let recording = within(recorder.record(&requests)).await.unwrap();
    let style = recording.answers[3].complete_at.unwrap();
    let asked = recording.answers[3].asked_at;
    let between = recording
        .frames
        .iter()
        .filter(|frame| frame.request != 3 && (asked..style).contains(&frame.at));
    let inverted: usize = between.map(|frame| frame.bytes).sum();
    assert!(inverted <= UNDER_WAY, "{inverted}");
    assert!(recording.bytes() == 3 * 600_000 + 20_000);
}

/// Asks for two things at once, of which a PRIORITY_UPDATE says that the second comes first.
async fn second_first(before: bool) {
    let server = Server::new(site);
    let path = PATH.start(server.address).await.unwrap();
    let mut client = client(&path).await;
    if before {
        client.prioritise(4, "u=0").await.unwrap();
        // Answered, so the update, which was sent before, has come.
        within(client.get("/style", &[])).await.unwrap();
    }
    let fields = [("priority", "u=5")];
    let mut first = client.ask("GET", "/data", &fields, &[]).await.unwrap();
    let second = client.ask("GET", "/data", &fields, &[]).await.unwrap();
    let (mut urgent, mut other) = match before {
        // The stylesheet was stream 0.
        true => (first, second),
        false => {
            let begun = within(first.frame()).await.unwrap();
            assert_eq!(begun.map(|frame| frame.kind), Some(kind::HEADERS));
            client.prioritise(second.id(), "u=0").await.unwrap();
            (second, first)
        }
    };
    let ends = async {
        tokio::select! {
            answer = urgent.answer() => Some(answer.unwrap().body.len()),
            _ = other.answer() => None,
        }
    };
    assert_eq!(
        within(ends).await,
        Some(600_000),
        "the urgent one ends first"
    );
}

#[tokio::test]
async fn a_priority_update_moves_a_response_under_way() {
    second_first(false).await;
}

#[tokio::test]
async fn a_priority_update_may_come_before_its_request() {
    second_first(true).await;
}
