//! The decoders that run in processes of their own, as the pictures' room knows them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use image::{Av1, Av1Error, Decoders};
use sandbox::{DecodeError, Decoder};

/// The argument with which this program is a worker that decodes one picture.
pub const WORKER: &str = "av1-worker";
/// Longest time that a picture may take to decode.
const DEADLINE: Duration = Duration::from_secs(20);

static AV1: OnceLock<Sandboxed> = OnceLock::new();

/// Has AV1 decoded by workers from now on: `program`, started with [`WORKER`], is to call
/// [`sandbox::work`]. Without it AVIF is passed on as it is.
pub fn start_workers(program: PathBuf) {
    AV1.get_or_init(|| Sandboxed {
        decoder: Decoder::new(program, vec![OsString::from(WORKER)], DEADLINE),
        absent: AtomicBool::new(false),
    });
}

/// The decoders that were started.
pub fn decoders() -> Decoders {
    Decoders {
        av1: AV1.get().map(|av1| av1 as &dyn Av1),
    }
}

/// AV1 in a process that can do nothing else.
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
    ) -> Result<avif::Planes, Av1Error> {
        if self.absent.load(Ordering::Relaxed) {
            return Err(Av1Error::Absent);
        }
        let decoded = self.decoder.decode(units, size, cancel);
        decoded.map_err(|error| self.failure(error))
    }
}

impl Sandboxed {
    fn failure(&self, error: DecodeError) -> Av1Error {
        match error {
            DecodeError::Cancelled => Av1Error::Cancelled,
            DecodeError::NoSandbox => {
                if !self.absent.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "AVIF is not decoded: the kernel offers no sandbox (Landlock and seccomp) \
                         for the decoder; such pictures are passed on as they are"
                    );
                }
                Av1Error::Absent
            }
            DecodeError::NoWorker => {
                tracing::error!("no process could be started that decodes AVIF");
                Av1Error::Absent
            }
            DecodeError::Damaged => Av1Error::Failed(error.to_string()),
            DecodeError::Crashed | DecodeError::Late => {
                tracing::warn!(%error, "an AVIF is passed on as it is");
                Av1Error::Failed(error.to_string())
            }
        }
    }
}
