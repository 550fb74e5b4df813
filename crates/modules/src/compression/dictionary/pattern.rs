//! Which addresses are versions of one thing: the pattern that leaves the version open. Pure.
//!
//! A pattern is written as a URL pattern (RFC 9842 §2.1.1): `*` for the version, all else as it is
//! in the address, escaped where a URL pattern would read something into it.

/// The longest path and query that is looked at.
const LONGEST: usize = 1024;
/// Names of parameters that are versions by convention.
const PARAMETERS: [&[u8]; 10] = [
    b"_v", b"build", b"cb", b"hash", b"rev", b"v", b"ver", b"version", b"vsn", b"h",
];
/// The longest value of such a parameter.
const LONGEST_VALUE: usize = 64;

/// The pattern that leaves the version in an address open: `/app.*.js` for `/app.3f2a1c.js`. `None`
/// if no version is seen there, or little else is.
pub fn of(target: &str) -> Option<String> {
    if target.len() > LONGEST || !target.starts_with('/') || !target.bytes().all(is_plain) {
        return None;
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let (folders, file) = path.rsplit_once('/')?;
    let mut pattern = Pattern::default();
    for folder in folders.split('/').skip(1) {
        pattern.text.push('/');
        pattern.folder(folder);
    }
    pattern.text.push('/');
    pattern.file(file)?;
    if let Some(query) = query {
        pattern.text.push_str("\\?");
        pattern.query(query);
    }
    (pattern.versions > 0).then_some(pattern.text)
}

/// The same for an address that a site's own glob matches, in which `*` stands for any characters;
/// `None` if it does not match.
pub fn of_glob(glob: &str, target: &str) -> Option<String> {
    if target.len() > LONGEST || !matches(glob, target) {
        return None;
    }
    let mut text = String::with_capacity(glob.len());
    for byte in glob.chars() {
        match byte {
            '*' => text.push('*'),
            byte => push_escaped(&mut text, byte),
        }
    }
    Some(text)
}

/// Whether a text is a glob of addresses: it begins with `/`, and has a `*` and something else.
pub fn is_glob(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte == b'*' || is_plain(byte));
    let rest = text.bytes().any(|byte| byte.is_ascii_alphanumeric());
    text.starts_with('/') && text.contains('*') && !text.contains("**") && plain && rest
}

/// `Use-As-Dictionary` with this pattern (RFC 9842 §2.1). The type is the only one there is, `raw`,
/// and no name is given: the hash is the name.
pub fn to_header(pattern: &str) -> String {
    format!("match=\"{}\"", pattern.replace('\\', "\\\\"))
}

fn matches(glob: &str, target: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| target.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[derive(Default)]
struct Pattern {
    text: String,
    versions: usize,
}

impl Pattern {
    fn version(&mut self) {
        self.text.push('*');
        self.versions += 1;
    }

    fn literal(&mut self, text: &str) {
        for character in text.chars() {
            push_escaped(&mut self.text, character);
        }
    }

    /// `5.3.3`, `v5.3`, a hash, or `name@5.3.3`.
    fn folder(&mut self, folder: &str) {
        let bytes = folder.as_bytes();
        let number = folder.strip_prefix('v').unwrap_or(folder);
        if let Some((name, version)) = folder.rsplit_once('@')
            && !name.is_empty()
            && is_tagged(version.as_bytes())
        {
            self.literal(name);
            self.text.push('@');
            self.version();
        } else if version_length(number.as_bytes()) == Some(number.len()) || is_folder_hash(bytes) {
            self.version();
        } else {
            self.literal(folder);
        }
    }

    /// The versions in a file's name; `None` if nothing but versions and an ending is left of it,
    /// as then all files of a folder would be versions of one.
    fn file(&mut self, file: &str) -> Option<()> {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let mut rest = file;
        let mut named = false;
        while !rest.is_empty() {
            // What ends the name says what it is.
            let within = stem.len().checked_sub(file.len() - rest.len());
            let length = within.and_then(|within| token_version(rest.get(..within)?.as_bytes()));
            let skipped = match length {
                Some(length) => {
                    self.version();
                    length
                }
                None => rest.find(is_separator).unwrap_or(rest.len()),
            };
            if length.is_none() {
                let (literal, _) = rest.split_at(skipped);
                named |= within.is_some_and(|within| within > 0)
                    && literal.bytes().any(|byte| byte.is_ascii_alphanumeric());
                self.literal(literal);
            }
            rest = rest.get(skipped..)?;
            let separator = rest.chars().next().into_iter().collect::<String>();
            self.literal(&separator);
            rest = rest.get(separator.len()..)?;
        }
        named.then_some(())
    }

    fn query(&mut self, query: &str) {
        for (number, parameter) in query.split('&').enumerate() {
            if number > 0 {
                self.text.push('&');
            }
            match parameter.split_once('=') {
                Some((name, value)) if is_parameter(name, value) => {
                    self.literal(name);
                    self.text.push('=');
                    self.version();
                }
                None if is_hash(parameter.as_bytes()) || is_tagged(parameter.as_bytes()) => {
                    self.version();
                }
                _ => self.literal(parameter),
            }
        }
    }
}

/// The length of the version at the start of a token of a file's name.
fn token_version(rest: &[u8]) -> Option<usize> {
    let number = rest.strip_prefix(b"v").unwrap_or(rest);
    let prefix = rest.len() - number.len();
    if let Some(length) = version_length(number) {
        return Some(prefix + length);
    }
    let end = rest.iter().position(|byte| is_separator(char::from(*byte)));
    let token = rest.get(..end.unwrap_or(rest.len()))?;
    is_hash(token).then_some(token.len())
}

/// The length of `5.3` or `5.3.3` at the start, up to the end or to a separator.
fn version_length(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    let mut numbers = 0;
    let mut at = 0;
    loop {
        let digits = bytes.get(at..)?;
        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
        let count = digits.count();
        let after = bytes.get(at + count);
        let ends = after.is_none_or(|byte| is_separator(char::from(*byte)));
        if !(1..=6).contains(&count) || !ends {
            break;
        }
        numbers += 1;
        end = at + count;
        if after != Some(&b'.') {
            break;
        }
        at = end + 1;
    }
    (2..=4).contains(&numbers).then_some(end)
}

/// Whether it follows an `@` or a `?` as a version does: it begins with a digit.
fn is_tagged(version: &[u8]) -> bool {
    let number = version.strip_prefix(b"v").unwrap_or(version);
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    number.first().is_some_and(u8::is_ascii_digit)
        && number.len() <= LONGEST_VALUE
        && number.iter().all(inside)
}

/// Whether a parameter is a version: by its name, and because there is a digit in it.
fn is_parameter(name: &str, value: &str) -> bool {
    let value = value.as_bytes();
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    PARAMETERS.contains(&name.to_ascii_lowercase().as_bytes())
        && value.len() <= LONGEST_VALUE
        && value.iter().all(inside)
        && (value.iter().any(u8::is_ascii_digit) || is_hash(value))
}

/// Whether a token of a file's name is the hash of its content, in one of the usual alphabets, or a
/// time in seconds. Always with digits: words have none.
fn is_hash(token: &[u8]) -> bool {
    let count = |what: fn(&u8) -> bool| token.iter().filter(|byte| what(byte)).count();
    let (digits, upper) = (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase));
    let lower = count(u8::is_ascii_lowercase);
    if token.len() > LONGEST_VALUE || digits + upper + lower != token.len() || digits == 0 {
        return false;
    }
    let hexadecimal = token.iter().all(u8::is_ascii_hexdigit) && (upper == 0 || lower == 0);
    let length = token.len();
    match (upper > 0, lower > 0) {
        _ if hexadecimal && upper + lower > 0 && length >= 6 => true,
        // A time.
        (false, false) => length >= 10,
        // A mix that no word is.
        (true, false) => length >= 8 && digits >= 2,
        (false, true) => length >= 20,
        (true, true) => length >= 8,
    }
}

/// The same for a folder, which is more often something else: a long one, of letters and digits.
fn is_folder_hash(folder: &[u8]) -> bool {
    let letters = folder.iter().any(u8::is_ascii_alphabetic);
    folder.len() >= 8 && letters && is_hash(folder)
}

fn is_separator(character: char) -> bool {
    matches!(character, '.' | '-' | '_' | '~' | '@')
}

/// What may stand in an address without having to be looked at twice.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&',;=@%/+:()?".contains(&byte)
}

/// Characters that mean something in a URL pattern get a backslash.
fn push_escaped(text: &mut String, character: char) {
    if matches!(character, '+' | ':' | '(' | ')' | '?' | '{' | '}' | '*') {
        text.push('\\');
    }
    text.push(character);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_version_is_left_open_and_nothing_else() {
        for (target, pattern) in [
            ("/app.3f2a1c.js", "/app.*.js"),
            (
                "/static/js/main.8a9f3c2d.chunk.js",
                "/static/js/main.*.chunk.js",
            ),
            ("/assets/index-BkZ3x9aQ.js", "/assets/index-*.js"),
            ("/assets/app-4QHT7JKO.css", "/assets/app-*.css"),
            ("/js/123.3f2a1c9d.js", "/js/123.*.js"),
            (
                "/npm/bootstrap@5.3.3/dist/css/bootstrap.min.css",
                "/npm/bootstrap@*/dist/css/bootstrap.min.css",
            ),
            (
                "/npm/@scope/name@1.0.0-beta.2/x.js",
                "/npm/@scope/name@*/x.js",
            ),
            (
                "/ajax/libs/jquery/3.6.0/jquery.min.js",
                "/ajax/libs/jquery/*/jquery.min.js",
            ),
            ("/v5.3/app.js", "/*/app.js"),
            ("/css/bootstrap-5.3.3.min.css", "/css/bootstrap-*.min.css"),
            ("/app-v2.1.js", "/app-*.js"),
            ("/style.css?ver=6.4.2", "/style.css\\?ver=*"),
            ("/style.css?a=b&v=12", "/style.css\\?a=b&v=*"),
            ("/a.js?1700000000", "/a.js\\?*"),
            ("/a.js?3f2a1c9d", "/a.js\\?*"),
            ("/x/1.2/a.css?ver=3", "/x/*/a.css\\?ver=*"),
            ("/app.3f2a1c.js?lang=de", "/app.*.js\\?lang=de"),
            ("/a+b(c)/app.3f2a1c.js", "/a\\+b\\(c\\)/app.*.js"),
            ("/_next/static/3f2a1c9d77/app.js", "/_next/static/*/app.js"),
            ("/lib.1.2.3f2a1c9d.js", "/lib.*.*.js"),
        ] {
            assert_eq!(of(target).as_deref(), Some(pattern), "{target}");
        }
    }

    #[test]
    fn what_has_no_version_or_no_name_has_no_pattern() {
        for target in [
            "/",
            "",
            "*",
            "app.3f2a1c.js",
            "/app.js",
            "/app.min.js",
            "/page?id=12",
            "/page?q=5.3.3",
            "/es2015.js",
            "/polyfills-es2015.js",
            "/bootstrap4.css",
            "/h2o.js",
            "/facade.js",
            "/deadbeef.js",
            "/2024/report.json",
            "/20240115/report.json",
            "/user/12345678/profile.json",
            "/v1/users.json",
            "/assets/3f2a1c9d.js",
            "/1.2.3",
            "/1.2.3.js",
            "/a.js?v=",
            "/a.js?v=latest",
            "/app.3f2a1c.js?\"",
            "/{app}.3f2a1c.js",
            "/\u{fc}.3f2a1c.js",
        ] {
            assert_eq!(of(target), None, "{target}");
        }
        assert_eq!(of(&format!("/{}/app.3f2a1c.js", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn a_site_names_its_own() {
        for (glob, target, pattern) in [
            (
                "/build/*/main.js",
                "/build/17/main.js",
                Some("/build/*/main.js"),
            ),
            ("/app*.js?x=*", "/app17.js?x=1", Some("/app*.js\\?x=*")),
            ("/build/*/main.js", "/build/17/other.js", None),
            (
                "/build/*/a/*/b.js",
                "/build/1/a/2/b.js",
                Some("/build/*/a/*/b.js"),
            ),
            ("/build/*/a/*/b.js", "/build/1/b.js", None),
        ] {
            assert_eq!(of_glob(glob, target).as_deref(), pattern, "{glob} {target}");
        }
        for (text, good) in [
            ("/a/*.js", true),
            ("/a.js", false),
            ("/*", false),
            ("a/*", false),
            ("/a**", false),
            ("/a{*", false),
        ] {
            assert_eq!(is_glob(text), good, "{text}");
        }
    }

    #[test]
    fn the_header_is_a_structured_field() {
        assert_eq!(to_header("/app.*.js"), "match=\"/app.*.js\"");
        assert_eq!(to_header("/a.js\\?v=*"), "match=\"/a.js\\\\?v=*\"");
    }

    proptest! {
        /// A pattern matches the address it is of, and its own version only where that is.
        #[test]
        fn a_pattern_matches_its_address(
            target in "/([a-z]{1,4}[-./@?]|[0-9a-f]{6,10}[-./]|[0-9]\\.[0-9]{1,3}[-./]|v=){1,6}[a-z0-9]{1,8}\\.js"
        ) {
            if let Some(pattern) = of(&target) {
                let glob = pattern.replace('\\', "");
                prop_assert!(matches(&glob, &target), "{pattern} of {target}");
                prop_assert!(glob.contains('*') && glob.bytes().any(|b| b.is_ascii_alphabetic()));
            }
        }

        #[test]
        fn anything_is_looked_at(target in "\\PC{0,60}", glob in "[/a-b*]{1,8}") {
            let _ = of(&target);
            let _ = of_glob(&glob, &target);
        }
    }
}
