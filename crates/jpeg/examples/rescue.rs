//! Brings files into progressive order without loss, again and again: what the bench `rescue`
//! times. Prints the bytes of each file before and after. With 0 times each file is brought into
//! order once and written beside itself, with `.rescued` behind its name; `refused` and the reason
//! stand for one that is not.
//!
//! `cargo run --release -p firstlight-jpeg --example rescue -- TIMES PHOTO.jpg…`
#![expect(clippy::unwrap_used, reason = "a tool for the bench, not for requests")]

use firstlight_jpeg::{Limits, Script, TranscodeOptions, WriteOptions, transcode};

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
        let mut size = 0;
        for _ in 0..times {
            size = transcode(&file, &options).unwrap().bytes.len();
        }
        if times == 0 {
            match transcode(&file, &options) {
                Ok(rescued) => {
                    size = rescued.bytes.len();
                    std::fs::write(format!("{path}.rescued"), rescued.bytes).unwrap();
                }
                Err(error) => {
                    println!("refused {error}");
                    continue;
                }
            }
        }
        println!("{} {size} {path}", file.len());
    }
}
