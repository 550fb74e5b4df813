//! Brings files into progressive order without loss, as pictures are rescued for visitors: what
//! the bench `rescue` times and checks.
//!
//! A file is written with the quick script, with the small one where that makes it larger than it
//! may be, and stays as it is where both do. With TIMES it is done so often for each file, and the
//! bytes before and after are printed, which are the same for a file that stays. With `check` each
//! file is done once and written beside itself, with `.rescued` behind its name, and its pixels are
//! compared as our own decoder sees them: `equal`, `changed`, `stays`, or `refused` and why. With
//! `ink` a colour file of 4:4:4 is given a fourth component and written to `OUT`.
//!
//! `cargo run --release -p firstlight-jpeg --example rescue -- TIMES PHOTO.jpg…`
//! `cargo run --release -p firstlight-jpeg --example rescue -- check PHOTO.jpg…`
//! `cargo run --release -p firstlight-jpeg --example rescue -- ink PHOTO.jpg OUT.jpg`
#![expect(clippy::unwrap_used, reason = "a tool for the bench, not for requests")]

use firstlight_jpeg::{
    DecodeOptions, JpegError, Limits, Script, TranscodeOptions, WriteOptions, decode,
    read_coefficients, transcode, write,
};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a file may cost in percent of itself.
const MOST: usize = 101;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((what, paths)) = arguments.split_first() else {
        eprintln!("TIMES|check|ink PHOTO.jpg…");
        std::process::exit(64);
    };
    match (what.as_str(), paths) {
        ("ink", [from, to]) => ink(from, to),
        ("check", paths) => paths.iter().for_each(|path| check(path)),
        (times, paths) => {
            let times = times.parse().unwrap();
            paths.iter().for_each(|path| again(path, times));
        }
    }
}

/// The file in progressive order, none if it stays as it is.
fn rescued(file: &[u8]) -> Result<Option<Vec<u8>>, JpegError> {
    for script in [Script::Quick, Script::Small] {
        let options = TranscodeOptions {
            limits: Limits::default(),
            write: WriteOptions {
                script,
                preferred_bytes: file.len(),
                ..WriteOptions::default()
            },
            cancel: &|| false,
        };
        let bytes = transcode(file, &options)?.bytes;
        if bytes.len() * 100 <= file.len() * MOST {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn again(path: &str, times: usize) {
    let file = std::fs::read(path).unwrap();
    let mut size = file.len();
    for _ in 0..times {
        size = rescued(&file)
            .unwrap()
            .map_or(file.len(), |bytes| bytes.len());
    }
    println!("{} {size} {path}", file.len());
}

fn check(path: &str) {
    let file = std::fs::read(path).unwrap();
    match rescued(&file) {
        Ok(Some(bytes)) => {
            let [before, after] = [&file, &bytes]
                .map(|file| decode(file, &DecodeOptions::default()).map(|all| all.pixels));
            let same = before.is_ok() && before == after;
            std::fs::write(format!("{path}.rescued"), bytes).unwrap();
            println!("{}", if same { "equal" } else { "changed" });
        }
        Ok(None) => println!("stays"),
        Err(error) => println!("refused {error}"),
    }
}

/// `cjpeg` writes no file of four components: cyan, magenta and yellow are those of the file, and
/// black is made of the first.
fn ink(from: &str, to: &str) {
    let file = std::fs::read(from).unwrap();
    let mut picture = read_coefficients(&file, &DecodeOptions::default()).unwrap();
    picture.components.push(picture.components[0].clone());
    picture.marks.jfif = false;
    picture.marks.adobe = Some(0);
    let options = WriteOptions {
        progressive: false,
        ..WriteOptions::default()
    };
    std::fs::write(to, write(&picture, &options).unwrap().bytes).unwrap();
}
