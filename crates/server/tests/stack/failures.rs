//! Origins that fail.

use server::Server;
use testkit::Reply;
use testkit::recorder::Request;
use tokio::net::TcpSocket;

use crate::client::Client;
use crate::stack::{HOST, PATIENCE, Stack, address, config};

#[tokio::test]
async fn an_answer_that_is_cut_off_is_not_passed_on_as_whole() {
    let stack = Stack::with("[origin]\nidle_timeout = '50ms'\n", "").await;
    let whole = vec![b'x'; 50_000];
    let text = || Reply::ok("text/plain", whole.clone()).header("cache-control", "max-age=60");
    let photo = Reply::ok("image/jpeg", whole.clone()).header("cache-control", "max-age=60");
    stack.origin.reply("/length", text().cut_off(10_000));
    stack.origin.reply("/chunks", text().chunked().cut_off(0));
    stack.origin.reply("/photo.jpg", photo.cut_off(10_000));
    let (silent, _gate) = text().chunked().then_hold();
    stack.origin.reply("/silent", silent.body("the rest"));
    for path in ["/length", "/chunks", "/photo.jpg", "/silent"] {
        let answer = stack.get(path, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.complete, "{path}: {:?}", answer.headers);
        assert!(whole.starts_with(&answer.body), "{path}");
        let recording = stack.record(&[Request::get(path)]).await;
        let answer = &recording.answers[0];
        // A reset overtakes what was not written yet, be it the head.
        assert!(matches!(answer.status, 0 | 200), "{path}");
        assert!(answer.reset.is_some() && answer.complete_at.is_none());
        assert_eq!(stack.origin.count(path), 2, "{path} is not kept");
    }
}

#[tokio::test]
async fn an_origin_that_is_down_is_a_502_that_names_the_request() {
    // A port that is taken, and on which nobody listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let origin = socket.local_addr().unwrap();
    let text =
        format!("[[site]]\norigin = 'http://{origin}'\naccess_log = {{ enabled = false }}\n");
    let server = Server::start(config(&text)).unwrap();
    let mut client = Client::plain(address(&server, false)).await;
    for (accept, content_type) in [
        ("text/html", "text/html; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),
    ] {
        let answer = client
            .get(HOST, "/", &format!("Accept: {accept}\r\n"))
            .await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert_eq!(answer.header("content-type"), content_type);
        let (text, id) = (answer.text(), answer.header("x-request-id"));
        assert!(!id.is_empty() && text.contains(id), "{text}");
        assert!(text.contains("the origin cannot be reached"), "{text}");
        assert!(!text.contains(&origin.port().to_string()), "{text}");
    }
}

#[tokio::test]
async fn an_origin_that_is_slow_is_a_504() {
    let stack = Stack::with("[origin]\nresponse_timeout = '50ms'\n", "").await;
    let (never, _gate) = Reply::new(200).then_hold();
    stack.origin.reply("/slow", never.clone());
    stack.origin.reply("/slow.jpg", never);
    for path in ["/slow", "/slow.jpg", "/cdn-cgi/image/width=9/slow.jpg"] {
        let answer = stack.get(path, "").await;
        assert_eq!(answer.status, 504, "{path}");
        assert!(answer.text().contains("took too long to answer"));
        let recording = stack.record(&[Request::get(path)]).await;
        assert_eq!(recording.answers[0].status, 504, "{path}");
    }
}

#[tokio::test]
async fn an_origin_that_speaks_nonsense_is_a_502() {
    let stack = Stack::with("[origin]\nresponse_timeout = '5s'\n", "").await;
    for (path, bytes) in [
        ("/text", "hello\r\n\r\n"),
        (
            "/twice",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ),
        (
            "/unasked",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        ),
        ("/nothing", ""),
        (
            "/chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        ),
    ] {
        stack.origin.reply(path, Reply::raw(bytes));
        let answer = stack.get(path, "").await;
        assert_eq!(answer.status, 502, "{path}: {answer:?}");
        let recording = stack.record(&[Request::get(path)]).await;
        assert_eq!(recording.answers[0].status, 502, "{path}");
    }
    stack.origin.reply("/sound", Reply::ok("text/plain", "x"));
    let answer = stack.get("/sound", "").await;
    assert_eq!(answer.status, 200, "others are served on");
}

#[tokio::test]
async fn origins_that_cannot_be_reached_are_known_at_the_start() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let down = socket.local_addr().unwrap();
    let site = format!("[[site]]\nhosts = ['down.example']\norigin = 'http://{down}'\n");
    let stack = Stack::with(&site, "").await;
    stack.origin.reply("/", Reply::ok("text/plain", "x"));
    let handle = stack.server.handle();
    let said = handle.unreachable_origins(PATIENCE).await;
    assert_eq!(said.len(), 1, "{said:?}");
    let place = format!("`{down}` takes no connection: ");
    assert!(said[0].starts_with(&place), "{said:?}");
    // The connection to the other one serves the first request.
    assert_eq!(stack.get("/", "").await.text(), "x");
    assert_eq!(stack.origin.received()[0].connection, 0);
}
