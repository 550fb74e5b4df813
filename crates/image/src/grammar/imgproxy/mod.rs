//! imgproxy: `/<signature>/<options>/plain/<source>@<format>`, or the source in base64.

mod options;
mod transform;

use std::collections::HashMap;

use options::{Options, Picture};

use super::source::{self, Bare};
use super::text::{base64_text, is_base64};
use super::{Grammar, GrammarError, GrammarSettings, ImgproxySettings, Parsed, Request, signature};
use crate::transform::decode_percent;

pub(super) const NAME: &str = "imgproxy";
/// How deep presets may name presets.
const MAX_DEPTH: usize = 8;

pub(super) fn make(settings: &GrammarSettings) -> Option<Box<dyn Grammar>> {
    let settings = settings.imgproxy.clone();
    settings.enabled.then(|| {
        let presets = settings.presets.iter().filter_map(|preset| {
            let (name, options) = preset.split_once('=')?;
            Some((name.trim().to_owned(), options.trim().to_owned()))
        });
        let watermark = Picture::read(&settings.watermark, settings.watermark_opacity);
        Box::new(Imgproxy {
            watermark,
            presets: presets.collect(),
            settings,
        }) as Box<dyn Grammar>
    })
}

/// Whether the text is the setting of a picture that is laid over others.
pub(super) fn names_a_watermark(text: &str) -> bool {
    Picture::read(text, 1.0).is_some()
}

struct Imgproxy {
    settings: ImgproxySettings,
    presets: HashMap<String, String>,
    watermark: Option<Picture>,
}

impl Grammar for Imgproxy {
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        let prefix = self.settings.prefix.trim_end_matches('/');
        let rest = request.path.strip_prefix(prefix)?.strip_prefix('/')?;
        if prefix.is_empty() && !self.looks_like_ours(rest) {
            return None;
        }
        Some(self.parse(rest, request.now))
    }
}

impl Imgproxy {
    /// Whether a path without a prefix is imgproxy's. What has the form of a signature before it is,
    /// as are a name in a signature's place and nothing, where what follows can be nothing else: it
    /// is refused rather than taken for the site's own, or read by another grammar.
    fn looks_like_ours(&self, rest: &str) -> bool {
        let Some((signature, after)) = rest.split_once('/') else {
            return false;
        };
        let size = self.settings.signature_size.clamp(1, 32);
        let trusted = &self.settings.trusted_signatures;
        let signed = trusted.iter().any(|trusted| trusted.reveal() == signature)
            || is_base64(signature, (size * 4).div_ceil(3));
        let named = matches!(signature, "insecure" | "unsafe" | "_");
        let plain = after.starts_with("plain/") || after.contains("/plain/");
        let option = is_option(after.split('/').next().unwrap_or_default());
        signed && (option || plain || self.settings.only_presets || encoded(after).is_some())
            || named && (option || plain || names_a_scheme(after))
            || named && self.settings.only_presets
            || plain && (option || is_option(signature))
    }

    fn parse(&self, rest: &str, now: u64) -> Result<Parsed, GrammarError> {
        let (given, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = with_both_slashes(&format!("/{path}"));
        let mut notes = Vec::new();
        notes.push(self.check(given, &path)?.to_owned());
        let mut options = Options::new(now, self.settings.security_options);
        if self.presets.contains_key("default") {
            self.preset(&mut options, "default", 0)?;
        }
        let (rest, first) = self.options(&mut options, path.trim_start_matches('/'))?;
        if !first && rest.is_empty() {
            return Err(GrammarError::source(NAME, "", "there is none"));
        }
        let (source, extension) = self.source(rest)?;
        if !extension.is_empty() {
            options.apply("format", &[&extension])?;
        }
        notes.append(&mut options.notes);
        let overlay = options.overlay(self.watermark.as_ref());
        let mut transform = options.into_transform(self.settings.auto_format)?;
        match overlay {
            Ok(overlay) => transform.overlays.extend(overlay),
            Err(why) => notes.push(format!("`watermark` ignored: {why}")),
        }
        Ok(Parsed {
            grammar: NAME,
            transform,
            source,
            notes,
        })
    }

    /// Checks the signature and says how it is right.
    fn check(&self, given: &str, path: &str) -> Result<&'static str, GrammarError> {
        let trusted = &self.settings.trusted_signatures;
        // Every one is tried, so that the time says nothing of which one was nearly right.
        let trusted = trusted.iter().fold(false, |found, trusted| {
            found | signature::same(given.as_bytes(), trusted.reveal().as_bytes())
        });
        let size = self.settings.signature_size;
        let pairs = self.settings.keys.iter().zip(&self.settings.salts);
        let signed = pairs.fold(false, |found, (key, salt)| {
            let (key, salt) = (key.reveal(), salt.reveal());
            found | signature::is_imgproxy(given, key, salt, path, size)
        });
        match (signed, trusted) {
            (true, _) => Ok("the signature is right"),
            (_, true) => Ok("the signature is a trusted one"),
            _ if self.settings.unsigned => Ok("no signature is needed"),
            _ => Err(GrammarError::Signature { grammar: NAME }),
        }
    }

    /// Reads options up to the source; returns the rest, and whether it is the first segment.
    fn options<'p>(
        &self,
        options: &mut Options,
        path: &'p str,
    ) -> Result<(&'p str, bool), GrammarError> {
        let mut rest = path;
        let mut first = true;
        loop {
            let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
            let decoded = decode_percent(segment)
                .ok_or_else(|| GrammarError::option(NAME, segment, "valid percent-encoding"))?;
            if self.settings.only_presets && first {
                for name in decoded.split(':') {
                    self.preset(options, name, 0)?;
                }
            } else if decoded.contains(':') && !self.settings.only_presets {
                self.option(options, &decoded, 0)?;
            } else {
                return Ok((rest, first));
            }
            rest = after;
            first = false;
        }
    }

    fn option(&self, options: &mut Options, text: &str, depth: usize) -> Result<(), GrammarError> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let arguments: Vec<_> = parts.collect();
        if matches!(name, "preset" | "pr") {
            for preset in arguments {
                self.preset(options, preset, depth + 1)?;
            }
            return Ok(());
        }
        options.apply(name, &arguments)
    }

    fn preset(&self, options: &mut Options, name: &str, depth: usize) -> Result<(), GrammarError> {
        let Some(preset) = self.presets.get(name).filter(|_| depth < MAX_DEPTH) else {
            let option = format!("preset:{name}");
            return Err(GrammarError::option(NAME, &option, "the name of a preset"));
        };
        options.notes.push(format!("preset {name}: {preset}"));
        for text in preset.split('/').filter(|text| !text.is_empty()) {
            self.option(options, text, depth)?;
        }
        Ok(())
    }

    /// The source, and the format after it.
    fn source(&self, rest: &str) -> Result<(String, String), GrammarError> {
        let problem = |problem| GrammarError::source(NAME, rest, problem);
        let (source, extension) = if let Some(plain) = rest.strip_prefix("plain/") {
            let (source, extension) = plain.split_once('@').unwrap_or((plain, ""));
            let source = decode_percent(source);
            let source = source.ok_or_else(|| problem("its percent-encoding is broken"))?;
            (source.into_owned(), extension)
        } else if rest.starts_with("enc/") {
            return Err(GrammarError::refused(
                NAME,
                "enc",
                "sources are not encrypted",
            ));
        } else {
            let (encoded, extension) = rest.split_once('.').unwrap_or((rest, ""));
            let source = base64_text(encoded).ok_or_else(|| problem("it is no base64"))?;
            (source, extension)
        };
        if extension.contains(['@', '.', '/']) {
            return Err(problem("more follows than the name of a format"));
        }
        let source = match source.strip_prefix("local://") {
            Some(path) => source::path_of(path),
            None if source.contains(":/") => source::read(NAME, &source, Bare::Path)?,
            None => {
                let whole = format!("{}{source}", self.settings.base_url);
                source::read(NAME, &whole, Bare::Path)?
            }
        };
        Ok((source, extension.to_owned()))
    }
}

/// Whether a part of a path has the form of an option, which no size or filter of thumbor's has.
fn is_option(part: &str) -> bool {
    let name = part.split_once(':').or_else(|| part.split_once("%3A"));
    name.is_some_and(|(name, _)| {
        let letters = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
        name != "filters" && !name.is_empty() && name.bytes().all(letters)
    })
}

/// The text that a path without options is in base64.
fn encoded(path: &str) -> Option<String> {
    base64_text(path.split('.').next().unwrap_or_default())
}

/// Whether that is an address.
fn names_a_scheme(path: &str) -> bool {
    encoded(path).is_some_and(|text| text.contains("://"))
}

/// The path with both slashes of a plain source's scheme; proxies on the way may have made one of
/// them. imgproxy signs the path with both.
fn with_both_slashes(path: &str) -> String {
    let Some((before, source)) = path.split_once("/plain/") else {
        return path.to_owned();
    };
    for scheme in ["http", "https", "local"] {
        if let Some(rest) = source
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix(":/"))
            && !rest.starts_with('/')
        {
            let slashes = if scheme == "local" { "///" } else { "//" };
            return format!("{before}/plain/{scheme}:{slashes}{rest}");
        }
    }
    path.to_owned()
}
