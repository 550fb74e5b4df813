//! Pictures that the client names as those on screen, or does not.

use std::time::Duration;

use pipeline::NetworkEstimate;

use super::client::{Client, HEADERS, PRIORITY, Received, data};
use super::order::{GRAIN, PIPE, open, site};
use super::site::Server;
use crate::FrontSettings;

/// Which streams the first `count` pieces of bodies belong to, each run of one stream once.
fn runs(frames: &[Received]) -> Vec<u32> {
    let mut order: Vec<u32> = data(frames).iter().map(|frame| frame.0).collect();
    order.dedup();
    order
}

#[tokio::test]
async fn pictures_that_are_not_named_refine_after_every_part_of_those_that_are() {
    let server = Server::new(site);
    let mut client = open(&server).await;
    for stream in [1, 3, 5, 7] {
        client.get(stream, "/picture", Some("i")).await;
        if stream == 1 {
            client.read_data(100).await;
        }
    }
    client.frame(PRIORITY, 0, 5, &[0x80, 0, 0, 0, 219]).await;
    client.pause().await;
    let frames = client.until_ended(&[1, 3, 5, 7]).await;
    let complete = |stream: u32| {
        let last = |it: &&(u32, usize)| it.0 == stream;
        let pieces = data(&frames);
        pieces.len() - pieces.iter().rev().position(|it| last(&it)).unwrap()
    };
    let named = complete(5);
    let others: usize = data(&frames)[..named]
        .iter()
        .filter(|frame| frame.0 != 5)
        .map(|frame| frame.1)
        .sum();
    // Their previews, what was on its way, the share of the lowest level, and what makes the one
    // good that could not be named, as it had begun to come.
    let begun = 30_000 - 9_000;
    assert!(
        others <= PIPE + GRAIN + 3 * 9_000 + 2 * GRAIN + begun,
        "{others}"
    );
    let pieces = data(&frames);
    let good = pieces[..named].iter().filter(|it| it.0 == 1);
    let good: usize = good.map(|it| it.1).sum();
    assert!(good + 100 >= begun, "{good}");
}

/// Sends a request as Chromium does: with a weight, exclusively below the stream before.
async fn ask_as_chromium(client: &mut Client, stream: u32, path: &str, weight: u8) {
    let mut head = vec![0x80, 0, 0, 0, weight];
    head.extend([0x82, 0x87, 0x04, path.len() as u8]);
    head.extend(path.as_bytes());
    head.extend([0x01, 1, b'a']);
    client.frame(HEADERS, 0x25, stream, &head).await;
}

#[tokio::test]
async fn what_is_named_before_the_stylesheet_can_have_come_is_not_believed() {
    let far = NetworkEstimate {
        min_rtt: Some(Duration::from_millis(100)),
        ..NetworkEstimate::default()
    };
    for (late, second) in [(false, 5), (true, 7)] {
        let server = Server::with(FrontSettings::default(), far, site);
        let mut client = open(&server).await;
        ask_as_chromium(&mut client, 1, "/style", 255).await;
        client.until_ended(&[1]).await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_millis(if late { 150 } else { 10 })).await;
        for stream in [3, 5, 7] {
            // What fits the pipe goes to the first.
            ask_as_chromium(&mut client, stream, "/picture", 146).await;
            client.pause().await;
        }
        client.frame(PRIORITY, 0, 7, &[0x80, 0, 0, 0, 219]).await;
        client.pause().await;
        let frames = client.until_ended(&[3, 5, 7]).await;
        tokio::time::resume();
        let order = runs(&frames);
        assert_eq!(order[..2], [3, second], "{order:?}");
    }
}

#[tokio::test]
async fn where_no_picture_is_named_in_time_those_that_had_begun_come_first() {
    for late in [false, true] {
        let server = Server::new(site);
        let mut client = open(&server).await;
        ask_as_chromium(&mut client, 1, "/style", 255).await;
        client.until_ended(&[1]).await;
        ask_as_chromium(&mut client, 3, "/picture", 146).await;
        // Nothing more fits the pipe: the first has begun, the others cannot.
        client.pause().await;
        for stream in [5, 7] {
            ask_as_chromium(&mut client, stream, "/picture", 146).await;
        }
        client.pause().await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_millis(if late { 500 } else { 10 })).await;
        let frames = client.until_ended(&[3, 5, 7]).await;
        tokio::time::resume();
        let pieces = data(&frames);
        let first_done = pieces.iter().rposition(|it| it.0 == 3).unwrap();
        let others = pieces[..first_done].iter().filter(|it| it.0 != 3);
        let others: usize = others.map(|it| it.1).sum();
        let previews = 2 * 9_000 + GRAIN;
        let goods = 2 * 21_000;
        match late {
            true => assert!(others <= 3 * GRAIN, "{others}"),
            false => assert!(others >= previews + goods - PIPE, "{others}"),
        }
    }
}

#[tokio::test]
async fn what_one_browser_names_another_gets_first() {
    let server = Server::new(site);
    let headers = |priority: Option<&'static str>| {
        let mut headers = vec![
            ("accept", "image/webp,*/*;q=0.8"),
            ("referer", "https://example.com/page"),
        ];
        headers.extend(priority.map(|value| ("priority", value)));
        headers
    };
    let ask = async |client: &mut Client, priority: Option<&'static str>| {
        for (stream, path) in [(1, "/picture?1"), (3, "/picture?2")] {
            let headers = headers(priority);
            client
                .request(stream, "GET", path, "example.com", &headers)
                .await;
        }
    };
    for _ in 0..2 {
        let mut teacher = open(&server).await;
        ask(&mut teacher, Some("i")).await;
        teacher.read_data(1).await;
        teacher.frame(PRIORITY, 0, 3, &[0x80, 0, 0, 0, 219]).await;
        teacher.until_ended(&[1, 3]).await;
        teacher.pause().await;
    }
    let mut silent = open(&server).await;
    ask(&mut silent, None).await;
    silent.pause().await;
    let frames = silent.until_ended(&[1, 3]).await;
    let order = runs(&frames);
    assert_eq!(order.last(), Some(&1));
    let first_done = data(&frames).iter().rposition(|it| it.0 == 3).unwrap();
    let early: usize = data(&frames)[..first_done]
        .iter()
        .filter(|it| it.0 == 1)
        .map(|it| it.1)
        .sum();
    assert_eq!(order.first(), Some(&3));
    // The other one until it is good, and a grain that was on its way.
    assert!(early <= GRAIN + 30_000, "{early} {order:?}");
}
