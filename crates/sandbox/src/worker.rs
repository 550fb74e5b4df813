//! The process that decodes one picture.

use std::io::{Read, Write, stdin, stdout};
use std::process::ExitCode;

use crate::av1;
use crate::protocol::{Answer, MOST_UNITS, write_picture};

/// Decodes the picture that comes by standard input, and ends. Nothing is read before the process
/// is shut in; where it cannot be, nothing is decoded.
pub fn work() -> ExitCode {
    let shut_in = shut_in();
    let mut out = stdout().lock();
    let mut say = |answer: Answer| {
        let said = out.write_all(&[answer as u8]).and_then(|()| out.flush());
        ExitCode::from(u8::from(said.is_err()))
    };
    if !shut_in {
        return say(Answer::NoWalls);
    }
    let Some((pixels, units)) = request(&mut stdin().lock()) else {
        return say(Answer::Damaged);
    };
    match av1::decode(&units, pixels) {
        Some(planes) => ExitCode::from(u8::from(write_picture(&planes, &mut out).is_err())),
        None => say(Answer::Damaged),
    }
}

#[cfg(target_os = "linux")]
fn shut_in() -> bool {
    crate::walls::build().is_ok()
}

#[cfg(not(target_os = "linux"))]
fn shut_in() -> bool {
    false
}

/// How many pixels the picture has, and its units.
fn request(input: &mut dyn Read) -> Option<(u32, Vec<u8>)> {
    let (mut pixels, mut length) = ([0; 8], [0; 4]);
    input.read_exact(&mut pixels).ok()?;
    input.read_exact(&mut length).ok()?;
    let pixels = u32::try_from(u64::from_le_bytes(pixels)).ok()?;
    let length = u32::from_le_bytes(length).min(MOST_UNITS);
    let mut units = Vec::new();
    input.take(length.into()).read_to_end(&mut units).ok()?;
    (pixels > 0 && units.len() == length as usize && length > 0).then_some((pixels, units))
}
