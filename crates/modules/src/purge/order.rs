//! What is to be purged, as it is asked for: JSON with the names that Cloudflare's API has. Pure.

use ::cache::tag;
use http::Uri;
use serde_json::{Map, Value};

use super::PurgeError;
use crate::list::Purge;

/// Most things named in one order: twice as many, for both schemes, are still told to a fleet one
/// by one.
const MOST: usize = 500;
/// The longest of them, in bytes.
const LONGEST: usize = 8 << 10;
/// The lists an order may have.
const LISTS: [&str; 5] = ["files", "urls", "tags", "prefixes", "hosts"];

/// An order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Whether things only become stale.
    pub soft: bool,
    /// Addresses, each with all that is made of what it stands for.
    pub urls: Vec<Uri>,
    /// All else.
    pub many: Vec<Many>,
}

/// Many things at once; see [`Purge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Many {
    /// Everything.
    Everything,
    /// All of a host.
    Host(String),
    /// All whose URL begins so.
    Prefix(String),
    /// All that an origin has marked so.
    Tag(String),
}

impl Many {
    /// As it is done.
    pub fn as_purge(&self) -> Purge<'_> {
        match self {
            Self::Everything => Purge::Everything,
            Self::Host(host) => Purge::Host(host),
            Self::Prefix(prefix) => Purge::Prefix(prefix),
            Self::Tag(tag) => Purge::Tag(tag),
        }
    }

    /// The tag as it is kept, where it is one.
    pub fn tag(&self) -> Option<u64> {
        match self {
            Self::Tag(text) => Some(tag(text.as_bytes())),
            _ => None,
        }
    }
}

impl Order {
    /// An order for one address.
    pub fn of_url(url: &Uri, soft: bool) -> Self {
        Self {
            soft,
            urls: both_schemes(url),
            many: Vec::new(),
        }
    }

    /// Reads an order.
    ///
    /// # Errors
    /// [`PurgeError::Order`], which says what is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, PurgeError> {
        let read = serde_json::from_slice(text);
        let read = read.map_err(|error| wrong(format!("this is no JSON: {error}")))?;
        let Value::Object(fields) = read else {
            return Err(wrong("expected an object".into()));
        };
        let mut order = Self::default();
        for (name, value) in &fields {
            match (name.as_str(), value) {
                ("soft", Value::Bool(soft)) => order.soft = *soft,
                ("purge_everything", Value::Bool(everything)) => {
                    order.many.extend(everything.then_some(Many::Everything));
                }
                ("soft" | "purge_everything", _) => {
                    return Err(wrong(format!("`{name}`: expected true or false")));
                }
                (list, _) if LISTS.contains(&list) => {}
                _ => {
                    let known = LISTS.join("`, `");
                    let known = format!("`{known}`, `purge_everything` and `soft`");
                    return Err(wrong(format!("`{name}`: expected one of {known}")));
                }
            }
        }
        order.read_lists(&fields)?;
        match order.urls.is_empty() && order.many.is_empty() {
            true => Err(wrong("it names nothing to purge".into())),
            false => Ok(order),
        }
    }

    fn read_lists(&mut self, fields: &Map<String, Value>) -> Result<(), PurgeError> {
        let mut left = MOST;
        for list in LISTS {
            let Some(value) = fields.get(list) else {
                continue;
            };
            let texts = value.as_array().filter(|texts| texts.len() <= left);
            let Some(texts) = texts else {
                return Err(wrong(format!(
                    "`{list}`: expected a list, of {MOST} in all"
                )));
            };
            left -= texts.len();
            for text in texts {
                // Cloudflare has objects with headers here too; what is kept is not by headers.
                let text = text.get("url").filter(|_| list == "files").unwrap_or(text);
                let text = text.as_str().map(str::trim);
                let usable = |text: &&str| !text.is_empty() && text.len() <= LONGEST;
                let added = text.filter(usable).and_then(|text| self.add(list, text));
                added.ok_or_else(|| wrong(format!("`{list}`: expected {}", form(list))))?;
            }
        }
        Ok(())
    }

    /// Adds one; `None` if it is not of its form.
    fn add(&mut self, list: &str, text: &str) -> Option<()> {
        match list {
            "tags" => self.many.push(Many::Tag(text.to_owned())),
            "hosts" => self.many.push(Many::Host(host(text)?)),
            "prefixes" => {
                let prefixes = match text.split_once("://") {
                    Some(("http" | "https", rest)) => {
                        vec![prefix(text.split_at(text.len() - rest.len()))]
                    }
                    Some(_) => return None,
                    None => vec![prefix(("https://", text)), prefix(("http://", text))],
                };
                self.many.extend(prefixes.into_iter().map(Many::Prefix));
            }
            _ => self.urls.extend(both_schemes(&url(text)?)),
        }
        Some(())
    }
}

/// A host without port, in lower case; `None` if it is none.
fn host(text: &str) -> Option<String> {
    let host = text.to_ascii_lowercase();
    let authority: http::uri::Authority = host.parse().ok()?;
    (authority.host() == host).then_some(host)
}

/// A beginning of URLs: its host is in lower case, as it is kept.
fn prefix((scheme, rest): (&str, &str)) -> String {
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}{}{path}", host.to_ascii_lowercase())
}

/// An absolute address, its host in lower case as it is kept, without what is after `#`.
fn url(text: &str) -> Option<Uri> {
    let text = text.split('#').next().unwrap_or_default();
    let uri: Uri = text.parse().ok()?;
    let mut parts = uri.into_parts();
    let scheme = parts.scheme.as_ref()?.as_str();
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let authority = parts.authority?.as_str().to_ascii_lowercase();
    let authority: http::uri::Authority = authority.parse().ok()?;
    if authority.host().is_empty() {
        return None;
    }
    parts.authority = Some(authority);
    Uri::from_parts(parts).ok()
}

/// An address by HTTP and by HTTPS: who purges it means what it stands for.
fn both_schemes(url: &Uri) -> Vec<Uri> {
    let with = |scheme: http::uri::Scheme| {
        let mut parts = url.clone().into_parts();
        parts.scheme = Some(scheme);
        Uri::from_parts(parts).ok()
    };
    let both = [http::uri::Scheme::HTTPS, http::uri::Scheme::HTTP];
    both.into_iter().filter_map(with).collect()
}

fn form(list: &str) -> &'static str {
    match list {
        "tags" => "tags as the origin sends them",
        "hosts" => "hosts without port such as `\"example.com\"`",
        "prefixes" => "beginnings of addresses such as `\"example.com/news/\"`",
        _ => "addresses such as `\"https://example.com/news/\"`",
    }
}

fn wrong(what: String) -> PurgeError {
    PurgeError::Order(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Order, PurgeError> {
        Order::parse(text.as_bytes())
    }

    fn uris(texts: &[&str]) -> Vec<Uri> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn orders_of_every_kind_are_read() {
        let order = parse(
            r#"{"files": ["https://Example.com/a?b#c", {"url": "http://example.com:8080/"}],
                "tags": ["Tag one"], "hosts": ["Example.com"],
                "prefixes": ["Example.com/News", "http://example.com"], "soft": true}"#,
        )
        .unwrap();
        assert!(order.soft);
        let urls = [
            "https://example.com/a?b",
            "http://example.com/a?b",
            "https://example.com:8080/",
            "http://example.com:8080/",
        ];
        assert_eq!(order.urls, uris(&urls));
        let many = [
            Many::Tag("Tag one".into()),
            Many::Prefix("https://example.com/News".into()),
            Many::Prefix("http://example.com/News".into()),
            Many::Prefix("http://example.com".into()),
            Many::Host("example.com".into()),
        ];
        assert_eq!(order.many, many);
        let everything = parse(r#"{"purge_everything": true}"#).unwrap();
        assert_eq!(everything.many, [Many::Everything]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("", "no JSON"),
            ("[]", "an object"),
            ("{}", "nothing"),
            (r#"{"purge_everything": false}"#, "nothing"),
            (
                r#"{"purge_everything": 1}"#,
                "`purge_everything`: expected true",
            ),
            (
                r#"{"file": ["https://example.com/"]}"#,
                "`file`: expected one of",
            ),
            (r#"{"tags": "one"}"#, "`tags`: expected a list"),
            (r#"{"tags": [""]}"#, "`tags`: expected tags"),
            (r#"{"tags": [{"url": "x"}]}"#, "`tags`: expected tags"),
            (r#"{"files": ["/a"]}"#, "`files`: expected addresses"),
            (
                r#"{"urls": ["ftp://example.com/"]}"#,
                "`urls`: expected addresses",
            ),
            (
                r#"{"files": ["http://:8080/"]}"#,
                "`files`: expected addresses",
            ),
            (
                r#"{"hosts": ["example.com:443"]}"#,
                "`hosts`: expected hosts",
            ),
            (r#"{"hosts": ["a b"]}"#, "`hosts`: expected hosts"),
            (
                r#"{"prefixes": ["ftp://example.com"]}"#,
                "`prefixes`: expected",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let list = |count: usize| format!(r#"{{"tags": ["x"{}]}}"#, r#","x""#.repeat(count - 1));
        assert_eq!(parse(&list(MOST)).unwrap().many.len(), MOST);
        assert!(parse(&list(MOST + 1)).is_err());
        let long = format!(r#"{{"tags": ["{}"]}}"#, "x".repeat(LONGEST + 1));
        assert!(parse(&long).is_err());
    }
}
