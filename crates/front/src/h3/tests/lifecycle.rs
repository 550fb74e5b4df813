//! Connections from their first packet to their last.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use pipeline::{Exchange, Response, Step, Verdict};
use testkit::Recorder;
use testkit::quic::{Client, Options, kind};
use testkit::recorder::Request;
use tokio::sync::Notify;

use super::server::{SITE, Server, closed_with, settings, within};
use crate::h2::tests::site::typed;

fn site(exchange: &mut Exchange) -> Step<'static> {
    let early = exchange.header("early-data").unwrap_or("-").to_owned();
    let told = format!("{} {early}", exchange.method);
    Step::respond(typed("text/plain", told))
}

#[tokio::test]
async fn a_shutdown_lets_requests_finish_and_refuses_new_ones() {
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (its_begun, its_end) = (Arc::clone(&begun), Arc::clone(&may_end));
    let server = Server::new(move |_| {
        let (begun, may_end) = (Arc::clone(&its_begun), Arc::clone(&its_end));
        Step::later(async move {
            begun.notify_one();
            may_end.notified().await;
            Verdict::respond(Response::new(StatusCode::OK, "at last"))
        })
    });
    let client = server.client().await;
    let mut slow = client.ask("GET", "/", &[], &[]).await.unwrap();
    within(begun.notified()).await;
    server.shutdown.cancel();
    let mut control = within(client.accept_control()).await.unwrap();
    let mut last = None;
    while last.as_ref().map(|frame: &testkit::quic::Frame| frame.kind) != Some(kind::GOAWAY) {
        last = within(control.frame()).await.unwrap();
    }
    assert_eq!(last.unwrap().payload, [4], "stream 0 is answered");
    let mut late = client.ask("GET", "/late", &[], &[]).await.unwrap();
    let refused = within(late.answer()).await.unwrap_err();
    assert!(refused.to_string().contains("267"), "{refused}");
    may_end.notify_one();
    assert_eq!(within(slow.answer()).await.unwrap().body, b"at last");
    assert_eq!(closed_with(&client).await, 0x100);
    drop(slow);
    let drained = server.drained().await;
    assert_eq!((drained.connections, drained.cut_off), (1, 0));
}

#[tokio::test]
async fn what_is_cut_off_does_not_look_finished() {
    let mut settings = settings();
    settings.shutdown_grace = Duration::from_millis(50);
    let begun = Arc::new(Notify::new());
    let its_begun = Arc::clone(&begun);
    let server = Server::with(&settings, move |_| {
        let begun = Arc::clone(&its_begun);
        Step::later(async move {
            begun.notify_one();
            std::future::pending().await
        })
    });
    let client = server.client().await;
    let mut never = client.ask("GET", "/", &[], &[]).await.unwrap();
    within(begun.notified()).await;
    server.shutdown.cancel();
    assert!(within(never.answer()).await.is_err());
    assert_eq!(server.drained().await.cut_off, 1);
}

#[tokio::test]
async fn with_the_first_packet_only_harmless_requests_are_answered() {
    let server = Server::new(site);
    let client = server.client().await;
    let first = within(client.get("/", &[])).await.unwrap();
    assert_eq!(first.body, b"GET -");
    for (method, status, body) in [("GET", 200, &b"GET 1"[..]), ("POST", 425, b"")] {
        let back = within(client.return_early(server.address)).await.unwrap();
        let back = back.expect("there is a ticket");
        let mut stream = back.ask(method, "/", &[], &[]).await.unwrap();
        let answer = within(stream.answer()).await.unwrap();
        assert_eq!(answer.status, status);
        assert!(answer.body.starts_with(body), "{answer:?}");
        // The handshake is over now.
        let mut again = back.ask(method, "/", &[], &[]).await.unwrap();
        let answer = within(again.answer()).await.unwrap();
        assert_eq!(answer.body, format!("{method} -").into_bytes());
    }
}

#[tokio::test]
async fn without_early_data_a_client_comes_back_in_the_ordinary_way() {
    let mut settings = settings();
    settings.http3.early_data = false;
    let server = Server::with(&settings, site);
    let client = server.client().await;
    within(client.get("/", &[])).await.unwrap();
    let back = within(client.return_early(server.address)).await.unwrap();
    assert!(back.is_none());
}

#[tokio::test]
async fn a_client_may_have_to_prove_its_address() {
    let mut settings = settings();
    settings.http3.retry_above = 0;
    let server = Server::with(&settings, site);
    let client = server.client().await;
    assert_eq!(within(client.get("/", &[])).await.unwrap().status, 200);
    let stats = client.connection().stats();
    assert!(stats.udp_tx.datagrams >= 3, "a Retry costs a round trip");
}

#[tokio::test]
async fn a_full_house_turns_clients_away() {
    let mut settings = settings();
    settings.limits.connections = 1;
    let server = Server::with(&settings, site);
    let inside = server.client().await;
    within(inside.get("/", &[])).await.unwrap();
    let outside = within(Client::connect(server.address, SITE, Options::default())).await;
    assert!(outside.is_err());
}

#[tokio::test]
async fn an_idle_connection_is_asked_to_leave() {
    let mut settings = settings();
    settings.timeouts.idle = Duration::from_millis(100);
    let server = Server::with(&settings, site);
    let client = server.client().await;
    within(client.get("/", &[])).await.unwrap();
    assert_eq!(closed_with(&client).await, 0x100);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_not_waited_for() {
    let mut settings = settings();
    settings.timeouts.write = Duration::from_millis(200);
    let server = Server::with(&settings, |_: &mut Exchange| {
        Step::respond(typed(
            "text/plain",
            crate::h2::tests::site::pattern(1 << 20),
        ))
    });
    let options = Options {
        stream_window: 1000,
        ..Options::default()
    };
    let client = Client::connect(server.address, SITE, options)
        .await
        .unwrap();
    let _unread = client.ask("GET", "/", &[], &[]).await.unwrap();
    assert_eq!(closed_with(&client).await, 0x102);
    assert!(!server.logged(1).await[0].3);
}

#[tokio::test]
async fn answers_over_tcp_say_that_http3_is_spoken_if_they_should() {
    let said = async |settings: &crate::FrontSettings| {
        let server = Server::with(settings, site);
        let authority = format!("{SITE}:{}", server.address.port());
        let recorder = Recorder::new(server.address, authority);
        let recording = within(recorder.record(&[Request::get("/")])).await.unwrap();
        let port = server.address.port();
        let said = recording.answers[0].header("alt-svc").map(str::to_owned);
        (said, port)
    };
    assert_eq!(said(&settings()).await.0, None, "unless asked for");
    let mut loud = settings();
    loud.http3.advertise = Duration::from_secs(86_400);
    let (header, port) = said(&loud).await;
    assert_eq!(header, Some(format!("h3=\":{port}\"; ma=86400")));
}
