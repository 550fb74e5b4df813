//! What can go wrong with a JPEG, and who is at fault.

/// Why a picture could not be mapped, decoded or encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// The bytes do not begin like a JPEG; the file's fault.
    #[error("not a JPEG: it does not begin with `FF D8`")]
    NotJpeg,
    /// The file breaks the format; the file's fault.
    #[error("malformed JPEG at byte {offset}: {what}")]
    Malformed {
        /// Where in the file.
        offset: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file ends before its picture does; the file's fault.
    #[error("truncated JPEG: it ends after {length} bytes, inside its picture")]
    Truncated {
        /// How many bytes there are.
        length: usize,
    },
    /// The file uses a rare part of the format that is not understood here.
    #[error("unsupported JPEG: {what}")]
    Unsupported {
        /// Which part.
        what: &'static str,
    },
    /// The file exceeds a limit that was set; found before anything large was allocated.
    #[error("JPEG beyond the limit of {limit} {what}: it has {found}")]
    LimitExceeded {
        /// What is limited: `bytes`, `pixels`, `pixels a side`, `scans`.
        what: &'static str,
        /// The most that is allowed.
        limit: u64,
        /// What the file has or asks for.
        found: u64,
    },
    /// What was given to the encoder does not make a picture; the caller's fault.
    #[error("cannot encode: {what}")]
    InvalidInput {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The entropy-coded data makes no sense; the file's fault.
    #[error("cannot decode: {0}")]
    Corrupt(String),
}
