//! Which requests are for pictures, and for which ones.

use std::time::SystemTime;

use ::image::grammar::{Grammars, Parsed, Request};
use ::image::{FormatChoice, Transform};
use base::Body;
use http::header::{ACCEPT, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Uri};
use pipeline::Exchange;

use super::error::ImagesError;

const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// Names of files that are read. Others may still be pictures; these are asked for uncompressed.
const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "jfif", "png", "webp", "gif"];

/// A request for a picture.
#[derive(Debug)]
pub enum Wanted {
    /// Perhaps: at its own URL.
    InPlace {
        /// Whether the name says that it is a picture of a kind that is read.
        by_name: bool,
    },
    /// By a URL that says what is to be done.
    Url(Box<Asked>),
}

/// What a URL asks for.
#[derive(Debug)]
pub struct Asked {
    /// Whose URL it is.
    pub grammar: &'static str,
    /// What is to be done.
    pub transform: Transform,
    /// The same as text, equal for equal transforms only.
    pub options: String,
    /// The source, in absolute form.
    pub source: Uri,
    /// Whether the source is another site's.
    pub foreign: bool,
    /// Where the pictures are that are laid over it, of those that are no settings.
    pub overlays: Vec<Elsewhere>,
    /// What is worth saying of how it was read.
    pub notes: Vec<String>,
}

impl Asked {
    /// Every address that is asked for.
    pub fn addresses(&self) -> impl Iterator<Item = (&Uri, bool)> {
        let overlays = self.overlays.iter();
        let overlays = overlays.map(|overlay| (&overlay.uri, overlay.foreign));
        std::iter::once((&self.source, self.foreign)).chain(overlays)
    }
}

/// An address that a URL names.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// In absolute form.
    pub uri: Uri,
    /// Whether it is another site's.
    pub foreign: bool,
}

/// Whether a request is, or may be, for a picture at its own URL.
pub fn in_place(exchange: &Exchange) -> Option<Wanted> {
    if !is_read(exchange) {
        return None;
    }
    let extension = extension(exchange.uri.path());
    let is = |known: &str| extension.is_some_and(|ours| ours.eq_ignore_ascii_case(known));
    let by_name = EXTENSIONS.into_iter().any(is);
    let by_header = || {
        let header = |name: HeaderName| exchange.headers.get(name).map(HeaderValue::as_bytes);
        header(FETCH_DEST) == Some(b"image")
            || header(ACCEPT).is_some_and(|accept| accept.starts_with(b"image/"))
    };
    // An SVG keeps its compression on the way.
    (by_name || !is("svg") && by_header()).then_some(Wanted::InPlace { by_name })
}

/// Reads a URL that says what is to be done to which picture, by the first grammar that knows it;
/// `None` if none does. `now` is the time.
///
/// # Errors
/// [`ImagesError::Grammar`], [`ImagesError::Source`], [`ImagesError::Nested`].
pub fn read_url(
    exchange: &Exchange,
    grammars: &Grammars,
    now: SystemTime,
) -> Result<Option<Wanted>, ImagesError> {
    if !is_read(exchange) {
        return Ok(None);
    }
    let request = Request {
        path: exchange.uri.path(),
        query: exchange.uri.query(),
        picture: in_place(exchange).is_some(),
        now: now
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    };
    let Some(parsed) = grammars.read(&request) else {
        return Ok(None);
    };
    let Parsed {
        grammar,
        transform,
        source: given,
        notes,
    } = parsed?;
    let Elsewhere {
        uri: source,
        foreign,
    } = acceptable(&given, &exchange.uri)?;
    // Facts and files that pass as they are have nothing laid over them.
    let drawn = transform.format != Some(FormatChoice::Json) && !transform.demands.untouched;
    let overlays = transform.overlays.iter();
    let overlays = overlays
        .filter(|overlay| drawn && overlay.file.is_none())
        .map(|overlay| acceptable(&overlay.source, &exchange.uri))
        .collect::<Result<_, _>>()?;
    Ok(Some(Wanted::Url(Box::new(Asked {
        grammar,
        options: transform.to_string(),
        transform,
        source,
        foreign,
        overlays,
        notes,
    }))))
}

/// An address that may be asked for, as far as its form goes.
fn acceptable(given: &str, site: &Uri) -> Result<Elsewhere, ImagesError> {
    let (uri, foreign) =
        source_uri(given, site).map_err(|problem| ImagesError::source(given, problem))?;
    if foreign {
        // Written in a form that leaves no doubt of where it leads, or not asked at all.
        ::origin::allow::target_of(&uri)
            .map_err(|problem| ImagesError::source(&uri.to_string(), problem.to_string()))?;
    }
    if !foreign && uri.path().starts_with("/cdn-cgi/") {
        return Err(ImagesError::Nested);
    }
    Ok(Elsewhere { uri, foreign })
}

fn is_read(exchange: &Exchange) -> bool {
    matches!(exchange.method, Method::GET | Method::HEAD)
        && !exchange.headers.contains_key(UPGRADE)
        && matches!(exchange.body, Body::Empty)
}

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// The source in absolute form, and whether it is another site's.
fn source_uri(text: &str, site: &Uri) -> Result<(Uri, bool), &'static str> {
    if text.is_empty() {
        return Err("there is none after the options");
    }
    let decoded;
    let text = if begins(text, "http%3a") || begins(text, "https%3a") {
        decoded = percent_decode(text).ok_or("its percent-encoding is broken")?;
        decoded.as_str()
    } else {
        text
    };
    match address(text) {
        Some(address) => {
            let uri: Uri = address.parse().map_err(|_| "it is not a valid address")?;
            let same = uri.authority() == site.authority() && uri.scheme() == site.scheme();
            Ok((uri, !same))
        }
        None => {
            let path = format!("/{}", text.strip_prefix('/').unwrap_or(text));
            let path: PathAndQuery = path.parse().map_err(|_| "it is not a valid path")?;
            let mut parts = site.clone().into_parts();
            parts.path_and_query = Some(path);
            let uri = Uri::from_parts(parts).map_err(|_| "it is not a valid path")?;
            Ok((uri, false))
        }
    }
}

/// An absolute address, if the text begins like one. Proxies on the way may have made one slash of
/// two.
fn address(text: &str) -> Option<String> {
    ["http", "https"].into_iter().find_map(|scheme| {
        if !begins(text, scheme) {
            return None;
        }
        let rest = text[scheme.len()..].strip_prefix(":/")?;
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let rest = rest.split('#').next().unwrap_or_default();
        Some(format!("{scheme}://{rest}"))
    })
}

fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// Decodes every `%XX` once; `None` if one is broken or the result is no text.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// For fuzzing: any bytes as what follows the options.
#[doc(hidden)]
pub fn fuzz_source(bytes: &[u8]) {
    let site = Uri::from_static("https://example.com/");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = source_uri(text, &site);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<(String, bool), &'static str> {
        let site = Uri::from_static("https://example.com/x");
        source_uri(text, &site).map(|(uri, foreign)| (uri.to_string(), foreign))
    }

    #[test]
    fn sources_are_read_in_every_form() {
        for (text, uri, foreign) in [
            ("a/b.jpg?v=1", "https://example.com/a/b.jpg?v=1", false),
            ("/a.jpg", "https://example.com/a.jpg", false),
            (
                "https://example.com/a.jpg",
                "https://example.com/a.jpg",
                false,
            ),
            ("http://example.com/a.jpg", "http://example.com/a.jpg", true),
            (
                "https:/other.example/a.jpg",
                "https://other.example/a.jpg",
                true,
            ),
            (
                "HTTPS://other.example/a.jpg#x",
                "https://other.example/a.jpg",
                true,
            ),
            (
                "https%3A%2F%2Fother.example%2Fa.jpg%3Fv%3D1",
                "https://other.example/a.jpg?v=1",
                true,
            ),
            ("httpx/a.jpg", "https://example.com/httpx/a.jpg", false),
        ] {
            assert_eq!(source(text), Ok((uri.to_owned(), foreign)), "{text}");
        }
        for wrong in ["", "https%3A%2G", "https://", "https:// /", "https%3A%FF"] {
            assert!(source(wrong).is_err(), "{wrong}");
        }
    }
}
