//! The decoders that run in processes of their own, as the pictures' room knows them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use image::{Av1, Decoders, OutsideError, Svg};
use sandbox::{DecodeError, Decoder};

/// The argument with which this program is a worker that decodes or draws one picture.
pub const WORKER: &str = "picture-worker";
/// Longest time that a picture may take.
const DEADLINE: Duration = Duration::from_secs(20);

static WORKERS: OnceLock<Sandboxed> = OnceLock::new();

/// Has AV1 decoded and SVG drawn by workers from now on: `program`, started with [`WORKER`], is to
/// call [`sandbox::work`]. Without it AVIF is passed on as it is, and SVG as SVG.
pub fn start_workers(program: PathBuf) {
    WORKERS.get_or_init(|| Sandboxed {
        decoder: Decoder::new(program, vec![OsString::from(WORKER)], DEADLINE),
        absent: AtomicBool::new(false),
    });
}

/// The decoders that were started.
pub fn decoders() -> Decoders {
    Decoders {
        av1: WORKERS.get().map(|workers| workers as &dyn Av1),
        svg: WORKERS.get().map(|workers| workers as &dyn Svg),
    }
}

/// Pictures in a process that can do nothing else.
struct Sandboxed {
    decoder: Decoder,
    /// Whether a worker said that it cannot be shut in.
    absent: AtomicBool,
}

impl Av1 for Sandboxed {
    fn decode(
        &self,
        units: Vec<u8>,
        size: (u32, u32),
        cancel: &dyn Fn() -> bool,
    ) -> Result<avif::Planes, OutsideError> {
        if self.absent.load(Ordering::Relaxed) {
            return Err(OutsideError::Absent);
        }
        let decoded = self.decoder.decode(units, size, cancel);
        decoded.map_err(|error| self.failure(error))
    }
}

impl Svg for Sandboxed {
    fn draw(
        &self,
        document: Vec<u8>,
        size: (u32, u32),
        cancel: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, OutsideError> {
        if self.absent.load(Ordering::Relaxed) {
            return Err(OutsideError::Absent);
        }
        let drawn = self.decoder.draw(document, size, cancel);
        drawn.map_err(|error| self.failure(error))
    }
}

impl Sandboxed {
    fn failure(&self, error: DecodeError) -> OutsideError {
        match error {
            DecodeError::Cancelled => OutsideError::Cancelled,
            DecodeError::NoSandbox => {
                if !self.absent.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "AVIF is not decoded and SVG not drawn: the kernel offers no sandbox (Landlock \
                         and seccomp) for it; such pictures are passed on as they are"
                    );
                }
                OutsideError::Absent
            }
            DecodeError::NoWorker => {
                tracing::error!("no process could be started that decodes AVIF and draws SVG");
                OutsideError::Absent
            }
            DecodeError::Damaged => OutsideError::Failed(error.to_string()),
            DecodeError::Crashed | DecodeError::Late => {
                tracing::warn!(%error, "an AVIF or SVG is passed on as it is");
                OutsideError::Failed(error.to_string())
            }
        }
    }
}
