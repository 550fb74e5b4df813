//! Why a purge is refused.

use std::borrow::Cow;

use base::{Failure, Fault};
use http::StatusCode;

/// The fault of whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurgeError {
    /// No token, or another one.
    #[error("a purge needs `Authorization: Bearer` and the right token")]
    Unauthorized,
    /// From an address that may not ask.
    #[error("no purges are taken from this address")]
    Forbidden,
    /// Neither `PURGE` nor `POST`.
    #[error("purges are asked for by POST")]
    Method,
    /// More bytes than an order may have.
    #[error("the order is larger than 1 MiB, or broke off")]
    Size,
    /// It cannot be read.
    #[error("{0}")]
    Order(String),
    /// What is kept could not be gone through.
    #[error("the purge did not come to its end")]
    Unfinished,
}

impl Failure for PurgeError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unfinished => Fault::Server,
            _ => Fault::Client,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Size => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Order(_) => StatusCode::BAD_REQUEST,
            Self::Unfinished => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "purge.unauthorized",
            Self::Forbidden => "purge.forbidden",
            Self::Method => "purge.method",
            Self::Size => "purge.size",
            Self::Order(_) => "purge.order",
            Self::Unfinished => "purge.unfinished",
        }
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Owned(self.to_string())
    }
}
