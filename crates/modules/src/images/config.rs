//! Settings of pictures.

use std::time::Duration;

use ::image::{LimitSettings, PolicySettings};
use ::origin::Pattern;

base::settings! {
    /// Pictures: smaller, progressive, in a format the client knows; at their own URL, and at
    /// `/cdn-cgi/image/<options>/<source>`.
    pub struct ImagesSettings {
        /// Whether pictures are made at all.
        enabled: bool = true,
        /// Whether every picture of the site is negotiated at its own URL.
        in_place: bool = true,
        /// Whether `/cdn-cgi/image/<options>/<source>` is answered.
        urls: bool = true,
        /// Other sites whose pictures may be asked for by `/cdn-cgi/image/…/https://…`; none if
        /// empty. Their addresses must be public, at every redirect.
        sources: Vec<Pattern> = vec![],
        /// How long a picture is used at least before its source is asked for again, unless the
        /// source forbids it (`no-cache`, `must-revalidate`, `private`, `no-store`). `"0s"`:
        /// pictures follow their source.
        minimum_fresh: Duration = Duration::ZERO,
        /// How variants are chosen.
        policy: PolicySettings = PolicySettings::default(),
        /// What may be read and made.
        limits: LimitSettings = LimitSettings::default(),
    }
}
