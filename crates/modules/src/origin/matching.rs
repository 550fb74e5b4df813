//! For which addresses a response is a dictionary: what `Use-As-Dictionary` says (RFC 9842 §2.1).
//! Pure.

use ::cache::policy::structured::{self, Value};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header.
pub const USE_AS_DICTIONARY: HeaderName = HeaderName::from_static("use-as-dictionary");
/// The longest header that is read.
const LONGEST: usize = 4096;
/// The longest name of a dictionary (RFC 9842 §2.1.3).
const LONGEST_ID: usize = 1024;

/// What an origin says of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usable {
    /// Scheme and host of both the dictionary and what it is for.
    origin: Box<str>,
    path: Glob,
    /// Not said: whatever the query is.
    query: Option<Glob>,
    length: usize,
    /// What the origin calls it, as it is sent back.
    pub id: Option<HeaderValue>,
}

/// A text with a `*` between each two parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Glob(Vec<String>);

impl Usable {
    /// Reads what the headers of the response at `address` say; `None` if they say nothing, say it
    /// in a form that is none, or use more of URL patterns than `*`.
    pub fn read(headers: &HeaderMap, address: &str) -> Option<Self> {
        let mut lines = headers.get_all(USE_AS_DICTIONARY).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return None;
        };
        let line = line.as_bytes();
        if line.len() > LONGEST {
            return None;
        }
        let (mut pattern, mut id) = (None, None);
        for (name, value) in structured::dictionary(line)? {
            match (name, value) {
                (b"match", Value::Text(text)) => pattern = Some(structured::unescape(text)),
                (b"id", Value::Text(text)) if text.len() <= LONGEST_ID => id = Some(text),
                // The one type there is.
                (b"type", Value::Token(b"raw")) => {}
                // Destinations are for those who know them (RFC 9842 §2.1.2).
                (b"match", _) | (b"id", _) | (b"type", _) => return None,
                _ => {}
            }
        }
        let id = id.filter(|id| !id.is_empty());
        let id = id.map(|id| HeaderValue::from_bytes(&[b"\"", id, b"\""].concat()));
        Self::of(&pattern?, address, id.transpose().ok()?)
    }

    fn of(pattern: &str, address: &str, id: Option<HeaderValue>) -> Option<Self> {
        let host = address.find("://")? + 3;
        let end = address.get(host..)?.find('/')? + host;
        let (origin, target) = address.split_at_checked(end)?;
        let own = pattern
            .strip_prefix(origin)
            .filter(|rest| rest.starts_with('/'));
        let pattern = own.unwrap_or(pattern);
        let folder = target.split('?').next().unwrap_or_default();
        let folder = folder.rfind('/').map_or("/", |last| &folder[..=last]);
        let (path, query) = read_pattern(pattern)?;
        let path = match pattern.starts_with('/') {
            true => path,
            false => path.within(folder),
        };
        Some(Self {
            origin: origin.into(),
            path,
            query,
            length: pattern.len(),
            id,
        })
    }

    /// Whether it is a dictionary for this address.
    pub fn is_for(&self, address: &str) -> bool {
        let Some(target) = address.strip_prefix(&*self.origin) else {
            return false;
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let fits = |glob: &Glob| glob.matches(query);
        target.starts_with('/') && self.path.matches(path) && self.query.as_ref().is_none_or(fits)
    }

    /// How long its pattern is: the longer, the closer (RFC 9842 §2.2.3).
    pub fn length(&self) -> usize {
        self.length
    }
}

/// Reads a URL pattern of path and query that has nothing but `*` in it.
fn read_pattern(pattern: &str) -> Option<(Glob, Option<Glob>)> {
    let (mut globs, mut in_query) = ([Glob::new(), Glob::new()], false);
    let mut letters = pattern.chars().peekable();
    let mut after_star = false;
    while let Some(letter) = letters.next() {
        let glob = &mut globs[usize::from(in_query)];
        let is_star = letter == '*';
        match letter {
            // A second one would be a modifier, and so would these be after one.
            '*' | '?' | '+' if after_star => return None,
            '*' => glob.0.push(String::new()),
            '{' | '}' | '(' | ')' | '#' => return None,
            ':' if letters.peek().is_some_and(begins_name) => return None,
            '?' if !in_query => in_query = true,
            '\\' => match letters.next()? {
                '?' if !in_query => in_query = true,
                literal => glob.push(literal),
            },
            literal => glob.push(literal),
        }
        after_star = is_star;
    }
    let [path, query] = globs;
    Some((path, in_query.then_some(query)))
}

fn begins_name(letter: &char) -> bool {
    letter.is_alphabetic() || matches!(letter, '_' | '$')
}

impl Glob {
    fn new() -> Self {
        Self(vec![String::new()])
    }

    fn push(&mut self, letter: char) {
        if let Some(last) = self.0.last_mut() {
            last.push(letter);
        }
    }

    /// The same in a folder.
    fn within(mut self, folder: &str) -> Self {
        if let Some(first) = self.0.first_mut() {
            first.insert_str(0, folder);
        }
        self
    }

    /// Each part is sought at its first place: for `*` alone that finds whatever matches.
    fn matches(&self, text: &str) -> bool {
        let Some((first, others)) = self.0.split_first() else {
            return false;
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, between)) = others.split_last() else {
            return rest.is_empty();
        };
        for part in between {
            let Some(place) = rest.find(part.as_str()) else {
                return false;
            };
            rest = &rest[place + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: &str = "https://example.com/app/main.1.js?old";

    fn read(line: &str) -> Option<Usable> {
        let mut headers = HeaderMap::new();
        headers.insert(USE_AS_DICTIONARY, HeaderValue::from_str(line).unwrap());
        Usable::read(&headers, HERE)
    }

    #[test]
    fn patterns_are_for_what_they_match_at_the_same_host() {
        for (line, is_for, is_not) in [
            (
                r#"match="/app/main.*.js""#,
                &["/app/main.2.js", "/app/main.x/y.js?z", "/app/main..js"][..],
                &["/app/main.js", "/app/main.2.jsx", "/lib/app/main.2.js"][..],
            ),
            (
                r#"match="/app/main.1.js""#,
                &["/app/main.1.js"],
                &["/app/main.2.js"],
            ),
            (
                r#"match="main.*""#,
                &["/app/main.2"],
                &["/main.2", "/app/x/main.2"],
            ),
            (r#"match="*""#, &["/app/x", "/app/"], &["/", "/x"]),
            (r#"match="/*""#, &["/", "/x?y"], &[]),
            (
                r#"match="/a\\?v=*", id="", type=raw, match-dest=("script")"#,
                &["/a?v=1", "/a?v="],
                &["/a", "/a?w=1", "/b?v=1"],
            ),
            (r#"match="/a?v=*&x=+""#, &["/a?v=1&x=+"], &["/a?v=1&x=2"]),
            (
                r#"match="https://example.com/b/*""#,
                &["/b/c"],
                &["/app/https://example.com/b/c"],
            ),
            (r#"match="/a:1\\*""#, &["/a:1*"], &["/a:12"]),
        ] {
            let usable = read(line).unwrap_or_else(|| panic!("{line}"));
            for path in is_for {
                let address = format!("https://example.com{path}");
                assert!(usable.is_for(&address), "{line}: {path}");
                for other in [
                    "http://example.com",
                    "https://example.com.net",
                    "https://example.org",
                ] {
                    assert!(!usable.is_for(&format!("{other}{path}")));
                }
            }
            for path in is_not {
                let address = format!("https://example.com{path}");
                assert!(!usable.is_for(&address), "{line}: {path}");
            }
        }
        let named = read(r#"match="/a", id="dictionary \"one\"""#).unwrap();
        assert_eq!(named.id.unwrap(), r#""dictionary \"one\"""#);
    }

    #[test]
    fn what_is_not_understood_is_not_used() {
        for line in [
            "",
            "match",
            "match=/a",
            "match=(\"/a\")",
            "id=\"x\"",
            "match=\"/a\", type=other",
            "match=\"/a\", type=\"raw\"",
            "match=\"/a",
            "match=\"/a\",",
            "match=\"/:name\"",
            "match=\"/{a}\"",
            "match=\"/(a)\"",
            "match=\"/**\"",
            "match=\"/a*?b\"",
            "match=\"/a#b\"",
            "match=\"/a\\\\\"",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
        let long = format!("match=\"/{}\"", "x".repeat(LONGEST));
        assert_eq!(read(&long), None);
    }

    proptest! {
        /// The glob says what the slow way says.
        #[test]
        fn globs_match_as_they_should(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
                    Some((own, rest)) => text.first() == Some(own) && slow(rest, &text[1..]),
                }
            }
            let glob = Glob(pattern.split('*').map(str::to_owned).collect());
            prop_assert_eq!(glob.matches(&text), slow(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn any_header_is_read_or_not(line in "[ -~]{0,60}") {
            if let Some(usable) = read(&line) {
                usable.is_for(HERE);
            }
        }
    }
}
