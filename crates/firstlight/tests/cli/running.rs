//! Serving, reloading, draining.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use testkit::Recorder;
use testkit::recorder::Request;

use crate::support::{Folder, Hello, PATIENCE, Running, connect, get, port_in};

/// Starts `serve` in front of `origin` and returns it with its plain port.
fn serve(origin: &str, folder: &Folder) -> (Running, u16) {
    let mut server = Running::start(&[
        "serve",
        "--origin",
        origin,
        "--listen",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--state",
        &folder.file("state"),
    ]);
    let port = port_in(&server.hears("serving http://"));
    (server, port)
}

#[test]
fn serve_passes_what_is_no_picture_unchanged_and_stops_when_told() {
    let (origin, folder) = (Hello::start(), Folder::new());
    let (server, port) = serve(&origin.url(), &folder);
    let response = get(port, "/a.txt");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nhello"), "{response}");
    server.signal("TERM");
    let ran = server.ends();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stderr.contains("finishing what is in flight"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("/a.txt"),
        "the access log is on stdout: {ran:?}"
    );
}

/// An origin that sends the first half of its answer, says so, and waits to be let go.
struct Slow {
    url: String,
    begun: Receiver<()>,
    go: Sender<()>,
}

impl Slow {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (begin, begun) = channel();
        let (go, gone) = channel();
        std::thread::spawn(move || {
            // A connection may have been opened only to see that somebody is there.
            while let Ok((stream, _)) = listener.accept() {
                if answer_in_halves(stream, &begin, &gone) {
                    break;
                }
            }
        });
        Self { url, begun, go }
    }
}

/// Answers the request of a connection; `false` if it has none.
fn answer_in_halves(mut stream: TcpStream, begin: &Sender<()>, gone: &Receiver<()>) -> bool {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    let mut asked = false;
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        asked = true;
        line.clear();
    }
    if !asked {
        return false;
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"first").unwrap();
    begin.send(()).unwrap();
    // The test ended early if nobody says go.
    if gone.recv_timeout(PATIENCE).is_ok() {
        let _ = stream.write_all(b"other");
    }
    true
}

#[test]
fn what_is_in_flight_is_finished_before_the_end() {
    let (origin, folder) = (Slow::start(), Folder::new());
    let (mut server, port) = serve(&origin.url, &folder);
    let mut stream = connect(port);
    stream
        .write_all(b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    origin.begun.recv_timeout(PATIENCE).unwrap();
    server.signal("TERM");
    server.hears("finishing what is in flight");
    origin.go.send(()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.ends_with("firstother"), "{response}");
    assert_eq!(server.ends().code, 0);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (origin, folder) = (Slow::start(), Folder::new());
    let (mut server, port) = serve(&origin.url, &folder);
    let mut stream = connect(port);
    stream
        .write_all(b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    origin.begun.recv_timeout(PATIENCE).unwrap();
    server.signal("INT");
    server.hears("finishing what is in flight");
    server.signal("INT");
    let ran = server.ends();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("stopped at once"), "{ran:?}");
}

#[test]
fn a_new_configuration_takes_over_and_a_wrong_one_does_not() {
    let (origin, folder) = (Hello::start(), Folder::new());
    let file = folder.file("firstlight.toml");
    let write = |hosts: &str| {
        let text = format!(
            "[front]\nhttps = []\nhttp = ['127.0.0.1:0']\n[[site]]\nhosts = {hosts}\norigin = '{}'\n",
            origin.url()
        );
        std::fs::write(&file, text).unwrap();
    };
    write("['example.com']");
    let mut server = Running::start(&["serve", "--config", &file]);
    let port = port_in(&server.hears("serving http://"));
    assert!(get(port, "/").starts_with("HTTP/1.1 421 "));

    write("['example.com', 'localhost']");
    server.signal("HUP");
    server.hears("read again and in use");
    assert!(get(port, "/").starts_with("HTTP/1.1 200 "));

    write("['not a host']");
    server.signal("HUP");
    assert!(
        server
            .hears("site[0].hosts[0]")
            .contains("firstlight.toml:5")
    );
    server.hears("the old configuration stays in use");
    assert!(get(port, "/").starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_demo_shows_progressive_photographs_over_tls_and_drains() {
    let mut demo = Running::start(&["demo", "--listen", "127.0.0.1:0", "--width", "320"]);
    let lines = demo.says(5);
    let (with, without) = (port_in(&lines[0]), port_in(&lines[1]));
    assert!(lines[0].contains("https://localhost:"), "{lines:?}");
    assert!(lines[4].contains("curl -sk --http2"), "{lines:?}");

    let path = "/photographs/lake.jpg";
    let requests = ["/", path].map(|path| Request::get(path).header("accept", "image/*,*/*;q=0.8"));
    let recording = Recorder::new(([127, 0, 0, 1], with).into(), "localhost")
        .limit(PATIENCE)
        .record_blocking(&requests)
        .unwrap();
    let [page, photograph] = &recording.answers[..] else {
        panic!("{recording:?}");
    };
    assert_eq!(page.status, 200);
    assert!(String::from_utf8_lossy(&page.body).contains(path));
    assert_eq!(
        (photograph.status, photograph.header("content-type")),
        (200, Some("image/jpeg"))
    );
    let map = jpeg::map_scans(&photograph.body, &jpeg::Limits::default()).unwrap();
    assert_eq!((map.width, map.height, map.progressive()), (320, 213, true));

    let original = get(without, path);
    assert!(original.starts_with("HTTP/1.1 200 "), "{}", &original[..20]);
    demo.signal("INT");
    assert_eq!(demo.ends().code, 0);
}
