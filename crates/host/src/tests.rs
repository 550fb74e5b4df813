//! The choice, programs that do all but their work, and the real one where it is installed.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use avif::{Channels, Effort, Options, Outside, encode};

use crate::AvifEncoder;
use crate::process::run;
use crate::task::Task;

/// A program that a test writes; gone with the value.
struct Script(PathBuf);

impl Script {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("firstlight-{}-{name}", std::process::id()));
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    /// Why it is not taken for an encoder.
    fn refused(&self) -> String {
        let choice = AvifEncoder::Path(self.0.clone());
        let why = choice.program().unwrap_err();
        assert!(choice.explain().starts_with("the encoder built in: "));
        why
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn shell(script: &str, most: usize, cancel: &dyn Fn() -> bool) -> Result<String, String> {
    let task = Task {
        program: Path::new("/bin/sh"),
        arguments: &["-c".to_owned(), script.to_owned()],
        input: b"what is given",
        most,
        memory: 1 << 30,
    };
    run(&task, cancel).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn what_is_no_encoder_is_refused_with_its_reason() {
    let absent = AvifEncoder::Path("/nowhere/aomenc".into());
    assert!(absent.program().unwrap_err().contains("/nowhere/aomenc"));
    let fails = Script::new("fails", "exit 3");
    assert!(fails.refused().contains("exit status: 3"));
    let silent = Script::new("silent", "cat >/dev/null");
    assert!(silent.refused().contains("wrote nothing"));
    let garbage = Script::new("garbage", "cat");
    assert!(garbage.refused().contains("no whole picture"));
    let endless = Script::new("endless", "while echo more; do :; done");
    let why = endless.refused();
    assert!(
        why.contains("wrote more") || why.contains("signal"),
        "{why}"
    );
}

#[test]
fn the_one_built_in_needs_no_program() {
    assert_eq!(AvifEncoder::Builtin.program(), Ok(None));
    assert_eq!(AvifEncoder::Builtin.explain(), "the encoder built in");
}

#[test]
fn a_process_reads_no_file_and_writes_none() {
    let never = || false;
    let secret = Script::new("secret", "# nobody else's");
    let path = secret.0.display();
    let denied = shell(
        &format!("cat {path} 2>/dev/null || echo denied"),
        100,
        &never,
    );
    assert_eq!(denied.unwrap(), "denied\n");
    let denied = shell(&format!("echo >> {path} || echo denied"), 100, &never);
    assert_eq!(denied.unwrap(), "denied\n");
    let libraries = shell("ls /usr/lib > /dev/null && echo read", 100, &never);
    assert_eq!(libraries.unwrap(), "read\n");
}

#[test]
fn a_process_is_given_its_input_and_nothing_else() {
    let never = || false;
    assert_eq!(shell("cat", 100, &never).unwrap(), "what is given");
    let said = shell("ulimit -c; env", 2000, &never).unwrap();
    // Files of what fell are written nowhere.
    assert_eq!(said.lines().next(), Some("0"));
    // What a shell sets for itself is there, and nothing of ours: cargo has set much.
    assert!(!said.contains("CARGO") && !said.contains("HOME"), "{said}");
}

#[test]
fn what_is_called_off_ends_with_all_that_it_started() {
    let marker = format!("{}.25", 86_400 + std::process::id());
    let script = format!("sleep {marker} & sleep {marker}");
    assert!(
        shell(&script, 100, &|| true)
            .unwrap_err()
            .contains("called off")
    );
    let alive = || {
        fs::read_dir("/proc").unwrap().flatten().any(|process| {
            let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
            arguments == format!("sleep\0{marker}\0").as_bytes()
        })
    };
    // A signal takes a moment to be heeded.
    let since = Instant::now();
    while alive() && since.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    assert!(!alive());
}

#[test]
fn the_real_one_makes_what_it_is_asked_for() {
    let Ok(Some(outside)) = AvifEncoder::Auto.program() else {
        println!("SKIPPED: the host's encoder: no `aomenc` (package aom-tools) that works");
        return;
    };
    let Outside(program) = outside;
    assert!(AvifEncoder::Auto.explain().contains(program.name()));
    for size in [(1, 1), (17, 3), (64, 48), (65, 47)] {
        for channels in [Channels::Grey, Channels::Rgb, Channels::Rgba] {
            for full_colour in [false, true] {
                let pixels = soft(size, channels);
                let options = Options {
                    quantizer: 20,
                    alpha_quantizer: 20,
                    full_colour,
                    effort: Effort::Quick,
                    outside: Some(outside),
                    shown: program.reads(),
                };
                let encoded = encode(&pixels, channels, size, &options, &|| false).unwrap();
                assert_eq!(&encoded.bytes[4..12], b"ftypavif");
                let Some(shown) = encoded.shown else { continue };
                let off = pixels.iter().zip(&shown);
                let off: f64 = off.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
                let off = off / pixels.len() as f64;
                assert!(off < 6.0, "{size:?} {channels:?} {full_colour}: {off}");
            }
        }
    }
}

/// Soft shapes, opaque enough to be seen.
fn soft((width, height): (usize, usize), channels: Channels) -> Vec<u8> {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places
        .flat_map(|(x, y)| {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let light = 120.0 + 60.0 * (u * 3.0 + v * 2.0).sin();
            let pixel = [light, light * 0.9, light * 0.8, 200.0 + 50.0 * u];
            let pixel = pixel.map(|value| value as u8);
            pixel.into_iter().take(channels.count())
        })
        .collect()
}
