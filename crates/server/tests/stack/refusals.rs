//! What is refused: sources that lead inside, and requests that could be read in two ways.

use std::net::TcpListener;

use testkit::Reply;

use crate::client::Client;
use crate::stack::{HOST, Stack};

/// A listener nobody may connect to.
struct Trap(TcpListener);

impl Trap {
    fn new(host: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Whether somebody connected; the kernel takes connections by itself.
    fn is_sprung(&self) -> bool {
        self.0.accept().is_ok()
    }
}

#[tokio::test]
async fn sources_that_lead_inside_are_refused_without_a_connection() {
    let trap = Trap::new("127.0.0.1");
    let port = trap.port();
    let listed = format!(
        "[site.images]\nsources = ['http://*', 'https://*', 'http://127.0.0.1:{port}', \
         'http://localhost:{port}', 'http://*:{port}']\n"
    );
    let (closed, open) = tokio::join!(Stack::new(), Stack::with("", &listed));
    let not_listed = "the source is not among the allowed ones";
    let not_public = "this source is not allowed";
    let odd = "its host is a number but not an address in the usual form";
    for (source, unlisted, listed) in [
        (
            format!("http://127.0.0.1:{port}/a.jpg"),
            not_listed,
            not_public,
        ),
        (
            format!("http://localhost:{port}/a.jpg"),
            not_listed,
            not_public,
        ),
        (
            format!("http%3A%2F%2F127.0.0.1:{port}/a.jpg"),
            not_listed,
            not_public,
        ),
        (
            format!("http://[::ffff:127.0.0.1]:{port}/a.jpg"),
            not_listed,
            not_public,
        ),
        (
            "http://169.254.169.254/latest/meta-data/".into(),
            not_listed,
            not_public,
        ),
        ("http://10.0.0.1/".into(), not_listed, not_public),
        ("http://[::1]/".into(), not_listed, not_public),
        ("http://0.0.0.0/".into(), not_listed, not_public),
        (format!("http://2130706433:{port}/"), odd, odd),
        (format!("http://0x7f.1:{port}/"), odd, odd),
        (format!("http://0177.0.0.1:{port}/"), odd, odd),
        (format!("http://127.1:{port}/"), odd, odd),
        (
            format!("http://a@127.0.0.1:{port}/"),
            "it holds a user name",
            "it holds a user name",
        ),
    ] {
        let path = format!("/cdn-cgi/image/width=100/{source}");
        for (stack, words) in [(&closed, unlisted), (&open, listed)] {
            let answer = stack.get(&path, "").await;
            assert!(matches!(answer.status, 400 | 403), "{source}: {answer:?}");
            assert!(answer.text().contains(words), "{source}: {}", answer.text());
            assert!(answer.header("cf-resized").starts_with("err="), "{source}");
        }
    }
    assert!(!trap.is_sprung());
    assert!(closed.origin.received().is_empty() && open.origin.received().is_empty());
}

#[tokio::test]
async fn a_listed_source_cannot_redirect_inside() {
    let trap = Trap::new("127.0.0.2");
    let inside = format!("http://127.0.0.2:{}", trap.port());
    // Of all loopback addresses, one stands for the outside.
    let stack = Stack::with(
        "[origin]\nsource_networks = ['127.0.0.1/32']\n",
        &format!("[site.images]\nsources = ['http://ORIGIN', '{inside}', 'http://[::1]']\n"),
    )
    .await;
    for (number, (target, words)) in [
        (format!("{inside}/a.jpg"), "this source is not allowed"),
        ("http://[::1]/".into(), "this source is not allowed"),
        (
            "http://169.254.169.254/".into(),
            "this source is not allowed",
        ),
        (
            "http://0x7f.2/".into(),
            "the source's address is not acceptable",
        ),
        ("file:///etc/passwd".into(), "an unreadable address"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{number}.jpg");
        let redirect = Reply::new(302).header("location", &target);
        stack.origin.reply(&path, redirect);
        let asked = format!("/cdn-cgi/image/width=100/{}", stack.origin.url(&path));
        let answer = stack.get(&asked, "").await;
        assert!(
            matches!(answer.status, 400 | 403 | 502),
            "{target}: {answer:?}"
        );
        assert!(answer.text().contains(words), "{target}: {}", answer.text());
        assert_eq!(stack.origin.count(&path), 1, "{target}");
    }
    assert!(!trap.is_sprung());
}

#[tokio::test]
async fn what_is_smuggled_reaches_no_origin() {
    let stack = Stack::new().await;
    let hidden = format!("GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let post = |lines: &str, body: &str| {
        format!("POST /attack HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n\r\n{body}")
    };
    let chunked = format!("0\r\n\r\n{hidden}");
    let both = format!(
        "Content-Length: {}\r\nTransfer-Encoding: chunked",
        chunked.len()
    );
    let inside = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for (name, attack) in [
        ("CL.TE", post(&both, &chunked)),
        (
            "TE.CL",
            post("Transfer-Encoding: chunked\r\nContent-Length: 4", &inside),
        ),
    ] {
        for path in ["/smuggled", "/attack", "/sound"] {
            stack.origin.reply(path, Reply::ok("text/plain", path));
        }
        let before = stack.origin.count("/sound");
        let mut client = Client::plain(stack.address(false)).await;
        let sound = format!("GET /sound HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        client.send(format!("{sound}{attack}")).await;
        let answers = client.rest().await;
        let statuses: Vec<_> = answers.matches("HTTP/1.1 ").collect();
        assert_eq!(statuses.len(), 2, "{name}: {answers}");
        assert!(
            answers.contains("HTTP/1.1 400 Bad Request"),
            "{name}: {answers}"
        );
        assert_eq!(stack.origin.count("/sound"), before + 1, "{name}");
    }
    assert_eq!(
        stack.origin.count("/attack") + stack.origin.count("/smuggled"),
        0
    );
}
