//! Requests and responses as a client sees them, and how they end for the log.

use std::sync::{Arc, Mutex};

use base::Body;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use pipeline::{NetworkEstimate, Response, Step};

use super::site::{Piece, Pieces, Server, pattern, quiet, typed, with_header};
use crate::FrontSettings;
use crate::h2::H2Error;

struct Visitor {
    requests: SendRequest<Bytes>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Result<Vec<u8>, h2::Error>,
    trailers: Option<HeaderMap>,
}

impl Visitor {
    async fn connect(server: &Server) -> Self {
        Self::with(server, h2::client::Builder::new()).await
    }

    async fn with(server: &Server, builder: h2::client::Builder) -> Self {
        let (io, _) = server.connect(8192);
        let (requests, connection) = builder.handshake(io).await.unwrap();
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Self { requests }
    }

    async fn get(&self, path: &str) -> Answer {
        let uri = format!("https://Example.com{path}");
        self.ask(Request::get(uri).body(()).unwrap(), &[]).await
    }

    async fn ask(&self, request: Request<()>, upload: &[Bytes]) -> Answer {
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (response, mut send) = requests.send_request(request, upload.is_empty()).unwrap();
        for (place, piece) in upload.iter().enumerate() {
            let mut left = piece.clone();
            while !left.is_empty() {
                send.reserve_capacity(left.len());
                let room = std::future::poll_fn(|context| send.poll_capacity(context));
                let room = room.await.unwrap().unwrap();
                let part = left.split_to(room.min(left.len()));
                let last = left.is_empty() && place + 1 == upload.len();
                send.send_data(part, last).unwrap();
            }
        }
        let (head, mut incoming) = response.await.unwrap().into_parts();
        let mut body = Ok(Vec::new());
        while let Some(data) = incoming.data().await {
            match (data, &mut body) {
                (Ok(data), Ok(body)) => {
                    body.extend_from_slice(&data);
                    let length = data.len();
                    incoming.flow_control().release_capacity(length).unwrap();
                }
                (data, _) => {
                    body = data.map(|data| data.to_vec());
                    break;
                }
            }
        }
        let trailers = match &body {
            Ok(_) => incoming.trailers().await.unwrap(),
            Err(_) => None,
        };
        Answer {
            status: head.status,
            headers: head.headers,
            body,
            trailers,
        }
    }
}

fn near() -> NetworkEstimate {
    NetworkEstimate {
        rtt: Some(std::time::Duration::from_micros(100)),
        ..NetworkEstimate::default()
    }
}

fn lengths(exchange: &mut pipeline::Exchange) -> Step<'static> {
    let length: usize = exchange.path_and_query()[1..].parse().unwrap();
    Step::respond(typed("text/plain", pattern(length)))
}

#[tokio::test]
async fn bodies_of_every_size_arrive_whole_near_and_far_ordered_or_not() {
    for (estimate, order) in [
        (NetworkEstimate::default(), true),
        (near(), true),
        (near(), false),
    ] {
        let mut settings = FrontSettings::default();
        settings.http2.order = order;
        let server = Server::with(settings, estimate, lengths);
        let visitor = Visitor::connect(&server).await;
        let sizes = [0, 1, 255, 4096, 16_375, 16_384, 65_535, 65_536, 300_000];
        for size in sizes {
            let answer = visitor.get(&format!("/{size}")).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.headers["content-length"], size.to_string());
            assert!(answer.body.unwrap() == pattern(size), "{size}");
        }
        quiet().await;
        let log = server.log.lock().unwrap();
        for (size, (path, status, bytes, complete)) in sizes.iter().zip(log.iter()) {
            let line = (path.as_str(), *status, *bytes, *complete);
            assert_eq!(line, (format!("/{size}").as_str(), 200, *size as u64, true));
        }
        assert_eq!(log.len(), sizes.len());
    }
}

#[tokio::test]
async fn a_thousand_requests_at_once_are_answered() {
    for estimate in [NetworkEstimate::default(), near()] {
        let mut settings = FrontSettings::default();
        settings.http2.max_streams = 1000;
        let server = Server::with(settings, estimate, lengths);
        let mut builder = h2::client::Builder::new();
        builder.initial_max_send_streams(1000);
        let visitor = Visitor::with(&server, builder).await;
        let requests = (0..1000).map(|number| {
            let visitor = &visitor;
            async move {
                let size = number * 37 % 5000;
                let answer = visitor.get(&format!("/{size}")).await;
                assert!(answer.body.unwrap() == pattern(size));
            }
        });
        futures_util::future::join_all(requests).await;
    }
}

#[tokio::test]
async fn small_windows_are_no_obstacle() {
    let server = Server::new(lengths);
    for window in [1, 1000, 131_072] {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window);
        let visitor = Visitor::with(&server, builder).await;
        let size = (window as usize * 7).min(1_000_000);
        let paths = [format!("/{size}"), format!("/{}", size / 2)];
        let (one, other) = tokio::join!(visitor.get(&paths[0]), visitor.get(&paths[1]));
        assert!(one.body.unwrap() == pattern(size));
        assert!(other.body.unwrap() == pattern(size / 2));
    }
}

#[tokio::test]
async fn an_upload_is_streamed_and_echoed() {
    let server = Server::new(|exchange| {
        let body = std::mem::take(&mut exchange.body);
        assert!(matches!(body, Body::Stream(_)));
        Step::respond(typed("text/plain", body))
    });
    let visitor = Visitor::connect(&server).await;
    let request = || Request::post("https://example.com/echo").body(()).unwrap();
    // As much as both sides take in before the client begins to read.
    let upload = pattern(60_000);
    let answer = visitor.ask(request(), std::slice::from_ref(&upload)).await;
    assert!(answer.body.unwrap() == upload);
    assert!(!answer.headers.contains_key("content-length"));
}

#[tokio::test]
async fn an_upload_of_known_length_is_collected() {
    let server = Server::new(|exchange| {
        let body = std::mem::take(&mut exchange.body);
        assert_eq!(body.exact_len(), Some(6));
        Step::later(async move {
            let all = body.collect(100).await.unwrap();
            pipeline::Verdict::respond(typed("text/plain", all))
        })
    });
    let visitor = Visitor::connect(&server).await;
    let request = Request::post("https://example.com/")
        .header("content-length", "6")
        .header("expect", "100-continue")
        .body(())
        .unwrap();
    let pieces = [&b"abc"[..], b"def"].map(Bytes::from_static);
    assert_eq!(visitor.ask(request, &pieces).await.body.unwrap(), b"abcdef");
}

#[tokio::test]
async fn the_pipeline_sees_an_absolute_target_and_one_cookie_header() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let server = Server::new(move |exchange| {
        let cookie = exchange.header("cookie").unwrap_or_default();
        let line = format!("{} {cookie}", exchange.uri);
        noted.lock().unwrap().push(line);
        Step::respond(Response::text(StatusCode::OK, "ok"))
    });
    let visitor = Visitor::connect(&server).await;
    let request = Request::get("https://EXAMPLE.com:8443/a?b")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(())
        .unwrap();
    assert_eq!(visitor.ask(request, &[]).await.status, StatusCode::OK);
    let lines = seen.lock().unwrap();
    assert_eq!(*lines, ["https://example.com:8443/a?b a=1; b=2"]);
}

#[tokio::test]
async fn responses_without_a_body_have_none() {
    let server = Server::new(|exchange| {
        let status = exchange.path_and_query()[1..].parse().unwrap();
        let mut response = typed("text/plain", "four");
        response.status = StatusCode::from_u16(status).unwrap();
        Step::respond(response)
    });
    let visitor = Visitor::connect(&server).await;
    for (method, status, length) in [
        (Method::HEAD, 200, Some("4")),
        (Method::GET, 204, None),
        (Method::GET, 304, None),
        (Method::HEAD, 404, Some("4")),
    ] {
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("https://example.com/{status}"))
            .body(())
            .unwrap();
        let answer = visitor.ask(request, &[]).await;
        let found = answer.headers.get("content-length");
        assert_eq!(answer.status, status);
        assert!(answer.body.unwrap().is_empty(), "{method} {status}");
        assert_eq!(
            found.and_then(|value| value.to_str().ok()),
            length,
            "{method} {status}"
        );
    }
    quiet().await;
    let log = server.log.lock().unwrap();
    assert!(
        log.iter()
            .all(|(_, _, bytes, complete)| *bytes == 0 && *complete)
    );
}

#[tokio::test]
async fn headers_of_the_hop_and_of_the_origins_plan_stay_behind() {
    let server = Server::new(|_| {
        let response = Response::text(StatusCode::OK, "hello");
        let response = with_header(response, "connection", "x-secret");
        let response = with_header(response, "x-secret", "1");
        let response = with_header(response, "transfer-encoding", "chunked");
        let response = with_header(response, "cf-priority", "30/n");
        let response = with_header(response, "cf-priority-change", "2:20/n");
        Step::respond(with_header(response, "x-kept", "1"))
    });
    let answer = Visitor::connect(&server).await.get("/").await;
    for name in [
        "connection",
        "x-secret",
        "transfer-encoding",
        "cf-priority",
        "cf-priority-change",
    ] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    assert!(answer.headers.contains_key("x-kept") && answer.headers.contains_key("date"));
    assert_eq!(answer.body.unwrap(), b"hello");
}

#[tokio::test]
async fn a_streamed_body_keeps_its_trailers() {
    let server = Server::new(|_| {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("42"));
        let (body, _) = Pieces::body(vec![
            Piece::Pause,
            Piece::Data(Bytes::from_static(b"one ")),
            Piece::Data(Bytes::new()),
            Piece::Pause,
            Piece::Data(pattern(40_000)),
            Piece::Trailers(trailers),
        ]);
        Step::respond(Response::new(StatusCode::OK, body))
    });
    let answer = Visitor::connect(&server).await.get("/").await;
    let body = answer.body.unwrap();
    assert!(body.starts_with(b"one ") && body[4..] == pattern(40_000));
    assert_eq!(answer.trailers.unwrap()["x-sum"], "42");
}

#[tokio::test]
async fn an_empty_stream_ends() {
    let server = Server::new(|_| {
        let (body, _) = Pieces::body(vec![Piece::Pause]);
        Step::respond(Response::new(StatusCode::OK, body))
    });
    let answer = Visitor::connect(&server).await.get("/").await;
    assert!(answer.body.unwrap().is_empty());
    quiet().await;
    assert!(server.log.lock().unwrap()[0].3);
}

#[tokio::test]
async fn answers_that_take_their_time_come_in_their_own_order() {
    let (release, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = Mutex::new(Some(wait));
    let server = Server::new(move |exchange| {
        if exchange.path_and_query() != "/slow" {
            return lengths(exchange);
        }
        let wait = wait.lock().unwrap().take().unwrap();
        Step::later(async move {
            let _ = wait.await;
            pipeline::Verdict::respond(Response::text(StatusCode::OK, "slow"))
        })
    });
    let visitor = Visitor::connect(&server).await;
    let slow = visitor.get("/slow");
    let quick = async {
        let answer = visitor.get("/5").await;
        release.send(()).unwrap();
        answer
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(quick.body.unwrap().len(), 5);
    assert_eq!(slow.body.unwrap(), b"slow");
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight() {
    let server = Server::new(lengths);
    let (io, serving) = server.connect(4096);
    let (mut requests, connection) = h2::client::handshake(io).await.unwrap();
    let client = tokio::spawn(connection);
    let request = Request::get("https://example.com/500000").body(()).unwrap();
    let (response, _) = requests.send_request(request, true).unwrap();
    let mut incoming = response.await.unwrap().into_body();
    let first = incoming.data().await.unwrap().unwrap();
    server.shutdown.cancel();
    incoming
        .flow_control()
        .release_capacity(first.len())
        .unwrap();
    let mut body = first.to_vec();
    while let Some(data) = incoming.data().await {
        let data = data.unwrap();
        incoming
            .flow_control()
            .release_capacity(data.len())
            .unwrap();
        body.extend_from_slice(&data);
    }
    assert!(body == pattern(500_000));
    serving.await.unwrap().unwrap();
    client.await.unwrap().unwrap();
    assert!(server.log.lock().unwrap()[0].3);
}

#[tokio::test]
async fn a_lost_connection_is_logged_for_every_request_on_it() {
    let server = Server::new(|exchange| match exchange.path_and_query() {
        "/never" => Step::later(std::future::pending()),
        _ => Step::respond(typed("text/plain", pattern(100_000))),
    });
    let (io, serving) = server.connect(4096);
    let (requests, connection) = h2::client::handshake(io).await.unwrap();
    let client = tokio::spawn(connection);
    let mut pending = Vec::new();
    for path in ["/never", "/some"] {
        let uri = format!("https://example.com{path}");
        let mut requests = requests.clone().ready().await.unwrap();
        let request = Request::get(uri).body(()).unwrap();
        pending.push(requests.send_request(request, true).unwrap());
    }
    quiet().await;
    client.abort();
    assert!(matches!(
        serving.await.unwrap(),
        Ok(()) | Err(H2Error::Protocol(_))
    ));
    let mut log = server.log.lock().unwrap().clone();
    log.sort();
    assert_eq!(
        (log[0].0.as_str(), log[0].1, log[0].3),
        ("/never", 499, false)
    );
    assert_eq!(
        (log[1].0.as_str(), log[1].1, log[1].3),
        ("/some", 200, false)
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let mut settings = FrontSettings::default();
    settings.timeouts.idle = std::time::Duration::from_secs(30);
    let server = Server::with(
        settings,
        NetworkEstimate::default(),
        |exchange| match exchange.path_and_query() {
            "/slow" => Step::later(async {
                tokio::time::sleep(std::time::Duration::from_secs(300)).await;
                pipeline::Verdict::respond(Response::text(StatusCode::OK, "late"))
            }),
            _ => lengths(exchange),
        },
    );
    let (io, serving) = server.connect(4096);
    let (requests, connection) = h2::client::handshake(io).await.unwrap();
    let client = tokio::spawn(connection);
    let visitor = Visitor { requests };
    let began = tokio::time::Instant::now();
    assert_eq!(visitor.get("/slow").await.body.unwrap(), b"late");
    assert!(began.elapsed().as_secs() >= 300);
    client.await.unwrap().unwrap();
    assert!((330..=500).contains(&began.elapsed().as_secs()));
    // The client may hang up before the last word is said.
    assert!(matches!(
        serving.await.unwrap(),
        Ok(()) | Err(H2Error::Protocol(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_dropped() {
    let server = Server::new(lengths);
    let (io, serving) = server.connect(4096);
    let mut client = super::client::Client::wide(io).await;
    client.get(1, "/100000", None).await;
    assert!(matches!(serving.await.unwrap(), Err(H2Error::Stalled)));
    assert!(!server.log.lock().unwrap()[0].3);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_preface_is_dropped() {
    let server = Server::new(lengths);
    let (io, serving) = server.connect(4096);
    assert!(matches!(serving.await.unwrap(), Err(H2Error::Handshake)));
    drop(io);
}

#[tokio::test]
async fn a_streamed_body_is_not_read_faster_than_the_client_reads() {
    let (body, asked) = Pieces::body((0..1000).map(|_| Piece::Data(pattern(10_000))).collect());
    let body = Mutex::new(Some(body));
    let server = Server::new(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        Step::respond(Response::new(StatusCode::OK, body))
    });
    let (io, _) = server.connect(4096);
    let mut client = super::client::Client::wide(io).await;
    client.get(1, "/", None).await;
    client.pause().await;
    // 64 KiB read ahead, one record handed over, one in the pipe.
    assert!(*asked.lock().unwrap() <= 10, "{}", asked.lock().unwrap());
    let frames = client.until_ended(&[1]).await;
    assert_eq!(super::client::body(&frames, 1).len(), 10_000_000);
}

#[tokio::test]
async fn an_upload_reaches_the_pipeline_piece_by_piece() {
    let server = Server::new(|exchange| {
        let mut body = std::mem::take(&mut exchange.body);
        Step::later(async move {
            let mut bytes = 0;
            while let Some(frame) = body.frame().await {
                bytes += frame.unwrap().into_data().map_or(0, |data| data.len());
            }
            pipeline::Verdict::respond(Response::text(StatusCode::OK, bytes.to_string()))
        })
    });
    let visitor = Visitor::connect(&server).await;
    let request = Request::put("https://example.com/").body(()).unwrap();
    let pieces = vec![pattern(100_000); 30];
    assert_eq!(
        visitor.ask(request, &pieces).await.body.unwrap(),
        b"3000000"
    );
}

#[tokio::test]
async fn headers_are_counted_and_a_cookie_in_pieces_is_one() {
    let server = Server::new(lengths);
    let visitor = Visitor::connect(&server).await;
    for (name, count, status) in [
        ("x-a", 99, StatusCode::OK),
        ("x-a", 100, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        ("cookie", 300, StatusCode::OK),
    ] {
        let mut request = Request::get("https://example.com/1");
        for number in 0..count {
            request = request.header(name, number.to_string());
        }
        let answer = visitor.ask(request.body(()).unwrap(), &[]).await;
        assert_eq!(answer.status, status, "{count} of {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_byte_now_and_then_is_dropped() {
    let server = Server::new(lengths);
    let (io, serving) = server.connect(4096);
    let mut client = super::client::Client::open(io, &[(4, 1)]).await;
    client.get(1, "/100000", None).await;
    let began = tokio::time::Instant::now();
    while !client.is_over {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        client.window(1, 1).await;
    }
    assert!(matches!(serving.await.unwrap(), Err(H2Error::Stalled)));
    assert!(began.elapsed().as_secs() <= 200, "{:?}", began.elapsed());
}
