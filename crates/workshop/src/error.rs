//! Why a job gave no result.

use std::borrow::Cow;

use base::{Failure, Fault};
use http::StatusCode;

/// Why a job gave no result. Always ours: nothing here says anything of the picture.
#[derive(Debug, thiserror::Error)]
pub enum WorkshopError {
    /// Too many jobs wait already, or the turn did not come in time. The job was never begun.
    #[error("the workshop is busy")]
    Busy,
    /// The job took longer than its deadline.
    #[error("the work took longer than its deadline")]
    Deadline,
    /// The job panicked.
    #[error("the work panicked: {0}")]
    Panicked(String),
    /// The workshop's threads cannot be started.
    #[error("the workshop's threads cannot be started")]
    Threads(#[source] std::io::Error),
}

impl Failure for WorkshopError {
    fn fault(&self) -> Fault {
        Fault::Server
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
            Self::Panicked(_) | Self::Threads(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Busy => "workshop.busy",
            Self::Deadline => "workshop.deadline",
            Self::Panicked(_) => "workshop.panicked",
            Self::Threads(_) => "workshop.threads",
        }
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Busy => "too much work at once, try again",
            Self::Deadline => "the work took too long",
            Self::Panicked(_) | Self::Threads(_) => "internal error",
        })
    }

    fn retryable(&self) -> bool {
        matches!(self, Self::Busy | Self::Deadline)
    }
}
