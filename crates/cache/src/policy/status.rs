//! `Cache-Status` (RFC 9211): what the cache did, in one line.

use std::fmt::{self, Write};

use bytes::BytesMut;
use http::HeaderValue;

/// Why a request went on to the origin (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The cache is not for this request.
    Bypass,
    /// The method asks for it.
    Method,
    /// Nothing is kept for the target.
    UriMiss,
    /// Something is kept for the target, but not for these headers.
    VaryMiss,
    /// What is kept needs to be asked for again.
    Stale,
    /// The request said so.
    Request,
}

impl Forward {
    /// The token on the wire.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }
}

/// What the cache did with one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Why the request went on; `None` together with `hit` unset: the cache was not asked.
    pub forward: Option<Forward>,
    /// Whether the answer was at hand.
    pub hit: bool,
    /// Seconds the answer stays fresh; negative if it is stale.
    pub ttl: Option<i64>,
    /// Status of the origin's answer, where it is not the one sent.
    pub forward_status: Option<u16>,
    /// Whether the answer was kept.
    pub stored: bool,
    /// Whether the request waited for another one's answer.
    pub collapsed: bool,
    /// Anything else, a token; empty means nothing.
    pub detail: &'static str,
}

impl CacheStatus {
    /// An answer at hand that stays fresh for `ttl` seconds.
    pub const fn hit(ttl: i64) -> Self {
        Self {
            hit: true,
            ttl: Some(ttl),
            forward: None,
            forward_status: None,
            stored: false,
            collapsed: false,
            detail: "",
        }
    }

    /// A request that goes on.
    pub const fn forwarded(forward: Forward) -> Self {
        Self {
            hit: false,
            ttl: None,
            forward: Some(forward),
            forward_status: None,
            stored: false,
            collapsed: false,
            detail: "",
        }
    }

    /// The word for logs: `hit`, `stale`, `uri-miss`, …; `-` if the cache was not asked.
    pub fn word(&self) -> &'static str {
        match (self.hit, self.forward) {
            (true, _) if self.ttl.is_some_and(|ttl| ttl < 0) => "stale-hit",
            (true, _) => "hit",
            (false, Some(forward)) => forward.token(),
            (false, None) => "-",
        }
    }

    /// The value of the header. One allocation.
    pub fn to_header(&self) -> HeaderValue {
        let mut text = BytesMut::with_capacity(96);
        let written = write!(text, "{self}");
        debug_assert!(written.is_ok());
        HeaderValue::from_maybe_shared(text.freeze())
            .unwrap_or_else(|_| HeaderValue::from_static("firstlight"))
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("firstlight")?;
        if self.hit {
            f.write_str("; hit")?;
        } else if let Some(forward) = self.forward {
            f.write_str("; fwd=")?;
            f.write_str(forward.token())?;
        }
        if let Some(status) = self.forward_status {
            write!(f, "; fwd-status={status}")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, "; ttl={ttl}")?;
        }
        for (said, token) in [(self.stored, "; stored"), (self.collapsed, "; collapsed")] {
            if said {
                f.write_str(token)?;
            }
        }
        if !self.detail.is_empty() {
            f.write_str("; detail=")?;
            f.write_str(self.detail)?;
        }
        Ok(())
    }
}
