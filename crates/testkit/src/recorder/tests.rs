//! The recorder against servers of the h2 crate.

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpListener;

use super::*;

/// Answers every request with its path's number of bytes, over the streams that `wrap` makes.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let priority = request.headers().get("priority").cloned();
            let size = request.uri().path()[1..].parse().unwrap_or(0);
            let mut response = http::Response::builder().status(200);
            if let Some(priority) = priority {
                response = response.header("x-priority", priority);
            }
            let response = response.body(()).unwrap();
            let mut body = respond.send_response(response, size == 0).unwrap();
            if size > 0 {
                body.send_data(Bytes::from(vec![3; size]), true).unwrap();
            }
        });
    }
}

async fn plain_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await });
    address
}

#[tokio::test]
async fn frames_and_times_are_recorded() {
    let recorder = Recorder::new(plain_server().await, "site").cleartext();
    let requests = [
        Request::get("/100000").priority("u=2, i").weight(183),
        Request::get("/0"),
        Request::get("/70")
            .after(Duration::from_millis(50))
            .reweigh(Duration::ZERO, 220),
    ];
    let recording = recorder.record(&requests).await.unwrap();
    let sizes: Vec<usize> = recording
        .answers
        .iter()
        .map(|answer| answer.body.len())
        .collect();
    assert_eq!(sizes, [100_000, 0, 70]);
    assert_eq!(recording.bytes(), 100_070);
    assert_eq!(recording.answers[0].status, 200);
    assert_eq!(recording.answers[0].header("x-priority"), Some("u=2, i"));
    assert!(recording.answers[2].asked_at >= Duration::from_millis(50));
    assert!(recording.reached(0, 1) <= recording.reached(0, 100_000));
    assert!(recording.total() >= recording.answers[2].complete_at);
    assert!(
        recording
            .frames
            .iter()
            .all(|frame| frame.bytes <= frame::MAX_PAYLOAD)
    );
}

#[tokio::test]
async fn a_request_can_wait_for_answers() {
    let recorder = Recorder::new(plain_server().await, "site").cleartext();
    let requests = [
        Request::get("/40").after_answers(2),
        Request::get("/50000"),
        Request::get("/30").after_answers(1),
    ];
    let recording = recorder.record(&requests).await.unwrap();
    let [last, first, second] = &recording.answers[..] else {
        panic!("{recording:?}");
    };
    assert!(Some(second.asked_at) >= first.complete_at);
    assert!(Some(last.asked_at) >= second.complete_at && last.body.len() == 40);
}

#[tokio::test]
async fn small_windows_are_refilled() {
    let recorder = Recorder::new(plain_server().await, "site")
        .cleartext()
        .stream_window(20_000);
    let recording = recorder.record(&[Request::get("/300000")]).await.unwrap();
    assert_eq!(recording.answers[0].body.len(), 300_000);
}

#[tokio::test]
async fn a_server_that_says_nothing_runs_into_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let recorder = Recorder::new(address, "site")
        .cleartext()
        .limit(Duration::from_millis(80));
    let recording = recorder.record(&[Request::get("/")]).await.unwrap();
    assert!(recording.timed_out && recording.total().is_none());
    drop(listener);
}

#[tokio::test]
async fn a_server_that_hangs_up_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { drop(listener.accept().await) });
    let recorder = Recorder::new(address, "site").cleartext();
    let error = recorder.record(&[Request::get("/")]).await.unwrap_err();
    assert!(matches!(error, RecorderError::Connection(_)), "{error}");
}

fn acceptor(protocols: &[&[u8]]) -> tokio_rustls::TlsAcceptor {
    let certified = rcgen::generate_simple_self_signed(["site".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config).into()
}

#[tokio::test]
async fn any_certificate_will_do_but_not_any_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let good = acceptor(&[b"h2"]);
        serve(
            good.accept(listener.accept().await.unwrap().0)
                .await
                .unwrap(),
        )
        .await;
        let none = acceptor(&[]);
        drop(none.accept(listener.accept().await.unwrap().0).await);
    });
    let recorder = Recorder::new(address, "site:443");
    let recording = recorder.record(&[Request::get("/5000")]).await.unwrap();
    assert_eq!(recording.answers[0].body.len(), 5000);
    let error = recorder.record(&[Request::get("/1")]).await.unwrap_err();
    assert!(matches!(error, RecorderError::NotHttp2), "{error}");
}
