//! What a hostile client can pile up: the connection ends, or serves on; it never hangs.

use pipeline::Step;

use super::client::{
    Client, DATA, HEADERS, PING, PRIORITY, PRIORITY_UPDATE, RESET, Received, SETTINGS,
    WINDOW_UPDATE, body,
};
use super::site::{Server, pattern, typed};

const CONTINUATION: u8 = 9;

/// How many frames a flood has, and after how many the client listens.
const FRAMES: u32 = 20_000;
const BATCH: u32 = 100;

async fn open() -> (Server, Client) {
    let server = Server::new(|_| Step::respond(typed("text/css", pattern(20_000))));
    let (io, _) = server.connect(1 << 16);
    let client = Client::wide(io).await;
    (server, client)
}

/// Reads until everything said so far is answered; false if the connection is over.
async fn is_alive(client: &mut Client) -> bool {
    client.frame(PING, 0, 0, b"marktime").await;
    loop {
        match client.next().await {
            None => return false,
            Some(Received {
                kind: PING,
                payload,
                ..
            }) if payload == b"marktime" => return true,
            Some(_) => {}
        }
    }
}

/// Sends a flood; whatever it is, a request behind it is answered.
async fn survives(kind: u8, stream: u32, payload: impl Fn(u32) -> Vec<u8>) {
    let (_server, mut client) = open().await;
    for number in 0..FRAMES {
        client.frame(kind, 0, stream, &payload(number)).await;
        if number % BATCH == 0 {
            assert!(is_alive(&mut client).await, "{kind} after {number}");
        }
    }
    client.get(9, "/", Some("u=0")).await;
    let frames = client.until_ended(&[9]).await;
    assert!(body(&frames, 9) == pattern(20_000), "{kind}");
}

#[tokio::test]
async fn frames_without_end_delay_nobody() {
    survives(SETTINGS, 0, |number| {
        [&[0, 4][..], &(65_535 + number).to_be_bytes()].concat()
    })
    .await;
    survives(PRIORITY, 7, |number| vec![0x80, 0, 0, 0, number as u8]).await;
    survives(PRIORITY_UPDATE, 0, |number| {
        [&(11 + 2 * number).to_be_bytes()[..], b"u=0"].concat()
    })
    .await;
    survives(0x42, 0, |_| b"an unknown frame".to_vec()).await;
}

#[tokio::test]
async fn pings_without_end_are_answered() {
    survives(PING, 0, |number| [[0; 4], number.to_be_bytes()].concat()).await;
}

/// Sends frames until the server has enough of it.
async fn is_ended(mut client: Client, kind: u8, stream: u32, payload: &[u8]) {
    for number in 0..FRAMES {
        client.frame(kind, 0, stream, payload).await;
        // A PING inside a block of headers would itself be the end.
        if kind != CONTINUATION && number % BATCH == 0 && !is_alive(&mut client).await {
            return;
        }
        if kind == CONTINUATION && client.is_over {
            return;
        }
    }
    panic!("{FRAMES} frames of kind {kind} were taken");
}

#[tokio::test]
async fn headers_without_end_are_the_end() {
    let (_server, mut client) = open().await;
    client.frame(HEADERS, 0, 1, &[0x82, 0x87]).await;
    let line = [&[0, 1, b'a', 100][..], &[b'b'; 100]].concat();
    is_ended(client, CONTINUATION, 1, &line).await;
}

#[tokio::test]
async fn a_window_that_overflows_is_the_end() {
    let (_server, client) = open().await;
    is_ended(client, WINDOW_UPDATE, 0, &[0x7f, 0xff, 0xff, 0xff]).await;
}

#[tokio::test]
async fn requests_that_are_given_up_at_once_are_bounded() {
    let (server, mut client) = open().await;
    for number in 0..FRAMES {
        let stream = 1 + 2 * number;
        client.get(stream, "/", None).await;
        client.frame(RESET, 0, stream, &[0, 0, 0, 8]).await;
        if number % BATCH == 0 && !is_alive(&mut client).await {
            break;
        }
        assert!(number < FRAMES - 1, "all were taken");
    }
    assert!(server.log.lock().unwrap().len() <= 2000);
}

#[tokio::test]
async fn empty_pieces_of_an_upload_delay_nobody() {
    let (_server, mut client) = open().await;
    let fields: [&[u8]; 2] = [&[0x83, 0x87, 0x84], &[0x01, 1, b'a']];
    client.frame(HEADERS, 4, 1, &fields.concat()).await;
    for number in 0..FRAMES {
        client.frame(DATA, 0, 1, &[]).await;
        if number % BATCH == 0 && !is_alive(&mut client).await {
            // The connection may end over it.
            return;
        }
    }
    client.get(9, "/", Some("u=0")).await;
    let frames = client.until_ended(&[9]).await;
    assert!(body(&frames, 9) == pattern(20_000));
}
