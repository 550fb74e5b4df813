//! Settings of hints.

use http::{HeaderName, Uri};

base::settings! {
    /// What browsers are asked to say of display and connection, so that pictures suit both. Only
    /// Chromium and its kin say anything, only over HTTPS, and only to pages that ask.
    pub struct HintsSettings {
        /// Whether pages that come by HTTPS ask (`Accept-CH`).
        enabled: bool = true,
        /// What is asked for. `width=auto`, the policy's `width_hints` and
        /// `slow-connection-quality` make use of these.
        ask: Vec<HeaderName> = asked(),
        /// What a page cannot do without (`Critical-CH`): a browser that did not say it asks for the
        /// page again, at once and with it. That costs the first visit of a session one round trip
        /// and one more answer of the origin, and only pays where the very first page must have its
        /// pictures at the right width. Each must be among `ask`.
        critical: Vec<HeaderName> = vec![],
        /// Other origins that pictures come from, such as `"https://images.example.com"`, which may
        /// have the hints too (`Permissions-Policy`). Without it browsers tell them nothing.
        picture_origins: Vec<String> = vec![],
    }
}

fn asked() -> Vec<HeaderName> {
    let names = [
        "sec-ch-width",
        "sec-ch-dpr",
        "sec-ch-viewport-width",
        "sec-ch-device-memory",
        "save-data",
        "ect",
        "rtt",
        "downlink",
    ];
    names.map(HeaderName::from_static).to_vec()
}

/// Whether this is an origin: scheme and host, perhaps a port, and nothing else.
pub(super) fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let secure = uri.scheme_str() == Some("https");
    let plain = !text.ends_with('/') && uri.path() == "/" && uri.query().is_none();
    let quotable = !text.contains(['"', '\\', '@']);
    secure && plain && quotable && uri.host().is_some_and(|host| !host.is_empty())
}
