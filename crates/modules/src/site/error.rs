//! What can be wrong with the host of a request.

use std::borrow::Cow;

use base::{Failure, Fault};
use http::StatusCode;

/// The client's fault: a request without a usable target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// No host at all.
    #[error("the request names no host")]
    NoHost,
    /// Something that is no host.
    #[error("the request's host is not a host name or address")]
    BadHost,
    /// A target that is no path.
    #[error("the request's target is not a path")]
    BadTarget,
}

impl Failure for SiteError {
    fn fault(&self) -> Fault {
        Fault::Client
    }

    fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoHost => "site.no-host",
            Self::BadHost => "site.bad-host",
            Self::BadTarget => "site.bad-target",
        }
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Owned(self.to_string())
    }
}
