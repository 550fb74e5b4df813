//! URLs of other image servers, read as they read them.
//!
//! Each grammar is a file here and a line in `LIST`. All of them say what is wanted as one
//! [`Transform`] and a source. What a server knows and this one does not is refused by name, so
//! that no picture is silently another; what a server ignores is ignored, with a note.
//!
//! Nothing is fetched here and nothing allowed: a source is text until whoever fetches it has
//! checked it.

mod cloudflare;
mod cloudinary;
mod error;
mod fastly;
mod frameworks;
mod imgix;
mod imgproxy;
mod ipx;
mod photon;
mod query;
mod settings;
mod signature;
mod source;
mod text;
mod thumbor;
mod weserv;

#[cfg(test)]
mod tests;

use crate::Transform;

pub use error::GrammarError;
pub use settings::{
    CloudinarySettings, GrammarSettings, HexSecret, ImagorAlgorithm, ImagorSettings, ImgixSettings,
    ImgproxySettings, Secret, ThumborSettings,
};
pub use source::path_of;

/// Longest path and query that are read, in bytes.
const MAX_URL: usize = 16 * 1024;

/// A request's URL, as far as grammars look at it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The path, percent-encoded as it came.
    pub path: &'a str,
    /// What follows the `?`, as it came.
    pub query: Option<&'a str>,
    /// Whether name or headers say that it is for a picture. Grammars that are nothing but a query
    /// on a picture's own address look at no other requests.
    pub picture: bool,
    /// The time, in seconds since 1970, for URLs that expire.
    pub now: u64,
}

impl Request<'_> {
    /// Path and query as they came.
    fn whole(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        }
    }
}

/// What a URL asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Whose grammar it is.
    pub grammar: &'static str,
    /// What is to be done.
    pub transform: Transform,
    /// To which picture: a path on the site, beginning with `/`, or an absolute address,
    /// `http://…` or `https://…`; percent-encoded where it must be. Cloudflare's stands as it came.
    pub source: String,
    /// What is worth saying of how it was read: signatures, what was ignored.
    pub notes: Vec<String>,
}

/// A way to read URLs.
trait Grammar: Send + Sync {
    /// Reads a URL; `None` if it is none of this grammar's.
    fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>>;
}

/// Makes a grammar if the settings switch it on.
type Make = fn(&GrammarSettings) -> Option<Box<dyn Grammar>>;

/// Every grammar with its name, in the order they are asked. The first that knows a URL reads it:
/// those with a place of their own come before those that read any path, and those before queries
/// on a picture's own address.
const LIST: [(&str, Make); 13] = [
    ("cloudflare", cloudflare::make),
    ("next", frameworks::next),
    ("vercel", frameworks::vercel),
    ("netlify", frameworks::netlify),
    ("ipx", ipx::make),
    ("cloudinary", cloudinary::make),
    ("weserv", weserv::make),
    ("imgproxy", imgproxy::make),
    ("thumbor", thumbor::thumbor),
    ("imagor", thumbor::imagor),
    ("imgix", imgix::make),
    ("fastly", fastly::make),
    ("photon", photon::make),
];

/// The grammars of a site.
pub struct Grammars(Vec<Box<dyn Grammar>>);

impl Grammars {
    /// The grammars that are switched on.
    pub fn new(settings: &GrammarSettings) -> Self {
        Self(LIST.iter().filter_map(|(_, make)| make(settings)).collect())
    }

    /// The names of all there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        LIST.iter().map(|(name, _)| *name)
    }

    /// Reads a URL by the first grammar that knows it; `None` if none does.
    ///
    /// # Errors
    /// What the URL's grammar says is wrong with it.
    pub fn read(&self, request: &Request<'_>) -> Option<Result<Parsed, GrammarError>> {
        if request.path.len() + request.query.map_or(0, str::len) > MAX_URL {
            return None;
        }
        self.0.iter().find_map(|grammar| grammar.read(request))
    }
}
