//! What can be wrong with a URL of another image server.

use std::borrow::Cow;

use base::{Failure, Fault};
use http::StatusCode;

use super::text::shorten;
use crate::OptionError;

/// Why a URL is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// Cloudflare's options, which say it themselves.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// An option whose value makes no sense.
    #[error("{grammar}: `{option}`: expected {expected}")]
    Option {
        /// Whose grammar it is.
        grammar: &'static str,
        /// The option as written.
        option: String,
        /// What would have been right.
        expected: Cow<'static, str>,
    },
    /// An option that the other server has and this one does not.
    #[error("{grammar}: `{option}` is not done here: {reason}")]
    Refused {
        /// Whose grammar it is.
        grammar: &'static str,
        /// The option as written.
        option: String,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// No source, or one that is no address.
    #[error("{grammar}: the source `{given}` is not acceptable: {problem}")]
    Source {
        /// Whose grammar it is.
        grammar: &'static str,
        /// The source as written.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The signature is missing or wrong. Which of the two is not said.
    #[error("{grammar}: the signature is missing or wrong")]
    Signature {
        /// Whose grammar it is.
        grammar: &'static str,
    },
    /// The URL was good until a time that is over.
    #[error("{grammar}: the URL has expired")]
    Expired {
        /// Whose grammar it is.
        grammar: &'static str,
    },
}

impl GrammarError {
    pub(super) fn option(
        grammar: &'static str,
        option: &str,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Option {
            grammar,
            option: shorten(option),
            expected: expected.into(),
        }
    }

    pub(super) fn refused(
        grammar: &'static str,
        option: &str,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Refused {
            grammar,
            option: shorten(option),
            reason: reason.into(),
        }
    }

    pub(super) fn source(grammar: &'static str, given: &str, problem: &'static str) -> Self {
        Self::Source {
            grammar,
            given: shorten(given),
            problem,
        }
    }

    /// Cloudflare's number for it.
    pub fn cf_code(&self) -> u16 {
        match self {
            Self::Options(_) | Self::Option { .. } | Self::Refused { .. } => 9401,
            Self::Source { .. } | Self::Signature { .. } => 9406,
            Self::Expired { .. } => 9404,
        }
    }
}

impl Failure for GrammarError {
    fn fault(&self) -> Fault {
        Fault::Client
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Signature { .. } => StatusCode::FORBIDDEN,
            Self::Expired { .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Options(_) => "image.options",
            Self::Option { .. } => "image.grammar-option",
            Self::Refused { .. } => "image.grammar-refused",
            Self::Source { .. } => "image.grammar-source",
            Self::Signature { .. } => "image.grammar-signature",
            Self::Expired { .. } => "image.grammar-expired",
        }
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Owned(self.to_string())
    }
}
