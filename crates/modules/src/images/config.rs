//! Settings of pictures.

use std::time::Duration;

use ::host::AvifEncoder;
use ::image::grammar::GrammarSettings;
use ::image::{LimitSettings, PolicySettings};
use ::origin::{Pattern, PatternError};

base::settings! {
    /// Pictures: smaller, progressive, in a format the client knows; at their own URL, and at
    /// `/cdn-cgi/image/<options>/<source>`.
    pub struct ImagesSettings {
        /// Whether pictures are made at all.
        enabled: bool = true,
        /// Whether every picture of the site is negotiated at its own URL.
        in_place: bool = true,
        /// Whether URLs that say what is to be done are answered: those of `grammars`.
        urls: bool = true,
        /// URLs of other image servers.
        grammars: GrammarSettings = GrammarSettings::default(),
        /// Other sites whose pictures may be asked for by `/cdn-cgi/image/…/https://…` and the
        /// like; none if empty. Their addresses must be public, at every redirect.
        sources: Vec<Pattern> = vec![],
        /// How long a picture is used at least before its source is asked for again, unless the
        /// source forbids it (`no-cache`, `must-revalidate`, `private`, `no-store`). `"0s"`:
        /// pictures follow their source.
        minimum_fresh: Duration = Duration::ZERO,
        /// Who makes AVIF: `"auto"`, the `aomenc` in `/usr/local/bin` or `/usr/bin` (Debian's
        /// `aom-tools`) where there is one that works, which is several times as fast as the encoder
        /// that is built in; `"builtin"`, that one; or the path of a program with the arguments of
        /// `aomenc`. It runs as a process of its own with limits, is given pixels and nothing else,
        /// and where it fails the encoder that is built in takes over.
        avif_encoder: AvifEncoder = AvifEncoder::Auto,
        /// How variants are chosen.
        policy: PolicySettings = PolicySettings::default(),
        /// What may be read and made.
        limits: LimitSettings = LimitSettings::default(),
    }
}

impl ImagesSettings {
    /// Allows another site's pictures, as an entry of `sources` does.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn allow(&mut self, pattern: &str) -> Result<(), PatternError> {
        let pattern = Pattern::parse(pattern)?;
        if !self.sources.contains(&pattern) {
            self.sources.push(pattern);
        }
        Ok(())
    }
}
