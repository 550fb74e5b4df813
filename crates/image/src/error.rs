//! Why a picture could not be made.

use std::borrow::Cow;

use base::{Failure, Fault};
use http::StatusCode;

use crate::{Format, OptionError};

/// Why a picture could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The client's fault: options that are unknown, malformed or contradict each other.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The origin's fault: the source is no picture at all.
    #[error("the source is not a picture")]
    NotAPicture,
    /// The source is a picture of a kind that is passed on but not read.
    #[error("{format} pictures are not read")]
    Unsupported {
        /// Its kind.
        format: Format,
    },
    /// The source file is too large.
    #[error("the source has {bytes} bytes, more than {limit}")]
    SourceBytes {
        /// Its size.
        bytes: u64,
        /// [`Limits::max_bytes`](crate::Limits::max_bytes).
        limit: u64,
    },
    /// The source's header declares more pixels than allowed.
    #[error(
        "the source is {width}x{height} pixels, more than {max_side} on a side or {max_pixels} in all"
    )]
    SourcePixels {
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// [`Limits::max_side`](crate::Limits::max_side).
        max_side: u32,
        /// [`Limits::max_pixels`](crate::Limits::max_pixels).
        max_pixels: u64,
    },
    /// The client asked for a result with more pixels than allowed.
    #[error(
        "the result would be {width}x{height} pixels, more than {max_side} on a side or {max_pixels} in all"
    )]
    OutputPixels {
        /// Width of the result.
        width: u32,
        /// Height of the result.
        height: u32,
        /// [`Limits::max_output_side`](crate::Limits::max_output_side).
        max_side: u32,
        /// [`Limits::max_output_pixels`](crate::Limits::max_output_pixels).
        max_pixels: u64,
    },
    /// The origin's fault: the source is cut off or breaks its format's rules.
    #[error("the {format} source is damaged: {reason}")]
    Damaged {
        /// Its kind.
        format: Format,
        /// What the decoder says.
        reason: String,
    },
    /// The fault of whoever named it: a picture that was to be laid over the source is none, or
    /// could not be had.
    #[error("the picture to lay over it: {reason}")]
    Overlay {
        /// What is wrong with it.
        reason: String,
    },
    /// Our fault: an encoder failed on pixels we made.
    #[error("the {format} encoder failed: {reason}")]
    Encode {
        /// The kind asked of the encoder.
        format: Format,
        /// What the encoder says.
        reason: String,
    },
    /// Our fault: resizing failed on pixels we made.
    #[error("resizing failed: {reason}")]
    Resize {
        /// What the resizer says.
        reason: String,
    },
    /// Our fault: two pictures that we made could not be compared.
    #[error("comparing failed: {reason}")]
    Compare {
        /// What is wrong.
        reason: String,
    },
    /// The job was called off, by its deadline or because nobody waits for it any more.
    #[error("the job was called off")]
    Cancelled,
}

impl ImageError {
    /// A source that breaks its format's rules.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over errors they are done with"
    )]
    pub(crate) fn damaged(format: Format, reason: impl ToString) -> Self {
        Self::Damaged {
            format,
            reason: reason.to_string(),
        }
    }

    /// An encoder that failed.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over errors they are done with"
    )]
    pub(crate) fn encode(format: Format, reason: impl ToString) -> Self {
        Self::Encode {
            format,
            reason: reason.to_string(),
        }
    }

    /// The number Cloudflare gives this error, as sent in `Cf-Resized: err=…`.
    pub fn cf_code(&self) -> u16 {
        match self {
            Self::Options(_) => 9401,
            Self::SourceBytes { .. } => 9402,
            Self::NotAPicture => 9412,
            Self::SourcePixels { .. } | Self::OutputPixels { .. } => 9413,
            Self::Unsupported { .. } => 9520,
            Self::Damaged { .. } | Self::Encode { .. } | Self::Overlay { .. } => 9516,
            Self::Resize { .. } | Self::Compare { .. } => 9523,
            Self::Cancelled => 9529,
        }
    }
}

impl Failure for ImageError {
    fn fault(&self) -> Fault {
        match self {
            Self::Options(_) | Self::OutputPixels { .. } => Fault::Client,
            Self::NotAPicture
            | Self::Unsupported { .. }
            | Self::SourceBytes { .. }
            | Self::SourcePixels { .. }
            | Self::Damaged { .. }
            | Self::Overlay { .. } => Fault::Origin,
            Self::Encode { .. } | Self::Resize { .. } | Self::Compare { .. } | Self::Cancelled => {
                Fault::Server
            }
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Options(_) => StatusCode::BAD_REQUEST,
            Self::NotAPicture | Self::Unsupported { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::SourceBytes { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SourcePixels { .. } | Self::OutputPixels { .. } => StatusCode::FORBIDDEN,
            Self::Damaged { .. } | Self::Overlay { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Encode { .. } | Self::Resize { .. } | Self::Compare { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Cancelled => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Options(_) => "image.options",
            Self::NotAPicture => "image.not-a-picture",
            Self::Unsupported { .. } => "image.unsupported",
            Self::SourceBytes { .. } => "image.source-bytes",
            Self::SourcePixels { .. } => "image.source-pixels",
            Self::OutputPixels { .. } => "image.output-pixels",
            Self::Damaged { .. } => "image.damaged",
            Self::Overlay { .. } => "image.overlay",
            Self::Encode { .. } => "image.encode",
            Self::Resize { .. } => "image.resize",
            Self::Compare { .. } => "image.compare",
            Self::Cancelled => "image.cancelled",
        }
    }

    fn public_message(&self) -> Cow<'static, str> {
        match self {
            Self::Encode { .. } | Self::Resize { .. } | Self::Compare { .. } => {
                Cow::Borrowed("the picture could not be made")
            }
            other => Cow::Owned(other.to_string()),
        }
    }

    fn retryable(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}
