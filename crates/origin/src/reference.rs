//! Where a redirect leads: `Location` may be relative (RFC 9110 §10.2.2, RFC 3986 §5).

use http::Uri;

/// Longest `Location` that is followed, in bytes.
const MAX_LENGTH: usize = 8 << 10;

/// Resolves a reference against the address it came from. The fragment is dropped: it is the
/// reader's, not the server's. `None` if the result is no address with a scheme and a host.
pub fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or_default();
    if reference.len() > MAX_LENGTH {
        return None;
    }
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let text = if has_scheme(reference) {
        reference.to_owned()
    } else if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else {
        let (path, query) = split_query(reference);
        let (path, query) = match path {
            "" => (base.path().to_owned(), query.or(base.query())),
            path if path.starts_with('/') => (without_dots(path), query),
            path => {
                let folder = base
                    .path()
                    .rfind('/')
                    .map_or("/", |end| &base.path()[..=end]);
                (without_dots(&format!("{folder}{path}")), query)
            }
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("{scheme}://{authority}{path}{query}")
    };
    let uri: Uri = text.parse().ok()?;
    (uri.scheme().is_some() && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

fn split_query(reference: &str) -> (&str, Option<&str>) {
    match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    }
}

/// Whether it begins with `scheme:` (RFC 3986 §3.1).
fn has_scheme(reference: &str) -> bool {
    let name = reference.split(['/', '?']).next().unwrap_or_default();
    name.split_once(':').is_some_and(|(name, _)| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Takes `.` and `..` out of an absolute path (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    parts.pop();
                }
                if last {
                    parts.push("");
                }
            }
            segment => parts.push(segment),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        let base: Uri = "http://a.example:81/b/c/d?q".parse().unwrap();
        // The examples of RFC 3986 §5.4 that stay within HTTP.
        for (reference, expected) in [
            ("g", "http://a.example:81/b/c/g"),
            ("./g", "http://a.example:81/b/c/g"),
            ("g/", "http://a.example:81/b/c/g/"),
            ("/g", "http://a.example:81/g"),
            ("//g.example", "http://g.example/"),
            ("?y", "http://a.example:81/b/c/d?y"),
            ("g?y#s", "http://a.example:81/b/c/g?y"),
            ("", "http://a.example:81/b/c/d?q"),
            (".", "http://a.example:81/b/c/"),
            ("..", "http://a.example:81/b/"),
            ("../g", "http://a.example:81/b/g"),
            ("../../../../g", "http://a.example:81/g"),
            ("/./g/../h", "http://a.example:81/h"),
            ("g?y/../x", "http://a.example:81/b/c/g?y/../x"),
            ("https://h.example/i#j", "https://h.example/i"),
            ("ftp://h.example/", "ftp://h.example/"),
        ] {
            let resolved = resolve(&base, reference).map(|uri| uri.to_string());
            assert_eq!(resolved.as_deref(), Some(expected), "{reference}");
        }
    }

    #[test]
    fn what_has_no_host_is_refused() {
        let base: Uri = "http://a.example/".parse().unwrap();
        for reference in [
            "mailto:a@b",
            "javascript:alert(1)",
            "http:///x",
            "http://",
            "a b",
        ] {
            assert_eq!(resolve(&base, reference), None, "{reference}");
        }
        assert_eq!(resolve(&base, &"a".repeat(MAX_LENGTH + 1)), None);
    }
}
