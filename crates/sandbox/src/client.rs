//! Whoever wants a picture decoded or drawn.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use avif::Planes;

use crate::protocol::{Answer, MOST_BYTES, Request, Task, read_picture, read_pixels};

/// Between two questions whether the picture is still wanted.
const PATIENCE: Duration = Duration::from_millis(5);

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The coded bytes are damaged, or hold another picture than they should.
    #[error("the coded picture is damaged")]
    Damaged,
    /// The worker ended before it answered.
    #[error("the decoder ended before its time")]
    Crashed,
    /// It took too long, and was ended.
    #[error("decoding took too long")]
    Late,
    /// Nobody wants it any more.
    #[error("the work was called off")]
    Cancelled,
    /// The kernel cannot shut a worker in, so none decodes.
    #[error("the kernel offers no sandbox for the decoder")]
    NoSandbox,
    /// No worker could be started.
    #[error("no decoder could be started")]
    NoWorker,
}

/// Decodes AV1 and draws SVG in processes of its own, one for each picture.
#[derive(Clone, Debug)]
pub struct Decoder {
    program: PathBuf,
    arguments: Vec<OsString>,
    deadline: Duration,
}

impl Decoder {
    /// A decoder whose workers are `program` with `arguments` and one more: a program that calls
    /// [`work`](crate::work) and does nothing else. A picture that takes longer than `deadline` is
    /// given up.
    pub fn new(program: PathBuf, arguments: Vec<OsString>, deadline: Duration) -> Self {
        Self {
            program,
            arguments,
            deadline,
        }
    }

    /// Decodes the first picture of a stream, which must be of this size, in pixels. `cancel` is
    /// asked every few milliseconds.
    ///
    /// Costs a process. Its memory is bounded by the number of pixels; here, planes are taken as
    /// they come.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(
        &self,
        units: Vec<u8>,
        size: (u32, u32),
        cancel: &dyn Fn() -> bool,
    ) -> Result<Planes, DecodeError> {
        let request = Request {
            task: Task::Av1,
            size,
            bytes: units,
        };
        self.ask(request, cancel, read_picture)
    }

    /// Draws an SVG document to RGBA of this size, in pixels, with straight alpha, over nothing.
    /// Text is not drawn, and nothing is loaded. Otherwise as [`decode`](Self::decode).
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn draw(
        &self,
        document: Vec<u8>,
        size: (u32, u32),
        cancel: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, DecodeError> {
        let request = Request {
            task: Task::Svg,
            size,
            bytes: document,
        };
        self.ask(request, cancel, read_pixels)
    }

    fn ask<T: Send + 'static>(
        &self,
        request: Request,
        cancel: &dyn Fn() -> bool,
        read: fn(&mut dyn Read, (u32, u32)) -> Option<T>,
    ) -> Result<T, DecodeError> {
        if request.bytes.len() > MOST_BYTES as usize {
            return Err(DecodeError::Damaged);
        }
        let mut worker = Worker(self.start(request.task)?);
        let (Some(mut input), Some(mut output)) = (worker.0.stdin.take(), worker.0.stdout.take())
        else {
            return Err(DecodeError::NoWorker);
        };
        let (sender, receiver) = channel();
        let talk = move || {
            // A worker that takes nothing has said why.
            let _ = request.write(&mut input);
            drop(input);
            let _ = sender.send(answer(&mut output, request.size, read));
        };
        let talking = thread::Builder::new().name("worker".to_owned()).spawn(talk);
        let Ok(talking) = talking else {
            return Err(DecodeError::NoWorker);
        };
        let since = Instant::now();
        let outcome = loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Disconnected) => break Err(DecodeError::Crashed),
                Err(RecvTimeoutError::Timeout) if cancel() => break Err(DecodeError::Cancelled),
                Err(RecvTimeoutError::Timeout) if since.elapsed() > self.deadline => {
                    break Err(DecodeError::Late);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        // Without a worker both pipes end, and so does the thread.
        drop(worker);
        let _ = talking.join();
        outcome
    }

    fn start(&self, task: Task) -> Result<Child, DecodeError> {
        Command::new(&self.program)
            .args(&self.arguments)
            .arg(task.word())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| DecodeError::NoWorker)
    }
}

fn answer<T>(
    output: &mut dyn Read,
    size: (u32, u32),
    read: fn(&mut dyn Read, (u32, u32)) -> Option<T>,
) -> Result<T, DecodeError> {
    let mut first = [0];
    output
        .read_exact(&mut first)
        .map_err(|_| DecodeError::Crashed)?;
    match Answer::read(first[0]) {
        Some(Answer::Picture) => read(output, size).ok_or(DecodeError::Damaged),
        Some(Answer::Damaged) => Err(DecodeError::Damaged),
        Some(Answer::NoWalls) => Err(DecodeError::NoSandbox),
        None => Err(DecodeError::Crashed),
    }
}

/// A process that ends when it is no longer needed.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // One that has ended already cannot be ended, but its name must be given back.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
