//! Pictures through the worker, and workers that fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use avif::{Channels, Effort, Layout, Options, Still, encode};
use firstlight_sandbox::{DecodeError, Decoder};

fn decoder() -> Decoder {
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_av1-worker"));
    Decoder::new(worker, Vec::new(), Duration::from_secs(60))
}

fn shell(script: &str, deadline: Duration) -> Decoder {
    let arguments = ["-c", script].map(OsString::from).to_vec();
    Decoder::new(PathBuf::from("/bin/sh"), arguments, deadline)
}

const SIZE: (u32, u32) = (48, 35);

/// A picture's pixels as its encoder says a reader sees them, and its units.
fn coded(full_colour: bool) -> (Vec<u8>, Vec<u8>) {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels: Vec<u8> = places
        .flat_map(|(x, y)| [(x * 5) as u8, (y * 7) as u8, ((x + y) * 3) as u8])
        .collect();
    let options = Options {
        quantizer: 40,
        alpha_quantizer: 40,
        full_colour,
        effort: Effort::Quick,
        outside: None,
        shown: true,
    };
    let made = encode(&pixels, Channels::Rgb, (width, height), &options, &|| false).unwrap();
    let still = Still::read(&made.bytes).unwrap();
    (
        made.shown.unwrap(),
        made.bytes[still.colour[0].clone()].to_vec(),
    )
}

#[test]
fn the_worker_sees_what_the_encoder_says() {
    for (full_colour, layout) in [(false, Layout::Half), (true, Layout::Full)] {
        let (shown, units) = coded(full_colour);
        let planes = decoder().decode(units, SIZE, &|| false).unwrap();
        assert_eq!(
            (planes.width, planes.height, planes.layout),
            (48, 35, layout)
        );
        let numbers = planes.numbers;
        assert!(numbers.full_range);
        assert_eq!((numbers.primaries, numbers.transfer), (1, 13));
        let (channels, pixels) = avif::pixels(&planes, None, None, false).unwrap();
        assert_eq!(channels, Channels::Rgb);
        let furthest = pixels
            .iter()
            .zip(&shown)
            .map(|(one, two)| one.abs_diff(*two))
            .max();
        assert!(furthest <= Some(1), "{furthest:?}");
    }
}

#[test]
fn the_worker_draws() {
    let draw = |document: &str| {
        let document = document.as_bytes().to_vec();
        decoder().draw(document, (2, 1), &|| false)
    };
    let start = "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='10'>";
    assert_eq!(
        draw(&format!(
            "{start}<rect width='10' height='10' fill='#0f0'/></svg>"
        )),
        Ok(vec![0, 255, 0, 255, 0, 0, 0, 0])
    );
    assert_eq!(draw(start), Err(DecodeError::Damaged));
}

#[test]
fn damaged_units_and_other_sizes_are_refused() {
    let (_, units) = coded(false);
    let decode = |units: &[u8], size| decoder().decode(units.to_vec(), size, &|| false);
    assert_eq!(
        decode(&units[..units.len() / 2], SIZE),
        Err(DecodeError::Damaged)
    );
    assert_eq!(decode(&[0; 40], SIZE), Err(DecodeError::Damaged));
    // More pixels than were announced are not even decoded; as many, but others, are not taken.
    assert_eq!(decode(&units, (48, 34)), Err(DecodeError::Damaged));
    assert_eq!(decode(&units, (35, 48)), Err(DecodeError::Damaged));
}

#[test]
fn a_worker_that_hangs_is_ended() {
    let late = shell("while :; do :; done", Duration::from_millis(50));
    let since = Instant::now();
    assert_eq!(
        late.decode(vec![1], SIZE, &|| false),
        Err(DecodeError::Late)
    );
    let patient = shell("while :; do :; done", Duration::from_secs(600));
    assert_eq!(
        patient.decode(vec![1], SIZE, &|| true),
        Err(DecodeError::Cancelled)
    );
    assert!(since.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_worker_that_crashes_or_lies_gives_no_picture() {
    let far = Duration::from_secs(60);
    let outcome = |script: &str| shell(script, far).decode(vec![1; 1 << 20], SIZE, &|| false);
    assert_eq!(outcome("kill -SEGV $$"), Err(DecodeError::Crashed));
    assert_eq!(outcome("exit 0"), Err(DecodeError::Crashed));
    assert_eq!(outcome("printf '\\003'"), Err(DecodeError::NoSandbox));
    assert_eq!(
        outcome("printf '\\001aaaaaaaaaaaaaaaaa'"),
        Err(DecodeError::Damaged)
    );
    // Of a size that is right, too few samples.
    assert_eq!(
        outcome("printf '\\001\\060\\0\\0\\0\\043\\0\\0\\0\\0aaaaaaaaaaaaa'"),
        Err(DecodeError::Damaged)
    );
    // All of them, so that it was for that.
    let whole = "printf '\\001\\060\\0\\0\\0\\043\\0\\0\\0\\0aaaaaa'; printf '%1680d' 0";
    let planes = shell(whole, far).decode(vec![1], SIZE, &|| false);
    assert_eq!(planes.map(|planes| planes.samples[0].len()), Ok(1680));
    let none = Decoder::new(PathBuf::from("/nowhere/worker"), Vec::new(), far);
    assert_eq!(
        none.decode(vec![1], SIZE, &|| false),
        Err(DecodeError::NoWorker)
    );
}
