//! The order of bytes as a client sees it, on a path that is far.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use pipeline::{Exchange, NetworkEstimate, Step};

use super::client::{
    Client, DATA, GOAWAY, HEADERS, PRIORITY, PRIORITY_UPDATE, RESET, Received, SETTINGS, body, data,
};
use super::site::{Piece, Pieces, Server, pattern, picture, typed, with_header};
use crate::FrontSettings;
use crate::h2::H2Error;

/// The grain on a slow path.
pub const GRAIN: usize = 4096;

/// What the pipe under the connection holds, in bytes.
pub const PIPE: usize = 8192;

/// `/picture` is a picture of 60,000 bytes with a preview of 9,000, `/style` a stylesheet of
/// 20,000, `/data` 300,000 bytes of something.
pub fn site(exchange: &mut Exchange) -> Step<'static> {
    Step::respond(match exchange.uri.path() {
        "/picture" => picture(60_000, 9_000, 30_000),
        "/style" => typed("text/css", pattern(20_000)),
        _ => typed("application/octet-stream", pattern(300_000)),
    })
}

pub async fn open(server: &Server) -> Client {
    let (io, _) = server.connect(PIPE);
    Client::wide(io).await
}

fn bytes_before(frames: &[Received], stream: u32) -> usize {
    let before = data(frames)
        .into_iter()
        .take_while(|frame| frame.0 != stream);
    before.map(|frame| frame.1).sum()
}

#[tokio::test]
async fn frames_end_exactly_where_the_plan_changes() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    for stream in [1, 3] {
        client.get(stream, "/picture", Some("u=3, i")).await;
    }
    let frames = client.until_ended(&[1, 3]).await;
    for stream in [1, 3] {
        assert!(body(&frames, stream) == pattern(60_000));
        let mut ends = Vec::new();
        for (_, length) in data(&frames).iter().filter(|frame| frame.0 == stream) {
            ends.push(ends.last().unwrap_or(&0) + length);
        }
        assert_eq!(ends[0], 9_000, "the preview is one frame");
        assert!(ends.contains(&30_000), "{ends:?}");
    }
    // Previews of both, then the first picture until it is good, then the second, then the rest.
    let mut order: Vec<u32> = data(&frames).iter().map(|frame| frame.0).collect();
    order.dedup();
    assert_eq!(order, [1, 3, 1, 3, 1, 3]);
}

#[tokio::test]
async fn a_stretch_of_a_video_begins_behind_previews_and_goes_on_behind_what_is_good() {
    let server = Server::new(|exchange| {
        let mut response = match exchange.uri.path() {
            "/picture" => picture(60_000, 9_000, 30_000),
            _ => typed("video/mp4", pattern(150_000)),
        };
        if exchange.headers.contains_key("range") {
            response.status = StatusCode::PARTIAL_CONTENT;
            response = with_header(response, "content-range", "bytes 500000-649999/9000000");
        }
        Step::respond(response)
    });
    let mut client = open(&server).await;
    let range = [("range", "bytes=500000-649999")];
    client
        .request(1, "GET", "/video", "example.com", &range)
        .await;
    for stream in [3, 5] {
        client.get(stream, "/picture", Some("u=3, i")).await;
    }
    let frames = client.until_ended(&[1, 3, 5]).await;
    assert!(body(&frames, 1) == pattern(150_000));
    let mut runs: Vec<(u32, usize)> = Vec::new();
    for (stream, length) in data(&frames) {
        match runs.last_mut() {
            Some(last) if last.0 == stream => last.1 += length,
            _ => runs.push((stream, length)),
        }
    }
    let start = 64 * 1024;
    let [previews, good, rest] = [9_000, 21_000, 30_000];
    let expected = [
        (3, previews),
        (5, previews),
        (1, start),
        (3, good),
        (5, good),
        (1, 150_000 - start),
        (3, rest),
        (5, rest),
    ];
    assert_eq!(runs, expected);
}

#[tokio::test]
async fn a_late_urgent_response_overtakes() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    for stream in [1, 3, 5] {
        client.get(stream, "/data", Some("u=5, i")).await;
    }
    client.read_data(50_000).await;
    client.pause().await;
    let unread = client.unread();
    client.get(7, "/style", Some("u=0")).await;
    client.pause().await;
    let frames = client.until_ended(&[7]).await;
    let inverted = bytes_before(&frames, 7);
    assert!(inverted <= unread + PIPE + GRAIN, "{inverted}");
    let own: usize = data(&frames)
        .iter()
        .filter(|frame| frame.0 == 7)
        .map(|it| it.1)
        .sum();
    let others: usize = data(&frames)
        .iter()
        .filter(|frame| frame.0 != 7)
        .map(|it| it.1)
        .sum();
    assert_eq!(own, 20_000);
    // Once it has begun nothing comes between but the share of the lowest level.
    assert!(others - inverted <= GRAIN, "{others} {inverted}");
}

#[tokio::test]
async fn without_order_it_waits_its_turn() {
    let mut settings = FrontSettings::default();
    settings.http2.order = false;
    let server = Server::with(settings, NetworkEstimate::default(), site);
    let mut client = open(&server).await;
    for stream in [1, 3, 5] {
        client.get(stream, "/data", Some("u=5, i")).await;
    }
    client.read_data(50_000).await;
    client.pause().await;
    client.get(7, "/style", Some("u=0")).await;
    let frames = client.until_ended(&[1, 3, 5, 7]).await;
    assert!(bytes_before(&frames, 7) > PIPE + GRAIN);
    assert!(body(&frames, 7) == pattern(20_000));
}

#[tokio::test]
async fn a_priority_frame_brings_a_picture_forward() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    for stream in [1, 3, 5] {
        client.get(stream, "/picture", Some("i")).await;
    }
    client.read_data(27_000).await;
    client.pause().await;
    let unread = client.unread();
    client.frame(PRIORITY, 0, 5, &[0x80, 0, 0, 0, 219]).await;
    client.pause().await;
    let frames = client.until_ended(&[5]).await;
    // What was on its way already belonged to the first picture.
    let inverted = bytes_before(&frames, 5);
    assert!(inverted <= unread + PIPE + GRAIN, "{inverted}");
    let good: usize = data(&frames)
        .iter()
        .filter(|frame| frame.0 == 5)
        .map(|it| it.1)
        .sum();
    assert_eq!(good, 51_000);
    client.until_ended(&[1, 3]).await;
}

#[tokio::test]
async fn a_priority_update_may_come_before_its_request() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    let update = [&3u32.to_be_bytes()[..], b"u=0"].concat();
    client.frame(PRIORITY_UPDATE, 0, 0, &update).await;
    client.get(1, "/data", Some("u=2")).await;
    client.get(3, "/data", Some("u=6")).await;
    let frames = client.until_ended(&[1, 3]).await;
    let last = frames.iter().rfind(|frame| frame.kind == DATA).unwrap();
    assert_eq!(last.stream, 1);
}

#[tokio::test]
async fn the_weight_of_headers_counts_where_there_is_no_header() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    for (stream, weight) in [(1, 109), (3, 255)] {
        let mut block = vec![0x80, 0, 0, 0, weight, 0x82, 0x87, 0x04, 5];
        block.extend(b"/data");
        block.extend([0x01, 1, b'a']);
        client.frame(HEADERS, 0x25, stream, &block).await;
    }
    let frames = client.until_ended(&[1, 3]).await;
    let last = frames.iter().rfind(|frame| frame.kind == DATA).unwrap();
    assert_eq!(last.stream, 1);
}

#[tokio::test]
async fn a_response_and_its_origin_have_their_say() {
    let server = Server::new(|exchange| {
        let response = typed("application/octet-stream", pattern(100_000));
        Step::respond(match exchange.uri.path() {
            "/priority" => with_header(response, "priority", "u=0"),
            "/plan" => with_header(
                with_header(response, "cf-priority", "63/0"),
                "cf-priority-change",
                "1000:62/0, 50000:1/n",
            ),
            _ => response,
        })
    });
    let mut client = open(&server).await;
    for (stream, path) in [(1, "/plain"), (3, "/priority"), (5, "/plan")] {
        client.get(stream, path, Some("u=3")).await;
    }
    let frames = client.until_ended(&[1, 3, 5]).await;
    let pieces = data(&frames);
    let plan: Vec<usize> = pieces
        .iter()
        .filter(|it| it.0 == 5)
        .map(|it| it.1)
        .collect();
    assert_eq!(plan[0], 1000);
    let mut order: Vec<u32> = pieces.iter().map(|frame| frame.0).collect();
    order.dedup();
    let last_urgent = pieces.iter().rposition(|it| it.0 == 3).unwrap();
    let early = pieces[..last_urgent].iter().filter(|it| it.0 == 1);
    let early: usize = early.map(|it| it.1).sum();
    assert!(
        early <= 2 * GRAIN,
        "only the share of the lowest: {order:?}"
    );
    assert_eq!(order.last(), Some(&5));
}

#[tokio::test]
async fn a_proxys_requests_share_evenly() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    for (stream, priority) in [(1, "u=0"), (3, "u=7")] {
        let headers = [("via", "2 cache"), ("priority", priority)];
        client.request(stream, "GET", "/data", "a", &headers).await;
    }
    let frames = client.until_ended(&[1, 3]).await;
    let half = data(&frames).len() / 2;
    let early = data(&frames)[..half].iter().filter(|it| it.0 == 3).count();
    assert!(early.abs_diff(half / 2) <= 4, "{early} of {half}");
}

#[tokio::test]
async fn streams_that_are_reset_do_not_close_the_gate() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    let mut last = 0;
    for round in 0..20 {
        let stream = 1 + 2 * round;
        client.get(stream, "/data", Some("u=3, i")).await;
        client.pause().await;
        if round % 2 == 0 {
            client.read_data(5000).await;
        }
        client.frame(RESET, 0, stream, &[0, 0, 0, 8]).await;
        client.pause().await;
        last = stream + 2;
    }
    client.get(last, "/style", Some("u=0")).await;
    let frames = client.until_ended(&[last]).await;
    assert!(body(&frames, last) == pattern(20_000));
    client.pause().await;
    let log = server.log.lock().unwrap();
    assert_eq!(log.iter().filter(|line| !line.3).count(), 20);
    assert_eq!(log.len(), 21);
}

#[tokio::test]
async fn a_body_that_breaks_off_resets_its_stream_and_no_other() {
    let server = Server::new(|exchange| {
        if exchange.uri.path() != "/broken" {
            return site(exchange);
        }
        let pieces = vec![Piece::Data(pattern(10_000)), Piece::Pause, Piece::Error];
        let mut response = typed("text/html", "");
        response.body = Pieces::body(pieces).0;
        Step::respond(response)
    });
    let mut client = open(&server).await;
    client.get(1, "/data", None).await;
    client.get(3, "/broken", None).await;
    let frames = client.until_ended(&[1, 3]).await;
    let reset = frames.iter().find(|frame| frame.kind == RESET).unwrap();
    // INTERNAL_ERROR (RFC 9113 §7).
    assert_eq!((reset.stream, &reset.payload[..]), (3, &[0, 0, 0, 2][..]));
    assert!(body(&frames, 3) == pattern(10_000), "what had come is sent");
    assert!(body(&frames, 1) == pattern(300_000));
    client.pause().await;
    let log = server.log.lock().unwrap();
    let broken = log.iter().find(|line| line.0 == "/broken").unwrap();
    assert!(!broken.3);
}

#[tokio::test]
async fn a_request_that_is_reset_drops_its_pipeline() {
    let server = Server::new(|_| Step::later(std::future::pending()));
    let mut client = open(&server).await;
    client.get(1, "/never", None).await;
    client.pause().await;
    assert!(server.log.lock().unwrap().is_empty());
    client.frame(RESET, 0, 1, &[0, 0, 0, 8]).await;
    client.pause().await;
    assert_eq!(
        *server.log.lock().unwrap(),
        [("/never".into(), 499, 0, false)]
    );
}

#[tokio::test]
async fn a_blocked_stream_lets_a_lesser_one_pass() {
    let server = Server::new(site);
    let (io, _) = server.connect(PIPE);
    // Streams may send 10,000 bytes until told otherwise, the connection as much as it likes.
    let mut client = Client::open(io, &[(4, 10_000)]).await;
    client.window(0, 0x7fff_0000).await;
    client.get(1, "/data", Some("u=0")).await;
    client.get(3, "/data", Some("u=7")).await;
    let frames = client.read_data(20_000).await;
    assert_eq!(body(&frames, 1).len() + body(&frames, 3).len(), 20_000);
    assert_eq!(body(&frames, 1).len(), 10_000);
    client.window(3, 300_000).await;
    client.read_data(30_000).await;
    client.window(1, 290_000).await;
    client.pause().await;
    let frames = client.until_ended(&[1]).await;
    let inverted = bytes_before(&frames, 1);
    assert!(inverted <= PIPE + 16_384, "{inverted}");
    client.until_ended(&[3]).await;
}

#[tokio::test]
async fn windows_of_single_bytes_are_used() {
    let server = Server::new(|_| Step::respond(picture(60, 40, 50)));
    let (io, _) = server.connect(PIPE);
    let mut client = Client::open(io, &[(4, 0)]).await;
    client.get(1, "/picture", Some("i")).await;
    client.get(3, "/picture", Some("i")).await;
    let mut received = Vec::new();
    for _ in 0..60 {
        for stream in [3, 1] {
            client.window(stream, 1).await;
            received.extend(client.read_data(1).await);
        }
    }
    for stream in [1, 3] {
        assert!(body(&received, stream) == pattern(60));
    }
}

#[tokio::test]
async fn the_connections_window_goes_to_whoever_is_first_when_it_opens() {
    let server = Server::new(site);
    let (io, _) = server.connect(PIPE);
    let mut client = Client::open(io, &[(4, 0x7fff_ffff)]).await;
    for stream in [1, 3, 5, 7] {
        client.get(stream, "/data", Some("u=7, i")).await;
    }
    // All the connection lets through by default (RFC 9113 §6.9.2).
    client.read_data(65_535).await;
    client.get(9, "/style", Some("u=0")).await;
    client.pause().await;
    client.window(0, 10_000).await;
    let frames = client.read_data(10_000).await;
    let urgent = body(&frames, 9).len();
    assert_eq!(urgent, 10_000);
}

#[tokio::test]
async fn a_quick_path_is_not_held_back_and_still_serves_everyone() {
    let near = NetworkEstimate {
        min_rtt: Some(Duration::from_micros(80)),
        ..NetworkEstimate::default()
    };
    let server = Server::with(FrontSettings::default(), near, site);
    let mut client = open(&server).await;
    let streams: Vec<u32> = (0..20).map(|number| 2 * number + 1).collect();
    for stream in &streams {
        client.get(*stream, "/data", Some("i")).await;
    }
    let frames = client.until_ended(&streams).await;
    for stream in streams {
        assert!(body(&frames, stream) == pattern(300_000));
    }
    assert!(data(&frames).iter().any(|frame| frame.1 > 16_375));
}

#[tokio::test]
async fn a_unit_from_a_streamed_body_is_one_frame() {
    let server = Server::new(|_| {
        let mut response = picture(20_000, 9_000, 15_000);
        let body = pattern(20_000);
        let pieces = body
            .chunks(700)
            .flat_map(|piece| [Piece::Data(Bytes::copy_from_slice(piece)), Piece::Pause]);
        response.body = Pieces::body(pieces.collect()).0;
        Step::respond(response)
    });
    let mut client = open(&server).await;
    client.get(1, "/picture", Some("i")).await;
    let frames = client.until_ended(&[1]).await;
    assert_eq!(data(&frames)[0], (1, 9_000));
    assert!(body(&frames, 1) == pattern(20_000));
}

#[tokio::test]
async fn requests_that_cannot_be_are_refused() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    let wrong = ["", "a b", "user@example.com", "example.com:port", "a/b"];
    for (number, authority) in (0..).zip(wrong) {
        let stream = 1 + 2 * number;
        client
            .request(stream, "GET", "/style", authority, &[])
            .await;
        let answer = loop {
            let frame = client.next().await.unwrap();
            if frame.stream == stream && matches!(frame.kind, HEADERS | RESET) {
                break frame;
            }
        };
        // Index 12 of the static table is status 400 (RFC 7541 appendix A).
        let refused = answer.kind == RESET || answer.payload.first() == Some(&0x8c);
        assert!(refused, "{authority}: {answer:?}");
    }
    assert!(server.log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_shutdown_is_announced_and_later_requests_are_not_served() {
    let server = Server::new(site);
    let (io, serving) = server.connect(PIPE);
    let mut client = Client::wide(io).await;
    client.get(1, "/data", None).await;
    client.read_data(1000).await;
    server.shutdown.cancel();
    let announced = client.next_of(GOAWAY).await;
    assert_eq!(announced.payload[4..8], [0, 0, 0, 0]);
    let frames = client.until_ended(&[1]).await;
    assert!(frames.last().unwrap().ends_stream());
    while client.next().await.is_some() {}
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let server = Server::new(|_| Step::later(std::future::pending()));
    let (io, serving) = server.connect(1 << 20);
    let mut client = Client::wide(io).await;
    let mut flood = Vec::new();
    for number in 0..200u8 {
        let stream = 1 + 2 * u16::from(number);
        let [high, low] = stream.to_be_bytes();
        flood.extend([0, 0, 6, HEADERS, 5, 0, 0, high, low]);
        flood.extend([0x82, 0x87, 0x84, 0x01, 1, b'a']);
        flood.extend([0, 0, 4, RESET, 0, 0, 0, high, low, 0, 0, 0, 8]);
    }
    client.raw(&flood).await;
    assert!(serving.await.unwrap().is_err());
}

#[tokio::test]
async fn a_client_that_gives_up_too_many_requests_loses_the_connection() {
    let mut settings = FrontSettings::default();
    settings.http2.max_streams = 8;
    let server = Server::with(settings, NetworkEstimate::default(), |_| {
        Step::later(std::future::pending())
    });
    let (io, serving) = server.connect(PIPE);
    let mut client = Client::wide(io).await;
    client.next_of(SETTINGS).await;
    for number in 0..=32 {
        let stream = 1 + 2 * number;
        client.get(stream, "/never", None).await;
        client.pause().await;
        assert!(!serving.is_finished(), "{number}");
        client.frame(RESET, 0, stream, &[0, 0, 0, 8]).await;
        client.pause().await;
    }
    // ENHANCE_YOUR_CALM (RFC 9113 §7).
    let goodbye = client.next_of(GOAWAY).await;
    assert_eq!(goodbye.payload[4..8], [0, 0, 0, 11]);
    assert!(matches!(serving.await.unwrap(), Err(H2Error::GivenUp)));
}

#[tokio::test]
async fn a_client_that_gives_up_what_it_began_to_take_may_go_on() {
    let mut settings = FrontSettings::default();
    settings.http2.max_streams = 1;
    let server = Server::with(settings, NetworkEstimate::default(), site);
    let (io, _) = server.connect(PIPE);
    let mut client = Client::wide(io).await;
    for number in 0..40 {
        let stream = 1 + 4 * number;
        client.get(stream, "/style", None).await;
        client.until_ended(&[stream]).await;
        client.get(stream + 2, "/data", None).await;
        client.read_data(1).await;
        client.frame(RESET, 0, stream + 2, &[0, 0, 0, 8]).await;
        client.pause().await;
    }
    client.get(201, "/style", None).await;
    client.until_ended(&[201]).await;
}

#[tokio::test]
async fn a_stream_whose_window_is_shut_holds_nobody_up() {
    let server = Server::new(site);
    let (io, _) = server.connect(PIPE);
    // Firefox: 131,072 bytes for each stream, and a wide connection.
    let mut client = Client::open(io, &[(4, 131_072)]).await;
    client.window(0, 0x7fff_0000).await;
    client.get(1, "/data", Some("u=0")).await;
    client.get(3, "/data", Some("u=5, i")).await;
    client.get(5, "/style", Some("u=2")).await;
    let mut frames = client.read_data(2 * 131_072 + 20_000).await;
    let bytes = |frames: &[Received], stream: u32| body(frames, stream).len();
    for (stream, expected) in [(1, 131_072), (3, 131_072), (5, 20_000)] {
        assert_eq!(bytes(&frames, stream), expected, "{stream}");
    }
    let pieces = data(&frames);
    let first = pieces.iter().rposition(|it| it.0 == 1).unwrap();
    let others = pieces[..first].iter().filter(|it| it.0 != 1);
    let share = others.map(|it| it.1).sum::<usize>();
    assert!(share <= 131_072 / 32 + 2 * GRAIN, "{share}");
    client.window(1, 1 << 20).await;
    client.window(3, 1 << 20).await;
    frames.extend(client.until_ended(&[1, 3]).await);
    assert!(body(&frames, 1) == pattern(300_000) && body(&frames, 3) == pattern(300_000));
}
