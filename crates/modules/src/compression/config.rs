//! Settings of the compression of texts.

use std::time::Duration;

use base::ByteSize;

base::settings! {
    /// Compression of texts: HTML, CSS, JavaScript, JSON, SVG and their like, in the coding that
    /// the visitor's `Accept-Encoding` prefers (RFC 9110 §12.5.3). The first visitor gets what can
    /// be compressed on the way; what is kept is then compressed as well as can be in the
    /// background, for everyone after.
    ///
    /// An answer that carries secrets beside text that a stranger can choose may give the secrets
    /// away by its length, whoever compresses it (BREACH). Pages should mask or not repeat them;
    /// `types` and `no-transform` leave out what cannot.
    pub struct CompressionSettings {
        /// Whether this module runs.
        enabled: bool = true,
        /// Content types that are compressed: a type, `type/*` for all of its kind, or `+suffix`.
        types: Vec<String> = DEFAULT_TYPES.iter().map(|text| (*text).to_owned()).collect(),
        /// Bodies smaller than this stay as they are: they leave in one packet anyway.
        min_size: ByteSize = ByteSize(1024),
        /// Brotli's quality on the way, 2 to 9; `0`: not on the way.
        brotli: u32 = 5,
        /// Zstandard's level on the way, 1 to 9; `0`: not on the way.
        zstd: u32 = 3,
        /// Gzip's level on the way, 1 to 9; `0`: not on the way.
        gzip: u32 = 6,
        /// The largest body that is kept compressed with Brotli at quality 11 and gzip at its best;
        /// that takes two to three seconds of the background's time for each megabyte. Larger ones
        /// are kept at quality 9. `"0B"`: nothing is compressed in the background.
        best: ByteSize = ByteSize::mib(4),
        /// Whether texts with a version or a hash in their address (`/app.3f2a1c.js`,
        /// `/npm/name@5.3.3/x.css`, `?v=17`) are sent to visitors who have an earlier version as
        /// the difference to that (RFC 9842): where that is kept here, over HTTPS, and once the
        /// background has made it. Pages of HTML and what is not for everyone are left out, and
        /// what an origin makes a dictionary itself. Up to 4 MiB; none where `best` is `"0B"`.
        dictionaries: bool = true,
        /// More addresses whose `*` is a version: `"/build/*/main.js"`. With the query, if they
        /// have one.
        dictionary_paths: Vec<String> = vec![],
        /// Texts that visitors may keep for less than this (`max-age`) are not worth it: they
        /// would not come back with them.
        dictionary_fresh: Duration = Duration::from_secs(3600),
        /// Whether an origin that offers dictionaries itself (`Use-As-Dictionary`) is asked for
        /// deltas (`dcb`) to what of it is kept here: they are decoded and kept plain. Up to 4 MiB.
        origin_dictionaries: bool = true,
        /// Whether the origin may send texts compressed, in a coding the visitor takes; they are
        /// then kept and sent as they came. Otherwise it is asked to send them plain, so that each
        /// is kept once and compressed here.
        origin_may_compress: bool = false,
    }
}

/// Texts, and binary formats that nothing has compressed yet.
const DEFAULT_TYPES: [&str; 18] = [
    "text/*",
    "+json",
    "+xml",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

impl CompressionSettings {
    /// Reports levels that there are not; `place` is the path of this table.
    pub(crate) fn check(&self, place: &str, report: &mut base::settings::Report) {
        for (name, level, least, form) in [
            ("brotli", self.brotli, 2, "`0`, or a quality from 2 to 9"),
            ("zstd", self.zstd, 1, "`0`, or a level from 1 to 9"),
            ("gzip", self.gzip, 1, "`0`, or a level from 1 to 9"),
        ] {
            if level != 0 && !(least..=9).contains(&level) {
                let key = base::settings::join(place, name);
                report.reject(&key, level.to_string(), form);
            }
        }
        for (number, text) in self.dictionary_paths.iter().enumerate() {
            if !super::dictionary::pattern::is_glob(text) {
                let key = base::settings::join(place, &format!("dictionary_paths[{number}]"));
                let form = "a path with `*` in place of its version, as `\"/build/*/main.js\"`";
                report.reject(&key, text, form);
            }
        }
        for (number, text) in self.types.iter().enumerate() {
            if super::types::Pattern::parse(text).is_none() {
                let key = base::settings::join(place, &format!("types[{number}]"));
                let form = "a content type such as `\"text/css\"`, `\"text/*\"` or `\"+json\"`";
                report.reject(&key, text, form);
            }
        }
    }
}
