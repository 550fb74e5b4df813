//! What passes through: another protocol, and uploads.

use bytes::Bytes;
use http::Request;
use server::Server;
use testkit::Reply;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::stack::{HOST, Stack, address, config, soon};

/// Bytes that are not the same twice in a row.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn a_websocket_passes_bytes_both_ways() {
    let stack = Stack::new().await;
    stack
        .origin
        .reply("/chat", Reply::echo_upgrade("websocket"));
    let mut client = Client::tls(stack.address(true), HOST).await;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let asked = format!(
        "GET /chat HTTP/1.1\r\nHost: {HOST}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    client.send(asked).await;
    let head = client.head().await;
    assert_eq!((head.status, head.header("upgrade")), (101, "websocket"));
    assert_eq!(head.header("connection"), "upgrade");
    for length in [1, 70_000, 3] {
        let sent = noise(length);
        client.send(&sent).await;
        assert_eq!(client.exactly(length).await, sent);
    }
    let received = &stack.origin.received()[0];
    assert_eq!(received.header("sec-websocket-key"), Some(key));
    assert_eq!(received.header("upgrade"), Some("websocket"));
}

const UPLOAD: usize = 20 << 20;
const HALF: usize = UPLOAD / 2;

/// An origin that takes one upload and says when a quarter of it is there; a site before it.
async fn taker() -> (String, oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!(
        "[[site]]\norigin = 'http://{}'\naccess_log = {{ enabled = false }}\n",
        listener.local_addr().unwrap()
    );
    let (begun, has_begun) = oneshot::channel();
    tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let mut body = vec![0; UPLOAD];
        stream.read_exact(&mut body[..HALF / 2]).await.unwrap();
        begun.send(()).unwrap();
        stream.read_exact(&mut body[HALF / 2..]).await.unwrap();
        let same = body == noise(UPLOAD);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{same}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    (site, has_begun)
}

#[tokio::test]
async fn an_upload_streams_over_http_1() {
    let (site, begun) = taker().await;
    let server = Server::start(config(&site)).unwrap();
    let mut client = Client::tls(address(&server, true), HOST).await;
    let body = noise(UPLOAD);
    let head = format!("POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {UPLOAD}\r\n\r\n");
    client.send(head).await;
    client.send(&body[..HALF]).await;
    // The second half is not sent before the origin has some of the first.
    soon("the first half", begun).await.unwrap();
    client.send(&body[HALF..]).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, &*answer.text()), (200, "true"));
}

#[tokio::test]
async fn an_upload_streams_over_http_2() {
    let (site, begun) = taker().await;
    let server = Server::start(config(&site)).unwrap();
    let stream = TcpStream::connect(address(&server, false)).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let url = format!("http://{HOST}/upload");
    let request = Request::post(url).header("content-length", UPLOAD).body(());
    let mut client = client.ready().await.unwrap();
    let (answer, mut upload) = client.send_request(request.unwrap(), false).unwrap();
    let body = Bytes::from(noise(UPLOAD));
    soon("room", send(&mut upload, body.slice(..HALF), false)).await;
    soon("the first half", begun).await.unwrap();
    soon("room", send(&mut upload, body.slice(HALF..), true)).await;
    let answer = soon("an answer", answer).await.unwrap();
    assert_eq!(answer.status(), 200);
    let said = soon("a body", answer.into_body().data()).await.unwrap();
    assert_eq!(said.unwrap(), "true");
}

/// Sends as much as the server takes, as soon as it takes it.
async fn send(upload: &mut h2::SendStream<Bytes>, mut body: Bytes, last: bool) {
    while !body.is_empty() {
        upload.reserve_capacity(body.len());
        let room = std::future::poll_fn(|context| upload.poll_capacity(context)).await;
        let room = room.unwrap().unwrap().min(body.len());
        let piece = body.split_to(room);
        upload.send_data(piece, last && body.is_empty()).unwrap();
    }
}
