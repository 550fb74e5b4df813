//! The original in a picture's place: what each way of asking makes of it.

use ::image::ImageError;
use http::HeaderMap;
use pipeline::{Exchange, Response};

use super::plan::UrlPlan;
use super::{CF_RESIZED, ImagesError, reply};
use crate::kept::set_text;

/// The answer that goes out instead of the original, for those who asked by a URL that says what is
/// to be done: a redirect to it where that was asked for, or that it is no picture.
pub(super) fn instead(exchange: &Exchange, url: Option<&UrlPlan>, code: u16) -> Option<Response> {
    let url = url?;
    if url.redirect {
        return Some(reply::redirect(&url.source, code));
    }
    // A picture by its address; but text, say, of another site is none of this one's.
    let is_picture = code != ImageError::NotAPicture.cf_code();
    (!is_picture).then(|| ImagesError::NotAPicture.answer(exchange))
}

/// Adds Cloudflare's number for those who asked by such a URL.
pub(super) fn with_code(mut answer: Response, url: Option<&UrlPlan>, code: u16) -> Response {
    if url.is_some() {
        mark_code(&mut answer.headers, code);
    }
    answer
}

/// Says Cloudflare's number for what went wrong.
pub(super) fn mark_code(headers: &mut HeaderMap, code: u16) {
    set_text(headers, CF_RESIZED, &format!("err={code}"));
}
