//! The process that decodes or draws one picture.

use std::env;
use std::io::{Write, stdin, stdout};
use std::process::ExitCode;

use crate::protocol::{Answer, Request, Task, write_picture, write_pixels};
use crate::{av1, svg};

/// Decodes or draws the picture that comes by standard input, and ends. Nothing is read before the process
/// is shut in; where it cannot be, nothing is decoded.
pub fn work() -> ExitCode {
    let task = env::args_os().next_back();
    let task = task.and_then(|word| Task::named(&word));
    let shut_in = task.is_some_and(shut_in);
    let mut out = stdout().lock();
    if !shut_in {
        return say(Answer::NoWalls, &mut out);
    }
    let request = Request::read(&mut stdin().lock()).filter(|request| Some(request.task) == task);
    let Some(Request { task, size, bytes }) = request else {
        return say(Answer::Damaged, &mut out);
    };
    let written = match task {
        Task::Av1 => {
            let pixels = size.0.saturating_mul(size.1);
            av1::decode(&bytes, pixels).map(|planes| write_picture(&planes, &mut out))
        }
        Task::Svg => svg::draw(&bytes, size).map(|pixels| write_pixels(&pixels, &mut out)),
    };
    match written {
        Some(written) => ExitCode::from(u8::from(written.is_err())),
        None => say(Answer::Damaged, &mut out),
    }
}

#[cfg(target_os = "linux")]
fn shut_in(task: Task) -> bool {
    crate::walls::build(task).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn shut_in(_: Task) -> bool {
    false
}

fn say(answer: Answer, out: &mut dyn Write) -> ExitCode {
    let said = out.write_all(&[answer as u8]).and_then(|()| out.flush());
    ExitCode::from(u8::from(said.is_err()))
}
