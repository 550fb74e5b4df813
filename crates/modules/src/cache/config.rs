//! Settings of the cache.

use std::time::Duration;

use ::cache::policy::Rules;

base::settings! {
    /// Which responses are kept, and for how long. What a response says of itself comes first:
    /// `Cache-Control`, `Expires`, `Vary` (RFC 9111).
    pub struct CacheSettings {
        /// Whether responses are kept.
        enabled: bool = true,
        /// How long a response is fresh that says nothing of it. `"0s"`: it is kept if it can be
        /// validated, and the origin is asked each time whether it changed.
        default_fresh: Duration = Duration::ZERO,
        /// Whether a response that says nothing of its freshness is fresh for a tenth of the time
        /// since it was last changed, a day at most.
        heuristic: bool = false,
        /// How long after it went stale a response may answer when the origin fails, where it does
        /// not say so itself.
        stale_if_error: Duration = Duration::from_secs(600),
        /// Whether a response that sets a cookie may be kept, so that everybody gets that cookie.
        /// RFC 9111 allows it (§7.3); right only where cookies say nothing of a visitor.
        set_cookie: bool = false,
        /// Whether a client's `Cache-Control: no-cache` makes the cache ask the origin. Lets any
        /// visitor put load on the origin.
        obey_reload: bool = false,
        /// How long a request waits for an equal one that is being answered, before it asks the
        /// origin itself. Only requests for pictures wait.
        collapse_wait: Duration = Duration::from_secs(3),
    }
}

impl CacheSettings {
    /// The rules for the policy.
    pub fn rules(&self) -> Rules {
        Rules {
            default_fresh: self.default_fresh,
            heuristic: self.heuristic,
            stale_if_error: self.stale_if_error,
            set_cookie: self.set_cookie,
        }
    }
}
