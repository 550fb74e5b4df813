//! What clients send, byte by byte.

use front::guard::{Guard, Limits, Violation};
use front::tap::{Inbound, Said, Signal};

use crate::Seeds;

/// The guard of HTTP/1 requests: it decides the same however the bytes arrive, hands on no more
/// than it got, and a refusal is final.
pub fn guard(input: &[u8]) {
    let at_once = fed(&[input]);
    let one_by_one: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(at_once, fed(&one_by_one));
    let by_sevens: Vec<&[u8]> = input.chunks(7).collect();
    assert_eq!(at_once, fed(&by_sevens));
    assert!(at_once.0.len() <= input.len());
}

fn fed(pieces: &[&[u8]]) -> (Vec<u8>, Option<Violation>) {
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

/// Seeds of [`guard`]: what is fine, and the classic ways to smuggle.
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

/// The listener on HTTP/2 connections: it hears the same however the bytes arrive.
pub fn tap(input: &[u8]) {
    let at_once = Inbound::signals_in(input);
    for size in [1, 7] {
        let mut inbound = Inbound::default();
        let mut heard: Vec<Signal> = Vec::new();
        for piece in input.chunks(size) {
            inbound.read(piece, |signal| heard.push(signal));
        }
        assert_eq!(format!("{heard:?}"), format!("{at_once:?}"));
    }
    for Signal { stream, said } in at_once {
        // Only the window is the connection's.
        assert_eq!(stream == 0, matches!(said, Said::Window(_)));
        assert!(stream < 1 << 31);
    }
}

/// Seeds of [`tap`]: the preface, then frames that say priorities.
pub fn tap_seeds() -> Seeds {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    let settings = frame(4, 0, 0, &[]);
    let headers = frame(1, 0x25, 1, &[0x80, 0, 0, 0, 219, 0x82, 0x86, 0x84]);
    let padded = frame(1, 0x2d, 3, &[2, 0, 0, 0, 1, 146, 0x82, 0, 0]);
    let priority = frame(2, 0, 1, &[0, 0, 0, 0, 219]);
    let update = frame(0x10, 0, 0, b"\0\0\0\x05u=1, i");
    let connection = |frames: &[&[u8]]| [&[preface], frames].concat().concat();
    vec![
        ("header", connection(&[&settings, &headers])),
        ("padded", connection(&[&settings, &padded, &priority])),
        (
            "update",
            connection(&[&settings, &update, &frame(0, 1, 1, b"body")]),
        ),
        (
            "window",
            connection(&[&settings, &frame(8, 0, 0, &[0, 0, 255, 255])]),
        ),
        ("no-preface", headers.clone()),
    ]
}

/// An HTTP/2 frame (RFC 9113 §4.1); `payload` is shorter than 256 bytes.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// The PROXY protocol: a header is read the same whatever follows it, and never more than itself.
pub fn proxied(input: &[u8]) {
    let read = front::proxied::parse(input);
    if let Ok((behind, length)) = read {
        assert!(length <= input.len());
        let header = input.get(..length).unwrap_or_default();
        assert_eq!(front::proxied::parse(header), Ok((behind, length)));
        let shorter = header.split_last().map_or(header, |(_, shorter)| shorter);
        assert!(front::proxied::parse(shorter).is_err());
    }
}

/// Seeds of [`proxied`]: visitors by IPv4 and IPv6, and a balancer for itself.
pub fn proxied_seeds() -> Seeds {
    let header = |command, family, rest: &[u8]| {
        let fixed = [
            &b"\r\n\r\n\0\r\nQUIT\n"[..],
            &[command, family, 0, rest.len() as u8],
        ];
        [&fixed.concat()[..], rest].concat()
    };
    vec![
        (
            "ipv4",
            header(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 195, 80, 1, 187]),
        ),
        ("ipv6", header(0x21, 0x21, &[1; 40])),
        ("local", header(0x20, 0, &[])),
    ]
}
