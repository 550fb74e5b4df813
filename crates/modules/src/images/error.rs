//! What can be wrong with a request for a picture.

use std::borrow::Cow;

use ::image::ImageError;
use ::image::grammar::GrammarError;
use base::{Failure, Fault};
use http::StatusCode;
use pipeline::{Exchange, Response};

use super::CF_RESIZED;
use crate::failure;
use crate::kept::set_text;

/// Why a request for a picture gets no picture.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// The client's fault: a URL that its grammar cannot read, or that is not signed.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// The client's fault: no source, or one that is no address.
    #[error("the source `{given}` is not acceptable: {problem}")]
    Source {
        /// The source as written.
        given: String,
        /// What is wrong with it.
        problem: Cow<'static, str>,
    },
    /// The client's fault: the source is itself such a URL.
    #[error("a picture's source cannot be another `/cdn-cgi/` address")]
    Nested,
    /// The client's fault: the source is on no list.
    #[error("the source is not among the allowed ones")]
    NotAllowed,
    /// The source is no picture.
    #[error("the source is not a picture")]
    NotAPicture,
    /// Our fault: the work ended without a result.
    #[error("making the picture failed")]
    Lost,
}

/// Most of a source that is quoted, in characters.
const QUOTED: usize = 80;

impl ImagesError {
    /// A source that is not acceptable.
    pub fn source(given: &str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Source {
            given: given.chars().take(QUOTED).collect(),
            problem: problem.into(),
        }
    }

    /// Cloudflare's number for it, sent in `Cf-Resized: err=…`.
    pub fn cf_code(&self) -> u16 {
        match self {
            Self::Grammar(error) => error.cf_code(),
            Self::NotAllowed => 9401,
            Self::Source { .. } => 9406,
            Self::Nested => 9403,
            Self::NotAPicture => ImageError::NotAPicture.cf_code(),
            Self::Lost => 9523,
        }
    }

    /// The answer to the request.
    pub fn answer(&self, exchange: &Exchange) -> Response {
        let message = self.public_message();
        let mut response = failure::page(self.status(), &message, exchange.id, &exchange.headers);
        let code = format!("err={}", self.cf_code());
        set_text(&mut response.headers, CF_RESIZED, &code);
        response
    }
}

impl Failure for ImagesError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotAPicture => Fault::Origin,
            Self::Lost => Fault::Server,
            _ => Fault::Client,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Grammar(error) => error.status(),
            Self::Source { .. } => StatusCode::BAD_REQUEST,
            Self::Nested => StatusCode::LOOP_DETECTED,
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::NotAPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Lost => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Grammar(error) => error.code(),
            Self::Source { .. } => "images.source",
            Self::Nested => "images.nested",
            Self::NotAllowed => "images.not-allowed",
            Self::NotAPicture => "images.not-a-picture",
            Self::Lost => "images.lost",
        }
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Owned(self.to_string())
    }
}

/// The number for an origin's answer that is no picture but an error, or for an origin that does
/// not answer.
pub fn cf_code_of_status(status: StatusCode) -> u16 {
    match status.as_u16() {
        404 | 410 => 9404,
        403 => 9401,
        413 => 9402,
        508 => 9403,
        504 => 9504,
        502 => 9505,
        500.. => 9509,
        400.. => 9408,
        300.. => 9421,
        _ => 9420,
    }
}
