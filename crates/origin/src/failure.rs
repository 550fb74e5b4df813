//! What hyper's errors mean here.

use crate::OriginError;
use crate::target::Target;

/// Where an error happened; written only if there is one.
pub(crate) struct Place<'a>(pub(crate) &'a Target);

impl Place<'_> {
    fn text(&self) -> String {
        self.0.place()
    }
}

/// The connection ended early.
pub(crate) fn closed(place: &Place<'_>, error: hyper::Error) -> OriginError {
    OriginError::Closed {
        place: place.text(),
        source: error.into(),
    }
}

/// An error before the head of a response was complete.
pub(crate) fn before_head(place: &Place<'_>, error: hyper::Error) -> OriginError {
    let place_text = || place.text();
    if error.is_parse_too_large() {
        OriginError::HeadTooLarge {
            place: place_text(),
        }
    } else if error.is_parse() {
        OriginError::BadResponse {
            place: place_text(),
            source: error.into(),
        }
    } else if error.is_user() {
        OriginError::RequestAborted(error.into())
    } else {
        closed(place, error)
    }
}
