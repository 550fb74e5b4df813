//! thumbor and imagor: `/<signature>/<trim>/<crop>/<fit>/<size>/<alignment>/filters:…/<source>`.
//! imagor's grammar is thumbor's with more; each has its own filters and signature.

mod filters;
mod parts;
mod transform;

use parts::Parts;

use super::source::{self, Bare};
use super::text::{base64_text, is_base64};
use super::{
    Grammar, GrammarError, GrammarSettings, ImagorAlgorithm, Parsed, Request, Secret, signature,
};
use crate::transform::decode_percent;

pub(super) fn thumbor(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    let settings = settings.thumbor.clone();
    settings.enabled.then(|| {
        Box::new(Thumbor {
            dialect: Dialect::Thumbor,
            prefix: settings.prefix.trim_end_matches('/').to_owned(),
            key: settings.key,
            algorithm: ImagorAlgorithm::Sha1,
            signature_length: 0,
            unsigned: settings.unsigned,
            auto_format: settings.auto_format,
        }) as Box<dyn Grammar>
    })
}

pub(super) fn imagor(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    let settings = settings.imagor.clone();
    settings.enabled.then(|| {
        Box::new(Thumbor {
            dialect: Dialect::Imagor,
            prefix: settings.prefix.trim_end_matches('/').to_owned(),
            key: settings.key,
            algorithm: settings.algorithm,
            signature_length: settings.signature_length,
            unsigned: settings.unsigned,
            auto_format: settings.auto_format,
        }) as Box<dyn Grammar>
    })
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Thumbor,
    Imagor,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Self::Thumbor => "thumbor",
            Self::Imagor => "imagor",
        }
    }
}

struct Thumbor {
    dialect: Dialect,
    prefix: String,
    key: Option<Secret>,
    algorithm: ImagorAlgorithm,
    /// 0 for all of it.
    signature_length: usize,
    unsigned: bool,
    auto_format: bool,
}

impl Grammar for Thumbor {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        let rest = request
            .path
            .strip_prefix(&*self.prefix)?
            .strip_prefix('/')?;
        let (given, path) = rest.split_once('/')?;
        let ours = given == "unsafe" || self.is_signature(given) || is_cut_short(given, path);
        if self.prefix.is_empty() && !ours {
            return None;
        }
        let (given, path) = if ours { (given, path) } else { ("", rest) };
        let whole = match request.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        Some(self.parse(given, &whole, request.now))
    }
}

/// Whether a first part may be a signature of another length, as what follows it is certainly of
/// this grammar: to be refused rather than taken for the site's own.
fn is_cut_short(given: &str, path: &str) -> bool {
    let next = path.split('/').next().unwrap_or_default();
    let size = next.split_once('x').is_some_and(|(width, height)| {
        let side = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-')
        };
        side(width) && side(height)
    });
    let ours = size || next.ends_with("fit-in") || next.starts_with("filters:");
    ours && given.len() >= 16 && is_base64(given, given.trim_end_matches('=').len())
}

impl Thumbor {
    /// Whether a first part has the form of a signature.
    fn is_signature(&self, text: &str) -> bool {
        let bytes = match self.algorithm {
            ImagorAlgorithm::Sha1 => 20_usize,
            ImagorAlgorithm::Sha256 => 32,
            ImagorAlgorithm::Sha384 => 48,
            ImagorAlgorithm::Sha512 => 64,
        };
        let whole = (bytes * 4).div_ceil(3);
        let length = match self.signature_length {
            0 => whole,
            length => length.min(whole),
        };
        is_base64(text, length)
    }

    fn parse(&self, given: &str, whole: &str, now: u64) -> Result<Parsed, GrammarError> {
        let grammar = self.dialect.name();
        let mut notes = vec![self.check(given, whole)?.to_owned()];
        let parts = Parts::read(self.dialect, whole)?;
        let source = source_of(self.dialect, parts.source)?;
        let mut transform = transform::of(self.dialect, &parts, self.auto_format, now, &mut notes)?;
        if parts.meta {
            transform.demands.meta = Some(source.clone());
        }
        Ok(Parsed {
            grammar,
            transform,
            source,
            notes,
        })
    }

    /// Checks the signature and says how it is right. Clients sign what they write, which on its
    /// way may have been percent-encoded: either form of the path may be the signed one.
    fn check(&self, given: &str, path: &str) -> Result<&'static str, GrammarError> {
        let decoded = decode_percent(path);
        let right = self.key.as_ref().is_some_and(|key| {
            let is = |path: &str| {
                let key = key.reveal().as_bytes();
                signature::is_hmac(given, self.algorithm, key, path, self.signature_length)
            };
            let plain = is(path);
            plain | decoded.as_deref().is_some_and(is)
        });
        if right {
            Ok("the signature is right")
        } else if given == "unsafe" && self.unsigned {
            Ok("no signature is needed")
        } else {
            let grammar = self.dialect.name();
            Err(GrammarError::Signature { grammar })
        }
    }
}

/// A source as it stands in a path.
fn source_of(dialect: Dialect, text: &str) -> Result<String, GrammarError> {
    if text.starts_with("b64:") || text.starts_with("color:") {
        return decoded_source(dialect, text);
    }
    // What is escaped in a path is escaped twice in an address that holds it.
    let decoded = decode_percent(text);
    let decoded = decoded.ok_or_else(|| {
        let problem = "its percent-encoding is broken";
        GrammarError::source(dialect.name(), text, problem)
    })?;
    decoded_source(dialect, &decoded)
}

/// A source from decoded text.
fn decoded_source(dialect: Dialect, text: &str) -> Result<String, GrammarError> {
    let grammar = dialect.name();
    if dialect == Dialect::Thumbor {
        return source::read(grammar, text, Bare::Host("http"));
    }
    if let Some(encoded) = text.strip_prefix("b64:") {
        let source = base64_text(encoded.trim_end_matches('/'));
        let source =
            source.ok_or_else(|| GrammarError::source(grammar, text, "it is no base64"))?;
        return source::read(grammar, &source, Bare::Host("https"));
    }
    if text.starts_with("color:") {
        let reason = "pictures are made of pictures";
        return Err(GrammarError::refused(grammar, text, reason));
    }
    source::read(grammar, text, Bare::Host("https"))
}
