//! What goes wrong on the way to an origin, and whose fault it is.

use std::borrow::Cow;
use std::path::PathBuf;

use base::{Failure, Fault};
use http::StatusCode;

use crate::address::AddressKind;
use crate::allow::UriProblem;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why nothing came from an origin or source.
///
/// `place` is always `host:port`, for the log; it never reaches a client.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// The file of trusted authorities cannot be used.
    #[error("the certificates in `{}` cannot be used", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// TLS cannot be set up at all.
    #[error("TLS cannot be set up")]
    TlsSetup(#[source] Cause),
    /// The request cannot be sent on as it is.
    #[error("the request cannot be sent on: {0}")]
    Unsendable(&'static str),
    /// The client stopped sending the body of its request.
    #[error("the client stopped sending its request")]
    RequestAborted(#[source] Cause),
    /// The address of a source is not one that is ever asked.
    #[error("the source's address is refused: {0}")]
    BadSource(UriProblem),
    /// The source is on no allow-list.
    #[error("`{place}` is not among the allowed sources")]
    NotAllowed {
        /// Where the source is.
        place: String,
    },
    /// The source's name leads only to addresses that are not public.
    #[error("`{place}` is at a {kind} address")]
    NotPublic {
        /// Where the source is.
        place: String,
        /// What kind of address it leads to.
        kind: AddressKind,
    },
    /// The request has been here before.
    #[error("the request came back to where it had been")]
    Loop,
    /// The source redirects to where it redirected from.
    #[error("`{place}` redirects in a circle")]
    RedirectLoop {
        /// Where the last redirect came from.
        place: String,
    },
    /// The source redirects too often.
    #[error("`{place}` redirects more than {limit} times")]
    TooManyRedirects {
        /// Where the last redirect came from.
        place: String,
        /// The redirects that are followed.
        limit: u32,
    },
    /// The source redirects to nowhere.
    #[error("`{place}` redirects to an address that cannot be read")]
    BadRedirect {
        /// Where the redirect came from.
        place: String,
    },
    /// The source is larger than is taken.
    #[error("`{place}` sends more than {limit} bytes")]
    TooLarge {
        /// Where the source is.
        place: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The name has no address.
    #[error("`{place}` has no address")]
    Unresolved {
        /// What was looked up.
        place: String,
        /// What the resolver says.
        #[source]
        source: std::io::Error,
    },
    /// Nobody takes the connection.
    #[error("`{place}` takes no connection")]
    Unreachable {
        /// Where.
        place: String,
        /// What the last address tried said.
        #[source]
        source: std::io::Error,
    },
    /// No connection came about in time.
    #[error("`{place}` took too long to connect")]
    ConnectTimeout {
        /// Where.
        place: String,
    },
    /// The other side's certificate or its TLS is not acceptable.
    #[error("TLS with `{place}` failed")]
    Tls {
        /// Where.
        place: String,
        /// What rustls says.
        #[source]
        source: std::io::Error,
    },
    /// The head of the response did not come in time.
    #[error("`{place}` took too long to answer")]
    ResponseTimeout {
        /// Where.
        place: String,
    },
    /// The connection ended before the head of the response was complete.
    #[error("`{place}` closed the connection without an answer")]
    Closed {
        /// Where.
        place: String,
        /// What hyper says.
        #[source]
        source: Cause,
    },
    /// The head of the response is larger than is taken.
    #[error("`{place}` sent too large a head")]
    HeadTooLarge {
        /// Where.
        place: String,
    },
    /// What came is not HTTP, or not what was asked for.
    #[error("`{place}` sent an invalid response")]
    BadResponse {
        /// Where.
        place: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
}

impl OriginError {
    /// Status, code and public message of each kind, in one table.
    fn describe(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Certificates { .. } => {
                (500, "origin.certificates", "the server is misconfigured")
            }
            Self::TlsSetup(_) => (500, "origin.tls-setup", "the server is misconfigured"),
            Self::Unsendable(_) => (400, "origin.unsendable", "the request cannot be sent on"),
            Self::RequestAborted(_) => (400, "origin.request-aborted", "the request was cut off"),
            Self::BadSource(_) => (
                400,
                "origin.bad-source",
                "the source's address is not acceptable",
            ),
            Self::NotAllowed { .. } => (403, "origin.not-allowed", "this source is not allowed"),
            Self::NotPublic { .. } => (403, "origin.not-public", "this source is not allowed"),
            Self::Loop => (508, "origin.loop", "the request goes round in a circle"),
            Self::RedirectLoop { .. } => (
                508,
                "origin.redirect-loop",
                "the source redirects in a circle",
            ),
            Self::TooManyRedirects { .. } => (
                502,
                "origin.too-many-redirects",
                "the source redirects too often",
            ),
            Self::BadRedirect { .. } => (
                502,
                "origin.bad-redirect",
                "the source redirects to an unreadable address",
            ),
            Self::TooLarge { .. } => (413, "origin.too-large", "the source is too large"),
            Self::Unresolved { .. } => {
                (502, "origin.unresolved", "the origin's name has no address")
            }
            Self::Unreachable { .. } => (502, "origin.unreachable", "the origin cannot be reached"),
            Self::ConnectTimeout { .. } => (
                504,
                "origin.connect-timeout",
                "the origin took too long to connect",
            ),
            Self::Tls { .. } => (
                502,
                "origin.tls",
                "the connection to the origin is not secure",
            ),
            Self::ResponseTimeout { .. } => (
                504,
                "origin.response-timeout",
                "the origin took too long to answer",
            ),
            Self::Closed { .. } => (502, "origin.closed", "the origin closed the connection"),
            Self::HeadTooLarge { .. } => (
                502,
                "origin.head-too-large",
                "the origin's answer is not acceptable",
            ),
            Self::BadResponse { .. } => (
                502,
                "origin.bad-response",
                "the origin's answer is not acceptable",
            ),
        }
    }
}

impl Failure for OriginError {
    fn fault(&self) -> Fault {
        match self {
            Self::Certificates { .. } | Self::TlsSetup(_) => Fault::Server,
            Self::Unsendable(_)
            | Self::RequestAborted(_)
            | Self::BadSource(_)
            | Self::NotAllowed { .. }
            | Self::NotPublic { .. }
            | Self::Loop => Fault::Client,
            _ => Fault::Origin,
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.describe().0).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    fn code(&self) -> &'static str {
        self.describe().1
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.describe().2)
    }

    fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Unresolved { .. }
                | Self::Unreachable { .. }
                | Self::ConnectTimeout { .. }
                | Self::ResponseTimeout { .. }
                | Self::Closed { .. }
        )
    }
}
