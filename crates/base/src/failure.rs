//! What every error of a room can say about itself, so that one place can turn it into an HTTP
//! answer and another into a line on a terminal.

use std::borrow::Cow;

use http::StatusCode;

/// Who is to blame for a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request was wrong; repeating it changes nothing.
    Client,
    /// The site's origin, or another source, did not do its part.
    Origin,
    /// Firstlight itself: a limit, a deadline, a bug.
    Server,
}

/// An error that can answer a request.
pub trait Failure: std::error::Error + Send + Sync + 'static {
    /// Whose fault it is.
    fn fault(&self) -> Fault;

    /// The status an HTTP answer about it carries.
    fn status(&self) -> StatusCode;

    /// A short stable name for logs, metrics and documentation, `room.what-happened`.
    fn code(&self) -> &'static str;

    /// What a client may be told: no addresses, no paths, no secrets.
    fn public_message(&self) -> Cow<'static, str>;

    /// Whether the same request may succeed a moment later.
    fn retryable(&self) -> bool {
        false
    }
}

/// The chain of an error's causes on one line, outermost first.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
