//! Pictures from the origin to a browser.

use testkit::photo::{Scene, baseline_jpeg, photograph, progressive_jpeg};
use testkit::recorder::Request;
use testkit::{Reply, recorder};

use crate::stack::Stack;

const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

fn ask(path: &str) -> Request {
    Request::get(path).header("accept", BROWSER)
}

fn image(answer: &recorder::Answer) -> &str {
    answer.header("firstlight-image").unwrap_or_default()
}

fn photo(body: Vec<u8>) -> Reply {
    Reply::ok("image/jpeg", body).header("cache-control", "max-age=600")
}

#[tokio::test]
async fn a_photograph_comes_smaller_and_progressive() {
    let stack = Stack::new().await;
    let original = baseline_jpeg(&photograph(Scene::Lake, 480, 320, 1), 92);
    stack.origin.reply("/lake.jpg", photo(original.clone()));
    let paths = ["/lake.jpg", "/cdn-cgi/image/width=240,format=webp/lake.jpg"];
    let recording = stack.record(&paths.map(ask)).await;
    let [whole, small] = &recording.answers[..] else {
        panic!("{recording:?}");
    };
    let map = jpeg::map_scans(&whole.body, &jpeg::Limits::default()).unwrap();
    assert!(map.progressive() && (map.width, map.height) == (480, 320));
    assert!(
        whole.body.len() < original.len() * 3 / 4,
        "{}",
        image(whole)
    );
    assert_eq!(small.header("content-type"), Some("image/webp"));
    assert!(image(small).starts_with("webp; width=240; height=160;"));
    let again = stack.record(&paths.map(ask)).await;
    for (first, second) in recording.answers.iter().zip(&again.answers) {
        assert_eq!(first.body, second.body);
        let status = second.header("cache-status").unwrap();
        assert!(status.contains("; hit"), "{status}");
    }
    assert_eq!(stack.origin.count("/lake.jpg"), 1);
}

#[tokio::test]
async fn what_cannot_be_made_comes_as_it_is_and_says_why() {
    let stack = Stack::new().await;
    let picture = photograph(Scene::Lake, 480, 320, 1);
    let whole = baseline_jpeg(&picture, 92);
    let truncated = whole[..whole.len() / 3].to_vec();
    let small = progressive_jpeg(&picture, 40).unwrap().bytes;
    stack
        .origin
        .reply("/truncated.jpg", photo(truncated.clone()));
    let png = Reply::ok("image/png", bomb()).header("cache-control", "max-age=600");
    stack.origin.reply("/bomb.png", png);
    let fixed = Reply::ok("image/jpeg", small.clone());
    let fixed = fixed.header("cache-control", "max-age=600, no-transform");
    stack
        .origin
        .reply("/fixed.jpg", fixed.header("etag", "\"1\""));
    for (path, original, reason) in [
        ("/truncated.jpg", truncated, "damaged"),
        ("/bomb.png", bomb(), "65535x65535"),
        ("/fixed.jpg", small, "no-transform"),
    ] {
        for kept in [false, true] {
            let recording = stack.record(&[ask(path)]).await;
            let answer = &recording.answers[0];
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.body == original, "{path}: other bytes");
            let said = image(answer);
            assert!(said.starts_with("original; reason=\"") && said.contains(reason));
            let status = answer.header("cache-status").unwrap();
            assert_eq!(status.contains("; hit"), kept, "{path}: {status}");
            if path == "/fixed.jpg" {
                assert_eq!(answer.header("etag"), Some("\"1\""));
            }
        }
        assert_eq!(stack.origin.count(path), 1, "{path}");
    }
}

/// A PNG of 67 bytes that says it is 65,535 pixels on each side.
fn bomb() -> Vec<u8> {
    let side = 65_535_u32.to_be_bytes();
    let header = [&side[..], &side, &[8, 2, 0, 0, 0]].concat();
    let pixels = [0x78, 0x9C, 0x03, 0, 0, 0, 0, 1, 0, 0];
    let mut file = b"\x89PNG\r\n\x1A\n".to_vec();
    for (name, data) in [(b"IHDR", &header[..]), (b"IDAT", &pixels), (b"IEND", &[])] {
        file.extend((data.len() as u32).to_be_bytes());
        let named = [&name[..], data].concat();
        file.extend(&named);
        file.extend(crc(&named).to_be_bytes());
    }
    file
}

fn crc(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                0xEDB8_8320 ^ (sum >> 1)
            } else {
                sum >> 1
            };
        }
    }
    !sum
}
