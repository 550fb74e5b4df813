//! Cloudflare: `/cdn-cgi/image/<options>/<source>`, the source as it stands.

use super::{Grammar, GrammarError, GrammarSettings, Parsed, Request};
use crate::Transform;

const NAME: &str = "cloudflare";
const PREFIX: &str = "/cdn-cgi/image/";

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    settings
        .cloudflare
        .then(|| Box::new(Cloudflare) as Box<dyn Grammar>)
}

struct Cloudflare;

impl Grammar for Cloudflare {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        request.path.starts_with(PREFIX).then(|| {
            let whole = request.whole();
            let rest = whole.strip_prefix(PREFIX).unwrap_or_default();
            let (options, source) = rest.split_once('/').unwrap_or((rest, ""));
            Ok(Parsed {
                grammar: NAME,
                transform: Transform::parse(options)?,
                source: source.to_owned(),
                notes: Vec::new(),
            })
        })
    }
}
