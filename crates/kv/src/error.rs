//! What goes wrong with an engine.

/// What went wrong with the store behind. No text has a password in it, nor an address.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// The engine cannot be set up as configured.
    #[error("the store behind cannot be used: {0}")]
    Setup(String),
    /// It cannot be reached, or the connection broke.
    #[error("the store behind cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("the store behind did not answer in time")]
    Timeout,
    /// It answered that it will not, or cannot.
    #[error("the store behind refused: {0}")]
    Refused(String),
    /// Its answer makes no sense.
    #[error("the store behind answered what makes no sense: {0}")]
    Nonsense(&'static str),
    /// What is kept there is larger than what was asked for.
    #[error("what the store behind has is larger than {most} bytes")]
    TooLarge {
        /// The largest that was asked for.
        most: u64,
    },
    /// The file of the embedded engine failed.
    #[error("the file of the store behind failed: {0}")]
    File(String),
}

impl KvError {
    /// Whether the engine itself is at fault, and not what is kept there.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::TooLarge { .. })
    }
}
