//! In front of nginx: what is no picture passes unchanged to the byte, pictures shrink.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use image::{Format, Limits};
use jpeg::{DecodeOptions, Pixels};
use testkit::Recorder;
use testkit::recorder::Request;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::alone;
use crate::client::{Answer, Ask, HOST, Server, get, head};
use crate::site::{GRAPHIC, Nginx, PHOTOGRAPHS, PROGRESSIVE, TRUNCATED};
use crate::support::{Folder, PATIENCE, Running, port_in};

/// As Chromium asks for pictures.
const CHROMIUM: &str = "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
/// A client that knows JPEG and PNG alone.
const OLD: &str = "image/jpeg,image/png;q=0.9";

/// nginx and the binary in front of it, over plain and secure connections.
struct Stage {
    nginx: Nginx,
    _firstlight: Running,
    plain: u16,
    secure: u16,
    runtime: Runtime,
    _folder: Folder,
}

impl Stage {
    /// `None` without nginx. `settings` go into the site's table.
    fn new(settings: &str) -> Option<Self> {
        let nginx = Nginx::start()?;
        let folder = Folder::new();
        let file = folder.file("firstlight.toml");
        let configuration = format!(
            "[front]\nhttps = ['127.0.0.1:0']\nhttp = ['127.0.0.1:0']\n\
             [[site]]\norigin = 'http://127.0.0.1:{}'\naccess_log.enabled = false\n{settings}",
            nginx.port
        );
        std::fs::write(&file, configuration).unwrap();
        let mut firstlight = Running::start(&["serve", "--config", &file]);
        let secure = port_in(&firstlight.hears("serving https://"));
        let plain = port_in(&firstlight.hears("serving http://"));
        Some(Self {
            nginx,
            _firstlight: firstlight,
            plain,
            secure,
            runtime: Runtime::new().unwrap(),
            _folder: folder,
        })
    }

    /// What nginx itself answers.
    fn direct(&self, ask: &Ask) -> Answer {
        let server = Server {
            port: self.nginx.port,
            http2: false,
        };
        self.runtime.block_on(server.ask(ask))
    }

    fn through(&self, ask: &Ask, http2: bool) -> Answer {
        let port = self.plain;
        self.runtime.block_on(Server { port, http2 }.ask(ask))
    }
}

/// Headers that tell a client what the bytes are, and that nobody on the way may touch.
const OF_THE_SITE: [&str; 11] = [
    "accept-ranges",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "location",
    "vary",
];

/// Everything a site has besides pictures, in all the ways it may be asked for.
fn everything_else() -> Vec<Ask> {
    let pages = [
        "/",
        "/page.html?query=1&other=%20",
        "/style.css",
        "/script.js",
        "/data.json",
        "/data.bin",
        "/empty.bin",
        "/fonts/imprint.ttf",
        "/favicon.svg",
        "/page.shtml",
        "/again/page.shtml",
        "/again/data.bin",
        "/again/data.json",
        "/not-there",
        "/not-there.jpg",
        "/old",
        "/moved/lake.jpg",
        "/nothing",
        "/secret",
    ];
    let mut asks: Vec<Ask> = pages.map(get).into();
    asks.extend(pages.map(head));
    asks.extend(pages.map(|page| get(page).with("accept-encoding", "gzip, br")));
    for range in [
        "bytes=0-0",
        "bytes=1000-70000",
        "bytes=-500",
        "bytes=4999000-",
    ] {
        asks.push(get("/data.bin").with("range", range));
    }
    let since = "Sun, 15 Jun 2025 15:06:40 GMT";
    asks.push(get("/style.css").with("if-modified-since", since));
    asks.push(get("/style.css").with("if-modified-since", "Sun, 15 Jun 2025 15:06:39 GMT"));
    asks.push(get("/style.css").with("if-none-match", "\"something else\""));
    asks
}

#[test]
fn every_byte_of_what_is_no_picture_passes_unchanged() {
    let _alone = alone();
    let Some(stage) = Stage::new("compression.enabled = false\n") else {
        return;
    };
    for ask in everything_else() {
        let direct = stage.direct(&ask);
        for http2 in [false, true, false] {
            let through = stage.through(&ask, http2);
            let place = format!(
                "{ask:?}, HTTP/2: {http2}\n{:?}\n{:?}",
                direct.headers, through.headers
            );
            assert!(through.status == direct.status, "{place}");
            assert!(through.body == direct.body, "{place}");
            for name in OF_THE_SITE {
                assert!(unchanged(name, &direct, &through), "{name}: {place}");
            }
        }
    }
    let gzip = stage.direct(&get("/data.json").with("accept-encoding", "gzip"));
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let tag = stage.direct(&get("/data.bin")).header("etag").to_owned();
    for http2 in [false, true] {
        let beyond = get("/data.bin").with("range", "bytes=5000000-");
        let beyond = stage.through(&beyond, http2);
        assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(beyond.header("content-range"), "bytes */5000000");
        let again = stage.through(&get("/data.bin").with("if-none-match", &tag), http2);
        assert_eq!(
            (again.status, again.body.len()),
            (StatusCode::NOT_MODIFIED, 0)
        );
        let part = get("/data.bin")
            .with("range", "bytes=10-19")
            .with("if-range", &tag);
        assert_eq!(
            stage.through(&part, http2).status,
            StatusCode::PARTIAL_CONTENT
        );
    }
}

/// Whether a header has come through, or what nginx leaves out is said in addition.
fn unchanged(name: &str, direct: &Answer, through: &Answer) -> bool {
    let (was, is) = (direct.header(name), through.header(name));
    is == was
        || match name {
            // What is kept whole has a length, and can be had in parts.
            "content-length" | "accept-ranges" => was.is_empty(),
            // RFC 9110 §15.4.5 wants it in a 304 as in a 200; nginx has it in the 200 alone.
            "vary" => was.is_empty() && direct.status == StatusCode::NOT_MODIFIED,
            _ => false,
        }
}

#[test]
fn every_photograph_is_smaller_and_progressive() {
    let _alone = alone();
    let Some(stage) = Stage::new("") else { return };
    for path in PHOTOGRAPHS.into_iter().chain([PROGRESSIVE]) {
        let original = stage.direct(&get(path));
        for (accept, http2) in [(CHROMIUM, false), (OLD, true), ("*/*", true)] {
            let ask = get(path).with("accept", accept);
            let picture = stage.through(&ask, http2);
            check_photograph(&original, &picture, path);
            let head = stage.through(&head(path).with("accept", accept), http2);
            assert_eq!(
                (head.status, head.body.len()),
                (StatusCode::OK, 0),
                "{path}"
            );
            for name in [
                "content-type",
                "content-length",
                "etag",
                "last-modified",
                "vary",
            ] {
                assert_eq!(head.header(name), picture.header(name), "{name} of {path}");
            }
            let again = ask.with("if-none-match", picture.header("etag"));
            let again = stage.through(&again, http2);
            assert_eq!(
                (again.status, again.body.len()),
                (StatusCode::NOT_MODIFIED, 0)
            );
            assert_eq!(again.header("etag"), picture.header("etag"));
        }
    }
}

#[test]
fn a_damaged_photograph_is_passed_on_and_a_header_says_why() {
    let _alone = alone();
    let Some(stage) = Stage::new("") else { return };
    let original = stage.direct(&get(TRUNCATED));
    for http2 in [false, true] {
        let picture = stage.through(&get(TRUNCATED).with("accept", CHROMIUM), http2);
        assert_eq!(picture.status, StatusCode::OK);
        assert!(picture.body == original.body);
        assert_eq!(picture.header("etag"), original.header("etag"));
        let why = picture.header("firstlight-image");
        assert!(
            why.starts_with("original; reason=") && why.contains("truncated"),
            "{why}"
        );
    }
}

/// Same picture, fewer bytes, and a preview of the whole at their beginning.
fn check_photograph(original: &Answer, picture: &Answer, path: &str) {
    assert_eq!(picture.status, StatusCode::OK, "{path}");
    assert_eq!(picture.header("content-type"), "image/jpeg", "{path}");
    assert!(
        picture.header("vary").contains("accept"),
        "{path}: {picture:?}"
    );
    assert_eq!(
        picture.header("last-modified"),
        original.header("last-modified")
    );
    assert_eq!(
        picture.header("cache-control"),
        original.header("cache-control")
    );
    let (size, before) = (picture.body.len(), original.body.len());
    assert!(size < before * 9 / 10, "{path}: {size} of {before}");
    let map = jpeg::map_scans(&picture.body, &jpeg::Limits::default()).unwrap();
    assert!(map.progressive(), "{path}");
    let (was, is) = (pixels(&original.body), pixels(&picture.body));
    assert_eq!((is.0, is.1), (was.0, was.1), "{path}");
    let difference: u64 = was
        .2
        .iter()
        .zip(&is.2)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    let mean = difference as f64 / was.2.len() as f64;
    assert!(mean < 5.0, "{path}: off by {mean:.2} of 255 on average");
}

fn pixels(file: &[u8]) -> (u32, u32, Vec<u8>) {
    let decoded = jpeg::decode(file, &DecodeOptions::default()).unwrap();
    match decoded.pixels {
        Pixels::Rgb8(pixels) => (decoded.width, decoded.height, pixels),
        other => panic!("not in colour: {other:?}"),
    }
}

#[test]
fn formats_follow_what_the_client_accepts() {
    let _alone = alone();
    let Some(stage) = Stage::new("images.policy.prefer = 'bytes'\n") else {
        return;
    };
    let formats = [
        (CHROMIUM, Format::WebP, Format::WebP),
        (OLD, Format::Jpeg, Format::Png),
    ];
    for path in PHOTOGRAPHS.into_iter().chain([GRAPHIC]) {
        let original = stage.direct(&get(path));
        let before = image::probe(&original.body, &Limits::default()).unwrap();
        for (accept, photograph, graphic) in formats {
            let expected = if path == GRAPHIC { graphic } else { photograph };
            for http2 in [false, true] {
                let picture = stage.through(&get(path).with("accept", accept), http2);
                let probe = image::probe(&picture.body, &Limits::default()).unwrap();
                assert_eq!(probe.format, expected, "{path} for {accept}");
                assert_eq!(picture.header("content-type"), expected.content_type());
                assert_eq!((probe.width, probe.height), (before.width, before.height));
                assert_eq!(probe.has_alpha, before.has_alpha, "{path} for {accept}");
                let (size, before) = (picture.body.len(), original.body.len());
                assert!(
                    size < before || expected == Format::Png,
                    "{path}: {size} of {before}"
                );
                assert!(size <= before, "{path}: {size} of {before}");
            }
        }
    }
}

#[test]
fn fifty_at_once_get_what_each_gets_alone() {
    let _alone = alone();
    let Some(stage) = Stage::new("") else { return };
    let paths = [
        PHOTOGRAPHS[0],
        "/data.bin",
        PHOTOGRAPHS[1],
        "/style.css",
        PHOTOGRAPHS[2],
    ];
    // Nothing is kept yet: pictures are made while they are waited for.
    let crowd: Vec<Answer> = stage.runtime.block_on(async {
        let mut asking = JoinSet::new();
        for number in 0..50 {
            let ask = get(paths[number % paths.len()]).with("accept", CHROMIUM);
            let (port, http2) = (stage.plain, number % 2 == 1);
            asking.spawn(async move { (number, Server { port, http2 }.ask(&ask).await) });
        }
        let mut answers = asking.join_all().await;
        answers.sort_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, answer)| answer).collect()
    });
    let alone: Vec<Arc<Answer>> = paths
        .iter()
        .map(|path| Arc::new(stage.through(&get(path).with("accept", CHROMIUM), false)))
        .collect();
    for (number, answer) in crowd.iter().enumerate() {
        let expected = &alone[number % paths.len()];
        assert_eq!(answer.status, StatusCode::OK, "{number}");
        assert!(answer.body == expected.body, "number {number} differs");
    }
    on_one_connection(&stage, &paths, &alone);
}

/// The same over one secure connection, as browsers have it.
fn on_one_connection(stage: &Stage, paths: &[&str], alone: &[Arc<Answer>]) {
    let requests: Vec<Request> = (0..50)
        .map(|number| {
            Request::get(paths[number % paths.len()])
                .header("accept", CHROMIUM)
                .after(Duration::from_millis(number as u64 / 10))
        })
        .collect();
    let recording = Recorder::new(([127, 0, 0, 1], stage.secure).into(), HOST)
        .limit(PATIENCE)
        .record_blocking(&requests)
        .unwrap();
    assert!(!recording.timed_out && recording.goaway.is_none());
    for (number, answer) in recording.answers.iter().enumerate() {
        let expected = &alone[number % paths.len()];
        assert_eq!(answer.status, 200, "{number}");
        assert!(answer.body == expected.body, "number {number} differs");
    }
}
