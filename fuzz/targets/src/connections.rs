//! What clients send, byte by byte.

use front::guard::{Guard, Limits, Violation};

use crate::Seeds;

/// The guard of HTTP/1 requests: it decides the same however the bytes arrive, hands on no more
/// than it got, and a refusal is final.
pub fn front_guard(input: &[u8]) {
    let at_once = guard(&[input]);
    let one_by_one: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(at_once, guard(&one_by_one));
    let by_sevens: Vec<&[u8]> = input.chunks(7).collect();
    assert_eq!(at_once, guard(&by_sevens));
    assert!(at_once.0.len() <= input.len());
}

fn guard(pieces: &[&[u8]]) -> (Vec<u8>, Option<Violation>) {
    let mut guard = Guard::new(Limits {
        bytes: 4096,
        headers: 32,
    });
    let mut passed = Vec::new();
    for piece in pieces {
        if let Err(violation) = guard.feed(piece, &mut passed) {
            let before = passed.len();
            assert_eq!(
                guard.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut passed),
                Err(violation)
            );
            assert_eq!(passed.len(), before);
            return (passed, Some(violation));
        }
    }
    (passed, None)
}

/// Seeds of [`front_guard`]: what is fine, and the classic ways to smuggle.
pub fn guard_seeds() -> Seeds {
    let texts = [
        (
            "get",
            "GET /a?b HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n",
        ),
        (
            "two",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nHEAD / HTTP/1.0\r\n\r\n",
        ),
        (
            "length",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;x=\"y\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n",
        ),
        (
            "cl-te",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        ),
        (
            "te-cl",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
        ),
        (
            "fold",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        ),
        (
            "upgrade",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nahead",
        ),
        (
            "old",
            "POST / HTTP/1.0\r\nConnection: close\r\n\r\nuntil the end",
        ),
        ("line-feeds", "GET / HTTP/1.1\nHost: a\n\n"),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}
