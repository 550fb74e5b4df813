//! Brings files into progressive order without loss, again and again: what the bench `rescue`
//! times. Prints the bytes of each file before and after; also those of a file whose pixels
//! changed, and then fails.
//!
//! `cargo run --release -p firstlight-jpeg --example rescue -- TIMES PHOTO.jpg…`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a tool for the bench, not for requests"
)]

use firstlight_jpeg::{
    DecodeOptions, Limits, Script, TranscodeOptions, WriteOptions, decode, transcode,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let times: usize = arguments.next().unwrap().parse().unwrap();
    for path in arguments {
        let file = std::fs::read(&path).unwrap();
        let options = TranscodeOptions {
            limits: Limits::default(),
            write: WriteOptions {
                script: Script::Quick,
                preferred_bytes: file.len(),
                ..WriteOptions::default()
            },
            cancel: &|| false,
        };
        let mut rescued = Vec::new();
        for _ in 0..times {
            rescued = transcode(&file, &options).unwrap().bytes;
        }
        println!("{} {} {path}", file.len(), rescued.len());
        // Once only, and not where it is timed.
        if times == 1 {
            let pixels = |file: &[u8]| decode(file, &DecodeOptions::default()).unwrap().pixels;
            if pixels(&file) != pixels(&rescued) {
                panic!("{path}: the pixels are others");
            }
        }
    }
}
