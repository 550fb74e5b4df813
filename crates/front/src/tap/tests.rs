use bytes::BytesMut;
use delivery::Priority;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn client(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frames.concat());
    bytes
}

fn said(stream: u32, said: Said) -> Signal {
    Signal { stream, said }
}

fn update(stream: u32, field: &str) -> Vec<u8> {
    frame(
        0x10,
        0,
        0,
        &[&stream.to_be_bytes(), field.as_bytes()].concat(),
    )
}

#[test]
fn every_way_to_say_a_priority_is_heard() {
    let bytes = client(&[
        frame(0x4, 0, 0, &[]),
        frame(0x1, 0x25, 1, &[0x80, 0, 0, 0, 255, 0x82]),
        frame(0x1, 0x2c, 3, &[2, 0x80, 0, 0, 1, 182, 0x82, 0, 0]),
        frame(0x1, 0x5, 5, &[0x82]),
        frame(0x2, 0, 3, &[0x80, 0, 0, 0, 219]),
        update(7, "u=1, i"),
        frame(0x8, 0, 0, &[0x80, 0, 1, 0]),
        frame(0x8, 0, 3, &[0, 0, 1, 0]),
        frame(0x0, 0, 5, &[0; 300]),
    ]);
    let expected = [
        said(1, Said::Opened(Some(256))),
        said(3, Said::Opened(Some(183))),
        said(5, Said::Opened(None)),
        said(3, Said::Weight(220)),
        said(7, Said::Update(Priority::parse(b"u=1, i"))),
        said(0, Said::Window(256)),
    ];
    assert_eq!(Inbound::signals_in(&bytes), expected);
}

#[test]
fn weights_of_a_tree_of_shares_say_no_urgency() {
    let bytes = client(&[
        frame(0x1, 0x25, 1, &[0, 0, 0, 0, 119, 0x82]),
        frame(0x1, 0x2c, 3, &[2, 0, 0, 0, 0, 6, 0x82, 0, 0]),
        frame(0x2, 0, 3, &[0, 0, 0, 0, 15]),
        frame(0x2, 0, 5, &[0, 0, 0, 0, 200]),
    ]);
    let expected = [
        said(1, Said::Opened(None)),
        said(3, Said::Opened(None)),
        said(3, Said::Shown),
    ];
    assert_eq!(Inbound::signals_in(&bytes), expected);
}

#[test]
fn what_breaks_the_protocol_is_passed_over() {
    let bytes = client(&[
        frame(0x2, 0, 3, &[0, 0, 0, 219]),
        frame(0x2, 0, 0, &[0, 0, 0, 0, 219]),
        frame(0x1, 0x20, 5, &[0, 0]),
        frame(0x10, 0, 1, &[0, 0, 0, 3, b'u']),
        frame(0x10, 0, 0, &[0, 0, 3]),
        update(0, "u=1"),
        update(9, "u=2"),
    ]);
    assert_eq!(
        Inbound::signals_in(&bytes),
        [
            said(5, Said::Opened(None)),
            said(9, Said::Update(Priority::parse(b"u=2")))
        ]
    );
}

#[test]
fn a_flood_of_signals_is_not_listened_to() {
    let flood = vec![frame(0x2, 0, 3, &[0x80, 0, 0, 0, 219]); 5000];
    let mut frames = flood.clone();
    frames.push(frame(0x1, 0x5, 5, &[]));
    frames.extend(flood);
    let heard = Inbound::signals_in(&client(&frames));
    assert_eq!(heard.len(), 512 + 1 + 16);
}

proptest! {
    #[test]
    fn how_bytes_are_split_makes_no_difference(
        frames in proptest::collection::vec(
            (prop_oneof![Just(0x1u8), Just(0x2), Just(0x10), Just(0x8), Just(0x0)], any::<u8>(), 0u32..9,
             proptest::collection::vec(any::<u8>(), 0..20)),
            0..20),
        cuts in proptest::collection::vec(1usize..40, 1..60),
    ) {
        let frames: Vec<_> = frames
            .iter()
            .map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload))
            .collect();
        let bytes = client(&frames);
        let mut heard = Vec::new();
        let mut inbound = Inbound::default();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            inbound.read(now, |signal| heard.push(signal));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(heard, Inbound::signals_in(&bytes));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        Inbound::signals_in(&bytes);
    }
}

#[tokio::test]
async fn body_bytes_count_when_they_have_left() {
    let (server, mut far) = tokio::io::duplex(100);
    let (mut tapped, tap) = Tapped::new(server, None);
    let bytes = [
        frame(0x1, 0x4, 1, &[7; 30]),
        frame(0x0, 0x0, 1, &[1; 200]),
        frame(0x0, 0x1, 3, &[2; 50]),
    ]
    .concat();
    let (write, read) = tokio::join!(
        async {
            tapped.write_all(&bytes).await.unwrap();
            tapped.flush().await.unwrap();
        },
        async {
            let mut received = BytesMut::new();
            while received.len() < bytes.len() {
                far.read_buf(&mut received).await.unwrap();
            }
            received
        }
    );
    let () = write;
    assert!(read == bytes);
    let mut written = Vec::new();
    tap.take_written(&mut written);
    let of = |stream| -> usize {
        let pieces = written.iter().filter(|piece| piece.0 == stream);
        pieces.map(|piece| piece.1).sum()
    };
    assert_eq!((of(1), of(3)), (200, 50));
}

/// Takes everything and notes the size of each write, as TLS does that makes a record of each.
#[derive(Default)]
struct Records(Vec<usize>);

impl AsyncWrite for Records {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_unit_is_kept_in_one_record() {
    let (mut tapped, tap) = Tapped::new(Records::default(), None);
    let head = frame(0x1, 0x4, 1, &[7; 100]);
    let unit = frame(0x0, 0x0, 1, &[1; 16_375]);
    tap.expect_unit(1, 16_375);
    tapped.write_all(&[head, unit].concat()).await.unwrap();
    assert_eq!(tapped.io.0, [109, 16_384]);

    tapped.io.0.clear();
    let small = frame(0x0, 0x0, 3, &[1; 5000]);
    tap.expect_unit(3, 5000);
    let head = frame(0x1, 0x4, 3, &[7; 100]);
    tapped.write_all(&[head, small].concat()).await.unwrap();
    assert_eq!(
        tapped.io.0,
        [5118],
        "what fits one record needs no second one"
    );

    tapped.io.0.clear();
    tap.expect_unit(5, 16_375);
    tap.forget(5);
    let other = frame(0x0, 0x0, 5, &[1; 16_375]);
    let head = frame(0x1, 0x4, 5, &[7; 100]);
    tapped.write_all(&[head, other].concat()).await.unwrap();
    assert_eq!(tapped.io.0, [16_384 + 109]);
}
